//! What selectors do for people elsewhere: sessions with their own output, outcomes, a copy of the console's.

use crate::support::{Shell, kernel, polled, run};
use okernel_abi::Errno;
use okernel_abi::layout::Executed;
use okernel_abi::value::Value;
use okernel_core::{
    Asker, Config, Context, CoreId, Effect, Effects, Fault, FaultKind, Grant, Notice, Outcome,
    Selector, Spawn, Stream, Task, TaskId,
};
use std::io;
use std::sync::{Arc, Mutex};

/// What a remote end has seen, line by line.
type Seen = Arc<Mutex<Vec<String>>>;

/// A shell that prints its input and reports it as its outcome; `child` spawns a task that prints.
fn echo() -> Box<dyn Task> {
    Box::new(Shell(|cx: &mut Context, input: &[u8]| {
        let console = cx.grant("console").map_err(fault)?;
        cx.print(console, input).map_err(fault)?;
        cx.report(Executed::Done, Value::Chars(input.to_vec()).to_bytes())
            .map_err(fault)
    }))
}

fn fault(errno: Errno) -> Fault {
    Fault::new(FaultKind::Err, errno.to_string())
}

fn session() -> Spawn {
    Spawn::native("session", echo())
        .grant("console", Grant::Console)
        .grant("system", Grant::System)
}

/// A remote end: it has a session, gives it one input, asks for the tasks, kills the session, and halts.
struct Remote {
    seen: Seen,
    session: Option<TaskId>,
    askers: Vec<Asker>,
}

impl Remote {
    fn see(&self, text: String) {
        self.seen.lock().unwrap().push(text);
    }
}

impl Selector for Remote {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        effects.push(Effect::Mirror);
        effects.push(Effect::Spawn(Box::new(session())));
        Ok(())
    }

    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        match notice {
            Notice::Spawned(answer) => {
                let task = TaskId::from_number(answer.as_int().unwrap()).unwrap();
                self.session = Some(task);
                let input = b"hello".to_vec();
                effects.push(Effect::Exec { task, input });
            }
            Notice::Answer(7, Value::Table(table)) => {
                let listed = format!("{table:?}").contains("session");
                self.see(format!("listed {listed}"));
                let number = self.session.unwrap().number();
                let kill = vec![Value::Symbol("kill".to_string()), Value::Int(number)];
                effects.push(Effect::Ask(8, Value::List(kill)));
            }
            Notice::Answer(8, answer) => {
                self.see(format!("kill {answer:?}"));
                // The other task may not even have begun.
                effects.push(Effect::HaltWhenAlone(0));
            }
            Notice::Ended(task, why) => {
                assert_eq!(Some(task), self.session);
                self.see(format!("ended {why}"));
            }
            Notice::Output(Stream::Out, bytes) => {
                self.see(format!("console {}", String::from_utf8_lossy(&bytes)));
            }
            other => self.see(format!("{other:?}")),
        }
    }

    fn reported(&mut self, report: Result<(Executed, Vec<u8>), String>, effects: &mut Effects<'_>) {
        let (executed, outcome) = report.unwrap();
        let outcome = Value::decode(&outcome).unwrap().as_text().unwrap();
        self.see(format!("{executed:?} {outcome}"));
        effects.push(Effect::Written(std::mem::take(&mut self.askers)));
        effects.push(Effect::Ask(7, Value::Symbols(vec!["ps".to_string()])));
    }

    fn write(&mut self, stream: Stream, bytes: Vec<u8>, asker: Asker) -> Option<()> {
        self.askers.push(asker);
        self.see(format!("{stream:?} {}", String::from_utf8_lossy(&bytes)));
        Some(())
    }

    fn finalise(&mut self, _effects: &mut Effects<'_>) {}
}

#[test]
fn a_remote_session_has_its_own_output_and_its_outcomes() {
    let mut kernel = kernel(2, Config::default());
    kernel
        .console(Box::new(io::sink()), Box::new(io::sink()))
        .unwrap();
    let mut said = false;
    let local = polled("local", move |cx| {
        if !std::mem::replace(&mut said, true) {
            let console = cx.grant("console").unwrap();
            cx.print(console, b"to all").unwrap();
        }
        Outcome::End
    });
    let local = local.grant("console", Grant::Console);
    kernel.spawn(CoreId(1), local).unwrap();
    // The kernel halts when no task but the shell is left.
    let shell = Spawn::native("shell", echo());
    kernel.spawn(CoreId(0), shell).unwrap();
    let seen = Seen::default();
    let remote = Remote {
        seen: Arc::clone(&seen),
        session: None,
        askers: Vec::new(),
    };
    kernel.select(Box::new(remote)).unwrap();
    assert_eq!(run(kernel).end(), 0);
    let mut seen = seen.lock().unwrap().clone();
    // When the other task prints is its own business.
    let console = seen.iter().position(|line| line == "console to all");
    seen.remove(console.expect("the console's output is mirrored"));
    assert_eq!(
        seen,
        [
            "Out hello",
            "Done hello",
            "listed true",
            "ended killed",
            "kill Nil"
        ]
    );
}

/// A remote end that goes while its session is being spawned.
struct Hasty;

impl Selector for Hasty {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        effects.push(Effect::Spawn(Box::new(session())));
        effects.push(Effect::HaltWhenAlone(0));
        effects.push(Effect::Remove);
        Ok(())
    }

    fn finalise(&mut self, _effects: &mut Effects<'_>) {}
}

#[test]
fn a_session_whose_client_has_gone_is_ended() {
    let mut kernel = kernel(1, Config::default());
    // The kernel halts when one task is left: this one, not the session as well.
    let keeper = Spawn::native("keeper", echo()).grant("system", Grant::System);
    kernel.spawn(CoreId::BOOT, keeper).unwrap();
    kernel.select(Box::new(Hasty)).unwrap();
    assert_eq!(run(kernel).end(), 0);
}

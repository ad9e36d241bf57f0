//! Interrupts: an input is given up, and only that; what Ctrl-C means with and without a prompt.

use crate::support::{Running, eventually, kernel, run};
use okernel_abi::layout::{CANCEL_INPUT, Executed};
use okernel_core::{
    After, Config, ConsoleConfig, Context, CoreId, Fault, Grant, INTERRUPTED, Offered, Outcome,
    PlainLines, Prompt, Spawn, Task, TaskId,
};
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

/// A shell whose inputs never end by themselves, but for those that say so.
#[derive(Clone, Default)]
struct Stubborn(Arc<Mutex<Vec<String>>>);

impl Stubborn {
    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_string());
    }

    fn spawn(&self) -> Spawn {
        Spawn::native("shell", Box::new(self.clone())).grant("system", Grant::System)
    }
}

impl Task for Stubborn {
    fn exec(&mut self, cx: &mut Context, input: &[u8]) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(input).into_owned();
        let executed = match text.as_str() {
            "end" => Some(Executed::Done),
            "more" => Some(Executed::Incomplete),
            _ if input == [CANCEL_INPUT] => Some(Executed::Done),
            _ => None,
        };
        self.note(if input == [CANCEL_INPUT] {
            "cancel"
        } else {
            &text
        });
        if let Some(executed) = executed {
            cx.executed(executed).unwrap();
        }
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        if cx.is_interrupted() {
            self.note("interrupted");
            cx.executed(Executed::Failed).unwrap();
            assert!(!cx.is_interrupted());
        }
        let right = cx.grant("system").unwrap();
        let _ = cx.wait(right, 0).unwrap();
        Outcome::Yield
    }
}

fn exec(running: &Running, shell: TaskId, input: &str) -> Receiver<Result<Executed, String>> {
    let (tell, told) = channel();
    let input = input.as_bytes().to_vec();
    running.control.exec(shell, input, move |executed| {
        let _ = tell.send(executed);
    });
    told
}

#[test]
fn an_interrupt_ends_the_running_input_and_no_other() {
    for core in [0, 1] {
        let shell = Stubborn::default();
        let mut kernel = kernel(2, Config::default());
        let task = kernel.spawn(CoreId(core), shell.spawn()).unwrap();
        let running = run(kernel);
        // With nothing to interrupt nothing happens.
        running.control.interrupt(task);
        assert_eq!(
            exec(&running, task, "end").recv().unwrap(),
            Ok(Executed::Done)
        );
        let first = exec(&running, task, "first");
        let second = exec(&running, task, "second");
        eventually("the first runs", || shell.seen().len() == 2);
        running.control.interrupt(task);
        assert_eq!(first.recv().unwrap(), Ok(Executed::Failed));
        eventually("the second runs", || shell.seen().len() == 4);
        assert!(second.try_recv().is_err());
        running.control.interrupt(task);
        assert_eq!(second.recv().unwrap(), Ok(Executed::Failed));
        assert_eq!(
            exec(&running, task, "end").recv().unwrap(),
            Ok(Executed::Done)
        );
        let wanted = [
            "end",
            "first",
            "interrupted",
            "second",
            "interrupted",
            "end",
        ];
        assert_eq!(shell.seen(), wanted);
        // A task that is not there is nobody's harm.
        running.kill(task);
        running.control.interrupt(task);
        running.halt();
    }
}

/// A source whose lines a test gives one by one; its end is the sender's.
struct Typed(Receiver<&'static str>);

impl Read for Typed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let line = self.0.recv().unwrap_or("").as_bytes();
        into[..line.len()].copy_from_slice(line);
        Ok(line.len())
    }
}

#[test]
fn with_a_prompt_an_interrupt_never_ends_the_kernel() {
    let shell = Stubborn::default();
    let mut kernel = kernel(1, Config::default());
    kernel
        .console(Box::new(io::sink()), Box::new(io::sink()))
        .unwrap();
    let task = kernel.spawn(CoreId(0), shell.spawn()).unwrap();
    let (typed, lines) = channel();
    let config = ConsoleConfig {
        source: Box::new(PlainLines::new(Typed(lines))),
        prompt: Some(Prompt::default()),
        offered: Offered::default(),
    };
    let init = vec![b"init".to_vec()];
    kernel.script(task, init, After::Console(config)).unwrap();
    let running = run(kernel);
    let sees = |count: usize| {
        eventually("it is seen", || shell.seen().len() >= count);
    };
    sees(1);
    running.control.interrupt_input();
    sees(2);
    // The first line is not complete; the interrupt makes the shell forget it.
    typed.send("more\n").unwrap();
    sees(3);
    // The console's turn to be told comes after the shell's.
    eventually("it is cancelled", || {
        running.control.interrupt_input();
        shell.seen().iter().any(|seen| seen == "cancel")
    });
    typed.send("loop\n").unwrap();
    eventually("it runs", || shell.seen().iter().any(|seen| seen == "loop"));
    running.control.interrupt_input();
    eventually("it is interrupted", || {
        shell
            .seen()
            .last()
            .is_some_and(|seen| seen == "interrupted")
    });
    typed.send("end\n").unwrap();
    eventually("it ends", || {
        shell.seen().last().is_some_and(|seen| seen == "end")
    });
    drop(typed);
    assert_eq!(running.end(), 0);
    assert_eq!(shell.seen()[..3], ["init", "interrupted", "more"]);
}

#[test]
fn without_a_prompt_an_interrupt_is_the_end() {
    // In the middle of a script, after it, in the middle of a line, and between lines.
    for (script, line) in [
        (Some("loop"), None),
        (Some("end"), None),
        (None, Some("loop\n")),
        (None, Some("end\n")),
    ] {
        let shell = Stubborn::default();
        let mut kernel = kernel(2, Config::default());
        kernel
            .console(Box::new(io::sink()), Box::new(io::sink()))
            .unwrap();
        let task = kernel.spawn(CoreId(0), shell.spawn()).unwrap();
        let other = Stubborn::default();
        kernel.spawn(CoreId(1), other.spawn()).unwrap();
        let (typed, lines) = channel();
        let after = match line {
            None => After::HaltWhenAlone,
            Some(line) => {
                typed.send(line).unwrap();
                After::Console(ConsoleConfig {
                    source: Box::new(PlainLines::new(Typed(lines))),
                    prompt: None,
                    offered: Offered::default(),
                })
            }
        };
        let inputs = script.map(|text| text.as_bytes().to_vec());
        kernel
            .script(task, inputs.into_iter().collect(), after)
            .unwrap();
        let running = run(kernel);
        eventually("the input is there", || !shell.seen().is_empty());
        running.control.interrupt_input();
        assert_eq!(running.end(), INTERRUPTED, "{script:?} {line:?}");
        let looped = script == Some("loop") || line == Some("loop\n");
        let interrupted = shell.seen().iter().any(|seen| seen == "interrupted");
        assert_eq!(looped, interrupted);
    }
}

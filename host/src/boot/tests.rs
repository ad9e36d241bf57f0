//! O tasks on running cores: moved between them in the middle of their work, and beside others while
//! a verb works on a long vector.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use okernel_abi::layout::Executed;
use okernel_core::{
    Config, Context, Control, CoreId, Exit, Fault, FaultKind, Grant, Kernel, Limits, NoHooks,
    Outcome, Pinning, Program, SavedState, Spawn, Task, TaskId, Unsaved,
};

use okernel_ring::Policy;

use super::modules::embedded;
use super::{Class, Work, shell};
use crate::wasm::cache::CacheChoice;
use crate::wasm::compile::Compiler;
use crate::wasm::engine::Engines;
use crate::wasm::instance::WasmTask;
use crate::wasm::limits::INSTANCES_MIN;
use crate::wasm::registry::{Foreign, Registry};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits until this was printed: whoever printed it may have ended by then.
    fn wait_for(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            assert!(Instant::now() < until, "printed: {:?}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until something of this length was printed.
    fn wait(&self, bytes: usize) -> String {
        let until = Instant::now() + PATIENCE;
        while self.text().len() < bytes {
            assert!(Instant::now() < until, "printed: {:?}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        }
        self.text()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A kernel of two cores that runs until it is dropped.
struct Running {
    registry: Registry,
    control: Control,
    paper: Paper,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn boot<R>(setup: impl FnOnce(&mut Kernel, &Registry) -> R) -> (Running, R) {
        let engines = Engines::new(INSTANCES_MIN).unwrap();
        let cache = CacheChoice::from_environment();
        let foreign = Foreign::of_anybody(Compiler::Here);
        let registry = embedded(&engines, &cache, foreign).unwrap();
        let config = Config {
            pinning: Pinning::Free,
            ..Config::default()
        };
        let modules = Arc::new(registry.clone());
        let mut kernel = Kernel::simple(2, config, modules, Arc::new(NoHooks)).unwrap();
        let paper = Paper::default();
        kernel
            .console(Box::new(paper.clone()), Box::new(paper.clone()))
            .unwrap();
        let made = setup(&mut kernel, &registry);
        let control = kernel.control();
        let thread = std::thread::spawn(move || {
            let _status = kernel.run().unwrap();
        });
        let running = Running {
            registry,
            control,
            paper,
            thread: Some(thread),
        };
        (running, made)
    }

    fn spawn(&self, core: u16, spawn: Spawn) {
        let (tell, told) = channel();
        self.control.spawn(CoreId(core), spawn, move |answer| {
            let _ = tell.send(answer);
        });
        told.recv_timeout(PATIENCE).unwrap();
    }

    fn exec(&self, shell: TaskId, line: &str) -> Receiver<Result<Executed, String>> {
        let (tell, told) = channel();
        let input = line.as_bytes().to_vec();
        self.control.exec(shell, input, move |executed| {
            let _ = tell.send(executed);
        });
        told
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.halt(0);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the kernel panicked");
        }
    }
}

/// An O task that is saved after so many turns, and ends then.
struct Leaver {
    task: WasmTask,
    turns: usize,
    tell: Sender<Result<SavedState, Unsaved>>,
}

impl Task for Leaver {
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        self.task.init(cx)
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        match self.turns.checked_sub(1) {
            Some(left) => {
                self.turns = left;
                match self.task.poll(cx) {
                    Outcome::Yield => Outcome::Infinite,
                    other => other,
                }
            }
            None => {
                self.tell.send(self.task.save(cx)).unwrap();
                Outcome::End
            }
        }
    }

    fn finalize(&mut self, cx: &mut Context, exit: &Exit) {
        self.task.finalize(cx, exit);
    }
}

/// An O task that begins where another one was saved.
struct Arrival {
    task: WasmTask,
    state: Option<SavedState>,
}

impl Task for Arrival {
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        self.task.restore(cx, self.state.take().unwrap())
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        self.task.poll(cx)
    }

    fn finalize(&mut self, cx: &mut Context, exit: &Exit) {
        self.task.finalize(cx, exit);
    }
}

fn code(source: &str) -> Program {
    Program::Code(source.to_string())
}

/// Starts a program on core 0, lets it leave after `turns`, and lets it go on on core 1; answers what it
/// prints in both places, to the given length.
fn moved(source: &str, turns: usize, bytes: usize) -> String {
    let (tell, told) = channel();
    let (running, ()) = Running::boot(|kernel, registry| {
        let task = registry.task(&code(source), &Limits::default()).unwrap();
        let leaver = Leaver { task, turns, tell };
        let ring = kernel.publish(CoreId(0), 4096).unwrap();
        let spawn = Spawn::native("leaver", Box::new(leaver))
            .grant("console", Grant::Console)
            .grant("out", Grant::Endpoint(ring));
        kernel.spawn(CoreId(0), spawn).unwrap();
    });
    let state = told.recv_timeout(PATIENCE).unwrap().unwrap();
    let task = running
        .registry
        .task(&code(""), &Limits::default())
        .unwrap();
    let task = Arrival {
        task,
        state: Some(state),
    };
    // Here the grants get other handles.
    let ring = running.request_ring();
    let spawn = Spawn::native("arrived", Box::new(task))
        .grant("timer", Grant::Timers)
        .grant("out", Grant::Endpoint(ring))
        .grant("console", Grant::Console);
    running.spawn(1, spawn);
    running.paper.wait(bytes)
}

impl Running {
    fn request_ring(&self) -> okernel_core::EndpointId {
        use okernel_abi::value::Value;
        let (tell, told) = channel();
        let request = Value::List(vec![
            Value::Symbol("pub".into()),
            Value::Int(1),
            Value::Int(4096),
        ]);
        self.control.request(request, move |answer| {
            let _ = tell.send(answer);
        });
        match told.recv_timeout(PATIENCE).unwrap() {
            Value::Int(number) => okernel_core::EndpointId::from_number(number).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_o_task_goes_on_in_another_instance_on_another_core() {
    let source = "f:{$[x=0;0;1+f[x-1]]};a:f 200000;g:{x+y}\\!20000;c:{[n]k:n;{k+:x;k}}a;\
        snd[out;c 5];print(a;*|g;c 1;#?100000?50;`sym;\"text\")";
    let expected = moved(source, 0, 1);
    assert!(
        expected.starts_with("(200000\n 199990000\n 200001"),
        "{expected}"
    );
    for turns in [1, 2, 5, 9] {
        assert_eq!(moved(source, turns, expected.len()), expected, "{turns}");
    }
}

#[test]
fn what_cannot_be_moved_says_so() {
    let (tell, told) = channel();
    let (_running, ()) = Running::boot(|kernel, registry| {
        let program = Program::Module("burn".to_string());
        let task = registry.task(&program, &Limits::default()).unwrap();
        let (turns, tell) = (0, tell.clone());
        let leaver = Leaver { task, turns, tell };
        let spawn = Spawn::native("leaver", Box::new(leaver)).grant("console", Grant::Console);
        kernel.spawn(CoreId(0), spawn).unwrap();
        let task = registry.task(&code("1"), &Limits::default()).unwrap();
        let bytes = b"nonsense".to_vec();
        let version = 1;
        let state = Some(SavedState { version, bytes });
        let damaged = Arrival { task, state };
        kernel
            .spawn(CoreId(1), Spawn::native("damaged", Box::new(damaged)))
            .unwrap();
    });
    let unsaved = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
    let Unsaved::Never(fault) = unsaved else {
        panic!("{unsaved:?}");
    };
    assert!(
        matches!(fault.kind, FaultKind::Refused | FaultKind::Err),
        "{fault}"
    );
    assert!(fault.message.contains("saved"), "{fault}");
}

/// Waits for each of its periods, and notes when it was served.
struct Metronome(Sender<Instant>, Option<okernel_abi::Handle>);

impl Task for Metronome {
    fn poll(&mut self, cx: &mut Context) -> Outcome {
        const PERIOD_NS: u64 = 1_000_000;
        let timer = match self.1 {
            Some(timer) => timer,
            None => {
                let timers = cx.grant("timer").unwrap();
                let timer = cx.timer_set(timers, PERIOD_NS, PERIOD_NS).unwrap();
                *self.1.insert(timer)
            }
        };
        if cx.timer_take(timer).is_ok() {
            let _ = self.0.send(Instant::now());
        }
        let _ = cx.wait(timer, 0).unwrap();
        Outcome::Yield
    }
}

#[test]
fn a_verb_on_a_long_vector_holds_nobody_up_and_can_be_interrupted() {
    let (tell, served) = channel();
    let (running, task) = Running::boot(|kernel, _| {
        let metronome = Spawn::native("metronome", Box::new(Metronome(tell, None)));
        kernel
            .spawn(CoreId(0), metronome.grant("timer", Grant::Timers))
            .unwrap();
        kernel
            .spawn(CoreId(0), shell("shell", Work::session_args()))
            .unwrap()
    });
    running
        .exec(task, "1")
        .recv_timeout(PATIENCE)
        .unwrap()
        .unwrap();
    let verbs = [
        "#<5000000?1000000000",
        "#?5000000?1000000000",
        "#=3000000?1000000",
        "#(3000000?1000)?3000000?1000",
        "#$300000?1000000000",
        "#.\"+/ \",5:200000?1000",
        "#1:\"[\",(\",\"/$200000#1),\"]\"",
        "#!1000 2000",
        "#prm 8",
        "#<$100000?1000000",
    ];
    for verb in verbs {
        while served.try_recv().is_ok() {}
        let began = Instant::now();
        let done = running.exec(task, verb).recv_timeout(PATIENCE).unwrap();
        assert_eq!(done, Ok(Executed::Done), "{verb}: {}", running.paper.text());
        let took = began.elapsed();
        let mut times: Vec<Instant> = vec![began];
        times.extend(served.try_iter());
        times.push(Instant::now());
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        let longest = gaps.max().unwrap_or_default();
        // On a busy machine the whole process is held up now and then; a verb that gives no way
        // lets the metronome have its turn before and after it only.
        let ticks = times.len() as u128 - 2;
        assert!(
            ticks >= 2 + took.as_millis() / 100,
            "{verb}: {ticks} ticks in {took:?}, longest gap {longest:?}"
        );
    }
    let endless = running.exec(task, "{#<5000000?1000000000;x+1}/1");
    std::thread::sleep(Duration::from_millis(700));
    let asked = Instant::now();
    running.control.interrupt(task);
    let done = endless.recv_timeout(PATIENCE).unwrap();
    assert_eq!(done, Ok(Executed::Failed));
    assert!(asked.elapsed() < Duration::from_secs(1));
    running.paper.wait_for("interrupt: ");
}

#[test]
fn dense_tasks_move_numbers_through_rings_that_others_have_mapped() {
    let load = |registry: &Registry, name: &str, class| {
        let wasm = super::embedded_module(name).unwrap();
        let loaded = format!("{name}-{}", Class::word(class));
        registry.load_bytes(&loaded, wasm, class).unwrap();
        loaded
    };
    for classes in [
        [Class::Dense, Class::Dense],
        [Class::Dense, Class::Ordinary],
        [Class::Ordinary, Class::Dense],
    ] {
        let (running, ()) = Running::boot(|kernel, registry| {
            let ring = kernel.publish(CoreId(0), 64 << 10).unwrap();
            let reader = kernel.subscribe(CoreId(1), ring, Policy::Block).unwrap();
            let pump = load(registry, "pump", classes[0]);
            let drain = load(registry, "drain", classes[1]);
            let args = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
            let spawn = Spawn::program("pump", Program::Module(pump))
                .grant("out", Grant::Endpoint(ring))
                .args(args(&["64", "100000"]));
            kernel.spawn(CoreId(0), spawn).unwrap();
            let spawn = Spawn::program("drain", Program::Module(drain))
                .grant("in", Grant::Endpoint(reader))
                .grant("clock", Grant::Clock)
                .grant("console", Grant::Console)
                .args(args(&["100000"]));
            kernel.spawn(CoreId(1), spawn).unwrap();
        });
        let wanted = format!("messages 100000 sum {} ", 100_000_u64 * 99_999 / 2);
        let printed = running.paper.wait(wanted.len());
        assert!(printed.starts_with(&wanted), "{classes:?}: {printed}");
    }
}

//! A running kernel for a test: cores, modules made from text, and what `ps` says of the tasks.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use okernel_abi::value::Value;
use okernel_core::{
    Class, Config, Context, Control, CoreId, Kernel, Limits, Outcome, Pinning, Program, Spawn,
    Task, TaskId,
};

use super::probe::{ABI, engines};
use crate::wasm::cache::CacheChoice;
use crate::wasm::compile::Compiler;
use crate::wasm::registry::{Foreign, Registry};
use crate::wasm::ticker::Ticker;

/// How long anything in a test may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A kernel that runs on threads of its own until it is dropped.
pub struct System {
    control: Control,
    boot: Option<JoinHandle<()>>,
}

/// What `ps` says of a task.
#[derive(Clone, Debug)]
pub struct Row {
    pub state: String,
    pub preempted: i64,
    pub memory: i64,
    pub version: i64,
    pub upgrades: i64,
    pub exit: String,
}

impl System {
    /// Boots `cores` with these modules; `setup` spawns what is there from the beginning.
    pub fn boot<R>(
        cores: usize,
        modules: &[(&str, &str)],
        setup: impl FnOnce(&mut Kernel) -> R,
    ) -> (System, R) {
        System::boot_in(Class::Ordinary, cores, modules, setup)
    }

    /// The same with modules of this class.
    pub fn boot_in<R>(
        class: Class,
        cores: usize,
        modules: &[(&str, &str)],
        setup: impl FnOnce(&mut Kernel) -> R,
    ) -> (System, R) {
        let engines = engines();
        let foreign = Foreign::of_anybody(Compiler::Here);
        let registry = Registry::new(&engines, &CacheChoice::Off, foreign).unwrap();
        for (name, text) in modules {
            registry
                .load_bytes(name, &wat::parse_str(text).unwrap(), class)
                .unwrap();
        }
        let ticker = Ticker::start(&engines, Duration::from_millis(1)).unwrap();
        let config = Config {
            pinning: Pinning::Free,
            ..Config::default()
        };
        let mut kernel =
            Kernel::simple(cores, config, Arc::new(registry), Arc::new(ticker)).unwrap();
        let made = setup(&mut kernel);
        let control = kernel.control();
        let boot = std::thread::spawn(move || {
            kernel.run().unwrap();
        });
        (
            System {
                control,
                boot: Some(boot),
            },
            made,
        )
    }

    /// Makes a request and waits for its answer.
    pub fn request(&self, request: Vec<Value>) -> Value {
        let (sender, receiver) = channel();
        self.control.request(Value::List(request), move |answer| {
            let _ = sender.send(answer);
        });
        receiver.recv_timeout(PATIENCE).expect("the kernel answers")
    }

    /// Writes a module of this text to a file and loads it under this name.
    pub fn load(&self, name: &str, text: &str) -> Value {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), wat::parse_str(text).unwrap()).unwrap();
        let path = Value::text(file.path().to_str().unwrap());
        self.request(vec![symbol("load"), symbol(name), path])
    }

    /// A column of a table that a request answers, for the rows in which another column has this symbol.
    pub fn column(&self, request: Vec<Value>, by: &str, key: &str, name: &str) -> Vec<Value> {
        let Value::Table(table) = self.request(request) else {
            panic!("a table is expected");
        };
        let (Value::Symbols(names), Value::List(columns)) = *table else {
            panic!("a table has columns");
        };
        let column = |name: &str| &columns[names.iter().position(|n| n == name).unwrap()];
        let Value::Symbols(keys) = column(by) else {
            panic!("{by} is no column of symbols");
        };
        let rows = keys.iter().enumerate().filter(|(_, found)| *found == key);
        rows.map(|(row, _)| match column(name) {
            Value::Ints(items) => Value::Int(items[row]),
            Value::Floats(items) => Value::Float(items[row]),
            Value::Symbols(items) => symbol(&items[row]),
            Value::List(items) => items[row].clone(),
            other => panic!("{name}: {other:?}"),
        })
        .collect()
    }

    /// Kills a task, and waits until it has ended.
    pub fn kill(&self, task: TaskId) -> String {
        self.request(vec![symbol("kill"), Value::Int(task.number())]);
        self.end_of(task)
    }

    /// What `ps` says of a task.
    pub fn row(&self, task: TaskId) -> Row {
        let Value::Table(table) = self.request(vec![symbol("ps")]) else {
            panic!("ps answers a table");
        };
        let (Value::Symbols(names), Value::List(columns)) = *table else {
            panic!("a table has columns");
        };
        let column = |name: &str| &columns[names.iter().position(|n| n == name).unwrap()];
        let ints = |name: &str| match column(name) {
            Value::Ints(ints) => ints.clone(),
            other => panic!("{name}: {other:?}"),
        };
        let row = ints("task")
            .iter()
            .position(|&number| number == task.number())
            .unwrap();
        let (Value::Symbols(states), Value::List(exits)) = (column("state"), column("exit")) else {
            panic!("states and exits");
        };
        Row {
            state: states[row].clone(),
            preempted: ints("preempted")[row],
            memory: ints("memory")[row],
            version: ints("version")[row],
            upgrades: ints("upgrades")[row],
            exit: exits[row].as_text().unwrap(),
        }
    }

    /// Waits until `condition` holds for a task.
    pub fn wait_for(&self, task: TaskId, condition: impl Fn(&Row) -> bool) -> Row {
        let start = Instant::now();
        loop {
            let row = self.row(task);
            if condition(&row) {
                return row;
            }
            assert!(start.elapsed() < PATIENCE, "waiting in vain: {row:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for the end of a task; answers its reason.
    pub fn end_of(&self, task: TaskId) -> String {
        self.wait_for(task, |row| row.state == "ended").exit
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.control.halt(0);
        let joined = self.boot.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            joined.unwrap().unwrap();
        }
    }
}

/// A symbol.
pub fn symbol(name: &str) -> Value {
    Value::Symbol(name.to_string())
}

/// The start of a task of this module.
pub fn spawn(name: &str) -> Spawn {
    Spawn::program(name, Program::Module(name.to_string()))
}

/// Starts one task of this text on one core, lets it end, and answers the reason.
pub fn end_of(text: &str) -> String {
    end_with(text, Limits::default())
}

/// The same, with these limits.
pub fn end_with(text: &str, limits: Limits) -> String {
    let (system, task) = System::boot(1, &[("task", text)], |kernel| {
        kernel
            .spawn(CoreId::BOOT, spawn("task").limits(limits))
            .unwrap()
    });
    system.end_of(task)
}

/// A module's text: the parts that are given replace entry points that do nothing.
pub fn guest(parts: &str) -> String {
    let entries = [
        ("memory", r#"(memory (export "memory") 1)"#),
        (
            "init",
            r#"(func (export "init") (result i32) (i32.const 0))"#,
        ),
        (
            "exec",
            r#"(func (export "exec") (param i32) (result i32) (i32.const 0))"#,
        ),
        (
            "poll",
            r#"(func (export "poll") (result i32) (i32.const 1))"#,
        ),
        ("finalize", r#"(func (export "finalize") (param i32))"#),
    ];
    let rest = entries
        .iter()
        .filter(|(name, _)| !parts.contains(&format!(r#"(export "{name}")"#)));
    let rest: String = rest.map(|(_, text)| *text).collect();
    format!("(module {ABI} {parts} {rest})")
}

/// Runs `work` inside of a native task that `prepare` gives its grants; answers what it answers.
pub fn in_task<R: Send + 'static>(
    prepare: impl FnOnce(&mut Kernel, Spawn) -> Spawn,
    work: impl FnOnce(&mut Context) -> R + Send + 'static,
) -> R {
    let (sender, receiver) = channel();
    let driver = Driver {
        work: Some(work),
        sender,
    };
    let (system, task) = System::boot(1, &[], |kernel| {
        let spawn = prepare(kernel, Spawn::native("driver", Box::new(driver)));
        kernel.spawn(CoreId::BOOT, spawn).unwrap()
    });
    let result = receiver.recv_timeout(PATIENCE);
    result.unwrap_or_else(|_| panic!("the work failed: {}", system.end_of(task)))
}

struct Driver<W, R> {
    work: Option<W>,
    sender: Sender<R>,
}

impl<R: Send, W: FnOnce(&mut Context) -> R + Send> Task for Driver<W, R> {
    fn poll(&mut self, cx: &mut Context) -> Outcome {
        if let Some(work) = self.work.take() {
            let _ = self.sender.send(work(cx));
        }
        Outcome::End
    }
}

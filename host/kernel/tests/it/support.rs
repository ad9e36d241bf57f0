//! What the tests are made of: tasks from closures, kernels with a watchdog, values.

use okernel_abi::Want;
use okernel_abi::value::Value;
use okernel_core::{
    Class, Config, Context, Control, CoreId, Exit, Fault, FaultKind, Kernel, Limits, LoadDone,
    ModuleInfo, Modules, NoHooks, Outcome, Program, Spawn, Status, Task, TaskId,
};
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A task that is one closure, polled.
pub struct Polled<F>(pub F);

impl<F: FnMut(&mut Context) -> Outcome + Send> Task for Polled<F> {
    fn poll(&mut self, cx: &mut Context) -> Outcome {
        (self.0)(cx)
    }
}

/// A task of one closure.
pub fn polled(name: &str, poll: impl FnMut(&mut Context) -> Outcome + Send + 'static) -> Spawn {
    Spawn::native(name, Box::new(Polled(poll)))
}

/// A task that waits until it is ended, and tells how it ended.
pub struct Sleeper(pub Option<std::sync::mpsc::Sender<Exit>>);

impl Task for Sleeper {
    fn poll(&mut self, cx: &mut Context) -> Outcome {
        let handle = cx.grant("t").and_then(|t| cx.timer_set(t, u64::MAX / 4, 0));
        match handle.and_then(|timer| cx.wait(timer, 0)) {
            Ok(_) => Outcome::Yield,
            Err(errno) => Outcome::Err(Fault::new(FaultKind::Err, errno.to_string())),
        }
    }

    fn finalize(&mut self, _cx: &mut Context, exit: &Exit) {
        if let Some(told) = &self.0 {
            let _ = told.send(exit.clone());
        }
    }
}

/// A shell that runs a closure on each input.
pub struct Shell<F>(pub F);

impl<F> Task for Shell<F>
where
    F: FnMut(&mut Context, &[u8]) -> Result<(), Fault> + Send,
{
    fn exec(&mut self, cx: &mut Context, input: &[u8]) -> Result<(), Fault> {
        (self.0)(cx, input)
    }

    fn poll(&mut self, _cx: &mut Context) -> Outcome {
        Outcome::Yield
    }
}

type Maker = Box<dyn Fn() -> Box<dyn Task> + Send + Sync>;

/// Modules that are closures.
#[derive(Default)]
pub struct Natives {
    pub makers: HashMap<String, Maker>,
    pub wants: HashMap<String, Arc<[Want]>>,
    pub loaded: Mutex<Vec<String>>,
}

impl Natives {
    /// What a module wants, a line each.
    pub fn wanting(mut self, name: &str, lines: &[&str]) -> Natives {
        let wants = lines.iter().map(|line| Want::parse(line).unwrap());
        self.wants.insert(name.to_string(), wants.collect());
        self
    }

    pub fn with(
        mut self,
        name: &str,
        make: impl Fn() -> Box<dyn Task> + Send + Sync + 'static,
    ) -> Natives {
        self.makers.insert(name.to_string(), Box::new(make));
        self
    }
}

impl Modules for Natives {
    fn load(&self, name: &str, path: &Path, class: Class, done: LoadDone) {
        let (name, path) = (name.to_string(), path.to_path_buf());
        self.loaded.lock().unwrap().push(name.clone());
        thread::spawn(move || {
            let bytes = std::fs::metadata(&path).map(|metadata| metadata.len());
            done(match bytes {
                Ok(bytes) => Ok(ModuleInfo {
                    name,
                    bytes,
                    class,
                    ..ModuleInfo::default()
                }),
                Err(error) => Err(format!("load: {}: {error}", path.display())),
            });
        });
    }

    fn instantiate(&self, program: &Program, _: &Limits) -> Result<Box<dyn Task>, Fault> {
        let name = match program {
            Program::Module(name) => name,
            Program::Code(code) => code,
        };
        match self.makers.get(name) {
            Some(make) => Ok(make()),
            None => Err(Fault::new(
                FaultKind::Refused,
                format!("there is no module {name}"),
            )),
        }
    }

    fn list(&self) -> Vec<ModuleInfo> {
        let info = |name: &String| ModuleInfo {
            name: name.clone(),
            ..ModuleInfo::default()
        };
        self.makers.keys().map(info).collect()
    }

    fn wants(&self, program: &Program) -> Arc<[Want]> {
        match program {
            Program::Module(name) => self.wants.get(name).cloned().unwrap_or_default(),
            Program::Code(_) => Arc::default(),
        }
    }
}

/// A kernel without modules, and with threads where the system wants them.
pub fn kernel(cores: usize, config: Config) -> Kernel {
    kernel_with(cores, config, Natives::default())
}

pub fn kernel_with(cores: usize, config: Config, natives: Natives) -> Kernel {
    Kernel::simple(cores, config, Arc::new(natives), Arc::new(NoHooks)).unwrap()
}

/// A running kernel; dropped without having been halted it fails the test.
pub struct Running {
    pub control: Control,
    status: Receiver<Status>,
    thread: Option<JoinHandle<()>>,
}

pub fn run(kernel: Kernel) -> Running {
    let control = kernel.control();
    let (tell, status) = channel();
    let thread = thread::spawn(move || tell.send(kernel.run().unwrap()).unwrap());
    Running {
        control,
        status,
        thread: Some(thread),
    }
}

impl Running {
    /// Makes a request and waits for its answer.
    pub fn request(&self, request: Value) -> Value {
        let (tell, answer) = channel();
        self.control.request(request, move |value| {
            let _ = tell.send(value);
        });
        answer.recv_timeout(PATIENCE).expect("an answer")
    }

    /// Spawns a task and waits until it exists.
    pub fn spawn(&self, core: u16, spawn: Spawn) -> TaskId {
        match self.try_spawn(core, spawn) {
            Value::Int(number) => TaskId::from_number(number).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub fn try_spawn(&self, core: u16, spawn: Spawn) -> Value {
        let (tell, answer) = channel();
        self.control.spawn(CoreId(core), spawn, move |value| {
            let _ = tell.send(value);
        });
        answer.recv_timeout(PATIENCE).expect("an answer")
    }

    /// Kills a task and waits until it is gone.
    pub fn kill(&self, task: TaskId) {
        let answer = self.request(list([sym("kill"), Value::Int(task.number())]));
        assert_eq!(answer, Value::Nil);
    }

    /// A column of `ps` for a task: `None` when it is not listed.
    pub fn ps(&self, task: TaskId, column: &str) -> Option<Value> {
        let table = self.request(sym("ps"));
        let tasks = ints(&self::column(&table, "task"));
        let row = tasks.iter().position(|number| *number == task.number())?;
        Some(item(&self::column(&table, column), row))
    }

    pub fn cpu_ms(&self, task: TaskId) -> f64 {
        match self.ps(task, "cpu_ms") {
            Some(Value::Float(ms)) => ms,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the kernel's end, however it comes.
    pub fn end(mut self) -> Status {
        let status = self.status.recv_timeout(PATIENCE);
        let status = status.expect("the kernel halts");
        self.thread.take().unwrap().join().unwrap();
        status
    }

    pub fn halt(self) {
        self.control.halt(0);
        assert_eq!(self.end(), 0);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            self.control.halt(0);
            thread.join().unwrap();
        }
    }
}

pub fn int(int: i64) -> Value {
    Value::Int(int)
}

pub fn sym(name: &str) -> Value {
    Value::Symbol(name.to_string())
}

pub fn list<const N: usize>(items: [Value; N]) -> Value {
    Value::List(items.into())
}

/// A dictionary of grants.
pub fn grants<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let names = pairs.iter().map(|pair| pair.0.to_string()).collect();
    let values = pairs.into_iter().map(|pair| pair.1).collect();
    Value::Dict(Box::new((Value::Symbols(names), Value::List(values))))
}

pub fn column(table: &Value, name: &str) -> Value {
    let Value::Table(pair) = table else {
        panic!("no table: {table:?}");
    };
    let (Value::Symbols(names), Value::List(columns)) = (&pair.0, &pair.1) else {
        panic!("no columns: {table:?}");
    };
    let at = names.iter().position(|known| known == name).unwrap();
    columns[at].clone()
}

pub fn ints(value: &Value) -> Vec<i64> {
    match value {
        Value::Ints(items) => items.clone(),
        other => panic!("{other:?}"),
    }
}

pub fn item(column: &Value, row: usize) -> Value {
    match column {
        Value::Ints(items) => Value::Int(items[row]),
        Value::Floats(items) => Value::Float(items[row]),
        Value::Symbols(items) => Value::Symbol(items[row].clone()),
        Value::List(items) => items[row].clone(),
        other => panic!("{other:?}"),
    }
}

/// Computes for about this long.
pub fn work(span: Duration) {
    let until = Instant::now() + span;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "not in time: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Computes for ever, and gives way when its slice is over, in the middle of its poll.
pub fn endless(name: &str) -> Spawn {
    polled(name, |cx| {
        loop {
            work(Duration::from_micros(20));
            if cx.slice_expired() && cx.preempt() == okernel_core::Resumed::Kill {
                return Outcome::Err(Fault::new(FaultKind::Trap, "interrupted"));
            }
        }
    })
}

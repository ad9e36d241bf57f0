//! Tasks that do what a test tells them, on a kernel of three cores.

use crate::support::{
    Natives, PATIENCE, Running, column, eventually, grants, int, kernel_with, list, run, sym,
};
use okernel_abi::layout::Executed;
use okernel_abi::value::{Moment, Value};
use okernel_abi::{Errno, Handle};
use okernel_core::{Config, Context, CoreId, Fault, Grant, Outcome, Spawn, Task, TaskId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a puppet is told to do.
type Step = Box<dyn FnOnce(&mut Context) -> Value + Send>;

/// Tasks that do what they are told from outside, one step for each input.
#[derive(Clone, Default)]
struct Puppets {
    steps: Arc<Mutex<HashMap<TaskId, VecDeque<Step>>>>,
    results: Arc<Mutex<HashMap<TaskId, VecDeque<Value>>>>,
    /// Those that are to end.
    done: Arc<Mutex<HashSet<TaskId>>>,
}

/// One of them.
struct Puppet(Puppets);

impl Task for Puppet {
    fn exec(&mut self, cx: &mut Context, _input: &[u8]) -> Result<(), Fault> {
        let mut steps = self.0.steps.lock().unwrap();
        let step = steps.get_mut(&cx.task()).and_then(VecDeque::pop_front);
        drop(steps);
        let result = step.unwrap()(cx);
        let mut results = self.0.results.lock().unwrap();
        results.entry(cx.task()).or_default().push_back(result);
        cx.executed(Executed::Done).unwrap();
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        match self.0.done.lock().unwrap().contains(&cx.task()) {
            true => Outcome::End,
            false => Outcome::Yield,
        }
    }
}

/// Three cores; the first has a puppet with all rights, the shell.
pub struct Stage {
    pub running: Running,
    puppets: Puppets,
    pub shell: i64,
}

impl Stage {
    pub fn new(natives: Natives) -> Stage {
        let puppets = Puppets::default();
        let made = puppets.clone();
        let natives = natives.with("puppet", move || Box::new(Puppet(made.clone())));
        let mut kernel = kernel_with(3, Config::default(), natives);
        let shell = Spawn::native("shell", Box::new(Puppet(puppets.clone())))
            .grant("system", Grant::System);
        let shell = kernel.spawn(CoreId(0), shell).unwrap().number();
        Stage {
            running: run(kernel),
            puppets,
            shell,
        }
    }

    pub fn call(
        &self,
        task: i64,
        step: impl FnOnce(&mut Context) -> Value + Send + 'static,
    ) -> Value {
        let task = TaskId::from_number(task).unwrap();
        let mut steps = self.puppets.steps.lock().unwrap();
        steps.entry(task).or_default().push_back(Box::new(step));
        drop(steps);
        let (tell, done) = channel();
        self.running.control.exec(task, Vec::new(), move |result| {
            let _ = tell.send(result);
        });
        done.recv_timeout(PATIENCE).expect("it is done").unwrap();
        let mut results = self.puppets.results.lock().unwrap();
        let result = results.get_mut(&task).and_then(VecDeque::pop_front);
        result.expect("a result")
    }

    /// A request of a task, by its right to make any or to spawn.
    pub fn request<const N: usize>(&self, task: i64, items: [Value; N]) -> Value {
        let request = list(items).to_bytes();
        let reply = self.call(task, move |cx| {
            let right = cx.grant("system").or_else(|_| cx.grant("spawn"));
            match right.and_then(|right| cx.request(right, &request)) {
                Ok(reply) => int(reply.0.into()),
                Err(errno) => Value::Error(errno.name().to_string()),
            }
        });
        let Value::Int(reply) = reply else {
            return reply;
        };
        let reply = Handle(u32::try_from(reply).unwrap());
        loop {
            let answer = self.call(task, move |cx| match cx.reply(reply) {
                Ok(bytes) => {
                    let answer = list([Value::decode(bytes).unwrap()]);
                    cx.close(reply).unwrap();
                    answer
                }
                Err(errno) => {
                    assert_eq!(errno, Errno::Again);
                    Value::Nil
                }
            });
            match answer {
                Value::List(mut answer) => return answer.remove(0),
                _ => thread::sleep(Duration::from_micros(200)),
            }
        }
    }

    pub fn number<const N: usize>(&self, task: i64, items: [Value; N]) -> i64 {
        match self.request(task, items) {
            Value::Int(number) => number,
            other => panic!("{other:?}"),
        }
    }

    pub fn error<const N: usize>(&self, task: i64, items: [Value; N]) -> String {
        match self.request(task, items) {
            Value::Error(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Spawns a puppet.
    pub fn puppet<const N: usize>(&self, by: i64, core: i64, rights: [(&str, Value); N]) -> i64 {
        self.number(by, [sym("spawn"), int(core), sym("puppet"), grants(rights)])
    }

    /// A puppet ends, as one that is done.
    pub fn end(&self, task: i64) {
        let id = TaskId::from_number(task).unwrap();
        self.puppets.done.lock().unwrap().insert(id);
        self.call(task, |_| Value::Nil);
        eventually("it has ended", || {
            self.running.ps(id, "state") == Some(sym("ended"))
        });
    }

    pub fn revoke(&self, task: i64, name: &str) {
        let answer = self.request(self.shell, [sym("revoke"), int(task), sym(name)]);
        assert_eq!(answer, Value::Nil);
    }

    /// A ring on core 0 and a reader on core 1.
    pub fn ring(&self) -> (i64, i64) {
        let ring = self.number(self.shell, [sym("pub"), int(0), int(4096)]);
        (
            ring,
            self.number(self.shell, [sym("sub"), int(1), int(ring)]),
        )
    }

    /// A column of a task's table of capabilities.
    pub fn caps(&self, task: i64, name: &str) -> Value {
        column(&self.request(self.shell, [sym("caps"), int(task)]), name)
    }

    /// Publishes eight bytes by a grant, metered or not; answers the error's name or the position.
    pub fn publish(&self, task: i64, name: &'static str) -> Value {
        self.call(task, move |cx| {
            let written = cx.grant(name).and_then(|handle| write(cx, handle));
            written.map_or_else(error_name, |position| int(position as i64))
        })
    }

    /// What can be read by a grant.
    pub fn readable(&self, task: i64, name: &'static str) -> Value {
        self.call(task, move |cx| {
            let readable = cx.grant(name).and_then(|handle| readable(cx, handle));
            readable.map_or_else(error_name, |bytes| int(bytes as i64))
        })
    }
}

pub fn error_name(errno: Errno) -> Value {
    sym(errno.name())
}

pub fn write(cx: &mut Context, handle: Handle) -> Result<u64, Errno> {
    let publisher = match cx.meter(handle) {
        None => cx.publisher(handle)?,
        Some(meter) => {
            meter.room(8, 8)?;
            let (meter, publisher) = cx.metered_publisher(handle)?;
            meter.charge(8)?;
            publisher
        }
    };
    publisher.write(&[1; 8]).map_err(|_| Errno::Again)?;
    Ok(publisher.position())
}

pub fn readable(cx: &mut Context, handle: Handle) -> Result<usize, Errno> {
    let readable = |bytes: Result<usize, okernel_ring::RecvError>| bytes.unwrap_or(0);
    match cx.meter(handle) {
        None => Ok(readable(cx.subscriber(handle)?.readable())),
        Some(_) => {
            let (meter, subscriber) = cx.metered_subscriber(handle)?;
            let bytes = readable(subscriber.readable());
            Ok(meter.room(1, bytes as u64)? as usize)
        }
    }
}

pub fn limit<const N: usize>(whole: Value, limits: [(&str, Value); N]) -> Value {
    list([sym("limit"), whole, grants(limits)])
}

pub fn own(name: &str) -> Value {
    list([sym("own"), sym(name)])
}

pub fn span(span: Duration) -> Value {
    Value::Moment(Moment::Span, span.as_nanos() as i64)
}

pub fn symbols(column: &Value) -> Vec<&str> {
    match column {
        Value::Symbols(names) => names.iter().map(String::as_str).collect(),
        other => panic!("{other:?}"),
    }
}

//! What a program asks of the kernel about other tasks: to spawn, supervise and monitor them.

use okernel_shell::format::form;
use okernel_shell::session::Progress;
use okernel_shell::value::{Dict, Value};
use std::time::Duration;

use crate::kernel::{Kernel, Pending, wrong};

/// The grants that a program gets when its spawner names none.
const DEFAULT_GRANTS: [&str; 1] = ["console"];

impl Kernel {
    /// `spawn[core;program;grants]`: a lambda is sent as its source, and grants have a default.
    pub(crate) fn spawn(&mut self, args: &[Value]) -> Progress {
        let mut args = args.to_vec();
        if let Some(program @ Value::Function(_)) = args.get(1) {
            let source = form(program);
            args[1] = Value::string(&format!("{source}[]"));
        }
        if args.len() == 2 {
            let symbols: Vec<Value> = DEFAULT_GRANTS
                .iter()
                .map(|name| Value::symbol(name))
                .collect();
            let names = Value::from_items(symbols);
            match Dict::new(names.clone(), names) {
                Ok(dict) => args.push(Value::dict(dict)),
                Err(error) => return Progress::Done(Err(error)),
            }
        }
        self.hand_over("spawn", &args)
    }

    /// `supervise[strategy;options;children]`: lambdas are sent as their source.
    pub(crate) fn supervise(&mut self, args: &[Value]) -> Progress {
        let mut args = args.to_vec();
        if let Some(children) = args.last_mut() {
            *children = sent_children(children);
        }
        self.hand_over("supervise", &args)
    }

    /// Asks for something by which ends of rings go to other tasks: those are no longer this task's, the kernel has
    /// taken them. If it has refused, they are as they were; whoever drops an end that it still holds closes it.
    fn hand_over(&mut self, op: &str, args: &[Value]) -> Progress {
        let request = self.request(op, args);
        self.ports.forget_revoked();
        match request {
            Ok(reply) => self.start(Pending::Reply(reply)),
            Err(error) => Progress::Done(Err(error)),
        }
    }

    /// `monitor task`: a number, from which the task's end is received.
    pub(crate) fn monitor(&mut self, task: &Value) -> Progress {
        Progress::Done(match self.request("monitor", std::slice::from_ref(task)) {
            Ok(reply) => Ok(Value::Int(self.ports.insert_monitor(reply))),
            Err(error) => Err(error),
        })
    }

    /// ``await[[`task;]name;ms]``.
    pub(crate) fn await_name(&mut self, args: &[Value]) -> Progress {
        let (Some(limit_ms), Some(timers)) = (args.last().and_then(Value::as_int), &self.timers)
        else {
            return self.ask("await", args);
        };
        let Ok(limit_ms) = u64::try_from(limit_ms) else {
            return wrong("await: the last argument is a time in milliseconds, 0 or more");
        };
        let sleep = timers.sleep(Duration::from_millis(limit_ms));
        match self.request("await", &args[..args.len() - 1]) {
            Ok(reply) => self.start(Pending::Limited(reply, sleep)),
            Err(error) => Progress::Done(Err(error)),
        }
    }
}

/// The same keys with other values.
fn with_values(keys: &Value, values: Value, otherwise: &Value) -> Value {
    match Dict::new(keys.clone(), values) {
        Ok(dict) => Value::dict(dict),
        Err(_) => otherwise.clone(),
    }
}

/// The dictionary of children as it is sent, down to their own children.
fn sent_children(children: &Value) -> Value {
    let Value::Dict(dict) = children else {
        return children.clone();
    };
    let items = dict.values().items().map(|child| sent_child(&child));
    let items = Value::from_items(items.collect::<Vec<_>>());
    with_values(dict.keys(), items, children)
}

fn sent_child(child: &Value) -> Value {
    let Value::Dict(dict) = child else {
        return child.clone();
    };
    let names = dict.keys().items();
    let items = names
        .zip(dict.values().items())
        .map(|(name, value)| match (&name, &value) {
            (Value::Symbol(name), Value::Function(_)) if name.bytes() == b"run" => {
                Value::string(&format!("{}[]", form(&value)))
            }
            (Value::Symbol(name), _) if name.bytes() == b"children" => sent_children(&value),
            _ => value,
        });
    let items = Value::from_items(items.collect::<Vec<_>>());
    with_values(dict.keys(), items, child)
}

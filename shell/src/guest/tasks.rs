//! What a program asks of the kernel about other tasks: to spawn, supervise and monitor them.

use okernel_shell::format::form;
use okernel_shell::session::Progress;
use okernel_shell::value::{Dict, Value};
use std::time::Duration;

use crate::kernel::{Kernel, Pending, wrong};

/// The grants that a program gets when its spawner names none.
const DEFAULT_GRANTS: [&str; 1] = ["console"];

/// What is no grant among the entries of a child.
const SETTINGS: [&str; 13] = [
    "core",
    "restart",
    "weight",
    "memory",
    "seed",
    "args",
    "run",
    "strategy",
    "intensity",
    "period",
    "backoff",
    "backoffmax",
    "name",
];

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
        // Ends of rings that go to the task are no longer this task's.
        if let Some(Value::Dict(grants)) = args.get(2) {
            for number in grants.values().items().filter_map(|grant| grant.as_int()) {
                self.ports.remove(number);
            }
        }
        self.ask("spawn", &args)
    }

    /// `supervise[strategy;options;children]`: lambdas are sent as their source, and ends of rings that go to
    /// children are no longer this task's.
    pub(crate) fn supervise(&mut self, args: &[Value]) -> Progress {
        let mut args = args.to_vec();
        if let Some(children) = args.last_mut() {
            *children = self.children(children);
        }
        self.ask("supervise", &args)
    }

    /// The dictionary of children, down to their own children.
    fn children(&mut self, children: &Value) -> Value {
        let Value::Dict(dict) = children else {
            return children.clone();
        };
        let items = dict.values().items().map(|child| self.child(&child));
        let items = Value::from_items(items.collect::<Vec<_>>());
        with_values(dict.keys(), items, children)
    }

    fn child(&mut self, child: &Value) -> Value {
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
                (Value::Symbol(name), _) if name.bytes() == b"children" => self.children(&value),
                (Value::Symbol(name), _) if SETTINGS.contains(&&*name.text()) => value,
                _ => {
                    if let Some(number) = value.as_int() {
                        self.ports.remove(number);
                    }
                    value
                }
            });
        let items = Value::from_items(items.collect::<Vec<_>>());
        with_values(dict.keys(), items, child)
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

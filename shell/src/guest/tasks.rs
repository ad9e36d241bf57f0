//! What a program asks of the kernel about other tasks: to spawn, supervise and monitor them.

use okernel_shell::format::form;
use okernel_shell::session::Progress;
use okernel_shell::value::{Dict, Value};
use std::time::Duration;

use crate::kernel::{Kernel, Pending, wrong};

/// The grants that a program gets when its spawner names none.
const DEFAULT_GRANTS: [&str; 1] = ["console"];

/// What is set for a task by numbers, and granted nothing.
const SETTINGS: [&[u8]; 6] = [b"args", b"core", b"memory", b"pin", b"seed", b"weight"];

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
        if let Some(grants) = args.get_mut(2) {
            *grants = self.sent(grants);
        }
        self.hand_over("spawn", &args)
    }

    /// `supervise[strategy;options;children]`: lambdas are sent as their source.
    pub(crate) fn supervise(&mut self, args: &[Value]) -> Progress {
        let mut args = args.to_vec();
        if let Some(children) = args.last_mut() {
            *children = self.sent_children(children);
        }
        self.hand_over("supervise", &args)
    }

    /// Settings and grants as they are sent: a lambda to run goes as its source; an end that this task was granted is
    /// known to the program by a number that means nothing to others, and goes by its name.
    fn sent(&self, settings: &Value) -> Value {
        with_values(settings, |name, value| match (name, &value) {
            (b"run", Value::Function(_)) => Value::string(&format!("{}[]", form(&value))),
            (name, _) if SETTINGS.contains(&name) => value,
            _ => self.passed_on(&value),
        })
    }

    fn passed_on(&self, grant: &Value) -> Value {
        let items: Vec<Value> = grant.items().collect();
        match items.as_slice() {
            [word @ Value::Symbol(name), inner, limits] if name.bytes() == b"limit" => {
                let inner = self.passed_on(inner);
                Value::from_items(vec![word.clone(), inner, limits.clone()])
            }
            _ => {
                let number = grant.as_int();
                match self.granted().iter().find(|own| Some(own.0) == number) {
                    Some((_, name)) => Value::from_items(["own", name].map(Value::symbol).to_vec()),
                    None => grant.clone(),
                }
            }
        }
    }

    /// The dictionary of children as it is sent, down to their own children.
    fn sent_children(&self, children: &Value) -> Value {
        with_values(children, |_, child| {
            let is_supervisor = matches!(&child, Value::Dict(dict)
                if dict.keys().items().any(|name| is_named(&name, b"children")));
            match is_supervisor {
                true => with_values(&child, |name, value| match name {
                    b"children" => self.sent_children(&value),
                    _ => value,
                }),
                false => self.sent(&child),
            }
        })
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

/// A dictionary with other values for its names; whatever else it is stays as it is, and is refused where it is read.
fn with_values(dict: &Value, other: impl Fn(&[u8], Value) -> Value) -> Value {
    let Value::Dict(pair) = dict else {
        return dict.clone();
    };
    let names = pair.keys().items();
    let items = names.zip(pair.values().items());
    let items = items.map(|(name, value)| match name {
        Value::Symbol(name) => other(name.bytes(), value),
        _ => value,
    });
    let values = Value::from_items(items.collect());
    match Dict::new(pair.keys().clone(), values) {
        Ok(changed) => Value::dict(changed),
        Err(_) => dict.clone(),
    }
}

fn is_named(name: &Value, word: &[u8]) -> bool {
    matches!(name, Value::Symbol(name) if name.bytes() == word)
}

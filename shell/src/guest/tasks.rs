//! What a program asks of the kernel about other tasks: to spawn, supervise and monitor them.

use okernel_sdk::abi::Setting;
use okernel_sdk::abi::value::VALUE_DEPTH_MAX;
use okernel_shell::format::form;
use okernel_shell::session::Progress;
use okernel_shell::value::{Dict, Value};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::kernel::{Kernel, Pending, wrong};

/// The grants that a program gets when its spawner names none.
const DEFAULT_GRANTS: [&str; 1] = ["console"];

/// So deep are the children of supervisors looked through: each level is two dictionaries, and the kernel reads no
/// deeper value than that, nor so many supervisors.
const SUPERVISORS_DEEP: usize = VALUE_DEPTH_MAX / 2;

impl Kernel {
    /// `spawn[core;program;grants]`: a lambda is sent as its source, and grants have a default.
    pub(crate) fn spawn(&mut self, args: &[Value]) -> Progress {
        let mut sent = args.to_vec();
        if let Some(program @ Value::Function(_)) = args.get(1) {
            let source = form(program);
            sent[1] = Value::string(&format!("{source}[]"));
        }
        if args.len() == 2 {
            let symbols: Vec<Value> = DEFAULT_GRANTS
                .iter()
                .map(|name| Value::symbol(name))
                .collect();
            let names = Value::from_items(symbols);
            match Dict::new(names.clone(), names) {
                Ok(dict) => sent.push(Value::dict(dict)),
                Err(error) => return Progress::Done(Err(error)),
            }
        }
        if let Some(grants) = sent.get_mut(2) {
            *grants = self.sent(grants);
        }
        self.hand_over("spawn", args, &sent)
    }

    /// `supervise[strategy;options;children]`: lambdas are sent as their source.
    pub(crate) fn supervise(&mut self, args: &[Value]) -> Progress {
        let mut sent = args.to_vec();
        if let Some(children) = sent.last_mut() {
            *children = self.sent_children(children, SUPERVISORS_DEEP);
        }
        self.hand_over("supervise", args, &sent)
    }

    /// Settings and grants as they are sent: a lambda to run goes as its source; an end that this task was granted is
    /// known to the program by a number that means nothing to others, and goes by its name.
    fn sent(&self, settings: &Value) -> Value {
        with_values(settings, |name, value| match (name, &value) {
            (b"run", Value::Function(_)) => Value::string(&format!("{}[]", form(&value))),
            (name, _) if Setting::from_name(name).is_some() => value,
            _ => self.passed_on(&value),
        })
    }

    /// A grant as it is sent, perhaps with limits. The kernel refuses limits within limits.
    fn passed_on(&self, grant: &Value) -> Value {
        let Value::List(items) = grant else {
            return self.own(grant);
        };
        match &items[..] {
            [word @ Value::Symbol(name), inner, limits] if name.bytes() == b"limit" => {
                Value::from_items(vec![word.clone(), self.own(inner), limits.clone()])
            }
            _ => grant.clone(),
        }
    }

    /// A grant by the name that this task has for it, if it is one of its own.
    fn own(&self, grant: &Value) -> Value {
        let number = grant.as_int();
        match self.granted().iter().find(|own| Some(own.0) == number) {
            Some((_, name)) => Value::from_items(["own", name].map(Value::symbol).to_vec()),
            None => grant.clone(),
        }
    }

    /// The dictionary of children as it is sent, down to their own children, so many levels of them. What is deeper
    /// goes as it is, for the kernel to refuse.
    fn sent_children(&self, children: &Value, levels: usize) -> Value {
        if levels == 0 {
            return children.clone();
        }
        with_values(children, |_, child| {
            let is_supervisor = matches!(&child, Value::Dict(dict)
                if dict.keys().items().any(|name| is_named(&name, b"children")));
            match is_supervisor {
                true => with_values(&child, |name, value| match name {
                    b"children" => self.sent_children(&value, levels - 1),
                    _ => value,
                }),
                false => self.sent(&child),
            }
        })
    }

    /// Asks for something by which ends of rings go to other tasks: those among `args` are no longer this task's, the
    /// kernel has taken them. If it has refused, they are as they were; whoever drops an end that it still
    /// holds closes it.
    fn hand_over(&mut self, op: &str, args: &[Value], sent: &[Value]) -> Progress {
        match self.request(op, sent) {
            Ok(reply) => {
                for number in numbers(args) {
                    self.ports.forget_revoked(number);
                }
                self.start(Pending::Reply(reply))
            }
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

/// All numbers in values that the kernel has taken, so that they are neither deep nor large.
fn numbers(values: &[Value]) -> BTreeSet<i64> {
    let mut found = BTreeSet::new();
    let mut todo: Vec<&Value> = values.iter().collect();
    while let Some(value) = todo.pop() {
        match value {
            Value::Int(number) => drop(found.insert(*number)),
            Value::Ints(numbers) => found.extend(numbers.iter()),
            Value::List(items) => todo.extend(items.iter()),
            Value::Dict(dict) => todo.push(dict.values()),
            _ => {}
        }
    }
    found
}

fn is_named(name: &Value, word: &[u8]) -> bool {
    matches!(name, Value::Symbol(name) if name.bytes() == word)
}

//! Effects: what a program asks of the world outside.
//!
//! The machine performs none of them. It stops, hands out the name and the arguments, and goes on
//! with the answer. The names are ordinary global names, so a program may bind them to something
//! else.

use std::ops::RangeInclusive;

use crate::symbol::Symbol;
use crate::value::{Function, Value};

/// The names that stand for effects in a new machine.
pub const EFFECTS: [&str; 37] = [
    "pub",
    "sub",
    "snd",
    "rcv",
    "poll",
    "spawn",
    "print",
    "load",
    "check",
    "versions",
    "rollback",
    "move",
    "kill",
    "ps",
    "rings",
    "cores",
    "stats",
    "qos",
    "halt",
    "select",
    "drop",
    "selectors",
    "caps",
    "revoke",
    "now",
    "attach",
    "help",
    "supervise",
    "monitor",
    "link",
    "unlink",
    "name",
    "unname",
    "find",
    "await",
    "names",
    "modules",
];

/// How many arguments an effect takes that the guest carries out itself. The others are the kernel's to
/// judge.
pub fn arguments(name: &str) -> Option<RangeInclusive<usize>> {
    Some(match name {
        "now" => 0..=0,
        "poll" => 1..=1,
        "rcv" => 1..=2,
        "snd" => 2..=2,
        _ => return None,
    })
}

/// The names of functions that the machine carries out itself.
pub const NATIVES: [&str; 3] = ["raise", "seed", "limit"];

/// A request that the host answers with [`Machine::resume`](crate::machine::Machine::resume).
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// One of [`EFFECTS`], or `0:`.
    pub name: Symbol,
    /// The arguments, left to right.
    pub args: Vec<Value>,
}

impl Effect {
    /// What `print` answers: its argument, or several as a list.
    pub fn printed(&self) -> Value {
        match self.args.as_slice() {
            [] => Value::Nil,
            [one] => one.clone(),
            several => Value::from_items(several.to_vec()),
        }
    }
}

/// The function that asks for an effect.
pub fn function(name: &str) -> Value {
    Value::function(Function::Native(Symbol::new(name)))
}

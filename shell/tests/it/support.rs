//! What the tests share: reading facts, and a host for effects that lives in memory.

use okernel_shell::effect::Effect;
use okernel_shell::error::{Class, Error};
use okernel_shell::format::form;
use okernel_shell::json;
use okernel_shell::machine::{Config, Machine, Step};
use okernel_shell::value::Value;
use std::collections::{HashMap, VecDeque};

/// An expression and what it gives: nothing for one that must only parse, the display text, or
/// the class of the error.
pub struct Fact {
    /// Its name.
    pub id: String,
    /// The program.
    pub source: String,
    /// What it gives.
    pub expected: Option<Result<String, String>>,
}

/// What a program gave.
#[derive(Debug)]
pub enum Outcome {
    /// The display text of its value.
    Value(String),
    /// An error.
    Error(Error),
}

fn field(fact: &Value, name: &str) -> Option<Value> {
    match fact {
        Value::Dict(dict) => dict
            .get(&Value::symbol(name))
            .or_else(|| dict.get(&Value::string(name))),
        _ => None,
    }
}

fn text(value: Option<Value>) -> Option<String> {
    let value = value?;
    let text = value.as_text()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The facts in a file of one JSON object per line.
pub fn facts(lines: &str) -> Vec<Fact> {
    let parse = |line: &str| {
        let fact =
            json::parse(&Value::string(line)).unwrap_or_else(|error| panic!("{error}: {line}"));
        let id = text(field(&fact, "id"))
            .or_else(|| text(field(&fact, "test")))
            .unwrap_or_default();
        let source = text(field(&fact, "expr")).unwrap_or_else(|| panic!("no expr: {line}"));
        let expected = match field(&fact, "expect") {
            Some(error @ Value::Dict(_)) => {
                Some(Err(text(field(&error, "error")).unwrap_or_default()))
            }
            _ if line.contains("\"expect\": null") => None,
            other => Some(Ok(text(other).unwrap_or_default())),
        };
        Fact {
            id,
            source,
            expected,
        }
    };
    lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(parse)
        .collect()
}

/// Rings in memory: what is sent goes to everyone who subscribed before.
#[derive(Default)]
pub struct Host {
    next: i64,
    subscribers: HashMap<i64, Vec<i64>>,
    queues: HashMap<i64, VecDeque<Value>>,
    /// What was printed.
    pub printed: Vec<String>,
}

impl Host {
    /// Answers an effect.
    pub fn answer(&mut self, effect: &Effect) -> Result<Value, Error> {
        let number = |at: usize| effect.args.get(at).and_then(Value::as_int).unwrap_or(-1);
        match effect.name.text().as_ref() {
            "print" => {
                let value = effect.printed();
                self.printed.push(form(&value));
                Ok(value)
            }
            "pub" => {
                self.next += 1;
                self.subscribers.insert(self.next, Vec::new());
                Ok(Value::Int(self.next))
            }
            "sub" => {
                self.next += 1;
                match self.subscribers.get_mut(&number(1)) {
                    Some(subscribers) => subscribers.push(self.next),
                    None => return Err(Error::new(Class::Io, "no such ring")),
                }
                self.queues.insert(self.next, VecDeque::new());
                Ok(Value::Int(self.next))
            }
            "snd" => {
                let value = effect.args.get(1).cloned().unwrap_or_default();
                for subscriber in self.subscribers.get(&number(0)).into_iter().flatten() {
                    self.queues
                        .entry(*subscriber)
                        .or_default()
                        .push_back(value.clone());
                }
                Ok(value)
            }
            "rcv" => match self
                .queues
                .get_mut(&number(0))
                .and_then(VecDeque::pop_front)
            {
                Some(value) => Ok(value),
                None => Err(Error::new(Class::Io, "nothing to receive")),
            },
            other => Err(Error::new(Class::Nyi, format!("{other} in this test"))),
        }
    }
}

/// Runs a program in slices of so many steps to its end.
pub fn run(
    machine: &mut Machine,
    host: &mut Host,
    source: &str,
    mut slice: impl FnMut() -> u64,
) -> Outcome {
    if let Err(error) = machine.start(source, "") {
        return Outcome::Error(error);
    }
    loop {
        match machine.run(slice()) {
            Step::Done(value, _) => return Outcome::Value(form(&value)),
            Step::Failed(error) => return Outcome::Error(error),
            Step::Effect(effect) => machine.resume(host.answer(&effect)),
            Step::Budget => {}
        }
    }
}

/// Runs a program in a fresh machine. Programs that don't end are ended.
pub fn evaluate(source: &str) -> Outcome {
    let mut slices = 0;
    let mut machine = Machine::new(Config::default());
    run(&mut machine, &mut Host::default(), source, || {
        slices += 1;
        assert!(slices < 1000, "{source} doesn't end");
        100_000
    })
}

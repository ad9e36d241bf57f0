//! Over and scan of a function of one argument: until nothing changes, so many times, or while a
//! condition holds.

use super::Yield;
use super::results::Results;
use crate::error::{Class, Error};
use crate::frame::Frame;
use crate::machine::{Control, Machine};
use crate::value::{NULL, Value, matches};

/// A fixpoint that has got so far.
pub(crate) struct Converge {
    function: Value,
    start: Value,
    value: Value,
    all: Option<Results>,
}

/// A repetition that has got so far.
pub(crate) struct Repeat {
    function: Value,
    /// Where it is.
    turn: Turn,
    value: Value,
    all: Option<Results>,
}

/// What decides about the next turn.
enum Turn {
    /// So many are left.
    Left(i64),
    /// This is asked next.
    Ask(Value),
    /// This was asked; the answer arrives.
    Asked(Value),
    /// This was answered with yes; the function's value arrives.
    Agreed(Value),
}

impl Machine {
    /// `f/x`, `f\x`
    pub(super) fn start_converge(&mut self, function: Value, wanted: Yield) -> Result<Control, Error> {
        let start = self.stack.pop().unwrap_or_default();
        let all = (wanted == Yield::All).then(|| {
            let mut results = Results::new(1);
            results.push(start.clone());
            results
        });
        let value = start.clone();
        self.converge(Box::new(Converge { function, start, value, all }))
    }

    /// Takes the result of a turn: done when it matches the one before, or the start.
    pub(crate) fn converge_value(&mut self, mut converge: Box<Converge>, value: Value) -> Result<Control, Error> {
        if matches(&value, &converge.value) || matches(&value, &converge.start) {
            return Ok(Control::Value(match converge.all {
                Some(all) => all.finish(),
                None => converge.value,
            }));
        }
        if let Some(all) = &mut converge.all {
            all.push(value.clone());
            all.check(self.memory_limit())?;
        }
        converge.value = value;
        self.budget -= 1;
        if self.budget < 0 {
            self.frames.push(Frame::Converge(converge));
            return Ok(Control::Again);
        }
        self.converge(converge)
    }

    /// Goes on with the next turn.
    pub(crate) fn converge(&mut self, converge: Box<Converge>) -> Result<Control, Error> {
        self.stack.push(converge.value.clone());
        let function = converge.function.clone();
        self.frames.push(Frame::Converge(converge));
        self.apply(function, 1)
    }

    /// `n f/x`, `p f/x` and the same with `\`
    pub(super) fn start_repeat(&mut self, function: Value, wanted: Yield) -> Result<Control, Error> {
        let value = self.stack.pop().unwrap_or_default();
        let turn = match self.stack.pop().unwrap_or_default() {
            condition @ Value::Function(_) => Turn::Ask(condition),
            count if count.is_number() => match count.as_int() {
                Some(NULL) => Turn::Left(0),
                Some(count) => Turn::Left(count),
                None => match count.as_float() {
                    // As often as ever: the budget and the memory decide.
                    Some(f64::INFINITY) => Turn::Left(i64::MAX),
                    _ => {
                        let text = "a function can only be repeated a whole number of times";
                        return Err(Error::new(Class::Domain, text));
                    }
                },
            },
            other => {
                let text = format!("a repetition takes a number or a condition, not {}", other.describe());
                return Err(Error::new(Class::Type, text));
            }
        };
        let all = (wanted == Yield::All).then(|| {
            let mut results = Results::new(1);
            results.push(value.clone());
            results
        });
        self.repeat(Box::new(Repeat { function, turn, value, all }))
    }

    /// Takes an answer of the condition or a value of the function.
    pub(crate) fn repeat_value(&mut self, mut repeat: Box<Repeat>, value: Value) -> Result<Control, Error> {
        match std::mem::replace(&mut repeat.turn, Turn::Left(0)) {
            Turn::Asked(condition) => {
                if !value.is_true() {
                    return self.repeat(repeat);
                }
                repeat.turn = Turn::Agreed(condition);
                self.repeat(repeat)
            }
            Turn::Agreed(condition) => {
                repeat.turn = Turn::Ask(condition);
                self.repeat_with(repeat, value)
            }
            turn => {
                repeat.turn = turn;
                self.repeat_with(repeat, value)
            }
        }
    }

    fn repeat_with(&mut self, mut repeat: Box<Repeat>, value: Value) -> Result<Control, Error> {
        if let Some(all) = &mut repeat.all {
            all.push(value.clone());
            all.check(self.memory_limit())?;
        }
        repeat.value = value;
        self.repeat(repeat)
    }

    /// Goes on with the next turn.
    pub(crate) fn repeat(&mut self, mut repeat: Box<Repeat>) -> Result<Control, Error> {
        self.budget -= 1;
        if self.budget < 0 {
            self.frames.push(Frame::Repeat(repeat));
            return Ok(Control::Again);
        }
        let function = match std::mem::replace(&mut repeat.turn, Turn::Left(0)) {
            Turn::Left(left) if left <= 0 => {
                return Ok(Control::Value(match repeat.all {
                    Some(all) => all.finish(),
                    None => repeat.value,
                }));
            }
            Turn::Left(left) => {
                repeat.turn = Turn::Left(left - 1);
                self.stack.push(self.argument(&mut repeat));
                repeat.function.clone()
            }
            Turn::Agreed(condition) => {
                repeat.turn = Turn::Agreed(condition);
                self.stack.push(self.argument(&mut repeat));
                repeat.function.clone()
            }
            Turn::Ask(condition) | Turn::Asked(condition) => {
                let function = condition.clone();
                repeat.turn = Turn::Asked(condition);
                self.stack.push(repeat.value.clone());
                function
            }
        };
        self.frames.push(Frame::Repeat(repeat));
        self.apply(function, 1)
    }

    /// The value that a turn changes. It is handed over, so that it may be changed in place.
    fn argument(&self, repeat: &mut Repeat) -> Value {
        std::mem::take(&mut repeat.value)
    }
}

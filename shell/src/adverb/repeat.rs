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
    pub(crate) function: Value,
    pub(crate) start: Value,
    pub(crate) value: Value,
    pub(crate) all: Option<Results>,
}

/// A repetition that has got so far.
pub(crate) struct Repeat {
    pub(crate) function: Value,
    pub(crate) next: Next,
    pub(crate) value: Value,
    pub(crate) all: Option<Results>,
}

/// What a repetition does next.
pub(crate) enum Next {
    /// Another turn, so many times.
    Turns(i64),
    /// The condition is asked.
    Ask(Value),
    /// The answer of the condition arrives.
    Answer(Value),
    /// The value of the turn that the condition allowed arrives.
    Result(Value),
}

impl Next {
    /// The condition that is asked next, if one is.
    pub(super) fn condition(&self) -> Option<&Value> {
        match self {
            Next::Ask(condition) | Next::Result(condition) => Some(condition),
            Next::Turns(_) | Next::Answer(_) => None,
        }
    }

    /// The number of turns that are left, if there are any and they are counted.
    pub(super) fn turns_left(&mut self) -> Option<&mut i64> {
        match self {
            Next::Turns(left) if *left > 0 => Some(left),
            _ => None,
        }
    }

    /// No further turn.
    pub(super) fn stop(&mut self) {
        *self = Next::Turns(0);
    }
}

impl Machine {
    /// `f/x`, `f\x`
    pub(super) fn start_converge(
        &mut self,
        function: Value,
        wanted: Yield,
    ) -> Result<Control, Error> {
        let start = self.stack.pop().unwrap_or_default();
        let all = (wanted == Yield::All).then(|| {
            let mut results = Results::new(1);
            results.push(start.clone());
            results
        });
        let value = start.clone();
        self.frames.push(Frame::Converge(Box::new(Converge {
            function,
            start,
            value,
            all,
        })));
        Ok(Control::Again)
    }

    /// Takes the result of a turn, if there is one, and goes on with the next: until the result
    /// matches the one before, or the start.
    pub(crate) fn converge(&mut self, mut arrived: Option<Value>) -> Result<Control, Error> {
        loop {
            let limit = self.memory_limit();
            let Some(Frame::Converge(converge)) = self.frames.last_mut() else {
                return Ok(Control::Again);
            };
            if let Some(value) = arrived.take() {
                if matches(&value, &converge.value) || matches(&value, &converge.start) {
                    break;
                }
                if let Some(all) = &mut converge.all {
                    all.push(value.clone());
                    all.check(limit)?;
                }
                converge.value = value;
            }
            self.budget -= 1;
            if self.budget < 0 {
                return Ok(Control::Again);
            }
            self.stack.push(converge.value.clone());
            let function = converge.function.clone();
            match self.turn(function, 1)? {
                Control::Value(value) => arrived = Some(value),
                other => return Ok(other),
            }
        }
        match self.frames.pop() {
            Some(Frame::Converge(converge)) => Ok(Control::Value(match converge.all {
                Some(all) => all.finish(),
                None => converge.value,
            })),
            _ => Ok(Control::Again),
        }
    }

    /// `n f/x`, `p f/x` and the same with `\`
    pub(super) fn start_repeat(
        &mut self,
        function: Value,
        wanted: Yield,
    ) -> Result<Control, Error> {
        let value = self.stack.pop().unwrap_or_default();
        let next = match self.stack.pop().unwrap_or_default() {
            condition @ Value::Function(_) => Next::Ask(condition),
            count if count.is_number() => match count.as_int() {
                Some(NULL) => Next::Turns(0),
                Some(count) => Next::Turns(count),
                None => match count.as_float() {
                    // As often as ever: the budget and the memory decide.
                    Some(f64::INFINITY) => Next::Turns(i64::MAX),
                    _ => {
                        let text = "a function can only be repeated a whole number of times";
                        return Err(Error::new(Class::Domain, text));
                    }
                },
            },
            other => {
                let text = format!(
                    "a repetition takes a number or a condition, not {}",
                    other.describe()
                );
                return Err(Error::new(Class::Type, text));
            }
        };
        let all = (wanted == Yield::All).then(|| {
            let mut results = Results::new(1);
            results.push(value.clone());
            results
        });
        self.frames.push(Frame::Repeat(Box::new(Repeat {
            function,
            next,
            value,
            all,
        })));
        Ok(Control::Again)
    }

    /// Takes an answer of the condition or the result of a turn, if there is one, and goes on.
    pub(crate) fn repeat(&mut self, mut arrived: Option<Value>) -> Result<Control, Error> {
        loop {
            let limit = self.config.memory_limit;
            let Some(Frame::Repeat(repeat)) = self.frames.last_mut() else {
                return Ok(Control::Again);
            };
            let mut agreed = false;
            if let Some(value) = arrived.take() {
                if let Next::Answer(_) = repeat.next {
                    if !value.is_true() {
                        break;
                    }
                    agreed = true;
                } else {
                    if let Some(all) = &mut repeat.all {
                        all.push(value.clone());
                        all.check(limit)?;
                    }
                    repeat.value = value;
                }
            }
            repeat.run_ints(&mut self.budget);
            self.budget -= 1;
            if self.budget < 0 && !agreed {
                return Ok(Control::Again);
            }
            // The value is handed to the function, which may then change it in place.
            let function = match &mut repeat.next {
                Next::Turns(left) => {
                    if *left <= 0 {
                        break;
                    }
                    *left -= 1;
                    self.stack.push(std::mem::take(&mut repeat.value));
                    repeat.function.clone()
                }
                Next::Answer(condition) if agreed => {
                    let condition = std::mem::take(condition);
                    repeat.next = Next::Result(condition);
                    self.stack.push(std::mem::take(&mut repeat.value));
                    repeat.function.clone()
                }
                Next::Ask(condition) | Next::Result(condition) | Next::Answer(condition) => {
                    let condition = std::mem::take(condition);
                    let function = condition.clone();
                    repeat.next = Next::Answer(condition);
                    self.stack.push(repeat.value.clone());
                    function
                }
            };
            match self.turn(function, 1)? {
                Control::Value(value) => arrived = Some(value),
                other => return Ok(other),
            }
        }
        match self.frames.pop() {
            Some(Frame::Repeat(repeat)) => Ok(Control::Value(match repeat.all {
                Some(all) => all.finish(),
                None => repeat.value,
            })),
            _ => Ok(Control::Again),
        }
    }
}

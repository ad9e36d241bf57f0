//! Trains: verbs in a row, applied from the right.
//!
//! A train is kept as pairs of a left operand, nil where there is none, and what is applied. Only
//! its last step sees how many arguments there are.

use crate::apply::rank_error;
use crate::code::Part;
use crate::error::Error;
use crate::frame::{Frame, TrainFrame};
use crate::machine::{Control, Machine};
use crate::value::{Function, List, Value};
use std::rc::Rc;

impl Machine {
    /// A train of the values on the stack, the first part on top. It is kept as pairs of a left
    /// operand, nil where there is none, and what is applied.
    pub(crate) fn train_of(&mut self, parts: &[Part]) -> Value {
        let mut items = Vec::with_capacity(parts.len() * 2);
        let mut left = Value::Nil;
        for part in parts {
            let value = self.stack.pop().unwrap_or_default();
            match part {
                Part::Left => left = value,
                Part::Dyad => items.extend([std::mem::take(&mut left), value]),
                Part::Verb | Part::Apply => items.extend([Value::Nil, value]),
            }
        }
        Value::function(Function::Train(List::new(items)))
    }

    /// Goes on with the train on top. Its next step gets so many values on the stack, or the one
    /// that has arrived.
    pub(crate) fn train(&mut self, arrived: Option<Value>) -> Result<Control, Error> {
        if let Some(value) = arrived {
            self.stack.push(value);
        }
        loop {
            let Some(Frame::Train(TrainFrame {
                function,
                left,
                count,
            })) = self.frames.last_mut()
            else {
                return Ok(Control::Again);
            };
            let Function::Train(steps) = &**function else {
                return Ok(Control::Again);
            };
            let Some(next) = left.checked_sub(1) else {
                self.frames.pop();
                return Ok(Control::Value(self.stack.pop().unwrap_or_default()));
            };
            *left = next;
            let mut arguments = std::mem::replace(count, 1) as usize;
            let at = next as usize * 2;
            let left = steps.get(at).cloned().unwrap_or_default();
            let step = steps.get(at + 1).cloned().unwrap_or_default();
            if !matches!(left, Value::Nil) {
                if arguments != 1 {
                    return Err(rank_error(&Rc::clone(function), arguments));
                }
                let below = self.stack.len().saturating_sub(1);
                self.stack.insert(below, left);
                arguments = 2;
            }
            if next == 0 {
                self.frames.pop();
                return self.apply_later(step, arguments);
            }
            match self.turn(step, arguments)? {
                Control::Value(value) => self.stack.push(value),
                other => return Ok(other),
            }
        }
    }
}

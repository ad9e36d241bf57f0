//! Amend, amend at depth and splice, when a function decides about the new items.

use crate::error::{Class, Error};
use crate::frame::Frame;
use crate::machine::{Control, Machine};
use crate::value::{Function, Value};
use crate::verb::{self, Leaf, Verb, leaves, read, write};

/// An amend that has got so far.
pub(crate) struct AmendFrame {
    pub(crate) target: Value,
    /// The global that gets the result, and its symbol, which is the result then.
    pub(crate) global: Option<(u32, Value)>,
    pub(crate) function: Value,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) at: usize,
}

/// A splice whose new part is being computed.
pub(crate) struct SpliceFrame {
    pub(crate) target: Value,
    pub(crate) range: Value,
}

impl SpliceFrame {
    /// The list with the new part.
    pub(crate) fn finish(self, value: Value) -> Result<Value, Error> {
        verb::splice(&self.target, &self.range, value)
    }
}

/// True for `:`, which replaces.
pub(crate) fn replaces(function: &Value) -> bool {
    match function {
        Value::Function(function) => matches!(**function, Function::Verb(Verb::Colon)),
        _ => false,
    }
}

impl Machine {
    /// `@[d;i;f]`, `@[d;i;f;y]`, `.[d;p;f]`, `.[d;p;f;y]`
    pub(crate) fn start_amend(
        &mut self,
        verb: Verb,
        target: Value,
        place: Value,
        function: Value,
        operand: Option<Value>,
    ) -> Result<Control, Error> {
        let (target, global) = match target {
            Value::Symbol(name) => match self
                .env
                .find(name)
                .and_then(|number| Some((number, self.env.value(number)?.clone())))
            {
                Some((number, value)) => (value, Some((number, Value::Symbol(name)))),
                None => {
                    return Err(Error::new(
                        Class::Name,
                        format!("{name} has no value to amend"),
                    ));
                }
            },
            other => (other, None),
        };
        if !(target.is_list() || matches!(target, Value::Dict(_) | Value::Table(_))) {
            return Err(Error::new(
                Class::Type,
                format!("{} of {}", verb.glyph(), target.describe()),
            ));
        }
        let path = match verb {
            Verb::Dot if place.is_list() => place.into_items(),
            _ => vec![place],
        };
        let leaves = leaves(&target, &path, operand)?;
        self.frames.push(Frame::Amend(Box::new(AmendFrame {
            target,
            global,
            function,
            leaves,
            at: 0,
        })));
        Ok(Control::Again)
    }

    /// Takes a new item, if there is one, and goes on with the next place.
    pub(crate) fn amend(&mut self, mut arrived: Option<Value>) -> Result<Control, Error> {
        loop {
            let Some(Frame::Amend(amend)) = self.frames.last_mut() else {
                return Ok(Control::Again);
            };
            if let Some(value) = arrived.take()
                && let Some(leaf) = amend.at.checked_sub(1).and_then(|at| amend.leaves.get(at))
            {
                write(&mut amend.target, &leaf.path, value)?;
            }
            let Some(leaf) = amend.leaves.get_mut(amend.at) else {
                break;
            };
            self.budget -= 1;
            if self.budget < 0 {
                return Ok(Control::Again);
            }
            amend.at += 1;
            let operand = leaf.value.take();
            // What is no function stands for itself: the new item.
            if operand.is_none() && !matches!(amend.function, Value::Function(_)) {
                arrived = Some(amend.function.clone());
                continue;
            }
            if replaces(&amend.function) && operand.is_some() {
                arrived = operand;
                continue;
            }
            self.stack.push(read(&amend.target, &leaf.path)?);
            let count = 1 + usize::from(operand.is_some());
            self.stack.extend(operand);
            let function = amend.function.clone();
            match self.turn(function, count)? {
                Control::Value(value) => arrived = Some(value),
                other => return Ok(other),
            }
        }
        let Some(Frame::Amend(amend)) = self.frames.pop() else {
            return Ok(Control::Again);
        };
        Ok(Control::Value(match amend.global {
            None => amend.target,
            Some((number, name)) => {
                self.env.set(number, amend.target);
                name
            }
        }))
    }

    /// `?[l;(from;to);v]`; a function gets the part that it replaces.
    pub(crate) fn splice(
        &mut self,
        target: Value,
        range: Value,
        new: Value,
    ) -> Result<Control, Error> {
        if !matches!(new, Value::Function(_)) {
            return verb::splice(&target, &range, new).map(Control::Value);
        }
        let (_, part, _) = verb::splice_parts(&target, &range)?;
        self.stack.push(part);
        self.frames
            .push(Frame::Splice(Box::new(SpliceFrame { target, range })));
        self.apply_later(new, 1)
    }
}

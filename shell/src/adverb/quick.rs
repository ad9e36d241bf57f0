//! Turns that need no frame: verbs, and lambdas that call nothing.
//!
//! An adverb that applies `{x+1}` a million times should not pay for a million calls. A lambda
//! without calls runs to its end at once in the ordinary case, and only gets a frame when
//! something holds it up.

use crate::code::{Code, LAST, Op};
use crate::error::Error;
use crate::frame::{Frame, Running};
use crate::machine::{
    Control, Exit, Machine, int_pair, monad_needs_machine, needs_machine, plain_call,
};
use crate::value::{Function, Value};
use crate::verb;
use std::rc::Rc;

/// What became of a turn.
pub(crate) enum Quick {
    /// It is done.
    Value(Value),
    /// It goes on in another way.
    Control(Control),
    /// It was not begun: the arguments lie on the stack as before.
    No,
}

impl Machine {
    /// One turn of an adverb. A value is the turn's own; anything else means that frames above the
    /// adverb's go on first.
    pub(crate) fn turn(&mut self, function: Value, count: usize) -> Result<Control, Error> {
        match self.quick(&function, count)? {
            Quick::Value(value) => Ok(Control::Value(value)),
            Quick::Control(control) => Ok(control),
            Quick::No => self.apply(function, count),
        }
    }

    /// Applies a function to so many arguments on the stack if that needs no frame.
    #[inline]
    pub(crate) fn quick(&mut self, function: &Value, count: usize) -> Result<Quick, Error> {
        let Value::Function(function) = function else {
            return Ok(Quick::No);
        };
        match (&**function, count) {
            (Function::Lambda(lambda), _) => {
                let code = &**lambda.code();
                if !code.calls_nothing || plain_call(function, count).is_none() {
                    return Ok(Quick::No);
                }
                if let Some(value) = self.one_verb(code, count) {
                    return Ok(Quick::Value(value));
                }
                self.without_frame(function, code, count)
            }
            (Function::Verb(verb), 2) if matches!(verb.named_arity(), 0 | 2) => {
                let right = self.stack.pop().unwrap_or_default();
                let left = self.stack.pop().unwrap_or_default();
                if needs_machine(*verb, &left) {
                    self.stack.push(left);
                    self.stack.push(right);
                    return Ok(Quick::No);
                }
                let value = verb::dyadic(*verb, left, right, &mut self.rng)?;
                self.charge(&value);
                Ok(Quick::Value(value))
            }
            (Function::Verb(verb) | Function::Monad(verb), 1) if verb.named_arity() < 2 => {
                let argument = self.stack.pop().unwrap_or_default();
                if monad_needs_machine(*verb, &argument) {
                    self.stack.push(argument);
                    return Ok(Quick::No);
                }
                let value = verb::monadic(*verb, argument, &mut self.rng)?;
                self.charge(&value);
                Ok(Quick::Value(value))
            }
            _ => Ok(Quick::No),
        }
    }

    /// The value of a lambda that is one verb of its arguments, when they are integers: `{x+1}`.
    #[inline]
    fn one_verb(&mut self, code: &Code, count: usize) -> Option<Value> {
        let &[op, Op::Return] = code.ops.as_slice() else {
            return None;
        };
        let base = self.stack.len() - count;
        let int = |slot: u16| match self.stack.get(base + usize::from(slot & !LAST)) {
            Some(Value::Int(int)) => Some(*int),
            _ => None,
        };
        let result = match op {
            Op::LocalInt {
                verb,
                slot,
                int: right,
            } => int_pair(verb, int(slot)?, i64::from(right)),
            Op::IntLocal {
                verb,
                slot,
                int: left,
            } => int_pair(verb, i64::from(left), int(slot)?),
            Op::LocalLocal { verb, left, right } => int_pair(verb, int(left)?, int(right)?),
            _ => None,
        };
        let result = result?;
        self.stack.truncate(base);
        Some(Value::Int(result))
    }

    fn without_frame(
        &mut self,
        function: &Rc<Function>,
        code: &Code,
        count: usize,
    ) -> Result<Quick, Error> {
        let Function::Lambda(lambda) = &**function else {
            return Ok(Quick::No);
        };
        let base = self.stack.len() - count;
        let locals = code.slots.len() - count;
        if locals > 0 {
            self.stack.resize(base + code.slots.len(), Value::Nil);
        }
        let mut at = 0;
        let exit = self.operations(lambda, function, &None, &mut at, base);
        if let Exit::Return = exit {
            return Ok(Quick::Value(self.stack.pop().unwrap_or_default()));
        }
        // Held up: from here on it is an ordinary call.
        let running = Running {
            function: Rc::clone(function),
            cells: None,
            at: at as u32,
            base: base as u32,
        };
        self.frames.push(Frame::Lambda(running));
        match (self.after(exit, function, at)?, self.frames.last()) {
            (Some(Control::Value(value)), Some(Frame::Lambda(_))) => {
                // The value is the lambda's to go on with, not its result.
                self.stack.push(value);
                Ok(Quick::Control(Control::Again))
            }
            (Some(control), _) => Ok(Quick::Control(control)),
            (None, _) => Ok(Quick::Control(Control::Again)),
        }
    }
}

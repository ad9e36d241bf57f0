//! Running lambdas: from call to call, until something that is no lambda has to go on.
//!
//! The lambda that runs is the frame on top; its position is written there when it calls
//! something. A last call takes the frame of its caller.

use super::dispatch::Exit;
use super::{Control, Machine};
use crate::code::{CodeKind, Op};
use crate::error::Error;
use crate::frame::{Cells, Frame, Running};
use crate::value::Function;
use std::rc::Rc;

impl Machine {
    /// Runs the lambda on top, and those that it calls, until something else has to go on.
    pub(super) fn execute(&mut self) -> Result<Control, Error> {
        loop {
            let Some(Frame::Lambda(running)) = self.frames.last() else {
                return Ok(Control::Again);
            };
            let function = Rc::clone(&running.function);
            let cells = running.cells.clone();
            let (at, base) = (running.at as usize, running.base as usize);
            let Function::Lambda(lambda) = &*function else {
                return Ok(Control::Again);
            };
            let mut next = at;
            let exit = self.operations(lambda, &function, &cells, &mut next, base);
            match exit {
                Exit::Switch => {}
                Exit::Return => {
                    self.end_call(cells);
                    match self.frames.last() {
                        Some(Frame::Lambda(_)) => {}
                        _ => return Ok(Control::Value(self.stack.pop().unwrap_or_default())),
                    }
                }
                exit => {
                    drop(cells);
                    match (self.after(exit, &function, next)?, self.frames.last()) {
                        (None, _) => {}
                        (Some(Control::Value(value)), Some(Frame::Lambda(_))) => {
                            self.stack.push(value)
                        }
                        (Some(control), _) => return Ok(control),
                    }
                }
            }
        }
    }

    /// Does what held up the lambda on top, which has got to `next`. Nothing is returned when a
    /// lambda is on top again.
    #[inline]
    pub(crate) fn after(
        &mut self,
        exit: Exit,
        function: &Rc<Function>,
        next: usize,
    ) -> Result<Option<Control>, Error> {
        self.set_position(next);
        let control = match exit {
            Exit::Switch | Exit::Return => Control::Again,
            Exit::Call(callee, count) => self.apply(callee, count)?,
            Exit::TailCall(callee, count) => {
                self.leave_for(count);
                let outcome = self.apply(callee, count);
                self.with_caller(outcome, function, next)?
            }
            // Evaluated text may read the locals, so its lambda stays.
            Exit::Verb(verb, count) if count > 1 && returns_next(function, next) => {
                self.leave_for(count);
                let outcome = self.apply_verb(verb, count);
                self.with_caller(outcome, function, next)?
            }
            Exit::Verb(verb, count) => self.apply_verb(verb, count)?,
            Exit::Global(global) => {
                let code = self.view_to_refresh(global)?;
                self.set_position(next - 1);
                self.refresh(global, code)?;
                Control::Again
            }
            Exit::Budget => {
                self.set_position(next - 1);
                return Ok(Some(Control::Again));
            }
            Exit::Fail(error) => return Err(error),
        };
        match control {
            Control::Again => Ok(None),
            other => Ok(Some(other)),
        }
    }

    /// Takes the lambda on top off; the arguments of its last call take the place of its slots.
    fn leave_for(&mut self, count: usize) {
        if let Some(Frame::Lambda(running)) = self.frames.pop() {
            self.drop_call(running.base as usize, count);
            if running.cells.is_some() {
                self.release(running.cells);
            }
        }
    }

    /// The outcome of a last call; an error in the call itself is still the caller's.
    fn with_caller(
        &self,
        outcome: Result<Control, Error>,
        function: &Rc<Function>,
        at: usize,
    ) -> Result<Control, Error> {
        outcome.map_err(|error| {
            let caller = Running {
                function: Rc::clone(function),
                cells: None,
                at: at as u32,
                base: 0,
            };
            self.note_call(error, &caller)
        })
    }

    /// Notes where the lambda on top has got to.
    #[inline(always)]
    pub(super) fn set_position(&mut self, at: usize) {
        if let Some(Frame::Lambda(running)) = self.frames.last_mut() {
            running.at = at as u32;
        }
    }

    /// Takes the lambda on top off.
    #[inline(always)]
    fn end_call(&mut self, cells: Cells) {
        self.frames.pop();
        if cells.is_some() {
            self.release(cells);
        }
    }
}

/// True when a lambda has nothing left to do after the operation at hand. Programs stay, so that
/// errors can tell where they were.
fn returns_next(function: &Function, at: usize) -> bool {
    let Function::Lambda(lambda) = function else {
        return false;
    };
    let code = lambda.code();
    matches!(code.kind, CodeKind::Explicit | CodeKind::Implicit)
        && code.ops.get(at) == Some(&Op::Return)
}

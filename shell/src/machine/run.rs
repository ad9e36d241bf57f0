//! The loop over frames: values go to the frame on top, errors unwind to the nearest trap.

use super::{Control, Machine};
use crate::code::{Capture, Code, CodeKind, Lambda};
use crate::error::{Call, Class, Error};
use crate::frame::{Frame, Handler, Running};
use crate::value::{Function, Value};
use std::rc::Rc;

impl Machine {
    /// A program's code, ready to run.
    pub(crate) fn program(&mut self, code: Rc<Code>, captures: Vec<Capture>) -> Running {
        let function = Rc::new(Function::Lambda(Lambda::new(code, captures)));
        Running { function, cells: None, at: 0, base: self.stack.len() as u32 }
    }

    /// Gives a value to the frame on top.
    pub(super) fn deliver(&mut self, value: Value) -> Result<Control, Error> {
        match self.frames.pop() {
            None => Ok(Control::Value(value)),
            Some(Frame::Lambda(running)) => {
                self.stack.push(value);
                Ok(Control::Enter(running))
            }
            Some(Frame::Each(each)) => self.each_value(each, value),
            Some(Frame::Fold(fold)) => self.fold_value(fold, value),
            Some(Frame::Prior(prior)) => self.prior_value(prior, value),
            Some(Frame::Converge(converge)) => self.converge_value(converge, value),
            Some(Frame::Repeat(repeat)) => self.repeat_value(repeat, value),
            Some(Frame::Train(train)) => {
                self.stack.push(value);
                self.train(train.function, train.left, 1)
            }
            Some(Frame::View(global)) => {
                self.env.set_view_value(global, value);
                Ok(Control::Again)
            }
            Some(Frame::Trap(handler, _)) => Ok(Control::Value(match handler {
                Handler::Report => Value::from_items(vec![Value::Int(0), value]),
                Handler::Call(_) => value,
            })),
            Some(Frame::Amend(amend)) => self.amend_value(amend, value),
            Some(Frame::Splice(splice)) => splice.finish(value).map(Control::Value),
        }
    }

    /// Lets the frame on top go on without a value.
    pub(super) fn again(&mut self) -> Result<Control, Error> {
        match self.frames.pop() {
            Some(Frame::Lambda(running)) => Ok(Control::Enter(running)),
            Some(Frame::Each(each)) => self.each(each),
            Some(Frame::Fold(fold)) => self.fold(fold),
            Some(Frame::Prior(prior)) => self.prior(prior),
            Some(Frame::Repeat(repeat)) => self.repeat(repeat),
            Some(Frame::Converge(converge)) => self.converge(converge),
            Some(Frame::Amend(amend)) => self.amend(amend),
            // The others never wait without a value.
            Some(frame) => {
                self.frames.push(frame);
                self.deliver(Value::Nil)
            }
            None => Ok(Control::Value(Value::Nil)),
        }
    }

    /// Pops frames up to the nearest trap, and goes on there; without one the error is final.
    pub(super) fn unwind(&mut self, mut error: Error) -> Result<Control, Error> {
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Lambda(running) => error = self.note_call(error, &running),
                Frame::Trap(handler, height) => {
                    self.stack.truncate(height as usize);
                    let message = Value::string(&error.message());
                    match handler {
                        Handler::Report => return Ok(Control::Value(Value::from_items(vec![Value::Int(1), message]))),
                        Handler::Call(function) => {
                            self.stack.push(message);
                            match self.apply(function, 1) {
                                Ok(control) => return Ok(control),
                                Err(next) => error = next,
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        Err(error)
    }

    /// Adds to an error what a lambda's frame knows: the place, and the name of the lambda.
    pub(super) fn note_call(&self, error: Error, running: &Running) -> Error {
        let Function::Lambda(lambda) = &*running.function else {
            return error;
        };
        let code = lambda.code();
        let span = code.span_at((running.at as usize).saturating_sub(1));
        let mut error = error.at(&code.source, span);
        if matches!(code.kind, CodeKind::Explicit | CodeKind::Implicit) {
            let name = match self.env.name_of(&running.function) {
                Some(name) => name.text().into_owned(),
                None => "{..}".to_owned(),
            };
            error.push_call(Call { name, source: Rc::clone(&code.source), span });
        }
        error
    }

    /// Evaluates a view whose value is wanted; what wanted it runs again afterwards.
    pub(crate) fn refresh(&mut self, global: u32, code: Rc<Code>) -> Result<Control, Error> {
        let circular = self.frames.iter().any(|frame| matches!(frame, Frame::View(other) if *other == global));
        if circular {
            let name = self.env.name(global);
            return Err(Error::new(Class::Domain, format!("view {name} depends on itself")));
        }
        self.frames.push(Frame::View(global));
        let running = self.program(code, Vec::new());
        Ok(Control::Enter(running))
    }
}

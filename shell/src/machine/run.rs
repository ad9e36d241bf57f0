//! The loop over frames: values go to the frame on top, errors unwind to the nearest trap.

use super::{Control, Machine};
use crate::code::{Capture, Code, CodeKind, Lambda};
use crate::error::{Call, Class, Error, Source, Span};
use crate::frame::{Frame, Handler, Running};
use crate::hint;
use crate::value::{Function, Value};
use std::rc::Rc;

impl Machine {
    /// Puts a program's code on top, ready to run.
    pub(crate) fn push_program(&mut self, code: Rc<Code>, captures: Vec<Capture>) {
        let function = Rc::new(Function::Lambda(Lambda::new(code, captures)));
        let running = Running {
            function,
            cells: None,
            at: 0,
            base: self.stack.len() as u32,
        };
        self.frames.push(Frame::Lambda(running));
    }

    /// Gives a value to the frame on top.
    pub(super) fn deliver(&mut self, value: Value) -> Result<Control, Error> {
        match self.frames.last() {
            Some(Frame::Lambda(_)) => {
                self.stack.push(value);
                self.execute()
            }
            Some(Frame::Each(_)) => self.each(Some(value)),
            Some(Frame::Fold(_)) => self.fold(Some(value)),
            Some(Frame::Prior(_)) => self.prior(Some(value)),
            Some(Frame::Converge(_)) => self.converge(Some(value)),
            Some(Frame::Repeat(_)) => self.repeat(Some(value)),
            Some(Frame::Amend(_)) => self.amend(Some(value)),
            Some(Frame::Train(_)) => self.train(Some(value)),
            Some(Frame::View(_) | Frame::Trap(..) | Frame::Splice(_) | Frame::Apply(..)) => {
                self.deliver_once(value)
            }
            None => Ok(Control::Value(value)),
        }
    }

    /// Gives a value to a frame that takes only one.
    fn deliver_once(&mut self, value: Value) -> Result<Control, Error> {
        match self.frames.pop() {
            Some(Frame::View(global)) => {
                self.env.set_view_value(global, value);
                Ok(Control::Again)
            }
            Some(Frame::Trap(Handler::Report, _)) => Ok(Control::Value(Value::from_items(vec![
                Value::Int(0),
                value,
            ]))),
            Some(Frame::Splice(splice)) => splice.finish(value).map(Control::Value),
            _ => Ok(Control::Value(value)),
        }
    }

    /// Lets the frame on top go on without a value.
    pub(super) fn again(&mut self) -> Result<Control, Error> {
        match self.frames.last() {
            Some(Frame::Lambda(_)) => self.execute(),
            Some(Frame::Each(_)) => self.each(None),
            Some(Frame::Fold(_)) => self.fold(None),
            Some(Frame::Prior(_)) => self.prior(None),
            Some(Frame::Repeat(_)) => self.repeat(None),
            Some(Frame::Converge(_)) => self.converge(None),
            Some(Frame::Amend(_)) => self.amend(None),
            Some(Frame::Train(_)) => self.train(None),
            Some(Frame::Apply(..)) => match self.frames.pop() {
                Some(Frame::Apply(function, count)) => self.apply(function, count as usize),
                _ => Ok(Control::Again),
            },
            // The others never wait without a value.
            _ => Ok(Control::Value(Value::Nil)),
        }
    }

    /// Pops frames up to the nearest trap, and goes on there; without one the error is final.
    pub(super) fn unwind(&mut self, mut error: Error) -> Result<Control, Error> {
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Lambda(running) => error = self.note_call(error, &running),
                // An interrupt is meant for the whole program.
                Frame::Trap(..) if error.class() == Class::Interrupt => {}
                Frame::Trap(handler, height) => {
                    self.stack.truncate(height as usize);
                    let message = Value::string(&error.message());
                    match handler {
                        Handler::Report => {
                            return Ok(Control::Value(Value::from_items(vec![
                                Value::Int(1),
                                message,
                            ])));
                        }
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
        let mut error = hinted(error, &code.source, span).at(&code.source, span);
        if matches!(code.kind, CodeKind::Explicit | CodeKind::Implicit) {
            let name = match self.env.name_of(&running.function) {
                Some(name) => name.text().into_owned(),
                None => "{..}".to_owned(),
            };
            error.push_call(Call {
                name,
                source: Rc::clone(&code.source),
                span,
            });
        }
        error
    }

    /// Evaluates a view whose value is wanted; what wanted it runs again afterwards.
    pub(crate) fn refresh(&mut self, global: u32, code: Rc<Code>) -> Result<Control, Error> {
        let circular = self
            .frames
            .iter()
            .any(|frame| matches!(frame, Frame::View(other) if *other == global));
        if circular {
            let name = self.env.name(global);
            return Err(Error::new(
                Class::Domain,
                format!("view {name} depends on itself"),
            ));
        }
        self.frames.push(Frame::View(global));
        self.push_program(code, Vec::new());
        Ok(Control::Again)
    }
}

/// An error about a name that was just met, with what its user may have meant.
fn hinted(error: Error, source: &Source, span: Span) -> Error {
    if error.class() != Class::Name || error.span().is_some() {
        return error;
    }
    let (start, end) = (span.start as usize, span.end as usize);
    let name = source.text.get(start..end).unwrap_or_default();
    let after = source.text.get(end..).unwrap_or_default();
    match hint::for_name(name, after) {
        Some(hint) => Error::new(Class::Name, format!("{}: {hint}", error.text())),
        None => error,
    }
}

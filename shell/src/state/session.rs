//! A session: its machine, the inputs that wait, what is to be printed.
//!
//! An effect that is under way is begun again after the move: waiting to receive or to send is the same
//! anywhere. The host must not save a session whose effect has been carried out in part.

use super::StateError;
use super::bytes::{Input, Output};
use crate::machine::{Config, Machine};
use crate::session::{Echo, Executed, Session, Stream, Work};

impl Session {
    /// The whole state between two turns.
    ///
    /// # Errors
    /// Busy while a command of the session waits for its host; memory does not suffice.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        let (number, argument) = match &self.work {
            _ if !self.scripts.is_empty() => return Err(StateError::Busy),
            Work::Idle => (0, 0),
            Work::Program(echo) => (1, echo_number(*echo)),
            Work::Effect(echo) | Work::Begin(echo) => (2, echo_number(*echo)),
            Work::Report(executed) => (3, executed_number(*executed)),
            Work::Script(_) | Work::Part | Work::Halting => return Err(StateError::Busy),
        };
        let mut out = Output::default();
        out.byte(number);
        out.byte(argument);
        out.text(self.origin.as_bytes());
        out.text(self.partial.as_bytes());
        out.count(self.partial_line as usize);
        out.count(self.line as usize);
        out.count(self.layout.digits);
        out.count(self.inputs.len());
        self.inputs.iter().for_each(|input| out.text(input));
        out.count(self.output.len());
        for (stream, text) in &self.output {
            out.byte(match stream {
                Stream::Out => 0,
                Stream::Errors => 1,
            });
            out.text(text);
        }
        out.count(self.taken);
        out.raw(&self.machine.save()?);
        out.finish()
    }

    /// A session that goes on where another one was.
    ///
    /// # Errors
    /// As for [`Machine::restore`].
    pub fn restore(bytes: &[u8], config: Config) -> Result<Session, StateError> {
        let mut input = Input::new(bytes);
        let damaged = StateError::Damaged("a session of no kind");
        let work = match (input.byte()?, input.byte()?) {
            (0, 0) => Work::Idle,
            (1, echo) => Work::Program(echo_of(echo)?),
            (2, echo) => Work::Begin(echo_of(echo)?),
            (3, executed) => Work::Report(executed_of(executed)?),
            _ => return Err(damaged),
        };
        let mut session = Session::new(Machine::new(config), &input.string()?);
        session.partial = input.string()?;
        session.partial_line = input.small()?;
        session.line = input.small()?;
        session.layout.digits = input.count()?;
        session.inputs = input.list(|input| Ok(input.text()?.to_vec()))?.into();
        let output = input.list(|input| {
            let stream = match input.byte()? {
                0 => Stream::Out,
                1 => Stream::Errors,
                _ => return Err(StateError::Damaged("a text for nobody")),
            };
            Ok((stream, input.text()?.to_vec()))
        })?;
        session.output = output.into();
        session.taken = input.count()?;
        if session.taken > session.output.front().map_or(0, |(_, text)| text.len()) {
            return Err(damaged);
        }
        session.machine = Machine::restore(input.rest(), config)?;
        let fits = match work {
            Work::Program(_) => !session.machine.is_idle() && !session.machine.is_waiting(),
            Work::Begin(_) => session.machine.is_waiting(),
            _ => session.machine.is_idle(),
        };
        if !fits {
            return Err(StateError::Damaged(
                "a session that its machine contradicts",
            ));
        }
        session.work = work;
        Ok(session)
    }
}

fn echo_number(echo: Echo) -> u8 {
    match echo {
        Echo::Value => 0,
        Echo::Nothing => 1,
    }
}

fn echo_of(number: u8) -> Result<Echo, StateError> {
    match number {
        0 => Ok(Echo::Value),
        1 => Ok(Echo::Nothing),
        _ => Err(StateError::Damaged("an echo of no kind")),
    }
}

fn executed_number(executed: Executed) -> u8 {
    match executed {
        Executed::Done => 0,
        Executed::Failed => 1,
        Executed::Incomplete => 2,
    }
}

fn executed_of(number: u8) -> Result<Executed, StateError> {
    match number {
        0 => Ok(Executed::Done),
        1 => Ok(Executed::Failed),
        2 => Ok(Executed::Incomplete),
        _ => Err(StateError::Damaged("an input that went in no way")),
    }
}

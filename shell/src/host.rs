//! What a session needs from outside: somebody who carries out effects and takes text.

use crate::effect::Effect;
use crate::error::Error;
use crate::symbol::Symbol;
use crate::value::Value;

/// Where text goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Values, and what programs print.
    Out,
    /// Errors.
    Errors,
}

/// How far an effect has come.
#[derive(Debug)]
pub enum Progress {
    /// It has an answer.
    Done(Result<Value, Error>),
    /// Not yet: the host has armed whatever will wake the session's task.
    Waiting,
}

/// Whether text was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// All of it.
    All,
    /// All before that byte: the rest is to be offered again, and the host has armed what will wake
    /// the task.
    Until(usize),
}

/// How an input went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Executed {
    /// It has run.
    Done,
    /// An error was printed.
    Failed,
    /// It goes on in the next line.
    Incomplete,
}

/// What carries out effects.
pub trait Host {
    /// Begins an effect. There is at most one under way.
    fn begin(&mut self, effect: &Effect) -> Progress;
    /// Asks again for the effect that is waiting.
    fn proceed(&mut self) -> Progress;
    /// Offers text, of which the bytes before `from` were taken already.
    fn write(&mut self, stream: Stream, text: &[u8], from: usize) -> Taken;
    /// Nanoseconds of a monotonic clock, if there is one.
    fn now_ns(&mut self) -> Option<u64>;
    /// Is told, when an input has run, which names programs have bound.
    fn names(&mut self, names: &[Symbol]) {
        let _ = names;
    }
    /// Is told how the input that runs went.
    fn executed(&mut self, executed: Executed);
    /// Whether the input that runs is to be given up. Holds until the host was told how it went.
    fn is_interrupted(&mut self) -> bool {
        false
    }
    /// The answer of the effect that is waiting is no longer wanted.
    fn abandon(&mut self) {}
    /// The same for an input whose outcome was asked for: an encoded value.
    fn reported(&mut self, executed: Executed, outcome: &[u8]) {
        let _ = outcome;
        self.executed(executed);
    }
}

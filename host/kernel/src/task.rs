//! What a task is to the kernel: four calls, an outcome, and an end with a reason.
//!
//! A task gets a [`Context`] and returns; it never sees the scheduler. Whether it is a Wasm
//! instance, an O program or native code is the CPU's business, which hands the kernel a
//! `Box<dyn Task>`.

use crate::context::Context;
use crate::exit::Exit;
use std::fmt;

/// Something that a core runs.
///
/// All calls are made on the task's own core, never two at a time. A call may last longer than the
/// task's turn if its CPU calls [`Context::preempt`] now and then.
pub trait Task: Send {
    /// Called once, before anything else.
    ///
    /// # Errors
    /// A fault ends the task with that reason.
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        let _ = cx;
        Ok(())
    }

    /// An input for this task, for example a line for the shell. The task reports its end by
    /// [`Context::executed`], now or later; until then it is given no other input.
    ///
    /// # Errors
    /// A fault ends the task with that reason.
    fn exec(&mut self, cx: &mut Context, input: &[u8]) -> Result<(), Fault> {
        let _ = (cx, input);
        Err(Fault::new(
            FaultKind::Refused,
            "this task takes no input by exec",
        ))
    }

    /// Does what there is to do for about one slice of time.
    fn poll(&mut self, cx: &mut Context) -> Outcome;

    /// Called instead of `poll` when the task is to end, until it answers that it is ready. It may sleep
    /// in between, as after [`Outcome::Yield`]. A task of the kernel's own may have to end others first.
    fn ending(&mut self, cx: &mut Context, exit: &Exit) -> Ending {
        let _ = (cx, exit);
        Ending::Ready
    }

    /// Writes all that the task is made of, between two turns, so that another instance can go on from
    /// there: perhaps of a newer version. Handles and places in rings are the kernel's, and stay.
    ///
    /// # Errors
    /// The state is not written; the error says whether the task goes on.
    fn save(&mut self, cx: &mut Context) -> Result<SavedState, Unsaved> {
        let _ = cx;
        let text = "this task cannot be saved";
        Err(Unsaved::Never(Fault::new(FaultKind::Refused, text)))
    }

    /// Called instead of [`Task::init`]: goes on where another instance was when it was saved. Until this has
    /// come back well the other one is kept, and what this one does has no effect: it can look at what
    /// it holds and set timers, and what it closes stays open until then.
    ///
    /// # Errors
    /// The state is of a form that it does not know, or not whole, or the code is at fault.
    fn restore(&mut self, cx: &mut Context, state: SavedState) -> Result<(), Fault> {
        let _ = (cx, state);
        let text = "this task cannot be restored";
        Err(Fault::new(FaultKind::Refused, text))
    }

    /// Which version of its module it is made of; 0 for what is made of none.
    fn version(&self) -> u32 {
        0
    }

    /// Called once, at last; handles are still good. Not called for a task whose `init` failed. A task that was told to
    /// end has [`FINALIZE_CPU_MS_MAX`](crate::limits::FINALIZE_CPU_MS_MAX) for it.
    fn finalize(&mut self, cx: &mut Context, exit: &Exit) {
        let _ = (cx, exit);
    }
}

/// The state of a task as it has written it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedState {
    /// The version of the form, which is the task's own.
    pub version: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why the state of a task was not written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsaved {
    /// Not at this moment: the task goes on, and can be asked again after a turn of it.
    #[error("{0}")]
    NotNow(Fault),
    /// It cannot be written at all; the task goes on.
    #[error("{0}")]
    Never(Fault),
    /// The task failed over it and cannot go on.
    #[error("{0}")]
    Ended(Fault),
}

/// What a poll answers.
#[derive(Debug)]
pub enum Outcome {
    /// Sleep until something armed by [`Context::wait`] is ready; with nothing armed, or something
    /// found ready, poll again next turn.
    Yield,
    /// Finished well.
    End,
    /// Failed.
    Err(Fault),
    /// There is always more to do: poll again next turn, whatever is armed.
    Infinite,
}

/// What a task that is to end answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Ending {
    /// It may be ended now.
    Ready,
    /// It waits for something that it armed.
    NotYet,
}

/// Who is to blame for a task's failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The CPU stopped the task: an invalid access, an unreachable instruction, its stack's end.
    Trap,
    /// The task's own code panicked.
    Panic,
    /// A limit of the task or of the core is reached.
    Limit,
    /// The kernel or the CPU refused what was asked, for example a module of another ABI.
    Refused,
    /// The task answered Err.
    Err,
    /// The host has a fault of its own.
    Host,
}

impl FaultKind {
    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::Trap => "trap",
            FaultKind::Panic => "panic",
            FaultKind::Limit => "limit",
            FaultKind::Refused => "refused",
            FaultKind::Err => "error",
            FaultKind::Host => "host",
        }
    }
}

/// Why a task failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Who is to blame.
    pub kind: FaultKind,
    /// One line for a person.
    pub message: String,
    /// Where, one frame per line; empty when not known.
    pub backtrace: String,
}

impl Fault {
    /// A fault without a backtrace.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault {
            kind,
            message: message.into(),
            backtrace: String::new(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Fault {}

/// What [`Context::preempt`](crate::Context::preempt) answers when the task's next turn has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Resumed {
    /// Go on where you were.
    Continue,
    /// Unwind and answer [`Outcome::Err`]: the task was killed or the kernel halts.
    Kill,
}

/// What [`Context::wait`](crate::Context::wait) answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Wait {
    /// It is there: no wake-up will come.
    Ready,
    /// Armed: after Yield the task sleeps until this or another armed handle is ready.
    Armed,
}

//! What foreign threads hand to a core: console readers and writers, compilers, controls.
//!
//! A foreign thread owns no bus ring, so it posts into the core's inbox under a mutex and
//! notifies the core. Posts are carried out in the order in which they came.

use crate::envelope::Ask;
use crate::ids::{CoreId, TaskId};
use crate::io::selector::Notice;
use crate::program::{Candidate, ModuleInfo};
use crate::spawn::Spawn;
use crate::table::Key;
use okernel_abi::layout::Executed;
use okernel_abi::value::Value;
use std::fmt;

/// Called with the answer to a request.
pub(crate) type ValueDone = Box<dyn FnOnce(Value) + Send>;

/// Called with the end of an exec.
pub(crate) type ExecDone = Box<dyn FnOnce(Result<Executed, String>) + Send>;

/// Something for a core to do.
pub(crate) enum Post {
    /// For the selector in this slot.
    Notice(Key, Notice),
    /// A compiler has finished what this core asked for on behalf of `asker`.
    Loaded {
        asker: Asker,
        result: Result<ModuleInfo, String>,
    },
    /// A compiler has checked what this core asked for on behalf of `asker`.
    Checked {
        asker: Asker,
        module: String,
        result: Result<(ModuleInfo, Candidate), String>,
    },
    /// A file that was read aside, or why it could not be.
    Read {
        asker: Asker,
        result: Result<Vec<u8>, String>,
    },
    /// A file was written aside, or why it could not be.
    Wrote {
        asker: Asker,
        result: Result<(), String>,
    },
    /// The console's writer has written so many prints; their senders can be told.
    Written(Vec<Asker>),
    /// A request with all rights.
    Request { request: Value, done: ValueDone },
    /// An input for a task.
    Exec {
        task: TaskId,
        input: Vec<u8>,
        done: ExecDone,
    },
    /// A new task.
    Spawn {
        core: CoreId,
        spawn: Box<Spawn>,
        done: ValueDone,
    },
    /// A task is to give up the input that it works on.
    Interrupt(TaskId),
    /// The person at the terminal interrupts whatever reads there.
    InterruptInput,
    /// The kernel is to halt.
    Halt(i32),
    /// The statistics' ring has a new subscriber.
    FeedWanted,
    /// A task has ended somewhere; whoever waits to be alone looks again.
    TaskEnded,
}

/// Who waits for an answer: a core, and its own number for what it asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    pub(crate) core: CoreId,
    pub(crate) ask: Ask,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Post::Notice(..) => "Notice",
            Post::Loaded { .. } => "Loaded",
            Post::Checked { .. } => "Checked",
            Post::Read { .. } => "Read",
            Post::Wrote { .. } => "Wrote",
            Post::Written(_) => "Written",
            Post::Request { .. } => "Request",
            Post::Exec { .. } => "Exec",
            Post::Spawn { .. } => "Spawn",
            Post::Interrupt(_) => "Interrupt",
            Post::InterruptInput => "InterruptInput",
            Post::Halt(_) => "Halt",
            Post::FeedWanted => "FeedWanted",
            Post::TaskEnded => "TaskEnded",
        })
    }
}

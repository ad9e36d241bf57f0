//! What a core's poll can wait for: one trait, one slot for each.
//!
//! A selector is a piece of the outside world: the console, a script, later a socket. It is called
//! on its core's thread and must return at once; whatever blocks belongs on a thread aside, which
//! reports by the selector's [`Door`]. A selector never sees the core: it asks for
//! [`Effects`], which the core carries out after the call.

use crate::ids::TaskId;
use crate::inbox::{Asker, Post};
use crate::io::console::ConsoleConfig;
use crate::io::output::Stream;
use crate::table::Key;
use crate::wake::Signal;
use mio::event::Event;
use mio::{Registry, Token};
use okernel_abi::layout::Executed;
use std::io;
use std::sync::Arc;

/// Something that a core waits for.
pub(crate) trait Selector: Send {
    /// Called once, when the selector gets its slot. What has a file descriptor registers it with
    /// `token`; threads aside are given the door.
    fn register(&mut self, registry: &Registry, token: Token, door: Door) -> io::Result<()>;

    /// Something registered is ready.
    fn ready(&mut self, event: &Event, effects: &mut Effects) {
        let _ = (event, effects);
    }

    /// A thread aside, or another part of the core, has news.
    fn notice(&mut self, notice: Notice, effects: &mut Effects);

    /// How an input that this selector sent to a task went; the error says why it never ran.
    fn executed(&mut self, executed: Result<Executed, String>, effects: &mut Effects) {
        let _ = (executed, effects);
    }

    /// Takes output; `asker` is told when it is written. None: this selector takes none.
    fn write(&mut self, stream: Stream, bytes: Vec<u8>, asker: Asker) -> Option<()> {
        let _ = (stream, bytes, asker);
        None
    }

    /// The core halts: writes what is left, and takes its registration back.
    fn finalise(&mut self, registry: &Registry);
}

/// News for a selector.
#[derive(Debug)]
pub(crate) enum Notice {
    /// What a console reads, once it is started, and who is given the lines.
    Input(ConsoleConfig, TaskId),
    /// Its turn has come: it may begin to read. How earlier inputs went is passed on.
    Start(Verdict),
    /// A line was read.
    Line(Vec<u8>),
    /// There will be no more lines.
    End,
    /// Reading failed.
    Failed(String),
}

/// Whether all inputs so far went well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Fine,
    Failed,
}

impl Verdict {
    /// The exit status of a kernel whose inputs went like this.
    pub(crate) fn status(self) -> i32 {
        match self {
            Verdict::Fine => 0,
            Verdict::Failed => 1,
        }
    }
}

/// How a thread aside reaches its selector.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    signal: Arc<Signal>,
    slot: Key,
}

impl Door {
    pub(crate) fn new(signal: Arc<Signal>, slot: Key) -> Door {
        Door { signal, slot }
    }

    /// Hands news to the selector.
    pub(crate) fn notice(&self, notice: Notice) {
        self.signal.post(Post::Notice(self.slot, notice));
    }

    /// Hands something to the selector's core.
    pub(crate) fn post(&self, post: Post) {
        self.signal.post(post);
    }
}

/// What a selector asks of its core.
#[derive(Debug)]
pub(crate) enum Effect {
    /// An input for a task; the selector is told how it went.
    Exec { task: TaskId, input: Vec<u8> },
    /// Let the console begin to read.
    StartConsole(Verdict),
    /// Halt the kernel with this status.
    Halt(i32),
    /// Halt it as soon as the shell is the only task.
    HaltWhenAlone(i32),
}

/// The effects of one call, in order.
pub(crate) type Effects = Vec<Effect>;

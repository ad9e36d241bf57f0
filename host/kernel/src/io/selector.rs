//! What a core's poll can wait for: one trait, one slot for each.
//!
//! A selector is a piece of the outside world: the console, a script, a listening socket with all of
//! its connections. It is called on its core's thread and must return at once; whatever blocks
//! belongs on a thread aside, which reports by the selector's [`Door`]. A selector never sees
//! the core: during a call it has its [`Effects`].
//!
//! A selector may own ends of rings. It registers [`Effects::waker`] with them and is then called
//! with [`Ready::Ring`] when there is data or room; nothing is ever polled. Slots are given and taken
//! while the kernel runs ([`crate::io::select`]), and a selector may take itself away.

use crate::core::Shared;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::inbox::{Asker, Post};
use crate::io::console::ConsoleConfig;
use crate::io::file::Piece;
use crate::io::output::Stream;
use crate::io::rings::OwnSubscriber;
use crate::refusal::Refusal;
use crate::spawn::Spawn;
use crate::table::Key;
use crate::wake::{Signal, SlotWake};
use mio::event::Event;
use mio::{Registry, Token};
use okernel_abi::layout::Executed;
use okernel_abi::value::Value;
use okernel_ring::Policy;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Something that a core waits for.
pub trait Selector: Send {
    /// Called once, when the selector gets its slot. What has a file descriptor registers it with
    /// [`Effects::token`]; threads aside are given the [`Effects::door`].
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()>;

    /// Something that the selector waits for is ready.
    fn ready(&mut self, ready: Ready<'_>, effects: &mut Effects<'_>) {
        let _ = (ready, effects);
    }

    /// A thread aside, or another part of the core, has news.
    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        let _ = (notice, effects);
    }

    /// How an input that this selector sent to a task went; the error says why it never ran.
    fn executed(&mut self, executed: Result<Executed, String>, effects: &mut Effects<'_>) {
        let _ = (executed, effects);
    }

    /// As [`Selector::executed`], with the outcome that the task has reported: an encoded value, or
    /// nothing.
    fn reported(&mut self, report: Result<(Executed, Vec<u8>), String>, effects: &mut Effects<'_>) {
        self.executed(report.map(|(executed, _)| executed), effects);
    }

    /// Takes output; `asker` is told when it is written. None: this selector takes none.
    fn write(&mut self, stream: Stream, bytes: Vec<u8>, asker: Asker) -> Option<()> {
        let _ = (stream, bytes, asker);
        None
    }

    /// The names that a person may type have changed. The names of modules begin with a backtick.
    fn offer(&mut self, names: Vec<String>) {
        let _ = names;
    }

    /// It is dropped. What has something left to write aside writes it first, and then asks for
    /// [`Effect::Remove`].
    fn leave(&mut self, effects: &mut Effects<'_>) {
        effects.push(Effect::Remove);
    }

    /// It is taken away, or the core halts: writes what is left, and takes its registrations back.
    fn finalise(&mut self, effects: &mut Effects<'_>);
}

/// What is ready.
#[derive(Debug)]
pub enum Ready<'a> {
    /// What was registered with [`Effects::token`] of this number.
    Event(u32, &'a Event),
    /// A ring whose end registered [`Effects::waker`] has data or room; or [`Effects::again`] was
    /// asked for. It may be none of them: the selector looks.
    Ring,
    /// The moment that [`Effects::call_at`] set has come.
    Time,
}

/// News for a selector.
#[derive(Debug)]
pub enum Notice {
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
    /// What a thread aside has done with a file.
    File(Piece),
    /// The addresses of a host, or why there are none.
    Resolved(Result<Vec<SocketAddr>, String>),
    /// A person at the terminal interrupts.
    Interrupt,
    /// The answer to [`Effect::Ask`] with this tag; it may be an error value.
    Answer(u64, Value),
    /// The answer to [`Effect::Spawn`]: the task's number, or an error value.
    Spawned(Value),
    /// The task with this slot's output, or one that it spawned, has ended: why.
    Ended(TaskId, String),
    /// What was written to the console; see [`Effect::Mirror`].
    Output(Stream, Arc<[u8]>),
}

/// Whether all inputs so far went well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All.
    Fine,
    /// Not all.
    Failed,
}

impl Verdict {
    /// The exit status of a kernel whose inputs went like this.
    pub fn status(self) -> i32 {
        match self {
            Verdict::Fine => 0,
            Verdict::Failed => 1,
        }
    }
}

/// How a thread aside reaches its selector.
#[derive(Clone, Debug)]
pub struct Door {
    signal: Arc<Signal>,
    slot: Key,
}

impl Door {
    pub(crate) fn new(signal: Arc<Signal>, slot: Key) -> Door {
        Door { signal, slot }
    }

    /// Hands news to the selector.
    pub fn notice(&self, notice: Notice) {
        self.signal.post(Post::Notice(self.slot, notice));
    }

    /// Hands something to the selector's core.
    pub(crate) fn post(&self, post: Post) {
        self.signal.post(post);
    }
}

/// What a selector asks of its core.
pub enum Effect {
    /// An input for a task; the selector is told how it went.
    Exec {
        /// The task.
        task: TaskId,
        /// The input.
        input: Vec<u8>,
    },
    /// The input that the task works on is to be given up; the selector that sent it is told as usual.
    Interrupt {
        /// The task.
        task: TaskId,
    },
    /// A request with all rights, answered by [`Notice::Answer`] with the same tag.
    Ask(u64, Value),
    /// A task on this core whose console output, and that of all tasks that it spawns, this selector is
    /// given to write. Answered by [`Notice::Spawned`]; ended at once if the selector is gone by then.
    Spawn(Box<Spawn>),
    /// What this selector was given to write is written: whoever printed it may go on.
    Written(Vec<Asker>),
    /// From now on the selector is told all that is written to the console.
    Mirror,
    /// Let the console begin to read.
    StartConsole(Verdict),
    /// Halt the kernel with this status.
    Halt(i32),
    /// Halt it as soon as the shell is the only task.
    HaltWhenAlone(i32),
    /// Give this selector a slot of this core.
    Add(Box<dyn Selector>),
    /// Take the selector that asks away.
    Remove,
}

/// The slot of a selector, as long as it has one.
pub(crate) struct Place<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) key: Key,
    pub(crate) wake: &'a Arc<SlotWake>,
    pub(crate) signal: &'a Arc<Signal>,
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) core: CoreId,
}

/// A selector's hold on its core during one call: its registrations, rings, alarm, and the effects
/// that the core carries out after the call, in order.
pub struct Effects<'a> {
    place: Place<'a>,
    now_ns: u64,
    list: Vec<Effect>,
    call_at: Option<Option<u64>>,
}

impl<'a> Effects<'a> {
    pub(crate) fn new(place: Place<'a>, now_ns: u64) -> Effects<'a> {
        Effects {
            place,
            now_ns,
            list: Vec::new(),
            call_at: None,
        }
    }

    /// What was asked for: the effects, and the moment for the next call if it was changed.
    pub(crate) fn into_parts(self) -> (Vec<Effect>, Option<Option<u64>>) {
        (self.list, self.call_at)
    }

    /// Asks for an effect.
    pub fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    /// Where sources of events are registered.
    pub fn registry(&self) -> &Registry {
        self.place.registry
    }

    /// The token for the selector's source number `part`: a selector may have as many as it likes.
    pub fn token(&self, part: u32) -> Token {
        token(self.place.key, part)
    }

    /// A door for threads aside.
    pub fn door(&self) -> Door {
        Door::new(Arc::clone(self.place.signal), self.place.key)
    }

    /// What ends of rings are registered with: wakes the selector with [`Ready::Ring`].
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(self.place.wake))
    }

    /// Asks for a call with [`Ready::Ring`] in the core's next round: for a selector that has more to do and
    /// lets the others have their turn.
    pub fn again(&self) {
        self.place.wake.wake_by_ref();
    }

    /// The kernel's clock at the beginning of the call, in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Asks for a call with [`Ready::Time`] at this moment of the kernel's clock, instead of the one that was
    /// set before. None: for no such call.
    pub fn call_at(&mut self, at_ns: Option<u64>) {
        self.call_at = Some(at_ns);
    }

    /// Subscribes to a ring by its number. The ring forgets the subscriber when it is dropped.
    ///
    /// # Errors
    /// As for the request `sub`.
    pub fn subscribe(&self, ring: EndpointId, policy: Policy) -> Result<OwnSubscriber, Refusal> {
        OwnSubscriber::join(self.place.shared, self.place.core, ring, policy)
    }
}

const PART_BITS: u32 = 32;
const INDEX_BITS: u32 = 16;
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;

/// Slots of one core: their indices are a part of tokens, and the last one is the core's own.
pub(crate) const SLOTS_MAX: usize = INDEX_MASK;

/// A token is the part, the slot's index, and as much of its generation as there is room for: enough to
/// tell a slot from those before it whose events are still in the same batch.
pub(crate) fn token(slot: Key, part: u32) -> Token {
    let generation = slot.generation() as usize & INDEX_MASK;
    Token(part as usize | slot.index() << PART_BITS | generation << (PART_BITS + INDEX_BITS))
}

/// The number of the source within its slot.
pub(crate) fn part(token: Token) -> u32 {
    token.0 as u32
}

/// The index of a token's slot.
pub(crate) fn slot_index(token: Token) -> usize {
    token.0 >> PART_BITS & INDEX_MASK
}

#[cfg(test)]
mod tests {
    use super::{SLOTS_MAX, part, slot_index, token};
    use crate::table::Key;

    #[test]
    fn tokens_tell_slots_and_parts_apart() {
        let last = SLOTS_MAX as u32 - 1;
        for (index, generation, number) in [(0, 0, 0), (last, 3, u32::MAX), (7, u32::MAX, 1)] {
            let key = Key::new(index, generation);
            let token = token(key, number);
            assert_eq!((slot_index(token), part(token)), (index as usize, number));
        }
        assert_ne!(token(Key::new(1, 0), 5), token(Key::new(1, 1), 5));
    }
}

//! What a ring does when a reader is slow, when nobody reads yet, and what a waiting call answers.
//!
//! These are the small vocabularies of the crate: values that callers choose between, without
//! any mechanism.

/// What happens when a subscriber is a whole ring behind its publisher. Chosen per subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Policy {
    /// The publisher waits: nothing is lost, and this reader's slices are the ring's own memory.
    #[default]
    Block,
    /// The reader is moved on and told exactly how many bytes it missed. The publisher never waits.
    Lap,
    /// The reader is detached and told how many bytes it missed. The publisher never waits.
    Kick,
}

/// What a new ring does with bytes that are published before anybody has subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// Nothing is discarded until the first subscriber has joined: the publisher fills the ring and
    /// is then told that it is full. The first subscriber starts at position 0.
    Hold,
    /// With no subscriber the publisher runs free, and each subscriber starts at what is new.
    Live,
}

/// What registering a waker answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Registered {
    /// What was to be waited for is already there: go on, no wake-up will come.
    Ready,
    /// The waker is armed; it is woken once when the condition holds, or the ring closes.
    Waiting,
}

/// How far behind one reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReaderLag {
    /// The reader's number on this ring, `0..MAX_READERS`; free again when it has left.
    pub reader: usize,
    /// What happens when it is slow.
    pub policy: Policy,
    /// The position of the next byte that it will read.
    pub cursor: u64,
    /// Bytes published and not yet released by it.
    pub lag_bytes: u64,
    /// Bytes that it has been told it missed, in all.
    pub missed_bytes: u64,
}

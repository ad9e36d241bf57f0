//! What can go wrong on a ring: one small type per operation.
//!
//! `Full` and `Empty` are the ordinary state of a queue rather than failures, but they share the
//! type of their operation so that a caller has one `match`. An operation that takes a value
//! hands it back when it could not be taken.

use crate::limits::{CAPACITY_BYTES_MAX, CAPACITY_BYTES_MIN, MAX_READERS};

/// A ring could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The capacity is not a power of two, not a multiple of the page size, or out of range.
    #[error(
        "a ring of {capacity_bytes} bytes: the capacity must be a power of two, a multiple of the \
         page size ({page_bytes}) and in {CAPACITY_BYTES_MIN}..={CAPACITY_BYTES_MAX}"
    )]
    Capacity {
        /// What was asked for.
        capacity_bytes: usize,
        /// The page size of this machine.
        page_bytes: usize,
    },
    /// The operating system refused the memory.
    #[error("no memory for a ring of {capacity_bytes} bytes: {step}: {source}")]
    Os {
        /// What was asked for.
        capacity_bytes: usize,
        /// The call that failed.
        step: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// A subscriber could not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The ring has [`MAX_READERS`] subscribers already.
    #[error("the ring has {MAX_READERS} subscribers already")]
    TooManyReaders,
}

/// Room for new bytes could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// A subscriber that gates has not yet released enough. Register a waker, or try later.
    #[error("the ring is full")]
    Full,
    /// The publisher has closed the ring.
    #[error("the ring is closed")]
    Closed,
    /// More than the ring's whole capacity: this can never succeed.
    #[error("the claim is larger than the ring")]
    TooLarge,
}

/// More bytes were committed than had been granted. Nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("commit of {bytes} bytes, of which {granted_bytes} were granted")]
pub struct CommitError {
    /// What was to be committed.
    pub bytes: usize,
    /// What may be committed at most.
    pub granted_bytes: usize,
}

/// Nothing could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// Nothing (or not enough) is there yet. Register a waker, or try later.
    #[error("the ring is empty")]
    Empty,
    /// The publisher has closed the ring, and everything in it has been read.
    #[error("the ring is closed")]
    Closed,
    /// The publisher overtook this `Lap` reader, which has been moved on: the next read succeeds
    /// at its new position.
    #[error("the publisher overtook the reader: {missed_bytes} bytes missed")]
    Lapped {
        /// Exactly how many bytes lie between the old position and the new one.
        missed_bytes: u64,
    },
    /// The publisher overtook this `Kick` reader, which is detached and will read nothing more.
    #[error("the publisher overtook the reader, which is detached: {missed_bytes} bytes missed")]
    Kicked {
        /// How many bytes had been published and not read when it was detached.
        missed_bytes: u64,
    },
}

/// More bytes were released than could be read. Nothing was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("release of {bytes} bytes, of which {readable_bytes} are readable")]
pub struct ReleaseError {
    /// What was to be released.
    pub bytes: usize,
    /// What may be released at most.
    pub readable_bytes: usize,
}

/// A value could not be sent; it is handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError<T> {
    /// A subscriber that gates has not yet released enough.
    #[error("the ring is full")]
    Full(T),
    /// The publisher has closed the ring.
    #[error("the ring is closed")]
    Closed(T),
}

impl<T> SendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

/// An endpoint cannot be seen as one of these elements (or frames): it stands between two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("position {position} is no multiple of {element_bytes} bytes")]
pub struct ViewError {
    /// Where the endpoint stands.
    pub position: u64,
    /// The size of an element, in bytes.
    pub element_bytes: usize,
}

/// No frame could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// As for bytes: empty, closed, lapped or kicked.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// The bytes at the reader's position are no frame: the publisher wrote nonsense. The reader
    /// stays where it is; it may leave, or skip what is there.
    #[error(
        "no frame at position {position}: its header claims {payload_bytes} bytes of payload, \
         {readable_bytes} bytes are readable"
    )]
    Corrupt {
        /// Where the header is.
        position: u64,
        /// The length that it states.
        payload_bytes: u32,
        /// What is readable there, header included.
        readable_bytes: usize,
    },
}

//! The queue itself, apart from its endpoints: what everybody who knows it may ask.
//!
//! A [`Ring`] is a handle: cloning it is cheap, and the memory lives until the last clone, publisher
//! and subscriber are gone.

use crate::cursor::Sequence;
use crate::error::{CreateError, SubscribeError};
use crate::memory::Memory;
use crate::policy::{Policy, ReaderLag, Start};
use crate::publisher::Publisher;
use crate::sequencer::Sequencer;
use crate::subscriber::Subscriber;
#[cfg(not(any(miri, loom)))]
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// One queue: a ring of bytes with one publisher and up to [`MAX_READERS`](crate::MAX_READERS)
/// subscribers.
#[derive(Clone, Debug)]
pub struct Ring {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sequencer: Arc<Sequencer>,
    memory: Memory,
}

/// The file behind a ring, for those who map it themselves.
///
/// The bytes at `offset .. offset + bytes` of the file are the ring; a position is found there at its
/// remainder by `bytes`. Map them twice in a row and every batch is contiguous. Keep a clone of the
/// [`Ring`] for as long as they are mapped: afterwards the same part of the file may become another ring.
#[cfg(not(any(miri, loom)))]
#[derive(Clone, Copy, Debug)]
pub struct Backing<'a> {
    /// The file: a memfd whose size is sealed. Other rings may share it.
    pub fd: BorrowedFd<'a>,
    /// Where in the file the ring begins, in bytes; a multiple of the page size.
    pub offset: u64,
    /// The ring's capacity, in bytes; a power of two and a multiple of the page size.
    pub bytes: usize,
}

impl Ring {
    /// A new ring, empty and zero, and its only publisher.
    ///
    /// `capacity_bytes` is a power of two, a multiple of the page size, and in
    /// [`CAPACITY_BYTES_MIN`](crate::CAPACITY_BYTES_MIN)`..=`[`CAPACITY_BYTES_MAX`](crate::CAPACITY_BYTES_MAX).
    ///
    /// # Errors
    ///
    /// The capacity is none of those, or the system has no memory, address space or file descriptor left.
    pub fn create(capacity_bytes: usize, start: Start) -> Result<Publisher, CreateError> {
        let memory = Memory::create(capacity_bytes)?;
        let writer = Sequencer::create(capacity_bytes as u64, start);
        let sequencer = Arc::clone(writer.shared());
        Ok(Publisher::new(
            Self {
                inner: Arc::new(Inner { sequencer, memory }),
            },
            writer,
        ))
    }

    /// Joins as a subscriber.
    ///
    /// The first subscriber of a ring that was made with [`Start::Hold`] starts at position 0; every
    /// other at what is published next. A closed ring can be joined too, and what it holds be drained.
    ///
    /// # Errors
    ///
    /// There are [`MAX_READERS`](crate::MAX_READERS) already.
    pub fn subscribe(&self, policy: Policy) -> Result<Subscriber, SubscribeError> {
        let reader = self.inner.sequencer.join(policy)?;
        Ok(Subscriber::new(self.clone(), reader))
    }

    /// How many bytes the ring holds.
    pub fn capacity_bytes(&self) -> usize {
        self.inner.memory.capacity_bytes()
    }

    /// Everything before this position has been published.
    pub fn published(&self) -> Sequence {
        self.inner.sequencer.published()
    }

    /// Whether the publisher has closed the ring (or is gone). Subscribers can still drain it.
    pub fn is_closed(&self) -> bool {
        self.inner.sequencer.is_closed()
    }

    /// How far behind each subscriber is, in the order of their numbers.
    pub fn lags(&self) -> Vec<ReaderLag> {
        self.inner.sequencer.lags()
    }

    /// The file behind the ring.
    #[cfg(not(any(miri, loom)))]
    pub fn backing(&self) -> Backing<'_> {
        let memory = &self.inner.memory;
        Backing {
            fd: memory.fd(),
            offset: memory.fd_offset(),
            bytes: memory.capacity_bytes(),
        }
    }

    /// The ring's bytes, twice in a row.
    #[inline]
    pub(crate) fn memory(&self) -> &Memory {
        &self.inner.memory
    }
}

impl PartialEq for Ring {
    /// Whether both are handles of the same queue.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Ring {}

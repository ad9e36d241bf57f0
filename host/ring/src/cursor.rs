//! A position in a ring's stream, and a place where one party shows its own to the others.
//!
//! A [`Sequence`] counts bytes since the ring was made. It never wraps: at 100 GB/s a `u64` lasts
//! five years. Its remainder by the capacity is an offset into the memory.
//!
//! A [`Cursor`] has one writer. It fills its cache lines alone, so that two cores that move their
//! own cursors do not slow each other down.

use crate::sync::{AtomicU64, Ordering, store_then_fence};
use crossbeam_utils::CachePadded;

/// Byte position in a ring's stream: how many bytes came before it. Only ever grows.
pub type Sequence = u64;

/// One party's position, shown to the others.
#[derive(Debug)]
pub(crate) struct Cursor(CachePadded<AtomicU64>);

impl Cursor {
    pub(crate) fn new(position: Sequence) -> Self {
        Self(CachePadded::new(AtomicU64::new(position)))
    }

    /// Everything that the owner did before it moved here has happened.
    ///
    /// Acquire: pairs with the Release of [`Cursor::advance`].
    #[inline]
    pub(crate) fn get(&self) -> Sequence {
        self.0.load(Ordering::Acquire)
    }

    /// Shows the owner's new position, after all that it did to the bytes before it.
    ///
    /// Release: pairs with the Acquire of [`Cursor::get`].
    #[inline]
    pub(crate) fn advance(&self, position: Sequence) {
        self.0.store(position, Ordering::Release);
    }

    /// As [`Cursor::advance`], and a full fence after it.
    #[inline]
    pub(crate) fn advance_then_fence(&self, position: Sequence) {
        store_then_fence(&self.0, position);
    }
}

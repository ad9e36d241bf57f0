//! A reader of a ring: takes a slice of what there is, releases what it has read.
//!
//! A reader that gates ([`Policy::Block`]) reads the ring's own memory: the publisher cannot
//! overwrite what it has not released. The others get their bytes copied into a private buffer, which
//! is then checked for having been overtaken; the same [`Batch`] comes out.
//!
//! The bytes are whatever the publisher wrote. One that has the ring mapped may go on
//! changing them after it has committed: code that is not prepared for that copies first
//! ([`Subscriber::peek`]) and then looks.

use crate::copy::copy_shared;
use crate::cursor::Sequence;
use crate::error::{RecvError, ReleaseError};
use crate::policy::{Policy, Registered};
use crate::read_side::ReadSide;
use crate::ring::Ring;
use std::mem::{MaybeUninit, size_of};
use std::ops::Deref;
use std::ptr::NonNull;
use std::slice;
use std::task::Waker;

/// A reader of a ring. Dropping it leaves.
#[derive(Debug)]
pub struct Subscriber {
    reader: ReadSide,
    ring: Ring,
    /// The ring's memory, kept here to save a look through two pointers.
    base: NonNull<u8>,
    mask: u64,
    /// Where a reader that does not gate finds its batch; in words, for the alignment.
    private: Vec<u64>,
}

// SAFETY: `base` points into the memory that `ring` keeps alive, which any one thread may use.
unsafe impl Send for Subscriber {}
// SAFETY: a shared reference gives only positions, no access to the memory.
unsafe impl Sync for Subscriber {}

impl Subscriber {
    pub(crate) fn new(ring: Ring, reader: ReadSide) -> Self {
        // SAFETY: a mapping or an allocation is never at address zero.
        let base = unsafe { NonNull::new_unchecked(ring.memory().base()) };
        let mask = ring.capacity_bytes() as u64 - 1;
        Self {
            reader,
            ring,
            base,
            mask,
            private: Vec::new(),
        }
    }

    /// The queue.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The position of the next byte to be read.
    #[inline]
    pub fn position(&self) -> Sequence {
        self.reader.position()
    }

    /// What happens when this subscriber is slow.
    #[inline]
    pub fn policy(&self) -> Policy {
        self.reader.policy()
    }

    /// Bytes published and not yet released; 0 once it was kicked.
    pub fn lag_bytes(&self) -> u64 {
        self.reader.lag()
    }

    /// Bytes that it has been told it missed, in all.
    pub fn missed_bytes(&self) -> u64 {
        self.reader.missed()
    }

    /// How many bytes can be read from [`position`](Self::position) on; at least one.
    ///
    /// They stay readable, and as they are, until they are released, if the policy is
    /// [`Policy::Block`].
    ///
    /// # Errors
    ///
    /// `Empty`; `Closed` when the ring is and all of it has been read; `Lapped` once for each time that
    /// the reader was overtaken, after which it stands at its new position; `Kicked` for ever after.
    #[inline]
    pub fn readable(&mut self) -> Result<usize, RecvError> {
        Ok(self.reader.readable()? as usize)
    }

    /// What there is, up to `max_bytes`, as one slice, wherever the ring's seam is.
    ///
    /// # Errors
    ///
    /// As for [`readable`](Self::readable).
    #[inline]
    pub fn batch(&mut self, max_bytes: usize) -> Result<Batch<'_>, RecvError> {
        self.batch_of(max_bytes, 1)
    }

    /// As [`batch`](Self::batch), but whole units of so many bytes; `Empty` (or `Closed`) if there is not
    /// even one. `max_bytes` is a multiple of the unit, or as good as endless.
    #[inline]
    pub(crate) fn batch_of(
        &mut self,
        max_bytes: usize,
        unit_bytes: usize,
    ) -> Result<Batch<'_>, RecvError> {
        let available = self.reader.available(max_bytes as u64)? as usize;
        let bytes = if max_bytes <= available {
            max_bytes
        } else if available < unit_bytes {
            return Err(self.nothing_more());
        } else {
            available - available % unit_bytes
        };
        let start = if self.reader.gates() {
            // SAFETY: never null.
            unsafe { NonNull::new_unchecked(self.at(0).cast_mut()) }
        } else {
            self.copy_private(bytes)?
        };
        Ok(Batch {
            subscriber: self,
            start,
            bytes,
        })
    }

    /// Releases the first `bytes` bytes: the publisher may overwrite them from now on.
    ///
    /// # Errors
    ///
    /// More than are readable. Nothing is released then.
    #[inline]
    pub fn release(&mut self, bytes: usize) -> Result<(), ReleaseError> {
        self.reader.release(bytes as u64)
    }

    /// Copies what there is, from `skip_bytes` behind the position on, and releases nothing. Returns how
    /// many bytes were copied: fewer than `into.len()` if no more is there.
    ///
    /// # Errors
    ///
    /// As for [`readable`](Self::readable); also `Empty` (or `Closed`) if nothing is there behind
    /// `skip_bytes`. What `into` holds then is unspecified.
    pub fn peek(&mut self, skip_bytes: usize, into: &mut [u8]) -> Result<usize, RecvError> {
        // SAFETY: initialised bytes are also possibly uninitialised ones, and only initialised ones are
        // written.
        let into = unsafe {
            slice::from_raw_parts_mut(into.as_mut_ptr().cast::<MaybeUninit<u8>>(), into.len())
        };
        self.peek_uninit(skip_bytes, into)
    }

    /// As [`peek`](Self::peek), into memory that need not be initialised. The first bytes, as many as
    /// it returns, are initialised afterwards.
    pub(crate) fn peek_uninit(
        &mut self,
        skip_bytes: usize,
        into: &mut [MaybeUninit<u8>],
    ) -> Result<usize, RecvError> {
        let wanted = skip_bytes.saturating_add(into.len());
        let available = self.reader.available(wanted as u64)? as usize;
        let bytes = available.saturating_sub(skip_bytes).min(into.len());
        if bytes == 0 && !into.is_empty() {
            return Err(self.nothing_more());
        }
        // SAFETY: from an offset in the first image, and not beyond what is available, which is at most
        // the capacity: inside the two images. Whoever overtakes this reader changes the
        // bytes meanwhile, which the copy allows.
        unsafe { copy_shared(self.at(skip_bytes), &mut into[..bytes]) };
        self.reader.check_copy()?;
        Ok(bytes)
    }

    /// Arms `waker` for when `min_bytes` bytes can be read (taken as at least one and at most the capacity),
    /// or there is something else to be told: the ring is closed, the reader was overtaken.
    ///
    /// It looks again after arming, so no commit is missed.
    pub fn register(&mut self, waker: &Waker, min_bytes: usize) -> Registered {
        self.reader.register(waker, min_bytes as u64)
    }

    /// Skips all that is published, as if it had been read. Returns how many bytes.
    ///
    /// # Errors
    ///
    /// As for [`readable`](Self::readable).
    pub fn release_all(&mut self) -> Result<u64, RecvError> {
        self.reader.release_all()
    }

    /// Why there is nothing behind what is readable.
    #[cold]
    pub(crate) fn nothing_more(&self) -> RecvError {
        if self.ring.is_closed() {
            RecvError::Closed
        } else {
            RecvError::Empty
        }
    }

    fn copy_private(&mut self, bytes: usize) -> Result<NonNull<u8>, RecvError> {
        let words = bytes.div_ceil(size_of::<u64>());
        if self.private.len() < words {
            self.private.resize(words, 0);
        }
        let from = self.at(0);
        let to = self.private.as_mut_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: the buffer has at least that many bytes, and is apart from the ring. From an offset in
        // the first image, and not beyond what is available, which is at most the capacity: inside the
        // two images.
        unsafe { copy_shared(from, slice::from_raw_parts_mut(to, bytes)) };
        self.reader.check_copy()?;
        // SAFETY: a vector's pointer is never null.
        Ok(unsafe { NonNull::new_unchecked(to.cast()) })
    }

    /// The address of a byte behind the position, in the first image.
    #[inline]
    fn at(&self, skip_bytes: usize) -> *const u8 {
        let offset = (self.reader.position().wrapping_add(skip_bytes as u64) & self.mask) as usize;
        // SAFETY: an offset below the capacity is in the first image.
        unsafe { self.base.as_ptr().add(offset) }
    }
}

/// Bytes to read. Dropped without release it stays to be read again.
#[derive(Debug)]
pub struct Batch<'a> {
    subscriber: &'a mut Subscriber,
    start: NonNull<u8>,
    bytes: usize,
}

impl Batch<'_> {
    /// Releases the first `bytes` bytes.
    ///
    /// # Errors
    ///
    /// More than the batch holds. Nothing is released then.
    #[inline]
    pub fn release(self, bytes: usize) -> Result<(), ReleaseError> {
        if bytes > self.bytes {
            return Err(ReleaseError {
                bytes,
                readable_bytes: self.bytes,
            });
        }
        self.subscriber.release(bytes)
    }

    /// Releases the whole batch.
    #[inline]
    pub fn release_all(self) {
        let released = self.subscriber.release(self.bytes);
        debug_assert!(released.is_ok(), "a batch is readable");
    }
}

impl Deref for Batch<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: either the ring's memory, which a reader that gates keeps from being overwritten while the
        // batch borrows it, and at most the capacity, so inside the two images; or the private buffer.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

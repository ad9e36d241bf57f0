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
use crate::pod::Pod;
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

    /// Takes one `T`, if it can be read in place.
    ///
    /// # Safety
    ///
    /// The position is a multiple of the size of `T`.
    #[inline]
    pub(crate) unsafe fn take_in_place<T: Pod>(&mut self) -> Option<T> {
        let bytes = size_of::<T>() as u64;
        if !self.reader.has_in_place(bytes) {
            return None;
        }
        // SAFETY: in the ring's memory, aligned since the position is, and not overwritten before it is
        // released; any bytes are a `T`.
        let value = unsafe { self.at(0).cast::<T>().read() };
        self.reader.release_known(bytes);
        Some(value)
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

    /// Holds the publisher up no more, until it [stands in](Self::stand_in) again: a subscriber that blocks is one that
    /// laps, and is overtaken when the ring is full. Does nothing for the others.
    pub fn stand_aside(&mut self) {
        self.reader.stand_aside();
    }

    /// Blocks again, if it stood aside, from where it was or what the publisher has overtaken, which counts as
    /// [missed](Self::missed_bytes).
    pub fn stand_in(&mut self) {
        self.reader.stand_in();
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
        self.subscriber.reader.release_known(self.bytes as u64);
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

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::{Policy, Publisher, RecvError, Registered, ReleaseError, Ring, Start, Subscriber};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    fn ring(policy: Policy) -> (Publisher, Subscriber) {
        let publisher = Ring::create(4096, Start::Live).unwrap();
        let subscriber = publisher.ring().subscribe(policy).unwrap();
        (publisher, subscriber)
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_batch_that_is_dropped_stays_to_be_read() {
        for policy in [Policy::Block, Policy::Lap, Policy::Kick] {
            let (mut publisher, mut subscriber) = ring(policy);
            publisher.write(b"abcdef").unwrap();
            assert_eq!(&*subscriber.batch(3).unwrap(), b"abc");
            let batch = subscriber.batch(100).unwrap();
            assert_eq!(&*batch, b"abcdef");
            batch.release(2).unwrap();
            let batch = subscriber.batch(100).unwrap();
            assert_eq!(&*batch, b"cdef");
            assert_eq!(
                batch.release(5),
                Err(ReleaseError {
                    bytes: 5,
                    readable_bytes: 4
                })
            );
            assert_eq!(subscriber.position(), 2);
        }
    }

    #[test]
    fn peeking_copies_and_releases_nothing() {
        for policy in [Policy::Block, Policy::Lap] {
            let (mut publisher, mut subscriber) = ring(policy);
            publisher.write(b"abcdef").unwrap();
            let mut bytes = [0; 4];
            assert_eq!(subscriber.peek(1, &mut bytes), Ok(4));
            assert_eq!(&bytes, b"bcde");
            assert_eq!(subscriber.peek(4, &mut bytes), Ok(2));
            assert_eq!(&bytes[..2], b"ef");
            assert_eq!(subscriber.peek(6, &mut bytes), Err(RecvError::Empty));
            assert_eq!(
                subscriber.peek(usize::MAX, &mut bytes),
                Err(RecvError::Empty)
            );
            assert_eq!(subscriber.position(), 0);
            drop(publisher);
            assert_eq!(subscriber.peek(6, &mut bytes), Err(RecvError::Closed));
        }
    }

    #[test]
    fn a_lapped_reader_is_told_once_and_goes_on_between_two_messages() {
        let (mut publisher, mut subscriber) = ring(Policy::Lap);
        for message in 0..10 {
            publisher.write(&[message; 1000]).unwrap();
        }
        // Bytes before 10,000 - 4096 are gone; it lands within the last half of the ring.
        assert_eq!(
            subscriber.readable(),
            Err(RecvError::Lapped { missed_bytes: 9000 })
        );
        assert_eq!(&*subscriber.batch(9999).unwrap(), [9; 1000]);
        assert_eq!(subscriber.missed_bytes(), 9000);
        subscriber.release(1000).unwrap();
        for message in 10..14 {
            publisher.write(&[message; 1024]).unwrap();
        }
        assert_eq!(subscriber.readable(), Ok(4096));
        publisher.claim(1).unwrap().fill(0);
        assert!(matches!(
            subscriber.readable(),
            Err(RecvError::Lapped { .. })
        ));
    }

    #[test]
    fn a_claim_of_the_whole_ring_leaves_a_lapped_reader_nothing() {
        let (mut publisher, mut subscriber) = ring(Policy::Lap);
        publisher.write(&[1; 100]).unwrap();
        publisher.claim(4096).unwrap().fill(2);
        assert_eq!(
            subscriber.batch(10).unwrap_err(),
            RecvError::Lapped { missed_bytes: 100 }
        );
        assert_eq!(subscriber.batch(10).unwrap_err(), RecvError::Empty);
    }

    #[test]
    fn a_kicked_reader_is_told_for_ever_and_lags_no_more() {
        let (mut publisher, mut subscriber) = ring(Policy::Kick);
        publisher.write(&[1; 4096]).unwrap();
        assert_eq!(subscriber.readable(), Ok(4096));
        publisher.write(&[2; 1]).unwrap();
        let kicked = RecvError::Kicked { missed_bytes: 4097 };
        assert_eq!(subscriber.readable(), Err(kicked));
        publisher.write(&[3; 1000]).unwrap();
        assert_eq!(subscriber.batch(1).unwrap_err(), kicked);
        assert_eq!(subscriber.peek(0, &mut [0]), Err(kicked));
        assert_eq!(subscriber.release_all(), Err(kicked));
        assert_eq!(
            subscriber.release(1),
            Err(ReleaseError {
                bytes: 1,
                readable_bytes: 0
            })
        );
        assert_eq!(subscriber.register(Waker::noop(), 1), Registered::Ready);
        assert_eq!(
            (subscriber.lag_bytes(), subscriber.missed_bytes()),
            (0, 4097)
        );
        let lag = subscriber.ring().lags()[0];
        assert_eq!(
            (lag.lag_bytes, lag.missed_bytes, lag.policy),
            (0, 4097, Policy::Kick)
        );
        drop(publisher);
        assert_eq!(subscriber.readable(), Err(kicked));
    }

    #[test]
    fn a_reader_drains_before_it_sees_that_it_is_closed() {
        for policy in [Policy::Block, Policy::Lap, Policy::Kick] {
            let (mut publisher, mut subscriber) = ring(policy);
            publisher.write(b"ab").unwrap();
            drop(publisher);
            assert_eq!(subscriber.readable(), Ok(2));
            subscriber.release(1).unwrap();
            assert_eq!(&*subscriber.batch(9).unwrap(), b"b");
            assert_eq!(subscriber.release_all(), Ok(1));
            assert_eq!(subscriber.readable(), Err(RecvError::Closed));
            assert_eq!(subscriber.register(Waker::noop(), 1), Registered::Ready);
        }
    }

    #[test]
    fn a_waiting_reader_is_woken_once_there_is_enough() {
        let (mut publisher, mut subscriber) = ring(Policy::Block);
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        assert_eq!(subscriber.register(&waker, 10), Registered::Waiting);
        publisher.write(&[0; 9]).unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        publisher.write(&[0; 9]).unwrap();
        publisher.write(&[0; 9]).unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(subscriber.register(&waker, 27), Registered::Ready);
        assert_eq!(subscriber.register(&waker, 28), Registered::Waiting);
        drop(publisher);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_reader_that_left_is_not_woken() {
        let (mut publisher, mut subscriber) = ring(Policy::Block);
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        assert_eq!(subscriber.register(&waker, 1), Registered::Waiting);
        drop(waker);
        drop(subscriber);
        publisher.write(&[0; 9]).unwrap();
        assert_eq!(Arc::strong_count(&count), 1);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }
}

#[cfg(all(test, not(loom)))]
#[path = "aside_tests.rs"]
mod aside_tests;

//! The writer of a ring: claims a slice, fills it in place, commits what it filled.
//!
//! There are two forms. Native code takes a [`Claim`], a guard over the slice. Whoever has mapped the
//! ring elsewhere (a guest's window) uses the raw form: [`Publisher::grant`] says how many bytes may be
//! written at the position, [`Publisher::commit`] publishes them.
//!
//! Invariant: while a claim or a grant is outstanding nobody reads its bytes, except readers that do
//! not gate, who find out afterwards that they were overtaken.

use crate::cursor::Sequence;
use crate::error::{ClaimError, CommitError};
use crate::memory::Images;
use crate::policy::Registered;
use crate::ring::Ring;
use crate::write_side::WriteSide;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;
use std::task::Waker;

/// The only writer of a ring. Dropping it closes the ring.
#[derive(Debug)]
pub struct Publisher {
    writer: WriteSide,
    ring: Ring,
    /// The ring's memory, kept here to save a look through two pointers.
    base: NonNull<u8>,
    mask: u64,
    images: Images,
    /// Where in the two images the next byte lies of what was claimed or granted last: beyond the first
    /// image when that runs over the seam and was committed up to there.
    run_offset: usize,
}

// SAFETY: `base` points into the memory that `ring` keeps alive, which any one thread may use.
unsafe impl Send for Publisher {}
// SAFETY: a shared reference gives only positions, no access to the memory.
unsafe impl Sync for Publisher {}

impl Publisher {
    pub(crate) fn new(ring: Ring, writer: WriteSide) -> Self {
        // SAFETY: a mapping or an allocation is never at address zero.
        let base = unsafe { NonNull::new_unchecked(ring.memory().base()) };
        let mask = ring.capacity_bytes() as u64 - 1;
        let images = ring.memory().images();
        Self {
            writer,
            ring,
            base,
            mask,
            images,
            run_offset: 0,
        }
    }

    /// The queue.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The position of the next byte to be written; everything before it has been published.
    #[inline]
    pub fn position(&self) -> Sequence {
        self.writer.position()
    }

    /// How many bytes could be claimed now. Looks at all subscribers.
    pub fn free_bytes(&self) -> usize {
        self.writer.free() as usize
    }

    /// Asks for exactly `bytes` bytes to fill in place, as one slice, wherever the ring's seam is.
    ///
    /// What the slice holds at first is unspecified (it is what was published there a lap ago).
    ///
    /// # Errors
    ///
    /// `Full`: subscribers that gate have not yet released enough. `TooLarge`: more than the capacity.
    /// `Closed`: after [`close`](Self::close).
    #[inline]
    pub fn claim(&mut self, bytes: usize) -> Result<Claim<'_>, ClaimError> {
        self.writer.claim(bytes as u64)?;
        self.begin_run();
        Ok(Claim {
            publisher: self,
            bytes,
        })
    }

    /// The raw form of [`claim`](Self::claim): asks for at least `min_bytes` and, as far as they are free,
    /// up to `max_bytes`, and returns how many may be written from [`position`](Self::position) on, by
    /// whatever way the caller has to the memory. A grant replaces the one before it.
    ///
    /// The readers are looked at again only if what is known to be free is less than `max_bytes` and
    /// less than a quarter of the ring; so a grant may be less than what is free.
    ///
    /// # Errors
    ///
    /// As for [`claim`](Self::claim), by `min_bytes`; and `Full` if not even one byte is free.
    #[inline]
    pub fn grant(&mut self, min_bytes: usize, max_bytes: usize) -> Result<usize, ClaimError> {
        let granted = self.writer.grant(min_bytes as u64, max_bytes as u64)?;
        self.begin_run();
        Ok(granted as usize)
    }

    /// How many bytes are granted and not committed yet.
    #[inline]
    pub fn granted_bytes(&self) -> usize {
        self.writer.granted() as usize
    }

    /// Publishes the first `bytes` bytes of what was granted. A grant may be committed in parts.
    ///
    /// # Errors
    ///
    /// More than was granted and not yet committed. Nothing is published then.
    #[inline]
    pub fn commit(&mut self, bytes: usize) -> Result<(), CommitError> {
        if bytes as u64 <= self.writer.granted() {
            // SAFETY: granted to this publisher.
            unsafe { self.publish_images(bytes) };
        }
        self.writer.commit(bytes as u64)
    }

    /// Gives up what was granted and not committed, for whoever writes next.
    pub fn forgo(&mut self) {
        self.writer.forgo();
    }

    /// Publishes `bytes` bytes of a claim.
    #[inline]
    fn publish(&mut self, bytes: usize) {
        // SAFETY: claimed by this publisher.
        unsafe { self.publish_images(bytes) };
        self.writer.publish(bytes as u64);
    }

    /// # Safety
    ///
    /// The `bytes` bytes at the position are this publisher's to write.
    #[inline]
    unsafe fn publish_images(&mut self, bytes: usize) {
        if self.images == Images::Copied {
            // SAFETY: those bytes are granted: at most the capacity from where the run began in the first
            // image, and nobody else accesses them.
            unsafe { self.ring.memory().publish_images(self.run_offset, bytes) };
            self.run_offset += bytes;
        }
    }

    /// What is written from now on begins at the position's place in the first image.
    #[inline]
    fn begin_run(&mut self) {
        if self.images == Images::Copied {
            self.run_offset = (self.writer.position() & self.mask) as usize;
        }
    }

    /// Publishes a copy of `bytes`: all of them, or none.
    ///
    /// # Errors
    ///
    /// As for [`claim`](Self::claim).
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ClaimError> {
        let mut claim = self.claim(bytes.len())?;
        claim.copy_from_slice(bytes);
        claim.commit_all();
        Ok(())
    }

    /// Arms `waker` for when `min_bytes` bytes are free (taken as at least one and at most the capacity).
    ///
    /// It looks again after arming, so no release is missed. To be woken less often, ask for more room
    /// than the next message needs.
    pub fn register(&mut self, waker: &Waker, min_bytes: usize) -> Registered {
        self.writer.register(waker, min_bytes as u64)
    }

    /// Closes the ring: nothing more can be published; subscribers drain what there is, and are
    /// then told.
    pub fn close(&mut self) {
        self.writer.close();
    }

    #[inline]
    fn at_position(&self) -> *mut u8 {
        let offset = (self.writer.position() & self.mask) as usize;
        // SAFETY: an offset below the capacity is in the first image.
        unsafe { self.base.as_ptr().add(offset) }
    }
}

/// Bytes of the ring to be filled and committed. Dropped without commit it publishes nothing.
#[derive(Debug)]
#[must_use = "a claim that is dropped publishes nothing"]
pub struct Claim<'a> {
    publisher: &'a mut Publisher,
    bytes: usize,
}

impl Claim<'_> {
    /// Publishes the first `bytes` bytes.
    ///
    /// # Errors
    ///
    /// More than were claimed. Nothing is published then.
    #[inline]
    pub fn commit(self, bytes: usize) -> Result<(), CommitError> {
        if bytes > self.bytes {
            return Err(CommitError {
                bytes,
                granted_bytes: self.bytes,
            });
        }
        if bytes > 0 {
            self.publisher.publish(bytes);
        }
        Ok(())
    }

    /// Publishes the whole claim.
    #[inline]
    pub fn commit_all(self) {
        self.publisher.publish(self.bytes);
    }
}

impl Deref for Claim<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: granted to this publisher, which is borrowed; at most the capacity, so inside the
        // two images.
        unsafe { slice::from_raw_parts(self.publisher.at_position(), self.bytes) }
    }
}

impl DerefMut for Claim<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody that gates reads there.
        unsafe { slice::from_raw_parts_mut(self.publisher.at_position(), self.bytes) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::{ClaimError, CommitError, Policy, Registered, Ring, Start};
    use std::task::Waker;

    #[test]
    fn a_claim_of_the_whole_ring_is_one_slice_across_the_seam() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        let mut reader = publisher.ring().subscribe(Policy::Block).unwrap();
        publisher.write(&[0; 4095]).unwrap();
        reader.release(4095).unwrap();
        let mut claim = publisher.claim(4096).unwrap();
        claim.fill(7);
        claim[4095] = 8;
        claim.commit_all();
        let batch = reader.batch(usize::MAX).unwrap();
        assert_eq!(batch.len(), 4096);
        assert!(batch[..4095].iter().all(|byte| *byte == 7));
        assert_eq!(batch[4095], 8);
    }

    #[test]
    fn a_run_over_the_seam_can_be_committed_in_parts() {
        for capacity in [4096, 65536] {
            let mut publisher = Ring::create(capacity, Start::Live).unwrap();
            let mut reader = publisher.ring().subscribe(Policy::Block).unwrap();
            publisher.write(&vec![1; capacity - 10]).unwrap();
            reader.release(capacity - 10).unwrap();
            let sent: Vec<u8> = (0..100).collect();
            assert_eq!(publisher.grant(100, 100), Ok(100));
            publisher.claim(100).unwrap().copy_from_slice(&sent);
            for part in [15, 25, 60] {
                assert!(publisher.commit(101).is_err());
                publisher.commit(part).unwrap();
            }
            assert_eq!(&*reader.batch(100).unwrap(), &sent[..], "{capacity}");
            reader.release(100).unwrap();
            // The other image is what a lap later is read.
            for _ in 0..3 {
                publisher.write(&vec![7; capacity]).unwrap();
                assert!(
                    reader
                        .batch(capacity)
                        .unwrap()
                        .iter()
                        .all(|byte| *byte == 7)
                );
                reader.release(capacity).unwrap();
            }
        }
    }

    #[test]
    fn what_was_forgone_cannot_be_committed() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        let mut reader = publisher.ring().subscribe(Policy::Block).unwrap();
        publisher.write(&[1; 10]).unwrap();
        assert_eq!(publisher.grant(100, 100), Ok(100));
        publisher.commit(20).unwrap();
        publisher.forgo();
        assert!(publisher.commit(1).is_err());
        assert_eq!((publisher.position(), reader.readable()), (30, Ok(30)));
        publisher.write(&[2; 10]).unwrap();
        assert_eq!(reader.readable(), Ok(40));
    }

    #[test]
    fn what_cannot_be_claimed_is_an_error() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        let reader = publisher.ring().subscribe(Policy::Block).unwrap();
        assert_eq!(publisher.claim(4097).unwrap_err(), ClaimError::TooLarge);
        assert_eq!(publisher.grant(usize::MAX, 1), Err(ClaimError::TooLarge));
        publisher.write(&[0; 4000]).unwrap();
        assert_eq!(publisher.claim(97).unwrap_err(), ClaimError::Full);
        assert_eq!(publisher.grant(1, 1000), Ok(96));
        assert_eq!(publisher.free_bytes(), 96);
        drop(reader);
        assert_eq!(publisher.free_bytes(), 4096);
        publisher.close();
        assert_eq!(publisher.claim(1).unwrap_err(), ClaimError::Closed);
        assert_eq!(publisher.free_bytes(), 0);
    }

    #[test]
    fn a_claim_that_is_dropped_publishes_nothing() {
        let mut publisher = Ring::create(4096, Start::Hold).unwrap();
        publisher.claim(100).unwrap().fill(1);
        assert_eq!(publisher.position(), 0);
        assert_eq!(publisher.ring().published(), 0);
        let claim = publisher.claim(10).unwrap();
        assert_eq!(
            claim.commit(11),
            Err(CommitError {
                bytes: 11,
                granted_bytes: 10
            })
        );
        assert_eq!(publisher.position(), 0);
    }

    #[test]
    fn a_grant_is_committed_in_parts_and_no_further() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        assert_eq!(
            publisher.commit(1),
            Err(CommitError {
                bytes: 1,
                granted_bytes: 0
            })
        );
        assert_eq!(publisher.grant(10, 100), Ok(100));
        publisher.commit(60).unwrap();
        publisher.commit(40).unwrap();
        assert_eq!(
            publisher.commit(1),
            Err(CommitError {
                bytes: 1,
                granted_bytes: 0
            })
        );
        publisher.write(&[0; 50]).unwrap();
        assert_eq!(
            publisher.commit(1),
            Err(CommitError {
                bytes: 1,
                granted_bytes: 0
            })
        );
        assert_eq!(publisher.position(), 150);
    }

    #[test]
    fn a_publisher_waits_for_as_much_room_as_it_says() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        let mut reader = publisher.ring().subscribe(Policy::Block).unwrap();
        assert_eq!(publisher.register(Waker::noop(), 9999), Registered::Ready);
        publisher.write(&[0; 4096]).unwrap();
        assert_eq!(publisher.register(Waker::noop(), 100), Registered::Waiting);
        reader.release(99).unwrap();
        assert_eq!(publisher.register(Waker::noop(), 100), Registered::Waiting);
        reader.release(1).unwrap();
        assert_eq!(publisher.register(Waker::noop(), 100), Registered::Ready);
        publisher.close();
        assert_eq!(publisher.register(Waker::noop(), 4096), Registered::Ready);
    }
}

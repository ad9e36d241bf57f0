//! A ring of elements: the same bytes, seen as `T`s without any header.
//!
//! Invariant of both sides: they stand at a multiple of the element's size, and move only by whole
//! elements. The size is a multiple of the alignment and the memory begins on a page, so every element
//! of a slice is aligned.

use crate::error::{ClaimError, CommitError, RecvError, ReleaseError, SendError, ViewError};
use crate::pod::Pod;
use crate::policy::Registered;
use crate::publisher::{Claim, Publisher};
use crate::subscriber::{Batch, Subscriber};
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ops::{Deref, DerefMut};
use std::slice;
use std::task::Waker;

/// The publisher of a ring of `T`s.
#[derive(Debug)]
pub struct TypedPublisher<T> {
    publisher: Publisher,
    element: PhantomData<T>,
}

impl<T: Pod> TypedPublisher<T> {
    /// Sees a publisher as one of `T`s.
    ///
    /// # Errors
    ///
    /// It does not stand at a multiple of the size of `T`.
    pub fn new(publisher: Publisher) -> Result<Self, ViewError> {
        check_position::<T>(publisher.position())?;
        Ok(Self {
            publisher,
            element: PhantomData,
        })
    }

    /// The publisher of bytes underneath.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// The publisher of bytes underneath, from now on as such.
    pub fn into_inner(self) -> Publisher {
        self.publisher
    }

    /// Publishes one element.
    ///
    /// # Errors
    ///
    /// `Full` or `Closed`, with the element handed back. (One that is larger than the ring never fits:
    /// `Full`.)
    #[inline]
    pub fn try_send(&mut self, value: T) -> Result<(), SendError<T>> {
        match self.publisher.claim(size_of::<T>()) {
            Ok(mut claim) => {
                // SAFETY: the claim is that large, and aligned by the invariant.
                unsafe { claim.as_mut_ptr().cast::<T>().write(value) };
                claim.commit_all();
                Ok(())
            }
            Err(ClaimError::Closed) => Err(SendError::Closed(value)),
            Err(ClaimError::Full | ClaimError::TooLarge) => Err(SendError::Full(value)),
        }
    }

    /// Publishes a copy of `values`: all of them in one commit, or none.
    ///
    /// # Errors
    ///
    /// `Full`, `Closed`, or `TooLarge` for the ring.
    #[inline]
    pub fn send_slice(&mut self, values: &[T]) -> Result<(), ClaimError> {
        let mut claim = self.claim_n(values.len())?;
        claim.copy_from_slice(values);
        claim.commit_all();
        Ok(())
    }

    /// Asks for exactly `count` elements to fill in place, as one slice.
    ///
    /// # Errors
    ///
    /// `Full`, `Closed`, or `TooLarge` for the ring.
    #[inline]
    pub fn claim_n(&mut self, count: usize) -> Result<TypedClaim<'_, T>, ClaimError> {
        let bytes = count
            .checked_mul(size_of::<T>())
            .ok_or(ClaimError::TooLarge)?;
        Ok(TypedClaim {
            claim: self.publisher.claim(bytes)?,
            element: PhantomData,
        })
    }

    /// Arms `waker` for when `min_count` elements (at least one) can be claimed.
    pub fn register(&mut self, waker: &Waker, min_count: usize) -> Registered {
        self.publisher
            .register(waker, min_count.max(1).saturating_mul(size_of::<T>()))
    }

    /// Closes the ring; subscribers drain what there is, and are then told.
    pub fn close(&mut self) {
        self.publisher.close();
    }
}

/// Elements of the ring to be filled and committed. Dropped without commit it publishes nothing.
#[derive(Debug)]
#[must_use = "a claim that is dropped publishes nothing"]
pub struct TypedClaim<'a, T> {
    claim: Claim<'a>,
    element: PhantomData<&'a mut [T]>,
}

impl<T: Pod> TypedClaim<'_, T> {
    /// Publishes the first `count` elements.
    ///
    /// # Errors
    ///
    /// More than were claimed. Nothing is published then.
    #[inline]
    pub fn commit(self, count: usize) -> Result<(), CommitError> {
        self.claim.commit(count.saturating_mul(size_of::<T>()))
    }

    /// Publishes the whole claim.
    #[inline]
    pub fn commit_all(self) {
        self.claim.commit_all();
    }
}

impl<T: Pod> Deref for TypedClaim<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: a whole number of elements by `claim_n`, aligned by the invariant; any bytes are a `T`.
        unsafe {
            slice::from_raw_parts(
                self.claim.as_ptr().cast(),
                self.claim.len() / size_of::<T>(),
            )
        }
    }
}

impl<T: Pod> DerefMut for TypedClaim<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        let count = self.claim.len() / size_of::<T>();
        // SAFETY: as above.
        unsafe { slice::from_raw_parts_mut(self.claim.as_mut_ptr().cast(), count) }
    }
}

/// A subscriber of a ring of `T`s.
#[derive(Debug)]
pub struct TypedSubscriber<T> {
    subscriber: Subscriber,
    element: PhantomData<T>,
}

impl<T: Pod> TypedSubscriber<T> {
    /// Sees a subscriber as one of `T`s.
    ///
    /// # Errors
    ///
    /// It does not stand at a multiple of the size of `T`.
    pub fn new(subscriber: Subscriber) -> Result<Self, ViewError> {
        check_position::<T>(subscriber.position())?;
        Ok(Self {
            subscriber,
            element: PhantomData,
        })
    }

    /// The subscriber of bytes underneath.
    pub fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    /// The subscriber of bytes underneath, from now on as such.
    pub fn into_inner(self) -> Subscriber {
        self.subscriber
    }

    /// Takes one element.
    ///
    /// # Errors
    ///
    /// As for [`Subscriber::readable`].
    #[inline]
    pub fn recv(&mut self) -> Result<T, RecvError> {
        // SAFETY: by the invariant.
        match unsafe { self.subscriber.take_in_place() } {
            Some(value) => Ok(value),
            None => self.recv_otherwise(),
        }
    }

    /// There is nothing (why?), or it has to be copied first.
    #[cold]
    fn recv_otherwise(&mut self) -> Result<T, RecvError> {
        let batch = self.batch_n(1)?;
        let Some(value) = batch.first().copied() else {
            return Err(RecvError::Empty);
        };
        batch.release_all();
        Ok(value)
    }

    /// How many whole elements can be read; at least one.
    ///
    /// # Errors
    ///
    /// As for [`Subscriber::readable`].
    #[inline]
    pub fn readable(&mut self) -> Result<usize, RecvError> {
        match self.subscriber.readable()? / size_of::<T>() {
            0 => Err(self.subscriber.nothing_more()),
            count => Ok(count),
        }
    }

    /// What there is, up to `max_count` elements (taken as at least one), as one slice.
    ///
    /// # Errors
    ///
    /// As for [`Subscriber::readable`].
    #[inline]
    pub fn batch_n(&mut self, max_count: usize) -> Result<TypedBatch<'_, T>, RecvError> {
        let max_bytes = max_count.max(1).saturating_mul(size_of::<T>());
        let batch = self.subscriber.batch_of(max_bytes, size_of::<T>())?;
        Ok(TypedBatch {
            batch,
            element: PhantomData,
        })
    }

    /// Arms `waker` for when `min_count` elements (at least one) can be read, or the ring is closed.
    pub fn register(&mut self, waker: &Waker, min_count: usize) -> Registered {
        self.subscriber
            .register(waker, min_count.max(1).saturating_mul(size_of::<T>()))
    }
}

/// Elements to read. Dropped without release they stay to be read again.
#[derive(Debug)]
pub struct TypedBatch<'a, T> {
    batch: Batch<'a>,
    element: PhantomData<&'a [T]>,
}

impl<T: Pod> TypedBatch<'_, T> {
    /// Releases the first `count` elements.
    ///
    /// # Errors
    ///
    /// More than the batch holds. Nothing is released then.
    #[inline]
    pub fn release(self, count: usize) -> Result<(), ReleaseError> {
        self.batch.release(count.saturating_mul(size_of::<T>()))
    }

    /// Releases the whole batch.
    #[inline]
    pub fn release_all(self) {
        self.batch.release_all();
    }
}

impl<T: Pod> Deref for TypedBatch<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: a whole number of elements by `batch_n`, aligned by the invariant (a private copy is
        // aligned to 8, which no element exceeds); any bytes are a `T`.
        unsafe {
            slice::from_raw_parts(
                self.batch.as_ptr().cast(),
                self.batch.len() / size_of::<T>(),
            )
        }
    }
}

/// Whether elements of this type can begin here; and, when compiled, whether they can travel at all.
fn check_position<T: Pod>(position: u64) -> Result<(), ViewError> {
    const {
        assert!(size_of::<T>() > 0, "an element takes at least one byte");
        assert!(
            align_of::<T>() <= align_of::<u64>(),
            "an element is aligned to at most 8 bytes"
        );
    }
    let element_bytes = size_of::<T>();
    if position.is_multiple_of(element_bytes as u64) {
        Ok(())
    } else {
        Err(ViewError {
            position,
            element_bytes,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{TypedPublisher, TypedSubscriber};
    use crate::{ClaimError, Policy, RecvError, Ring, SendError, Start, ViewError};

    #[test]
    fn an_endpoint_between_two_elements_is_refused() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        publisher.write(&[0; 12]).unwrap();
        let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        let error = TypedSubscriber::<u64>::new(subscriber).unwrap_err();
        assert_eq!(
            error,
            ViewError {
                position: 12,
                element_bytes: 8
            }
        );
        assert!(TypedPublisher::<[u32; 3]>::new(publisher).is_ok());
    }

    #[test]
    fn a_part_of_an_element_is_not_there_yet() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        for policy in [Policy::Block, Policy::Lap] {
            let subscriber = publisher.ring().subscribe(policy).unwrap();
            let mut subscriber = TypedSubscriber::<u64>::new(subscriber).unwrap();
            publisher.write(&7_u64.to_le_bytes()[..5]).unwrap();
            assert_eq!(subscriber.recv(), Err(RecvError::Empty));
            assert_eq!(subscriber.readable(), Err(RecvError::Empty));
            assert!(subscriber.batch_n(10).is_err());
            publisher.write(&7_u64.to_le_bytes()[5..]).unwrap();
            assert_eq!(subscriber.readable(), Ok(1));
            assert_eq!(subscriber.recv(), Ok(7));
        }
        let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        let mut subscriber = TypedSubscriber::<u64>::new(subscriber).unwrap();
        publisher.write(&[1; 5]).unwrap();
        drop(publisher);
        assert_eq!(subscriber.recv(), Err(RecvError::Closed));
    }

    #[test]
    fn a_value_that_is_not_sent_comes_back() {
        let publisher = Ring::create(4096, Start::Hold).unwrap();
        let mut publisher = TypedPublisher::<[u64; 8]>::new(publisher).unwrap();
        for _ in 0..64 {
            publisher.try_send([1; 8]).unwrap();
        }
        assert_eq!(publisher.try_send([2; 8]), Err(SendError::Full([2; 8])));
        assert_eq!(
            publisher.send_slice(&[[0; 8]; 65]),
            Err(ClaimError::TooLarge)
        );
        assert_eq!(
            publisher.claim_n(usize::MAX).unwrap_err(),
            ClaimError::TooLarge
        );
        publisher.close();
        let error = publisher.try_send([3; 8]).unwrap_err();
        assert_eq!(error, SendError::Closed([3; 8]));
        assert_eq!(error.into_inner(), [3; 8]);
    }

    #[test]
    fn an_element_crosses_the_seam_whole() {
        let publisher = Ring::create(4096, Start::Live).unwrap();
        let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        let mut publisher = TypedPublisher::<[u8; 3]>::new(publisher).unwrap();
        let mut subscriber = TypedSubscriber::<[u8; 3]>::new(subscriber).unwrap();
        for index in 0..5000_u32 {
            let [a, b, c, _] = index.to_le_bytes();
            publisher.try_send([a, b, c]).unwrap();
            assert_eq!(subscriber.recv(), Ok([a, b, c]));
        }
    }
}

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
/// The file's bytes are the ring; a position is found there at its remainder by `bytes`. Map them twice in
/// a row and every batch is contiguous.
#[cfg(not(any(miri, loom)))]
#[derive(Clone, Copy, Debug)]
pub struct Backing<'a> {
    /// The file: a memfd whose size is sealed.
    pub fd: BorrowedFd<'a>,
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

    /// How often the publisher has committed: each time one message or a batch of them.
    pub fn commits(&self) -> u64 {
        self.inner.sequencer.commits()
    }

    /// Whether the publisher has closed the ring (or is gone). Subscribers can still drain it.
    pub fn is_closed(&self) -> bool {
        self.inner.sequencer.is_closed()
    }

    /// How far behind each subscriber is, in the order of their numbers.
    pub fn lags(&self) -> Vec<ReaderLag> {
        self.inner.sequencer.lags()
    }

    /// The file behind the ring. None behind a small one, of up to 16 KiB: it is not mapped.
    #[cfg(not(any(miri, loom)))]
    pub fn backing(&self) -> Option<Backing<'_>> {
        let memory = &self.inner.memory;
        Some(Backing {
            fd: memory.fd()?,
            bytes: memory.capacity_bytes(),
        })
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Ring;
    use crate::{CreateError, MAX_READERS, Policy, RecvError, Registered, Start, SubscribeError};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_bad_capacity_is_an_error_that_says_so() {
        for capacity_bytes in [0, 1, 100, 4095, 6144, 1 << 31] {
            let error = Ring::create(capacity_bytes, Start::Live).unwrap_err();
            assert!(matches!(error, CreateError::Capacity { .. }), "{error}");
            assert!(error.to_string().contains("power of two"), "{error}");
        }
    }

    #[test]
    fn sixty_four_readers_and_not_one_more() {
        let publisher = Ring::create(4096, Start::Live).unwrap();
        let ring = publisher.ring();
        let mut readers: Vec<_> = (0..MAX_READERS)
            .map(|_| ring.subscribe(Policy::Block).unwrap())
            .collect();
        let refused = ring.subscribe(Policy::Lap).unwrap_err();
        assert_eq!(refused, SubscribeError::TooManyReaders);
        assert_eq!(ring.lags().len(), MAX_READERS);
        readers.remove(17);
        assert!(ring.lags().iter().all(|lag| lag.reader != 17));
        let again = ring.subscribe(Policy::Lap).unwrap();
        assert_eq!(ring.lags()[17].policy, Policy::Lap);
        drop(again);
    }

    #[test]
    fn what_is_published_before_the_first_reader_is_held_or_not() {
        let mut publisher = Ring::create(4096, Start::Hold).unwrap();
        publisher.write(&[1; 4096]).unwrap();
        assert!(publisher.write(&[2]).is_err());
        let mut first = publisher.ring().subscribe(Policy::Block).unwrap();
        let second = publisher.ring().subscribe(Policy::Block).unwrap();
        assert_eq!((first.position(), second.position()), (0, 4096));
        assert_eq!(first.readable(), Ok(4096));

        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        publisher.write(&[1; 4096]).unwrap();
        publisher.write(&[2; 4096]).unwrap();
        let mut first = publisher.ring().subscribe(Policy::Block).unwrap();
        assert_eq!(first.position(), 8192);
        assert_eq!(first.readable(), Err(RecvError::Empty));
    }

    #[test]
    fn a_first_reader_that_does_not_gate_ends_the_hold_too() {
        let mut publisher = Ring::create(4096, Start::Hold).unwrap();
        publisher.write(&[1; 4096]).unwrap();
        let mut first = publisher.ring().subscribe(Policy::Lap).unwrap();
        assert_eq!(first.readable(), Ok(4096));
        publisher.write(&[2; 100]).unwrap();
        assert!(matches!(first.readable(), Err(RecvError::Lapped { .. })));
    }

    #[test]
    fn a_publisher_that_waits_for_the_first_reader_is_woken_by_any_that_makes_room() {
        for (policy, woken) in [(Policy::Lap, 1), (Policy::Kick, 1), (Policy::Block, 0)] {
            let count = Arc::new(Count::default());
            let mut publisher = Ring::create(4096, Start::Hold).unwrap();
            publisher.write(&[1; 4096]).unwrap();
            let waker = Waker::from(Arc::clone(&count));
            assert_eq!(publisher.register(&waker, 100), Registered::Waiting);
            let mut first = publisher.ring().subscribe(policy).unwrap();
            assert_eq!(count.0.load(Ordering::Relaxed), woken, "{policy:?}");
            first.release(200).unwrap();
            assert_eq!(count.0.load(Ordering::Relaxed), 1, "{policy:?}");
        }
    }

    #[test]
    fn a_closed_ring_can_still_be_joined_and_drained() {
        let mut publisher = Ring::create(4096, Start::Hold).unwrap();
        let ring = publisher.ring().clone();
        publisher.write(b"last words").unwrap();
        drop(publisher);
        assert!(ring.is_closed());
        let mut reader = ring.subscribe(Policy::Block).unwrap();
        let batch = reader.batch(100).unwrap();
        assert_eq!(&*batch, b"last words");
        batch.release_all();
        assert_eq!(reader.readable(), Err(RecvError::Closed));
        let mut late = ring.subscribe(Policy::Block).unwrap();
        assert_eq!(late.readable(), Err(RecvError::Closed));
    }

    #[test]
    fn lags_say_who_is_how_far_behind() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        let ring = publisher.ring().clone();
        let mut block = ring.subscribe(Policy::Block).unwrap();
        let mut lap = ring.subscribe(Policy::Lap).unwrap();
        for _ in 0..3 {
            publisher.write(&[0; 2000]).unwrap();
            block.release(2000).unwrap();
        }
        assert_eq!((ring.published(), ring.commits()), (6000, 3));
        assert_eq!(
            lap.readable(),
            Err(RecvError::Lapped { missed_bytes: 4000 })
        );
        publisher.write(&[0; 10]).unwrap();
        let lags = ring.lags();
        assert_eq!(
            (lags[0].cursor, lags[0].lag_bytes, lags[0].missed_bytes),
            (6000, 10, 0)
        );
        assert_eq!(
            (lags[1].cursor, lags[1].lag_bytes, lags[1].missed_bytes),
            (4000, 2010, 4000)
        );
    }

    #[cfg(not(miri))]
    #[test]
    fn the_file_behind_a_ring_is_what_its_reader_reads() {
        let small = Ring::create(16384, Start::Hold).unwrap();
        assert!(small.ring().backing().is_none());
        let mut publisher = Ring::create(32768, Start::Hold).unwrap();
        publisher.write(b"through the file").unwrap();
        let ring = publisher.ring();
        let backing = ring.backing().unwrap();
        assert_eq!(backing.bytes, 32768);
        let mut bytes = [0; 16];
        assert_eq!(rustix::io::pread(backing.fd, &mut bytes, 0), Ok(16));
        assert_eq!(&bytes, b"through the file");
    }
}

//! Rings between real threads: checksums over many values, readers that come and go, sleeping and waking.
//!
//! The machine may have fewer cores than these tests have threads, so whoever has nothing to do sleeps
//! on its waker: nothing here depends on time.
#![cfg(not(any(loom, miri)))]

use okernel_ring::{
    Policy, Publisher, RecvError, Registered, Ring, Start, Subscriber, TypedPublisher,
    TypedSubscriber,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Wakes the thread that calls this.
fn thread_waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

/// A checksum that depends on the order of the values.
fn add(checksum: u64, value: u64) -> u64 {
    (checksum ^ value).wrapping_mul(0x0100_0000_01b3)
}

/// Sends the values `0..total` in batches, sleeping for room.
fn publish_values(publisher: &mut TypedPublisher<u64>, total: u64, batch: u64) {
    let waker = thread_waker();
    let mut next = 0;
    while next < total {
        let count = batch.min(total - next);
        match publisher.claim_n(count as usize) {
            Ok(mut claim) => {
                for (slot, value) in claim.iter_mut().zip(next..) {
                    *slot = value;
                }
                claim.commit_all();
                next += count;
            }
            // Room for many batches, so that there is a wake-up for many and not for each.
            Err(_) => {
                let many = publisher.publisher().ring().capacity_bytes() / 16;
                if publisher.register(&waker, many) == Registered::Waiting {
                    thread::park();
                }
            }
        }
    }
}

/// Takes everything until the ring is closed; how many values, and their checksum.
fn drain(subscriber: &mut TypedSubscriber<u64>) -> (u64, u64) {
    let waker = thread_waker();
    let (mut count, mut checksum) = (0, 0);
    loop {
        match subscriber.batch_n(usize::MAX) {
            Ok(batch) => {
                count += batch.len() as u64;
                checksum = batch
                    .iter()
                    .fold(checksum, |checksum, value| add(checksum, *value));
                batch.release_all();
            }
            Err(RecvError::Closed) => return (count, checksum),
            Err(error) => {
                assert_eq!(error, RecvError::Empty);
                if subscriber.register(&waker, 1) == Registered::Waiting {
                    thread::park();
                }
            }
        }
    }
}

#[test]
fn three_readers_see_a_hundred_million_values() {
    const TOTAL: u64 = 100_000_000;
    let publisher = Ring::create(1 << 20, Start::Hold).unwrap();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
            let mut subscriber = TypedSubscriber::<u64>::new(subscriber).unwrap();
            thread::spawn(move || drain(&mut subscriber))
        })
        .collect();
    let mut publisher = TypedPublisher::<u64>::new(publisher).unwrap();
    publish_values(&mut publisher, TOTAL, 1000);
    drop(publisher);
    let expected = (0..TOTAL).fold(0, add);
    for reader in readers {
        assert_eq!(reader.join().unwrap(), (TOTAL, expected));
    }
}

#[test]
fn single_values_between_two_threads_that_sleep() {
    const TOTAL: u64 = 300_000;
    let publisher = Ring::create(4096, Start::Hold).unwrap();
    let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
    let mut publisher = TypedPublisher::<u64>::new(publisher).unwrap();
    let mut subscriber = TypedSubscriber::<u64>::new(subscriber).unwrap();
    let reader = thread::spawn(move || {
        let waker = thread_waker();
        let mut expected = 0;
        loop {
            match subscriber.recv() {
                Ok(value) => {
                    assert_eq!(value, expected);
                    expected += 1;
                }
                Err(RecvError::Closed) => return expected,
                Err(_) => {
                    if subscriber.register(&waker, 1) == Registered::Waiting {
                        thread::park();
                    }
                }
            }
        }
    });
    let waker = thread_waker();
    for value in 0..TOTAL {
        while publisher.try_send(value).is_err() {
            if publisher.register(&waker, 1) == Registered::Waiting {
                thread::park();
            }
        }
    }
    drop(publisher);
    assert_eq!(reader.join().unwrap(), TOTAL);
}

/// The first sleeper of a ring changes how its commits wake: over and over, while a commit happens.
#[test]
fn the_first_sleep_on_a_ring_misses_nothing() {
    for _ in 0..2000 {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        let mut subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        let reader = thread::spawn(move || {
            let waker = thread_waker();
            while subscriber.readable().is_err() {
                if subscriber.register(&waker, 1) == Registered::Waiting {
                    thread::park();
                }
            }
            subscriber.readable()
        });
        publisher.write(&[1]).unwrap();
        assert_eq!(reader.join().unwrap(), Ok(1));
    }
}

/// The stream's byte at a position.
fn byte_at(position: u64) -> u8 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u8
}

fn write_until(publisher: &mut Publisher, stop: &AtomicBool) -> u64 {
    let waker = thread_waker();
    let mut length = 0;
    while !stop.load(Ordering::Relaxed) {
        length = (length * 7 + 11) % 1500;
        let position = publisher.position();
        match publisher.claim(length) {
            Ok(mut claim) => {
                for (at, byte) in claim.iter_mut().enumerate() {
                    *byte = byte_at(position + at as u64);
                }
                claim.commit_all();
            }
            Err(_) => {
                if publisher.register(&waker, length) == Registered::Waiting {
                    thread::park();
                }
            }
        }
    }
    publisher.position()
}

/// Reads a while, checking every byte by its position; returns how much it was told it missed.
fn read_a_while(mut subscriber: Subscriber, batches: usize) -> u64 {
    let waker = thread_waker();
    let mut missed = 0;
    let mut read = 0;
    while read < batches {
        let position = subscriber.position();
        match subscriber.batch(700) {
            Ok(batch) => {
                for (at, byte) in batch.iter().enumerate() {
                    assert_eq!(*byte, byte_at(position + at as u64), "at {position} + {at}");
                }
                let half = batch.len().div_ceil(2);
                batch.release(half).unwrap();
                read += 1;
                assert_eq!(subscriber.position(), position + half as u64);
            }
            Err(RecvError::Lapped { missed_bytes }) => {
                assert_eq!(subscriber.position(), position + missed_bytes);
                missed += missed_bytes;
            }
            Err(RecvError::Kicked { missed_bytes }) => {
                assert_eq!(subscriber.position(), position + missed_bytes);
                return missed + missed_bytes;
            }
            Err(RecvError::Empty) => {
                if subscriber.register(&waker, 100) == Registered::Waiting {
                    thread::park();
                }
            }
            Err(RecvError::Closed) => break,
        }
    }
    assert_eq!(subscriber.missed_bytes(), missed);
    missed
}

#[test]
fn readers_join_and_leave_while_data_flows() {
    let publisher = Ring::create(4096, Start::Live).unwrap();
    let ring = publisher.ring().clone();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (mut publisher, stop) = (publisher, Arc::clone(&stop));
        thread::spawn(move || write_until(&mut publisher, &stop))
    };
    let missed = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..4)
        .map(|index: usize| {
            let (ring, missed) = (ring.clone(), Arc::clone(&missed));
            thread::spawn(move || {
                for round in 0..500 {
                    let policy = match (index + round) % 4 {
                        0 | 1 => Policy::Block,
                        2 => Policy::Lap,
                        _ => Policy::Kick,
                    };
                    let subscriber = ring.subscribe(policy).unwrap();
                    let told = read_a_while(subscriber, 20);
                    assert!(policy != Policy::Block || told == 0);
                    missed.fetch_add(told, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for reader in readers {
        reader.join().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(ring.lags().is_empty());
    assert_eq!(writer.join().unwrap(), ring.published());
    assert!(ring.is_closed());
}

#[test]
fn a_lapped_reader_beside_a_running_writer_counts_exactly() {
    let mut publisher = Ring::create(16384, Start::Live).unwrap();
    let mut subscriber = publisher.ring().subscribe(Policy::Lap).unwrap();
    let reader = thread::spawn(move || {
        let (mut read, mut missed) = (0, 0);
        let waker = thread_waker();
        loop {
            let position = subscriber.position();
            match subscriber.batch(16384) {
                Ok(batch) => {
                    for (at, byte) in batch.iter().enumerate() {
                        assert_eq!(*byte, byte_at(position + at as u64));
                    }
                    read += batch.len() as u64;
                    batch.release_all();
                }
                Err(RecvError::Lapped { missed_bytes }) => missed += missed_bytes,
                Err(RecvError::Closed) => return (read, missed),
                Err(_) => {
                    if subscriber.register(&waker, 1) == Registered::Waiting {
                        thread::park();
                    }
                }
            }
        }
    });
    let mut length = 1;
    while publisher.position() < 200_000_000 {
        length = (length * 7 + 11) % 3000;
        let position = publisher.position();
        let mut claim = publisher.claim(length).unwrap();
        for (at, byte) in claim.iter_mut().enumerate() {
            *byte = byte_at(position + at as u64);
        }
        claim.commit_all();
    }
    let total = publisher.position();
    drop(publisher);
    let (read, missed) = reader.join().unwrap();
    assert_eq!(read + missed, total);
}

#[test]
fn a_blocked_publisher_is_woken_when_the_slow_reader_leaves() {
    for _ in 0..500 {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        let slow = publisher.ring().subscribe(Policy::Block).unwrap();
        publisher.write(&[0; 4096]).unwrap();
        let leaving = thread::spawn(move || drop(slow));
        let waker = thread_waker();
        while publisher.write(&[1; 4096]).is_err() {
            if publisher.register(&waker, 4096) == Registered::Waiting {
                thread::park();
            }
        }
        leaving.join().unwrap();
    }
}

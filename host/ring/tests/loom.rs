//! The protocol in loom's model of memory: every interleaving of small cases.
//!
//! One writer, up to two readers, a ring of two cells. The cells of readers that gate are plain memory
//! that loom watches, so that a reader and a writer on the same cell at the same time are reported;
//! a lost wake-up shows as a deadlock. Run with
//! `RUSTFLAGS="--cfg loom" cargo test -p okernel-ring --test loom --release`.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use okernel_ring::{
    ClaimError, Policy, ReadSide, RecvError, Registered, Sequencer, Start, WriteSide, nobody_sleeps,
};
use std::sync::Arc;
use std::task::{Wake, Waker};

const CAPACITY: u64 = 2;

/// A ring's memory: `CAPACITY` values, watched by loom.
struct Cells([UnsafeCell<u64>; CAPACITY as usize]);

impl Cells {
    fn new() -> Arc<Self> {
        Arc::new(Self([UnsafeCell::new(0), UnsafeCell::new(0)]))
    }

    fn write(&self, position: u64, value: u64) {
        // SAFETY: not true if the protocol is wrong, which loom then reports.
        self.0[(position % CAPACITY) as usize].with_mut(|cell| unsafe { *cell = value });
    }

    fn read(&self, position: u64) -> u64 {
        // SAFETY: as above.
        self.0[(position % CAPACITY) as usize].with(|cell| unsafe { *cell })
    }
}

// SAFETY: loom reports two threads on one cell.
unsafe impl Sync for Cells {}
// SAFETY: as above.
unsafe impl Send for Cells {}

/// A waker that a thread of the model can wait for.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell(Notify::new()));
    let waker = Waker::from(Arc::clone(&bell));
    (bell, waker)
}

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// A ring on which nobody sleeps: the commits have no fence.
fn polled(start: Start) -> WriteSide {
    nobody_sleeps(|| Sequencer::create(CAPACITY, start))
}

/// Publishes the value `position + 1` at up to `attempts` positions, and does not wait for room.
fn publish_some(writer: &mut WriteSide, cells: &Cells, attempts: usize) {
    for _ in 0..attempts {
        if writer.grant(1, 1).is_ok() {
            cells.write(writer.position(), writer.position() + 1);
            writer.commit(1).unwrap();
        }
    }
}

/// Looks so many times, and checks each value that is there.
fn read_some(reader: &mut ReadSide, cells: &Cells, attempts: usize) {
    for _ in 0..attempts {
        if reader.readable().is_ok() {
            assert_eq!(cells.read(reader.position()), reader.position() + 1);
            reader.release(1).unwrap();
        }
    }
}

/// Publishes the value `position + 1` at each position, polling for room.
fn publish_polling(writer: &mut WriteSide, cells: &Cells, count: u64) {
    for _ in 0..count {
        while let Err(error) = writer.grant(1, 1) {
            assert_eq!(error, ClaimError::Full);
            thread::yield_now();
        }
        cells.write(writer.position(), writer.position() + 1);
        writer.commit(1).unwrap();
    }
}

/// Reads to the end, polling; checks each value, and returns how many there were.
fn drain_polling(reader: &mut ReadSide, cells: &Cells) -> u64 {
    let mut count = 0;
    loop {
        match reader.readable() {
            Ok(_) => {
                assert_eq!(cells.read(reader.position()), reader.position() + 1);
                reader.release(1).unwrap();
                count += 1;
            }
            Err(RecvError::Closed) => return count,
            Err(error) => {
                assert_eq!(error, RecvError::Empty);
                thread::yield_now();
            }
        }
    }
}

/// Reads to the end, sleeping whenever there is nothing.
fn drain_sleeping(reader: &mut ReadSide, cells: &Cells) -> u64 {
    let (bell, waker) = bell();
    let mut count = 0;
    loop {
        match reader.readable() {
            Ok(_) => {
                assert_eq!(cells.read(reader.position()), reader.position() + 1);
                reader.release(1).unwrap();
                count += 1;
            }
            Err(RecvError::Closed) => return count,
            Err(_) => {
                if reader.register(&waker, 1) == Registered::Waiting {
                    bell.0.wait();
                }
            }
        }
    }
}

#[test]
fn two_readers_see_every_value_in_order() {
    check(2, || {
        let cells = Cells::new();
        let mut writer = polled(Start::Live);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let mut reader = writer.shared().join(Policy::Block).unwrap();
                let cells = Arc::clone(&cells);
                thread::spawn(move || read_some(&mut reader, &cells, 2))
            })
            .collect();
        publish_some(&mut writer, &cells, 3);
        drop(writer);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_commit_or_close_is_not_missed_by_a_reader_that_falls_asleep() {
    check(3, || {
        let cells = Cells::new();
        let mut writer = Sequencer::create(CAPACITY, Start::Live);
        let mut reader = writer.shared().join(Policy::Block).unwrap();
        let theirs = Arc::clone(&cells);
        let thread = thread::spawn(move || assert_eq!(drain_sleeping(&mut reader, &theirs), 2));
        publish_polling(&mut writer, &cells, 2);
        drop(writer);
        thread.join().unwrap();
    });
}

#[test]
fn two_sleeping_readers_are_both_woken() {
    check(2, || {
        let cells = Cells::new();
        let mut writer = Sequencer::create(CAPACITY, Start::Live);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let mut reader = writer.shared().join(Policy::Block).unwrap();
                let cells = Arc::clone(&cells);
                thread::spawn(move || assert_eq!(drain_sleeping(&mut reader, &cells), 1))
            })
            .collect();
        publish_polling(&mut writer, &cells, 1);
        drop(writer);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_release_is_not_missed_by_a_writer_that_falls_asleep() {
    check(3, || {
        let cells = Cells::new();
        let mut writer = Sequencer::create(CAPACITY, Start::Live);
        let mut reader = writer.shared().join(Policy::Block).unwrap();
        let theirs = Arc::clone(&cells);
        let thread = thread::spawn(move || assert_eq!(drain_polling(&mut reader, &theirs), 3));
        let (bell, waker) = bell();
        for _ in 0..3 {
            while writer.grant(1, 1).is_err() {
                if writer.register(&waker, 1) == Registered::Waiting {
                    bell.0.wait();
                }
            }
            cells.write(writer.position(), writer.position() + 1);
            writer.commit(1).unwrap();
        }
        drop(writer);
        thread.join().unwrap();
    });
}

#[test]
fn a_writer_that_waits_for_two_readers_is_woken_by_the_later_one() {
    check(3, || {
        let mut writer = Sequencer::create(CAPACITY, Start::Live);
        let mut releases = writer.shared().join(Policy::Block).unwrap();
        let leaves = writer.shared().join(Policy::Block).unwrap();
        writer.grant(2, 2).unwrap();
        writer.commit(2).unwrap();
        let releasing = thread::spawn(move || {
            releases.release(2).unwrap();
            releases
        });
        let leaving = thread::spawn(move || drop(leaves));
        let (bell, waker) = bell();
        while writer.grant(2, 2).is_err() {
            if writer.register(&waker, 2) == Registered::Waiting {
                bell.0.wait();
            }
        }
        leaving.join().unwrap();
        drop(releasing.join().unwrap());
    });
}

#[test]
fn a_joining_reader_is_not_overtaken_by_an_old_limit() {
    check(3, || {
        let cells = Cells::new();
        let mut writer = polled(Start::Live);
        let shared = Arc::clone(writer.shared());
        let theirs = Arc::clone(&cells);
        let thread = thread::spawn(move || {
            let mut reader = shared.join(Policy::Block).unwrap();
            let start = reader.position();
            assert_eq!(drain_polling(&mut reader, &theirs), 4 - start);
        });
        publish_polling(&mut writer, &cells, 4);
        drop(writer);
        thread.join().unwrap();
    });
}

#[test]
fn a_slot_changes_hands_while_the_writer_looks() {
    check(2, || {
        let cells = Cells::new();
        let mut writer = polled(Start::Live);
        let mut first = writer.shared().join(Policy::Block).unwrap();
        let shared = Arc::clone(writer.shared());
        let theirs = Arc::clone(&cells);
        let thread = thread::spawn(move || {
            if first.readable().is_ok() {
                assert_eq!(theirs.read(first.position()), first.position() + 1);
            }
            drop(first);
            let mut second = shared.join(Policy::Block).unwrap();
            let start = second.position();
            assert_eq!(drain_polling(&mut second, &theirs), 4 - start);
        });
        publish_polling(&mut writer, &cells, 4);
        drop(writer);
        thread.join().unwrap();
    });
}

#[test]
fn what_is_held_for_the_first_reader_reaches_it() {
    check(3, || {
        let cells = Cells::new();
        let mut writer = polled(Start::Hold);
        let shared = Arc::clone(writer.shared());
        let theirs = Arc::clone(&cells);
        let thread = thread::spawn(move || {
            let mut reader = shared.join(Policy::Block).unwrap();
            assert_eq!(reader.position(), 0);
            assert_eq!(drain_polling(&mut reader, &theirs), 3);
        });
        publish_polling(&mut writer, &cells, 3);
        drop(writer);
        thread.join().unwrap();
    });
}

#[test]
fn a_copy_of_a_lapped_reader_is_good_or_thrown_away() {
    check(2, || {
        let cells: Arc<[AtomicU64; 2]> = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let mut writer = polled(Start::Live);
        let mut reader = writer.shared().join(Policy::Lap).unwrap();
        let theirs = Arc::clone(&cells);
        let thread = thread::spawn(move || {
            let mut seen = 0;
            let mut missed = 0;
            for _ in 0..4 {
                match reader.readable() {
                    Ok(_) => {
                        let position = reader.position();
                        let value = theirs[(position % CAPACITY) as usize].load(Ordering::Relaxed);
                        match reader.check_copy() {
                            Ok(()) => {
                                assert_eq!(value, position + 1);
                                reader.release(1).unwrap();
                                seen += 1;
                            }
                            Err(RecvError::Lapped { missed_bytes }) => {
                                assert!((1..=4).contains(&missed_bytes));
                                missed += missed_bytes;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                    Err(RecvError::Lapped { missed_bytes }) => {
                        assert!((1..=4).contains(&missed_bytes));
                        missed += missed_bytes;
                    }
                    Err(_) => break,
                }
            }
            assert_eq!(reader.position(), seen + missed);
            assert_eq!(reader.missed(), missed);
        });
        for _ in 0..4 {
            writer.grant(1, 1).unwrap();
            let position = writer.position();
            cells[(position % CAPACITY) as usize].store(position + 1, Ordering::Relaxed);
            writer.commit(1).unwrap();
        }
        drop(writer);
        thread.join().unwrap();
    });
}

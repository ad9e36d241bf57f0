//! Rings against a plain model: a `VecDeque` per reader, and the whole stream in a vector.
//!
//! Each byte of the stream is a function of its position, so that a reader that lost, repeated or
//! reordered anything reads a wrong byte. Sequences of operations are made up by proptest, with
//! capacities of one page so that the seam is crossed all the time, and lengths up to the capacity.
#![cfg(not(loom))]

use okernel_ring::{
    ClaimError, Policy, RecvError, Registered, Ring, Start, SubscribeError, Subscriber,
};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::{Config, TestCaseError};
use std::collections::VecDeque;
use std::task::Waker;

const CAPACITY: usize = 4096;

fn config() -> Config {
    let cases = if cfg!(miri) { 2 } else { 256 };
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

/// How many operations a case has: Miri is some hundred times slower.
fn steps() -> usize {
    if cfg!(miri) { 25 } else { 300 }
}

/// The byte at a position of the stream.
fn byte_at(position: u64) -> u8 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u8
}

#[derive(Clone, Debug)]
enum Op {
    /// Claim, fill, commit the first part.
    Claim {
        bytes: usize,
        commit: usize,
    },
    /// The raw form: grant, fill through a claim of the same range, commit in two parts.
    Grant {
        min: usize,
        max: usize,
        first: usize,
    },
    Write(usize),
    Join(Policy),
    Leave(usize),
    Batch {
        reader: usize,
        max: usize,
        release: usize,
    },
    Peek {
        reader: usize,
        skip: usize,
        len: usize,
    },
    Readable(usize),
    Release {
        reader: usize,
        bytes: usize,
    },
    Register {
        reader: usize,
        min: usize,
    },
    RegisterWriter(usize),
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..40_usize,
        3 => 0..CAPACITY + 1,
        1 => CAPACITY - 2..CAPACITY + 3,
    ]
}

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![3 => Just(Policy::Block), 2 => Just(Policy::Lap), 1 => Just(Policy::Kick)]
}

fn ops() -> impl Strategy<Value = Op> {
    let reader = || any::<usize>();
    prop_oneof![
        4 => (lengths(), lengths()).prop_map(|(bytes, commit)| Op::Claim { bytes, commit }),
        2 => (lengths(), lengths(), lengths())
            .prop_map(|(min, max, first)| Op::Grant { min, max, first }),
        4 => lengths().prop_map(Op::Write),
        1 => policies().prop_map(Op::Join),
        1 => reader().prop_map(Op::Leave),
        6 => (reader(), lengths(), lengths())
            .prop_map(|(reader, max, release)| Op::Batch { reader, max, release }),
        2 => (reader(), lengths(), lengths())
            .prop_map(|(reader, skip, len)| Op::Peek { reader, skip, len }),
        2 => reader().prop_map(Op::Readable),
        2 => (reader(), lengths()).prop_map(|(reader, bytes)| Op::Release { reader, bytes }),
        1 => (reader(), lengths()).prop_map(|(reader, min)| Op::Register { reader, min }),
        1 => lengths().prop_map(Op::RegisterWriter),
    ]
}

/// What a reader should be.
struct Expected {
    subscriber: Subscriber,
    /// What it has yet to read.
    pending: VecDeque<u8>,
    position: u64,
    missed: u64,
    kicked: Option<u64>,
}

impl Expected {
    fn gates(&self) -> bool {
        self.subscriber.policy() == Policy::Block
    }

    fn skip(&mut self, bytes: u64) {
        self.pending.drain(..bytes as usize);
        self.position += bytes;
    }

    /// The error (or none) that reading must give now; moves the model as the reader must move.
    fn check_error(&mut self, world: &World, got: Option<RecvError>) -> Result<(), TestCaseError> {
        if let Some(missed_bytes) = self.kicked {
            prop_assert_eq!(got, Some(RecvError::Kicked { missed_bytes }));
            return Ok(());
        }
        if !self.gates() && world.claimed > self.position + CAPACITY as u64 {
            let missed_bytes = match got {
                Some(RecvError::Lapped { missed_bytes }) => {
                    prop_assert_eq!(self.subscriber.policy(), Policy::Lap);
                    missed_bytes
                }
                Some(RecvError::Kicked { missed_bytes }) => {
                    prop_assert_eq!(self.subscriber.policy(), Policy::Kick);
                    prop_assert_eq!(missed_bytes, world.position - self.position);
                    self.kicked = Some(missed_bytes);
                    missed_bytes
                }
                other => return Err(TestCaseError::fail(format!("overtaken, but {other:?}"))),
            };
            // Exactly: the reader is where the count says, and that is between two commits.
            self.skip(missed_bytes);
            self.missed += missed_bytes;
            prop_assert!(world.commits.contains(&self.position));
            prop_assert!(world.claimed <= self.position + CAPACITY as u64);
            prop_assert!(self.position <= world.position);
            return Ok(());
        }
        if self.pending.is_empty() {
            let nothing = if world.closed {
                RecvError::Closed
            } else {
                RecvError::Empty
            };
            prop_assert_eq!(got, Some(nothing));
        } else {
            prop_assert_eq!(got, None);
        }
        Ok(())
    }
}

/// What the ring should be.
struct World {
    position: u64,
    /// The end of the furthest claim.
    claimed: u64,
    /// Positions between two commits, of the last lap or so.
    commits: VecDeque<u64>,
    held: bool,
    closed: bool,
}

impl World {
    fn free(&self, readers: &[Expected]) -> usize {
        let gating = readers.iter().filter(|reader| reader.gates());
        let pending = gating.map(|reader| reader.pending.len()).max().unwrap_or(0);
        let held = if self.held { self.position as usize } else { 0 };
        CAPACITY - pending.max(held)
    }

    fn commit(&mut self, readers: &mut [Expected], bytes: usize) {
        for at in self.position..self.position + bytes as u64 {
            for reader in readers.iter_mut().filter(|reader| reader.kicked.is_none()) {
                reader.pending.push_back(byte_at(at));
            }
        }
        self.position += bytes as u64;
        self.commits.push_back(self.position);
        while self
            .commits
            .front()
            .is_some_and(|at| at + 2 * (CAPACITY as u64) < self.position)
        {
            self.commits.pop_front();
        }
    }
}

fn fill(slice: &mut [u8], position: u64) {
    for (at, byte) in slice.iter_mut().enumerate() {
        *byte = byte_at(position + at as u64);
    }
}

fn run(start: Start, ops: &[Op]) -> Result<(), TestCaseError> {
    let mut publisher = Ring::create(CAPACITY, start).unwrap();
    let ring = publisher.ring().clone();
    let mut readers: Vec<Expected> = Vec::new();
    let mut world = World {
        position: 0,
        claimed: 0,
        commits: VecDeque::from([0]),
        held: start == Start::Hold,
        closed: false,
    };
    for op in ops {
        match *op {
            Op::Claim { bytes, commit } => {
                let free = world.free(&readers);
                match publisher.claim(bytes) {
                    Ok(mut claim) => {
                        prop_assert!(bytes <= free);
                        prop_assert_eq!(claim.len(), bytes);
                        fill(&mut claim, world.position);
                        world.claimed = world.claimed.max(world.position + bytes as u64);
                        if commit <= bytes {
                            prop_assert_eq!(claim.commit(commit), Ok(()));
                            world.commit(&mut readers, commit);
                        } else {
                            prop_assert!(claim.commit(commit).is_err());
                        }
                    }
                    Err(ClaimError::TooLarge) => prop_assert!(bytes > CAPACITY),
                    Err(error) => {
                        prop_assert_eq!(error, ClaimError::Full);
                        prop_assert!(bytes > free);
                    }
                }
            }
            Op::Grant { min, max, first } => {
                let free = world.free(&readers);
                match publisher.grant(min, max) {
                    Ok(granted) => {
                        prop_assert!(granted >= min && granted <= max.max(min) && granted <= free);
                        prop_assert!(granted >= max.min(free).min(CAPACITY / 4));
                        // A claim of the same range is a way to its memory.
                        if let Ok(mut claim) = publisher.claim(granted) {
                            fill(&mut claim, world.position);
                        }
                        world.claimed = world.claimed.max(world.position + granted as u64);
                        let first = first.min(granted);
                        prop_assert_eq!(publisher.commit(first), Ok(()));
                        world.commit(&mut readers, first);
                        prop_assert!(publisher.commit(granted - first + 1).is_err());
                        prop_assert_eq!(publisher.commit(granted - first), Ok(()));
                        world.commit(&mut readers, granted - first);
                    }
                    Err(ClaimError::TooLarge) => prop_assert!(min > CAPACITY),
                    Err(error) => {
                        prop_assert_eq!(error, ClaimError::Full);
                        prop_assert!(min > free || free == 0);
                    }
                }
            }
            Op::Write(bytes) => {
                let free = world.free(&readers);
                let mut data = vec![0; bytes];
                fill(&mut data, world.position);
                match publisher.write(&data) {
                    Ok(()) => {
                        prop_assert!(bytes <= free);
                        world.claimed = world.claimed.max(world.position + bytes as u64);
                        world.commit(&mut readers, bytes);
                    }
                    Err(ClaimError::TooLarge) => prop_assert!(bytes > CAPACITY),
                    Err(_) => prop_assert!(bytes > free),
                }
            }
            Op::Join(policy) => match ring.subscribe(policy) {
                Ok(subscriber) => {
                    let position = if world.held { 0 } else { world.position };
                    prop_assert_eq!(subscriber.position(), position);
                    let pending = (position..world.position).map(byte_at).collect();
                    world.held = false;
                    readers.push(Expected {
                        subscriber,
                        pending,
                        position,
                        missed: 0,
                        kicked: None,
                    });
                }
                Err(SubscribeError::TooManyReaders) => prop_assert_eq!(readers.len(), 64),
            },
            Op::Leave(reader) if !readers.is_empty() => {
                let reader = reader % readers.len();
                readers.swap_remove(reader);
            }
            Op::Batch {
                reader,
                max,
                release,
            } if !readers.is_empty() => {
                let reader_count = readers.len();
                let reader = &mut readers[reader % reader_count];
                let max = max.max(1);
                let got = reader.subscriber.batch(max).map(|batch| {
                    let bytes = batch.to_vec();
                    let release = release % (bytes.len() + 1);
                    batch.release(release).unwrap();
                    (bytes, release)
                });
                reader.check_error(&world, got.as_ref().err().copied())?;
                if let Ok((bytes, release)) = got {
                    prop_assert!(!bytes.is_empty());
                    prop_assert!(bytes.len() <= max.min(reader.pending.len()));
                    prop_assert!(bytes.iter().eq(reader.pending.range(..bytes.len())));
                    reader.skip(release as u64);
                }
            }
            Op::Peek { reader, skip, len } if !readers.is_empty() => {
                let reader_count = readers.len();
                let reader = &mut readers[reader % reader_count];
                let mut into = vec![0; len.max(1)];
                match reader.subscriber.peek(skip, &mut into) {
                    Ok(copied) => {
                        reader.check_error(&world, None)?;
                        prop_assert_eq!(copied, into.len().min(reader.pending.len() - skip));
                        let pending = reader.pending.range(skip..skip + copied);
                        prop_assert!(into[..copied].iter().eq(pending));
                    }
                    Err(RecvError::Empty) if skip > 0 && skip >= reader.pending.len() => {}
                    Err(error) => reader.check_error(&world, Some(error))?,
                }
            }
            Op::Readable(reader) if !readers.is_empty() => {
                let reader_count = readers.len();
                let reader = &mut readers[reader % reader_count];
                let got = reader.subscriber.readable();
                reader.check_error(&world, got.err())?;
                if let Ok(bytes) = got {
                    prop_assert_eq!(bytes, reader.pending.len());
                }
            }
            Op::Release { reader, bytes } if !readers.is_empty() => {
                let reader_count = readers.len();
                let reader = &mut readers[reader % reader_count];
                if reader.subscriber.release(bytes).is_ok() {
                    prop_assert!(bytes <= reader.pending.len());
                    reader.skip(bytes as u64);
                } else {
                    let overtaken = world.claimed > reader.position + CAPACITY as u64;
                    prop_assert!(
                        bytes > reader.pending.len()
                            || reader.kicked.is_some()
                            || (!reader.gates() && overtaken)
                    );
                }
            }
            Op::Register { reader, min } if !readers.is_empty() => {
                let reader_count = readers.len();
                let reader = &mut readers[reader % reader_count];
                let is_ready =
                    reader.kicked.is_some() || reader.pending.len() >= min.clamp(1, CAPACITY);
                let answer = reader.subscriber.register(Waker::noop(), min);
                prop_assert_eq!(answer == Registered::Ready, is_ready);
            }
            Op::RegisterWriter(min) => {
                let is_ready = world.free(&readers) >= min.clamp(1, CAPACITY);
                let answer = publisher.register(Waker::noop(), min);
                prop_assert_eq!(answer == Registered::Ready, is_ready);
            }
            _ => {}
        }
        prop_assert_eq!(publisher.position(), world.position);
        prop_assert_eq!(publisher.free_bytes(), world.free(&readers));
        check_lags(&ring, &readers)?;
    }
    // Everybody drains what there is, and is then told that it is over.
    drop(publisher);
    world.closed = true;
    for reader in &mut readers {
        loop {
            let got = reader.subscriber.batch(1000).map(|batch| {
                let bytes = batch.to_vec();
                batch.release_all();
                bytes
            });
            reader.check_error(&world, got.as_ref().err().copied())?;
            match got {
                Ok(bytes) => {
                    prop_assert!(bytes.iter().eq(reader.pending.range(..bytes.len())));
                    reader.skip(bytes.len() as u64);
                }
                Err(RecvError::Lapped { .. }) => {}
                Err(_) => break,
            }
        }
        prop_assert!(reader.kicked.is_some() || reader.position == world.position);
    }
    Ok(())
}

fn check_lags(ring: &Ring, readers: &[Expected]) -> Result<(), TestCaseError> {
    let mut expected: Vec<(u64, u64, u64)> = readers
        .iter()
        .map(|reader| {
            let lag = if reader.kicked.is_some() {
                0
            } else {
                reader.pending.len() as u64
            };
            (reader.position, lag, reader.missed)
        })
        .collect();
    let mut got: Vec<(u64, u64, u64)> = ring
        .lags()
        .iter()
        .map(|lag| (lag.cursor, lag.lag_bytes, lag.missed_bytes))
        .collect();
    expected.sort_unstable();
    got.sort_unstable();
    prop_assert_eq!(got, expected);
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_live_ring_does_what_the_model_does(
        ops in proptest::collection::vec(ops(), 1..steps()),
    ) {
        run(Start::Live, &ops)?;
    }

    #[test]
    fn a_held_ring_does_what_the_model_does(
        ops in proptest::collection::vec(ops(), 1..steps()),
    ) {
        run(Start::Hold, &ops)?;
    }
}

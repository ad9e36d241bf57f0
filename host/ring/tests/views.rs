//! Elements and frames against a `VecDeque` of what was sent.
#![cfg(not(loom))]

use okernel_ring::{
    ClaimError, FRAME_HEADER_BYTES, FrameError, FramePublisher, FrameSubscriber, Pod, Policy,
    RecvError, Ring, SendError, Start, TypedPublisher, TypedSubscriber,
};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::{Config, TestCaseError};
use std::collections::VecDeque;
use std::fmt::Debug;

const CAPACITY: usize = 4096;

fn config() -> Config {
    let cases = if cfg!(miri) { 2 } else { 256 };
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

fn steps() -> usize {
    if cfg!(miri) { 25 } else { 300 }
}

#[derive(Clone, Debug)]
enum TypedOp {
    Send,
    SendSlice(usize),
    Claim { count: usize, commit: usize },
    Recv,
    Batch { max: usize, release: usize },
}

fn typed_ops(capacity_count: usize) -> impl Strategy<Value = TypedOp> {
    let counts =
        move || prop_oneof![3 => 0..8_usize, 1 => 0..capacity_count + 2, 1 => Just(usize::MAX)];
    use proptest::prelude::Just;
    prop_oneof![
        2 => Just(TypedOp::Send),
        1 => counts().prop_map(TypedOp::SendSlice),
        2 => (counts(), counts()).prop_map(|(count, commit)| TypedOp::Claim { count, commit }),
        3 => Just(TypedOp::Recv),
        2 => (counts(), counts()).prop_map(|(max, release)| TypedOp::Batch { max, release }),
    ]
}

/// One reader that gates: nothing may be lost, whatever the size of an element.
fn run_typed<T: Pod + PartialEq + Debug>(
    ops: &[TypedOp],
    make: impl Fn(u64) -> T,
) -> Result<(), TestCaseError> {
    let publisher = Ring::create(CAPACITY, Start::Live).unwrap();
    let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
    let mut publisher = TypedPublisher::<T>::new(publisher).unwrap();
    let mut subscriber = TypedSubscriber::<T>::new(subscriber).unwrap();
    let capacity_count = CAPACITY / size_of::<T>();
    let mut pending: VecDeque<T> = VecDeque::new();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        make(next)
    };
    for op in ops {
        let free = capacity_count - pending.len();
        match *op {
            TypedOp::Send => {
                let value = fresh();
                match publisher.try_send(value) {
                    Ok(()) => {
                        prop_assert!(free > 0);
                        pending.push_back(value);
                    }
                    Err(error) => {
                        prop_assert_eq!(free, 0);
                        prop_assert_eq!(error, SendError::Full(value));
                    }
                }
            }
            TypedOp::SendSlice(count) if count <= capacity_count => {
                let values: Vec<T> = (0..count).map(|_| fresh()).collect();
                match publisher.send_slice(&values) {
                    Ok(()) => {
                        prop_assert!(count <= free);
                        pending.extend(values);
                    }
                    Err(_) => prop_assert!(count > free),
                }
            }
            TypedOp::Claim { count, commit } => match publisher.claim_n(count) {
                Ok(mut claim) => {
                    prop_assert!(count <= free && claim.len() == count);
                    let commit = commit % (count + 1);
                    for slot in claim.iter_mut() {
                        *slot = fresh();
                    }
                    pending.extend(&claim[..commit]);
                    prop_assert!(claim.commit(commit).is_ok());
                }
                Err(ClaimError::TooLarge) => prop_assert!(count > capacity_count),
                Err(_) => prop_assert!(count > free),
            },
            TypedOp::Recv => match pending.pop_front() {
                Some(value) => prop_assert_eq!(subscriber.recv(), Ok(value)),
                None => prop_assert_eq!(subscriber.recv(), Err(RecvError::Empty)),
            },
            TypedOp::Batch { max, release } => match subscriber.batch_n(max) {
                Ok(batch) => {
                    prop_assert!(!batch.is_empty() && batch.len() <= max.max(1));
                    prop_assert!(batch.iter().eq(pending.range(..batch.len())));
                    let release = release % (batch.len() + 1);
                    prop_assert!(batch.release(release).is_ok());
                    pending.drain(..release);
                }
                Err(error) => {
                    prop_assert_eq!(error, RecvError::Empty);
                    prop_assert!(pending.is_empty());
                }
            },
            TypedOp::SendSlice(_) => {}
        }
    }
    publisher.close();
    for value in pending {
        prop_assert_eq!(subscriber.recv(), Ok(value));
    }
    prop_assert_eq!(subscriber.recv(), Err(RecvError::Closed));
    Ok(())
}

#[derive(Clone, Debug)]
enum FrameOp {
    Send { kind: u32, bytes: usize },
    ClaimAndDrop(usize),
    Recv,
    Peek,
}

fn frame_ops() -> impl Strategy<Value = FrameOp> {
    use proptest::prelude::Just;
    let lengths =
        || prop_oneof![4 => 0..100_usize, 2 => 0..CAPACITY, 1 => CAPACITY - 20..CAPACITY + 9];
    prop_oneof![
        4 => (any::<u32>(), lengths()).prop_map(|(kind, bytes)| FrameOp::Send { kind, bytes }),
        1 => lengths().prop_map(FrameOp::ClaimAndDrop),
        4 => Just(FrameOp::Recv),
        1 => Just(FrameOp::Peek),
    ]
}

fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(8) + FRAME_HEADER_BYTES
}

/// Sends numbered frames; `next` expects them in order, or (for `Lap`) with gaps that are counted.
fn run_frames(policy: Policy, ops: &[FrameOp]) -> Result<(), TestCaseError> {
    let publisher = Ring::create(CAPACITY, Start::Live).unwrap();
    let subscriber = publisher.ring().subscribe(policy).unwrap();
    let mut publisher = FramePublisher::new(publisher).unwrap();
    let mut subscriber = FrameSubscriber::new(subscriber).unwrap();
    let mut pending: VecDeque<(u32, Vec<u8>)> = VecDeque::new();
    let mut payload = Vec::new();
    let mut seed = 0_u8;
    for op in ops {
        let pending_bytes: usize = pending
            .iter()
            .map(|(_, payload)| padded(payload.len()))
            .sum();
        let has_room = |bytes| policy == Policy::Lap || padded(bytes) + pending_bytes <= CAPACITY;
        match *op {
            FrameOp::Send { kind, bytes } => {
                seed = seed.wrapping_add(1);
                let sent: Vec<u8> = (0..bytes).map(|at| (at as u8).wrapping_mul(seed)).collect();
                match publisher.send(kind, &sent) {
                    Ok(()) => {
                        prop_assert!(has_room(bytes));
                        pending.push_back((kind, sent));
                    }
                    Err(ClaimError::TooLarge) => prop_assert!(padded(bytes) > CAPACITY),
                    Err(_) => prop_assert!(!has_room(bytes)),
                }
            }
            FrameOp::ClaimAndDrop(bytes) => {
                if let Ok(mut claim) = publisher.claim(99, bytes) {
                    prop_assert_eq!(claim.len(), bytes);
                    claim.fill(0xaa);
                }
            }
            FrameOp::Recv => match subscriber.recv(&mut payload) {
                Ok(frame) => {
                    let (kind, sent) = pending.pop_front().unwrap();
                    prop_assert_eq!(frame.kind, kind);
                    prop_assert_eq!(frame.payload_bytes, sent.len());
                    prop_assert_eq!(&payload, &sent);
                }
                Err(FrameError::Recv(RecvError::Lapped { mut missed_bytes })) => {
                    prop_assert_eq!(policy, Policy::Lap);
                    while missed_bytes > 0 {
                        let (_, sent) = pending.pop_front().unwrap();
                        missed_bytes -= padded(sent.len()) as u64;
                    }
                }
                Err(error) => {
                    prop_assert_eq!(error, FrameError::Recv(RecvError::Empty));
                    prop_assert!(pending.is_empty());
                }
            },
            FrameOp::Peek => {
                if policy == Policy::Block {
                    let expected = pending.front().map(|(kind, sent)| (*kind, sent.len()));
                    let got = subscriber
                        .peek()
                        .ok()
                        .map(|frame| (frame.kind, frame.payload_bytes));
                    prop_assert_eq!(got, expected);
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn elements_of_8_bytes(ops in proptest::collection::vec(typed_ops(512), 1..steps())) {
        run_typed::<u64>(&ops, |n| n)?;
    }

    #[test]
    fn elements_of_64_bytes(ops in proptest::collection::vec(typed_ops(64), 1..steps())) {
        run_typed::<[u64; 8]>(&ops, |n| [n; 8])?;
    }

    #[test]
    fn elements_that_do_not_divide_the_capacity(
        ops in proptest::collection::vec(typed_ops(1365), 1..steps()),
    ) {
        run_typed::<[u8; 3]>(&ops, |n| [n as u8, (n >> 8) as u8, 7])?;
    }

    #[test]
    fn elements_of_12_bytes(ops in proptest::collection::vec(typed_ops(341), 1..steps())) {
        run_typed::<[f32; 3]>(&ops, |n| [n as f32, 0.5, -1.0])?;
    }

    #[test]
    fn frames_to_a_reader_that_gates(
        ops in proptest::collection::vec(frame_ops(), 1..steps()),
    ) {
        run_frames(Policy::Block, &ops)?;
    }

    #[test]
    fn frames_to_a_reader_that_is_lapped(
        ops in proptest::collection::vec(frame_ops(), 1..steps()),
    ) {
        run_frames(Policy::Lap, &ops)?;
    }

    /// Whatever a hostile publisher writes: an answer, never a panic, and never more than is there.
    #[test]
    fn any_bytes_are_frames_or_an_error(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 1..40),
        lengths in proptest::collection::vec(0..80_u32, 40),
    ) {
        let mut publisher = Ring::create(CAPACITY, Start::Live).unwrap();
        let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        let mut subscriber = FrameSubscriber::new(subscriber).unwrap();
        let mut payload = Vec::new();
        for (mut chunk, length) in chunks.into_iter().zip(lengths) {
            if chunk.len() >= 4 && length < 70 {
                chunk[..4].copy_from_slice(&length.to_le_bytes());
            }
            publisher.write(&chunk).unwrap();
            loop {
                match subscriber.recv(&mut payload) {
                    Ok(frame) => prop_assert_eq!(frame.payload_bytes, payload.len()),
                    Err(FrameError::Corrupt { position, payload_bytes, readable_bytes }) => {
                        prop_assert!(readable_bytes < padded(payload_bytes as usize));
                        prop_assert_eq!(position, subscriber.subscriber().position());
                        prop_assert_eq!(subscriber.skip_all(), Ok(readable_bytes as u64));
                    }
                    Err(error) => {
                        prop_assert_eq!(error, FrameError::Recv(RecvError::Empty));
                        break;
                    }
                }
            }
        }
    }
}

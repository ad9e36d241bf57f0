//! Rings of frames: any payload arrives as it was sent, and bytes that are no frames are an error.

use okernel_sdk::abi::frame::FrameHeader;
use okernel_sdk::testing::Harness;
use okernel_sdk::{Errno, RecvError, SendError, Value, ValueError, yield_now};
use proptest::prelude::{any, proptest};

const COPIED: usize = 4096;
const MAPPED: usize = 64 * 1024;

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]

    #[test]
    fn every_frame_arrives_as_it_was_sent(
        lengths in proptest::collection::vec((any::<u32>(), 0usize..4089), 0..300),
        copied in any::<bool>(),
        naps in any::<u64>(),
    ) {
        let capacity = if copied { COPIED } else { MAPPED };
        let nap = move |number: usize| naps >> (number % 64) & 1 == 1;
        let payload = |number: usize, length: usize| vec![number as u8; length];
        let done = Harness::new()
            .ring("ring", capacity)
            .publisher("out", "ring")
            .task(async |ctx| {
                let mut out = ctx.frame_publisher("out")?;
                for (number, (kind, length)) in lengths.iter().enumerate() {
                    out.send(*kind, &payload(number, *length)).await?;
                    if nap(number) {
                        yield_now().await;
                    }
                }
                Ok(())
            })
            .subscriber("in", "ring")
            .run(async |ctx| {
                let mut input = ctx.frame_subscriber("in")?;
                for (number, (kind, length)) in lengths.iter().enumerate() {
                    let frame = input.recv().await?;
                    if nap(number + 1) {
                        // A frame that is held stays as it is over turns of its sender.
                        yield_now().await;
                        yield_now().await;
                    }
                    assert_eq!(frame.kind, *kind);
                    assert_eq!(frame.payload, payload(number, *length));
                    assert!(frame.payload.as_ptr().cast::<u64>().is_aligned());
                }
                assert_eq!(input.next().await?, None);
                Ok(())
            });
        assert_eq!(done.results, [Ok(()), Ok(())]);
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..20_000),
        seed in any::<u64>(),
    ) {
        let done = Harness::new().seams(seed).feed_ring(COPIED).feed("in", &bytes).run(async |ctx| {
            let mut input = ctx.frame_subscriber("in")?;
            loop {
                match input.recv().await {
                    Ok(frame) => assert!(frame.payload.len() <= COPIED),
                    Err(RecvError::Closed | RecvError::Truncated { .. }) => return Ok(()),
                    Err(RecvError::NotAFrame { capacity_bytes, .. }) => {
                        assert_eq!(capacity_bytes, COPIED as u64);
                        return Ok(());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        });
        assert_eq!(done.result, Ok(()));
    }
}

#[test]
fn the_longest_frame_fills_the_ring() {
    for capacity in [COPIED, MAPPED] {
        let done = Harness::new()
            .ring("ring", capacity)
            .publisher("out", "ring")
            .subscriber("in", "ring")
            .run(async |ctx| {
                let mut out = ctx.frame_publisher("out")?;
                let mut input = ctx.frame_subscriber("in")?;
                let longest = vec![9; out.payload_bytes_max()];
                for _ in 0..3 {
                    out.send(300, b"before").await?;
                    assert_eq!(out.try_send(301, &longest), Err(SendError::Full(())));
                    assert_eq!(input.recv().await?.payload, b"before");
                    assert_eq!(input.try_recv(), Err(RecvError::Empty));
                    out.send(301, &longest).await?;
                    assert_eq!(input.recv().await?.payload, longest);
                    assert_eq!(input.try_recv(), Err(RecvError::Empty));
                }
                let longer = vec![9; out.payload_bytes_max() + 1];
                let refused = Err(SendError::Refused((), Errno::TooLarge));
                assert_eq!(out.send(301, &longer).await, refused);
                Ok(())
            });
        assert_eq!(done.result, Ok(()));
    }
}

#[test]
fn a_frame_that_comes_in_pieces_is_waited_for() {
    let mut bytes = Vec::new();
    for number in 0..200u8 {
        let header = FrameHeader {
            payload_bytes: 100,
            kind: u32::from(number),
        };
        bytes.extend_from_slice(&header.encode());
        bytes.extend_from_slice(&[number; 104]);
    }
    for seed in 0..10 {
        let done = Harness::new()
            .seams(seed)
            .feed("in", &bytes)
            .run(async |ctx| {
                let mut input = ctx.frame_subscriber("in")?;
                for number in 0..200u8 {
                    let frame = input.recv().await?;
                    assert_eq!(frame.payload, [number; 100]);
                }
                assert_eq!(input.recv().await, Err(RecvError::Closed));
                Ok(())
            });
        assert_eq!(done.result, Ok(()));
    }
}

#[test]
fn a_ring_closed_within_a_frame_is_an_error() {
    let header = FrameHeader {
        payload_bytes: 100,
        kind: 300,
    };
    let done = Harness::new()
        .feed("in", &header.encode())
        .run(async |ctx| {
            let mut input = ctx.frame_subscriber("in")?;
            let truncated = RecvError::Truncated { left_bytes: 8 };
            assert_eq!(input.recv().await, Err(truncated));
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn values_go_through_and_other_frames_are_told_apart() {
    let value = Value::List(vec![Value::text("trades"), Value::Floats(vec![1.5, 2.5])]);
    let done = Harness::new()
        .ring("ring", COPIED)
        .publisher("out", "ring")
        .subscriber("in", "ring")
        .run(async |ctx| {
            let mut out = ctx.frame_publisher("out")?;
            let mut input = ctx.frame_subscriber("in")?;
            out.send_value(&value).await?;
            out.send(300, b"no value").await?;
            out.send(1, b"no value").await?;
            out.send_value(&Value::Nil).await?;
            assert_eq!(input.recv_value().await?, value);
            let kind = RecvError::NotAValue(ValueError::Kind(300));
            assert_eq!(input.recv_value().await, Err(kind));
            assert!(matches!(
                input.recv_value().await,
                Err(RecvError::NotAValue(ValueError::Bytes(_)))
            ));
            assert_eq!(input.recv_value().await?, Value::Nil);
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn a_payload_of_no_bytes_is_aligned_too() {
    let done = Harness::new()
        .feed_frames("in", &[(300, b""), (301, b"x"), (302, b"")])
        .run(async |ctx| {
            let mut input = ctx.frame_subscriber("in")?;
            while let Some(frame) = input.next().await? {
                assert!(frame.payload.as_ptr().cast::<u64>().is_aligned());
            }
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

//! What a ring refuses: too much, too large, opened twice, closed within a message; and readers that are too slow.

use okernel_sdk::testing::Harness;
use okernel_sdk::{ClaimError, OpenError, RecvError, SendError, Subscriber, join2, yield_now};

const COPIED: usize = 4096;
const MAPPED: usize = 64 * 1024;

#[test]
fn a_full_ring_hands_the_message_back_and_waits_for_room() {
    let done = Harness::new()
        .ring("ring", COPIED)
        .publisher("out", "ring")
        .subscriber("in", "ring")
        .run(async |ctx| {
            let mut out = ctx.publisher::<u64>("out")?;
            let mut input = ctx.subscriber::<u64>("in")?;
            let mut sent = 0;
            let refused = loop {
                match out.try_send(sent) {
                    Ok(()) => sent += 1,
                    Err(error) => break error,
                }
            };
            assert_eq!((sent, refused), (512, SendError::Full(512)));
            assert!(matches!(out.try_claim(1), Err(ClaimError::Full)));
            let reader = async {
                yield_now().await;
                input.batch().await?.release();
                input.recv().await
            };
            let (sent, received) = join2(out.send(512), reader).await;
            assert_eq!((sent, received), (Ok(()), Ok(512)));
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn more_than_the_ring_holds_is_an_error() {
    let done = Harness::new()
        .ring("ring", COPIED)
        .publisher("out", "ring")
        .subscriber("in", "ring")
        .run(async |ctx| {
            let too_large = ctx.publisher::<[u64; 1000]>("out").err();
            assert_eq!(
                too_large,
                Some(OpenError::MessageTooLarge {
                    name: "out".to_string(),
                    message_bytes: 8000,
                    capacity_bytes: 4096,
                })
            );
            let mut out = ctx.publisher::<u64>("out")?;
            let mut input = ctx.subscriber::<u64>("in")?;
            let asked = ClaimError::TooLarge {
                asked_bytes: 513 * 8,
                capacity_bytes: 4096,
            };
            assert_eq!(out.try_claim(513).err(), Some(asked));
            assert_eq!(out.claim(513).await.err(), Some(asked));
            assert!(matches!(
                input.batch_of(513).await.err(),
                Some(RecvError::TooLarge { .. })
            ));
            assert_eq!(out.arm(513).err(), Some(asked));
            assert!(input.arm(513).is_err());
            assert!(matches!(
                input.batch_of(usize::MAX).await.err(),
                Some(RecvError::TooLarge { .. })
            ));
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn one_end_is_opened_once_at_a_time() {
    let done = Harness::new()
        .ring("ring", COPIED)
        .publisher("out", "ring")
        .subscriber("in", "ring")
        .run(async |ctx| {
            let out = ctx.publisher::<u64>("out")?;
            let again = ctx.publisher::<u64>("out").err();
            assert_eq!(
                again.map(|error| error.to_string()),
                Some("\"out\" is open already".to_string())
            );
            let wrong = ctx.subscriber::<u64>("out").err();
            assert_eq!(
                wrong.map(|error| error.to_string()),
                Some("\"out\" was granted as a publisher, not as a subscriber".to_string())
            );
            drop(out);
            assert!(
                ctx.publisher::<u64>("out").is_err(),
                "the grant is given up"
            );
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn a_ring_closed_within_a_message_is_an_error() {
    for capacity in [COPIED, MAPPED] {
        let done = Harness::new()
            .feed_ring(capacity)
            .feed("in", &[7u8; 12])
            .run(async |ctx| {
                let mut input = ctx.subscriber::<u64>("in")?;
                assert_eq!(input.recv().await, Ok(0x0707_0707_0707_0707));
                assert_eq!(
                    input.recv().await,
                    Err(RecvError::Truncated { left_bytes: 4 })
                );
                Ok(())
            });
        assert_eq!(done.result, Ok(()));
    }
}

#[test]
fn a_position_within_a_message_is_refused() {
    let done = Harness::new()
        .ring("ring", COPIED)
        .publisher("out", "ring")
        .subscriber("in", "ring")
        .run(async |ctx| {
            let mut bytes = ctx.publisher::<u8>("out")?;
            bytes.send_all(&[0; 3]).await?;
            drop(bytes);
            let mut input = ctx.subscriber::<u8>("in")?;
            input.recv().await?;
            input.recv().await?;
            yield_now().await;
            let (handle, error) = (
                input.handle(),
                Subscriber::<u64>::from_handle(input.handle()),
            );
            assert_eq!(
                error.err(),
                Some(OpenError::Unaligned {
                    name: format!("handle {handle}"),
                    position: 2,
                    message_bytes: 8,
                })
            );
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn an_overtaken_reader_learns_what_it_missed_and_goes_on() {
    let done = Harness::new()
        .ring("ring", MAPPED)
        .publisher("out", "ring")
        .lapped_subscriber("in", "ring")
        .run(async |ctx| {
            let mut out = ctx.publisher::<u64>("out")?;
            let mut input = ctx.subscriber::<u64>("in")?;
            let numbers: Vec<u64> = (0..10_000).collect();
            out.send_all(&numbers[..10]).await?;
            assert_eq!(input.recv().await, Ok(0));
            yield_now().await;
            // What was copied out already is not lost, only what the ring alone had.
            out.send_all(&numbers[10..]).await?;
            let mut received = 1;
            let mut missed = 0;
            loop {
                match input.try_recv() {
                    Ok(_) => received += 1,
                    Err(RecvError::Lapped { missed_bytes }) => missed += missed_bytes / 8,
                    Err(error) => break assert_eq!(error, RecvError::Empty),
                }
            }
            out.send(77).await?;
            assert_eq!(input.recv().await, Ok(77));
            assert_eq!(received + missed, 10_000);
            assert!(missed > 0);
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn a_kicked_reader_gets_nothing_more() {
    let done = Harness::new()
        .ring("ring", COPIED)
        .publisher("out", "ring")
        .kicked_subscriber("in", "ring")
        .run(async |ctx| {
            let mut input = ctx.subscriber::<u64>("in")?;
            ctx.publisher::<u64>("out")?.send_all(&[7; 600]).await?;
            let kicked = RecvError::Kicked { missed_bytes: 4800 };
            assert_eq!(input.recv().await, Err(kicked));
            assert!(matches!(
                input.recv().await,
                Err(RecvError::Kicked { missed_bytes: 0 })
            ));
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

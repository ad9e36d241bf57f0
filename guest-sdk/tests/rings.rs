//! Rings of one type: whatever mixture of calls two tasks use, every message arrives once and in order.
//!
//! Small rings are read and written by copying calls, large ones in place; both are run.

use okernel_sdk::testing::Harness;
use okernel_sdk::{Either, Pod, Publisher, RecvError, Subscriber, select2, yield_now};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

const COPIED: usize = 4096;
const MAPPED: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Debug, Pod)]
#[repr(C)]
struct Trade {
    number: u64,
    price: f64,
    symbol: u64,
}

fn trade(number: u64) -> Trade {
    Trade {
        number,
        price: number as f64 / 4.0,
        symbol: number % 7,
    }
}

/// What a task does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    One,
    Batch(usize),
    Part(usize),
    Give(usize),
    Yield,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::One),
        2 => (1usize..300).prop_map(Step::Batch),
        1 => (1usize..100).prop_map(Step::Part),
        1 => (0usize..50).prop_map(Step::Give),
        1 => Just(Step::Yield),
    ];
    proptest::collection::vec(step, 1..40)
}

async fn produce<T: Pod>(
    out: &mut Publisher<T>,
    steps: &[Step],
    count: u64,
    make: fn(u64) -> T,
) -> okernel_sdk::Result<()> {
    let mut next = 0;
    for step in steps.iter().cycle() {
        let left = (count - next) as usize;
        if left == 0 {
            break;
        }
        match *step {
            Step::One => {
                out.send(make(next)).await?;
                next += 1;
            }
            Step::Batch(most) => {
                let mut claim = out.claim_some(most.min(left)).await?;
                for message in claim.iter_mut() {
                    *message = make(next);
                    next += 1;
                }
                claim.commit()?;
            }
            Step::Part(most) => {
                let size = most.min(out.capacity());
                let used = (size / 2).min(left);
                let mut claim = out.claim(size).await?;
                for message in &mut claim[..used] {
                    *message = make(next);
                    next += 1;
                }
                claim.commit_first(used)?;
            }
            Step::Give(size) => drop(out.claim(size.min(out.capacity())).await?),
            Step::Yield => yield_now().await,
        }
    }
    Ok(())
}

async fn consume<T: Pod + PartialEq + std::fmt::Debug>(
    input: &mut Subscriber<T>,
    steps: &[Step],
    make: fn(u64) -> T,
) -> Result<u64, RecvError> {
    let mut next = 0;
    for step in steps.iter().cycle() {
        match *step {
            Step::One => match input.next().await? {
                Some(message) => {
                    assert_eq!(message, make(next));
                    next += 1;
                }
                None => break,
            },
            Step::Batch(_) => match input.next_batch().await? {
                Some(batch) => {
                    for message in batch.iter() {
                        assert_eq!(*message, make(next));
                        next += 1;
                    }
                    batch.release();
                }
                None => break,
            },
            Step::Part(most) => match input.next_batch().await? {
                Some(batch) => {
                    let used = most.min(batch.len());
                    for message in &batch[..used] {
                        assert_eq!(*message, make(next));
                        next += 1;
                    }
                    batch.release_first(used);
                }
                None => break,
            },
            Step::Give(_) => match input.next_batch().await? {
                Some(batch) => assert_eq!(batch[0], make(next)),
                None => break,
            },
            Step::Yield => yield_now().await,
        }
    }
    Ok(next)
}

fn run<T: Pod + PartialEq + std::fmt::Debug>(
    capacity: usize,
    count: u64,
    out: &[Step],
    input: &[Step],
    make: fn(u64) -> T,
) {
    // A reader that only looks would never come to an end.
    let input = [input, &[Step::One]].concat();
    let out = [out, &[Step::One]].concat();
    let done = Harness::new()
        .ring("ring", capacity)
        .publisher("out", "ring")
        .task(async |ctx| produce(&mut ctx.publisher::<T>("out")?, &out, count, make).await)
        .subscriber("in", "ring")
        .run(async |ctx| {
            let received = consume(&mut ctx.subscriber::<T>("in")?, &input, make).await?;
            assert_eq!(received, count);
            Ok(())
        });
    assert_eq!(done.results, [Ok(()), Ok(())]);
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]

    #[test]
    fn every_message_arrives_once_and_in_order(
        out in steps(),
        input in steps(),
        count in 0u64..30_000,
        copied in any::<bool>(),
    ) {
        let capacity = if copied { COPIED } else { MAPPED };
        run::<u64>(capacity, count, &out, &input, |number| number * 3);
        run::<Trade>(capacity, count / 3, &out, &input, trade);
        run::<u8>(capacity, count, &out, &input, |number| number as u8);
    }
}

#[test]
fn single_messages_are_published_in_blocks() {
    let done = Harness::new()
        .ring("ring", MAPPED)
        .publisher("out", "ring")
        .subscriber("in", "ring")
        .run(async |ctx| {
            let mut out = ctx.publisher::<u64>("out")?;
            let mut input = ctx.subscriber::<u64>("in")?;
            out.try_send(1)?;
            out.try_send(2)?;
            // Looking for input publishes what was sent: an answer is never held back by the question.
            assert_eq!(input.try_recv(), Ok(1));
            assert_eq!(input.try_recv(), Ok(2));
            assert_eq!(input.try_recv(), Err(RecvError::Empty));
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn what_was_sent_is_published_when_poll_returns() {
    let done = Harness::new()
        .ring("there", MAPPED)
        .ring("back", COPIED)
        .subscriber("in", "there")
        .publisher("out", "back")
        .task(async |ctx| {
            let mut input = ctx.subscriber::<u64>("in")?;
            let mut out = ctx.publisher::<u64>("out")?;
            while let Some(number) = input.next().await? {
                out.send(number + 1).await?;
            }
            Ok(())
        })
        .publisher("out", "there")
        .subscriber("in", "back")
        .run(async |ctx| {
            let mut out = ctx.publisher::<u64>("out")?;
            let mut input = ctx.subscriber::<u64>("in")?;
            for number in 0..1000 {
                out.send(number).await?;
                assert_eq!(input.recv().await?, number + 1);
            }
            Ok(())
        });
    assert_eq!(done.results, [Ok(()), Ok(())]);
}

#[test]
fn what_was_received_is_released_when_poll_returns() {
    let done = Harness::new()
        .ring("ring", COPIED)
        .publisher("out", "ring")
        .task(async |ctx| {
            let mut out = ctx.publisher::<[u8; 2048]>("out")?;
            for number in 0..100 {
                out.send([number; 2048]).await?;
            }
            Ok(())
        })
        .subscriber("in", "ring")
        .run(async |ctx| {
            let mut input = ctx.subscriber::<[u8; 2048]>("in")?;
            for number in 0..100 {
                assert_eq!(input.recv().await?[7], number);
                yield_now().await;
            }
            Ok(())
        });
    assert_eq!(done.results, [Ok(()), Ok(())]);
}

#[test]
fn guards_outlive_turns() {
    for capacity in [COPIED, MAPPED] {
        let done = Harness::new()
            .ring("ring", capacity)
            .publisher("out", "ring")
            .subscriber("in", "ring")
            .run(async |ctx| {
                let mut out = ctx.publisher::<u64>("out")?;
                let mut input = ctx.subscriber::<u64>("in")?;
                out.send(1).await?;
                let mut claim = out.claim(2).await?;
                claim[0] = 2;
                yield_now().await;
                claim[1] = 3;
                claim.commit()?;
                assert_eq!(input.recv().await?, 1);
                let batch = input.batch().await?;
                yield_now().await;
                assert_eq!(batch[..], [2, 3]);
                batch.release_first(1);
                assert_eq!(input.try_recv(), Ok(3));
                Ok(())
            });
        assert_eq!(done.result, Ok(()));
    }
}

#[test]
fn a_forgotten_guard_harms_nobody() {
    for capacity in [COPIED, MAPPED] {
        let done = Harness::new()
            .ring("ring", capacity)
            .publisher("out", "ring")
            .subscriber("in", "ring")
            .run(async |ctx| {
                let mut out = ctx.publisher::<u64>("out")?;
                let mut input = ctx.subscriber::<u64>("in")?;
                std::mem::forget(out.claim(3).await?);
                out.send(1).await?;
                out.flush()?;
                std::mem::forget(input.batch().await?);
                out.send(2).await?;
                assert_eq!(input.recv().await?, 1);
                assert_eq!(input.recv().await?, 2);
                Ok(())
            });
        assert_eq!(done.result, Ok(()));
    }
}

#[test]
fn a_receive_that_did_not_win_loses_nothing() {
    let done = Harness::new()
        .seams(3)
        .feed("left", &(0..5000u64).collect::<Vec<_>>())
        .feed("right", &(0..5000u64).collect::<Vec<_>>())
        .run(async |ctx| {
            let mut left = ctx.subscriber::<u64>("left")?;
            let mut right = ctx.subscriber::<u64>("right")?;
            let (mut lefts, mut rights) = (0, 0);
            while lefts < 5000 || rights < 5000 {
                let first = if (lefts + rights) % 2 == 0 {
                    select2(left.recv(), right.recv()).await
                } else {
                    match select2(right.recv(), left.recv()).await {
                        Either::First(right) => Either::Second(right),
                        Either::Second(left) => Either::First(left),
                    }
                };
                match first {
                    Either::First(Ok(number)) => {
                        assert_eq!(number, lefts);
                        lefts += 1;
                    }
                    Either::Second(Ok(number)) => {
                        assert_eq!(number, rights);
                        rights += 1;
                    }
                    Either::First(Err(RecvError::Closed)) => {
                        assert_eq!(right.recv().await?, rights);
                        rights += 1;
                    }
                    Either::Second(Err(RecvError::Closed)) => {
                        assert_eq!(left.recv().await?, lefts);
                        lefts += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn a_run_over_the_seam_is_committed_in_parts() {
    for capacity in [COPIED, MAPPED] {
        let done = Harness::new()
            .ring("ring", capacity)
            .publisher("out", "ring")
            .subscriber("in", "ring")
            .run(async |ctx| {
                let mut out = ctx.publisher::<u64>("out")?;
                let mut input = ctx.subscriber::<u64>("in")?;
                let mut next = 0;
                // Each claim is larger than what is used of it, so that rests are used again, over the seam too.
                for round in 0..3000 {
                    let mut claim = out.claim(30).await?;
                    let used = 1 + round % 29;
                    for (message, number) in claim[..used].iter_mut().zip(next..) {
                        *message = number;
                    }
                    claim.commit_first(used)?;
                    let batch = input.batch().await?;
                    assert!(batch.iter().copied().eq(next..next + used as u64));
                    batch.release();
                    next += used as u64;
                }
                Ok(())
            });
        assert_eq!(done.result, Ok(()));
    }
}

//! Waiting for the first of several futures, or for all of them.
//!
//! They are polled in the order in which they are written, and the first that is ready wins: put what comes
//! rarely before what comes always. Dropping a `recv` or a timer's future that has not won loses nothing.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

/// Which of two futures was first, and what it answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Either<A, B> {
    /// The first.
    First(A),
    /// The second.
    Second(B),
}

/// Which of three futures was first, and what it answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Either3<A, B, C> {
    /// The first.
    First(A),
    /// The second.
    Second(B),
    /// The third.
    Third(C),
}

/// Waits for whichever of two futures is ready first.
///
/// ```
/// use okernel_sdk::testing::Harness;
/// use okernel_sdk::{Either, select2};
/// use std::time::Duration;
///
/// let done = Harness::new().ring("r", 4096).subscriber("in", "r").timers("timer").run(async |ctx| {
///     let mut numbers = ctx.subscriber::<u64>("in")?;
///     let timers = ctx.timers("timer")?;
///     match select2(numbers.recv(), timers.sleep(Duration::from_secs(1))).await {
///         Either::First(_) => unreachable!("nobody sends anything"),
///         Either::Second(slept) => slept?,
///     }
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
pub async fn select2<A: Future, B: Future>(first: A, second: B) -> Either<A::Output, B::Output> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| {
        if let Poll::Ready(output) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}

/// Waits for whichever of three futures is ready first.
///
/// ```
/// use okernel_sdk::testing::Harness;
/// use okernel_sdk::{Either3, select3};
/// use std::future::{pending, ready};
///
/// let done = Harness::new().run(async |_| {
///     let first = select3(pending::<()>(), ready(7), ready("late")).await;
///     assert_eq!(first, Either3::Second(7));
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
pub async fn select3<A: Future, B: Future, C: Future>(
    first: A,
    second: B,
    third: C,
) -> Either3<A::Output, B::Output, C::Output> {
    let (mut first, mut second, mut third) = (pin!(first), pin!(second), pin!(third));
    poll_fn(|cx| {
        if let Poll::Ready(output) = first.as_mut().poll(cx) {
            return Poll::Ready(Either3::First(output));
        }
        if let Poll::Ready(output) = second.as_mut().poll(cx) {
            return Poll::Ready(Either3::Second(output));
        }
        third.as_mut().poll(cx).map(Either3::Third)
    })
    .await
}

/// Waits for both futures.
///
/// ```
/// use okernel_sdk::join2;
/// use okernel_sdk::testing::Harness;
/// use std::time::Duration;
///
/// let done = Harness::new().timers("timer").run(async |ctx| {
///     let timers = ctx.timers("timer")?;
///     let second = Duration::from_secs(1);
///     let (a, b) = join2(timers.sleep(second), timers.sleep(second)).await;
///     a.and(b)?;
///     Ok(())
/// });
/// done.result.unwrap();
/// assert_eq!(done.now_ns, 1_000_000_000);
/// ```
pub async fn join2<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut a, mut b) = (None, None);
    poll_fn(|cx| {
        if a.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(cx)
        {
            a = Some(output);
        }
        if b.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(cx)
        {
            b = Some(output);
        }
        match (a.take(), b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (first, second) => {
                (a, b) = (first, second);
                Poll::Pending
            }
        }
    })
    .await
}

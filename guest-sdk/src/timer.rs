//! Sleeping, and being called at intervals.

use crate::error::{Error, Result};
use crate::executor;
use crate::made::{Kind, Made};
use crate::readiness::{Readiness, readiness};
use crate::refused;
use crate::select::{Either, select2};
use crate::sys;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use okernel_abi::Errno;

/// The right to set timers.
///
/// ```
/// use okernel_sdk::testing::Harness;
/// use std::time::Duration;
///
/// let done = Harness::new().timers("timer").run(async |ctx| {
///     let timers = ctx.timers("timer")?;
///     let mut beat = timers.interval(Duration::from_secs(1))?;
///     for _ in 0..3 {
///         beat.tick().await?;
///     }
///     Ok(())
/// });
/// assert_eq!(done.now_ns, 3_000_000_000);
/// ```
#[derive(Debug)]
pub struct Timers {
    handle: u32,
}

/// A duration in nanoseconds; what does not fit is the longest that does (584 years).
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn set(timers: u32, delay: Duration, period: Duration) -> Result<Timer> {
    let handle = sys::timer_set(timers, nanoseconds(delay), nanoseconds(period));
    let made = handle.map(|handle| Timer(Made::new(Kind::Timer, handle)));
    made.map_err(|errno| Error::Call {
        call: "set a timer",
        errno: refused::note(timers, errno),
    })
}

/// A timer that was set; cancelled when dropped.
#[derive(Debug)]
struct Timer(Made);

impl Timer {
    fn poll(&self, cx: &Context<'_>) -> Poll<Result<u64>> {
        let failed = |errno| Error::Call {
            call: "wait for a timer",
            errno,
        };
        loop {
            match sys::timer_take(self.0.handle()) {
                Ok(fired) => return Poll::Ready(Ok(fired)),
                Err(Errno::Again) => {}
                Err(errno) => return Poll::Ready(Err(failed(errno))),
            }
            match readiness(self.0.handle(), 0) {
                Ok(Readiness::Ready) => {}
                Ok(Readiness::Armed) => {
                    executor::park(cx);
                    return Poll::Pending;
                }
                Err(errno) => return Poll::Ready(Err(failed(errno))),
            }
        }
    }
}

impl Timers {
    pub(crate) fn new(handle: u32) -> Timers {
        Timers { handle }
    }

    /// Waits. The time runs from this call, not from the first `await`.
    ///
    /// # Errors
    /// The kernel refused: the task has too many timers, for example.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// # let done = Harness::new().timers("timer").run(async |ctx| {
    /// ctx.timers("timer")?.sleep(Duration::from_micros(7)).await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.now_ns, 7_000);
    /// ```
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep {
            timer: set(self.handle, duration, Duration::ZERO),
        }
    }

    /// Something that ticks each `period`, the first time after one. It does not drift.
    ///
    /// # Errors
    /// The period is zero, or the kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// # let done = Harness::new().timers("timer").run(async |ctx| {
    /// let mut beat = ctx.timers("timer")?.interval(Duration::from_millis(2))?;
    /// assert_eq!(beat.tick().await?, 1);
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.now_ns, 2_000_000);
    /// ```
    pub fn interval(&self, period: Duration) -> Result<Interval> {
        if period.is_zero() {
            return Err(Error::message("an interval of no time"));
        }
        Ok(Interval {
            timer: set(self.handle, period, period)?,
        })
    }

    /// What the future answers, or nothing if that takes longer than `limit`.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// # let done = Harness::new().timers("timer").run(async |ctx| {
    /// let timers = ctx.timers("timer")?;
    /// let never = std::future::pending::<()>();
    /// assert_eq!(timers.timeout(Duration::from_secs(1), never).await?, None);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<Option<F::Output>> {
        match select2(future, self.sleep(limit)).await {
            Either::First(output) => Ok(Some(output)),
            Either::Second(slept) => slept.map(|()| None),
        }
    }
}

/// A future that is ready when its time has come. Made by [`Timers::sleep`].
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    timer: Result<Timer>,
}

impl Future for Sleep {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &self.timer {
            Ok(timer) => timer.poll(cx).map(|fired| fired.map(drop)),
            Err(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

/// Something that ticks. Made by [`Timers::interval`].
#[derive(Debug)]
pub struct Interval {
    timer: Timer,
}

impl Interval {
    /// Waits for the next tick. Answers how many there were since the last call: more than one if this
    /// task was late.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// # let done = Harness::new().timers("timer").run(async |ctx| {
    /// let timers = ctx.timers("timer")?;
    /// let mut beat = timers.interval(Duration::from_millis(2))?;
    /// timers.sleep(Duration::from_millis(7)).await?;
    /// assert_eq!(beat.tick().await?, 3);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn tick(&mut self) -> Result<u64> {
        poll_fn(|cx| self.timer.poll(cx)).await
    }

    /// How many ticks there were since the last call, at once: 0 when there was none. For tasks that write
    /// their own `poll`.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// # let done = Harness::new().timers("timer").run(async |ctx| {
    /// let mut beat = ctx.timers("timer")?.interval(Duration::from_millis(2))?;
    /// assert_eq!(beat.try_tick()?, 0);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn try_tick(&mut self) -> Result<u64> {
        match sys::timer_take(self.handle()) {
            Err(Errno::Again) => Ok(0),
            taken => taken.map_err(|errno| Error::Call {
                call: "look at a timer",
                errno,
            }),
        }
    }

    /// Arms the task for the next tick: for tasks that write their own `poll`.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// use okernel_sdk::Readiness;
    /// # let done = Harness::new().timers("timer").run(async |ctx| {
    /// let mut beat = ctx.timers("timer")?.interval(Duration::from_millis(2))?;
    /// assert_eq!(beat.arm()?, Readiness::Armed);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn arm(&mut self) -> Result<Readiness> {
        readiness(self.handle(), 0).map_err(|errno| Error::Call {
            call: "wait for a timer",
            errno,
        })
    }

    /// The kernel's number for this timer, to be written into the task's state.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// use okernel_sdk::Interval;
    /// # let done = Harness::new().timers("timer").run(async |ctx| {
    /// let beat = ctx.timers("timer")?.interval(Duration::from_millis(2))?;
    /// let number = beat.handle();
    /// std::mem::forget(beat);
    /// assert_eq!(Interval::from_handle(number).tick().await?, 1);
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.now_ns, 2_000_000);
    /// ```
    pub fn handle(&self) -> u32 {
        self.timer.0.handle()
    }

    /// The interval that another instance of this task had begun, in [`Task::restore`](crate::Task::restore): it ticks
    /// on as if nothing had happened.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Interval;
    /// # let done = Harness::new().run(async |_| {
    /// assert!(Interval::from_handle(77).tick().await.is_err());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn from_handle(handle: u32) -> Interval {
        Interval {
            timer: Timer(Made::new(Kind::Timer, handle)),
        }
    }
}

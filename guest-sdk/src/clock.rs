//! The clocks.

use crate::error::{Error, Result};
use crate::refused;
use crate::sys;
use core::time::Duration;

/// The right to read the clocks: the monotonic one, and the wall clock.
///
/// ```
/// use okernel_sdk::testing::Harness;
/// use std::time::Duration;
///
/// let done = Harness::new().clock("clock").timers("timer").run(async |ctx| {
///     let (clock, timers) = (ctx.clock("clock")?, ctx.timers("timer")?);
///     let start = clock.now()?;
///     timers.sleep(Duration::from_millis(5)).await?;
///     assert!(clock.now()? - start >= Duration::from_millis(5));
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
#[derive(Debug)]
pub struct Clock {
    handle: u32,
}

impl Clock {
    pub(crate) fn new(handle: u32) -> Clock {
        Clock { handle }
    }

    /// Time since the kernel's boot.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().clock("clock").run(async |ctx| {
    /// let since_boot = ctx.clock("clock")?.now()?;
    /// # let _ = since_boot;
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn now(&self) -> Result<Duration> {
        self.now_ns().map(Duration::from_nanos)
    }

    /// Time since the kernel's boot, in nanoseconds.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().clock("clock").run(async |ctx| {
    /// let since_boot_ns: u64 = ctx.clock("clock")?.now_ns()?;
    /// # let _ = since_boot_ns;
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn now_ns(&self) -> Result<u64> {
        sys::clock(self.handle).map_err(|errno| Error::Call {
            call: "read the clock",
            errno: refused::note(self.handle, errno),
        })
    }

    /// The wall clock: time since 1970-01-01 in UTC. It may be set while the task runs; for distances
    /// in time there is [`Clock::now`].
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().clock("clock").run(async |ctx| {
    /// let since_1970 = ctx.clock("clock")?.utc()?;
    /// # let _ = since_1970;
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn utc(&self) -> Result<Duration> {
        let ns = sys::clock_utc(self.handle).map_err(|errno| Error::Call {
            call: "read the clock",
            errno: refused::note(self.handle, errno),
        })?;
        Ok(Duration::from_nanos(ns))
    }
}

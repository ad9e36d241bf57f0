//! The kernel's one clock: nanoseconds of monotonic time since boot.
//!
//! Deadlines, budgets, accounts and what a task with the clock's grant is told are all on this
//! scale, so they can be compared, and a replay would have one door to feed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Counts from the moment it was made. Copies count from the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    boot: Instant,
}

impl Clock {
    /// Starts counting.
    pub fn start() -> Clock {
        Clock {
            boot: Instant::now(),
        }
    }

    /// Nanoseconds since the start; it lasts for 584 years.
    #[inline]
    pub fn now_ns(self) -> u64 {
        let elapsed = self.boot.elapsed();
        elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
    }

    /// Nanoseconds of the wall clock since 1970 in UTC; 0 when it is set to a time before.
    pub fn utc_ns(self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }
}

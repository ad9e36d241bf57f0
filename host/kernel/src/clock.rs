//! The kernel's one clock: nanoseconds of monotonic time since boot.
//!
//! Deadlines, budgets, accounts and what a task with the clock's grant is told are all on this
//! scale, so they can be compared, and a replay has one door to feed: in a simulation the clock is a
//! [`VirtualClock`], which stands still unless it is moved or read.

use crate::chance::Chance;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Counts from the moment it was made. Clones count from the same moment.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Real { boot: Instant },
    Virtual(Arc<VirtualClock>),
}

impl Clock {
    /// The machine's clock starts counting.
    pub fn start() -> Clock {
        Clock(Kind::Real {
            boot: Instant::now(),
        })
    }

    /// A clock that shows what `clock` does.
    pub fn simulated(clock: Arc<VirtualClock>) -> Clock {
        Clock(Kind::Virtual(clock))
    }

    /// Nanoseconds since the start; it lasts for 584 years.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        match &self.0 {
            Kind::Real { boot } => {
                let elapsed = boot.elapsed();
                elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
            }
            Kind::Virtual(clock) => clock.read_ns(),
        }
    }

    /// Nanoseconds of the wall clock since 1970 in UTC; 0 when it is set to a time before. A virtual
    /// clock was started in 1970.
    pub fn utc_ns(&self) -> u64 {
        match &self.0 {
            Kind::Real { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| {
                    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
                })
            }
            Kind::Virtual(clock) => clock.read_ns(),
        }
    }
}

/// The longest step of a virtual clock when it is read, in nanoseconds.
const READING_NS_MAX: u64 = 500;

/// A clock that depends on nothing but its seed: each reading moves it a little, so that quanta run
/// out in other places with another seed.
#[derive(Debug)]
pub struct VirtualClock(Mutex<(u64, Chance)>);

impl VirtualClock {
    /// A clock that shows 0 ns.
    pub fn new(seed: u64) -> Arc<VirtualClock> {
        Arc::new(VirtualClock(Mutex::new((0, Chance::new(seed)))))
    }

    /// What it shows, in nanoseconds, without moving it.
    pub fn peek_ns(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Lets time pass: somebody has computed, or everybody has slept.
    pub fn advance_ns(&self, span_ns: u64) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 = inner.0.saturating_add(span_ns);
    }

    fn read_ns(&self) -> u64 {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step_ns = inner.1.below(READING_NS_MAX);
        inner.0 += step_ns;
        inner.0
    }
}

//! Metering: what is left of a rate and of a quota.
//!
//! A rate is a token bucket: it holds at most the burst, is filled at the rate, and each use takes units
//! out. A quota only counts. What is under several of them, because a limited grant was limited again
//! for a child, must pass them all, and counts in all of them.
//!
//! Invariants: the units used never exceed a quota. The bucket may fall below zero only by what a
//! holder was told that it might use while another holder of the same grant used it up; then both wait
//! until it is filled again, so over any span of time no more passes than burst + rate × span +
//! what was promised at one moment.

use crate::attenuation::Rate;
use okernel_abi::Errno;
use std::sync::{Mutex, MutexGuard, PoisonError};

const SECOND_NS: i128 = 1_000_000_000;

/// A rate, a quota, or both, and what was used.
#[derive(Debug)]
pub(crate) struct Gate {
    rate: Option<Rate>,
    quota: Option<u64>,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    /// What the bucket holds, in units times nanoseconds per second.
    tokens: i128,
    filled_ns: u64,
    used: u64,
}

/// What a gate says to a use that it does not let pass now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ready {
    /// It passes.
    Now,
    /// It passes at this moment, if nobody else takes the units.
    At(u64),
}

impl Gate {
    /// A gate for a rate, a quota, or both; none for neither.
    pub(crate) fn new(rate: Option<Rate>, quota: Option<u64>, now_ns: u64) -> Option<Gate> {
        if rate.is_none() && quota.is_none() {
            return None;
        }
        let full = rate.map_or(0, |rate| i128::from(rate.burst) * SECOND_NS);
        Some(Gate {
            rate,
            quota,
            level: Mutex::new(Level {
                tokens: full,
                filled_ns: now_ns,
                used: 0,
            }),
        })
    }

    /// Its rate.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// Its quota, in units.
    pub(crate) fn quota(&self) -> Option<u64> {
        self.quota
    }

    /// Units used so far.
    pub(crate) fn used(&self) -> u64 {
        self.lock().used
    }

    fn lock(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn filled(&self, now_ns: u64) -> MutexGuard<'_, Level> {
        let mut level = self.lock();
        if let Some(rate) = self.rate {
            let elapsed_ns = i128::from(now_ns.saturating_sub(level.filled_ns));
            let full = i128::from(rate.burst) * SECOND_NS;
            let brought = elapsed_ns.saturating_mul(i128::from(rate.per_second));
            level.tokens = level.tokens.saturating_add(brought).min(full);
            level.filled_ns = level.filled_ns.max(now_ns);
        }
        level
    }

    fn left(&self, level: &Level) -> u64 {
        self.quota
            .map_or(u64::MAX, |quota| quota.saturating_sub(level.used))
    }

    /// How many units may be used now, at least `least` (1 when that is 0).
    ///
    /// # Errors
    /// Quota: fewer are left in all. TooLarge: the burst never reaches so far. Throttled: not yet.
    pub(crate) fn room(&self, now_ns: u64, least: u64) -> Result<u64, Errno> {
        let least = least.max(1);
        let level = self.filled(now_ns);
        let left = self.left(&level);
        if left < least {
            return Err(Errno::Quota);
        }
        let Some(rate) = self.rate else {
            return Ok(left);
        };
        if least > rate.burst {
            return Err(Errno::TooLarge);
        }
        let tokens = u64::try_from(level.tokens / SECOND_NS).unwrap_or(0);
        if tokens < least {
            return Err(Errno::Throttled);
        }
        Ok(left.min(tokens))
    }

    /// When `least` units may be used.
    ///
    /// # Errors
    /// Quota and TooLarge: never.
    pub(crate) fn ready(&self, now_ns: u64, least: u64) -> Result<Ready, Errno> {
        match self.room(now_ns, least) {
            Ok(_) => Ok(Ready::Now),
            Err(Errno::Throttled) => {
                let missing = i128::from(least.max(1)) * SECOND_NS - self.lock().tokens;
                let per_second = i128::from(self.rate.map_or(1, |rate| rate.per_second));
                let wait_ns = (missing + per_second - 1) / per_second;
                let wait_ns = u64::try_from(wait_ns.max(0)).unwrap_or(u64::MAX);
                Ok(Ready::At(now_ns.saturating_add(wait_ns)))
            }
            Err(errno) => Err(errno),
        }
    }

    /// Counts units that are about to be used, unless the quota does not allow them. `inner` does the same with the
    /// next gate; nothing is counted if that refuses.
    ///
    /// # Errors
    /// Quota.
    pub(crate) fn charge(
        &self,
        now_ns: u64,
        units: u64,
        inner: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let mut level = self.filled(now_ns);
        if self.left(&level) < units {
            return Err(Errno::Quota);
        }
        inner()?;
        self.count(&mut level, units);
        Ok(())
    }

    /// Counts units that were used already.
    pub(crate) fn settle(&self, now_ns: u64, units: u64) {
        let mut level = self.filled(now_ns);
        let units = units.min(self.left(&level));
        self.count(&mut level, units);
    }

    fn count(&self, level: &mut Level, units: u64) {
        level.used = level.used.saturating_add(units);
        if self.rate.is_some() {
            let taken = i128::from(units) * SECOND_NS;
            level.tokens = level.tokens.saturating_sub(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Ready};
    use crate::attenuation::Rate;
    use okernel_abi::Errno;
    use proptest::prelude::{any, prop_assert, prop_oneof, proptest};
    use proptest::strategy::Strategy;

    fn gate(rate: Option<Rate>, quota: Option<u64>) -> Gate {
        Gate::new(rate, quota, 0).unwrap()
    }

    #[test]
    fn a_rate_lets_a_burst_pass_and_then_so_much_a_second() {
        let rate = Rate {
            per_second: 1000,
            burst: 100,
        };
        let gate = gate(Some(rate), None);
        assert_eq!(gate.room(0, 1), Ok(100));
        assert_eq!(gate.room(0, 101), Err(Errno::TooLarge));
        gate.charge(0, 100, || Ok(())).unwrap();
        assert_eq!(gate.room(0, 1), Err(Errno::Throttled));
        assert_eq!(gate.ready(0, 10), Ok(Ready::At(10_000_000)));
        assert_eq!(gate.room(9_999_999, 10), Err(Errno::Throttled));
        assert_eq!(gate.room(10_000_000, 10), Ok(10));
        assert_eq!(gate.ready(10_000_000, 10), Ok(Ready::Now));
        assert_eq!(gate.room(u64::MAX, 0), Ok(100));
        // The clock does not go back, and if it seems to, nothing is given.
        assert_eq!(gate.room(5, 1), Ok(100));
    }

    #[test]
    fn a_quota_is_for_all_time() {
        let gate = gate(None, Some(10));
        assert_eq!(gate.room(0, 0), Ok(10));
        gate.charge(0, 7, || Ok(())).unwrap();
        assert_eq!(gate.charge(0, 4, || Ok(())), Err(Errno::Quota));
        assert_eq!(gate.room(0, 4), Err(Errno::Quota));
        let refused = gate.charge(0, 1, || Err(Errno::Throttled));
        assert_eq!((refused, gate.used()), (Err(Errno::Throttled), 7));
        gate.settle(0, 100);
        assert_eq!((gate.used(), gate.room(0, 1)), (10, Err(Errno::Quota)));
        assert_eq!(gate.ready(u64::MAX, 1), Err(Errno::Quota));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let rate = Rate {
            per_second: u64::MAX,
            burst: u64::MAX,
        };
        let gate = gate(Some(rate), Some(u64::MAX));
        gate.settle(0, u64::MAX);
        gate.settle(u64::MAX, u64::MAX);
        assert_eq!(gate.room(u64::MAX, 1), Err(Errno::Quota));
        let rate = Rate {
            per_second: 1,
            burst: u64::MAX,
        };
        let slow = Gate::new(Some(rate), None, 0).unwrap();
        slow.settle(0, u64::MAX);
        assert_eq!(slow.ready(0, u64::MAX), Ok(Ready::At(u64::MAX)));
    }

    proptest! {
        /// Whatever is asked for when, no more passes than burst + rate × time, and never more than the quota.
        #[test]
        fn no_more_passes_than_was_granted(
            per_second in 1..5000u64,
            burst in 1..5000u64,
            quota in prop_oneof![(1..20_000u64).prop_map(Some), any::<bool>().prop_map(|_| None)],
            uses in proptest::collection::vec((0..50_000_000u64, 0..6000u64), 1..100),
        ) {
            let gate = gate(Some(Rate { per_second, burst }), quota);
            let (mut now_ns, mut used) = (0, 0u64);
            for (later_ns, units) in uses {
                now_ns += later_ns;
                let Ok(room) = gate.room(now_ns, units) else {
                    continue;
                };
                prop_assert!(room >= units.max(1));
                if gate.charge(now_ns, units, || Ok(())).is_ok() {
                    used += units;
                }
                let most = u128::from(burst) + u128::from(per_second) * u128::from(now_ns) / 1_000_000_000;
                prop_assert!(u128::from(used) <= most);
                prop_assert!(used <= quota.unwrap_or(u64::MAX));
                prop_assert!(gate.used() == used);
            }
        }
    }
}

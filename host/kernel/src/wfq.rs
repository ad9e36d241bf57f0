//! Weighted fair queueing: the policy beside the loop.
//!
//! Each task has a virtual time: the CPU time that it was given, divided by its weight. The task
//! with the least goes next, so over time each gets CPU in proportion to its weight (Demers, Keshav
//! and Shenker, 1989; start-time fair queueing is its form for CPUs). A task that sleeps gathers no
//! credit: when it wakes, its virtual time is raised to the queue's minimum, which is that of the
//! task picked last.
//!
//! Invariant: the minimum never falls.

use crate::limits::{WEIGHT_DEFAULT, WEIGHT_MAX};

/// Virtual time: a quarter of a nanosecond of CPU time at the default weight.
pub type VirtualTime = u64;

const UNITS_PER_NS: u64 = 4;
const RATE_SHIFT: u32 = 24;

/// A task's weight, and how fast virtual time passes for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weight {
    weight: u32,
    rate: u64,
}

impl Weight {
    /// A weight in `1..=WEIGHT_MAX`; one out of range is moved to its nearest end.
    pub fn new(weight: u32) -> Weight {
        let weight = weight.clamp(1, WEIGHT_MAX);
        let units = u64::from(WEIGHT_DEFAULT) * UNITS_PER_NS;
        Weight {
            weight,
            rate: (units << RATE_SHIFT) / u64::from(weight),
        }
    }

    /// The weight as a number.
    pub fn get(self) -> u32 {
        self.weight
    }
}

impl Default for Weight {
    fn default() -> Self {
        Weight::new(WEIGHT_DEFAULT)
    }
}

/// The policy's only state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wfq {
    minimum: VirtualTime,
}

impl Wfq {
    /// The virtual time of a task that has used `cpu_ns` more.
    #[inline]
    pub fn charge(&self, before: VirtualTime, cpu_ns: u64, weight: Weight) -> VirtualTime {
        let units = (u128::from(cpu_ns) * u128::from(weight.rate)) >> RATE_SHIFT;
        before.saturating_add(u64::try_from(units).unwrap_or(u64::MAX).max(1))
    }

    /// The virtual time of a task that joins the queue: its own, but no credit for its sleep.
    #[inline]
    pub fn join(&self, own: VirtualTime) -> VirtualTime {
        own.max(self.minimum)
    }

    /// The least virtual time that a joining task can have.
    pub fn minimum(&self) -> VirtualTime {
        self.minimum
    }

    /// A task with this virtual time was picked.
    #[inline]
    pub fn picked(&mut self, picked: VirtualTime) {
        self.minimum = self.minimum.max(picked);
    }
}

#[cfg(test)]
mod tests {
    use super::{Weight, Wfq};
    use crate::limits::WEIGHT_MAX;

    #[test]
    fn time_passes_in_inverse_proportion_to_weight() {
        let wfq = Wfq::default();
        let light = wfq.charge(0, 1_000_000, Weight::new(100));
        let heavy = wfq.charge(0, 1_000_000, Weight::new(300));
        assert_eq!(light, 4_000_000);
        assert!(
            (light as i64 - 3 * heavy as i64).abs() < 8,
            "{light} {heavy}"
        );
    }

    #[test]
    fn extremes_neither_stop_nor_overflow() {
        let wfq = Wfq::default();
        assert!(wfq.charge(5, 0, Weight::new(WEIGHT_MAX)) > 5);
        assert_eq!(wfq.charge(u64::MAX, u64::MAX, Weight::new(0)), u64::MAX);
        assert_eq!(Weight::new(u32::MAX).get(), WEIGHT_MAX);
    }

    #[test]
    fn a_sleeper_gathers_no_credit() {
        let mut wfq = Wfq::default();
        wfq.picked(1000);
        wfq.picked(500);
        assert_eq!((wfq.join(3), wfq.join(2000)), (1000, 2000));
    }
}

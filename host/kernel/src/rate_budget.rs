//! How often one task may do something: so many times a second, and a burst.
//!
//! What is everybody's (the log, the making of tasks) could be taken by one task that asks for it without
//! end. What is over the budget is refused and counted, and the count is told with the next time that
//! passes.

const SECOND_NS: u64 = 1_000_000_000;

/// A budget of one task, on the kernel's clock.
#[derive(Clone, Debug)]
pub(crate) struct RateBudget {
    /// What one time costs; None: it is never allowed.
    one_ns: Option<u64>,
    burst_ns: u64,
    /// When a budget that is used up to now would be full again. It never lies further ahead than the
    /// burst.
    full_ns: u64,
    refused: u64,
}

impl RateBudget {
    /// So many times a second in the long run, and what is allowed in `burst_seconds` at once.
    pub(crate) fn new(per_second: u64, burst_seconds: u64) -> RateBudget {
        RateBudget {
            one_ns: SECOND_NS.checked_div(per_second),
            burst_ns: burst_seconds * SECOND_NS,
            full_ns: 0,
            refused: 0,
        }
    }

    /// Takes one from the budget. Some: it may be, and so many were refused since the last one was; None:
    /// it is refused.
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<u64> {
        let one_ns = self
            .one_ns
            .filter(|one_ns| self.full_ns.max(now_ns) + one_ns - now_ns <= self.burst_ns);
        let Some(one_ns) = one_ns else {
            self.refused += 1;
            return None;
        };
        self.full_ns = self.full_ns.max(now_ns) + one_ns;
        Some(std::mem::take(&mut self.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::RateBudget;

    const PER_SECOND: u64 = 50;
    const ONE_NS: u64 = 1_000_000_000 / PER_SECOND;
    const BURST: u64 = 4 * PER_SECOND;

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let mut budget = RateBudget::new(PER_SECOND, 4);
        let now_ns = 7_000_000_000;
        for _ in 0..BURST {
            assert_eq!(budget.take(now_ns), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(budget.take(now_ns), None);
        }
        assert_eq!(budget.take(now_ns + ONE_NS), Some(1000));
        assert_eq!(budget.take(now_ns + ONE_NS), None);
        assert_eq!(budget.take(now_ns + 2 * ONE_NS), Some(1));
    }

    #[test]
    fn a_quiet_task_has_its_burst_back() {
        let mut budget = RateBudget::new(PER_SECOND, 4);
        while budget.take(0).is_some() {}
        let later_ns = BURST * ONE_NS * 10;
        let passed = (0..BURST * 2).filter(|_| budget.take(later_ns).is_some());
        assert_eq!(passed.count() as u64, BURST);
    }

    #[test]
    fn a_rate_of_zero_allows_nothing() {
        let mut budget = RateBudget::new(0, 4);
        assert_eq!((budget.take(0), budget.take(u64::MAX / 2)), (None, None));
    }
}

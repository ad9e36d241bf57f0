//! How much one task may write to the kernel's log: so many lines a second, and a burst.
//!
//! The log is everybody's: a task that floods it would hide what others say and fill the disk. What is
//! over the budget is refused and counted, and the count is told with the next line that passes.

use crate::limits::{LOG_LINES_BURST, LOG_LINES_PER_SECOND};

const LINE_NS: u64 = 1_000_000_000 / LOG_LINES_PER_SECOND;

/// The budget of one task, on the kernel's clock.
#[derive(Clone, Debug)]
pub(crate) struct LogBudget {
    /// When a budget that is used up to now would be full again. It never lies further ahead than the
    /// burst.
    full_ns: u64,
    refused: u64,
}

impl LogBudget {
    pub(crate) fn new() -> LogBudget {
        LogBudget {
            full_ns: 0,
            refused: 0,
        }
    }

    /// Takes one line from the budget. Some: it may be written, and so many were refused since the last
    /// one was; None: it is refused.
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<u64> {
        let full_ns = self.full_ns.max(now_ns) + LINE_NS;
        if full_ns - now_ns > LOG_LINES_BURST * LINE_NS {
            self.refused += 1;
            return None;
        }
        self.full_ns = full_ns;
        Some(std::mem::take(&mut self.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_NS, LogBudget};
    use crate::limits::LOG_LINES_BURST;

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let mut budget = LogBudget::new();
        let now_ns = 7_000_000_000;
        for _ in 0..LOG_LINES_BURST {
            assert_eq!(budget.take(now_ns), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(budget.take(now_ns), None);
        }
        assert_eq!(budget.take(now_ns + LINE_NS), Some(1000));
        assert_eq!(budget.take(now_ns + LINE_NS), None);
        assert_eq!(budget.take(now_ns + 2 * LINE_NS), Some(1));
    }

    #[test]
    fn a_quiet_task_has_its_burst_back() {
        let mut budget = LogBudget::new();
        while budget.take(0).is_some() {}
        let later_ns = LOG_LINES_BURST * LINE_NS * 10;
        let passed = (0..LOG_LINES_BURST * 2).filter(|_| budget.take(later_ns).is_some());
        assert_eq!(passed.count() as u64, LOG_LINES_BURST);
    }
}

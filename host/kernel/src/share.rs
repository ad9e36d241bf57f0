//! The account of a hard share of a core: what was used in a period, and when there is more.
//!
//! A task with a share has an account. What its children use is counted there too, wherever they run; a
//! child with a share of its own has an account under its parent's. A task whose account (or one above it)
//! is used up sleeps until the period ends. Turns end on ticks, so that a task uses a little more than its
//! quota; that is a debt, which later periods pay: over time the share is exact. This is how Linux bounds
//! groups of processes (CFS bandwidth control; Turner, Rao and Rao, 2010).
//!
//! Invariant: in a span of `n` whole periods an account is charged at most `n + 1` quotas and what one turn of
//! each of its tasks goes over.

use crate::cell::Cell;
use crate::core::{Core, TimerOwner};
use crate::stats::State;
use crate::table::Key;
use crate::task_limits::CpuShare;
use std::sync::{Arc, Mutex, PoisonError};

/// An account, shared by all tasks that draw on it.
#[derive(Debug)]
pub(crate) struct Account {
    quota_ns: u64,
    period_ns: u64,
    start_ns: u64,
    spent: Mutex<Spent>,
    above: Option<Arc<Account>>,
}

/// What was used and not yet made good.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    period: u64,
    ns: u64,
}

impl Account {
    /// The account of a new task: one for its own share, if it has one, under its spawner's.
    pub(crate) fn open(
        share: Option<CpuShare>,
        above: Option<Arc<Account>>,
        now_ns: u64,
    ) -> Option<Arc<Account>> {
        let Some(share) = share else {
            return above;
        };
        Some(Arc::new(Account {
            quota_ns: share.quota_ns(),
            period_ns: share.period_ns(),
            start_ns: now_ns,
            spent: Mutex::default(),
            above,
        }))
    }

    /// Counts time that was used.
    pub(crate) fn charge(&self, now_ns: u64, used_ns: u64) {
        for account in self.chain() {
            account.with(now_ns, |spent| spent.ns = spent.ns.saturating_add(used_ns));
        }
    }

    /// How much may be used at once, in nanoseconds.
    pub(crate) fn left_ns(&self, now_ns: u64) -> u64 {
        let left = |account: &Account| {
            account.with(now_ns, |spent| account.quota_ns.saturating_sub(spent.ns))
        };
        self.chain().map(left).min().unwrap_or(0)
    }

    /// When there is something left again; None: there is now.
    pub(crate) fn empty_until_ns(&self, now_ns: u64) -> Option<u64> {
        let until = |account: &Account| {
            let spent = account.with(now_ns, |spent| *spent);
            let periods = spent.ns / account.quota_ns;
            let end = (spent.period + periods).saturating_mul(account.period_ns);
            (periods > 0).then(|| account.start_ns.saturating_add(end))
        };
        self.chain().filter_map(until).max()
    }

    fn chain(&self) -> impl Iterator<Item = &Account> {
        std::iter::successors(Some(self), |account| account.above.as_deref())
    }

    /// Lets `look` see the account as it is at this moment.
    fn with<R>(&self, now_ns: u64, look: impl FnOnce(&mut Spent) -> R) -> R {
        let period = now_ns.saturating_sub(self.start_ns) / self.period_ns;
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        // Clocks of two cores may be read in one order and come here in the other.
        let passed = period.saturating_sub(spent.period);
        if passed > 0 {
            let earned_ns = self.quota_ns.saturating_mul(passed);
            *spent = Spent {
                period,
                ns: spent.ns.saturating_sub(earned_ns),
            };
        }
        look(&mut spent)
    }
}

/// Whether a task was put to sleep because its share is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Throttled {
    Yes,
    No,
}

impl Cell {
    /// How long the task may still run of its share, when its turn began at `start_ns`.
    #[inline]
    pub(crate) fn left_ns(&self, start_ns: u64, now_ns: u64) -> u64 {
        match &self.account {
            Some(account) => account.left_ns(now_ns).saturating_sub(now_ns - start_ns),
            None => u64::MAX,
        }
    }
}

impl Core {
    /// Puts a task that could run to sleep if its share is used up. One that is to end is not held up.
    #[inline]
    pub(crate) fn throttle(&mut self, cell: &mut Cell) -> Throttled {
        let Some(account) = &cell.account else {
            return Throttled::No;
        };
        let until_ns = account.empty_until_ns(self.now_ns);
        match until_ns.filter(|_| cell.kill.is_none()) {
            None => Throttled::No,
            Some(until_ns) => {
                self.timers.set(until_ns, 0, TimerOwner::Share(cell.key));
                self.timer_next_ns = self.timer_next_ns.min(until_ns);
                cell.stats.throttles.add(1);
                cell.set_state(State::Throttled);
                Throttled::Yes
            }
        }
    }

    /// Puts a task that slept in the queue, if its share allows it.
    #[inline]
    pub(crate) fn line_up(&mut self, key: Key) {
        let Some(mut cell) = self.take_cell(key) else {
            return;
        };
        if self.throttle(&mut cell) == Throttled::No {
            cell.set_state(match cell.seat {
                Some(_) => State::Suspended,
                None => State::Runnable,
            });
            (cell.time, cell.entry) = self.queue.join(key, cell.time);
        }
        self.put_cell(cell);
    }

    /// A period has ended for a task that slept because its share was used up.
    pub(crate) fn share_due(&mut self, key: Key) {
        if self
            .cell(key)
            .is_some_and(|cell| cell.state == State::Throttled)
        {
            self.line_up(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Account;
    use crate::task_limits::CpuShare;
    use std::sync::Arc;

    const MS: u64 = 1_000_000;

    fn account(percent: f64, above: Option<Arc<Account>>) -> Arc<Account> {
        let period_ms = 100;
        Account::open(Some(CpuShare { percent, period_ms }), above, 7 * MS).unwrap()
    }

    #[test]
    fn who_has_used_its_quota_waits_for_the_next_period() {
        let account = account(20.0, None);
        assert_eq!(account.left_ns(10 * MS), 20 * MS);
        account.charge(25 * MS, 15 * MS);
        assert_eq!(account.left_ns(25 * MS), 5 * MS);
        assert_eq!(account.empty_until_ns(25 * MS), None);
        account.charge(30 * MS, 5 * MS);
        assert_eq!(account.empty_until_ns(30 * MS), Some(107 * MS));
        assert_eq!(account.left_ns(107 * MS), 20 * MS);
        assert_eq!(account.empty_until_ns(107 * MS), None);
    }

    #[test]
    fn what_was_used_too_much_is_paid_back_and_nothing_is_saved() {
        let account = account(10.0, None);
        account.charge(50 * MS, 35 * MS);
        assert_eq!(account.empty_until_ns(50 * MS), Some(307 * MS));
        assert_eq!(account.left_ns(307 * MS), 5 * MS);
        assert_eq!(account.left_ns(90_000 * MS), 10 * MS);
    }

    #[test]
    fn children_draw_on_the_account_of_their_parent() {
        let parent = account(50.0, None);
        let modest = account(10.0, Some(Arc::clone(&parent)));
        let other = Account::open(None, Some(Arc::clone(&parent)), 0).unwrap();
        modest.charge(8 * MS, 4 * MS);
        other.charge(8 * MS, 43 * MS);
        assert_eq!(
            (modest.left_ns(8 * MS), parent.left_ns(8 * MS)),
            (3 * MS, 3 * MS)
        );
        parent.charge(9 * MS, 3 * MS);
        assert_eq!(modest.empty_until_ns(9 * MS), Some(107 * MS));
        assert!(Account::open(None, None, 0).is_none());
    }

    #[test]
    fn over_time_the_share_is_exact_however_coarse_the_turns() {
        let account = account(30.0, None);
        let (mut now_ns, mut used_ns) = (7 * MS, 0);
        while now_ns < 20_000 * MS {
            now_ns = account.empty_until_ns(now_ns).unwrap_or(now_ns);
            let turn_ns = 3 * MS + now_ns % 1777;
            now_ns += turn_ns;
            used_ns += turn_ns;
            account.charge(now_ns, turn_ns);
        }
        let share = used_ns as f64 / now_ns as f64;
        assert!((share - 0.3).abs() < 0.003, "{share}");
    }
}

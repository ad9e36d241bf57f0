//! The balancer: moves tasks from busy cores to idle ones.
//!
//! A policy beside the loop, carried out by the boot core each [`BALANCE_PERIOD_MS`] if the kernel was booted with it. It
//! compares how busy the cores were; while one is much busier than another it notes what each task of
//! that core uses, and after another period proposes the one move that helps most. A task that was
//! moved stays for [`BALANCE_REST_MS`], so that nothing goes back and forth.
//!
//! Invariants: at most one move a period; never a task that is pinned; the boot core's shell is one of those. What
//! is proposed depends on figures and the clock alone.

use crate::core::{Core, TimerOwner};
use crate::ids::{CoreId, TaskId};
use crate::limits::{BALANCE_PERIOD_MS, BALANCE_REST_MS};
use crate::message::Message;
use crate::pending::Pending;
use std::collections::HashMap;

/// By how much the busiest core must exceed the idlest, as a part of a core's time.
const IMBALANCE: f64 = 0.25;

/// By how much a move must relieve the busier of the two.
const GAIN: f64 = 0.1;

/// What the balancer remembers from period to period.
#[derive(Debug, Default)]
pub(crate) struct Balancer {
    last_ns: u64,
    /// For each core the time in which it was busy, in nanoseconds since boot.
    busy_ns: Vec<u64>,
    /// The core whose tasks are watched, and their CPU times when the period began.
    watched: Option<(CoreId, HashMap<TaskId, u64>)>,
    /// When tasks were moved.
    moved_ns: HashMap<TaskId, u64>,
}

/// A task that could be moved, and which part of a core's time it uses.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Candidate {
    task: TaskId,
    share: f64,
}

/// The busiest and the idlest core, if they are far enough apart.
fn imbalance(loads: &[f64]) -> Option<(usize, usize)> {
    let all = || loads.iter().copied().enumerate();
    let (busiest, most) = all().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let (idlest, least) = all().min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))?;
    (most - least >= IMBALANCE).then_some((busiest, idlest))
}

/// The task whose move from a core of this load to one of that load helps most.
fn best(from: f64, to: f64, candidates: &[Candidate]) -> Option<TaskId> {
    let gain = |candidate: &Candidate| from - (from - candidate.share).max(to + candidate.share);
    let worthy = candidates
        .iter()
        .filter(|candidate| gain(candidate) >= GAIN);
    let best = worthy.max_by(|a, b| {
        let by_gain = gain(a).total_cmp(&gain(b));
        by_gain.then(b.task.number().cmp(&a.task.number()))
    });
    best.map(|candidate| candidate.task)
}

impl Core {
    /// Begins to balance. Called once, on the boot core.
    pub(crate) fn begin_to_balance(&mut self) {
        let period_ns = BALANCE_PERIOD_MS * 1_000_000;
        let first_ns = self.read_clock() + period_ns;
        self.timers.set(first_ns, period_ns, TimerOwner::Balance);
        self.timer_next_ns = self.timer_next_ns.min(first_ns);
        self.balancer = Some(Box::default());
    }

    /// A period of the balancer has passed.
    pub(crate) fn balance_due(&mut self) {
        let Some(mut balancer) = self.balancer.take() else {
            return;
        };
        if let Some((task, from, to)) = self.propose(&mut balancer) {
            tracing::info!(%task, %from, %to, "balancing");
            balancer.moved_ns.insert(task, self.now_ns);
            self.ask(from, Message::Move { task, to }, Pending::Nobody);
        }
        self.balancer = Some(balancer);
    }

    fn propose(&mut self, balancer: &mut Balancer) -> Option<(TaskId, CoreId, CoreId)> {
        let now_ns = self.now_ns;
        let period_ns = (now_ns - balancer.last_ns).max(1) as f64;
        let busy_ns: Vec<u64> = self
            .shared
            .stats
            .iter()
            .map(|core| core.tasks_ns.get() + core.bus_ns.get() + core.io_ns.get())
            .collect();
        let before = std::mem::replace(&mut balancer.busy_ns, busy_ns);
        balancer.last_ns = now_ns;
        let watched = balancer.watched.take();
        let rest_ns = BALANCE_REST_MS * 1_000_000;
        balancer
            .moved_ns
            .retain(|_, moved_ns| now_ns - *moved_ns < rest_ns);
        if before.len() != balancer.busy_ns.len() {
            // The first period has no beginning to compare with.
            return None;
        }
        let loads: Vec<f64> = balancer
            .busy_ns
            .iter()
            .zip(&before)
            .map(|(now, before)| (now - before) as f64 / period_ns)
            .collect();
        let (busiest, idlest) = imbalance(&loads)?;
        let (from, to) = (CoreId(busiest as u16), CoreId(idlest as u16));
        let mut cpu_ns = HashMap::new();
        self.shared.directory.visit_tasks(|task, info| {
            let pinned = info.stats.pinned.get() != 0;
            if info.core == from && !pinned && !balancer.moved_ns.contains_key(&task) {
                cpu_ns.insert(task, info.stats.cpu_ns.get());
            }
        });
        let known = watched.filter(|(core, _)| *core == from);
        let candidates: Vec<Candidate> = known
            .iter()
            .flat_map(|(_, known)| known)
            .filter_map(|(task, before_ns)| {
                let used_ns = cpu_ns.get(task)?.saturating_sub(*before_ns);
                let share = used_ns as f64 / period_ns;
                Some(Candidate { task: *task, share })
            })
            .collect();
        let chosen = best(loads[busiest], loads[idlest], &candidates);
        balancer.watched = Some((from, cpu_ns));
        chosen.map(|task| (task, from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidate, best, imbalance};
    use crate::ids::TaskId;

    fn candidates(shares: &[f64]) -> Vec<Candidate> {
        let numbered = shares.iter().enumerate();
        numbered
            .map(|(number, share)| Candidate {
                task: TaskId::from_number(number as i64).unwrap(),
                share: *share,
            })
            .collect()
    }

    fn chosen(from: f64, to: f64, shares: &[f64]) -> Option<i64> {
        best(from, to, &candidates(shares)).map(TaskId::number)
    }

    #[test]
    fn cores_that_are_about_as_busy_are_left_alone() {
        assert_eq!(imbalance(&[0.9, 0.8, 1.0]), None);
        assert_eq!(imbalance(&[0.5, 1.0, 0.1, 1.0, 0.1]), Some((1, 2)));
        assert_eq!(imbalance(&[1.0]), None);
        assert_eq!(imbalance(&[]), None);
    }

    #[test]
    fn the_move_that_helps_most_is_chosen() {
        assert_eq!(chosen(1.0, 0.0, &[0.1, 0.5, 0.4]), Some(1));
        // One task that takes the whole core is as well off where it is.
        assert_eq!(chosen(1.0, 0.0, &[1.0]), None);
        assert_eq!(chosen(1.0, 0.0, &[0.02, 0.03]), None);
        assert_eq!(chosen(1.0, 0.2, &[0.7, 0.3]), Some(1));
        // Equal ones: the first.
        assert_eq!(chosen(1.0, 0.0, &[0.5, 0.5]), Some(0));
        assert_eq!(chosen(1.0, 0.0, &[]), None);
    }
}

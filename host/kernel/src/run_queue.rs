//! The tasks of one core that could run now, in the order in which they will.
//!
//! A heap by virtual time; equal times in order of arrival. Every entry has a number. A task
//! remembers the number of the entry that counts, so an entry that was overtaken by another one (a
//! task that is killed is moved to the front) or whose task has ended is recognised and skipped.

use crate::table::Key;
use crate::wfq::{VirtualTime, Weight, Wfq};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An entry: virtual time, order of arrival, task.
type Entry = Reverse<(VirtualTime, u64, Key)>;

/// Runnable tasks.
#[derive(Debug, Default)]
pub struct RunQueue {
    heap: BinaryHeap<Entry>,
    policy: Wfq,
    arrivals: u64,
}

impl RunQueue {
    /// Nothing runnable.
    pub fn new() -> RunQueue {
        RunQueue::default()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing can run.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// A task that was not in the queue joins it; answers its virtual time from now on, and the
    /// number of its entry.
    #[inline]
    pub fn join(&mut self, task: Key, own: VirtualTime) -> (VirtualTime, u64) {
        let time = self.policy.join(own);
        (time, self.push(task, time))
    }

    /// A task whose turn is over and that goes on; answers the number of its entry.
    #[inline]
    pub fn push(&mut self, task: Key, time: VirtualTime) -> u64 {
        self.arrivals += 1;
        self.heap.push(Reverse((time, self.arrivals, task)));
        self.arrivals
    }

    /// A task that must run as soon as possible, whatever it has used.
    pub fn push_first(&mut self, task: Key) -> u64 {
        self.push(task, 0)
    }

    /// The entry that goes next: task and number.
    #[inline]
    pub fn pop(&mut self) -> Option<(Key, u64)> {
        let Reverse((time, number, task)) = self.heap.pop()?;
        self.policy.picked(time);
        Some((task, number))
    }

    /// The entry that would go next.
    pub fn peek(&self) -> Option<(Key, u64)> {
        self.heap
            .peek()
            .map(|Reverse((_, number, task))| (*task, *number))
    }

    /// The virtual time of a task that has used `cpu_ns` more.
    #[inline]
    pub fn charge(&self, before: VirtualTime, cpu_ns: u64, weight: Weight) -> VirtualTime {
        self.policy.charge(before, cpu_ns, weight)
    }

    /// The virtual time of a new task.
    pub fn newcomer(&self) -> VirtualTime {
        self.policy.minimum()
    }
}

#[cfg(test)]
mod tests {
    use super::RunQueue;
    use crate::table::Key;
    use crate::wfq::Weight;

    fn simulate(weights: &[u32], turns: usize) -> Vec<u64> {
        let mut queue = RunQueue::new();
        let mut times = vec![0; weights.len()];
        let mut used = vec![0u64; weights.len()];
        for task in 0..weights.len() {
            queue.join(Key::new(task as u32, 0), 0);
        }
        for turn in 0..turns {
            let (key, _) = queue.pop().unwrap();
            let task = key.index();
            let cpu_ns = 50_000 + (turn as u64 * 7919) % 100_000;
            used[task] += cpu_ns;
            times[task] = queue.charge(times[task], cpu_ns, Weight::new(weights[task]));
            queue.push(key, times[task]);
        }
        used
    }

    #[test]
    fn shares_follow_weights() {
        let used = simulate(&[100, 300], 10_000);
        let ratio = used[1] as f64 / used[0] as f64;
        assert!((ratio - 3.0).abs() < 0.01, "{ratio}");
        let used = simulate(&[1, 10, 100], 20_000);
        let total: u64 = used.iter().sum();
        assert!((used[2] as f64 / total as f64 - 100.0 / 111.0).abs() < 0.01);
    }

    #[test]
    fn equal_tasks_take_turns() {
        let mut queue = RunQueue::new();
        for task in 0..3 {
            queue.join(Key::new(task, 0), 0);
        }
        let order: Vec<usize> = (0..3)
            .filter_map(|_| queue.pop())
            .map(|(key, _)| key.index())
            .collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn who_wakes_goes_before_who_has_run() {
        let mut queue = RunQueue::new();
        let (busy, light) = (Key::new(0, 0), Key::new(1, 0));
        let (mut time, _) = queue.join(busy, 0);
        for _ in 0..100 {
            assert_eq!(queue.pop().map(|(key, _)| key), Some(busy));
            time = queue.charge(time, 1_000_000, Weight::default());
            queue.push(busy, time);
        }
        queue.join(light, 0);
        assert_eq!(queue.pop().map(|(key, _)| key), Some(light));
    }
}

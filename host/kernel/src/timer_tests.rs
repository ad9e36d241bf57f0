//! Tests of [`super::Wheel`]: against a heap, over long spans, with many timers.

use super::{Fired, Wheel};
use crate::table::Key;
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

#[derive(Clone, Debug)]
enum Step {
    Set { delay_ns: u64, period_ns: u64 },
    Cancel { which: usize },
    Resume { which: usize },
    Advance { by_ns: u64 },
}

fn spans() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        0..20_000u64,
        0..2_000_000u64,
        0..5_000_000_000u64,
        0..u64::MAX >> 4
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        (spans(), prop_oneof![Just(0), 1..100_000_000u64]).prop_map(|(delay_ns, period_ns)| {
            Step::Set {
                delay_ns,
                period_ns,
            }
        }),
        (0..50usize).prop_map(|which| Step::Cancel { which }),
        (0..50usize).prop_map(|which| Step::Resume { which }),
        spans().prop_map(|by_ns| Step::Advance { by_ns }),
    ]
}

/// A heap of deadlines, and what is behind each.
#[derive(Default)]
struct Model {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    timers: HashMap<u32, (Key, u64, u64)>,
    resting: HashSet<u32>,
}

impl Model {
    fn advance(&mut self, now_ns: u64) -> Vec<Fired<u32>> {
        let mut fired = Vec::new();
        while let Some(&Reverse((deadline_ns, data))) = self.heap.peek() {
            if deadline_ns > now_ns {
                break;
            }
            self.heap.pop();
            let Some(&(timer, current_ns, period_ns)) = self.timers.get(&data) else {
                continue;
            };
            if current_ns != deadline_ns {
                continue;
            }
            let late_ns = now_ns - deadline_ns;
            let expirations = 1 + late_ns.checked_div(period_ns).unwrap_or(0);
            if period_ns == 0 {
                self.timers.remove(&data);
            } else {
                let next_ns = deadline_ns + expirations * period_ns;
                self.timers.insert(data, (timer, next_ns, period_ns));
                self.resting.insert(data);
            }
            fired.push(Fired {
                timer,
                data,
                deadline_ns,
                expirations,
            });
        }
        fired.sort_by_key(|timer| (timer.deadline_ns, timer.timer.index()));
        fired
    }

    fn resume(&mut self, data: u32, now_ns: u64) -> u64 {
        let Some((_, deadline_ns, period_ns)) = self.timers.get_mut(&data) else {
            return 0;
        };
        if !self.resting.remove(&data) {
            return 0;
        }
        let mut passed = 0;
        if *deadline_ns <= now_ns {
            passed = (now_ns - *deadline_ns) / *period_ns + 1;
            *deadline_ns += passed * *period_ns;
        }
        self.heap.push(Reverse((*deadline_ns, data)));
        passed
    }
}

proptest! {
    #[test]
    fn agrees_with_a_heap(steps in proptest::collection::vec(steps(), 1..200)) {
        let mut wheel = Wheel::new();
        let mut model = Model::default();
        let mut now_ns = 0u64;
        let mut count = 0;
        for step in steps {
            match step {
                Step::Set { delay_ns, period_ns } => {
                    let deadline_ns = now_ns.saturating_add(delay_ns);
                    let key = wheel.set(deadline_ns, period_ns, count);
                    model.timers.insert(count, (key, deadline_ns, period_ns));
                    model.heap.push(Reverse((deadline_ns, count)));
                    count += 1;
                }
                Step::Cancel { which } if count > 0 => {
                    let data = which as u32 % count;
                    model.resting.remove(&data);
                    if let Some((key, _, _)) = model.timers.remove(&data) {
                        prop_assert_eq!(wheel.cancel(key), Some(data));
                        prop_assert_eq!(wheel.cancel(key), None);
                    }
                }
                Step::Resume { which } if count > 0 => {
                    let data = which as u32 % count;
                    if let Some((key, _, _)) = model.timers.get(&data) {
                        prop_assert_eq!(wheel.resume(*key, now_ns), model.resume(data, now_ns));
                    }
                }
                Step::Cancel { .. } | Step::Resume { .. } => {}
                Step::Advance { by_ns } => {
                    now_ns = now_ns.saturating_add(by_ns).min(u64::MAX >> 1);
                    let mut fired = Vec::new();
                    wheel.advance(now_ns, &mut fired);
                    prop_assert_eq!(fired, model.advance(now_ns));
                }
            }
            prop_assert_eq!(wheel.len(), model.timers.len());
            let linked = model.timers.iter().filter(|(data, _)| !model.resting.contains(*data));
            let first_ns = linked.map(|(_, timer)| timer.1).min();
            match (wheel.next_ns(), first_ns) {
                (Some(next_ns), Some(first_ns)) => prop_assert!(next_ns <= first_ns.max(now_ns)),
                (next_ns, first_ns) => prop_assert_eq!(next_ns, first_ns),
            }
        }
    }
}

#[test]
fn sleeping_until_the_next_moment_reaches_every_deadline_in_few_steps() {
    let mut wheel = Wheel::new();
    wheel.set(u64::MAX >> 2, 0, 1);
    let mut fired = Vec::new();
    let mut steps = 0;
    while let Some(next_ns) = wheel.next_ns() {
        wheel.advance(next_ns, &mut fired);
        steps += 1;
    }
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].deadline_ns, u64::MAX >> 2);
    assert!(steps <= 10, "{steps} steps");
}

#[test]
fn a_hundred_thousand_timers() {
    let mut wheel = Wheel::new();
    let mut seed = 1u64;
    let mut keys = Vec::new();
    for data in 0..100_000u64 {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        keys.push((wheel.set(seed >> 30, 0, data), seed >> 30));
    }
    assert_eq!(wheel.len(), 100_000);
    for (key, _) in keys.iter().step_by(2) {
        assert!(wheel.cancel(*key).is_some());
    }
    let mut fired = Vec::new();
    let mut now_ns = 0;
    while !wheel.is_empty() {
        now_ns += 10_000_000;
        let from = fired.len();
        wheel.advance(now_ns, &mut fired);
        for timer in &fired[from..] {
            assert!(timer.deadline_ns <= now_ns && timer.deadline_ns + 10_000_000 >= now_ns);
        }
    }
    assert_eq!(fired.len(), 50_000);
    assert!(fired.is_sorted_by_key(|timer| timer.deadline_ns));
}

#[test]
fn a_period_does_not_drift() {
    let mut wheel = Wheel::new();
    let timer = wheel.set(1_000, 1_000, ());
    let mut fired = Vec::new();
    let mut count = 0;
    for now_ns in (0..1_000_000).step_by(777) {
        fired.clear();
        wheel.advance(now_ns, &mut fired);
        count += fired.iter().map(|timer| timer.expirations).sum::<u64>();
        count += wheel.resume(timer, now_ns);
        assert_eq!(count, now_ns / 1_000);
    }
}

#[test]
fn a_periodic_timer_that_nobody_looks_at_rests() {
    let mut wheel = Wheel::new();
    let timer = wheel.set(1, 1, ());
    let mut fired = Vec::new();
    for now_ns in (1_000..1_000_000).step_by(1_000) {
        wheel.advance(now_ns, &mut fired);
    }
    assert_eq!((fired.len(), fired[0].expirations), (1, 1_000));
    assert_eq!(wheel.next_ns(), None);
    // None of the others is lost.
    assert_eq!(wheel.resume(timer, 1_000_000), 1_000_000 - 1_000);
    assert_eq!(wheel.next_ns(), Some(1_000_001));
    assert_eq!(wheel.resume(timer, 1_000_000), 0);
    // It is taken away while it rests.
    wheel.advance(2_000_000, &mut fired);
    assert_eq!(wheel.take(timer), Some((2_000_001, 1)));
    assert!(wheel.is_empty());
}

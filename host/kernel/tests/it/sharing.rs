//! Fair sharing of a core: weights, their change while running, and a light task beside a busy one.
//!
//! Other processes may stop a test's threads for longer than a slice at any time. So shares are
//! watched until they come close to what they should be (what was unfair is made good by fair
//! queueing), and punctuality is counted in what the other task did meanwhile, not in time.

use crate::support::{Running, eventually, kernel, list, polled, run, sym, work};
use okernel_abi::value::Value;
use okernel_core::{Config, Context, CoreId, Grant, Outcome, Resumed, Spawn, TaskId};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// One measurement at a time.
static MEASURING: Mutex<()> = Mutex::new(());

const CHUNK: Duration = Duration::from_micros(30);

fn busy(name: &str, weight: u32) -> Spawn {
    let poll = |_: &mut Context| {
        work(CHUNK);
        Outcome::Infinite
    };
    polled(name, poll).weight(weight)
}

/// Never returns from its poll, gives way when its slice is over.
fn endless(name: &str, weight: u32) -> Spawn {
    let poll = |cx: &mut Context| {
        loop {
            work(CHUNK);
            if cx.slice_expired() && cx.preempt() == Resumed::Kill {
                return Outcome::End;
            }
        }
    };
    polled(name, poll).weight(weight)
}

/// Watches the CPU time that two tasks get from now on, for at least a second, until their ratio
/// is within 5 % of what it should be.
fn assert_ratio(kernel: &Running, tasks: [TaskId; 2], expected: f64) {
    let before = tasks.map(|task| kernel.cpu_ms(task));
    let mut ratios = Vec::new();
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(1000));
        let after = tasks.map(|task| kernel.cpu_ms(task));
        let ratio = (after[1] - before[1]) / (after[0] - before[0]);
        if (ratio / expected - 1.0).abs() < 0.05 {
            return;
        }
        ratios.push(ratio);
    }
    panic!("{ratios:?} instead of {expected}");
}

#[test]
fn two_busy_tasks_share_by_weight_and_new_weights_count_at_once() {
    let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut kernel = kernel(1, Config::default());
    let one = kernel.spawn(CoreId(0), busy("one", 100)).unwrap();
    let three = kernel.spawn(CoreId(0), busy("three", 300)).unwrap();
    let running = run(kernel);
    assert_ratio(&running, [one, three], 3.0);
    let task = Value::Int(one.number());
    let qos = list([sym("qos"), sym("task"), task, Value::Int(300)]);
    assert_eq!(running.request(qos), Value::Nil);
    assert_eq!(running.ps(one, "weight"), Some(Value::Int(300)));
    assert_ratio(&running, [one, three], 1.0);
    running.halt();
}

#[test]
fn tasks_that_are_preempted_share_by_weight_too() {
    let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut kernel = kernel(1, Config::default());
    let one = kernel.spawn(CoreId(0), endless("one", 1)).unwrap();
    let three = kernel.spawn(CoreId(0), endless("three", 3)).unwrap();
    let running = run(kernel);
    assert_ratio(&running, [one, three], 3.0);
    running.halt();
}

/// When the light task's next period ends, in nanoseconds since the start, and how many chunks of
/// work the busy one did after that.
struct Lateness {
    start: Instant,
    due_ns: AtomicU64,
    chunks: AtomicU64,
    chunks_max: AtomicU64,
    periods: AtomicU64,
}

const PERIOD_NS: u64 = 5_000_000;

impl Lateness {
    fn new() -> Arc<Lateness> {
        Arc::new(Lateness {
            start: Instant::now(),
            due_ns: AtomicU64::new(u64::MAX),
            chunks: AtomicU64::new(0),
            chunks_max: AtomicU64::new(0),
            periods: AtomicU64::new(0),
        })
    }

    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn chunk(&self) {
        work(CHUNK);
        if self.now_ns() > self.due_ns.load(Ordering::Relaxed) {
            self.chunks.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn served(&self, periods: u64) {
        let chunks = self.chunks.swap(0, Ordering::Relaxed);
        self.chunks_max.fetch_max(chunks, Ordering::Relaxed);
        self.periods.fetch_add(periods, Ordering::Relaxed);
    }
}

/// A task with a period of 5 ms.
fn light(lateness: &Arc<Lateness>) -> Spawn {
    let lateness = Arc::clone(lateness);
    let mut timer = None;
    let poll = move |cx: &mut Context| {
        let grant = cx.grant("t").unwrap();
        let timer = *timer.get_or_insert_with(|| {
            lateness
                .due_ns
                .store(lateness.now_ns() + PERIOD_NS, Ordering::Relaxed);
            cx.timer_set(grant, PERIOD_NS, PERIOD_NS).unwrap()
        });
        if let Ok(periods) = cx.timer_take(timer) {
            lateness
                .due_ns
                .fetch_add(periods * PERIOD_NS, Ordering::Relaxed);
            lateness.served(periods);
        }
        let _ = cx.wait(timer, 0).unwrap();
        Outcome::Yield
    };
    polled("light", poll).grant("t", Grant::Timers)
}

fn assert_punctual_beside(lateness: &Arc<Lateness>, other: Spawn) {
    let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut kernel = kernel(1, Config::default());
    kernel.spawn(CoreId(0), other.weight(1000)).unwrap();
    kernel.spawn(CoreId(0), light(lateness)).unwrap();
    let running = run(kernel);
    eventually("200 periods", || {
        lateness.periods.load(Ordering::Relaxed) >= 200
    });
    running.halt();
    // A slice is 1 ms, and one that had just begun may have to end first.
    let slice_chunks = 1000 / CHUNK.as_micros() as u64;
    let most = lateness.chunks_max.load(Ordering::Relaxed);
    assert!(most <= 2 * slice_chunks, "{most} chunks of work too late");
}

#[test]
fn a_light_task_meets_its_period_beside_a_busy_one() {
    let lateness = Lateness::new();
    let seen = Arc::clone(&lateness);
    let poll = move |_: &mut Context| {
        seen.chunk();
        Outcome::Infinite
    };
    assert_punctual_beside(&lateness, polled("busy", poll));
}

#[test]
fn a_light_task_meets_its_period_beside_one_that_never_yields() {
    let lateness = Lateness::new();
    let seen = Arc::clone(&lateness);
    let poll = move |cx: &mut Context| {
        loop {
            seen.chunk();
            if cx.slice_expired() && cx.preempt() == Resumed::Kill {
                return Outcome::End;
            }
        }
    };
    assert_punctual_beside(&lateness, polled("endless", poll));
}

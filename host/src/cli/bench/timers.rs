//! `bench timers`: what a timer costs among a million, and how late it fires.
//!
//! A core's wheel is filled with a million timers, and emptied in steps of a millisecond; beside it stands
//! a heap of the same deadlines, which is what one would take without a wheel. Lateness is seen by a
//! task that sets timers of random length and reads the clock when it is woken, on a core that has nothing
//! else to do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use okernel_abi::{Errno, Handle};
use okernel_core::timer::{Fired, Wheel};
use okernel_core::{Config, Context, CoreId, Fault, FaultKind, Grant, Outcome, Spawn, Task};

use super::machine::Running;
use super::report::Report;
use super::ring::ROUNDS;
use super::row::Aim;
use super::samples::Samples;
use crate::boot;

/// Timers that are outstanding.
const TIMERS: u64 = 1_000_000;
/// Deadlines lie within this time, in nanoseconds.
const SPAN_NS: u64 = 10_000_000_000;
/// Steps in which the time goes on, in nanoseconds.
const STEP_NS: u64 = 1_000_000;
/// Timers whose lateness is seen.
const WATCHED: u64 = 2_000;
/// The longest of these, in nanoseconds.
const WATCHED_NS_MAX: u64 = 3_000_000;

/// Runs the bench.
///
/// # Errors
/// A timer was lost or fired early, or the kernel does not boot.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let watched = report.effort().count(WATCHED);
    let deadlines = deadlines(TIMERS);
    let (mut sets, mut fires, mut cancels) = (Vec::new(), Vec::new(), Vec::new());
    let (mut pushes, mut pops) = (Vec::new(), Vec::new());
    for _ in 0..report.effort().rounds(ROUNDS) {
        let [push, pop] = heap(&deadlines)?;
        pushes.push(push);
        pops.push(pop);
        let [set, fire, cancel] = wheel(&deadlines)?;
        sets.push(set);
        fires.push(fire);
        cancels.push(cancel);
    }
    report
        .row("set, among a million", "ns", sets)
        .against("heap", &pushes)
        .aim(Aim::AtMost(100.0));
    report
        .row("fire, among a million", "ns", fires)
        .against("heap", &pops)
        .aim(Aim::AtMost(100.0));
    report.row("cancel, among a million", "ns", cancels);
    report.row("heap: set", "ns", pushes);
    report.row("heap: fire", "ns", pops);
    report
        .samples("lateness of a task's timer", "us", lateness(watched)?)
        .aim(Aim::AtMostAt(0.99, 200.0));
    report.samples("floor: lateness of a sleep", "us", sleeps(watched));
    Ok(())
}

/// Deadlines without any order (SplitMix64).
fn deadlines(count: u64) -> Vec<u64> {
    (0..count)
        .map(|number| 1 + stirred(number) % SPAN_NS)
        .collect()
}

fn stirred(number: u64) -> u64 {
    let mut z = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn each(took: Duration) -> f64 {
    took.as_nanos() as f64 / TIMERS as f64
}

/// Nanoseconds of a set, a firing and a cancellation.
fn wheel(deadlines: &[u64]) -> anyhow::Result<[f64; 3]> {
    let mut wheel = Wheel::new();
    let begun = Instant::now();
    for (number, deadline_ns) in deadlines.iter().enumerate() {
        wheel.set(*deadline_ns, 0, number as u32);
    }
    let set = each(begun.elapsed());

    let mut fired: Vec<Fired<u32>> = Vec::new();
    let (mut count, mut early) = (0, 0);
    let begun = Instant::now();
    let mut now_ns = 0;
    while now_ns < SPAN_NS {
        now_ns += STEP_NS;
        wheel.advance(now_ns, &mut fired);
        count += fired.len();
        early += fired
            .iter()
            .filter(|timer| timer.deadline_ns > now_ns)
            .count();
        fired.clear();
    }
    let fire = each(begun.elapsed());
    ensure!(
        count == deadlines.len() && early == 0 && wheel.is_empty(),
        "bench: {count} timers fired, {early} of them early"
    );

    let keys: Vec<_> = deadlines
        .iter()
        .map(|deadline_ns| wheel.set(SPAN_NS + deadline_ns, 0, 0))
        .collect();
    let begun = Instant::now();
    let cancelled = keys.into_iter().filter_map(|key| wheel.cancel(key)).count();
    let cancel = each(begun.elapsed());
    ensure!(cancelled == deadlines.len(), "bench: {cancelled} cancelled");
    Ok([set, fire, cancel])
}

/// Nanoseconds of a push and a pop of a heap of the same.
fn heap(deadlines: &[u64]) -> anyhow::Result<[f64; 2]> {
    let mut heap = BinaryHeap::new();
    let begun = Instant::now();
    for (number, deadline_ns) in deadlines.iter().enumerate() {
        heap.push(Reverse((*deadline_ns, number as u32)));
    }
    let push = each(begun.elapsed());
    let mut count = 0;
    let begun = Instant::now();
    let mut now_ns = 0;
    while now_ns < SPAN_NS {
        now_ns += STEP_NS;
        while heap.peek().is_some_and(|Reverse((at, _))| *at <= now_ns) {
            heap.pop();
            count += 1;
        }
    }
    let pop = each(begun.elapsed());
    ensure!(count == deadlines.len(), "bench: {count} popped");
    Ok([push, pop])
}

/// How late a native task is woken by so many timers, in microseconds.
fn lateness(count: u64) -> anyhow::Result<Samples> {
    let mut kernel = boot::bare(1, Config::default(), &[])?;
    let (tell, told) = channel();
    let watcher = Watcher {
        tell,
        wanted: count,
        samples: Samples::new(),
        timer: None,
        due_ns: 0,
    };
    let spawn = Spawn::native("watcher", Box::new(watcher))
        .grant("timers", Grant::Timers)
        .grant("clock", Grant::Clock);
    kernel.spawn(CoreId(0), spawn)?;
    let running = Running::start(kernel);
    let samples = told.recv().context("bench: the task has failed")?;
    drop(running);
    Ok(samples)
}

/// Sets timers one after another and sees how late they are.
struct Watcher {
    tell: Sender<Samples>,
    wanted: u64,
    samples: Samples,
    timer: Option<Handle>,
    due_ns: u64,
}

impl Watcher {
    fn watch(&mut self, cx: &mut Context) -> Result<Outcome, Errno> {
        let clock = cx.grant("clock")?;
        if let Some(timer) = self.timer {
            let now_ns = cx.now_ns(clock)?;
            if cx.timer_take(timer) == Err(Errno::Again) {
                let _ = cx.wait(timer, 0)?;
                return Ok(Outcome::Yield);
            }
            cx.close(timer)?;
            self.samples
                .add(now_ns.saturating_sub(self.due_ns) as f64 / 1e3);
        }
        if self.samples.count() == self.wanted {
            // Who waits for it has not gone.
            let _ = self.tell.send(self.samples.clone());
            return Ok(Outcome::End);
        }
        let delay_ns = stirred(self.samples.count()) % WATCHED_NS_MAX;
        let timers = cx.grant("timers")?;
        self.due_ns = cx.now_ns(clock)? + delay_ns;
        let timer = cx.timer_set(timers, delay_ns, 0)?;
        self.timer = Some(timer);
        let _ = cx.wait(timer, 0)?;
        Ok(Outcome::Yield)
    }
}

impl Task for Watcher {
    fn poll(&mut self, cx: &mut Context) -> Outcome {
        match self.watch(cx) {
            Ok(outcome) => outcome,
            Err(errno) => Outcome::Err(Fault::new(FaultKind::Err, errno.to_string())),
        }
    }
}

/// How late the operating system wakes a thread that sleeps for as long, in microseconds.
fn sleeps(count: u64) -> Samples {
    let mut samples = Samples::new();
    for number in 0..count {
        let delay = Duration::from_nanos(stirred(number) % WATCHED_NS_MAX);
        let begun = Instant::now();
        std::thread::sleep(delay);
        samples.add(begun.elapsed().saturating_sub(delay).as_nanos() as f64 / 1e3);
    }
    samples
}

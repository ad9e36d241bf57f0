//! Timers of tasks: many at once, periods, cancelling.

use crate::support::{column, eventually, item, kernel, polled, run, sym, work};
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use okernel_core::{Config, CoreId, Grant, Limits, Outcome, Wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[test]
fn a_hundred_thousand_timers_of_two_tasks_all_fire() {
    let mut kernel = kernel(1, Config::default());
    let fired = Arc::new(AtomicU64::new(0));
    for task in 0..2u64 {
        let fired = Arc::clone(&fired);
        let mut timers: Vec<Handle> = Vec::new();
        let mut set = 0;
        let many = polled("many", move |cx| {
            let grant = cx.grant("t").unwrap();
            if set == 0 {
                for number in 0..50_000u64 {
                    let delay_ns = (number * 7919 + task) % 1000 * 500_000;
                    timers.push(cx.timer_set(grant, delay_ns, 0).unwrap());
                }
                set = timers.len();
            }
            timers.retain(|timer| match cx.timer_take(*timer) {
                Ok(count) => {
                    assert_eq!(count, 1);
                    cx.close(*timer).unwrap();
                    fired.fetch_add(1, Ordering::Relaxed);
                    false
                }
                Err(errno) => {
                    assert_eq!(errno, Errno::Again);
                    true
                }
            });
            match timers.first() {
                Some(first) => {
                    let _ = cx.wait(*first, 0).unwrap();
                    Outcome::Yield
                }
                None => Outcome::End,
            }
        });
        let limits = Limits {
            handles: 60_000,
            timers: 60_000,
            ..Limits::default()
        };
        let many = many.grant("t", Grant::Timers).limits(limits);
        kernel.spawn(CoreId(0), many).unwrap();
    }
    let running = run(kernel);
    eventually("all fire", || fired.load(Ordering::Relaxed) == 100_000);
    running.halt();
}

#[test]
fn a_timer_ends_as_it_should() {
    let mut kernel = kernel(1, Config::default());
    let done = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&done);
    let mut once = None;
    let task = polled("once", move |cx| {
        let grant = cx.grant("t").unwrap();
        let timer = *once.get_or_insert_with(|| cx.timer_set(grant, 1_000_000, 0).unwrap());
        if let Wait::Armed = cx.wait(timer, 0).unwrap() {
            assert_eq!(cx.timer_take(timer), Err(Errno::Again));
            return Outcome::Yield;
        }
        assert_eq!(cx.timer_take(timer), Ok(1));
        assert_eq!(cx.timer_take(timer), Err(Errno::Closed));
        cx.close(timer).unwrap();
        assert_eq!(cx.timer_take(timer), Err(Errno::BadHandle));
        let periodic = cx.timer_set(grant, 0, 1).unwrap();
        cx.close(periodic).unwrap();
        told.store(1, Ordering::Relaxed);
        Outcome::End
    });
    kernel
        .spawn(CoreId(0), task.grant("t", Grant::Timers))
        .unwrap();
    let running = run(kernel);
    eventually("it ends", || done.load(Ordering::Relaxed) == 1);
    let timers = crate::support::column(&running.request(crate::support::sym("cores")), "timers");
    assert_eq!(crate::support::ints(&timers), [0]);
    running.halt();
}

/// Who has thousands of timers fire pays for it: its neighbour has half of the core, and not of what they leave.
#[test]
fn what_firing_takes_is_its_tasks_time() {
    let running = run(kernel(1, Config::default()));
    let mut timers: Vec<Handle> = Vec::new();
    let flood = polled("flood", move |cx| {
        let grant = cx.grant("t").unwrap();
        while timers.len() < 4000 {
            timers.push(cx.timer_set(grant, 1, 1).unwrap());
        }
        for timer in &timers {
            let _ = cx.timer_take(*timer);
        }
        Outcome::Yield
    });
    let flood = running.spawn(0, flood.grant("t", Grant::Timers));
    let busy = running.spawn(
        0,
        polled("busy", |_| {
            work(Duration::from_micros(100));
            Outcome::Yield
        }),
    );
    let figures = || {
        let cores = running.request(sym("cores"));
        let ms = |name| match item(&column(&cores, name), 0) {
            Value::Float(ms) => ms,
            other => panic!("{other:?}"),
        };
        let all_ms = ms("tasks_ms") + ms("bus_ms") + ms("io_ms");
        (running.cpu_ms(busy), running.cpu_ms(flood), all_ms)
    };
    eventually("both have run", || figures().1 > 5.0);
    let before = figures();
    eventually("both go on", || figures().0 > before.0 + 200.0);
    let after = figures();
    let (busy_ms, flood_ms) = (after.0 - before.0, after.1 - before.1);
    let part = busy_ms / (after.2 - before.2);
    assert!(
        part > 0.4,
        "{part} of the core; the other has {flood_ms} ms beside {busy_ms}"
    );
    running.halt();
}

//! Tasks that move between cores while they work, wait, are suspended or end: nothing is lost or repeated,
//! timers keep their moments, and who sleeps sleeps on.

use crate::mover::{begin_move, cores, error, int, moves};
use crate::supervision::{native, policy, tree};
use crate::support::{PATIENCE, Polled, endless, eventually, ints, polled, run, sym, work};
use okernel_abi::Handle;
use okernel_abi::value::Value;
use okernel_core::chance::Chance;
use okernel_core::restart::Strategy;
use okernel_core::{Child, Context, CoreId, Grant, Outcome, Resumed, Spawn, TaskId};
use okernel_ring::{ClaimError, Policy, RecvError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Writes numbers from 0 up until it is told to end.
fn producer(stop: &Arc<AtomicBool>) -> Spawn {
    let (stop, mut next) = (Arc::clone(stop), 0u64);
    polled("producer", move |cx| {
        let out = cx.grant("out").unwrap();
        for _ in 0..64 {
            if stop.load(Ordering::Relaxed) {
                return Outcome::End;
            }
            match cx.publisher(out).unwrap().write(&next.to_le_bytes()) {
                Ok(()) => next += 1,
                Err(ClaimError::Full) => {
                    let _ = cx.wait(out, 8).unwrap();
                    return Outcome::Yield;
                }
                Err(error) => panic!("{error}"),
            }
        }
        Outcome::Infinite
    })
}

/// Passes on what it reads, a number at a time.
fn relay() -> Spawn {
    polled("relay", |cx| {
        let (input, out) = (cx.grant("in").unwrap(), cx.grant("out").unwrap());
        for _ in 0..64 {
            let number = match cx.subscriber(input).unwrap().batch(8) {
                Ok(batch) => u64::from_le_bytes(batch[..8].try_into().unwrap()),
                Err(RecvError::Empty) => {
                    let _ = cx.wait(input, 8).unwrap();
                    return Outcome::Yield;
                }
                Err(RecvError::Closed) => return Outcome::End,
                Err(error) => panic!("{error}"),
            };
            match cx.publisher(out).unwrap().write(&number.to_le_bytes()) {
                Ok(()) => cx.subscriber(input).unwrap().release(8).unwrap(),
                Err(ClaimError::Full) => {
                    let _ = cx.wait(out, 8).unwrap();
                    return Outcome::Yield;
                }
                Err(error) => panic!("{error}"),
            }
        }
        Outcome::Infinite
    })
}

/// Checks that the numbers come in order, and tells at the end how many there were.
fn consumer(counted: Arc<AtomicU64>, tell: Sender<u64>) -> Spawn {
    let mut next = 0u64;
    polled("consumer", move |cx| {
        let input = cx.grant("in").unwrap();
        loop {
            match cx.subscriber(input).unwrap().batch(8) {
                Ok(batch) => {
                    let number = u64::from_le_bytes(batch[..8].try_into().unwrap());
                    assert_eq!(number, next);
                    batch.release(8).unwrap();
                    next += 1;
                    counted.store(next, Ordering::Relaxed);
                }
                Err(RecvError::Empty) => {
                    let _ = cx.wait(input, 8).unwrap();
                    return Outcome::Yield;
                }
                Err(RecvError::Closed) => {
                    let _ = tell.send(next);
                    return Outcome::End;
                }
                Err(error) => panic!("{error}"),
            }
        }
    })
}

#[test]
fn a_pipeline_whose_tasks_move_at_random_loses_and_repeats_nothing() {
    let mut kernel = cores(3);
    let (stop, counted) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (tell, total) = channel();
    // Small rings: their ends are full and empty all the time, and somebody always waits.
    let first = kernel.publish(CoreId(0), 4096).unwrap();
    let second = kernel.publish(CoreId(1), 4096).unwrap();
    let relay_in = kernel.subscribe(CoreId(1), first, Policy::Block).unwrap();
    let consumer_in = kernel.subscribe(CoreId(2), second, Policy::Block).unwrap();
    let producer = producer(&stop).grant("out", Grant::Endpoint(first));
    let relay = relay()
        .grant("in", Grant::Endpoint(relay_in))
        .grant("out", Grant::Endpoint(second));
    let consumer = consumer(Arc::clone(&counted), tell).grant("in", Grant::Endpoint(consumer_in));
    let tasks = [
        kernel.spawn(CoreId(0), producer).unwrap(),
        kernel.spawn(CoreId(1), relay).unwrap(),
        kernel.spawn(CoreId(2), consumer).unwrap(),
    ];
    let running = run(kernel);
    let mut numbers = Chance::new(1);
    for _ in 0..300 {
        let task = tasks[numbers.below(3) as usize];
        assert_eq!(moves(&running, task, numbers.below(3)), Value::Nil);
        if numbers.below(4) == 0 {
            // They go on after each move.
            let before = counted.load(Ordering::Relaxed);
            eventually("numbers flow", || {
                counted.load(Ordering::Relaxed) > before + 600
            });
        }
    }
    stop.store(true, Ordering::Relaxed);
    // A producer that waits for room finds out when it is woken.
    let total = total.recv_timeout(PATIENCE).unwrap();
    assert!(total > 10_000, "{total}");
    for task in tasks {
        eventually("all have ended", || {
            running.ps(task, "exit") == Some(Value::text("done"))
        });
        assert!(int(&running, task, "moves") > 20);
    }
    running.halt();
}

#[test]
fn a_periodic_timer_ticks_on_without_drift() {
    const PERIOD_NS: u64 = 1_000_000;
    let mut kernel = cores(3);
    let (tell, told) = channel();
    let mut timer: Option<(Handle, u64)> = None;
    let mut ticks = 0;
    let metronome = polled("metronome", move |cx| {
        let clock = cx.grant("clock").unwrap();
        let (handle, begin_ns) = *timer.get_or_insert_with(|| {
            let begin_ns = cx.now_ns(clock).unwrap();
            let timers = cx.grant("t").unwrap();
            (
                cx.timer_set(timers, PERIOD_NS, PERIOD_NS).unwrap(),
                begin_ns,
            )
        });
        if let Ok(fired) = cx.timer_take(handle) {
            ticks += fired;
            // No tick is early, and none is lost.
            let passed_ns = cx.now_ns(clock).unwrap() - begin_ns;
            assert!(ticks <= passed_ns / PERIOD_NS + 1, "{ticks} in {passed_ns}");
            let _ = tell.send((ticks, passed_ns));
        }
        let _ = cx.wait(handle, 0).unwrap();
        Outcome::Yield
    });
    let metronome = metronome
        .grant("t", Grant::Timers)
        .grant("clock", Grant::Clock);
    let task = kernel.spawn(CoreId(0), metronome).unwrap();
    let running = run(kernel);
    let mut numbers = Chance::new(2);
    for _ in 0..60 {
        assert_eq!(moves(&running, task, numbers.below(3)), Value::Nil);
        std::thread::sleep(Duration::from_millis(numbers.below(5)));
    }
    let last = |told: &Receiver<(u64, u64)>| {
        let mut last = told.recv_timeout(PATIENCE).unwrap();
        while let Ok(next) = told.try_recv() {
            last = next;
        }
        last
    };
    // A tick is taken late on a busy machine, but all that were due are counted then.
    let (ticks, passed_ns) = last(&told);
    assert!(
        ticks.abs_diff(passed_ns / PERIOD_NS) <= 1,
        "{ticks} in {passed_ns}"
    );
    running.halt();
}

#[test]
fn a_task_that_sleeps_sleeps_on_and_is_woken_where_it_is() {
    let mut kernel = cores(2);
    let ring = kernel.publish(CoreId(0), 4096).unwrap();
    let end = kernel.subscribe(CoreId(1), ring, Policy::Block).unwrap();
    let counted = Arc::new(AtomicU64::new(0));
    let (tell, total) = channel();
    let consumer = consumer(Arc::clone(&counted), tell).grant("in", Grant::Endpoint(end));
    let consumer = kernel.spawn(CoreId(1), consumer).unwrap();
    let orders = Arc::new(AtomicU64::new(0));
    let ordered = Arc::clone(&orders);
    let mut sent = 0u64;
    let producer = polled("producer", move |cx| {
        let out = cx.grant("out").unwrap();
        while sent < ordered.load(Ordering::Relaxed) {
            cx.publisher(out)
                .unwrap()
                .write(&sent.to_le_bytes())
                .unwrap();
            sent += 1;
        }
        if sent == u64::from(u8::MAX) {
            return Outcome::End;
        }
        let timers = cx.grant("t").unwrap();
        let timer = cx.timer_set(timers, 1_000_000, 0).unwrap();
        let _ = cx.wait(timer, 0).unwrap();
        Outcome::Yield
    });
    let producer = producer
        .grant("out", Grant::Endpoint(ring))
        .grant("t", Grant::Timers);
    kernel.spawn(CoreId(0), producer).unwrap();
    let running = run(kernel);
    for round in 1..20 {
        eventually("it waits", || {
            running.ps(consumer, "state") == Some(sym("waiting"))
        });
        let turns = int(&running, consumer, "turns");
        for core in [0, 1, 0, 1, round % 2] {
            assert_eq!(moves(&running, consumer, core), Value::Nil);
        }
        assert_eq!(int(&running, consumer, "turns"), turns, "it had no turn");
        assert_eq!(running.ps(consumer, "state"), Some(sym("waiting")));
        orders.store(round, Ordering::Relaxed);
        eventually("it is woken", || counted.load(Ordering::Relaxed) == round);
    }
    orders.store(u64::from(u8::MAX), Ordering::Relaxed);
    assert_eq!(total.recv_timeout(PATIENCE).unwrap(), u64::from(u8::MAX));
    running.halt();
}

#[test]
fn what_cannot_move_is_refused_in_one_line() {
    let mut kernel = cores(2);
    let sleeper = || polled("sleeper", |_| Outcome::Yield);
    let free = kernel.spawn(CoreId(0), sleeper()).unwrap();
    let pinned = kernel.spawn(CoreId(0), sleeper().pinned()).unwrap();
    let running = run(kernel);
    assert_eq!(moves(&running, free, 0), Value::Nil);
    let answer = moves(&running, pinned, 1);
    assert!(error(&answer).contains("move: task 1 is pinned to core 0"));
    assert_eq!(running.ps(pinned, "pinned"), Some(Value::Int(1)));
    assert_eq!(running.ps(free, "pinned"), Some(Value::Int(0)));
    let answer = moves(&running, free, 2);
    assert!(error(&answer).contains("move: there is no core 2, the last one is 1"));
    running.kill(free);
    let answer = moves(&running, free, 1);
    assert!(error(&answer).contains("move: task 0 has ended: killed"));
    running.halt();
}

#[test]
fn a_suspended_task_moves_when_its_call_has_come_back() {
    let mut kernel = cores(2);
    let release = Arc::new(AtomicBool::new(false));
    let released = Arc::clone(&release);
    let long = polled("long", move |cx| {
        let core = cx.core();
        while !released.load(Ordering::Relaxed) {
            work(Duration::from_micros(20));
            if cx.slice_expired() && cx.preempt() == Resumed::Kill {
                return Outcome::End;
            }
            assert_eq!(cx.core(), core, "a call ends where it began");
        }
        Outcome::Yield
    });
    let long = kernel.spawn(CoreId(1), long).unwrap();
    // Somebody to be preempted for.
    let other = kernel.spawn(CoreId(1), endless("other")).unwrap();
    let running = run(kernel);
    eventually("it is suspended", || int(&running, long, "preempted") > 2);
    let first = begin_move(&running, long, 0);
    let second = begin_move(&running, long, 0);
    let ends = begin_move(&running, other, 0);
    assert!(first.recv_timeout(Duration::from_millis(30)).is_err());
    running.kill(other);
    let answer = ends.recv_timeout(PATIENCE).unwrap();
    assert!(error(&answer).contains("has ended: killed"), "{answer:?}");
    release.store(true, Ordering::Relaxed);
    for told in [first, second] {
        assert_eq!(told.recv_timeout(PATIENCE), Ok(Value::Nil));
    }
    assert_eq!(int(&running, long, "core"), 0);
    running.halt();
}

#[test]
fn tasks_that_are_killed_while_they_move_end_once_and_whole() {
    let mut kernel = cores(3);
    let finalized = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for number in 0..30 {
        let core = CoreId(number % 3);
        let ring = kernel.publish(core, 4096).unwrap();
        let told = Arc::clone(&finalized);
        struct Ender<F>(F, Arc<AtomicU64>);
        impl<F: FnMut(&mut Context) -> Outcome + Send> okernel_core::Task for Ender<F> {
            fn poll(&mut self, cx: &mut Context) -> Outcome {
                (self.0)(cx)
            }

            fn finalize(&mut self, cx: &mut Context, _: &okernel_core::Exit) {
                let out = cx.grant("out").unwrap();
                assert!(cx.publisher(out).is_ok(), "its handles are good to the end");
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }
        let busy = move |cx: &mut Context| {
            work(Duration::from_micros(100));
            if cx.slice_expired() && cx.preempt() == Resumed::Kill {
                return Outcome::End;
            }
            Outcome::Infinite
        };
        let spawn = Spawn::native("ender", Box::new(Ender(busy, told)));
        let spawn = spawn.grant("out", Grant::Endpoint(ring));
        tasks.push(kernel.spawn(core, spawn).unwrap());
    }
    let running = run(kernel);
    // One that has not begun is not asked to finish.
    eventually("all have begun", || {
        tasks.iter().all(|task| int(&running, *task, "turns") > 0)
    });
    let mut numbers = Chance::new(5);
    let mut moving = Vec::new();
    for &task in &tasks {
        for _ in 0..4 {
            let other = tasks[numbers.below(30) as usize];
            moving.push(begin_move(&running, other, numbers.below(3)));
            moving.push(begin_move(&running, task, numbers.below(3)));
        }
        running.kill(task);
    }
    for told in moving {
        match told.recv_timeout(PATIENCE).unwrap() {
            Value::Nil => {}
            answer => assert!(error(&answer).contains("has ended"), "{answer:?}"),
        }
    }
    assert_eq!(finalized.load(Ordering::Relaxed), 30);
    let rings = running.request(sym("rings"));
    assert_eq!(ints(&crate::support::column(&rings, "id")), []);
    running.halt();
}

#[test]
fn moving_takes_little_time() {
    let mut kernel = cores(2);
    let task = kernel
        .spawn(CoreId(0), polled("idle", |_| Outcome::Infinite))
        .unwrap();
    let running = run(kernel);
    let began = Instant::now();
    for round in 0..200 {
        assert_eq!(moves(&running, task, round % 2), Value::Nil);
    }
    // A move is two messages; this only finds what waits for a timer or a time-out on the way.
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(int(&running, task, "moves"), 199);
    running.halt();
}

#[test]
fn a_supervised_task_is_started_again_where_it_was_moved_to() {
    let tasks = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&tasks);
    let child = native(move || {
        let told = Arc::clone(&told);
        Polled(move |cx: &mut Context| {
            told.store(cx.task().number() as u64, Ordering::SeqCst);
            let timers = cx.grant("t").unwrap();
            let timer = cx.timer_set(timers, 1 << 40, 0).unwrap();
            let _ = cx.wait(timer, 0).unwrap();
            Outcome::Yield
        })
    });
    let child = Child::new("mover", CoreId(1), child).grant("t", Grant::Timers);
    let mut kernel = cores(3);
    let tree = tree(None, policy(Strategy::OneForOne, 3), vec![child]);
    kernel.spawn(CoreId(0), Spawn::supervisor(tree)).unwrap();
    let running = run(kernel);
    let life = |before: u64| {
        eventually("it runs", || tasks.load(Ordering::SeqCst) != before);
        let number = tasks.load(Ordering::SeqCst);
        (number, TaskId::from_number(number as i64).unwrap())
    };
    let (number, first) = life(0);
    assert_eq!(int(&running, first, "core"), 1);
    assert_eq!(moves(&running, first, 2), Value::Nil);
    running.kill(first);
    let (_, second) = life(number);
    assert_eq!(int(&running, second, "core"), 2);
    running.halt();
}

//! Tasks that are suspended in the middle of a call: they go on, they can be killed, their number
//! is bounded.

use crate::support::{endless, eventually, kernel, polled, run, work};
use okernel_abi::value::Value;
use okernel_core::{Config, CoreId, Grant, Outcome, Resumed, TaskId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[test]
fn endless_tasks_take_turns_and_can_be_killed_in_the_middle() {
    let mut kernel = kernel(2, Config::default());
    let tasks: Vec<TaskId> = (0..5)
        .map(|_| kernel.spawn(CoreId(1), endless("endless")).unwrap())
        .collect();
    let polls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&polls);
    let light = polled("light", move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Outcome::Yield
    });
    kernel.spawn(CoreId(1), light).unwrap();
    let running = run(kernel);
    eventually("all have run", || {
        tasks.iter().all(|task| running.cpu_ms(*task) > 20.0)
    });
    for task in &tasks {
        let Some(Value::Int(turns)) = running.ps(*task, "turns") else {
            panic!("the task is listed");
        };
        assert!(turns > 1);
    }
    for task in &tasks[..3] {
        running.kill(*task);
        assert_eq!(running.ps(*task, "exit"), Some(Value::text("killed")));
    }
    let before = (polls.load(Ordering::Relaxed), running.cpu_ms(tasks[4]));
    eventually("the others go on", || {
        polls.load(Ordering::Relaxed) > before.0 && running.cpu_ms(tasks[4]) > before.1 + 10.0
    });
    running.halt();
}

#[test]
fn a_task_goes_on_where_it_was() {
    let mut kernel = kernel(1, Config::default());
    let sums = Arc::new(AtomicU64::new(0));
    let mut sum_tasks = Vec::new();
    for _ in 0..4 {
        let sums = Arc::clone(&sums);
        let task = polled("sum", move |cx| {
            let mut sum = 0u64;
            for number in 0..3000u64 {
                sum += number;
                work(Duration::from_micros(5));
                if cx.slice_expired() && cx.preempt() == Resumed::Kill {
                    return Outcome::End;
                }
            }
            assert_eq!(sum, 2999 * 3000 / 2);
            sums.fetch_add(1, Ordering::Relaxed);
            Outcome::End
        });
        sum_tasks.push(kernel.spawn(CoreId(0), task).unwrap());
    }
    let running = run(kernel);
    eventually("all sums", || sums.load(Ordering::Relaxed) == 4);
    eventually("all ends", || {
        let ended = Some(Value::text("done"));
        sum_tasks
            .iter()
            .all(|task| running.ps(*task, "exit") == ended)
    });
    let preempted = running.ps(sum_tasks[0], "preempted");
    assert!(matches!(preempted, Some(Value::Int(1..))), "{preempted:?}");
    running.halt();
}

#[test]
fn a_lone_task_is_not_preempted_but_the_core_answers() {
    let mut kernel = kernel(1, Config::default());
    let task = kernel.spawn(CoreId(0), endless("lone")).unwrap();
    let running = run(kernel);
    eventually("it runs", || running.cpu_ms(task) > 50.0);
    assert_eq!(running.ps(task, "preempted"), Some(Value::Int(0)));
    running.kill(task);
    running.halt();
}

#[test]
fn who_is_woken_does_not_wait_for_the_end_of_a_long_turn() {
    let config = Config {
        slice_us: 1_000_000,
        ..Config::default()
    };
    let mut kernel = kernel(1, config);
    kernel.spawn(CoreId(0), endless("busy")).unwrap();
    let beats = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&beats);
    let mut timer = None;
    let light = polled("light", move |cx| {
        let timer = *timer.get_or_insert_with(|| {
            let timers = cx.grant("timers").unwrap();
            cx.timer_set(timers, 1_000_000, 1_000_000).unwrap()
        });
        if cx.timer_take(timer).is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        let _ = cx.wait(timer, 0).unwrap();
        Outcome::Yield
    });
    let light = light.grant("timers", Grant::Timers);
    kernel.spawn(CoreId(0), light).unwrap();
    let running = run(kernel);
    let started = Instant::now();
    eventually("it wakes often", || beats.load(Ordering::Relaxed) >= 20);
    let took = started.elapsed();
    assert!(
        took < Duration::from_secs(15),
        "20 wakes of a millisecond's timer took {took:?}: a turn each"
    );
    running.halt();
}

#[test]
fn who_would_take_the_last_thread_ends_by_that_limit() {
    let config = Config {
        crew_threads_max: 3,
        ..Config::default()
    };
    let mut kernel = kernel(1, config);
    let tasks: Vec<TaskId> = (0..6)
        .map(|_| kernel.spawn(CoreId(0), endless("endless")).unwrap())
        .collect();
    let running = run(kernel);
    let exits = || -> Vec<String> {
        tasks
            .iter()
            .filter_map(|task| running.ps(*task, "exit")?.as_text())
            .filter(|exit| !exit.is_empty())
            .collect()
    };
    eventually("some end", || exits().len() == 3);
    let expected = "limit: core 0 has 3 threads, 2 tasks are suspended in the middle of a call";
    assert!(exits().iter().all(|exit| exit == expected), "{:?}", exits());
    let alive = |task: &&TaskId| running.ps(**task, "exit") == Some(Value::text(""));
    let alive: Vec<TaskId> = tasks.iter().filter(alive).copied().collect();
    let before: Vec<f64> = alive.iter().map(|task| running.cpu_ms(*task)).collect();
    eventually("the others go on", || {
        let now = alive.iter().map(|task| running.cpu_ms(*task));
        now.zip(&before).all(|(now, before)| now > before + 5.0)
    });
    running.halt();
}

/// What was told to end may finish, though not for ever.
#[test]
fn a_task_that_is_killed_has_a_while_for_finalize() {
    use okernel_core::{Context, Exit, Spawn, Task};
    struct Last {
        rounds: u32,
        whole: Arc<AtomicU64>,
        cut: Arc<AtomicU64>,
    }
    impl Task for Last {
        fn poll(&mut self, _cx: &mut Context) -> Outcome {
            Outcome::Yield
        }
        fn finalize(&mut self, cx: &mut Context, exit: &Exit) {
            assert!(matches!(exit, Exit::Killed | Exit::Halted));
            for _ in 0..self.rounds {
                work(Duration::from_micros(20));
                if cx.slice_expired() && cx.preempt() == Resumed::Kill {
                    self.cut.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
            self.whole.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut kernel = kernel(1, Config::default());
    let counts = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
    let [whole, cut, never] = &counts;
    let mut spawn = |rounds, whole: &Arc<AtomicU64>, cut: &Arc<AtomicU64>| {
        let (whole, cut) = (Arc::clone(whole), Arc::clone(cut));
        let last = Last { rounds, whole, cut };
        kernel.spawn(CoreId(0), Spawn::native("last", Box::new(last)))
    };
    // Some milliseconds each; on a busy machine one or the other may be too late.
    let short: Vec<TaskId> = (0..8).map(|_| spawn(200, whole, never).unwrap()).collect();
    let forever = spawn(u32::MAX, never, cut).unwrap();
    let halted = spawn(200, whole, never).unwrap();
    kernel.spawn(CoreId(0), endless("beside")).unwrap();
    let running = run(kernel);
    for task in short {
        running.kill(task);
    }
    assert!(whole.load(Ordering::Relaxed) >= 1);
    running.kill(forever);
    assert_eq!(cut.load(Ordering::Relaxed), 1);
    assert_eq!(running.ps(forever, "exit"), Some(Value::text("killed")));
    assert_ne!(
        running.ps(halted, "state"),
        Some(Value::Symbol("ended".to_string()))
    );
    running.halt();
}

#[test]
fn init_exec_and_finalize_may_be_suspended_too() {
    use okernel_core::{Context, Exit, Fault, Spawn, Task};
    struct Slow(Arc<AtomicU64>);
    impl Slow {
        fn compute(&self, cx: &mut Context) {
            for _ in 0..200 {
                work(Duration::from_micros(20));
                if cx.slice_expired() {
                    let _ = cx.preempt();
                }
            }
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Task for Slow {
        fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
            self.compute(cx);
            Ok(())
        }
        fn poll(&mut self, cx: &mut Context) -> Outcome {
            self.compute(cx);
            Outcome::End
        }
        fn finalize(&mut self, cx: &mut Context, _exit: &Exit) {
            self.compute(cx);
        }
    }
    let mut kernel = kernel(1, Config::default());
    let calls = Arc::new(AtomicU64::new(0));
    for _ in 0..4 {
        let slow = Spawn::native("slow", Box::new(Slow(Arc::clone(&calls))));
        kernel.spawn(CoreId(0), slow).unwrap();
    }
    let running = run(kernel);
    eventually("all calls", || calls.load(Ordering::Relaxed) == 12);
    running.halt();
}

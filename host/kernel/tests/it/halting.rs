//! Halting ends, whatever the tasks are doing.

use crate::support::{Shell, Sleeper, endless, eventually, kernel, polled, run, sym};
use okernel_abi::layout::Executed;
use okernel_core::{After, Config, Context, CoreId, Grant, Outcome, Spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn with_suspended_waiting_and_busy_tasks_on_all_cores() {
    for _ in 0..5 {
        let mut kernel = kernel(3, Config::default());
        for core in 0..3 {
            for _ in 0..3 {
                kernel.spawn(CoreId(core), endless("endless")).unwrap();
            }
            let sleeper = Spawn::native("sleeper", Box::new(Sleeper(None)));
            kernel
                .spawn(CoreId(core), sleeper.grant("t", Grant::Timers))
                .unwrap();
            kernel
                .spawn(CoreId(core), polled("busy", |_| Outcome::Infinite))
                .unwrap();
        }
        let running = run(kernel);
        eventually("it runs", || {
            let cores = running.request(sym("cores"));
            let preempted = crate::support::ints(&crate::support::column(&cores, "preempted"));
            preempted.iter().all(|count| *count > 0)
        });
        running.halt();
    }
}

#[test]
fn at_once() {
    for cores in [1, 2, 8] {
        let running = run(kernel(cores, Config::default()));
        running.halt();
    }
}

#[test]
fn while_tasks_are_being_spawned() {
    let running = run(kernel(2, Config::default()));
    let answers = Arc::new(AtomicU64::new(0));
    for number in 0..2000 {
        let answers = Arc::clone(&answers);
        running
            .control
            .spawn(CoreId(number % 2), endless("endless"), move |_| {
                answers.fetch_add(1, Ordering::Relaxed);
            });
        if number == 1000 {
            running.control.halt(0);
        }
    }
    assert_eq!(running.end(), 0);
    assert!(answers.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_kernel_that_was_parked_and_never_run() {
    let mut kernel = kernel(3, Config::default());
    kernel.spawn(CoreId(2), endless("endless")).unwrap();
    kernel.park().unwrap();
    drop(kernel);
}

#[test]
fn who_asks_a_halted_kernel_is_not_left_waiting() {
    let running = run(kernel(2, Config::default()));
    let control = running.control.clone();
    running.halt();
    let (tell, told) = std::sync::mpsc::channel();
    control.request(sym("ps"), move |table| {
        let _ = tell.send(table);
    });
    assert_eq!(told.recv(), Err(std::sync::mpsc::RecvError));
}

#[test]
fn the_first_failure_is_the_status() {
    let running = run(kernel(2, Config::default()));
    running.control.halt(3);
    running.control.halt(0);
    assert_eq!(running.end(), 3);
}

/// A shell whose input `spawn` spawns tasks, here natively, and whose input `bad` fails.
fn shell() -> Spawn {
    let exec = |cx: &mut Context, input: &[u8]| {
        let failed = input == b"bad";
        let how = if failed {
            Executed::Failed
        } else {
            Executed::Done
        };
        cx.executed(how).unwrap();
        Ok(())
    };
    Spawn::native("shell", Box::new(Shell(exec))).grant("system", Grant::System)
}

#[test]
fn a_script_ends_when_its_tasks_have_ended() {
    let mut kernel = kernel(2, Config::default());
    let shell = kernel.spawn(CoreId(0), shell()).unwrap();
    let polls = Arc::new(AtomicU64::new(0));
    for core in 0..2 {
        let polls = Arc::clone(&polls);
        let task = polled("task", move |_| {
            match polls.fetch_add(1, Ordering::Relaxed) {
                0..1000 => Outcome::Yield,
                _ => Outcome::End,
            }
        });
        kernel.spawn(CoreId(core), task).unwrap();
    }
    kernel
        .script(shell, vec![b"good".to_vec()], After::HaltWhenAlone)
        .unwrap();
    assert_eq!(run(kernel).end(), 0);
    assert_eq!(polls.load(Ordering::Relaxed), 1002);
}

#[test]
fn a_script_that_failed_makes_the_status() {
    for after in [After::HaltWhenAlone, After::Halt] {
        let mut kernel = kernel(2, Config::default());
        let shell = kernel.spawn(CoreId(0), shell()).unwrap();
        let inputs = vec![b"good".to_vec(), b"bad".to_vec(), b"good".to_vec()];
        kernel.script(shell, inputs, after).unwrap();
        assert_eq!(run(kernel).end(), 1);
    }
}

#[test]
fn a_shell_that_ends_takes_the_kernel_with_it() {
    let mut kernel = kernel(1, Config::default());
    let ends = polled("shell", |_| Outcome::End);
    let shell = kernel.spawn(CoreId(0), ends).unwrap();
    kernel
        .script(shell, vec![b"good".to_vec()], After::Stay)
        .unwrap();
    assert_eq!(run(kernel).end(), 1);
}

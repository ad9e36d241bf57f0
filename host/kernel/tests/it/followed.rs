//! What follows a task that moves: answers, its output's order; and the balancer, which moves by itself.

use crate::mover::{cores, int, moves};
use crate::support::{eventually, kernel, list, polled, run, sym, work};
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use okernel_core::chance::Chance;
use okernel_core::{Balance, Config, Context, CoreId, Grant, Outcome, Pinning};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn answers_find_a_task_that_moves_while_it_waits_for_them() {
    let mut kernel = cores(3);
    let answers = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&answers);
    let mut asked: Option<Handle> = None;
    let asker = polled("asker", move |cx| {
        let system = cx.grant("system").unwrap();
        if let Some(reply) = asked {
            match cx.reply(reply) {
                Ok(bytes) => {
                    // A new ring each time, which is attached: the endpoint itself must find the task too.
                    match Value::decode(bytes).unwrap() {
                        Value::Int(_) => drop(counted.fetch_add(1, Ordering::Relaxed)),
                        other => panic!("{other:?}"),
                    }
                    cx.close(reply).unwrap();
                    asked = None;
                }
                Err(Errno::Again) => {}
                Err(errno) => panic!("{errno}"),
            }
        }
        let core = counted.load(Ordering::Relaxed) as i64 % 3;
        let request = list([sym("pub"), Value::Int(core), Value::Int(4096)]);
        let reply = *asked.get_or_insert_with(|| cx.request_value(system, &request).unwrap());
        let _ = cx.wait(reply, 0).unwrap();
        Outcome::Yield
    });
    let asker = asker.grant("system", Grant::System);
    let task = kernel.spawn(CoreId(0), asker).unwrap();
    let running = run(kernel);
    let mut numbers = Chance::new(3);
    for _ in 0..200 {
        assert_eq!(moves(&running, task, numbers.below(3)), Value::Nil);
        let before = answers.load(Ordering::Relaxed);
        eventually("it is answered", || {
            answers.load(Ordering::Relaxed) > before
        });
    }
    running.halt();
}

/// What is printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn console_output_keeps_its_order() {
    const LINES: u64 = 20_000;
    let mut kernel = cores(3);
    let paper = Paper::default();
    kernel
        .console(Box::new(paper.clone()), Box::new(io::sink()))
        .unwrap();
    let mut next = 0;
    let printer = polled("printer", move |cx: &mut Context| {
        let console = cx.grant("console").unwrap();
        for _ in 0..50 {
            if next == LINES {
                return Outcome::End;
            }
            match cx.print(console, format!("{next}\n").as_bytes()) {
                Ok(()) => next += 1,
                Err(Errno::Again) => {
                    let _ = cx.wait(console, 8).unwrap();
                    return Outcome::Yield;
                }
                Err(errno) => panic!("{errno}"),
            }
        }
        Outcome::Infinite
    });
    let task = kernel
        .spawn(CoreId(1), printer.grant("console", Grant::Console))
        .unwrap();
    let running = run(kernel);
    let mut numbers = Chance::new(4);
    while running.ps(task, "state") != Some(sym("ended")) {
        let _ = moves(&running, task, numbers.below(3));
    }
    let lines = || String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    eventually("all is printed", || lines().lines().count() as u64 == LINES);
    for (number, line) in lines().lines().enumerate() {
        assert_eq!(line, number.to_string());
    }
    running.halt();
}

#[test]
fn the_balancer_moves_busy_tasks_to_idle_cores_and_never_pinned_ones() {
    let config = Config {
        pinning: Pinning::Free,
        balance: Balance::On,
        ..Config::default()
    };
    let mut kernel = kernel(2, config);
    let busy = || {
        polled("busy", |_| {
            work(Duration::from_micros(100));
            Outcome::Infinite
        })
    };
    let pinned = kernel.spawn(CoreId(0), busy().pinned()).unwrap();
    let others = [(); 3].map(|()| kernel.spawn(CoreId(0), busy()).unwrap());
    let running = run(kernel);
    eventually("one has moved", || {
        others.iter().any(|task| int(&running, *task, "core") == 1)
    });
    assert_eq!(int(&running, pinned, "core"), 0);
    assert_eq!(int(&running, pinned, "moves"), 0);
    running.halt();
}

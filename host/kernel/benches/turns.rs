//! What does a turn cost, and a round trip between two tasks of one core?
//!
//! Three figures, each the best of several runs, in nanoseconds: a turn of a task that does nothing
//! but answer Infinite (the scheduler's own cost); a round trip of one 8-byte message between two
//! tasks that sleep in between (two turns, two wake-ups, four ring operations); and the reading
//! of the clock that each turn pays once, as the yardstick.

use okernel_abi::Handle;
use okernel_core::{
    Config, Context, CoreId, Grant, Kernel, NoHooks, NoModules, Outcome, Spawn, Task,
};
use okernel_ring::Policy;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

const RUNS: usize = 5;
const TURNS: u32 = 1_000_000;
const TRIPS: u32 = 300_000;

fn kernel() -> Kernel {
    let (modules, hooks) = (Arc::new(NoModules), Arc::new(NoHooks));
    match Kernel::simple(1, Config::default(), modules, hooks) {
        Ok(kernel) => kernel,
        Err(error) => panic!("{error}"),
    }
}

/// Answers Infinite so many times.
struct Turns {
    left: u32,
    start: Option<Instant>,
    tell: Sender<Duration>,
}

impl Task for Turns {
    fn poll(&mut self, _cx: &mut Context) -> Outcome {
        let start = *self.start.get_or_insert_with(Instant::now);
        if self.left > 0 {
            self.left -= 1;
            return Outcome::Infinite;
        }
        self.tell.send(start.elapsed()).expect("the bench listens");
        Outcome::End
    }
}

/// Sends back what it gets; the one with trips left begins.
struct Partner {
    ends: Option<(Handle, Handle)>,
    left: u32,
    begins: Option<Instant>,
    tell: Option<Sender<Duration>>,
}

impl Task for Partner {
    fn poll(&mut self, cx: &mut Context) -> Outcome {
        let (input, output) = match self.ends {
            Some(ends) => ends,
            None => {
                let ends = (
                    cx.grant("in").expect("granted"),
                    cx.grant("out").expect("granted"),
                );
                if self.tell.is_some() {
                    self.begins = Some(Instant::now());
                    let publisher = cx.publisher(ends.1).expect("granted");
                    publisher.write(&[0; 8]).expect("room");
                }
                *self.ends.insert(ends)
            }
        };
        let subscriber = cx.subscriber(input).expect("granted");
        let mut message = [0; 8];
        match subscriber.batch(8) {
            Ok(batch) => {
                message.copy_from_slice(&batch);
                batch.release_all();
            }
            Err(_) => {
                let _ = cx.wait(input, 8).expect("a ring");
                return Outcome::Yield;
            }
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0
            && let (Some(tell), Some(begins)) = (&self.tell, self.begins)
        {
            tell.send(begins.elapsed()).expect("the bench listens");
            return Outcome::End;
        }
        let publisher = cx.publisher(output).expect("granted");
        publisher.write(black_box(&message)).expect("room");
        let _ = cx.wait(input, 8).expect("a ring");
        Outcome::Yield
    }
}

fn run(kernel: Kernel, told: &std::sync::mpsc::Receiver<Duration>) -> Duration {
    let control = kernel.control();
    let running = std::thread::spawn(move || kernel.run());
    let took = told.recv().expect("the tasks tell");
    control.halt(0);
    let _ = running.join();
    took
}

fn turn_ns() -> f64 {
    let mut kernel = kernel();
    let (tell, told) = channel();
    let left = TURNS;
    let start = None;
    let turns = Spawn::native("turns", Box::new(Turns { left, start, tell }));
    kernel.spawn(CoreId(0), turns).expect("spawned");
    run(kernel, &told).as_nanos() as f64 / f64::from(TURNS)
}

fn trip_ns() -> f64 {
    let mut kernel = kernel();
    let (tell, told) = channel();
    let core = CoreId(0);
    let rings = [0, 1].map(|_| kernel.publish(core, 4096).expect("a ring"));
    for (index, tell) in [Some(tell), None].into_iter().enumerate() {
        let input = kernel
            .subscribe(core, rings[1 - index], Policy::Block)
            .expect("a reader");
        let partner = Partner {
            ends: None,
            left: if index == 0 { TRIPS } else { u32::MAX },
            begins: None,
            tell,
        };
        let spawn = Spawn::native("partner", Box::new(partner))
            .grant("in", Grant::Endpoint(input))
            .grant("out", Grant::Endpoint(rings[index]));
        kernel.spawn(core, spawn).expect("spawned");
    }
    run(kernel, &told).as_nanos() as f64 / f64::from(TRIPS)
}

fn clock_ns() -> f64 {
    let start = Instant::now();
    for _ in 0..TURNS {
        black_box(Instant::now());
    }
    start.elapsed().as_nanos() as f64 / f64::from(TURNS)
}

fn main() {
    let best = |measure: fn() -> f64| (0..RUNS).map(|_| measure()).fold(f64::MAX, f64::min);
    let figures = [
        ("clock", best(clock_ns)),
        ("turn", best(turn_ns)),
        ("round trip", best(trip_ns)),
    ];
    for (name, ns) in figures {
        let line = format!("{name:<12} {ns:8.1} ns\n");
        let _ = std::io::stdout().write_all(line.as_bytes());
    }
}

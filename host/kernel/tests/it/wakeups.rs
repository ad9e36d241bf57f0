//! Wake-ups over rings: none is lost, within a core and across cores that sleep each time.

use crate::support::{eventually, kernel, polled, run};
use okernel_core::{Config, Context, CoreId, Grant, Kernel, Outcome, Spawn};
use okernel_ring::{Policy, RecvError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Reads one number, if one is there.
fn take(cx: &mut Context) -> Option<u64> {
    let handle = cx.grant("in").unwrap();
    let subscriber = cx.subscriber(handle).unwrap();
    match subscriber.batch(8) {
        Ok(batch) => {
            let number = u64::from_le_bytes(batch[..8].try_into().unwrap());
            batch.release(8).unwrap();
            Some(number)
        }
        Err(RecvError::Empty) => {
            let _ = cx.wait(handle, 8).unwrap();
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn put(cx: &mut Context, number: u64) {
    let handle = cx.grant("out").unwrap();
    let publisher = cx.publisher(handle).unwrap();
    publisher.write(&number.to_le_bytes()).unwrap();
}

/// Passes numbers on, counting them up.
fn relay() -> Spawn {
    polled("relay", |cx| {
        while let Some(number) = take(cx) {
            put(cx, number + 1);
        }
        Outcome::Yield
    })
}

/// A circle of tasks on these cores; one number runs around until it has grown to `rounds` times
/// the circle's length.
fn circle(kernel: &mut Kernel, cores: &[u16], rounds: u64) -> Arc<AtomicU64> {
    let rings: Vec<_> = cores
        .iter()
        .map(|core| kernel.publish(CoreId(*core), 4096).unwrap())
        .collect();
    let last = Arc::new(AtomicU64::new(0));
    let length = cores.len() as u64;
    for (index, core) in cores.iter().enumerate() {
        let before = rings[(index + cores.len() - 1) % cores.len()];
        let input = kernel
            .subscribe(CoreId(*core), before, Policy::Block)
            .unwrap();
        let task = if index == 0 {
            let seen = Arc::clone(&last);
            let mut begun = false;
            polled("first", move |cx| {
                if !begun {
                    begun = true;
                    put(cx, 1);
                }
                while let Some(number) = take(cx) {
                    assert_eq!(number, seen.load(Ordering::Relaxed) + length);
                    seen.store(number, Ordering::Relaxed);
                    if number >= rounds * length {
                        return Outcome::End;
                    }
                    put(cx, number + 1);
                }
                Outcome::Yield
            })
        } else {
            relay()
        };
        let task = task
            .grant("in", Grant::Endpoint(input))
            .grant("out", Grant::Endpoint(rings[index]));
        kernel.spawn(CoreId(*core), task).unwrap();
    }
    last
}

#[test]
fn two_cores_that_sleep_each_time() {
    let config = Config {
        spin_us: 0,
        ..Config::default()
    };
    let mut kernel = kernel(2, config);
    let last = circle(&mut kernel, &[0, 1], 50_000);
    let running = run(kernel);
    eventually("100,000 messages", || {
        last.load(Ordering::Relaxed) == 100_000
    });
    running.halt();
}

#[test]
fn two_tasks_of_one_core() {
    let mut kernel = kernel(1, Config::default());
    let start = Instant::now();
    let last = circle(&mut kernel, &[0, 0], 100_000);
    let running = run(kernel);
    eventually("200,000 messages", || {
        last.load(Ordering::Relaxed) == 200_000
    });
    eprintln!("a round trip on one core: {:?}", start.elapsed() / 100_000);
    running.halt();
}

#[test]
fn more_schedulers_than_processors() {
    let mut kernel = kernel(16, Config::default());
    let cores: Vec<u16> = (0..16).collect();
    let last = circle(&mut kernel, &cores, 500);
    let running = run(kernel);
    eventually("8,000 messages", || last.load(Ordering::Relaxed) == 8_000);
    running.halt();
}

/// Notes what the hooks are told of one core.
#[derive(Default)]
struct Noted(std::sync::Mutex<Vec<&'static str>>);

impl okernel_core::CoreHooks for Noted {
    fn core_busy(&self, _core: CoreId) {
        self.0.lock().unwrap().push("busy");
    }

    fn core_idle(&self, _core: CoreId) {
        self.0.lock().unwrap().push("idle");
    }
}

#[test]
fn the_hooks_hear_when_a_core_has_work_and_when_not() {
    let noted = Arc::new(Noted::default());
    let modules = Arc::new(okernel_core::NoModules);
    let hooks = Arc::clone(&noted);
    let kernel = Kernel::simple(1, Config::default(), modules, hooks).unwrap();
    let running = run(kernel);
    for round in 1..=3 {
        running.spawn(0, crate::support::polled("short", |_| Outcome::End));
        eventually("the core is idle again", || {
            noted.0.lock().unwrap().len() == 2 * round
        });
    }
    let endless = running.spawn(0, crate::support::endless("endless"));
    eventually("it runs", || running.cpu_ms(endless) > 20.0);
    assert_eq!(noted.0.lock().unwrap().len(), 7);
    running.halt();
    let noted = noted.0.lock().unwrap();
    assert!(
        noted.chunks(2).all(|pair| pair == ["busy", "idle"]),
        "{noted:?}"
    );
}

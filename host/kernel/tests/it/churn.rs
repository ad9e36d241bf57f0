//! Tasks that come and go leave nothing behind.

use crate::support::{Sleeper, column, eventually, ints, kernel, polled, run, sym};
use okernel_abi::value::Value;
use okernel_core::{Config, CoreId, Grant, Outcome, Spawn};
use okernel_ring::Policy;

#[test]
fn thousands_of_tasks_are_spawned_and_killed() {
    let running = run(kernel(2, Config::default()));
    let mut numbers = std::collections::HashSet::new();
    for round in 0..1000u16 {
        let sleeper = Spawn::native("sleeper", Box::new(Sleeper(None)));
        let task = running.spawn(round % 2, sleeper.grant("t", Grant::Timers));
        assert!(numbers.insert(task), "a number was used again");
        running.kill(task);
        assert_eq!(running.ps(task, "state"), Some(sym("ended")));
    }
    let tasks = column(&running.request(sym("ps")), "task");
    assert_eq!(
        ints(&tasks).len(),
        64,
        "only the last ended ones are listed"
    );
    let cores = running.request(sym("cores"));
    assert_eq!(ints(&column(&cores, "tasks")), [0, 0]);
    eventually("their timers are gone", || {
        let cores = running.request(sym("cores"));
        ints(&column(&cores, "timers")) == [0, 0]
    });
    running.halt();
}

#[test]
fn a_task_that_ends_closes_its_rings() {
    let mut kernel = kernel(2, Config::default());
    let ring = kernel.publish(CoreId(0), 4096).unwrap();
    let reader = kernel.subscribe(CoreId(1), ring, Policy::Block).unwrap();
    let mut written = 0u64;
    let writer = polled("writer", move |cx| {
        let out = cx.grant("out").unwrap();
        while written < 10_000 {
            match cx.publisher(out).unwrap().write(&written.to_le_bytes()) {
                Ok(()) => written += 1,
                Err(okernel_ring::ClaimError::Full) => {
                    let _ = cx.wait(out, 8).unwrap();
                    return Outcome::Yield;
                }
                Err(error) => panic!("{error}"),
            }
        }
        Outcome::End
    });
    let (tell, told) = std::sync::mpsc::channel();
    let mut expected = 0u64;
    let drain = polled("drain", move |cx| {
        let input = cx.grant("in").unwrap();
        loop {
            match cx.subscriber(input).unwrap().batch(usize::MAX) {
                Ok(batch) => {
                    let words = batch.chunks_exact(8);
                    for word in words {
                        assert_eq!(word, expected.to_le_bytes());
                        expected += 1;
                    }
                    batch.release_all();
                }
                Err(okernel_ring::RecvError::Empty) => {
                    let _ = cx.wait(input, 8).unwrap();
                    return Outcome::Yield;
                }
                Err(_closed) => {
                    tell.send(expected).unwrap();
                    return Outcome::End;
                }
            }
        }
    });
    kernel
        .spawn(CoreId(0), writer.grant("out", Grant::Endpoint(ring)))
        .unwrap();
    kernel
        .spawn(CoreId(1), drain.grant("in", Grant::Endpoint(reader)))
        .unwrap();
    let running = run(kernel);
    assert_eq!(told.recv_timeout(crate::support::PATIENCE), Ok(10_000));
    eventually("nothing is left", || {
        let rings = column(&running.request(sym("rings")), "id");
        rings == Value::Ints(vec![])
    });
    running.halt();
}

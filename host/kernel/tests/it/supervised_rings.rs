//! The ends of rings of supervised tasks: nothing committed is lost or repeated, whatever fails.

use crate::supervision::{field, native, policy, tree};
use crate::support::{PATIENCE, Running, column, eventually, ints, kernel, list, polled, run, sym};
use okernel_abi::value::Value;
use okernel_core::restart::{Restart, Strategy};
use okernel_core::{
    Child, Config, Context, CoreId, EndpointId, Fault, FaultKind, Grant, Outcome, Run, Spawn, Task,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

pub fn request_ring(running: &Running, core: i64, bytes: i64) -> EndpointId {
    endpoint(running.request(list([sym("pub"), Value::Int(core), Value::Int(bytes)])))
}

pub fn request_reader(running: &Running, core: i64, ring: EndpointId) -> EndpointId {
    let ring = Value::Int(ring.number());
    endpoint(running.request(list([sym("sub"), Value::Int(core), ring])))
}

fn endpoint(answer: Value) -> EndpointId {
    match answer {
        Value::Int(number) => EndpointId::from_number(number).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Numbers that look random, the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Passes numbers on, and fails wherever it likes but between the commit of what it made and the release of what
/// it had read.
pub struct Clumsy {
    pub dice: Dice,
    /// How many lives there were before this one. The first one begins well, or its supervisor would end.
    pub life: u64,
}

impl Clumsy {
    fn pass(&mut self, cx: &mut Context) -> Result<Outcome, String> {
        let errno = |errno| format!("{errno:?}");
        let (input, output) = (
            cx.grant("in").map_err(errno)?,
            cx.grant("out").map_err(errno)?,
        );
        let subscriber = cx.subscriber(input).map_err(errno)?;
        let mut taken = [0u8; 512];
        let bytes = match subscriber.readable() {
            Ok(bytes) => bytes.min(8 * (1 + self.dice.roll(64) as usize)) & !7,
            Err(okernel_ring::RecvError::Closed) => return Ok(Outcome::End),
            Err(_) => 0,
        };
        if bytes == 0 {
            let _ = cx.wait(input, 8).map_err(errno)?;
            return Ok(Outcome::Yield);
        }
        subscriber
            .peek(0, &mut taken[..bytes])
            .map_err(|e| e.to_string())?;
        if self.dice.roll(8) == 0 {
            return Err("after reading".to_string());
        }
        let publisher = cx.publisher(output).map_err(errno)?;
        let granted = match publisher.grant(bytes, 4096) {
            Ok(granted) => granted,
            Err(_) => {
                let _ = cx.wait(output, bytes).map_err(errno)?;
                return Ok(Outcome::Yield);
            }
        };
        if self.dice.roll(8) == 0 {
            return Err(format!("with {granted} bytes claimed"));
        }
        // A claim replaces the grant; one that is dropped is published by nobody.
        let mut claim = publisher.claim(bytes).map_err(|e| e.to_string())?;
        claim.copy_from_slice(&taken[..bytes]);
        if self.dice.roll(8) == 0 {
            return Err("having written".to_string());
        }
        claim.commit_all();
        let subscriber = cx.subscriber(input).map_err(errno)?;
        subscriber.release(bytes).map_err(|e| e.to_string())?;
        if self.dice.roll(16) == 0 {
            return Err("after the release".to_string());
        }
        Ok(Outcome::Infinite)
    }
}

impl Task for Clumsy {
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        // What an earlier life was granted and did not commit is not this one's to commit.
        let output = cx.grant("out").unwrap();
        if cx.publisher(output).unwrap().commit(1).is_ok() {
            let text = "committed what was never claimed";
            return Err(Fault::new(FaultKind::Host, text));
        }
        if self.life > 0 && self.dice.roll(8) == 0 {
            return Err(Fault::new(FaultKind::Err, "before it has begun"));
        }
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        match self.pass(cx) {
            Ok(outcome) => outcome,
            Err(text) => Outcome::Err(Fault::new(FaultKind::Err, text)),
        }
    }
}

/// Publishes the numbers from 0, in batches.
pub fn source(count: u64) -> impl FnMut(&mut Context) -> Outcome + Send {
    let mut next = 0;
    move |cx| {
        let out = cx.grant("out").unwrap();
        while next < count {
            if cx
                .publisher(out)
                .unwrap()
                .write(&next.to_le_bytes())
                .is_err()
            {
                let _ = cx.wait(out, 8).unwrap();
                return Outcome::Yield;
            }
            next += 1;
        }
        Outcome::End
    }
}

/// Checks that each number comes once, in order; says how many came when the ring is closed.
pub fn sink(told: std::sync::mpsc::Sender<u64>) -> impl FnMut(&mut Context) -> Outcome + Send {
    let mut next = 0u64;
    move |cx| {
        let input = cx.grant("in").unwrap();
        loop {
            let subscriber = cx.subscriber(input).unwrap();
            match subscriber.readable() {
                Ok(8..) => {}
                Err(okernel_ring::RecvError::Closed) => {
                    let _ = told.send(next);
                    return Outcome::End;
                }
                _ => break,
            }
            let mut number = [0; 8];
            subscriber.peek(0, &mut number).unwrap();
            if u64::from_le_bytes(number) != next {
                let text = format!("{} instead of {next}", u64::from_le_bytes(number));
                return Outcome::Err(Fault::new(FaultKind::Err, text));
            }
            subscriber.release(8).unwrap();
            next += 1;
        }
        let _ = cx.wait(input, 8).unwrap();
        Outcome::Yield
    }
}

#[test]
fn nothing_committed_is_lost_or_repeated_over_thousands_of_crashes() {
    const COUNT: u64 = 300_000;
    let running = run(kernel(3, Config::default()));
    let first = request_ring(&running, 0, 4096);
    let first_reader = request_reader(&running, 0, first);
    let second = request_ring(&running, 0, 4096);
    let second_reader = request_reader(&running, 0, second);
    let lives = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lives);
    let worker = native(move || {
        let life = counted.fetch_add(1, Ordering::Relaxed);
        Clumsy {
            dice: Dice::new(life),
            life,
        }
    });
    let child = Child::new("clumsy", CoreId(1), worker)
        .restart(Restart::Transient)
        .grant("in", Grant::Endpoint(first_reader))
        .grant("out", Grant::Endpoint(second));
    let tree = tree(None, policy(Strategy::OneForOne, u32::MAX), vec![child]);
    let supervisor = running.spawn(2, Spawn::supervisor(tree));
    let (tell, told) = std::sync::mpsc::channel();
    running.spawn(
        2,
        polled("sink", sink(tell)).grant("in", Grant::Endpoint(second_reader)),
    );
    running.spawn(
        0,
        polled("source", source(COUNT)).grant("out", Grant::Endpoint(first)),
    );
    assert_eq!(told.recv_timeout(PATIENCE), Ok(COUNT));
    let notice = running.request(list([sym("monitor"), Value::Int(supervisor.number())]));
    assert_eq!(field(&notice, "reason"), "done");
    let lives = lives.load(Ordering::Relaxed);
    assert!(lives > 2000, "only {lives} lives");
    eventually("all ends of rings are gone", || {
        ints(&column(&running.request(sym("rings")), "id")).is_empty()
    });
    running.halt();
}

#[test]
fn rings_of_a_tree_survive_the_supervisor_below_and_go_with_the_one_above() {
    let running = run(kernel(2, Config::default()));
    let ring = request_ring(&running, 0, 4096);
    let reader = request_reader(&running, 0, ring);
    let failing = Arc::new(AtomicU64::new(5));
    let left = Arc::clone(&failing);
    let worker = native(move || {
        let left = Arc::clone(&left);
        crate::support::Polled(move |cx: &mut Context| {
            let out = cx.grant("out").unwrap();
            if left.load(Ordering::Relaxed) == 0 {
                let _ = cx.publisher(out).unwrap().write(b"12345678");
                thread::sleep(Duration::from_millis(1));
                return Outcome::Yield;
            }
            left.fetch_sub(1, Ordering::Relaxed);
            Outcome::Err(Fault::new(FaultKind::Err, "not yet"))
        })
    });
    let worker = Child::new("worker", CoreId(1), worker).grant("out", Grant::Endpoint(ring));
    let below = tree(None, policy(Strategy::OneForOne, 1), vec![worker]);
    let below = Child::new("below", CoreId(0), Run::Supervisor(Box::new(below)));
    let top = tree(None, policy(Strategy::OneForOne, 9), vec![below]);
    let top = running.spawn(1, Spawn::supervisor(top));
    eventually("the worker writes in its sixth life", || {
        let table = running.request(sym("rings"));
        let ids = ints(&column(&table, "id"));
        let row = ids.iter().position(|id| *id == ring.number()).unwrap();
        ints(&column(&table, "position"))[row] > 0
    });
    running.kill(top);
    let (tell, told) = std::sync::mpsc::channel();
    let drain = polled("drain", move |cx: &mut Context| {
        let input = cx.grant("in").unwrap();
        match cx.subscriber(input).unwrap().release_all() {
            Err(okernel_ring::RecvError::Closed) => {
                tell.send(()).unwrap();
                Outcome::End
            }
            _ => Outcome::Infinite,
        }
    });
    running.spawn(0, drain.grant("in", Grant::Endpoint(reader)));
    assert_eq!(told.recv_timeout(PATIENCE), Ok(()));
    running.halt();
}

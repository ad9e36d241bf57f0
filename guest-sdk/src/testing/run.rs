//! The loop of a test: feeds rings, polls tasks whose time has come, keeps what they write.

use super::done::Done;
use super::harness::Harness;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::executor;
use crate::settle;
use crate::sys::native::ring::{Ring, Slow};
use crate::sys::native::world::{Grant, World, with};
use crate::task::{Poll, Task};
use okernel_abi::layout::ExitCode;

/// The longest piece that is fed when seams are asked for, in bytes.
const PIECE_BYTES_MAX: u64 = 300;

/// What one task is given.
#[derive(Default)]
pub(super) struct Grants {
    pub(super) grants: Vec<(String, Grant)>,
    pub(super) args: Vec<String>,
    pub(super) inputs: Vec<Vec<u8>>,
}

/// Bytes that are published bit by bit.
pub(super) struct Feed {
    pub(super) ring: String,
    pub(super) bytes: Vec<u8>,
}

struct Running<'a> {
    task: Option<Box<dyn Task + 'a>>,
    result: Result<()>,
    sleeps: Sleeps,
}

/// Whether a task waits for what it has armed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleeps {
    Yes,
    No,
}

/// A simple generator of numbers (splitmix64), for seams.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % limit
    }
}

/// Feeds one ring; answers whether anything changed.
fn feed(world: &mut World, feed: &Feed, numbers: &mut Option<Numbers>) -> bool {
    let Some(ring) = ring(world, &feed.ring) else {
        return false;
    };
    if ring.closed {
        return false;
    }
    let rest = &feed.bytes[ring.published as usize..];
    if rest.is_empty() {
        ring.closed = true;
        return true;
    }
    let piece = match numbers {
        Some(numbers) => numbers.below(PIECE_BYTES_MAX) + 1,
        None => u64::MAX,
    };
    let bytes = ring.free().min(rest.len() as u64).min(piece) as usize;
    bytes > 0 && ring.write(&rest[..bytes]).is_ok()
}

fn ring<'w>(world: &'w mut World, name: &str) -> Option<&'w mut Ring> {
    let index = world.ring_index(name)?;
    Some(&mut world.rings[index].1)
}

/// Takes what was written to a collected ring; answers whether there was anything.
fn collect(world: &mut World, name: &str, into: &mut Vec<u8>) -> bool {
    let Some(ring) = ring(world, name) else {
        return false;
    };
    let Ok(readable) = ring.readable(0) else {
        return false;
    };
    let start = into.len();
    into.resize(start + readable as usize, 0);
    let copied = ring.peek(0, 0, &mut into[start..]).unwrap_or(0);
    ring.release(0, copied).is_ok()
}

/// Whether something that the task has armed is ready.
fn is_ready(world: &mut World, task: usize) -> bool {
    world.current = task;
    let armed = world.task().armed.clone();
    armed.is_empty()
        || armed
            .into_iter()
            .any(|(handle, bytes)| world.is_ready(handle, bytes).unwrap_or(true))
}

impl Running<'_> {
    /// Ends the task, whose number is the world's current one.
    fn end(&mut self, number: usize, result: Result<()>, exit: ExitCode) {
        if let Some(mut task) = self.task.take() {
            task.finalize(&mut Context::new(), exit);
            settle::settle_all();
            drop(task);
            settle::settle_all();
        }
        self.result = result;
        with(|world| world.reap(number));
    }

    fn begin(&mut self, number: usize, inputs: &[Vec<u8>]) {
        let Some(task) = &mut self.task else {
            return;
        };
        let mut context = Context::new();
        let mut begun = task.init(&mut context);
        for input in inputs {
            with(|world| world.task().input = input.clone());
            begun = begun.and_then(|()| task.exec(&mut context, input));
        }
        settle::settle_all();
        if let Err(error) = begun {
            self.end(number, Err(error), ExitCode::Error);
        }
    }

    fn poll(&mut self, number: usize) {
        let Some(task) = &mut self.task else {
            return;
        };
        with(|world| world.task().armed.clear());
        self.sleeps = Sleeps::No;
        match executor::turn(task.as_mut(), &mut Context::new()) {
            Poll::Yield => self.sleeps = Sleeps::Yes,
            Poll::Infinite => {}
            Poll::End => self.end(number, Ok(()), ExitCode::Done),
            Poll::Err(error) => self.end(number, Err(error), ExitCode::Error),
        }
    }
}

/// Runs all tasks of a harness.
pub(super) fn run(harness: Harness<'_>) -> Done {
    let Harness {
        tasks,
        rings,
        feeds,
        collected,
        files,
        answer,
        seed,
        polls_max,
        ..
    } = harness;
    let mut numbers = seed.map(Numbers);
    with(|world| {
        world.reset();
        world.answer = answer;
        world.seed = seed.unwrap_or_default() >> 1;
        for (name, capacity) in rings {
            world.rings.push((name, Ring::new(capacity)));
        }
        for (_, name) in &collected {
            if let Some(ring) = ring(world, name) {
                ring.join(Slow::Block);
            }
        }
    });
    let mut kept: Vec<Vec<u8>> = vec![Vec::new(); collected.len()];
    let mut running: Vec<Running<'_>> = Vec::new();
    let mut inputs = Vec::new();
    for (number, (grants, task)) in tasks.into_iter().enumerate() {
        with(|world| {
            world.tasks.push(Default::default());
            world.tasks[number].args = grants.args;
            for (name, grant) in grants.grants {
                let granted = world.grant(number, &name, grant);
                assert!(granted.is_ok(), "there is no ring for the grant \"{name}\"");
            }
        });
        inputs.push(grants.inputs);
        running.push(Running {
            task: Some(task),
            result: Ok(()),
            sleeps: Sleeps::No,
        });
    }
    for (number, task) in running.iter_mut().enumerate() {
        with(|world| world.current = number);
        task.begin(number, &inputs[number]);
    }

    let mut polls = 0;
    let stop = loop {
        let mut moved = false;
        // By the next round, what was printed has arrived.
        with(|world| {
            for task in &mut world.tasks {
                task.unacknowledged = 0;
            }
        });
        for source in &feeds {
            moved |= with(|world| feed(world, source, &mut numbers));
        }
        for (number, task) in running.iter_mut().enumerate() {
            if task.task.is_none() {
                continue;
            }
            let ready = with(|world| {
                world.current = number;
                is_ready(world, number)
            });
            if task.sleeps == Sleeps::Yes && !ready {
                continue;
            }
            if polls == polls_max {
                break;
            }
            polls += 1;
            moved = true;
            task.poll(number);
        }
        for ((_, name), bytes) in collected.iter().zip(&mut kept) {
            moved |= with(|world| collect(world, name, bytes));
        }
        if running.iter().all(|task| task.task.is_none()) {
            break None;
        }
        if polls == polls_max {
            break Some(format!("polled {polls} times without an end"));
        }
        if moved {
            continue;
        }
        match with(|world| world.next_timer_ns()) {
            Some(next_ns) => with(|world| world.advance(next_ns)),
            None => break Some("waits for something that never comes".to_string()),
        }
    };
    if let Some(reason) = stop {
        for (number, task) in running.iter_mut().enumerate() {
            if task.task.is_some() {
                with(|world| world.current = number);
                task.end(number, Err(Error::message(&*reason)), ExitCode::Killed);
            }
        }
    }
    for ((_, name), bytes) in collected.iter().zip(&mut kept) {
        with(|world| collect(world, name, bytes));
    }

    let results: Vec<Result<()>> = running.into_iter().map(|task| task.result).collect();
    with(|world| Done {
        result: results.last().cloned().unwrap_or(Ok(())),
        results,
        polls,
        console: std::mem::take(&mut world.console),
        offered: std::mem::take(&mut world.offered),
        log: std::mem::take(&mut world.log),
        executed: world
            .tasks
            .iter_mut()
            .flat_map(|task| std::mem::take(&mut task.executed))
            .collect(),
        outcomes: world
            .tasks
            .iter_mut()
            .flat_map(|task| std::mem::take(&mut task.outcomes))
            .collect(),
        now_ns: world.now_ns,
        files: files
            .into_iter()
            .map(|(name, bytes)| (name, bytes.take()))
            .collect(),
        collected: collected
            .into_iter()
            .map(|(name, _)| name)
            .zip(kept)
            .collect(),
    })
}

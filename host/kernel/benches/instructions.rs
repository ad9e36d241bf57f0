//! Hot paths, each in a function of its own, to be counted by instructions: `.ci/instructions`.
//!
//! Time depends on the machine and on its neighbours; the number of instructions that a path executes
//! hardly does. `callgrind` counts those within the functions named `path_*` here, and the counts for each
//! operation are compared with `instructions.txt`. Run by itself the program checks that the paths do what
//! they should.

use okernel_abi::value::Value;
use okernel_core::run_queue::RunQueue;
use okernel_core::table::{Key, Table};
use okernel_core::timer::Wheel;
use okernel_core::wfq::Weight;
use okernel_ring::{Policy, Publisher, Ring, Start, Subscriber, TypedPublisher, TypedSubscriber};
use std::hint::black_box;

/// Operations of each path. `.ci/instructions` divides by it.
const OPERATIONS: u64 = 10_000;

/// Timers, and tasks, that are there while others come and go.
const CROWD: u64 = 1_000;

fn ring() -> (Publisher, Subscriber) {
    let publisher = Ring::create(64 << 10, Start::Hold).expect("a ring");
    let subscriber = publisher.ring().subscribe(Policy::Block).expect("a reader");
    (publisher, subscriber)
}

#[inline(never)]
fn path_ring_message(publisher: &mut Publisher, subscriber: &mut Subscriber) -> u64 {
    let mut sum = 0;
    for number in 0..OPERATIONS {
        publisher.write(&number.to_le_bytes()).expect("room");
        let batch = subscriber.batch(8).expect("a message");
        sum += u64::from(batch[0]);
        batch.release_all();
    }
    sum
}

#[inline(never)]
fn path_ring_batch_64(
    publisher: &mut TypedPublisher<u64>,
    subscriber: &mut TypedSubscriber<u64>,
) -> u64 {
    let mut sum = 0;
    for number in 0..OPERATIONS {
        let mut claim = publisher.claim_n(64).expect("room");
        claim.fill(number);
        claim.commit_all();
        let batch = subscriber.batch_n(64).expect("messages");
        sum += batch.iter().sum::<u64>();
        batch.release_all();
    }
    sum
}

#[inline(never)]
fn path_timer_set_and_cancel(wheel: &mut Wheel<u64>) -> u64 {
    let mut cancelled = 0;
    for number in 0..OPERATIONS {
        let key = wheel.set(1 + number * 7_919_000, 0, number);
        cancelled += u64::from(wheel.cancel(key).is_some());
    }
    cancelled
}

#[inline(never)]
fn path_timer_set_and_fire(wheel: &mut Wheel<u64>) -> u64 {
    let mut fired = Vec::new();
    let mut count = 0;
    for number in 0..OPERATIONS {
        wheel.set(number * 100_000 + 5_000_000, 0, number);
        wheel.advance(number * 100_000, &mut fired);
        count += fired.len() as u64;
        fired.clear();
    }
    count
}

#[inline(never)]
fn path_turn_of_the_queue(queue: &mut RunQueue, times: &mut [u64]) -> u64 {
    let weight = Weight::default();
    for _ in 0..OPERATIONS {
        let Some((key, _)) = queue.pop() else {
            return 0;
        };
        let time = &mut times[key.index()];
        *time = queue.charge(*time, 1000, weight);
        queue.push(key, *time);
    }
    queue.len() as u64
}

#[inline(never)]
fn path_table(table: &mut Table<u64>) -> u64 {
    let mut sum = 0;
    for number in 0..OPERATIONS {
        let key = table.insert(number);
        sum += table.get(key).copied().unwrap_or(0);
        table.remove(key);
    }
    sum
}

#[inline(never)]
fn path_request(request: &Value) -> u64 {
    let mut bytes = 0;
    for _ in 0..OPERATIONS {
        let encoded = request.to_bytes();
        let decoded = Value::decode(&encoded).expect("a value");
        bytes += encoded.len() as u64;
        black_box(decoded);
    }
    bytes
}

fn main() {
    let (mut publisher, mut subscriber) = ring();
    let sum = path_ring_message(&mut publisher, &mut subscriber);
    assert_eq!(sum, (0..OPERATIONS).map(|number| number & 255).sum::<u64>());

    let (publisher, subscriber) = ring();
    let mut publisher = TypedPublisher::new(publisher).expect("typed");
    let mut subscriber = TypedSubscriber::new(subscriber).expect("typed");
    let sum = path_ring_batch_64(&mut publisher, &mut subscriber);
    assert_eq!(sum, 64 * OPERATIONS * (OPERATIONS - 1) / 2);

    let mut wheel = Wheel::new();
    for number in 0..CROWD {
        wheel.set(1 << 40, 0, number);
    }
    assert_eq!(path_timer_set_and_cancel(&mut wheel), OPERATIONS);
    let fired = path_timer_set_and_fire(&mut wheel);
    assert_eq!(fired + wheel.len() as u64, OPERATIONS + CROWD);

    let mut queue = RunQueue::new();
    for task in 0..CROWD {
        queue.join(Key::new(task as u32, 0), task);
    }
    let mut times: Vec<u64> = (0..CROWD).collect();
    assert_eq!(path_turn_of_the_queue(&mut queue, &mut times), CROWD);

    let mut table = Table::new();
    assert_eq!(path_table(&mut table), (0..OPERATIONS).sum::<u64>());

    let request = Value::List(vec![
        Value::Symbol("spawn".to_string()),
        Value::Int(0),
        Value::Symbol("idle".to_string()),
    ]);
    assert!(path_request(&request) > 0);
}

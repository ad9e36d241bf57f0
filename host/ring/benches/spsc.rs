//! What does a value cost, from one thread to another, one at a time and in batches?
//!
//! Beside rtrb (one reader, the leanest there is) and disruptor (the same design, busy readers).

mod support;

use okernel_ring::{Policy, Ring, Start, TypedPublisher, TypedSubscriber};
use std::hint::black_box;
use std::time::{Duration, Instant};
use support::{Backoff, Rival, compare, expected_sum, race};

fn pair(capacity_bytes: usize) -> (TypedPublisher<u64>, TypedSubscriber<u64>) {
    let publisher = Ring::create(capacity_bytes, Start::Hold).unwrap();
    let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
    (
        TypedPublisher::new(publisher).unwrap(),
        TypedSubscriber::new(subscriber).unwrap(),
    )
}

/// Makes the ring's commits look for sleepers, as they do once anybody has slept on it.
fn sleep_once(subscriber: &mut TypedSubscriber<u64>) {
    let _ = subscriber.register(std::task::Waker::noop(), 1);
}

/// Send and receive in turn, on one thread: the instructions alone.
fn ours_alone(values: u64, slept: bool) -> Duration {
    let (mut publisher, mut subscriber) = pair(65536);
    if slept {
        sleep_once(&mut subscriber);
        publisher.try_send(0).unwrap();
        subscriber.recv().unwrap();
    }
    let start = Instant::now();
    let mut sum = 0;
    for value in 0..values {
        publisher.try_send(black_box(value)).unwrap();
        sum += subscriber.recv().unwrap();
    }
    assert_eq!(sum, expected_sum(values));
    start.elapsed()
}

fn rtrb_alone(values: u64) -> Duration {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(8192);
    let start = Instant::now();
    let mut sum = 0;
    for value in 0..values {
        producer.push(black_box(value)).unwrap();
        sum += consumer.pop().unwrap();
    }
    assert_eq!(sum, expected_sum(values));
    start.elapsed()
}

fn ours_single(values: u64) -> Duration {
    let (mut publisher, mut subscriber) = pair(65536);
    let reader = move || {
        let (mut sum, mut count, mut backoff) = (0, 0, Backoff::default());
        while count < values {
            match subscriber.recv() {
                Ok(value) => {
                    sum += value;
                    count += 1;
                    backoff.reset();
                }
                Err(_) => backoff.wait(),
            }
        }
        sum
    };
    race(values, vec![reader], || {
        let mut backoff = Backoff::default();
        for value in 0..values {
            while publisher.try_send(value).is_err() {
                backoff.wait();
            }
            backoff.reset();
        }
    })
}

fn rtrb_single(values: u64) -> Duration {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(8192);
    let reader = move || {
        let (mut sum, mut count, mut backoff) = (0, 0, Backoff::default());
        while count < values {
            match consumer.pop() {
                Ok(value) => {
                    sum += value;
                    count += 1;
                    backoff.reset();
                }
                Err(_) => backoff.wait(),
            }
        }
        sum
    };
    race(values, vec![reader], || {
        let mut backoff = Backoff::default();
        for value in 0..values {
            while producer.push(value).is_err() {
                backoff.wait();
            }
            backoff.reset();
        }
    })
}

/// Disruptor's readers take all there is; its writer publishes `batch` at a time.
fn disruptor_batch(values: u64, slots: usize, batch: u64) -> Duration {
    use disruptor::Producer;

    let builder = disruptor::build_single_producer(slots, || 0_u64, disruptor::BusySpin);
    let (mut poller, builder) = builder.new_event_poller();
    let mut producer = builder.build();
    let reader = move || {
        let (mut sum, mut count, mut backoff) = (0, 0, Backoff::default());
        while count < values {
            match poller.poll() {
                Ok(mut events) => {
                    for value in &mut events {
                        sum += *value;
                        count += 1;
                    }
                    backoff.reset();
                }
                Err(_) => backoff.wait(),
            }
        }
        sum
    };
    race(values, vec![reader], || {
        let mut backoff = Backoff::default();
        let mut next = 0;
        while next < values {
            let published = if batch == 1 {
                producer.try_publish(|slot| *slot = next).is_ok()
            } else {
                let published = producer.try_batch_publish(batch as usize, |slots| {
                    for (slot, value) in slots.zip(next..) {
                        *slot = value;
                    }
                });
                published.is_ok()
            };
            if published {
                next += batch;
                backoff.reset();
            } else {
                backoff.wait();
            }
        }
    })
}

fn ours_batch(values: u64, slots: usize, batch: u64) -> Duration {
    let (mut publisher, mut subscriber) = pair(slots * 8);
    let reader = move || {
        let (mut sum, mut count, mut backoff) = (0, 0, Backoff::default());
        while count < values {
            match subscriber.batch_n(batch as usize) {
                Ok(batch) => {
                    sum += batch.iter().sum::<u64>();
                    count += batch.len() as u64;
                    batch.release_all();
                    backoff.reset();
                }
                Err(_) => backoff.wait(),
            }
        }
        sum
    };
    race(values, vec![reader], || {
        let mut backoff = Backoff::default();
        let mut next = 0;
        while next < values {
            match publisher.claim_n(batch as usize) {
                Ok(mut claim) => {
                    for (slot, value) in claim.iter_mut().zip(next..) {
                        *slot = value;
                    }
                    claim.commit_all();
                    next += batch;
                    backoff.reset();
                }
                Err(_) => backoff.wait(),
            }
        }
    })
}

fn rtrb_batch(values: u64, slots: usize, batch: u64) -> Duration {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(slots);
    let reader = move || {
        let (mut sum, mut count, mut backoff) = (0, 0, Backoff::default());
        while count < values {
            let available = consumer.slots().min(batch as usize);
            match consumer.read_chunk(available) {
                Ok(chunk) if available > 0 => {
                    let (first, second) = chunk.as_slices();
                    sum += first.iter().sum::<u64>() + second.iter().sum::<u64>();
                    count += available as u64;
                    chunk.commit_all();
                    backoff.reset();
                }
                _ => backoff.wait(),
            }
        }
        sum
    };
    race(values, vec![reader], || {
        let mut backoff = Backoff::default();
        let mut next = 0;
        while next < values {
            match producer.write_chunk_uninit(batch as usize) {
                Ok(chunk) => {
                    chunk.fill_from_iter(next..next + batch);
                    next += batch;
                    backoff.reset();
                }
                Err(_) => backoff.wait(),
            }
        }
    })
}

fn main() {
    compare(
        "u64, one thread, send + recv",
        5_000_000,
        &mut [
            Rival::new("okernel-ring", |values| ours_alone(values, false)),
            Rival::new("with sleepers", |values| ours_alone(values, true)),
            Rival::new("rtrb", rtrb_alone),
        ],
    );
    compare(
        "u64, single, 64 KiB",
        5_000_000,
        &mut [
            Rival::new("okernel-ring", ours_single),
            Rival::new("rtrb", rtrb_single),
            Rival::new("disruptor", |values| disruptor_batch(values, 8192, 1)),
        ],
    );
    for (title, slots, batch) in [
        ("u64, batches of 16, 64 KiB", 8192, 16),
        ("u64, batches of 64, 64 KiB", 8192, 64),
        ("u64, batches of 1024, 1 MiB", 131_072, 1024),
    ] {
        // Whole batches, in the short round too.
        let whole = move |values: u64| values.next_multiple_of(batch);
        compare(
            title,
            whole(20_000_000),
            &mut [
                Rival::new("okernel-ring", |n| ours_batch(whole(n), slots, batch)),
                Rival::new("rtrb", |n| rtrb_batch(whole(n), slots, batch)),
                Rival::new("disruptor", |n| disruptor_batch(whole(n), slots, batch)),
            ],
        );
    }
}

//! What does a reader more cost? One publisher to two threads beside disruptor; and the publisher's
//! own time per value with 1 to 64 subscribers, which should be the same.

mod support;

use okernel_ring::{Policy, Ring, Start, TypedPublisher, TypedSubscriber};
use std::time::{Duration, Instant};
use support::{Backoff, Rival, compare, race};

const SLOTS: usize = 8192;

fn ring(readers: usize) -> (TypedPublisher<u64>, Vec<TypedSubscriber<u64>>) {
    let publisher = Ring::create(SLOTS * 8, Start::Hold).unwrap();
    let ring = publisher.ring().clone();
    let subscribers = (0..readers)
        .map(|_| TypedSubscriber::new(ring.subscribe(Policy::Block).unwrap()).unwrap())
        .collect();
    (TypedPublisher::new(publisher).unwrap(), subscribers)
}

fn ours_to_two(values: u64, batch: u64) -> Duration {
    let (mut publisher, subscribers) = ring(2);
    let readers = subscribers
        .into_iter()
        .map(|mut subscriber| {
            move || {
                let (mut sum, mut count, mut backoff) = (0, 0, Backoff::default());
                while count < values {
                    match subscriber.batch_n(usize::MAX) {
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
            }
        })
        .collect();
    race(values, readers, || {
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

fn disruptor_to_two(values: u64, batch: u64) -> Duration {
    use disruptor::Producer;

    let builder = disruptor::build_single_producer(SLOTS, || 0_u64, disruptor::BusySpin);
    let (first, builder) = builder.new_event_poller();
    let (second, builder) = builder.new_event_poller();
    let mut producer = builder.build();
    let readers = [first, second]
        .into_iter()
        .map(|mut poller| {
            move || {
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
            }
        })
        .collect();
    race(values, readers, || {
        let mut backoff = Backoff::default();
        let mut next = 0;
        while next < values {
            let published = producer.try_batch_publish(batch as usize, |slots| {
                for (slot, value) in slots.zip(next..) {
                    *slot = value;
                }
            });
            if published.is_ok() {
                next += batch;
                backoff.reset();
            } else {
                backoff.wait();
            }
        }
    })
}

/// Fills the ring value by value, which is timed; then all read it empty, which is not.
fn publisher_alone(values: u64, readers: usize) -> Duration {
    let (mut publisher, mut subscribers) = ring(readers);
    let mut time = Duration::ZERO;
    let mut next = 0;
    while next < values {
        let start = Instant::now();
        let end = values.min(next + SLOTS as u64);
        for value in next..end {
            publisher.try_send(value).unwrap();
        }
        time += start.elapsed();
        for subscriber in &mut subscribers {
            let batch = subscriber.batch_n(usize::MAX).unwrap();
            assert_eq!((batch.len() as u64, batch[0]), (end - next, next));
            batch.release_all();
        }
        next = end;
    }
    time
}

fn main() {
    for (title, batch) in [
        ("1 to 2, batches of 16, 64 KiB", 16),
        ("1 to 2, batches of 64, 64 KiB", 64),
    ] {
        let whole = move |values: u64| values.next_multiple_of(batch);
        compare(
            title,
            whole(10_000_000),
            &mut [
                Rival::new("okernel-ring", |n| ours_to_two(whole(n), batch)),
                Rival::new("disruptor", |n| disruptor_to_two(whole(n), batch)),
            ],
        );
    }
    compare(
        "publisher's time for a u64",
        4_000_000,
        &mut [
            Rival::new("1 subscriber", |values| publisher_alone(values, 1)),
            Rival::new("8 subscribers", |values| publisher_alone(values, 8)),
            Rival::new("64 subscribers", |values| publisher_alone(values, 64)),
        ],
    );
}

//! The native rivals of the data benches: one thread sends u64s, another adds them up.
//!
//! Each does the same work for a message: the number is written where it lies in the ring, and read there
//! and added. What differs is the ring: ours, `rtrb` (one reader, the leanest there is) and `disruptor` (the same
//! design as ours). Sending one by one is each crate's own call for that; a batch is published as a
//! whole, and readers take all there is. Whoever finds the ring full or empty spins. Time runs in the reader,
//! from its first message to its last, as it does in the sandboxed reader beside them.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use anyhow::ensure;
use disruptor::{EventPoller, Producer, SingleProducerBarrier};
use okernel_ring::{Policy, RecvError, Ring, Start, TypedPublisher, TypedSubscriber};

use super::threads::on_cpu;

/// What is sent: through a ring of how many bytes, how many numbers at a time, how many in all.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub ring_bytes: usize,
    pub batch: usize,
    pub messages: u64,
}

impl Load {
    /// Slots of eight bytes.
    fn slots(self) -> usize {
        self.ring_bytes / size_of::<u64>()
    }

    /// The next batch when `next` numbers are out: a whole one, or what is left.
    fn part(self, next: u64) -> usize {
        let left = self.messages - next;
        self.batch.min(usize::try_from(left).unwrap_or(self.batch))
    }
}

/// What a reader has got.
#[derive(Default)]
struct Received {
    messages: u64,
    sum: u64,
    started: Option<Instant>,
}

impl Received {
    #[inline]
    fn add(&mut self, numbers: &[u64]) {
        self.sum = numbers
            .iter()
            .fold(self.sum, |sum, number| sum.wrapping_add(*number));
        self.count(numbers.len());
    }

    #[inline]
    fn count(&mut self, numbers: usize) {
        self.messages += numbers as u64;
        self.started.get_or_insert_with(Instant::now);
    }

    fn done(self) -> (u64, u64, Duration) {
        let took = self.started.map_or(Duration::ZERO, |start| start.elapsed());
        (self.messages, self.sum, took)
    }
}

/// Runs both ends on CPUs of their own, checks what arrived, and answers millions of messages per second.
fn race(
    messages: u64,
    write: impl FnOnce() + Send + 'static,
    read: impl FnOnce(&mut Received) + Send + 'static,
) -> anyhow::Result<f64> {
    race_to::<1>(messages, write, move |[received]| read(received))
}

/// The same with several readers, all of them on the second CPU's thread, which looks at one after the other: threads
/// that share a CPU would wait for each other for whole slices of time.
fn race_to<const READERS: usize>(
    messages: u64,
    write: impl FnOnce() + Send + 'static,
    read: impl FnOnce(&mut [Received; READERS]) + Send + 'static,
) -> anyhow::Result<f64> {
    let reader = on_cpu(1, || {
        let mut received = std::array::from_fn(|_| Received::default());
        read(&mut received);
        received.map(Received::done)
    })?;
    let writer = on_cpu(0, write)?;
    writer.join()?;
    let expected = (0..messages).fold(0u64, u64::wrapping_add);
    let mut longest = Duration::ZERO;
    for (count, sum, took) in reader.join()? {
        ensure!(
            count == messages && sum == expected,
            "{count} of {messages} messages arrived, sum {sum}"
        );
        longest = longest.max(took);
    }
    Ok(messages as f64 / longest.as_secs_f64() / 1e6)
}

/// Through our own ring.
///
/// # Errors
/// A ring cannot be made, or what arrived was not what was sent.
pub fn native(load: Load) -> anyhow::Result<f64> {
    native_to::<1>(load)
}

/// The same to two readers.
///
/// # Errors
/// As for [`native`].
pub fn native_to_two(load: Load) -> anyhow::Result<f64> {
    native_to::<2>(load)
}

fn native_to<const READERS: usize>(load: Load) -> anyhow::Result<f64> {
    let publisher = Ring::create(load.ring_bytes, Start::Hold)?;
    let mut subscribers = Vec::with_capacity(READERS);
    for _ in 0..READERS {
        let subscriber = publisher.ring().subscribe(Policy::Block)?;
        subscribers.push(TypedSubscriber::<u64>::new(subscriber)?);
    }
    let mut publisher = TypedPublisher::<u64>::new(publisher)?;
    let write = move || {
        let mut next = 0;
        while next < load.messages {
            if load.batch == 1 {
                match publisher.try_send(next) {
                    Ok(()) => next += 1,
                    Err(_) => spin_loop(),
                }
                continue;
            }
            match publisher.claim_n(load.part(next)) {
                Ok(mut claim) => {
                    for slot in claim.iter_mut() {
                        *slot = next;
                        next += 1;
                    }
                    claim.commit_all();
                }
                Err(_) => spin_loop(),
            }
        }
    };
    let single = load.batch == 1;
    race_to::<READERS>(load.messages, write, move |all| {
        while all.iter().any(|received| received.messages < load.messages) {
            for (received, subscriber) in all.iter_mut().zip(&mut subscribers) {
                let taken = if single {
                    subscriber.recv().map(|number| received.add(&[number]))
                } else {
                    subscriber.batch_n(usize::MAX).map(|batch| {
                        received.add(&batch);
                        batch.release_all();
                    })
                };
                match taken {
                    Ok(()) => {}
                    Err(RecvError::Empty) => spin_loop(),
                    Err(_) if received.messages == load.messages => {}
                    Err(_) => return,
                }
            }
        }
    })
}

/// Through a ring of `rtrb`.
///
/// # Errors
/// What arrived was not what was sent.
pub fn rtrb(load: Load) -> anyhow::Result<f64> {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(load.slots());
    let write = move || {
        let mut next = 0;
        while next < load.messages {
            if load.batch == 1 {
                match producer.push(next) {
                    Ok(()) => next += 1,
                    Err(_) => spin_loop(),
                }
                continue;
            }
            match producer.write_chunk_uninit(load.part(next)) {
                Ok(chunk) => next += chunk.fill_from_iter(next..) as u64,
                Err(_) => spin_loop(),
            }
        }
    };
    race(load.messages, write, move |received| {
        while received.messages < load.messages {
            if load.batch == 1 {
                match consumer.pop() {
                    Ok(number) => received.add(&[number]),
                    Err(_) => spin_loop(),
                }
                continue;
            }
            match consumer.read_chunk(consumer.slots()) {
                Ok(chunk) if !chunk.is_empty() => {
                    let (first, second) = chunk.as_slices();
                    received.add(first);
                    received.add(second);
                    chunk.commit_all();
                }
                _ => spin_loop(),
            }
        }
    })
}

/// Through a ring of `disruptor`.
///
/// # Errors
/// What arrived was not what was sent.
pub fn disruptor(load: Load) -> anyhow::Result<f64> {
    let builder = disruptor::build_single_producer(load.slots(), || 0_u64, disruptor::BusySpin);
    let (mut poller, builder) = builder.new_event_poller();
    let write = disruptor_writer(builder.build(), load);
    race(load.messages, write, move |received| {
        while received.messages < load.messages {
            poll_disruptor(&mut poller, received);
        }
    })
}

/// The same to two readers.
///
/// # Errors
/// As for [`disruptor`].
pub fn disruptor_to_two(load: Load) -> anyhow::Result<f64> {
    let builder = disruptor::build_single_producer(load.slots(), || 0_u64, disruptor::BusySpin);
    let (mut first, builder) = builder.new_event_poller();
    let (mut second, builder) = builder.new_event_poller();
    let write = disruptor_writer(builder.build(), load);
    race_to::<2>(load.messages, write, move |[one, other]| {
        while one.messages < load.messages || other.messages < load.messages {
            poll_disruptor(&mut first, one);
            poll_disruptor(&mut second, other);
        }
    })
}

fn disruptor_writer(mut producer: impl Producer<u64>, load: Load) -> impl FnOnce() {
    move || {
        let mut next = 0;
        while next < load.messages {
            let count = load.part(next);
            let published = if load.batch == 1 {
                producer.try_publish(|slot| *slot = next).is_ok()
            } else {
                let published = producer.try_batch_publish(count, |slots| {
                    for (slot, number) in slots.zip(next..) {
                        *slot = number;
                    }
                });
                published.is_ok()
            };
            if published {
                next += count as u64;
            } else {
                spin_loop();
            }
        }
    }
}

fn poll_disruptor(poller: &mut EventPoller<u64, SingleProducerBarrier>, received: &mut Received) {
    match poller.poll() {
        Ok(mut events) => {
            let mut count = 0;
            for number in &mut events {
                received.sum = received.sum.wrapping_add(*number);
                count += 1;
            }
            received.count(count);
        }
        Err(_) => spin_loop(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Load, disruptor, disruptor_to_two, native, native_to_two, rtrb};

    #[test]
    fn all_numbers_arrive_whatever_the_batch() {
        for batch in [1, 7, 512] {
            let load = Load {
                ring_bytes: 4096,
                batch,
                messages: 10_000,
            };
            for rival in [native, rtrb, disruptor, native_to_two, disruptor_to_two] {
                assert!(rival(load).unwrap() > 0.0, "{batch}");
            }
        }
    }
}

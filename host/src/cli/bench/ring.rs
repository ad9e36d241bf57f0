//! `bench ring`: two native threads, one ring, batches of several sizes; sums are checked.

use std::hint::spin_loop;
use std::thread;
use std::time::Instant;

use anyhow::ensure;
use okernel_ring::{Policy, RecvError, Ring, Start, TypedPublisher, TypedSubscriber};

use super::report::Report;

/// Batches that every data bench uses, in messages.
pub const BATCHES: [usize; 5] = [1, 16, 64, 256, 1024];
/// Rings that every data bench uses, in bytes.
pub const RINGS_BYTES: [usize; 2] = [64 << 10, 1 << 20];
/// Runs of each variant.
pub const ROUNDS: usize = 5;

/// Messages of one run: enough to last some tens of milliseconds.
pub fn messages_for(batch: usize) -> u64 {
    if batch == 1 { 4_000_000 } else { 40_000_000 }
}

/// Runs the bench.
///
/// # Errors
/// A ring cannot be made, or what arrived was not what was sent.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for ring_bytes in RINGS_BYTES {
        for batch in BATCHES {
            let mut samples = Vec::new();
            for _ in 0..ROUNDS {
                samples.push(one_to_one(ring_bytes, batch, messages_for(batch))?);
            }
            report.row(label(ring_bytes, batch), "M msg/s", samples);
        }
    }
    Ok(())
}

/// The name of a variant.
pub fn label(ring_bytes: usize, batch: usize) -> String {
    format!("ring {} KiB, batch {batch}", ring_bytes >> 10)
}

/// Sends `messages` u64s in batches from one thread to another; answers millions per second.
///
/// # Errors
/// A ring cannot be made, or what arrived was not what was sent.
pub fn one_to_one(ring_bytes: usize, batch: usize, messages: u64) -> anyhow::Result<f64> {
    let publisher = Ring::create(ring_bytes, Start::Hold)?;
    let subscriber = publisher.ring().subscribe(Policy::Block)?;
    let publisher = TypedPublisher::<u64>::new(publisher)?;
    let subscriber = TypedSubscriber::<u64>::new(subscriber)?;
    let started = Instant::now();
    let reader = thread::spawn(move || read(subscriber));
    write(publisher, batch, messages);
    let (count, sum) = reader
        .join()
        .map_err(|_| anyhow::anyhow!("the reader panicked"))?;
    let seconds = started.elapsed().as_secs_f64();
    let expected = (0..messages).fold(0u64, u64::wrapping_add);
    ensure!(
        count == messages && sum == expected,
        "{count} of {messages} messages arrived, sum {sum}"
    );
    Ok(messages as f64 / seconds / 1e6)
}

fn write(mut publisher: TypedPublisher<u64>, batch: usize, messages: u64) {
    let mut next = 0;
    while next < messages {
        let want = batch.min((messages - next) as usize);
        match publisher.claim_n(want) {
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
}

fn read(mut subscriber: TypedSubscriber<u64>) -> (u64, u64) {
    let (mut count, mut sum) = (0u64, 0u64);
    loop {
        match subscriber.batch_n(usize::MAX) {
            Ok(batch) => {
                count += batch.len() as u64;
                sum = batch
                    .iter()
                    .fold(sum, |sum, value| sum.wrapping_add(*value));
                batch.release_all();
            }
            Err(RecvError::Empty) => spin_loop(),
            Err(_) => return (count, sum),
        }
    }
}

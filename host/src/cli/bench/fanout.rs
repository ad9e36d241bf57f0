//! `bench fanout`: does publishing cost more when more read? The publisher's own time for a message, with
//! 1, 8 and 64 subscribers that all must get it.

use std::time::{Duration, Instant};

use anyhow::ensure;
use okernel_ring::{Policy, Ring, Start, TypedPublisher, TypedSubscriber};

use super::report::Report;
use super::ring::ROUNDS;
use super::row::Aim;

/// Subscribers.
const READERS: [usize; 3] = [1, 8, 64];
/// Slots of the ring.
const SLOTS: u64 = 8192;
/// Messages of one run.
const MESSAGES: u64 = 4 << 20;

/// Runs the bench.
///
/// # Errors
/// A ring cannot be made, or what arrived was not what was sent.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for batch in [1, 64] {
        let mut samples = READERS.map(|_| Vec::new());
        for _ in 0..report.effort().rounds(ROUNDS) {
            for (readers, samples) in READERS.into_iter().zip(&mut samples) {
                samples.push(publishing(readers, batch, report.effort().count(MESSAGES))?);
            }
        }
        let [one, more @ ..] = samples;
        let line = format!("batch {batch}");
        report
            .row(format!("batch {batch}: 1 subscriber"), "ns", one.clone())
            .point("fanout", "subscribers", &line, 1.0);
        for (readers, samples) in READERS.into_iter().skip(1).zip(more) {
            let label = format!("batch {batch}: {readers} subscribers");
            report
                .row_against(label, "ns", samples, ("one", &one))
                .aim(Aim::RatioAtMost(1.1))
                .point("fanout", "subscribers", &line, readers as f64);
        }
    }
    Ok(())
}

/// Nanoseconds of one of so many messages, the publisher's part: it fills the ring, which is timed; then all read it
/// empty, which is not.
fn publishing(readers: usize, batch: u64, messages: u64) -> anyhow::Result<f64> {
    let publisher = Ring::create(SLOTS as usize * size_of::<u64>(), Start::Hold)?;
    let ring = publisher.ring().clone();
    let mut subscribers = Vec::new();
    for _ in 0..readers {
        subscribers.push(TypedSubscriber::<u64>::new(ring.subscribe(Policy::Block)?)?);
    }
    let mut publisher = TypedPublisher::<u64>::new(publisher)?;
    let mut spent = Duration::ZERO;
    let messages = messages.next_multiple_of(SLOTS);
    for first in (0..messages).step_by(SLOTS as usize) {
        let started = Instant::now();
        for next in (first..first + SLOTS).step_by(batch as usize) {
            let mut claim = publisher.claim_n(batch as usize)?;
            for (slot, number) in claim.iter_mut().zip(next..) {
                *slot = number;
            }
            claim.commit_all();
        }
        spent += started.elapsed();
        for subscriber in &mut subscribers {
            let got = subscriber.batch_n(usize::MAX)?;
            let ends = (got.first().copied(), got.last().copied());
            ensure!(
                ends == (Some(first), Some(first + SLOTS - 1)),
                "{ends:?} arrived instead of {first} and what follows"
            );
            got.release_all();
        }
    }
    Ok(spent.as_nanos() as f64 / messages as f64)
}

//! `bench publish`: what a message costs its publisher's core when each is published by itself, in the
//! sandbox and natively; nobody waits for it.

use std::hint::black_box;
use std::time::Instant;

use anyhow::ensure;
use okernel_ring::{Policy, Ring, Start, TypedPublisher};

use super::report::Report;
use super::ring::ROUNDS;
use super::row::Aim;
use super::script::{figure, output};

/// Messages of one run.
const MESSAGES: u64 = 4_000_000;
/// The ring, in bytes.
const RING_BYTES: usize = 64 << 10;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or the tasks fail.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let messages = report.effort().count(MESSAGES);
    let (mut native, mut each, mut buffered) = (vec![], vec![], vec![]);
    for _ in 0..report.effort().rounds(ROUNDS) {
        native.push(natively(messages)?);
        each.push(in_the_sandbox("each", messages)?);
        buffered.push(in_the_sandbox("1", messages)?);
    }
    report.row("native ring, each published", "ns", native.clone());
    report
        .row_against("task, each published", "ns", each, ("native", &native))
        .aim(Aim::AtMost(30.0));
    report.row_against(
        "task, published in blocks",
        "ns",
        buffered,
        ("native", &native),
    );
    Ok(())
}

/// Nanoseconds of one of so many messages that one thread publishes; the reader may be overtaken, and never looks.
fn natively(messages: u64) -> anyhow::Result<f64> {
    let publisher = Ring::create(RING_BYTES, Start::Hold)?;
    let _reader = publisher.ring().subscribe(Policy::Lap)?;
    let mut publisher = TypedPublisher::<u64>::new(publisher)?;
    let started = Instant::now();
    for number in 0..messages {
        ensure!(
            publisher.try_send(black_box(number)).is_ok(),
            "a ring without a reader that blocks is full"
        );
    }
    Ok(started.elapsed().as_nanos() as f64 / messages as f64)
}

/// The same from the task `pump`.
fn in_the_sandbox(publish: &str, messages: u64) -> anyhow::Result<f64> {
    let script = format!(
        "r:pub[0;{RING_BYTES}]; s:sub[1;r;`lap];
         spawn[0;`pump;[out:r;console:`console;clock:`clock;args:(\"{publish}\";\"{messages}\";\"spin\")]];"
    );
    let printed = output(2, &script)?;
    let published = figure(&printed, "published")?;
    ensure!(published == messages as f64, "pump printed {printed}");
    Ok(figure(&printed, "ns")? / messages as f64)
}

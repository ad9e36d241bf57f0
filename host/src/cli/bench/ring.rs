//! `bench ring`: two native threads, one ring, batches of several sizes, beside other crates' rings in the
//! same run; sums are checked.

use super::effort::Effort;
use super::report::Report;
use super::rivals::{self, Load};
use super::row::Aim;

/// Batches that every data bench uses, in messages.
pub const BATCHES: [usize; 5] = [1, 16, 64, 256, 1024];
/// Rings that every data bench uses, in bytes.
pub const RINGS_BYTES: [usize; 2] = [64 << 10, 1 << 20];
/// Runs of each variant.
pub const ROUNDS: usize = 5;

/// Messages of one run: enough to last some tens of milliseconds.
pub fn messages_for(batch: usize, effort: Effort) -> u64 {
    effort.count(if batch == 1 { 4_000_000 } else { 20_000_000 })
}

/// Every load of the data benches.
pub fn loads(effort: Effort) -> impl Iterator<Item = Load> {
    RINGS_BYTES.into_iter().flat_map(move |ring_bytes| {
        BATCHES.into_iter().map(move |batch| Load {
            ring_bytes,
            batch,
            messages: messages_for(batch, effort),
        })
    })
}

/// Runs the bench.
///
/// # Errors
/// A ring cannot be made, or what arrived was not what was sent.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for load in loads(report.effort()) {
        let (mut ours, mut rtrb, mut disruptor) = (vec![], vec![], vec![]);
        for _ in 0..report.effort().rounds(ROUNDS) {
            ours.push(rivals::native(load)?);
            rtrb.push(rivals::rtrb(load)?);
            disruptor.push(rivals::disruptor(load)?);
        }
        let x = load.batch as f64;
        let graph = graph_of(load);
        report
            .row(label(load), "M msg/s", ours.clone())
            .point(graph, BATCH_AXIS, "ours", x);
        report
            .row_against("  rtrb", "M msg/s", rtrb, ("ours", &ours))
            .point(graph, BATCH_AXIS, "rtrb", x);
        report
            .row_against("  disruptor", "M msg/s", disruptor, ("ours", &ours))
            .point(graph, BATCH_AXIS, "disruptor", x);
    }
    to_two(report)
}

/// To two readers, beside `disruptor`: `rtrb` has one.
fn to_two(report: &mut Report) -> anyhow::Result<()> {
    for batch in [1, 64, 1024] {
        let load = Load {
            ring_bytes: RINGS_BYTES[0],
            batch,
            messages: messages_for(batch, report.effort()),
        };
        let (mut ours, mut disruptor) = (vec![], vec![]);
        for _ in 0..report.effort().rounds(ROUNDS) {
            ours.push(rivals::native_to_two(load)?);
            disruptor.push(rivals::disruptor_to_two(load)?);
        }
        let name = format!("two readers, {}", label(load));
        report
            .row_against(name, "M msg/s", ours.clone(), ("disruptor", &disruptor))
            .aim(Aim::RatioAtLeast(1.0));
        report.row_against("  disruptor", "M msg/s", disruptor, ("ours", &ours));
    }
    Ok(())
}

/// What goes from left to right where batches grow.
pub const BATCH_AXIS: &str = "numbers in a batch";

/// The graph of a load: one for each size of the ring.
fn graph_of(load: Load) -> &'static str {
    if load.ring_bytes == RINGS_BYTES[0] {
        "ring-batch-64KiB"
    } else {
        "ring-batch-1MiB"
    }
}

/// The name of a variant.
pub fn label(load: Load) -> String {
    format!("ring {} KiB, batch {}", load.ring_bytes >> 10, load.batch)
}

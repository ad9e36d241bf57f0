//! `bench guest`: one sandboxed task publishes to another on the second core, through the SDK; each
//! run alternates with native rings of the same shape, ours and other crates'.
//!
//! Two floors stand beside: how fast a buffer goes from core to core at all (`hand over`), and how fast one
//! core copies (`memcpy`). And the same two tasks on one core show what they cost by themselves, without
//! any traffic between cores.

use anyhow::ensure;

use super::floor;
use super::report::Report;
use super::ring::{BATCH_AXIS, RINGS_BYTES, ROUNDS, label, loads};
use super::rivals::{self, Load};
use super::row::Aim;
use super::script::{figure, output};

/// Batches of the runs on one core.
const BATCHES_ALONE: [usize; 3] = [1, 64, 1024];

/// Single messages from task to task on one core, in millions per second: five times what Erlang/OTP 25 sent on
/// the machine on which this was first measured.
const SINGLES_AIM: f64 = 65.0;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or what arrived was not what was sent.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for load in loads(report.effort()) {
        two_cores(report, load)?;
    }
    for ring_bytes in RINGS_BYTES {
        for batch in BATCHES_ALONE {
            let load = Load {
                ring_bytes,
                batch,
                messages: super::ring::messages_for(batch, report.effort()),
            };
            let mut samples = Vec::new();
            for _ in 0..report.effort().rounds(ROUNDS) {
                samples.push(guest_to_guest(load, 0)?);
            }
            let row = report.row(format!("one core: {}", label(load)), "M msg/s", samples);
            if batch == 1 {
                row.aim(Aim::AtLeast(SINGLES_AIM));
            }
        }
    }
    Ok(())
}

fn two_cores(report: &mut Report, load: Load) -> anyhow::Result<()> {
    let (mut native, mut guest, mut rtrb, mut disruptor) = (vec![], vec![], vec![], vec![]);
    let (mut hand_over, mut memcpy) = (vec![], vec![]);
    for _ in 0..report.effort().rounds(ROUNDS) {
        hand_over.push(floor::hand_over(load.ring_bytes)?);
        native.push(rivals::native(load)?);
        guest.push(guest_to_guest(load, 1)?);
        rtrb.push(rivals::rtrb(load)?);
        disruptor.push(rivals::disruptor(load)?);
        memcpy.push(floor::memcpy(load.ring_bytes));
    }
    let batch = load.batch as f64;
    let graph = match load.ring_bytes {
        bytes if bytes == RINGS_BYTES[0] => "guest-batch-64KiB",
        _ => "guest-batch-1MiB",
    };
    let row = report
        .row(label(load), "M msg/s", guest.clone())
        .against("native ring", &native)
        .against("rtrb", &rtrb)
        .against("disruptor", &disruptor)
        .point(graph, BATCH_AXIS, "guest", batch);
    match load.batch {
        1 => row.aim(Aim::RatioAtLeast(0.5)),
        64.. => row.aim(Aim::RatioAtLeast(0.8)),
        _ => row,
    };
    let rows = [
        ("  native ring", native),
        ("  rtrb", rtrb),
        ("  disruptor", disruptor),
        ("  floor: hand over", hand_over),
        ("  floor: memcpy", memcpy),
    ];
    for (name, samples) in rows {
        report
            .row_against(name, "M msg/s", samples, ("guest", &guest))
            .point(graph, BATCH_AXIS, name.trim(), batch);
    }
    Ok(())
}

/// Sends a load from the task `pump` on core 0 to the task `drain` on core `core`; answers millions per
/// second.
pub fn guest_to_guest(load: Load, core: u32) -> anyhow::Result<f64> {
    let Load {
        ring_bytes,
        batch,
        messages,
    } = load;
    // On one core a task that looks again each turn would only take the other's time.
    let wait = if core == 0 { "sleep" } else { "spin" };
    let take = if batch == 1 { ";\"single\"" } else { "" };
    let script = format!(
        "r:pub[0;{ring_bytes}]; s:sub[{core};r];
         spawn[{core};`drain;[in:s;console:`console;clock:`clock;args:(\"{messages}\";\"{wait}\"{take})]];
         spawn[0;`pump;[out:r;args:(\"{batch}\";\"{messages}\";\"{wait}\")]];"
    );
    let printed = output(2, &script)?;
    let (count, sum) = (figure(&printed, "messages")?, figure(&printed, "sum")?);
    let expected = (messages * (messages - 1) / 2) as f64;
    ensure!(
        count == messages as f64 && sum == expected,
        "of {messages} messages arrived: {printed}"
    );
    Ok(messages as f64 / figure(&printed, "ns")? * 1e3)
}

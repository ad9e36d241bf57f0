//! `bench guest`: one sandboxed task publishes to another on the second core, through the SDK; each
//! run alternates with the native ring of the same shape.

use anyhow::ensure;

use super::report::Report;
use super::ring::{BATCHES, RINGS_BYTES, ROUNDS, label, messages_for, one_to_one};
use super::script::{figure, output};

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or what arrived was not what was sent.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for ring_bytes in RINGS_BYTES {
        for batch in BATCHES {
            let messages = messages_for(batch);
            let (mut natives, mut guests) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                natives.push(one_to_one(ring_bytes, batch, messages)?);
                guests.push(guest_to_guest(ring_bytes, batch, messages)?);
            }
            let name = label(ring_bytes, batch);
            report.row(format!("native {name}"), "M msg/s", natives.clone());
            report.row_against(
                format!("guest {name}"),
                "M msg/s",
                guests,
                ("native", &natives),
            );
        }
    }
    Ok(())
}

/// Sends `messages` u64s from the task `pump` to the task `drain`; answers millions per second.
fn guest_to_guest(ring_bytes: usize, batch: usize, messages: u64) -> anyhow::Result<f64> {
    let script = format!(
        "r:pub[0;{ring_bytes}]; s:sub[1;r];
         spawn[1;`drain;[in:s;console:`console;clock:`clock;args:(\"{messages}\";\"spin\")]];
         spawn[0;`pump;[out:r;args:(\"{batch}\";\"{messages}\";\"spin\")]];"
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

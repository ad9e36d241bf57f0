//! `bench size`: messages from 8 bytes to a mebibyte, each published by itself, through a ring of 4 MiB: from task to task
//! over two cores and between native threads. What a message costs beyond its bytes shows in the small ones.

use super::guest::guest_to_guest;
use super::report::Report;
use super::rivals::{self, Load};

/// Sizes of a message, in bytes.
const SIZES_BYTES: [usize; 7] = [8, 64, 512, 4 << 10, 32 << 10, 256 << 10, 1 << 20];
/// The ring, in bytes.
const RING_BYTES: usize = 4 << 20;
/// What is sent in one run, in bytes, and the most messages.
const RUN_BYTES: usize = 256 << 20;
const MESSAGES_MAX: usize = 2_000_000;
/// Runs of each size.
const ROUNDS: usize = 3;
const BYTES_PER_NUMBER: usize = size_of::<u64>();

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or what arrived was not what was sent.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for size_bytes in SIZES_BYTES {
        let run_bytes = report.effort().count(RUN_BYTES as u64) as usize;
        let messages = (run_bytes / size_bytes).clamp(1, MESSAGES_MAX);
        let load = Load {
            ring_bytes: RING_BYTES,
            batch: size_bytes / BYTES_PER_NUMBER,
            messages: (messages * size_bytes / BYTES_PER_NUMBER) as u64,
        };
        // Millions of numbers per second as gigabytes per second.
        let gigabytes = |millions: f64| millions * BYTES_PER_NUMBER as f64 / 1e3;
        let (mut guest, mut native) = (Vec::new(), Vec::new());
        for _ in 0..report.effort().rounds(ROUNDS) {
            guest.push(gigabytes(guest_to_guest(load, 1)?));
            native.push(gigabytes(rivals::native(load)?));
        }
        let (name, x) = (shown(size_bytes), size_bytes as f64);
        report
            .row(format!("messages of {name}"), "GB/s", guest)
            .against("native ring", &native)
            .point("message-size", "bytes of a message", "guest to guest", x);
        report.row("  native ring", "GB/s", native).point(
            "message-size",
            "bytes of a message",
            "native ring",
            x,
        );
    }
    report.note("messages of 8 bytes go through the calls for single ones, in blocks");
    Ok(())
}

fn shown(bytes: usize) -> String {
    match bytes {
        bytes if bytes < 1 << 10 => format!("{bytes} B"),
        bytes if bytes < 1 << 20 => format!("{} KiB", bytes >> 10),
        bytes => format!("{} MiB", bytes >> 20),
    }
}

//! `bench rtt`: round trips of one u64 between two sandboxed tasks; beside them, in the same run, the
//! floors: two native threads that pass a cache line to and fro, and two that sleep in an eventfd.
//!
//! Tasks that spin look again in each of their turns; those that sleep wait. A core whose tasks all wait
//! spins for a moment before it sleeps itself: the rows are with the usual moment, which is longer than
//! this trip, and with none.

use super::floor::{cache_line, eventfds, median};
use super::report::Report;
use super::ring::ROUNDS;
use super::row::Aim;
use super::script::{figure, output_with};
use crate::boot::SPIN_US;

/// Round trips of one run.
const TRIPS: u64 = 200_000;
/// Round trips of one run in which cores sleep.
const TRIPS_ASLEEP: u64 = 3_000;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or an answer was wrong.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let (trips, asleep) = (
        report.effort().count(TRIPS),
        report.effort().count(TRIPS_ASLEEP),
    );
    let (mut line, mut spinning, mut waiting) = (vec![], vec![], vec![]);
    let (mut event, mut sleeping, mut one_core) = (vec![], vec![], vec![]);
    for _ in 0..report.effort().rounds(ROUNDS) {
        line.push(cache_line(trips)?);
        spinning.push(ping_pong(1, "spin", trips, SPIN_US)?);
        waiting.push(ping_pong(1, "sleep", trips, SPIN_US)?);
        event.push(median(eventfds(asleep)?));
        sleeping.push(ping_pong(1, "sleep", asleep, 0)?);
        one_core.push(ping_pong(0, "sleep", trips, SPIN_US)?);
    }
    let by_line = ("cache line", line.as_slice());
    report.row("floor: two threads, one cache line", "ns", line.clone());
    report
        .row_against("two cores, tasks spin", "ns", spinning, by_line)
        .aim(Aim::RatioAtMost(1.5));
    report.row_against("two cores, cores spin", "ns", waiting, by_line);
    report.row("floor: two threads, eventfds", "ns", event.clone());
    let by_event = ("eventfd", event.as_slice());
    report
        .row_against("two cores, cores sleep", "ns", sleeping, by_event)
        .aim(Aim::RatioAtMost(1.5));
    report
        .row("one core", "ns", one_core)
        .aim(Aim::AtMost(250.0));
    Ok(())
}

/// Median nanoseconds of a round trip between `ping` on core 0 and `pong` on core `core`.
fn ping_pong(core: u32, mode: &str, trips: u64, spin_us: u64) -> anyhow::Result<f64> {
    let script = format!(
        "there:pub[0;65536]; back:pub[{core};65536]; s:sub[{core};there]; t:sub[0;back];
         spawn[{core};`pong;[in:s;out:back;args:,\"{mode}\"]];
         spawn[0;`ping;[in:t;out:there;console:`console;clock:`clock;args:(\"{trips}\";\"{mode}\")]];"
    );
    figure(&output_with(2, spin_us, &script)?, "median")
}

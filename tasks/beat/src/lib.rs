//! Measures how late a periodic timer wakes it.
//!
//! A busy task beside it must not delay it by more than the kernel's tick: this tells by how much it does.
//! Prints one line: `beats N median NS p99 NS p999 NS max NS`, the lateness of each beat in nanoseconds, from the
//! moment when it was due to the first instruction after it.
//!
//! Grants: `timer`; `clock`; `console`. Arguments: how many beats; the time between two, in microseconds
//! (1000).

use core::time::Duration;
use okernel_sdk::{Context, Error, Result};

/// The most beats: each takes four bytes until the end.
pub const BEATS_MAX: usize = 10_000_000;

/// The task.
///
/// # Errors
/// A grant is missing, or an argument is wrong.
#[okernel_sdk::task(wants("timer", "clock", "console"))]
pub async fn main(ctx: Context) -> Result<()> {
    let (beats, period) = arguments(&ctx.args()?)?;
    let (timers, clock) = (ctx.timers("timer")?, ctx.clock("clock")?);
    let console = ctx.console()?;

    let period_ns = period.as_nanos() as u64;
    let mut late_ns = Vec::with_capacity(beats);
    let mut due_ns = clock.now_ns()?;
    let mut interval = timers.interval(period)?;
    while late_ns.len() < beats {
        // Beats that were missed altogether count by the last of them, which is the least late.
        due_ns += interval.tick().await? * period_ns;
        let late = clock.now_ns()?.saturating_sub(due_ns);
        late_ns.push(u32::try_from(late).unwrap_or(u32::MAX));
    }
    console.print(summary(&mut late_ns)).await
}

fn arguments(args: &[String]) -> Result<(usize, Duration)> {
    let usage = || {
        Error::message(format!(
            "expected a number of beats up to {BEATS_MAX}, and the time between two in microseconds"
        ))
    };
    let beats = args
        .first()
        .and_then(|text| text.parse().ok())
        .ok_or_else(usage)?;
    let period_us = match args.get(1) {
        Some(text) => text.parse().map_err(|_| usage())?,
        None => 1000,
    };
    if beats > BEATS_MAX || period_us == 0 {
        return Err(usage());
    }
    Ok((beats, Duration::from_micros(period_us)))
}

/// The line that is printed. Puts the times in order.
fn summary(late_ns: &mut [u32]) -> String {
    late_ns.sort_unstable();
    let at = |per_mille: usize| {
        let last = late_ns.len().saturating_sub(1);
        let rank = late_ns.len() * per_mille / 1000;
        late_ns.get(rank.min(last)).copied().unwrap_or(0)
    };
    format!(
        "beats {} median {} p99 {} p999 {} max {}\n",
        late_ns.len(),
        at(500),
        at(990),
        at(999),
        at(1000)
    )
}

#[cfg(test)]
mod tests {
    use super::{main, summary};
    use okernel_sdk::testing::{Done, Harness};

    fn beaten(args: &[&str]) -> Done {
        let harness = Harness::new().timers("timer").clock("clock");
        let harness = harness.console("console");
        harness.args(args.iter().copied()).run(main)
    }

    #[test]
    fn all_beats_are_counted_and_in_time() {
        let done = beaten(&["50", "2000"]);
        assert_eq!(done.result, Ok(()));
        let line = String::from_utf8(done.console).unwrap();
        assert_eq!(line, "beats 50 median 0 p99 0 p999 0 max 0\n");
        assert_eq!(done.now_ns, 50 * 2_000_000);
    }

    #[test]
    fn arguments_are_checked() {
        for args in [&[][..], &["many"], &["5", "0"], &["99999999999"]] {
            let error = beaten(args).result.unwrap_err().to_string();
            assert!(error.starts_with("expected a number of beats"), "{error}");
        }
    }

    #[test]
    fn ranks() {
        let mut times: Vec<u32> = (1..=2000).rev().collect();
        assert_eq!(
            summary(&mut times),
            "beats 2000 median 1001 p99 1981 p999 1999 max 2000\n"
        );
        assert_eq!(summary(&mut []), "beats 0 median 0 p99 0 p999 0 max 0\n");
    }
}

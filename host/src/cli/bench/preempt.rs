//! `bench preempt`: how late a periodic timer wakes a task, alone and with a task beside it that never gives
//! its turn back.

use super::report::Report;
use super::script::{figure, output};

/// Beats of one run, a millisecond and a bit apart so that they meet every phase of the tick.
const BEATS: u32 = 2000;
const PERIOD_US: u32 = 1037;
/// Rounds of the busy task, enough to outlast the beats.
const BUSY_ROUNDS: u64 = 6_000_000_000;
/// What is reported of the beats of a run.
const FIGURES: [&str; 4] = ["median", "p99", "p999", "max"];
/// Runs of each variant.
const ROUNDS: usize = 3;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or a task fails.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let count = report.effort().count(BEATS.into());
    let busy_rounds = report.effort().count(BUSY_ROUNDS);
    let mut alone = FIGURES.map(|_| Vec::new());
    let mut beside = FIGURES.map(|_| Vec::new());
    for _ in 0..report.effort().rounds(ROUNDS) {
        beats("", count, &mut alone)?;
        let busy = format!("b:spawn[1;`burn;[args:,\"{busy_rounds}\"]];");
        beats(&busy, count, &mut beside)?;
    }
    for (name, samples) in [("alone", alone), ("beside a busy task", beside)] {
        for (figure, samples) in FIGURES.into_iter().zip(samples) {
            report.row(format!("{name}: {figure}"), "us", samples);
        }
    }
    Ok(())
}

/// Lets `beat` measure so many beats on core 1, with what `neighbour` starts there.
fn beats(neighbour: &str, count: u64, into: &mut [Vec<f64>; 4]) -> anyhow::Result<()> {
    let script = format!(
        "{neighbour} t:spawn[1;`beat;[timer:`timer;clock:`clock;console:`console;args:(\"{count}\";\"{PERIOD_US}\")]];"
    );
    let printed = output(2, &script)?;
    for (name, samples) in FIGURES.into_iter().zip(into) {
        samples.push(figure(&printed, name)? / 1e3);
    }
    Ok(())
}

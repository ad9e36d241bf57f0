//! `bench cores`: what more schedulers than CPUs cost. On each core a task sends to another one on the same core, and
//! the kernel's whole rate is reported for 1 to 64 cores.
//!
//! With two CPUs the rate doubles at two cores; from there on a flat line says that schedulers cost nothing by being
//! many.

use anyhow::ensure;

use super::report::Report;
use super::script::{figure, output};

/// Schedulers.
const CORES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Numbers that are sent on all cores together.
const NUMBERS: u64 = 256 << 20;
/// Numbers that are published together.
const BATCH: usize = 64;
/// Each core's ring, in bytes.
const RING_BYTES: usize = 64 << 10;
/// Runs of each count.
const ROUNDS: usize = 3;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or what arrived was not what was sent.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for &cores in report.effort().steps(&CORES, 3) {
        let mut samples = Vec::new();
        for _ in 0..report.effort().rounds(ROUNDS) {
            samples.push(rate(cores, report.effort().count(NUMBERS))?);
        }
        let label = match cores {
            1 => "1 core".to_string(),
            cores => format!("{cores} cores"),
        };
        report.row(label, "M msg/s", samples).point(
            "cores",
            "schedulers",
            "task to task, all cores together",
            cores as f64,
        );
    }
    Ok(())
}

/// Millions of numbers per second on all cores together, `all` of them, from before the first task is spawned until the last has ended: tasks
/// whose cores share a CPU run one after another, so that their own times add up to less.
fn rate(cores: usize, all: u64) -> anyhow::Result<f64> {
    let numbers = all / cores as u64;
    let script = format!(
        "started:now[];\
         ends:{{r:pub[x;{RING_BYTES}];s:sub[x;r];\
          t:spawn[x;`drain;[in:s;console:`console;clock:`clock;args:,\"{numbers}\"]];\
          spawn[x;`pump;[out:r;args:(\"{BATCH}\";\"{numbers}\")]];monitor t}}'!{cores};\
         {{rcv x}}'ends;\
         print[\"took \",($_(now[]-started)%00:00:00.001),\" ms\"];"
    );
    let printed = output(cores, &script)?;
    let sum = (numbers * (numbers - 1) / 2).to_string();
    let mut arrived = 0;
    for line in printed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["messages", count, "sum", found, ..] = words[..] {
            ensure!(
                count == numbers.to_string() && found == sum,
                "bench: of {numbers} numbers arrived: {line}"
            );
            arrived += 1;
        }
    }
    ensure!(
        arrived == cores,
        "bench: {arrived} of {cores} cores are done"
    );
    Ok((numbers * cores as u64) as f64 / figure(&printed, "took")? / 1e3)
}

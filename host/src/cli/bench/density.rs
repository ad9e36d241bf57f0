//! `bench density`: what a task takes of the machine while it waits, and what a wake-up costs among
//! many that do.
//!
//! A kernel in a process of its own, so that nothing else is counted. Each task waits on a ring of 4 KiB
//! of its own; what it takes is what the process has more than before: memory and page tables, mappings,
//! descriptors, everything of the kernel's included.

use anyhow::ensure;

use super::child::{Kernel, Taken};
use super::machine::ModuleFile;
use super::report::Report;
use super::row::Aim;
use super::script::figure;

/// Tasks of the ordinary class, in steps.
const ORDINARY: &[u32] = &[10, 1_000, 10_000];
/// Tasks of the dense class, in steps.
const DENSE: &[u32] = &[10, 1_000, 10_000, 100_000];
/// Bytes of each task's ring.
const RING_BYTES: u32 = 4096;
/// Round trips of the pair that is woken among the others.
const TRIPS: u64 = 50_000;
/// Runs of that pair at each step.
const ROUNDS: usize = 3;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or a task was not spawned.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let file = ModuleFile::write("idle")?;
    let effort = report.effort();
    class(report, "ordinary", effort.steps(ORDINARY, 2), None)?;
    let load = format!("load[`idle;\"{}\";`dense];", file.shown());
    class(report, "dense", effort.steps(DENSE, 2), Some(&load))
}

/// Measures one class at each step.
fn class(
    report: &mut Report,
    name: &'static str,
    steps: &[u32],
    load: Option<&str>,
) -> anyhow::Result<()> {
    // The kernel counts all memory that a task could touch, which is what an idle one does not do.
    let mut kernel = Kernel::boot(&["--cores", "1", "--limit", "all_memory=1024G"])?;
    if let Some(load) = load {
        let said = kernel.tell(load)?;
        ensure!(said.is_empty(), "bench: {load} said {said:?}");
    }
    // The first of all makes what is made once.
    spawn(&mut kernel, 1)?;
    let before = kernel.taken()?;
    let mut alive = 0;
    let mut first = Vec::new();
    for &step in steps {
        spawn(&mut kernel, step - alive)?;
        alive = step;
        let counted = kernel.number("+/(cores[])`tasks")?;
        // The shell and the task that came first are counted as well.
        ensure!(
            counted == f64::from(alive) + 2.0,
            "bench: {counted} tasks live, not {alive}"
        );
        let rounds = 0..report.effort().rounds(ROUNDS);
        let count = report.effort().count(TRIPS);
        let trips = rounds.map(|_| round_trip(&mut kernel, count));
        let trips = trips.collect::<anyhow::Result<Vec<f64>>>()?;
        if first.is_empty() {
            first.clone_from(&trips);
        }
        report
            .row(format!("{name}: round trip among {step}"), "ns", trips)
            .against("among 10", &first)
            .aim(Aim::RatioAtMost(1.1))
            .point("density-wake", "idle tasks", name, f64::from(step));
        if step >= 1000 {
            taken(report, name, step, before, kernel.taken()?);
        }
    }
    Ok(())
}

/// Adds the rows of what each task has taken.
fn taken(report: &mut Report, name: &'static str, step: u32, before: Taken, now: Taken) {
    let tasks = f64::from(step);
    let ring_kib = f64::from(RING_BYTES) / 1024.0;
    let resident_kib = (now.resident_bytes - before.resident_bytes) / tasks / 1024.0;
    let tables_kib = (now.page_table_bytes - before.page_table_bytes) / tasks / 1024.0;
    report
        .row(
            format!("{name}: resident, each of {step}"),
            "KiB",
            vec![resident_kib],
        )
        .aim(Aim::AtMost(20.0 + ring_kib))
        .point("density-memory", "idle tasks", name, tasks);
    report.row(
        format!("{name}: page tables, each of {step}"),
        "KiB",
        vec![tables_kib],
    );
    report.row(
        format!("{name}: mappings, each of {step}"),
        "count",
        vec![(now.mappings - before.mappings) / tasks],
    );
    report.row(
        format!("{name}: descriptors, each of {step}"),
        "count",
        vec![(now.descriptors - before.descriptors) / tasks],
    );
}

/// Spawns so many idle tasks, each with a ring of its own.
fn spawn(kernel: &mut Kernel, count: u32) -> anyhow::Result<()> {
    let line = format!("{{p:pub[0;{RING_BYTES}];spawn[0;`idle;[in:sub[0;p]]]}}'!{count};");
    let said = kernel.tell(&line)?;
    ensure!(said.is_empty(), "bench: {line} said {said:?}");
    Ok(())
}

/// Median nanoseconds of so many round trips between two tasks of one core that sleep in between.
fn round_trip(kernel: &mut Kernel, count: u64) -> anyhow::Result<f64> {
    let line = format!(
        "there:pub[0;4096];back:pub[0;4096];s:sub[0;there];t:sub[0;back];\
         spawn[0;`pong;[in:s;out:back]];\
         spawn[0;`ping;[in:t;out:there;console:`console;clock:`clock;args:,\"{count}\"]];"
    );
    kernel.say(&line)?;
    figure(&kernel.wait_for("round trips")?, "median")
}

//! `bench idle`: what a kernel takes while nothing happens.
//!
//! A kernel of four cores in a process of its own, with a hundred tasks that wait, is left alone for
//! some seconds. Every time that one of its threads goes to sleep it had been woken.

use std::thread;
use std::time::Duration;

use super::child::Kernel;
use super::report::Report;
use super::row::Aim;

/// Cores of the kernel.
const CORES: u32 = 4;
/// Tasks that wait.
const TASKS: u32 = 100;
/// How long it is left alone before it is measured: its tickers stop, its pages are dropped.
const SETTLE: Duration = Duration::from_secs(2);
/// How long it is measured.
const PERIOD: Duration = Duration::from_secs(3);
/// A quick bench waits for a tenth of these times.
const QUICK_DIVISOR: u32 = 10;
/// Runs.
const ROUNDS: usize = 3;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let mut kernel = Kernel::boot(&["--cores", &CORES.to_string()])?;
    let last = CORES - 1;
    kernel.tell(&format!(
        "{{p:pub[0;4096];spawn[{last}&x;`idle;[in:sub[{last}&x;p]]]}}'!{TASKS};"
    ))?;
    thread::sleep(report.effort().of(SETTLE, SETTLE / QUICK_DIVISOR));
    let period = report.effort().of(PERIOD, PERIOD / QUICK_DIVISOR);
    let (mut wakes, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..report.effort().rounds(ROUNDS) {
        let before = kernel.taken()?;
        thread::sleep(period);
        let after = kernel.taken()?;
        let seconds = period.as_secs_f64();
        wakes.push((after.sleeps - before.sleeps) / seconds / f64::from(CORES));
        cpu.push((after.cpu_seconds - before.cpu_seconds) / seconds * 100.0);
    }
    report
        .row("wake-ups of a core", "1/s", wakes)
        .aim(Aim::AtMost(0.0));
    report
        .row("CPU time of four cores", "% of CPU", cpu)
        .aim(Aim::AtMost(0.5));
    Ok(())
}

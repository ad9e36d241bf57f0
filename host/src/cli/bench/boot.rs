//! `bench boot`: from the start of the process to the shell's first answer, with a warm cache of
//! compiled modules and, once, without any.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};

use super::report::Report;

/// Starts with a warm cache.
const STARTS: u64 = 20;

/// Runs the bench.
///
/// # Errors
/// The program does not start, or answers wrongly.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let cache = env::temp_dir().join(format!("okernel-bench-{}", std::process::id()));
    let cold = start(&cache);
    let warm: anyhow::Result<Vec<f64>> = (0..report.effort().count(STARTS))
        .map(|_| start(&cache))
        .collect();
    // What is left of a cache in the temporary folder is no failure of the bench.
    drop(std::fs::remove_dir_all(&cache));
    report.row("cold cache", "ms", vec![cold?]);
    report.row("warm cache", "ms", warm?);
    Ok(())
}

/// Milliseconds of `okernel eval 1+2`, process and all.
fn start(cache: &Path) -> anyhow::Result<f64> {
    let program = env::current_exe().context("bench: this program has no path")?;
    let started = Instant::now();
    let output = Command::new(program)
        .args(["eval", "1+2"])
        .env("XDG_CACHE_HOME", cache)
        .output()
        .context("bench: the program does not start")?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    ensure!(
        output.stdout == b"3\n",
        "eval 1+2 answered {:?}",
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(milliseconds)
}

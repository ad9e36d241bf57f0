//! `bench compute`: the same kernels natively, in the sandbox, and in the sandbox with the checks that make a task
//! preemptible: what each of the two costs.
//!
//! The checks are compared with the sandbox without them, and their mean over all kernels is the price of
//! preemption; the sandbox that tasks run in is compared with native code.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, ensure};
use compute::KERNELS;

use super::report::Report;
use super::ring::ROUNDS;
use crate::boot;
use crate::wasm::engine::{Engines, Metering};
use crate::wasm::limits::INSTANCES_MIN;
use crate::wasm::price::Compute;

/// Runs in each round, of which the quickest counts: a moment in which something else had the CPU tells nothing.
const RUNS: usize = 5;

/// Runs the bench.
///
/// # Errors
/// The engines cannot be made, or the sandbox computes something else.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let wasm = boot::embedded_module("compute").context("bench: the kernels are not embedded")?;
    let engines = Engines::new(INSTANCES_MIN)?;
    let mut plain = Compute::new(&engines, wasm, Metering::Trusted)?;
    let mut checked = Compute::new(&engines, wasm, Metering::Epoch)?;
    let mut prices = Vec::new();
    for (number, kernel) in (0u32..).zip(KERNELS) {
        let expected = (kernel.run)();
        let (mut native_ms, mut plain_ms, mut checked_ms) = (vec![], vec![], vec![]);
        for _ in 0..report.effort().rounds(ROUNDS) {
            native_ms.push(quickest(expected, || Ok((kernel.run)()))?);
            plain_ms.push(quickest(expected, || Ok(plain.run(number)?))?);
            checked_ms.push(quickest(expected, || Ok(checked.run(number)?))?);
        }
        prices.push((least(&checked_ms) / least(&plain_ms) - 1.0) * 100.0);
        report.row(format!("{}: native", kernel.name), "ms", native_ms.clone());
        let native = ("native", native_ms.as_slice());
        report.row_against("  sandbox, no checks", "ms", plain_ms.clone(), native);
        report.row_against("  sandbox", "ms", checked_ms.clone(), native);
        report.row_against("  checks", "ms", checked_ms, ("no checks", &plain_ms));
    }
    let mean = prices.iter().sum::<f64>() / prices.len() as f64;
    report.row("mean price of the checks", "%", vec![mean]);
    Ok(())
}

fn least(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Milliseconds of the quickest of some runs.
fn quickest(expected: u64, mut run: impl FnMut() -> anyhow::Result<u64>) -> anyhow::Result<f64> {
    let mut least_ms = f64::INFINITY;
    for _ in 0..RUNS {
        let started = Instant::now();
        let result = black_box(run()?);
        least_ms = least_ms.min(started.elapsed().as_secs_f64() * 1e3);
        ensure!(
            result == expected,
            "a kernel answered {result} instead of {expected}"
        );
    }
    Ok(least_ms)
}

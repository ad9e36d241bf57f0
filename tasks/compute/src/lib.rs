//! Computes well-known kernels, to see what the sandbox costs.
//!
//! As a task it runs one kernel and prints its result and how long it took: `NAME check C ns T`. The kernels are a
//! library too, for a native run of the same code.
//!
//! Grants: `clock`; `console`. Arguments: the name of a kernel; how often it runs (1), of which the quickest counts.

mod kernels;

pub use kernels::{KERNELS, Kernel};

use okernel_sdk::{Context, Error, Result};

/// The task.
///
/// # Errors
/// A grant is missing, or an argument is wrong.
#[okernel_sdk::task(wants("clock", "console"))]
pub async fn main(ctx: Context) -> Result<()> {
    let (kernel, runs) = arguments(&ctx.args()?)?;
    let (clock, console) = (ctx.clock("clock")?, ctx.console()?);
    let (mut check, mut least_ns) = (0, u64::MAX);
    for _ in 0..runs {
        let started_ns = clock.now_ns()?;
        check = (kernel.run)();
        least_ns = least_ns.min(clock.now_ns()? - started_ns);
    }
    let name = kernel.name;
    console
        .print(format!("{name} check {check} ns {least_ns}\n"))
        .await
}

fn arguments(args: &[String]) -> Result<(&'static Kernel, u32)> {
    let names: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
    let usage = || {
        let names = names.join(", ");
        Error::message(format!(
            "expected a kernel ({names}), and how often it runs"
        ))
    };
    let name = args.first().ok_or_else(usage)?;
    let found = KERNELS.iter().find(|kernel| kernel.name == name);
    let kernel = found.ok_or_else(usage)?;
    let runs = match args.get(1) {
        Some(text) => text.parse().map_err(|_| usage())?,
        None => 1,
    };
    if runs == 0 {
        return Err(usage());
    }
    Ok((kernel, runs))
}

/// Runs the kernel with this number, without the kernel's calls: for whoever measures the engine alone. A
/// number that is none answers 0.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
pub extern "C" fn compute(number: u32) -> u64 {
    match KERNELS.get(number as usize) {
        Some(kernel) => (kernel.run)(),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{KERNELS, main};
    use okernel_sdk::testing::Harness;

    #[test]
    fn results_are_known() {
        let known = [
            ("fib", 196_418),
            ("queens", 352),
            ("sieve", 41_538),
            ("simd sum", 9_000_000),
        ];
        for (name, result) in known {
            let kernel = KERNELS.iter().find(|kernel| kernel.name == name).unwrap();
            assert_eq!((kernel.run)(), result, "{name}");
        }
    }

    #[test]
    fn a_kernel_is_run_and_timed() {
        let harness = Harness::new().clock("clock").console("console");
        let done = harness.args(["queens", "2"]).run(main);
        assert_eq!(done.result, Ok(()));
        let line = String::from_utf8(done.console).unwrap();
        assert!(line.starts_with("queens check 352 ns "), "{line}");
    }

    #[test]
    fn mistakes_are_named() {
        for args in [&[][..], &["none"], &["fib", "0"], &["fib", "x"]] {
            let harness = Harness::new().clock("clock").console("console");
            let done = harness.args(args.iter().copied()).run(main);
            let error = done.result.unwrap_err().to_string();
            assert!(error.starts_with("expected a kernel (fib, "), "{error}");
        }
    }
}

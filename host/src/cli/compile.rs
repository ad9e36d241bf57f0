//! `okernel compile-module`, hidden: what the kernel starts to compile a module that it does not trust.

use std::io::Write;
use std::process::ExitCode;

use crate::wasm::compile::{CompileLimits, work};

/// What the kernel says.
#[derive(clap::Args)]
pub struct Args {
    /// The engine that the code is for
    kind: String,
    /// Seconds that it may take
    seconds: u64,
    /// Bytes of memory that it may take
    memory_bytes: u64,
}

/// Compiles standard input to standard output.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let limits = CompileLimits {
        seconds: args.seconds,
        memory_bytes: args.memory_bytes,
        ..CompileLimits::default()
    };
    match work(&args.kind, limits) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(line) => {
            // The kernel puts the line where it belongs.
            let _ = writeln!(std::io::stderr(), "{line}");
            Ok(ExitCode::FAILURE)
        }
    }
}

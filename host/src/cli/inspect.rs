//! `okernel inspect FILE.wasm`: what a module is, without running it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

/// What `inspect` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The module
    file: PathBuf,
}

/// Prints the module's description.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let bytes = std::fs::read(&args.file).with_context(|| format!("inspect: {name}"))?;
    let module =
        crate::wasm::inspect::inspect(&bytes).with_context(|| format!("inspect: {name}"))?;
    std::io::stdout().write_all(module.to_string().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

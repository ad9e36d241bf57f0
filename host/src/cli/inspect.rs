//! `okernel inspect FILE.wasm`: what a module is, without running it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::wasm::signature::{Signed, Validity, module_hash, signed};

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
    let mut out = std::io::stdout();
    out.write_all(module.to_string().as_bytes())?;
    match signed(&bytes) {
        None => writeln!(out, "signed   no")?,
        Some(Signed { key, validity }) => match validity {
            Validity::Valid => writeln!(out, "signed   by {key}")?,
            Validity::Tampered => writeln!(out, "signed   no: it is not what {key} has signed")?,
        },
    }
    writeln!(out, "hash     {}", module_hash(&bytes).to_hex())?;
    Ok(ExitCode::SUCCESS)
}

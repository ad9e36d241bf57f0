//! `okernel keygen FILE`: a new key to sign modules with.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::wasm::signature::{PUBLIC_WORD, SecretKey};

/// What `keygen` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The file to write the secret key to; it must not be there yet
    file: PathBuf,
}

/// Writes the secret key to its file, and prints the line by which others know the public one.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let key = SecretKey::generate(&args.file).with_context(|| format!("keygen: {name}"))?;
    let stem = args.file.file_stem().unwrap_or_default();
    writeln!(std::io::stdout(), "{PUBLIC_WORD} {key} {}", stem.display())?;
    Ok(ExitCode::SUCCESS)
}

//! `okernel sign FILE.wasm --key KEY`: signs a module, in place or beside.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::wasm::inspect::inspect;
use crate::wasm::signature::SecretKey;

/// What `sign` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The module
    file: PathBuf,
    /// The file of the secret key, as 'okernel keygen' wrote it
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// Where to write the signed module; the default is the module's own file
    #[arg(short, long, value_name = "FILE.wasm")]
    output: Option<PathBuf>,
}

/// Signs the module; a signature that it has is replaced.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let at = |path: &Path| format!("sign: {}", path.display());
    let key = SecretKey::read(&args.key).with_context(|| at(&args.key))?;
    let wasm = std::fs::read(&args.file).with_context(|| at(&args.file))?;
    let checked = inspect(&wasm).map_err(anyhow::Error::from);
    let checked = checked.and_then(|module| Ok(module.check()?));
    checked.with_context(|| at(&args.file))?;
    let output = args.output.as_ref().unwrap_or(&args.file);
    // Written beside and renamed, so that nobody loads half of it.
    let beside = output.with_extension("signing");
    std::fs::write(&beside, key.sign(&wasm)).with_context(|| at(&beside))?;
    std::fs::rename(&beside, output).with_context(|| at(output))?;
    Ok(ExitCode::SUCCESS)
}

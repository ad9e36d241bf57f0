//! `okernel sign FILE.wasm --key KEY`: signs a module, in place or beside.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::wasm::beside::write_beside;
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

/// What a new module may be done with: what the process's mask leaves.
const MODE: u32 = 0o666;

/// Signs the module; a signature that it has is replaced.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let at = |path: &Path| format!("sign: {}", path.display());
    let key = SecretKey::read(&args.key).with_context(|| at(&args.key))?;
    let wasm = fs::read(&args.file).with_context(|| at(&args.file))?;
    let checked = inspect(&wasm).map_err(anyhow::Error::from);
    let checked = checked.and_then(|module| Ok(module.check()?));
    checked.with_context(|| at(&args.file))?;
    let output = args.output.as_ref().unwrap_or(&args.file);
    // Who could read or change the file that it replaces still can.
    let replaced = fs::metadata(output).ok().map(|file| file.permissions());
    let mode = replaced.as_ref().map_or(MODE, Permissions::mode);
    let signed = write_beside(output, mode, &[&key.sign(&wasm)], |temporary| {
        if let Some(permissions) = replaced {
            fs::set_permissions(temporary, permissions)?;
        }
        fs::rename(temporary, output)
    });
    signed.with_context(|| at(output))?;
    Ok(ExitCode::SUCCESS)
}

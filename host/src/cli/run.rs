//! `okernel run FILE.ok [ARG...]`: boots, runs the script, ends when its tasks have ended.

use std::path::PathBuf;
use std::process::ExitCode;

use super::listen::Unasked;
use crate::boot::{self, Work};

/// What `run` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    machine: super::boot::Machine,
    /// The script
    file: PathBuf,
    /// What the script finds in args
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Boots, runs, ends.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    super::readable(&args.file)?;
    let work = Work::Script {
        path: args.file,
        args: args.args,
    };
    let status = boot::boot(args.machine.options(Unasked::Silent)?, work)?;
    Ok(super::exit_code(status))
}

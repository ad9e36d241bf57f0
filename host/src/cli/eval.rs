//! `okernel eval 'EXPR'`: evaluates and prints the value.

use std::process::ExitCode;

use super::listen::Unasked;
use crate::boot::{self, Work};

/// What `eval` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The expression
    #[arg(allow_hyphen_values = true)]
    expr: String,
    #[command(flatten)]
    machine: super::boot::Machine,
}

/// Boots, evaluates, ends.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let status = boot::boot(
        args.machine.options(Unasked::Silent)?,
        Work::Text(args.expr),
    )?;
    Ok(super::exit_code(status))
}

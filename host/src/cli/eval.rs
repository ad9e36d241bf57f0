//! `okernel eval 'EXPR' [ARG...]`: evaluates and prints the value.

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
    /// What it finds in args
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Boots, evaluates, ends.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let work = Work::Text {
        text: args.expr,
        args: args.args,
    };
    let status = boot::boot(args.machine.options(Unasked::Silent)?, work)?;
    Ok(super::exit_code(status))
}

//! `okernel completions SHELL`: the completions for bash, zsh, fish and others, on stdout.

use std::io::Write;
use std::process::ExitCode;

use clap_complete::Shell;

/// What `completions` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The command shell to complete for
    shell: Shell,
}

/// Prints the completions.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "okernel", &mut text);
    std::io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

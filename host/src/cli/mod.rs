//! The command line: one verb, one file.
//!
//! stdout carries the program's output alone; logs and errors go to stderr. The exit status is 0
//! when all went well, 1 when something failed, 2 when the command line was wrong.

mod attach;
mod bench;
mod boot;
mod build;
mod compile;
mod completions;
mod doctor;
mod eval;
mod inspect;
mod keygen;
mod listen;
mod new;
mod remote;
mod run;
mod sign;
mod top;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A Wasm-hosted actor kernel: sandboxed tasks on zero-copy rings, and the O shell.
#[derive(Parser)]
#[command(
    name = "okernel",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    boot: boot::Args,
    /// What is logged to stderr: error, warn, info, debug, trace, or a filter such as okernel=debug.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    log: String,
}

#[derive(Subcommand)]
enum Verb {
    /// Boot the kernel with the shell on the console (what okernel does without a verb)
    Boot(boot::Args),
    /// Boot, run a script, and end when its tasks have ended
    Run(run::Args),
    /// Evaluate one expression and print its value
    Eval(eval::Args),
    /// The shell of a kernel that runs elsewhere, over its WebSocket
    Attach(attach::Args),
    /// Write a new task crate that builds
    New(new::Args),
    /// Compile a task crate to a module
    Build(build::Args),
    /// Show what a module is: ABI version, exports, imports, capabilities wanted, memory
    Inspect(inspect::Args),
    /// Make a key to sign modules with, and print its public part
    Keygen(keygen::Args),
    /// Sign a module
    Sign(sign::Args),
    /// Show the cores, tasks and rings of a running kernel
    Top(top::Args),
    /// Measure the kernel, beside its rivals in the same run
    Bench(bench::Args),
    /// Explain what this machine holds, what bounds it, and what to change
    Doctor(doctor::Args),
    /// Print the completions for a command shell
    Completions(completions::Args),
    /// Compile a module in this process, for a kernel that started it
    #[command(name = crate::wasm::compile::VERB, hide = true)]
    Compile(compile::Args),
}

/// Runs the command line of this process; answers its exit status.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = start_log(&cli.log) {
        eprintln!("okernel: {error:#}");
        return ExitCode::from(2);
    }
    let verb = cli.verb.unwrap_or(Verb::Boot(cli.boot));
    let result = match verb {
        Verb::Boot(args) => boot::run(args),
        Verb::Run(args) => run::run(args),
        Verb::Eval(args) => eval::run(args),
        Verb::Attach(args) => attach::run(&args),
        Verb::New(args) => new::run(&args),
        Verb::Build(args) => build::run(&args),
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Keygen(args) => keygen::run(&args),
        Verb::Sign(args) => sign::run(&args),
        Verb::Top(args) => top::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Doctor(args) => doctor::run(&args),
        Verb::Completions(args) => completions::run(&args),
        Verb::Compile(args) => compile::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("okernel: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start_log(filter: &str) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let filter = tracing_subscriber::EnvFilter::builder()
        .parse(filter)
        .with_context(|| format!("--log {filter}: not a level or filter"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| crate::console::screen::Log)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        // It would be said on stderr, too, which is what could not be written; and that would panic.
        .log_internal_errors(false)
        .init();
    Ok(())
}

/// The command line's structure, for completions.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// The process's exit status for a kernel's.
fn exit_code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(1))
}

/// Refuses a file that cannot be read, before anything is booted for it.
fn readable(path: &std::path::Path) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        anyhow::bail!("cannot read {}: it is a folder", path.display());
    }
    Ok(())
}

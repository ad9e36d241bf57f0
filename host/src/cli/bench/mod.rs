//! `okernel bench [NAME...] [--json]`: measures the kernel, and checks what arrived.
//!
//! A shared machine is never quiet, so each bench alternates its rivals within one run and reports
//! medians; ratios between rows of one bench are worth more than any row alone.

mod boot;
mod guest;
mod o;
mod report;
mod ring;
mod rtt;
mod script;

use std::process::ExitCode;

use anyhow::bail;

use crate::console::progress::Progress;
use report::Report;

/// What `bench` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Benches to run: ring, guest, rtt, boot, o; all of them when none is named
    names: Vec<String>,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
}

/// A bench: its name, what it does in one line, and its work.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Report) -> anyhow::Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "ring",
        about: "u64s from one native thread to another through one ring",
        run: ring::run,
    },
    Bench {
        name: "guest",
        about: "u64s from one sandboxed task to another over two cores, beside the native ring",
        run: guest::run,
    },
    Bench {
        name: "rtt",
        about: "round trips of one u64 between two sandboxed tasks, on one core and on two",
        run: rtt::run,
    },
    Bench {
        name: "boot",
        about: "from the start of the process to the shell's first answer",
        run: boot::run,
    },
    Bench {
        name: "o",
        about: "programs in O, in its sandbox, beside the same in Rust, CPython and Lua",
        run: o::run,
    },
];

/// Runs the benches that are named.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let chosen = choose(&args.names)?;
    let mut reports = Vec::new();
    for bench in chosen {
        let mut report = Report::new(bench.name, bench.about);
        let progress = Progress::begin(format!("{}: {}", bench.name, bench.about));
        (bench.run)(&mut report)?;
        drop(progress);
        if !args.json {
            report.print()?;
        }
        reports.push(report);
    }
    if args.json {
        report::print_json(&reports)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn choose(names: &[String]) -> anyhow::Result<Vec<&'static Bench>> {
    if names.is_empty() {
        return Ok(BENCHES.iter().collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        match BENCHES.iter().find(|bench| bench.name == name) {
            Some(bench) => chosen.push(bench),
            None => {
                let known: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
                bail!(
                    "bench: there is no '{name}': choose from {}",
                    known.join(", ")
                );
            }
        }
    }
    Ok(chosen)
}

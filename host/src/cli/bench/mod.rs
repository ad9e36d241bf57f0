//! `okernel bench [NAME...] [--json] [--baseline FILE]`: measures the kernel, and checks what arrived.
//!
//! A shared machine is never quiet, so each bench alternates its rivals within one run and reports
//! medians; ratios between rows of one bench are worth more than any row alone. A figure that is meant
//! to reach something says what, and whether it did.

mod baseline;
mod boot;
mod child;
mod compute;
mod cores;
mod density;
mod effort;
mod fair;
mod fanout;
mod floor;
mod graph;
mod guest;
mod idle;
mod load;
mod machine;
mod o;
mod preempt;
mod process;
mod publish;
mod report;
mod restart;
mod ring;
mod rivals;
mod row;
mod rtt;
mod samples;
mod script;
mod size;
mod spawn;
mod threads;
mod timers;
mod upgrade;
mod words;
mod ws;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;

use crate::console::progress::Progress;
use baseline::Baseline;
use effort::Effort;
use report::Report;

/// What `bench` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Benches to run (ring, guest, spawn and so on); all of them when none is named
    names: Vec<String>,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Compare to an earlier run: a file that holds what --json printed
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Draw how costs grow, as SVG files in this folder
    #[arg(long, value_name = "DIR")]
    graphs: Option<PathBuf>,
    /// Do as little as shows that the benches work: the figures mean nothing
    #[arg(long, conflicts_with_all = ["baseline", "graphs"])]
    quick: bool,
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
        about: "u64s from one native thread to another through one ring, beside other crates' rings",
        run: ring::run,
    },
    Bench {
        name: "guest",
        about: "u64s from one sandboxed task to another over two cores, beside the native ring",
        run: guest::run,
    },
    Bench {
        name: "size",
        about: "messages of 8 bytes to 1 MiB from task to task, beside the native ring",
        run: size::run,
    },
    Bench {
        name: "cores",
        about: "tasks that send to each other on 1 to 64 cores, more than there are CPUs",
        run: cores::run,
    },
    Bench {
        name: "fanout",
        about: "the publisher's time for a u64 with 1, 8 and 64 subscribers",
        run: fanout::run,
    },
    Bench {
        name: "publish",
        about: "the publisher's time for a u64 that is published by itself",
        run: publish::run,
    },
    Bench {
        name: "preempt",
        about: "how late a timer wakes a task, alone and with a busy task beside it",
        run: preempt::run,
    },
    Bench {
        name: "compute",
        about: "kernels natively, in the sandbox, and what the checks of preemption cost",
        run: compute::run,
    },
    Bench {
        name: "rtt",
        about: "round trips of one u64 between two sandboxed tasks, on one core and on two",
        run: rtt::run,
    },
    Bench {
        name: "spawn",
        about: "lives of tasks of a loaded module, from the order to the end, on one core",
        run: spawn::run,
    },
    Bench {
        name: "density",
        about: "what a waiting task takes of the machine, and a wake-up among many of them",
        run: density::run,
    },
    Bench {
        name: "fair",
        about: "whether a core's time goes where weights and quanta say",
        run: fair::run,
    },
    Bench {
        name: "timers",
        about: "what a timer costs among a million, and how late it fires",
        run: timers::run,
    },
    Bench {
        name: "boot",
        about: "from the start of the process to the shell's first answer",
        run: boot::run,
    },
    Bench {
        name: "load",
        about: "from a module's file to its first task, compiled and from the cache",
        run: load::run,
    },
    Bench {
        name: "upgrade",
        about: "how long a task is paused by a new version, while data comes at full rate",
        run: upgrade::run,
    },
    Bench {
        name: "o",
        about: "programs in O, in its sandbox, beside the same in Rust, CPython and Lua",
        run: o::run,
    },
    Bench {
        name: "ws",
        about: "evaluations over WebSocket, on one connection and on a thousand",
        run: ws::run,
    },
    Bench {
        name: "words",
        about: "the words of a text, counted by three tasks, beside a native program",
        run: words::run,
    },
    Bench {
        name: "idle",
        about: "wake-ups and CPU time of a kernel in which nothing happens",
        run: idle::run,
    },
];

/// Runs the benches that are named.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let chosen = choose(&args.names)?;
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose()?;
    let effort = if args.quick {
        Effort::Quick
    } else {
        Effort::Full
    };
    let mut reports = Vec::new();
    for bench in chosen {
        let mut report = Report::new(bench.name, bench.about, effort);
        if effort == Effort::Quick {
            report.note("quick: it works, and the figures mean nothing");
        }
        let progress = Progress::begin(format!("{}: {}", bench.name, bench.about));
        (bench.run)(&mut report)?;
        drop(progress);
        if let Some(baseline) = &baseline {
            report.compare(baseline);
        }
        if !args.json {
            report.print()?;
        }
        reports.push(report);
    }
    if let Some(folder) = &args.graphs {
        graph::draw_all(&reports, folder)?;
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

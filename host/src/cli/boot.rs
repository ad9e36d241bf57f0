//! `okernel boot`: the kernel with the shell on the console.
//!
//! With a terminal on standard input it prompts; otherwise it evaluates the lines of standard input
//! to their end, and its exit status is 1 if any of them failed.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;

use super::listen::Unasked;
use crate::boot::{
    self, Balance, BootLimits, CORES_MAX, Class, Load, Options, Quanta, SPIN_US_MAX, Work,
};
use crate::wasm::trust::Trust;

/// What `boot` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    machine: Machine,
    /// A script that runs before the first line is read
    #[arg(long, value_name = "FILE.ok")]
    init: Option<PathBuf>,
    /// Load the modules in this folder, and load them again whenever they are rebuilt
    #[arg(long, value_name = "DIR")]
    watch: Option<PathBuf>,
    /// No console: run until a task or a signal ends the kernel
    #[arg(long)]
    no_console: bool,
}

/// The choices that every verb that boots has.
#[derive(clap::Args)]
pub struct Machine {
    /// Schedulers; the default is one for each CPU, at least 2
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=CORES_MAX as i64))]
    cores: Option<u16>,
    /// Load a module under a name before the shell starts; may be given more than once. With ",dense" at
    /// its end, for tasks by the hundred thousand: each is small, and has no mapping of its own
    #[arg(long, value_name = "NAME=FILE.wasm[,dense]", value_parser = named_file)]
    load: Vec<Load>,
    /// Shares of a core's time, in microseconds each round: bus, io, tasks
    #[arg(long, value_name = "BUS_US,IO_US,TASKS_US", value_parser = quanta)]
    qos: Option<Quanta>,
    /// Move tasks from busy cores to idle ones, unless they are pinned
    #[arg(long)]
    balance: bool,
    /// How long a core with nothing to do spins before it sleeps, in microseconds: longer answers sooner and
    /// takes more CPU time; the default is 20
    #[arg(long, value_name = "US", value_parser = clap::value_parser!(u64).range(0..=SPIN_US_MAX))]
    spin: Option<u64>,
    /// What the kernel and its tasks may use: see 'okernel doctor' for the names; may be given more than once
    #[arg(long, value_name = "NAME=NUMBER[K|M|G]", value_parser = limit)]
    limit: Vec<(String, f64)>,
    /// Load only modules that a key in this file has signed, and none that it revokes
    #[arg(long, value_name = "KEYFILE")]
    require_signed: Option<PathBuf>,
    #[command(flatten)]
    listen: super::listen::Listen,
}

impl Machine {
    /// As options of the boot; `unasked` says whether it listens when nobody says where.
    ///
    /// # Errors
    /// A module cannot be read, or it cannot listen.
    pub fn options(&self, unasked: Unasked) -> anyhow::Result<Options> {
        for load in &self.load {
            super::readable(&load.path)?;
        }
        let mut options = Options {
            loads: self.load.clone(),
            ..Options::default()
        };
        if let Some(cores) = self.cores {
            options.cores = usize::from(cores);
        }
        if let Some(quanta) = self.qos {
            options.quanta = quanta;
        }
        if self.balance {
            options.balance = Balance::On;
        }
        if let Some(spin_us) = self.spin {
            options.spin_us = spin_us;
        }
        for (name, number) in &self.limit {
            let set = options.limits.set(name, *number);
            set.map_err(|error| anyhow::anyhow!("--limit: {error}"))?;
        }
        if let Some(path) = &self.require_signed {
            let trust =
                Trust::read(path).map_err(|error| anyhow::anyhow!("--require-signed: {error}"))?;
            options.trust = Some(trust);
        }
        options.listen = self.listen.open(unasked)?;
        Ok(options)
    }
}

fn named_file(text: &str) -> Result<Load, String> {
    let (text, class) = match text.strip_suffix(",dense") {
        Some(text) => (text, Class::Dense),
        None => (text, Class::Ordinary),
    };
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok(Load {
            name: name.to_string(),
            path: file.into(),
            class,
        }),
        _ => Err("expected NAME=FILE.wasm or NAME=FILE.wasm,dense".to_string()),
    }
}

/// A limit by its name, with a suffix for 1024 and its powers.
fn limit(text: &str) -> Result<(String, f64), String> {
    let wrong = || "expected NAME=NUMBER, such as memory=64M".to_string();
    let (name, number) = text.split_once('=').ok_or_else(wrong)?;
    let suffixes = [('K', 10), ('M', 20), ('G', 30)];
    let shortened = suffixes.iter().find_map(|(suffix, shift)| {
        let digits = number.strip_suffix(*suffix)?;
        Some((digits, *shift))
    });
    let (digits, shift) = shortened.unwrap_or((number, 0));
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let number = number * f64::from(1 << shift);
    BootLimits::default().set(name, number)?;
    Ok((name.to_string(), number))
}

fn quanta(text: &str) -> Result<Quanta, String> {
    let parts: Result<Vec<u64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match parts.as_deref() {
        Ok([bus_us, io_us, tasks_us])
            if parts
                .iter()
                .flatten()
                .all(|us| (1..=1_000_000).contains(us)) =>
        {
            Ok(Quanta {
                bus_us: *bus_us,
                io_us: *io_us,
                tasks_us: *tasks_us,
            })
        }
        _ => Err(
            "expected three numbers of microseconds from 1 to 1000000, such as 200,200,2000"
                .to_string(),
        ),
    }
}

/// Boots and stays until the console ends or something halts the kernel.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(init) = &args.init {
        super::readable(init)?;
    }
    let terminal = !args.no_console && io::stdin().is_terminal();
    let unasked = if terminal {
        Unasked::Listen
    } else {
        Unasked::Silent
    };
    let mut options = args.machine.options(unasked)?;
    options.watch = args.watch;
    let idle = args.init.is_none()
        && options.watch.is_none()
        && options.loads.is_empty()
        && options.listen.is_none();
    if args.no_console && idle {
        bail!("boot: --no-console needs --init FILE.ok: nothing else would start a task");
    }
    let work = if args.no_console {
        Work::Service { init: args.init }
    } else {
        Work::Console {
            init: args.init,
            terminal,
        }
    };
    Ok(super::exit_code(boot::boot(options, work)?))
}

#[cfg(test)]
mod tests {
    use super::{Class, Load, limit, named_file, quanta};

    #[test]
    fn quanta_are_three_numbers() {
        assert_eq!(
            quanta("1, 20,300").map(|q| (q.bus_us, q.io_us, q.tasks_us)),
            Ok((1, 20, 300))
        );
        for bad in [
            "",
            "1,2",
            "1,2,3,4",
            "0,1,1",
            "a,b,c",
            "1,2,99999999999999999999",
        ] {
            assert!(quanta(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_numbers_with_a_suffix() {
        let set = |text: &str| limit(text).map(|(name, number)| format!("{name} {number}"));
        assert_eq!(set("memory=2K").as_deref(), Ok("memory 2048"));
        assert_eq!(set("cpu=12.5").as_deref(), Ok("cpu 12.5"));
        assert_eq!(set("all_memory=1G").as_deref(), Ok("all_memory 1073741824"));
        assert_eq!(set("module=64M").as_deref(), Ok("module 67108864"));
        for bad in [
            "",
            "memory",
            "memory=",
            "memory=K",
            "memory=2KM",
            "memory=2GG",
            "module=128M",
            "memory=x",
            "memory=-1",
            "a=1",
        ] {
            assert!(set(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn modules_have_a_name_and_a_file() {
        let load = |name: &str, path: &str, class| {
            let (name, path) = (name.to_string(), path.into());
            Ok(Load { name, path, class })
        };
        let wanted = load("a", "b=c.wasm", Class::Ordinary);
        assert_eq!(named_file("a=b=c.wasm"), wanted);
        assert_eq!(named_file("a=b,dense"), load("a", "b", Class::Dense));
        assert!(named_file("a=,dense").is_err());
        assert!(named_file("a").is_err() && named_file("=x").is_err() && named_file("x=").is_err());
    }
}

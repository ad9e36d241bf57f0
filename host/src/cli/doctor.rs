//! `okernel doctor`: what this machine holds, what bounds it, and what to change.
//!
//! Nothing is booted. The figures are those that a boot would reckon with, by the same code.

use std::io::Write;
use std::process::ExitCode;
use std::thread::available_parallelism;

use okernel_core::{Amount, DescribedLimit};
use serde_json::{Value, json};

use crate::boot::{BootLimits, CORES_MAX};
use crate::wasm::cache::{Cache, CacheChoice};
use crate::wasm::capacity::{Bound, Machine};

/// What `doctor` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Descriptors below which a busy kernel runs out: two for each ring of its own, one for each connection.
const DESCRIPTORS_WANTED: u64 = 4096;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    found: String,
    /// What it bounds or means.
    means: String,
    /// What to change, where something is amiss.
    advice: Option<String>,
}

/// The whole report.
struct Report {
    machine: Vec<Finding>,
    bounds: Vec<Bound>,
    tasks: u64,
    task_limits: Vec<DescribedLimit>,
    kernel_limits: Vec<DescribedLimit>,
}

/// Looks and reports.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let report = Report::make();
    let text = if args.json {
        format!("{:#}\n", report.json())
    } else {
        report.text()
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

impl Report {
    fn make() -> Report {
        let (machine, limits) = (Machine::look(), BootLimits::default());
        Report {
            machine: findings(&machine),
            bounds: machine.bounds(),
            tasks: machine.tasks().into(),
            task_limits: limits.of_a_task().described().to_vec(),
            kernel_limits: limits.described(&machine).to_vec(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::from("This machine\n");
        for Finding {
            what,
            found,
            means,
            advice,
        } in &self.machine
        {
            text += &format!("  {what:<18} {found:<22} {means}\n");
            if let Some(advice) = advice {
                text += &format!("  {:<18} ! {advice}\n", "");
            }
        }
        text += &format!("\nTasks at a time: {}\n", self.tasks);
        for (index, bound) in self.bounds.iter().enumerate() {
            let Bound {
                what,
                tasks,
                advice,
            } = bound;
            // Only what is scarcest is worth a change.
            let advice = if index == 0 { *advice } else { "" };
            let line = format!("  {what:<28} holds {tasks:<14} {advice}");
            text += line.trim_end();
            text.push('\n');
        }
        text += "\nLimits of a task (spawn's 'limits', or --limit NAME=NUMBER for all)\n";
        text += &lines(&self.task_limits);
        text += "\nLimits of the kernel (--limit NAME=NUMBER)\n";
        text += &lines(&self.kernel_limits);
        text
    }

    fn json(&self) -> Value {
        let machine = self.machine.iter().map(|finding| {
            json!({
                "what": finding.what,
                "found": finding.found,
                "means": finding.means,
                "advice": finding.advice,
            })
        });
        let bounds = self
            .bounds
            .iter()
            .map(|bound| json!({"what": bound.what, "tasks": bound.tasks, "advice": bound.advice}));
        json!({
            "machine": machine.collect::<Value>(),
            "tasks": self.tasks,
            "bounds": bounds.collect::<Value>(),
            "task_limits": objects(&self.task_limits),
            "kernel_limits": objects(&self.kernel_limits),
        })
    }
}

/// Limits as lines of text.
fn lines(limits: &[DescribedLimit]) -> String {
    let mut text = String::new();
    for DescribedLimit { name, most, means } in limits {
        let most = match most {
            Some(Amount::Count(count)) => count.to_string(),
            Some(Amount::Percent(percent)) => percent.to_string(),
            None => "none".to_string(),
        };
        text += &format!("  {name:<18} {most:<22} {means}\n");
    }
    text
}

/// Limits as JSON.
fn objects(limits: &[DescribedLimit]) -> Value {
    let objects = limits.iter().map(|DescribedLimit { name, most, means }| {
        let most = most.map(|most| match most {
            Amount::Count(count) => json!(count),
            Amount::Percent(percent) => json!(percent),
        });
        json!({"name": name, "most": most, "means": means})
    });
    objects.collect()
}

/// A maximum that may be none.
fn or_unlimited(number: u64) -> String {
    match number {
        u64::MAX => "unlimited".to_string(),
        number => number.to_string(),
    }
}

fn findings(machine: &Machine) -> Vec<Finding> {
    let cpus = available_parallelism().map_or(1, |cpus| cpus.get());
    let overcommit = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap_or_default();
    let strict = overcommit.trim() == "2";
    let cache = match CacheChoice::from_environment() {
        CacheChoice::Off => Err("off".to_string()),
        CacheChoice::Folder(folder) => {
            let shown = folder.display().to_string();
            match Cache::could_open(&folder) {
                Ok(()) => Ok(shown),
                Err(error) => Err(format!("{shown}: {error}")),
            }
        }
    };
    let few_descriptors = machine.descriptors < DESCRIPTORS_WANTED;
    vec![
        Finding {
            what: "processors",
            found: cpus.to_string(),
            means: format!("one scheduler each, up to {CORES_MAX} (--cores)"),
            advice: None,
        },
        Finding {
            what: "memory",
            found: format!("{} MiB", machine.memory_bytes >> 20),
            means: "what this process may use: the machine's, or its control group's".to_string(),
            advice: None,
        },
        Finding {
            what: "mappings",
            found: machine.mappings.to_string(),
            means: "vm.max_map_count: four for each task, three for each window on a ring".to_string(),
            advice: None,
        },
        Finding {
            what: "address space",
            found: format!("{} GiB", machine.address_space_bytes >> 30),
            means: "ulimit -v: 8 GiB are reserved for each task, not used".to_string(),
            advice: None,
        },
        Finding {
            what: "overcommit",
            found: if strict { "strict" } else { "allowed" }.to_string(),
            means: "vm.overcommit_memory: whether address space can be reserved".to_string(),
            advice: strict.then(|| {
                "reservations count as memory: set it with 'sysctl vm.overcommit_memory=0'".to_string()
            }),
        },
        Finding {
            what: "descriptors",
            found: or_unlimited(machine.descriptors),
            means: "ulimit -n: one for each large ring, connection and file".to_string(),
            advice: few_descriptors.then(|| "raise it with 'ulimit -n 65536'".to_string()),
        },
        Finding {
            what: "threads",
            found: or_unlimited(machine.threads),
            means: "ulimit -u: one for each task that is suspended in the middle of a call".to_string(),
            advice: None,
        },
        Finding {
            what: "module cache",
            found: match &cache {
                Ok(folder) => folder.clone(),
                Err(_) => "none".to_string(),
            },
            means: "compiled modules are kept there (OKERNEL_CACHE)".to_string(),
            advice: cache.err().map(|what| {
                format!("modules are compiled at each start ({what}): set OKERNEL_CACHE to a folder that can be written")
            }),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::Report;
    use okernel_core::Limits;

    #[test]
    fn the_report_names_every_limit_and_says_the_same_in_both_forms() {
        let report = Report::make();
        let (text, json) = (report.text(), report.json());
        let names: Vec<&str> = report.task_limits.iter().map(|limit| limit.name).collect();
        assert_eq!(names, Limits::NAMES);
        let kernel: Vec<&str> = report
            .kernel_limits
            .iter()
            .map(|limit| limit.name)
            .collect();
        assert_eq!(kernel, crate::boot::KERNEL_NAMES);
        assert!(text.contains(&format!("Tasks at a time: {}", json["tasks"])));
        for bound in json["bounds"].as_array().unwrap() {
            assert!(text.contains(bound["what"].as_str().unwrap()), "{bound}");
        }
        assert_eq!(
            json["machine"].as_array().unwrap().len(),
            report.machine.len()
        );
    }
}

//! A kernel in a process of its own: this very program, spoken to line by line, and looked at from outside.
//!
//! What a kernel takes of the machine (memory, mappings, descriptors, wake-ups) is seen best where nothing
//! else is measured.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::Context;

use super::process::Process;

/// The process.
pub struct Kernel {
    process: Process,
}

/// What a process takes of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Memory that is resident, in bytes. A page that is mapped in several places, by several tasks of one module, is
    /// there once.
    pub resident_bytes: f64,
    /// Page tables, in bytes.
    pub page_table_bytes: f64,
    /// Memory mappings.
    pub mappings: f64,
    /// Open descriptors.
    pub descriptors: f64,
    /// Times that any of its threads has gone to sleep.
    pub sleeps: f64,
    /// CPU time of all its threads, in seconds.
    pub cpu_seconds: f64,
}

impl Kernel {
    /// Boots with these arguments.
    ///
    /// # Errors
    /// The program does not start.
    pub fn boot(args: &[&str]) -> anyhow::Result<Kernel> {
        Kernel::start(args, Stdio::inherit())
    }

    fn start(args: &[&str], errors: Stdio) -> anyhow::Result<Kernel> {
        let program = env::current_exe().context("bench: this program has no path")?;
        let mut command = Command::new(program);
        command.arg("boot").args(args).stderr(errors);
        let process = Process::start("the kernel", &mut command);
        let process = process.context("bench: this program does not start")?;
        Ok(Kernel { process })
    }

    /// Boots with these arguments and listens on the loopback; answers its URL as well.
    ///
    /// # Errors
    /// The program does not start, or does not say where it listens.
    pub fn listen(args: &[&str]) -> anyhow::Result<(Kernel, String)> {
        const SAYS: &str = "okernel: web console at ";
        let args = [&["--listen", "127.0.0.1:0"], args].concat();
        let mut kernel = Kernel::start(&args, Stdio::piped())?;
        let errors = kernel.process.errors();
        let mut errors = BufReader::new(errors.context("bench: a process without pipes")?).lines();
        loop {
            let line = errors.next().context("bench: the kernel has ended")??;
            match line.strip_prefix(SAYS) {
                Some(url) => {
                    let url = url.to_string();
                    thread::spawn(move || {
                        for line in errors.map_while(Result::ok) {
                            eprintln!("{line}");
                        }
                    });
                    return Ok((kernel, url));
                }
                None => eprintln!("{line}"),
            }
        }
    }

    /// Evaluates lines, and answers what was printed meanwhile.
    ///
    /// # Errors
    /// The kernel has ended.
    pub fn tell(&mut self, lines: &str) -> anyhow::Result<Vec<String>> {
        self.process.tell(lines)
    }

    /// Gives it lines to evaluate, without waiting for them.
    ///
    /// # Errors
    /// The kernel has ended.
    pub fn say(&mut self, lines: &str) -> anyhow::Result<()> {
        self.process.write(lines)
    }

    /// Evaluates lines of which the last answers a number.
    ///
    /// # Errors
    /// The kernel has ended, or answered something else.
    pub fn number(&mut self, lines: &str) -> anyhow::Result<f64> {
        let said = self.tell(lines)?;
        let last = said.last().and_then(|line| line.trim().parse().ok());
        last.with_context(|| format!("bench: {lines} answered {said:?}, a number is expected"))
    }

    /// Waits for a line of the output that begins so.
    ///
    /// # Errors
    /// The kernel has ended.
    pub fn wait_for(&mut self, start: &str) -> anyhow::Result<String> {
        loop {
            let line = self.process.line()?;
            if line.starts_with(start) {
                return Ok(line);
            }
        }
    }

    /// What it takes of the machine now.
    ///
    /// # Errors
    /// The process is gone.
    pub fn taken(&self) -> anyhow::Result<Taken> {
        let folder = format!("/proc/{}", self.process.id());
        let read = |path: String| {
            fs::read_to_string(&path).with_context(|| format!("bench: {path} cannot be read"))
        };
        let status = read(format!("{folder}/status"))?;
        let mut taken = Taken {
            resident_bytes: field(&read(format!("{folder}/smaps_rollup"))?, "Pss:") * 1024.0,
            page_table_bytes: field(&status, "VmPTE:") * 1024.0,
            mappings: read(format!("{folder}/maps"))?.lines().count() as f64,
            descriptors: fs::read_dir(format!("{folder}/fd"))?.count() as f64,
            ..Taken::default()
        };
        for thread in fs::read_dir(format!("{folder}/task"))? {
            let thread = thread?.path().display().to_string();
            let (Ok(status), Ok(times)) = (
                fs::read_to_string(format!("{thread}/status")),
                fs::read_to_string(format!("{thread}/schedstat")),
            ) else {
                // A thread that ended meanwhile does nothing any more.
                continue;
            };
            taken.sleeps += field(&status, "voluntary_ctxt_switches:");
            let ns: f64 = times
                .split_whitespace()
                .next()
                .and_then(|ns| ns.parse().ok())
                .unwrap_or(0.0);
            taken.cpu_seconds += ns / 1e9;
        }
        Ok(taken)
    }
}

/// The number in a line of `/proc/PID/status` or `smaps_rollup`; 0 when there is no such line.
fn field(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_of_a_status() {
        let status = "Name:\tokernel\nVmRSS:\t   123 kB\nvoluntary_ctxt_switches:\t7\n";
        assert_eq!(field(status, "VmRSS:"), 123.0);
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 7.0);
        assert_eq!(field(status, "VmPTE:"), 0.0);
    }
}

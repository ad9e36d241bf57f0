//! A rival: a process that runs one program after the other, and says how long each took.

use std::env;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::programs::{DATA, Program};
use crate::cli::bench::process::Process;

/// The process, and how it is spoken to.
pub struct Rival {
    process: Process,
    speaks: Speaks,
}

/// What is written to a rival.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// The text of programs: this is the shell.
    O,
    /// Their names.
    Names,
}

impl Rival {
    /// The shell of this very program, as a process of its own.
    ///
    /// # Errors
    /// It does not start.
    pub fn shell() -> anyhow::Result<Rival> {
        let program = env::current_exe().context("bench: this program has no path")?;
        let mut command = Command::new(program);
        command.stderr(Stdio::inherit());
        let process = Process::start("O in Wasm", &mut command);
        let mut process = process.context("bench: this program does not start")?;
        let said = process.tell(DATA)?;
        ensure!(said.is_empty(), "bench: the shell said {said:?}");
        let speaks = Speaks::O;
        Ok(Rival { process, speaks })
    }

    /// An interpreter that runs `text`, which names itself first; nothing when it is not there or does
    /// not work.
    ///
    /// # Errors
    /// It can't be started for another reason.
    pub fn interpreter(command: &str, option: &str, text: &str) -> anyhow::Result<Option<Rival>> {
        let mut started = Command::new(command);
        started.arg(format!("{option}{text}")).stderr(Stdio::null());
        let mut process = match Process::start(command, &mut started) {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(format!("bench: {command} does not start")),
        };
        let Ok(name) = process.line() else {
            return Ok(None);
        };
        process.name = name;
        let speaks = Speaks::Names;
        Ok(Some(Rival { process, speaks }))
    }

    /// What it calls itself.
    pub fn name(&self) -> &str {
        &self.process.name
    }

    /// Runs a program: milliseconds by the rival's own clock, and the number that the result is checked
    /// by.
    ///
    /// # Errors
    /// The rival ended, or said something else.
    pub fn run(&mut self, program: &Program) -> anyhow::Result<(f64, i64)> {
        let said = match self.speaks {
            Speaks::O => {
                let lines = format!("\\t r:{};\n{}", program.o, program.check);
                self.process.tell(&lines)?
            }
            Speaks::Names => {
                self.process.write(program.name)?;
                let said = self.process.line()?;
                said.split_whitespace().map(str::to_string).collect()
            }
        };
        let [took, check] = said.as_slice() else {
            bail!(
                "bench: {} answered {said:?} to {}",
                self.name(),
                program.name
            );
        };
        let number = match self.speaks {
            Speaks::O => took.strip_suffix(" ms").and_then(|ms| ms.parse().ok()),
            Speaks::Names => took.parse().ok().map(|ns: f64| ns / 1e6),
        };
        match (number, check.parse()) {
            (Some(milliseconds), Ok(check)) => Ok((milliseconds, check)),
            _ => bail!(
                "bench: {} answered {said:?} to {}",
                self.name(),
                program.name
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rival;

    #[test]
    fn a_missing_interpreter_is_no_failure() {
        let missing = Rival::interpreter("okernel-no-such-interpreter", "-c", "");
        assert!(missing.unwrap().is_none());
        // One that is there and does not work is as good as missing.
        assert!(Rival::interpreter("false", "-c", "").unwrap().is_none());
    }
}

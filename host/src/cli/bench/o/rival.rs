//! A rival: a process that runs one program after the other, and says how long each took.

use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::programs::{DATA, Program};

/// A process that is spoken to line by line.
pub struct Rival {
    /// What it calls itself.
    pub name: String,
    speaks: Speaks,
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

/// What is written to a rival.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// The text of programs: this is the shell.
    O,
    /// Their names.
    Names,
}

/// What comes after the shell's answers.
const MARK: &str = "\"end of the answers\"";

impl Rival {
    /// The shell of this very program, as a process of its own.
    ///
    /// # Errors
    /// It does not start.
    pub fn shell() -> anyhow::Result<Rival> {
        let program = env::current_exe().context("bench: this program has no path")?;
        let mut command = Command::new(program);
        command.stderr(Stdio::inherit());
        let mut rival = Rival::start("O in Wasm", Speaks::O, command)
            .context("bench: this program does not start")?;
        let said = rival.tell(&[DATA])?;
        ensure!(said.is_empty(), "bench: the shell said {said:?}");
        Ok(rival)
    }

    /// An interpreter that runs `text`, which names itself first; nothing when it is not there or does
    /// not work.
    ///
    /// # Errors
    /// It can't be started for another reason.
    pub fn interpreter(command: &str, option: &str, text: &str) -> anyhow::Result<Option<Rival>> {
        let mut started = Command::new(command);
        started.arg(format!("{option}{text}")).stderr(Stdio::null());
        let mut rival = match Rival::start(command, Speaks::Names, started) {
            Ok(rival) => rival,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(format!("bench: {command} does not start")),
        };
        Ok(match rival.output.next() {
            Some(Ok(name)) => {
                rival.name = name;
                Some(rival)
            }
            _ => None,
        })
    }

    fn start(name: &str, speaks: Speaks, mut command: Command) -> std::io::Result<Rival> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || std::io::Error::other("a process without pipes");
        let output = child.stdout.take().ok_or_else(missing)?;
        Ok(Rival {
            name: name.to_string(),
            speaks,
            input: child.stdin.take(),
            output: BufReader::new(output).lines(),
            child,
        })
    }

    /// Runs a program: milliseconds by the rival's own clock, and the number that the result is checked
    /// by.
    ///
    /// # Errors
    /// The rival ended, or said something else.
    pub fn run(&mut self, program: &Program) -> anyhow::Result<(f64, i64)> {
        let said = match self.speaks {
            Speaks::O => self.tell(&[&format!("\\t r:{};", program.o), program.check])?,
            Speaks::Names => {
                self.write(program.name)?;
                let said = self.line()?;
                said.split_whitespace().map(str::to_string).collect()
            }
        };
        let [took, check] = said.as_slice() else {
            bail!("bench: {} answered {said:?} to {}", self.name, program.name);
        };
        let number = match self.speaks {
            Speaks::O => took.strip_suffix(" ms").and_then(|ms| ms.parse().ok()),
            Speaks::Names => took.parse().ok().map(|ns: f64| ns / 1e6),
        };
        match (number, check.parse()) {
            (Some(milliseconds), Ok(check)) => Ok((milliseconds, check)),
            _ => bail!("bench: {} answered {said:?} to {}", self.name, program.name),
        }
    }

    /// Writes lines to the shell, and answers what it said.
    fn tell(&mut self, lines: &[&str]) -> anyhow::Result<Vec<String>> {
        lines.iter().try_for_each(|line| self.write(line))?;
        self.write(MARK)?;
        let mut said = Vec::new();
        loop {
            match self.line()? {
                line if line == MARK => return Ok(said),
                line => said.push(line),
            }
        }
    }

    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self
            .input
            .as_mut()
            .context("bench: a rival without input")?;
        writeln!(input, "{line}").with_context(|| format!("bench: {} has ended", self.name))
    }

    fn line(&mut self) -> anyhow::Result<String> {
        match self.output.next() {
            Some(line) => Ok(line?),
            None => bail!("bench: {} has ended", self.name),
        }
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // A process that does not end with its input is ended.
        self.input = None;
        if self.output.next().is_some() {
            drop(self.child.kill());
        }
        drop(self.child.wait());
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

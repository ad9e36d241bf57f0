//! A process that a bench speaks to line by line.
//!
//! Invariant: it does not outlive the value that stands for it. It is told so by the end of its input, and killed when
//! it has not ended in time.

use std::io::{self, BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// What comes after the shell's answers.
const MARK: &str = "\"end of the answers\"";

/// How long a process may take to end: one with a hundred thousand tasks has much to give back.
const ENDING_MAX: Duration = Duration::from_secs(20);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(2);

/// The process.
pub struct Process {
    /// What it is called.
    pub name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts it. Where its errors go is said in `command`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(name: &str, command: &mut Command) -> io::Result<Process> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or_else(|| io::Error::other("a process without pipes"))?;
        Ok(Process {
            name: name.to_string(),
            child,
            input,
            output: BufReader::new(output).lines(),
        })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its errors, if they go to a pipe and were not taken yet.
    pub fn errors(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Writes lines to it.
    ///
    /// # Errors
    /// It has ended.
    pub fn write(&mut self, lines: &str) -> anyhow::Result<()> {
        let written = match &mut self.input {
            Some(input) => writeln!(input, "{lines}"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        written.with_context(|| format!("bench: {} has ended", self.name))
    }

    /// Waits for the next line of its output.
    ///
    /// # Errors
    /// It has ended.
    pub fn line(&mut self) -> anyhow::Result<String> {
        match self.output.next() {
            Some(line) => Ok(line?),
            None => bail!("bench: {} has ended", self.name),
        }
    }

    /// Lets a shell evaluate lines, and answers what was printed meanwhile.
    ///
    /// # Errors
    /// It has ended.
    pub fn tell(&mut self, lines: &str) -> anyhow::Result<Vec<String>> {
        self.write(lines)?;
        self.write(MARK)?;
        let mut said = Vec::new();
        loop {
            match self.line()? {
                line if line == MARK => return Ok(said),
                line => said.push(line),
            }
        }
    }

    /// Ends it.
    fn end(&mut self, patience: Duration) -> io::Result<()> {
        self.input = None;
        let until = Instant::now() + patience;
        while self.child.try_wait()?.is_none() {
            if Instant::now() >= until {
                self.child.kill()?;
                self.child.wait()?;
                break;
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nobody to tell, and nothing else to do.
        drop(self.end(ENDING_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::Process;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn lines_go_there_and_back_until_the_input_ends() {
        let mut process = Process::start("cat", &mut Command::new("cat")).unwrap();
        process.write("a\nb").unwrap();
        assert_eq!(process.line().unwrap(), "a");
        assert_eq!(process.tell("c").unwrap(), ["b", "c"]);
        process.end(Duration::from_secs(60)).unwrap();
        assert!(process.child.wait().unwrap().success());
        let error = process.line().unwrap_err().to_string();
        assert_eq!(error, "bench: cat has ended");
        assert_eq!(process.write("d").unwrap_err().to_string(), error);
    }

    #[test]
    fn what_does_not_end_with_its_input_is_killed() {
        let mut process = Process::start("sleep", Command::new("sleep").arg("600")).unwrap();
        process.end(Duration::from_millis(20)).unwrap();
        let status = process.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9));
    }
}

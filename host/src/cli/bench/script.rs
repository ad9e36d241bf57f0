//! Runs an O script on a kernel of its own inside of this process, and hands back what it printed.
//!
//! So the benches of guests are written as a user would write them, and measure the whole system:
//! shell, bus, scheduler, sandbox, rings.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};

use crate::boot::{self, Compile, Options, SPIN_US, Work};

/// A sink that keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Boots `cores` cores, evaluates `script`, waits for its tasks, and answers their output.
///
/// # Errors
/// The kernel does not boot, or the script or one of its tasks failed.
pub fn output(cores: usize, script: &str) -> anyhow::Result<String> {
    output_with(cores, SPIN_US, script)
}

/// As [`output`], on cores that spin for so many microseconds before they sleep.
///
/// # Errors
/// As for [`output`].
pub fn output_with(cores: usize, spin_us: u64, script: &str) -> anyhow::Result<String> {
    let (sink, errors) = (Kept::default(), Kept::default());
    let options = Options {
        cores,
        spin_us,
        compile: Compile::WhenWanted,
        sink: Box::new(sink.clone()),
        errors: Box::new(errors.clone()),
        ..Options::default()
    };
    let work = Work::Text {
        text: script.to_string(),
        args: Vec::new(),
    };
    let status = boot::boot(options, work)?;
    ensure!(
        status == 0,
        "the script failed with status {status}: {}",
        errors.text().trim()
    );
    Ok(sink.text())
}

/// The number after `name` in a line of words and numbers such as `messages 10 ns 3`.
///
/// # Errors
/// There is no such word, or no number after it.
pub fn figure(text: &str, name: &str) -> anyhow::Result<f64> {
    let mut words = text.split_whitespace();
    words
        .by_ref()
        .find(|word| *word == name)
        .and_then(|_| words.next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("no figure '{name}' in what the tasks printed: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures_are_found_by_name() {
        assert_eq!(figure("messages 10 sum 45 ns 300\n", "ns").unwrap(), 300.0);
        assert!(figure("messages ten", "messages").is_err());
        assert!(figure("", "ns").is_err());
    }
}

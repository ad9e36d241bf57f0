//! Where a console's inputs come from: a file, a pipe, a person at a terminal.
//!
//! A source is read on a thread aside and may block there for as long as it likes. Whoever edits
//! lines implements the same trait as the plain reader here, so that the console and a remote
//! shell treat all of them alike.

use crate::limits::CONSOLE_LINE_BYTES_MAX;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that gives inputs, one after another.
pub trait LineSource: Send {
    /// The next input without the end of its last line; None when there are no more. An editor
    /// may give several lines at once. `prompt` is for a person to see; a source that nobody types into
    /// leaves it away.
    ///
    /// # Errors
    /// The source cannot be read, or a line is longer than
    /// [`CONSOLE_LINE_BYTES_MAX`](crate::limits::CONSOLE_LINE_BYTES_MAX).
    fn read_line(&mut self, prompt: &str) -> io::Result<Option<Vec<u8>>>;

    /// What the line is that is being read.
    fn line(&self) -> Line {
        Line::Plain
    }
}

/// What becomes of a line on the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// What interrupts it is followed by a new prompt.
    Plain,
    /// The source draws it again whenever it has to.
    Edited,
}

/// Lines of text as they come.
pub struct PlainLines {
    source: BufReader<Box<dyn Read + Send>>,
    prompts: Option<Box<dyn Write + Send>>,
}

impl PlainLines {
    /// Lines of a file or a pipe.
    pub fn new(source: impl Read + Send + 'static) -> PlainLines {
        PlainLines {
            source: BufReader::new(Box::new(source)),
            prompts: None,
        }
    }

    /// Lines that a person types, with prompts written to `prompts`.
    pub fn prompting(
        source: impl Read + Send + 'static,
        prompts: impl Write + Send + 'static,
    ) -> PlainLines {
        PlainLines {
            prompts: Some(Box::new(prompts)),
            ..PlainLines::new(source)
        }
    }

    fn show(&mut self, text: &str) -> io::Result<()> {
        match &mut self.prompts {
            Some(prompts) => {
                prompts.write_all(text.as_bytes())?;
                prompts.flush()
            }
            None => Ok(()),
        }
    }
}

impl LineSource for PlainLines {
    fn read_line(&mut self, prompt: &str) -> io::Result<Option<Vec<u8>>> {
        self.show(prompt)?;
        let line = read_line(&mut self.source)?;
        if line.is_none() {
            // What comes next does not belong on the prompt's line.
            self.show("\n")?;
        }
        Ok(line)
    }
}

impl fmt::Debug for PlainLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainLines").finish_non_exhaustive()
    }
}

/// The next line without its end (`\n` or `\r\n`); None at the end of the source.
fn read_line(source: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut limited = source.take(CONSOLE_LINE_BYTES_MAX as u64 + 1);
    limited.read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() > CONSOLE_LINE_BYTES_MAX {
        let text = format!("a line of more than {CONSOLE_LINE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(Some(line))
}

/// The names that may be typed now, as the shell has last offered them: one writer, the console, and
/// one reader, the editor. The names of modules begin with a backtick, as they are typed.
#[derive(Clone, Debug, Default)]
pub struct Offered(Arc<Mutex<Arc<[String]>>>);

impl Offered {
    /// The names.
    pub fn get(&self) -> Arc<[String]> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&names)
    }

    /// Replaces them.
    pub fn set(&self, names: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = names.into();
    }
}

#[cfg(test)]
mod tests {
    use super::{LineSource, PlainLines};
    use crate::limits::CONSOLE_LINE_BYTES_MAX;
    use std::io::Cursor;

    fn plain(text: impl Into<Vec<u8>>) -> PlainLines {
        PlainLines::new(Cursor::new(text.into()))
    }

    #[test]
    fn lines_end_as_they_may() {
        let mut source = plain("one\n\ntwo\r\nlast");
        let mut lines = Vec::new();
        while let Some(line) = source.read_line("").unwrap() {
            lines.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(lines, ["one", "", "two", "last"]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut endless = vec![b'x'; CONSOLE_LINE_BYTES_MAX + 1];
        assert!(plain(endless.clone()).read_line("").is_err());
        endless.pop();
        assert_eq!(
            plain(endless).read_line("").unwrap().map(|line| line.len()),
            Some(CONSOLE_LINE_BYTES_MAX)
        );
    }
}

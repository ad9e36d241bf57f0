//! The files that were granted to this task, by the names of their grants.

use std::collections::BTreeMap;

use okernel_sdk::File;
use okernel_sdk::abi::Errno;
use okernel_shell::error::{Class, Error};
use okernel_shell::value::{Value, check_bytes, room};

/// Bytes that are read by one call.
const PIECE_BYTES: usize = 1 << 20;

/// The granted files.
#[derive(Default)]
pub struct Files(BTreeMap<String, File>);

/// One of them.
pub struct Granted<'a> {
    name: &'a str,
    file: &'a File,
}

impl Files {
    /// Keeps a file under a name.
    pub fn insert(&mut self, name: &str, file: File) {
        self.0.insert(name.to_string(), file);
    }

    /// The file that a symbol names.
    pub fn get(&self, name: &Value) -> Option<Granted<'_>> {
        let name = name.as_symbol()?;
        let (name, file) = self.0.get_key_value(&*name.text())?;
        Some(Granted { name, file })
    }
}

impl Granted<'_> {
    fn failed(&self, error: &okernel_sdk::Error) -> Error {
        let text = match error {
            okernel_sdk::Error::Call {
                errno: Errno::NotGranted,
                ..
            } => format!("0: {} was not granted for that", self.name),
            other => format!("0: {}: {other}", self.name),
        };
        Error::new(Class::Io, text)
    }

    /// All of the file's text.
    ///
    /// # Errors
    /// `limit` for a file that memory has no room for, `io` for what the operating system refused.
    pub fn read(&self) -> Result<Value, Error> {
        let size = self.file.size().map_err(|error| self.failed(&error))?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        check_bytes(size)?;
        let mut text: Vec<u8> = room(size)?;
        loop {
            let at = text.len();
            // A file may grow while it is read; one byte more than it had tells.
            let more = size.saturating_sub(at).clamp(1, PIECE_BYTES);
            check_bytes(at + more)?;
            text.resize(at + more, 0);
            let read = self.file.read_at(at as u64, &mut text[at..]);
            let read = read.map_err(|error| self.failed(&error))?;
            text.truncate(at + read);
            if read == 0 {
                return Ok(Value::from_chars(text));
            }
        }
    }

    /// Makes a text all that is in the file; adds it to a file that was granted for appending.
    ///
    /// # Errors
    /// `io` for a file that may only be read and for what the operating system refused.
    pub fn write(&self, text: &[u8]) -> Result<(), Error> {
        let written = self.file.write_at(0, text);
        written.map_err(|error| self.failed(&error))?;
        match self.file.resize(text.len() as u64) {
            Ok(()) => Ok(()),
            // Only a file for appending refuses this after it let itself be written.
            Err(okernel_sdk::Error::Call {
                errno: Errno::NotGranted,
                ..
            }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

/// Lines with their ends; a string is one line.
///
/// # Errors
/// `type` for what is no string among them.
pub fn text_of_lines(lines: &Value) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    if !lines.is_empty()
        && let Some(line) = lines.as_text()
    {
        out.extend_from_slice(&line);
        out.push(b'\n');
        return Ok(out);
    }
    for line in lines.items() {
        match line.as_text() {
            Some(line) if lines.is_list() => out.extend_from_slice(&line),
            _ => {
                let text = format!("0: writes strings, not {}", lines.describe());
                return Err(Error::new(Class::Type, text));
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// A text as a list of lines, without their ends.
pub fn lines(text: &Value) -> Value {
    let text = text.as_text().unwrap_or_default();
    let body = text.strip_suffix(b"\n").unwrap_or(&text);
    if body.is_empty() {
        return Value::empty();
    }
    let lines = body.split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Value::from_chars(line.to_vec())
    });
    Value::from_items(lines.collect())
}

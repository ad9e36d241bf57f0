//! Scripts that are being run: their text part by part, for a line that begins with `\` is a command of the
//! session, and may load another script.
//!
//! Invariant: the last script is the one that goes on; those below wait for it at their commands.

use crate::brackets::Brackets;
use crate::command::is_command;
use crate::error::{Class, Error, Source, Span};
use crate::value::Value;
use std::rc::Rc;

/// Scripts that load each other wait for each other, so many at most.
const SCRIPTS_MAX: usize = 64;

/// What comes next of a script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A command of the session.
    Command(String),
    /// A program.
    Program(Source),
}

/// The scripts that are open.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    open: Vec<Script>,
}

#[derive(Debug)]
struct Script {
    path: String,
    text: String,
    /// Where the next part begins: bytes, and lines from 1.
    at: usize,
    line: u32,
    /// The command that it waits for.
    command: Option<Rc<Source>>,
}

impl Scripts {
    /// True when no script goes on.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Begins with a script, as its file was read.
    ///
    /// # Errors
    /// `parse` for what is not text, `limit` when too many scripts wait for it.
    pub(crate) fn open(&mut self, path: &str, text: &Value) -> Result<(), Error> {
        if self.open.len() == SCRIPTS_MAX {
            let text = format!("{path}: scripts load each other more than {SCRIPTS_MAX} deep");
            return Err(Error::new(Class::Limit, text));
        }
        let bytes = text.as_text().map(|bytes| bytes.to_vec());
        let text = String::from_utf8(bytes.unwrap_or_default())
            .map_err(|_| Error::new(Class::Parse, format!("{path} is not UTF-8 text")))?;
        self.open.push(Script {
            path: path.to_owned(),
            text,
            at: 0,
            line: 1,
            command: None,
        });
        Ok(())
    }

    /// The next part, of the last script that has any; nothing when all have ended.
    pub(crate) fn next(&mut self) -> Option<Part> {
        while let Some(script) = self.open.last_mut() {
            match script.next() {
                Some(part) => return Some(part),
                None => drop(self.open.pop()),
            }
        }
        None
    }

    /// Leaves all of them, for an error or for good.
    pub(crate) fn close(&mut self) {
        self.open.clear();
    }

    /// The error of a command with the line that it stands in, unless it has a place of its own.
    pub(crate) fn placed(&self, error: Error) -> Error {
        match self.open.last().and_then(|script| script.command.as_ref()) {
            Some(source) => error.at(source, Span::new(0, source.text.len())),
            None => error,
        }
    }
}

impl Script {
    fn next(&mut self) -> Option<Part> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let is_command = is_command(rest);
        let bytes = match is_command {
            true => rest.find('\n').map_or(rest.len(), |at| at + 1),
            false => program_bytes(rest),
        };
        let source = Source {
            origin: self.path.clone(),
            line_first: self.line,
            text: rest[..bytes].trim_end().to_owned(),
        };
        let lines = rest[..bytes].matches('\n').count();
        self.at += bytes;
        self.line = self
            .line
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        if !is_command {
            self.command = None;
            return Some(Part::Program(source));
        }
        let command = source.text.clone();
        self.command = Some(Rc::new(source));
        Some(Part::Command(command))
    }
}

/// How far a program goes: to the next command, or to the end.
fn program_bytes(text: &str) -> usize {
    let mut brackets = Brackets::default();
    let mut from = 0;
    for (at, _) in text.match_indices("\n\\") {
        let end = at + 1;
        if !brackets.are_open_after(&text[from..end]) {
            return end;
        }
        from = end;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{Part, SCRIPTS_MAX, Scripts};
    use crate::error::{Class, Error, Source};
    use crate::value::Value;

    fn program(line_first: u32, text: &str) -> Option<Part> {
        Some(Part::Program(Source {
            origin: "a.ok".to_owned(),
            line_first,
            text: text.to_owned(),
        }))
    }

    #[test]
    fn commands_stand_between_programs() {
        let mut scripts = Scripts::default();
        let text = "/ one\na:1\n\\l b.ok\nb:{x\n\\x}\n\\p 4\r\n\\v";
        scripts.open("a.ok", &Value::string(text)).unwrap();
        assert_eq!(scripts.next(), program(1, "/ one\na:1"));
        assert_eq!(scripts.next(), Some(Part::Command("\\l b.ok".to_owned())));
        let error = scripts.placed(Error::new(Class::Io, "b.ok: not there"));
        assert_eq!(error.place().map(|place| place.line), Some(3));
        assert_eq!(scripts.next(), program(4, "b:{x\n\\x}"));
        assert_eq!(scripts.next(), Some(Part::Command("\\p 4".to_owned())));
        assert_eq!(scripts.next(), Some(Part::Command("\\v".to_owned())));
        assert!(!scripts.is_empty());
        assert_eq!(scripts.next(), None);
        assert!(scripts.is_empty());
    }

    #[test]
    fn a_program_of_many_lines_that_could_be_commands_is_read_once() {
        let mut scripts = Scripts::default();
        // Had each line to be read again for each that follows, this would take minutes.
        let text = format!("f:{{(x{})}}", "\n\\x".repeat(200_000));
        let script = Value::string(&format!("{text}\n\\v"));
        scripts.open("a.ok", &script).unwrap();
        assert_eq!(scripts.next(), program(1, &text));
        assert_eq!(scripts.next(), Some(Part::Command("\\v".to_owned())));
    }

    #[test]
    fn a_script_that_loads_itself_ends() {
        let mut scripts = Scripts::default();
        let opened = (0..=SCRIPTS_MAX).map(|_| scripts.open("a.ok", &Value::string("\\l a.ok")));
        let error = opened.last().unwrap().unwrap_err();
        assert_eq!(error.class(), Class::Limit);
    }
}

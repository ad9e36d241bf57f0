//! Errors of the language: a class word, a sentence, and where it happened.
//!
//! An error is a value of the host language, never a panic. It is boxed, so that the results which every
//! verb returns stay small. The machine adds what a verb can't know: the place in the source and the names
//! of the functions that were being evaluated.
//!
//! Invariant: the place always belongs to the source that the error carries, because a function may have
//! been defined by an earlier line than the one that calls it.

use std::fmt;
use std::rc::Rc;

/// The most calls that an error remembers: the innermost and the outermost halves of a deeper stack.
pub const CALLS_MAX: usize = 32;

/// The most columns of a source line that are shown above the caret.
const COLUMNS_MAX: usize = 160;

/// The kind of a mistake; its word is the first of every message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The text is no expression.
    Parse,
    /// A name has no value.
    Name,
    /// A value of another kind was expected.
    Type,
    /// Too many arguments, or a function that doesn't take so many.
    Rank,
    /// Lists whose lengths must agree don't.
    Length,
    /// A place that doesn't exist was assigned.
    Index,
    /// A value of the right kind that isn't possible here.
    Domain,
    /// Memory or steps ran out.
    Limit,
    /// Somebody interrupted the evaluation. No trap catches this.
    Interrupt,
    /// Not yet implemented.
    Nyi,
    /// The world outside refused.
    Io,
    /// A program raised it.
    Error,
}

impl Class {
    /// The lower-case word of the class.
    pub fn word(self) -> &'static str {
        match self {
            Class::Parse => "parse",
            Class::Name => "name",
            Class::Type => "type",
            Class::Rank => "rank",
            Class::Length => "length",
            Class::Index => "index",
            Class::Domain => "domain",
            Class::Limit => "limit",
            Class::Interrupt => "interrupt",
            Class::Nyi => "nyi",
            Class::Io => "io",
            Class::Error => "error",
        }
    }

    /// The class with that word, if there is one.
    pub fn from_word(word: &str) -> Option<Class> {
        const ALL: [Class; 12] = [
            Class::Parse,
            Class::Name,
            Class::Type,
            Class::Rank,
            Class::Length,
            Class::Index,
            Class::Domain,
            Class::Limit,
            Class::Interrupt,
            Class::Nyi,
            Class::Io,
            Class::Error,
        ];
        ALL.into_iter().find(|class| class.word() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A range of bytes in a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` up to `end`, which is not included.
    pub fn new(start: usize, end: usize) -> Span {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            start: clamp(start),
            end: clamp(end.max(start)),
        }
    }

    /// The smallest range that holds both.
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// A text that was given to the machine, and where it came from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// A file's name, or nothing for text that was typed.
    pub origin: String,
    /// The number of the text's first line in its origin, from 1.
    pub line_first: u32,
    /// The text.
    pub text: String,
}

impl Source {
    /// The line number in the origin of a byte of the text.
    pub fn line_of(&self, at: u32) -> u32 {
        let before = self.text.as_bytes().iter().take(at as usize);
        let newlines = before.filter(|byte| **byte == b'\n').count();
        self.line_first + u32::try_from(newlines).unwrap_or(u32::MAX)
    }
}

/// A place in a text, for whoever wants to show it in a way of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1: in the file that the text came from, or in the text that was typed.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: usize,
    /// The whole line.
    pub text: String,
    /// The file, or nothing for what was typed.
    pub origin: String,
}

impl Place {
    fn of(source: &Source, span: Span) -> Place {
        let (text, column) = line_at(&source.text, span.start as usize);
        let mut line = source.line_of(span.start);
        if source.origin.is_empty() {
            line = line.saturating_sub(source.line_first).saturating_add(1);
        }
        Place {
            line,
            column: column + 1,
            text,
            origin: source.origin.clone(),
        }
    }
}

/// One function that was being evaluated when an error happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The global name that the function had, or `{..}` when it had none.
    pub name: String,
    /// The source that it called from.
    pub source: Rc<Source>,
    /// The place in that source where it had got to.
    pub span: Span,
}

impl Call {
    /// Where it had got to.
    pub fn place(&self) -> Place {
        Place::of(&self.source, self.span)
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Details {
    class: Class,
    text: String,
    place: Option<(Rc<Source>, Span)>,
    calls: Vec<Call>,
    calls_left_out: usize,
}

/// What went wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Details>);

impl Error {
    /// An error of that class; `text` is what follows the class word and a colon.
    pub fn new(class: Class, text: impl Into<String>) -> Error {
        Error(Box::new(Details {
            class,
            text: text.into(),
            place: None,
            calls: Vec::new(),
            calls_left_out: 0,
        }))
    }

    /// The error that a text `class: rest` stands for; a text without a class word is one that a program
    /// raised.
    pub fn raised(text: &str) -> Error {
        let known = text
            .split_once(": ")
            .and_then(|(word, rest)| Some((Class::from_word(word)?, rest)));
        match known {
            Some((class, rest)) => Error::new(class, rest),
            None => Error::new(Class::Error, text),
        }
    }

    /// The class.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// The sentence, without the class word.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The range of bytes in [`Error::source`] that the error is about, if it is known.
    pub fn span(&self) -> Option<Span> {
        self.0.place.as_ref().map(|(_, span)| *span)
    }

    /// The text that [`Error::span`] is a part of.
    pub fn source(&self) -> Option<&Rc<Source>> {
        self.0.place.as_ref().map(|(source, _)| source)
    }

    /// Where it happened, if that is known.
    pub fn place(&self) -> Option<Place> {
        let (source, span) = self.0.place.as_ref()?;
        Some(Place::of(source, *span))
    }

    /// The functions that were being evaluated, innermost first.
    pub fn calls(&self) -> &[Call] {
        &self.0.calls
    }

    /// The same error with a place, unless it has one already.
    pub fn at(mut self, source: &Rc<Source>, span: Span) -> Error {
        if self.0.place.is_none() {
            self.0.place = Some((source.clone(), span));
        }
        self
    }

    /// Adds the function that called the ones added before. Of a deep stack the innermost and
    /// the outermost calls are kept.
    pub fn push_call(&mut self, call: Call) {
        if self.0.calls.len() == CALLS_MAX {
            self.0.calls.remove(CALLS_MAX / 2);
            self.0.calls_left_out += 1;
        }
        self.0.calls.push(call);
    }

    /// `class: text`, as the trap form gives it to programs.
    pub fn message(&self) -> String {
        format!("{}: {}", self.0.class, self.0.text)
    }

    /// Several lines for a person: the message, the source line with a caret under the place, and the calls.
    /// An error without a source of its own is shown against `source`. No newline at the end.
    pub fn render(&self, source: &str) -> String {
        let mut out = self.message();
        if let Some((own, span)) = &self.0.place {
            let text = if own.text.is_empty() {
                source
            } else {
                &own.text
            };
            let (line, column) = line_at(text, span.start as usize);
            let prefix = match own.origin.as_str() {
                "" => " ".to_owned(),
                origin => format!(" {origin}:{}: ", own.line_of(span.start)),
            };
            let (line, column) = cut_line(line, column);
            let caret = " ".repeat(prefix.chars().count() + column);
            out.push_str(&format!("\n{prefix}{line}\n{caret}^"));
        }
        for (index, call) in self.0.calls.iter().enumerate() {
            if self.0.calls_left_out > 0 && index == CALLS_MAX / 2 {
                out.push_str(&format!("\n .. {} calls left out", self.0.calls_left_out));
            }
            let (line, column) = line_at(&call.source.text, call.span.start as usize);
            let (line, _) = cut_line(line, column);
            match call.source.origin.as_str() {
                "" => out.push_str(&format!("\n in {}: {line}", call.name)),
                origin => {
                    let number = call.source.line_of(call.span.start);
                    out.push_str(&format!("\n in {} ({origin}:{number}): {line}", call.name));
                }
            }
        }
        out
    }
}

/// The line that holds byte `at` and the column of that byte in characters.
fn line_at(text: &str, at: usize) -> (String, usize) {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len());
    let start = bytes[..at]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let end = bytes[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |newline| at + newline);
    let line = String::from_utf8_lossy(&bytes[start..end]).replace('\t', " ");
    let column = String::from_utf8_lossy(&bytes[start..at]).chars().count();
    (line, column)
}

/// The part of a long line around the column, and the column in that part.
fn cut_line(line: String, column: usize) -> (String, usize) {
    let count = line.chars().count();
    if count <= COLUMNS_MAX {
        return (line, column);
    }
    let skip = column
        .saturating_sub(COLUMNS_MAX / 2)
        .min(count - COLUMNS_MAX);
    (
        line.chars().skip(skip).take(COLUMNS_MAX).collect(),
        column - skip,
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.class, self.0.text)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::{Call, Class, Error, Source, Span};
    use std::rc::Rc;

    fn source(origin: &str, text: &str) -> Rc<Source> {
        Rc::new(Source {
            origin: origin.to_owned(),
            line_first: 1,
            text: text.to_owned(),
        })
    }

    #[test]
    fn a_message_is_class_and_text() {
        assert_eq!(Error::new(Class::Type, "no").message(), "type: no");
        assert_eq!(Class::from_word("length"), Some(Class::Length));
        assert_eq!(Class::from_word("lengths"), None);
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        let error = Error::new(Class::Type, "no").at(&source("", "1\n2+`a"), Span::new(3, 4));
        assert_eq!(error.render(""), "type: no\n 2+`a\n  ^");
        let error = Error::new(Class::Type, "no").at(&source("f.ok", "1\n2+`a"), Span::new(3, 4));
        assert_eq!(error.render(""), "type: no\n f.ok:2: 2+`a\n          ^");
    }

    #[test]
    fn the_first_place_stays() {
        let error = Error::new(Class::Type, "no").at(&source("", "a"), Span::new(0, 1));
        assert_eq!(
            error.at(&source("", "bb"), Span::new(1, 2)).span(),
            Some(Span::new(0, 1))
        );
    }

    #[test]
    fn a_deep_stack_keeps_both_ends() {
        let mut error = Error::new(Class::Limit, "deep");
        for number in 0..1000 {
            let call = Call {
                name: format!("f{number}"),
                source: source("", "x"),
                span: Span::new(0, 1),
            };
            error.push_call(call);
        }
        let names: Vec<&str> = error
            .calls()
            .iter()
            .map(|call| call.name.as_str())
            .collect();
        assert_eq!(names.len(), super::CALLS_MAX);
        assert_eq!((names[0], names[31]), ("f0", "f999"));
        assert!(error.render("").contains("968 calls left out"));
    }
}

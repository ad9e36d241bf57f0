//! What a module wants to be granted: one line of its section each.
//!
//! A line is `name kind`, then for a file what is done with it (`read`, which may be left out, `write`
//! or `append`), then perhaps `optional`. The kernel spawns nothing without the grants that its module
//! wants, except for the optional ones. Names are printed, so that they hold no control characters.

use crate::layout::HandleKind;
use alloc::string::{String, ToString};
use core::fmt;

/// The kinds that a spawner can grant.
pub const GRANT_KINDS: [HandleKind; 8] = [
    HandleKind::Publisher,
    HandleKind::Subscriber,
    HandleKind::Timers,
    HandleKind::Clock,
    HandleKind::Console,
    HandleKind::File,
    HandleKind::Spawn,
    HandleKind::System,
];

/// The word that ends the line of a grant that a module can do without.
const OPTIONAL: &str = "optional";

/// What is done with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileUse {
    /// It is read, and must be there.
    Read,
    /// It is read and written anywhere; it is made if it is not there, and keeps what is in it.
    Write,
    /// It is read, and written at its end only; it is made if it is not there.
    Append,
}

impl FileUse {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            FileUse::Read => "read",
            FileUse::Write => "write",
            FileUse::Append => "append",
        }
    }

    /// The use that a word names.
    pub fn from_word(word: &str) -> Option<FileUse> {
        [FileUse::Read, FileUse::Write, FileUse::Append]
            .into_iter()
            .find(|known| known.word() == word)
    }
}

/// Whether a module can do without a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// It cannot.
    Required,
    /// It can.
    Optional,
}

/// A grant that a module wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want {
    /// The name under which the module asks for it.
    pub name: String,
    /// What it must be, one of [`GRANT_KINDS`].
    pub kind: HandleKind,
    /// What is done with it, if it is a file.
    pub file_use: FileUse,
    /// Whether the module can do without.
    pub need: Need,
}

impl Want {
    /// Reads a line of the section. None when it is malformed.
    pub fn parse(line: &str) -> Option<Want> {
        let mut words = line.split_whitespace().peekable();
        let name = words
            .next()
            .filter(|name| !name.contains(char::is_control))?;
        let kind = words.next()?;
        let kind = GRANT_KINDS.into_iter().find(|known| known.name() == kind)?;
        let mut file_use = FileUse::Read;
        if kind == HandleKind::File
            && let Some(known) = words.peek().and_then(|word| FileUse::from_word(word))
        {
            words.next();
            file_use = known;
        }
        let need = match words.next() {
            None => Need::Required,
            Some(OPTIONAL) => Need::Optional,
            Some(_) => return None,
        };
        if words.next().is_some() {
            return None;
        }
        Some(Want {
            name: name.to_string(),
            kind,
            file_use,
            need,
        })
    }

    /// The right that is wanted: `read`, `write` or `append`, and `use` for what is neither a ring
    /// nor a file.
    pub fn right(&self) -> &'static str {
        match self.kind {
            HandleKind::Publisher => "write",
            HandleKind::Subscriber => "read",
            HandleKind::File => self.file_use.word(),
            _ => "use",
        }
    }
}

/// The line of the section, without its end.
impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind.name())?;
        if self.file_use != FileUse::Read {
            write!(f, " {}", self.file_use.word())?;
        }
        match self.need {
            Need::Required => Ok(()),
            Need::Optional => write!(f, " {OPTIONAL}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FileUse, GRANT_KINDS, Need, Want};
    use crate::layout::HandleKind;
    use alloc::string::ToString;

    #[test]
    fn every_want_is_a_line_that_reads_back() {
        for kind in GRANT_KINDS {
            for need in [Need::Required, Need::Optional] {
                for file_use in [FileUse::Read, FileUse::Write, FileUse::Append] {
                    if kind != HandleKind::File && file_use != FileUse::Read {
                        continue;
                    }
                    let want = Want {
                        name: "read".to_string(),
                        kind,
                        file_use,
                        need,
                    };
                    assert_eq!(Want::parse(&want.to_string()), Some(want));
                }
            }
        }
    }

    #[test]
    fn lines_are_short_and_malformed_ones_are_none() {
        let log = Want::parse("  log file append optional ").unwrap();
        assert_eq!(
            (log.to_string().as_str(), log.right()),
            ("log file append optional", "append")
        );
        assert_eq!(Want::parse("in file read").unwrap().to_string(), "in file");
        assert_eq!(Want::parse("out publisher").unwrap().right(), "write");
        for line in [
            "",
            "in",
            "in pipe",
            "in subscriber read",
            "in file delete",
            "in file optional write",
            "in timer optional more",
            "in\x1b[2J timer",
        ] {
            assert_eq!(Want::parse(line), None, "{line:?}");
        }
    }
}

//! Commands of the session: lines that begin with a backslash.
//!
//! They are about the session, not about values: leaving, timing, help, precision, names, scripts.

use crate::error::{Class, Error};

/// The most digits that numbers can be shown with; more say nothing about a 64-bit number.
pub const DIGITS_MAX: usize = 17;

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `\\`: leave; the kernel halts.
    Exit,
    /// `\t x`: evaluate and show how long that took.
    Time(String),
    /// `\h`, `\h topic`: help.
    Help(String),
    /// `\p n`: show numbers with so many significant digits; 0 shows all.
    Precision(usize),
    /// `\v`: the names that were bound.
    Names,
    /// `\l file`: run a script.
    Load(String),
}

/// Whether a line is a command.
pub fn is_command(line: &str) -> bool {
    line.starts_with('\\')
}

/// Reads a command.
///
/// # Errors
/// `parse` for a command that there is not, `domain` for a wrong argument.
pub fn command(line: &str) -> Result<Command, Error> {
    let line = line.trim_end();
    let body = line.strip_prefix('\\').unwrap_or(line);
    let mut chars = body.chars();
    let letter = chars.next().unwrap_or(' ');
    let rest = chars.as_str();
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(unknown(line));
    }
    let argument = rest.trim();
    match (letter, argument) {
        ('\\', "") => Ok(Command::Exit),
        ('t', "") => Err(Error::new(
            Class::Parse,
            "\\t needs an expression: \\t +/!1000",
        )),
        ('t', expression) => Ok(Command::Time(expression.to_owned())),
        ('h', topic) => Ok(Command::Help(topic.to_owned())),
        ('p', digits) => match digits.parse() {
            Ok(digits @ 0..=DIGITS_MAX) => Ok(Command::Precision(digits)),
            _ => Err(Error::new(
                Class::Domain,
                format!("\\p needs a number of digits from 0 to {DIGITS_MAX}"),
            )),
        },
        ('v', "") => Ok(Command::Names),
        ('l', "") => Err(Error::new(
            Class::Parse,
            "\\l needs a file: \\l demos/market.ok",
        )),
        ('l', path) => Ok(Command::Load(path.to_owned())),
        _ => Err(unknown(line)),
    }
}

fn unknown(line: &str) -> Error {
    let shown: String = line.chars().take(40).collect();
    Error::new(
        Class::Parse,
        format!("there is no command {shown}: \\h lists them"),
    )
}

#[cfg(test)]
mod tests {
    use super::{Command, command, is_command};

    #[test]
    fn commands_are_read() {
        assert_eq!(command("\\\\"), Ok(Command::Exit));
        assert_eq!(command("\\t +/!9 "), Ok(Command::Time("+/!9".to_owned())));
        assert_eq!(command("\\h"), Ok(Command::Help(String::new())));
        assert_eq!(command("\\p 4"), Ok(Command::Precision(4)));
        assert_eq!(command("\\v"), Ok(Command::Names));
        assert_eq!(
            command("\\l a b.ok"),
            Ok(Command::Load("a b.ok".to_owned()))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for line in [
            "\\", "\\x", "\\time 1", "\\p", "\\p 99", "\\p x", "\\l", "\\t", "\\v 1",
        ] {
            assert!(is_command(line) && command(line).is_err(), "{line}");
        }
    }
}

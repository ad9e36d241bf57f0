//! What this process's terminal is, what it can do, and how it is left behind.
//!
//! Between two lines the terminal does not echo, so that what is typed ahead neither mixes with
//! output nor is shown twice; it still turns Ctrl-C into a signal, which interrupts what runs.

use std::env;
use std::io::{self, IsTerminal};
use std::sync::{LazyLock, Mutex, PoisonError};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::screen;

/// The width that is assumed of a terminal that does not tell, in columns.
const COLUMNS_DEFAULT: usize = 80;

/// Whether text is coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colors {
    /// It is.
    Yes,
    /// The terminal has none, or the user wants none (`NO_COLOR`).
    No,
}

static OUT: LazyLock<bool> = LazyLock::new(|| io::stdout().is_terminal());
static ERRORS: LazyLock<bool> = LazyLock::new(|| io::stderr().is_terminal());

/// Whether standard output is a terminal.
pub fn is_output() -> bool {
    *OUT
}

/// Whether standard error is a terminal.
pub fn is_errors() -> bool {
    *ERRORS
}

/// Whether the terminal's kind understands more than lines.
fn is_capable() -> bool {
    let term = env::var("TERM").unwrap_or_default();
    !matches!(term.as_str(), "" | "dumb" | "cons25" | "emacs")
}

/// Whether lines can be edited: standard input and output are a terminal that can move its cursor.
pub fn can_edit() -> bool {
    io::stdin().is_terminal() && is_output() && is_capable()
}

/// Whether passing notes can be shown on standard error and taken away again.
pub fn can_show_status() -> bool {
    is_errors() && is_capable()
}

/// Whether the terminal on standard output is to see colours.
pub fn colors() -> Colors {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match is_output() && is_capable() && !unwanted {
        true => Colors::Yes,
        false => Colors::No,
    }
}

/// The terminal's width in columns, as it is now.
pub fn columns() -> usize {
    let size = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stderr()));
    match size {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => COLUMNS_DEFAULT,
    }
}

/// How the terminal was found, for as long as it is another.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);

/// Puts the terminal back as it was found, when it is dropped.
#[must_use]
pub struct Restore(());

/// Puts the terminal back as it was found: for a process that is about to exit.
pub fn restore() {
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(found) = found {
        screen::close();
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &found);
    }
}

/// Makes the terminal quiet: no echo, no line discipline, but signals.
///
/// # Errors
/// Standard input is no terminal.
pub fn quieten() -> io::Result<Restore> {
    let found = tcgetattr(io::stdin())?;
    let mut quiet = found.clone();
    quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(io::stdin(), OptionalActions::Drain, &quiet)?;
    *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    Ok(Restore(()))
}

impl Drop for Restore {
    fn drop(&mut self) {
        restore();
    }
}

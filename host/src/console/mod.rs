//! The console of a person: a line editor, and one door to the terminal for all that is written.
//!
//! Reading order: what the terminal can do, who writes to it when, then the editor's parts, and
//! the whole. Nothing here knows the kernel but for the trait that the editor implements.

pub mod terminal;

pub mod screen;

pub mod progress;

mod paint;

mod complete;

mod hint;

mod history;

mod paste;

mod helper;

mod editor;

use okernel_core::{LineSource, Offered, PlainLines};

use screen::Stdout;
use terminal::Restore;

/// A console that was opened.
pub struct Opened {
    /// Where its lines come from.
    pub source: Box<dyn LineSource>,
    /// Puts the terminal back as it was when this is dropped: after the last line was read and
    /// the last output written.
    pub restore: Option<Restore>,
}

/// The console of whoever sits at standard input: an editor if the terminal can show one, lines with
/// a prompt if not. The editor completes the names that are `offered`.
pub fn open(offered: &Offered) -> Opened {
    if terminal::can_edit() {
        match editor::Editor::open(offered.clone()) {
            Ok((editor, restore)) => {
                return Opened {
                    source: Box::new(editor),
                    restore: Some(restore),
                };
            }
            Err(error) => tracing::warn!("lines cannot be edited: {error}"),
        }
    }
    Opened {
        source: Box::new(PlainLines::prompting(std::io::stdin(), Stdout)),
        restore: None,
    }
}

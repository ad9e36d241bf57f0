//! What the line editor asks while a line is typed, and how it finds out that output waits.
//!
//! The editor library prints foreign output on its own thread when its external printer is used, but
//! does not tell whether it did. So only a line end goes that way, as a bell: when the editor draws its
//! line again and none of its other reasons to draw was announced, it has answered the bell, its line is
//! taken away, and the screen may write. The library announces each other drawing by a call of
//! `highlight_char` (which always asks for one here) or of `highlight_candidate`; its version is pinned
//! for that, and the terminal tests would see a change.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use okernel_core::Offered;
use rustyline::completion::Completer;
use rustyline::config::CompletionType;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, ConditionalEventHandler, Context, Event, EventContext, Helper, KeyCode, KeyEvent,
    Modifiers, RepeatCount,
};

use super::complete::{Choice, complete};
use super::hint::{Faint, hint};
use super::paint::paint;
use super::paste::{Paste, is_whole};
use super::screen::screen;
use super::terminal::{Colors, columns};

/// A paste, shared by the keys and the editor.
pub type SharedPaste = Arc<Mutex<Paste>>;

/// What is at hand of a paste.
pub fn lock(paste: &SharedPaste) -> MutexGuard<'_, Paste> {
    paste.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the next drawing has a reason that is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    Yes,
    No,
}

/// Colours, completions, hints, and when an input is whole.
pub struct Assistant {
    offered: Offered,
    colors: Colors,
    announced: Cell<Announced>,
    line: RefCell<(String, usize)>,
    finished: Cell<bool>,
}

impl Assistant {
    /// For a terminal with these colours; completes what is `offered`.
    pub fn new(offered: Offered, colors: Colors) -> Assistant {
        Assistant {
            offered,
            colors,
            announced: Cell::new(Announced::No),
            line: RefCell::default(),
            finished: Cell::new(false),
        }
    }

    /// The line as it was last drawn, before and after the cursor.
    pub fn last_line(&self) -> (String, String) {
        let line = self.line.borrow();
        let (before, after) = line.0.split_at(line.1);
        (before.to_string(), after.to_string())
    }

    /// A new line begins.
    pub fn begin_line(&self) {
        self.finished.set(false);
        self.line.take();
    }
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Choice;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Choice>)> {
        Ok(complete(line, at, &self.offered.get(), columns()))
    }
}

impl Hinter for Assistant {
    type Hint = Faint;

    fn hint(&self, line: &str, at: usize, context: &Context<'_>) -> Option<Faint> {
        // Without colours a hint looks like something typed.
        if self.colors == Colors::No || at < line.len() || self.finished.get() {
            return None;
        }
        let last = line.rsplit('\n').next().unwrap_or(line).chars().count();
        hint(line, context.history(), columns().saturating_sub(last + 8))
    }
}

impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        match self.announced.replace(Announced::No) {
            Announced::Yes => screen().typing(),
            // What cannot be written is written, or fails, when the line is left.
            Announced::No => drop(screen().redraw()),
        }
        match self.colors {
            Colors::Yes => Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m")),
            Colors::No => Cow::Borrowed(prompt),
        }
    }

    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        let at = (!self.finished.get()).then_some(at);
        match self.colors {
            Colors::Yes => Cow::Owned(paint(line, at)),
            Colors::No => Cow::Borrowed(line),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.colors {
            Colors::Yes => Cow::Owned(format!("\x1b[2m{hint}\x1b[0m")),
            Colors::No => Cow::Borrowed(hint),
        }
    }

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        self.announced.set(Announced::Yes);
        Cow::Borrowed(candidate)
    }

    fn highlight_char(&self, line: &str, at: usize, kind: CmdKind) -> bool {
        self.announced.set(Announced::Yes);
        if kind == CmdKind::ForcedRefresh {
            self.finished.set(true);
        }
        *self.line.borrow_mut() = (line.to_string(), at);
        true
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        if !is_whole(context.input()) {
            self.finished.set(false);
            return Ok(ValidationResult::Incomplete);
        }
        screen().leaving();
        Ok(ValidationResult::Valid(None))
    }
}

/// Looks at every key: gathers what is pasted, and sees the line's end coming.
pub struct Keys {
    /// What is pasted.
    pub paste: SharedPaste,
    /// Set by Ctrl-C: the line counts for nothing. It ends like any other, because the library would
    /// forget what was typed behind Ctrl-C if it ended the line by itself.
    pub cancelled: Arc<AtomicBool>,
}

impl ConditionalEventHandler for Keys {
    fn handle(
        &self,
        event: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        let KeyEvent(code, modifiers) = *event.get(0)?;
        let mut paste = lock(&self.paste);
        if code == KeyCode::BracketedPasteStart {
            paste.begin();
            return Some(Cmd::Noop);
        }
        if paste.is_under_way() {
            let control = modifiers.contains(Modifiers::CTRL);
            match code {
                KeyCode::BracketedPasteEnd => {
                    return Some(match paste.end() {
                        Some(text) => Cmd::Insert(1, text),
                        None => {
                            screen().leaving();
                            Cmd::AcceptLine
                        }
                    });
                }
                KeyCode::Enter => paste.push('\r'),
                KeyCode::Tab => paste.push('\t'),
                KeyCode::Char('M' | 'm') if control => paste.push('\r'),
                KeyCode::Char('J' | 'j') if control => paste.push('\n'),
                KeyCode::Char('I' | 'i') if control => paste.push('\t'),
                KeyCode::Char(c) if !control => paste.push(c),
                // Other control characters are no text.
                _ => {}
            }
            return Some(Cmd::Noop);
        }
        let is_cancel = matches!(
            (code, modifiers),
            (KeyCode::Char('C' | 'c'), Modifiers::CTRL)
        );
        let is_end = matches!(
            (code, modifiers),
            (KeyCode::Char('D' | 'd'), Modifiers::CTRL)
        );
        self.cancelled.store(is_cancel, Ordering::Relaxed);
        if is_cancel || is_end && context.line().is_empty() {
            screen().leaving();
        } else {
            screen().staying();
        }
        is_cancel.then_some(Cmd::AcceptLine)
    }
}

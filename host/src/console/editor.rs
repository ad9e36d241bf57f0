//! The line editor: keys, history, and lines that are pasted.
//!
//! It runs on the console's reading thread. While it waits for a key the terminal is raw; between two
//! lines it is quiet (see [`super::terminal`]), so that Ctrl-C is a signal then. Ctrl-C in a line gives
//! a fresh one, Ctrl-D in an empty line ends the input.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use okernel_core::io::output::Stream;
use okernel_core::{Line, LineSource, Offered};
use rustyline::config::{BellStyle, Builder, ColorMode, CompletionType};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Event, EventHandler, ExternalPrinter};
use signal_hook::consts::SIGINT;

use super::helper::{Assistant, Keys, SharedPaste, lock};
use super::history::{ENTRIES_MAX, Kept};
use super::paint::paint;
use super::paste::inputs;
use super::screen::{Bell, screen};
use super::terminal::{self, Colors, Restore};

/// Choices that are listed without asking.
const CHOICES_MAX: usize = 100;

/// Edits lines at the terminal.
pub struct Editor {
    editor: rustyline::Editor<Assistant, FileHistory>,
    kept: Kept,
    colors: Colors,
    paste: SharedPaste,
    cancelled: Arc<AtomicBool>,
    /// Inputs that were pasted and not run yet.
    pasted: VecDeque<String>,
    /// What a paste has left to be finished.
    unfinished: String,
    interrupted: Arc<AtomicBool>,
}

impl Editor {
    /// An editor that completes what is `offered`, and what puts the terminal back afterwards.
    ///
    /// # Errors
    /// Standard input is no terminal after all.
    pub fn open(offered: Offered) -> io::Result<(Editor, Restore)> {
        let config = Builder::new()
            .auto_add_history(false)
            .bell_style(BellStyle::None)
            .bracketed_paste(true)
            // Whether there are colours is decided here; the library is to ask in any case.
            .color_mode(ColorMode::Forced)
            .completion_prompt_limit(CHOICES_MAX)
            .completion_show_all_if_ambiguous(true)
            .completion_type(CompletionType::List)
            .history_ignore_dups(true)
            .and_then(|config| config.max_history_size(ENTRIES_MAX))
            .map_err(failed)?
            .build();
        let mut editor = rustyline::Editor::with_config(config).map_err(failed)?;
        let colors = terminal::colors();
        let paste = SharedPaste::default();
        let cancelled = Arc::new(AtomicBool::new(false));
        editor.set_helper(Some(Assistant::new(offered, colors)));
        let keys = EventHandler::Conditional(Box::new(Keys {
            paste: Arc::clone(&paste),
            cancelled: Arc::clone(&cancelled),
        }));
        editor.bind_sequence(Event::Any, keys);
        let kept = Kept::load(editor.history_mut());
        let interrupted = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGINT, Arc::clone(&interrupted))?;
        let restore = terminal::quieten()?;
        let editor = Editor {
            editor,
            kept,
            colors,
            paste,
            cancelled,
            pasted: VecDeque::new(),
            unfinished: String::new(),
            interrupted,
        };
        Ok((editor, restore))
    }

    fn edit(&mut self, prompt: &str) -> rustyline::Result<String> {
        let Editor {
            editor, unfinished, ..
        } = self;
        screen().begin_line(|| bell(editor))?;
        if let Some(assistant) = editor.helper() {
            assistant.begin_line();
        }
        let initial = std::mem::take(unfinished);
        let line = editor.readline_with_initial(prompt, (&initial, ""));
        let left = screen().left();
        let line = line?;
        left?;
        Ok(line)
    }

    /// Takes lines that were pasted into the line that is on the screen.
    fn take_paste(&mut self, prompt: &str, text: &str) -> io::Result<()> {
        let Some(assistant) = self.editor.helper() else {
            return Ok(());
        };
        let (before, after) = assistant.last_line();
        // The line is about to be shown again, whole.
        let rows = rows(&format!("{prompt}{before}{after}"), terminal::columns());
        screen().take_back(rows)?;
        let (inputs, unfinished) = inputs(&format!("{before}{text}{after}"));
        self.pasted = inputs;
        self.unfinished = unfinished;
        Ok(())
    }

    /// The next of the inputs that were pasted, shown as if it had been typed.
    fn next_pasted(&mut self, prompt: &str) -> io::Result<Option<String>> {
        if self.interrupted.swap(false, Ordering::Relaxed) {
            self.pasted.clear();
            self.unfinished.clear();
        }
        let Some(input) = self.pasted.pop_front() else {
            return Ok(None);
        };
        let shown = match self.colors {
            Colors::Yes => format!("\x1b[1m{prompt}\x1b[0m{}\n", paint(&input, None)),
            Colors::No => format!("{prompt}{input}\n"),
        };
        screen().write(Stream::Out, shown.as_bytes())?;
        Ok(Some(input))
    }
}

impl LineSource for Editor {
    fn line(&self) -> Line {
        Line::Edited
    }

    fn read_line(&mut self, prompt: &str) -> io::Result<Option<Vec<u8>>> {
        loop {
            let input = match self.next_pasted(prompt)? {
                Some(input) => input,
                None => match self.edit(prompt) {
                    Ok(_) if self.cancelled.swap(false, Ordering::Relaxed) => continue,
                    Ok(input) => {
                        let pasted = lock(&self.paste).take();
                        if let Some(text) = pasted {
                            self.take_paste(prompt, &text)?;
                            continue;
                        }
                        input
                    }
                    Err(ReadlineError::Interrupted) => continue,
                    Err(ReadlineError::Eof) => return Ok(None),
                    Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                        self.unfinished = self.editor.helper().map(kept_line).unwrap_or_default();
                        screen().write(Stream::Errors, b"what was typed is not UTF-8\n")?;
                        continue;
                    }
                    Err(error) if is_hangup(&error) => return Ok(None),
                    Err(error) => return Err(failed(error)),
                },
            };
            self.kept.add(self.editor.history_mut(), &input);
            return Ok(Some(input.into_bytes()));
        }
    }
}

fn kept_line(assistant: &Assistant) -> String {
    let (before, after) = assistant.last_line();
    before + &after
}

/// What wakes the editor when output waits: its own printer, given nothing but a line end.
fn bell(editor: &mut rustyline::Editor<Assistant, FileHistory>) -> Option<Bell> {
    let mut printer = editor.create_external_printer().ok()?;
    Some(Box::new(move || {
        // An editor that is gone draws no line that the output could spoil.
        let _ = printer.print("\n".to_string());
    }))
}

/// Whether the terminal is gone.
fn is_hangup(error: &ReadlineError) -> bool {
    match error {
        ReadlineError::Io(error) => error.raw_os_error() == Some(libc::EIO),
        _ => false,
    }
}

fn failed(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// The rows that text takes on a terminal of so many columns.
fn rows(text: &str, columns: usize) -> usize {
    let widths = text.split('\n').map(unicode_width::UnicodeWidthStr::width);
    widths.map(|width| width / columns.max(1) + 1).sum()
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn long_lines_take_more_rows() {
        assert_eq!(rows("o) ", 80), 1);
        assert_eq!(rows(&"x".repeat(79), 80), 1);
        assert_eq!(rows(&"x".repeat(80), 80), 2);
        assert_eq!(rows("a\nb", 80), 2);
    }
}

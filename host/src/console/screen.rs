//! The one door to the terminal: output, the log, passing notes, and the line that is being typed.
//!
//! While somebody types, output is not written over the line: it waits here, and the editor is
//! rung. Its thread takes the line away, writes what waits, and draws the line again. The rest of
//! the time output is written at once, in the order in which it comes. Text that has no line end
//! yet waits for it as long as somebody types, because the line below has to begin somewhere.
//!
//! What does not go to a terminal is never held back.
//!
//! Invariants: all that is written to the terminal, but for the editor's own drawing, is written
//! under this lock; what waits is written at the latest when the typing ends or the screen closes.

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use okernel_core::io::output::Stream;

use super::terminal;

/// Output that waits for the editor at most, in bytes; a writer that has more waits for room.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// How long such a writer waits before it writes all the same: the editor may be showing a list and
/// wait for a key that never comes.
const ROOM_WAIT: Duration = Duration::from_millis(500);

/// Wakes the editor; it answers by [`Screen::redraw`].
pub type Bell = Box<dyn FnMut() + Send>;

/// Where the person at the terminal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Not typing: output is written at once.
    Away,
    /// The line is shown and edited.
    Typing,
    /// The line is finished: the editor takes no more bells.
    Leaving,
}

/// Whether the bell was rung and not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rung {
    Yes,
    No,
}

/// Where the terminal's cursor stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    First,
    Within,
}

struct State {
    phase: Phase,
    bell: Option<Bell>,
    rung: Rung,
    waiting: Vec<u8>,
    column: Column,
    status: Option<String>,
}

/// What is on the terminal.
pub struct Screen {
    state: Mutex<State>,
    room: Condvar,
}

static SCREEN: Screen = Screen {
    state: Mutex::new(State {
        phase: Phase::Away,
        bell: None,
        rung: Rung::No,
        waiting: Vec::new(),
        column: Column::First,
        status: None,
    }),
    room: Condvar::new(),
};

/// The screen of this process.
pub fn screen() -> &'static Screen {
    &SCREEN
}

/// Writes what waits, and lets nobody type any more.
pub fn close() {
    SCREEN.close();
}

fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::Out => terminal::is_output(),
        Stream::Errors => terminal::is_errors(),
    }
}

fn write_now(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Out => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()
        }
        Stream::Errors => io::stderr().lock().write_all(bytes),
    }
}

impl State {
    /// Writes to the terminal at once; a passing note makes room.
    fn show(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        self.erase_status()?;
        let Some(last) = bytes.last() else {
            return Ok(());
        };
        self.column = match last {
            b'\n' => Column::First,
            _ => Column::Within,
        };
        write_now(stream, bytes)
    }

    fn erase_status(&mut self) -> io::Result<()> {
        match self.status.take() {
            Some(_) => write_now(Stream::Errors, b"\r\x1b[K"),
            None => Ok(()),
        }
    }

    /// Writes all that waits.
    fn show_waiting(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.show(Stream::Out, &waiting)
    }

    fn ring(&mut self) {
        if self.phase == Phase::Typing
            && self.rung == Rung::No
            && self.waiting.contains(&b'\n')
            && let Some(bell) = &mut self.bell
        {
            self.rung = Rung::Yes;
            bell();
        }
    }
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes output; waits while too much waits for the editor.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn write(&self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if !is_terminal(stream) {
            return write_now(stream, bytes);
        }
        let mut state = self.lock();
        if state.phase == Phase::Away {
            return state.show(stream, bytes);
        }
        state.waiting.extend_from_slice(bytes);
        state.ring();
        let crowded = |state: &mut State| {
            state.phase != Phase::Away && state.waiting.len() > WAITING_BYTES_MAX
        };
        let waited = self.room.wait_timeout_while(state, ROOM_WAIT, crowded);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        match waited.timed_out() {
            true => state.show_waiting(),
            false => Ok(()),
        }
    }

    /// Writes a line of the log: never waits.
    ///
    /// # Errors
    /// Those of standard error.
    pub fn log(&self, bytes: &[u8]) -> io::Result<()> {
        if !terminal::is_errors() {
            return write_now(Stream::Errors, bytes);
        }
        let mut state = self.lock();
        if state.phase == Phase::Away {
            return state.show(Stream::Errors, bytes);
        }
        state.waiting.extend_from_slice(bytes);
        state.ring();
        Ok(())
    }

    /// Shows a passing note below the output, in place of the last one, if there is room for one.
    pub fn status(&self, text: &str) {
        let mut state = self.lock();
        let free = state.phase == Phase::Away && state.column == Column::First;
        if free && write_now(Stream::Errors, format!("\r\x1b[K{text}").as_bytes()).is_ok() {
            state.status = Some(text.to_string());
        }
    }

    /// Takes the passing note away.
    pub fn end_status(&self) {
        // A terminal that is gone needs nothing.
        let _ = self.lock().erase_status();
    }

    /// The editor will draw a line: it begins in the first column. `bell` wakes it when output waits.
    pub(super) fn begin_line(&self, bell: impl FnOnce() -> Option<Bell>) -> io::Result<()> {
        let mut state = self.lock();
        if state.bell.is_none() {
            state.bell = bell();
        }
        if state.column == Column::Within {
            state.show(Stream::Out, b"\n")?;
        }
        state.erase_status()
    }

    /// The editor has drawn, or is about to draw, its line because of a key or at the beginning.
    pub(super) fn typing(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Away {
            state.phase = Phase::Typing;
        }
    }

    /// The editor has taken its line away for one that rang, on a row of its own below where the line was:
    /// what waits is written in its place, up to the last line end.
    pub(super) fn redraw(&self) -> io::Result<()> {
        let mut state = self.lock();
        if state.phase != Phase::Typing || state.rung == Rung::No {
            return Ok(());
        }
        state.rung = Rung::No;
        let whole = state.waiting.iter().rposition(|byte| *byte == b'\n');
        let rest = state.waiting.split_off(whole.map_or(0, |last| last + 1));
        let whole = std::mem::replace(&mut state.waiting, rest);
        self.room.notify_all();
        write_now(Stream::Out, b"\x1b[A")?;
        write_now(Stream::Out, &whole)
    }

    /// The line is finished; the editor answers no more bells.
    pub(super) fn leaving(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Typing {
            state.phase = Phase::Leaving;
        }
    }

    /// A key came after one that looked like the end of the line: the line is still edited.
    pub(super) fn staying(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Leaving {
            state.phase = Phase::Typing;
            state.ring();
        }
    }

    /// The editor has left its line, and the cursor stands in the first column below it.
    pub(super) fn left(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.phase = Phase::Away;
        state.column = Column::First;
        self.room.notify_all();
        state.show_waiting()
    }

    /// Clears the last rows; the cursor stands in the first column below them.
    pub(super) fn take_back(&self, rows: usize) -> io::Result<()> {
        let mut state = self.lock();
        state.erase_status()?;
        state.column = Column::First;
        write_now(Stream::Out, format!("\x1b[{rows}A\r\x1b[J").as_bytes())
    }

    fn close(&self) {
        let mut state = self.lock();
        state.bell = None;
        // Somebody may be in the middle of a line: it goes.
        let line: &[u8] = match state.phase {
            Phase::Away => b"",
            Phase::Typing | Phase::Leaving => b"\r\x1b[J\x1b[?2004l",
        };
        state.phase = Phase::Away;
        self.room.notify_all();
        // A terminal that is gone needs nothing.
        let _ = write_now(Stream::Out, line).and_then(|()| state.show_waiting());
    }
}

/// Standard output, by the screen.
pub struct Stdout;

/// Standard error, by the screen.
pub struct Stderr;

/// The log, by the screen.
pub struct Log;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SCREEN.write(Stream::Out, bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SCREEN.write(Stream::Errors, bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SCREEN.log(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

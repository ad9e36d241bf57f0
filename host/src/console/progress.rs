//! Progress of what takes long: a passing note on standard error, when that is a terminal.
//!
//! It appears when the work has taken a moment, tells how long it has, and is gone when the work is
//! done. Anywhere else nothing is written.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use okernel_core::aside;

use super::screen::screen;
use super::terminal;

/// Work that is done sooner shows nothing.
const PATIENCE: Duration = Duration::from_millis(400);

/// How often the note moves.
const STEP: Duration = Duration::from_millis(125);

const FRAMES: [char; 4] = ['-', '\\', '|', '/'];

/// Work under way; it is done when this is dropped.
#[must_use]
pub struct Progress {
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Work that is called so.
    pub fn begin(what: impl Into<String>) -> Progress {
        if !terminal::can_show_status() {
            return Progress { ticker: None };
        }
        let (done, is_done) = channel();
        let what = what.into();
        let started = Instant::now();
        let ticker = aside::spawn("okernel-progress", move || {
            let mut wait = PATIENCE;
            for frame in FRAMES.into_iter().cycle() {
                if is_done.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                wait = STEP;
                screen().status(&note(frame, &what, started.elapsed()));
            }
            screen().end_status();
        });
        Progress {
            // Without a thread there is no note, which is no harm.
            ticker: ticker.ok().map(|ticker| (done, ticker)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, ticker)) = self.ticker.take() {
            drop(done);
            // What comes next must not meet the note.
            let _ = ticker.join();
        }
    }
}

/// A note that fits on one row.
fn note(frame: char, what: &str, took: Duration) -> String {
    let tail = format!(" {:.1} s", took.as_secs_f64());
    let room = terminal::columns().saturating_sub(tail.len() + 4);
    let what: String = what.chars().take(room).collect();
    format!("{frame} {what}{tail}")
}

#[cfg(test)]
mod tests {
    use super::note;
    use std::time::Duration;

    #[test]
    fn a_note_fits_on_one_row() {
        let took = Duration::from_millis(1250);
        assert_eq!(
            note('|', "compiling shell", took),
            "| compiling shell 1.2 s"
        );
        assert!(note('|', &"x".repeat(1000), took).len() <= 80);
    }
}

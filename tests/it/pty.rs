//! A person at a terminal, for tests: the binary under a pseudo-terminal, keys in, a screen out.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr, tcsetwinsize};

/// Nothing that a test waits for may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows of the pseudo-terminal.
const ROWS: u16 = 24;
/// Columns of the pseudo-terminal.
const COLUMNS: u16 = 80;

/// The lines that have left the screen and are kept.
const SCROLLBACK_LINES: usize = 100;

/// What the program has written: as it came, and as it looks.
struct Seen {
    raw: Vec<u8>,
    screen: vt100::Parser,
}

/// The program at its terminal.
pub struct Terminal {
    pty: Arc<File>,
    child: Child,
    seen: Arc<Mutex<Seen>>,
}

impl Terminal {
    /// Runs `command` at a terminal of this kind (`TERM`).
    pub fn start(command: &Command, term: &str) -> Terminal {
        let ends = openpty(Some(&size(COLUMNS)), None).unwrap();
        let stdio = || Stdio::from(ends.slave.try_clone().unwrap());
        // A session of its own, whose signals come from this terminal.
        let mut at_terminal = Command::new("setsid");
        at_terminal
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env("TERM", term)
            .env_remove("NO_COLOR")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio());
        if let Some(folder) = command.get_current_dir() {
            at_terminal.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => at_terminal.env(name, value),
                None => at_terminal.env_remove(name),
            };
        }
        let child = at_terminal.spawn().unwrap();
        let pty = Arc::new(File::from(ends.master));
        let seen = Arc::new(Mutex::new(Seen {
            raw: Vec::new(),
            screen: vt100::Parser::new(cells(ROWS), cells(COLUMNS), SCROLLBACK_LINES),
        }));
        let (from, into) = (Arc::clone(&pty), Arc::clone(&seen));
        // It ends when the program has, and the terminal's other end is closed.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = (&*from).read(&mut bytes) {
                let mut seen = into.lock().unwrap();
                seen.raw.extend_from_slice(&bytes[..count]);
                seen.screen.process(&bytes[..count]);
            }
        });
        Terminal { pty, child, seen }
    }

    /// Types.
    pub fn keys(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Pastes, as a terminal does.
    pub fn paste(&self, text: &str) {
        self.keys(&format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")));
    }

    /// Gives the terminal another width.
    pub fn resize(&self, columns: u16) {
        let mut seen = self.seen.lock().unwrap();
        let screen = seen.screen.screen_mut();
        screen.set_size(cells(ROWS), cells(columns));
        let size = rustix::termios::Winsize {
            ws_row: ROWS,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&*self.pty, size).unwrap();
    }

    /// The screen's rows without spaces at their ends, up to the last that is not empty.
    pub fn rows(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let screen = seen.screen.screen();
        let rows = screen.rows(0, screen.size().1.get());
        let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_string()).collect();
        let count = rows.iter().rposition(|row| !row.is_empty());
        rows.truncate(count.map_or(0, |last| last + 1));
        rows
    }

    /// All that was written, with its control sequences.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap().raw).into_owned()
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        let started = Instant::now();
        loop {
            let rows = self.rows();
            if is_so(&rows) {
                return rows;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{what}: the screen is\n{}",
                rows.join("\n")
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a row.
    #[track_caller]
    pub fn row(&self, row: &str) {
        self.until(&format!("no row '{row}'"), |rows| {
            rows.iter().any(|is| is == row)
        });
    }

    /// Waits until the last row is this one.
    #[track_caller]
    pub fn last(&self, row: &str) {
        self.until(&format!("the last row is not '{row}'"), |rows| {
            rows.last().is_some_and(|last| last == row)
        });
    }

    /// Types a line, and waits until the prompt is back below it.
    #[track_caller]
    pub fn line(&self, line: &str) {
        self.keys(&format!("{line}\r"));
        let shown = format!("o) {line}");
        let first: String = shown.chars().take(COLUMNS.into()).collect();
        self.until(&format!("'{line}' is not done"), |rows| {
            rows.iter().any(|row| *row == first.trim_end())
                && rows.last().is_some_and(|last| last == "o)")
        });
    }

    /// Whether the terminal echoes what is typed, and edits lines itself.
    pub fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&*self.pty).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// Sends the program a signal, as `kill` does.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the program's end; answers its exit status.
    #[track_caller]
    pub fn end(mut self) -> i32 {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(self.is_cooked(), "the terminal is left as it was");
                return status.code().unwrap_or(-1);
            }
            assert!(
                started.elapsed() < PATIENCE,
                "it does not end:\n{}",
                self.rows().join("\n")
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

fn size(columns: u16) -> Winsize {
    Winsize {
        ws_row: ROWS,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that fails leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

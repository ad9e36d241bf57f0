//! `okernel attach [URL]`: the shell of a kernel that runs elsewhere.
//!
//! It looks like the console: lines go there, values and errors come back. At a terminal it is the
//! console's editor; otherwise it evaluates the lines of standard input to their end, and its exit
//! status is 1 if any of them failed. One thread reads lines, one takes signals; this one owns the
//! connection.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::Builder;

use okernel_abi::layout::{CANCEL_INPUT, END_OF_INPUT};
use okernel_core::{INTERRUPTED, Line, LineSource, Offered, PlainLines, Prompt};
use serde_json::{Value as Json, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::remote::Remote;
use crate::console::screen::{Stderr, Stdout};
use crate::console::{self, Opened};
use crate::web::client::{Client, ClientError, Join};

/// What `attach` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
    /// Share the session of the kernel's console instead of having one of your own
    #[arg(long)]
    join: bool,
}

/// What other threads tell this one.
enum News {
    /// A line, the end of them, or why they cannot be read.
    Line(io::Result<Option<Vec<u8>>>),
    Interrupt,
    /// A signal with this number asks for the end.
    Terminate(i32),
}

/// Permits the reader to read one line after this prompt.
struct Permit(String);

/// What the remote session does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is not ready.
    Opening,
    /// A line is awaited.
    Idle,
    /// An input is evaluated.
    Busy,
    /// A line is awaited, and the session was told to forget those before it.
    Cancelling,
}

/// Attaches and stays until the input ends or the session does.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let target = args.remote.target()?;
    let join = if args.join { Join::Console } else { Join::Own };
    let client = Client::connect(&target, join)?;
    let offered = Offered::default();
    let terminal = io::stdin().is_terminal();
    let Opened { source, restore } = match terminal {
        true => console::open(&offered),
        false => Opened {
            source: Box::new(PlainLines::new(io::stdin())),
            restore: None,
        },
    };
    let (news, inbox) = channel();
    let (permits, permitted) = channel();
    let mut shell = Shell {
        prompt: terminal.then(Prompt::default),
        kind: source.line(),
        offered,
        permits,
        state: State::Opening,
        line: 0,
        incomplete: false,
        ended: false,
        status: 0,
        client,
    };
    watch_lines(source, permitted, news.clone(), shell.client.waker())?;
    watch_signals(news, shell.client.waker())?;
    let result = shell.run(&inbox);
    let status = shell.status;
    match result {
        Ok(()) => shell.client.close(),
        // Left from here, or the session was ended there: that was said already.
        Err(ClientError::Closed(_)) if shell.ended => {}
        Err(error) => return Err(error.into()),
    }
    drop(restore);
    Ok(super::exit_code(status))
}

fn watch_lines(
    mut source: Box<dyn LineSource>,
    permitted: Receiver<Permit>,
    news: Sender<News>,
    waker: Arc<mio::Waker>,
) -> io::Result<()> {
    let read = move || {
        while let Ok(Permit(prompt)) = permitted.recv() {
            let line = source.read_line(&prompt);
            let last = !matches!(line, Ok(Some(_)));
            if news.send(News::Line(line)).is_err() || waker.wake().is_err() || last {
                return;
            }
        }
    };
    let name = "okernel-input".to_string();
    Builder::new().name(name).spawn(read).map(drop)
}

fn watch_signals(news: Sender<News>, waker: Arc<mio::Waker>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let watch = move || {
        for signal in signals.forever() {
            let told = match signal {
                SIGINT => News::Interrupt,
                signal => News::Terminate(signal),
            };
            if news.send(told).is_err() || waker.wake().is_err() {
                return;
            }
        }
    };
    let name = "okernel-signals".to_string();
    Builder::new().name(name).spawn(watch).map(drop)
}

struct Shell {
    client: Client,
    permits: Sender<Permit>,
    /// None: nobody types.
    prompt: Option<Prompt>,
    kind: Line,
    /// What the editor completes.
    offered: Offered,
    state: State,
    /// The number of the last line.
    line: u64,
    /// Set when the last input goes on.
    incomplete: bool,
    ended: bool,
    status: i32,
}

impl Shell {
    /// Answers when the input has ended.
    fn run(&mut self, inbox: &Receiver<News>) -> Result<(), ClientError> {
        loop {
            while let Some(message) = self.client.receive()? {
                self.message(&message);
            }
            match inbox.try_recv() {
                Ok(News::Line(Ok(Some(line)))) => self.send_line(&line)?,
                Ok(News::Line(Ok(None))) if self.incomplete => {
                    // The shell knows best what is missing.
                    self.send_line(&[END_OF_INPUT])?;
                }
                Ok(News::Line(Ok(None))) => return Ok(()),
                Ok(News::Line(Err(error))) => {
                    tracing::error!("input cannot be read: {error}");
                    self.status = 1;
                    return Ok(());
                }
                Ok(News::Interrupt) => self.interrupt()?,
                Ok(News::Terminate(signal)) => {
                    self.status = 128 + signal;
                    return Ok(());
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => self.client.wait(None)?,
            }
            if self.state == State::Idle && self.status == INTERRUPTED {
                return Ok(());
            }
        }
    }

    fn send_line(&mut self, line: &[u8]) -> Result<(), ClientError> {
        let text = String::from_utf8_lossy(line);
        self.line += 1;
        self.state = State::Busy;
        self.client
            .send(&json!({"type": "eval", "id": self.line, "text": text}))
    }

    /// Ctrl-C: ends what is evaluated there, or the input whose lines are being typed. Where nobody types,
    /// that is the end of all.
    fn interrupt(&mut self) -> Result<(), ClientError> {
        if self.prompt.is_none() {
            self.status = INTERRUPTED;
        }
        let plain = self.prompt.is_some() && self.kind == Line::Plain;
        if plain {
            // The terminal has shown the key, and the cursor stands behind it.
            write("\n", Stdout);
        }
        if self.state == State::Busy {
            return self.client.send(&json!({"type": "interrupt"}));
        }
        if !plain {
            return Ok(());
        }
        if !std::mem::take(&mut self.incomplete) {
            self.show_prompt();
            return Ok(());
        }
        self.send_line(&[CANCEL_INPUT])?;
        self.state = State::Cancelling;
        Ok(())
    }

    fn message(&mut self, message: &Json) {
        let text = message["text"].as_str().unwrap_or_default();
        match message["type"].as_str().unwrap_or_default() {
            "ready" => self.permit(),
            "names" => {
                let names = message["names"].as_array().into_iter().flatten();
                let names = names.filter_map(Json::as_str).map(str::to_string);
                self.offered.set(names.collect());
            }
            "output" if message["stream"] == "errors" => write(text, Stderr),
            "output" => write(text, Stdout),
            "result" | "error" if message["id"] == self.line => self.answer(message),
            "ended" => {
                self.ended = true;
                if message["reason"] != "left" {
                    let reason = message["reason"].as_str().unwrap_or_default();
                    tracing::warn!("the session has ended: {reason}");
                    self.status = 1;
                }
            }
            _ => {}
        }
    }

    /// How the last line went.
    fn answer(&mut self, message: &Json) {
        if self.state == State::Cancelling {
            // The reader was permitted to read before.
            self.state = State::Idle;
            return self.show_prompt();
        }
        let text = message["text"].as_str();
        if message["type"] == "error" {
            let text = text.or(message["message"].as_str()).unwrap_or_default();
            write(&format!("{text}\n"), Stderr);
            if self.prompt.is_none() && self.status == 0 {
                self.status = 1;
            }
        } else {
            write(text.unwrap_or_default(), Stdout);
        }
        self.incomplete = message["status"] == "incomplete";
        self.permit();
    }

    fn prompt_text(&self) -> &str {
        match (&self.prompt, self.incomplete) {
            (None, _) => "",
            (Some(prompt), false) => &prompt.ready,
            (Some(prompt), true) => &prompt.more,
        }
    }

    /// Shows the prompt again to who types into a plain line.
    fn show_prompt(&self) {
        write(self.prompt_text(), Stdout);
    }

    fn permit(&mut self) {
        self.state = State::Idle;
        // The reader is gone only after it has told that the input has ended.
        let _ = self.permits.send(Permit(self.prompt_text().to_string()));
    }
}

/// Writes at once. Whoever closed the pipe wants no more.
fn write(text: &str, mut to: impl Write) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

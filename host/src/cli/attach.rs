//! `okernel attach [URL]`: the shell of a kernel that runs elsewhere.
//!
//! It looks like the console: lines go there, values and errors come back. With a terminal it prompts;
//! otherwise it evaluates the lines of standard input to their end, and its exit status is 1 if any
//! of them failed. One thread reads lines, one takes Ctrl-C; this one owns the connection.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::Builder;

use okernel_abi::layout::END_OF_INPUT;
use okernel_core::{INTERRUPTED, LineSource, PlainLines, Prompt};
use serde_json::{Value as Json, json};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::web::client::{Client, ClientError, Join, Target};

/// What `attach` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The kernel's URL, as it printed it; the token may be left out for one of this machine
    #[arg(default_value = "http://127.0.0.1:8001")]
    url: String,
    /// A file with the token in its first line
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A certificate in PEM to be trusted beside the system's
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Share the session of the kernel's console instead of having one of your own
    #[arg(long)]
    join: bool,
}

/// What other threads tell this one.
enum News {
    /// A line, the end of them, or why they cannot be read.
    Line(io::Result<Option<Vec<u8>>>),
    Interrupt,
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
}

/// Attaches and stays until the input ends or the session does.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (token_file, authority) = (args.token_file.as_deref(), args.tls_ca.as_deref());
    let target = Target::new(&args.url, token_file, authority)?;
    let join = if args.join { Join::Console } else { Join::Own };
    let client = Client::connect(&target, join)?;
    let (news, inbox) = channel();
    let (permits, permitted) = channel();
    let terminal = io::stdin().is_terminal();
    watch_lines(terminal, permitted, news.clone(), client.waker())?;
    watch_signals(news, client.waker())?;
    let mut shell = Shell {
        client,
        permits,
        prompt: terminal.then(Prompt::default),
        state: State::Opening,
        line: 0,
        incomplete: false,
        ended: false,
        status: 0,
    };
    let result = shell.run(&inbox);
    let status = shell.status;
    match result {
        Ok(()) => shell.client.close(),
        // Left from here, or the session was ended there: that was said already.
        Err(ClientError::Closed(_)) if shell.ended => {}
        Err(error) => return Err(error.into()),
    }
    Ok(super::exit_code(status))
}

fn watch_lines(
    terminal: bool,
    permitted: Receiver<Permit>,
    news: Sender<News>,
    waker: Arc<mio::Waker>,
) -> io::Result<()> {
    let mut source: Box<dyn LineSource> = match terminal {
        true => Box::new(PlainLines::prompting(io::stdin(), io::stdout())),
        false => Box::new(PlainLines::new(io::stdin())),
    };
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
    let mut signals = Signals::new([SIGINT])?;
    let watch = move || {
        for _ in signals.forever() {
            if news.send(News::Interrupt).is_err() || waker.wake().is_err() {
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
                Ok(News::Line(Ok(Some(line)))) => self.send_line(line)?,
                Ok(News::Line(Ok(None))) if self.incomplete => {
                    // The shell knows best what is missing.
                    self.send_line(vec![END_OF_INPUT])?;
                }
                Ok(News::Line(Ok(None))) => return Ok(()),
                Ok(News::Line(Err(error))) => {
                    tracing::error!("input cannot be read: {error}");
                    self.status = 1;
                    return Ok(());
                }
                Ok(News::Interrupt) => self.interrupt()?,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => self.client.wait(None)?,
            }
            if self.state == State::Idle && self.status == INTERRUPTED {
                return Ok(());
            }
        }
    }

    fn send_line(&mut self, line: Vec<u8>) -> Result<(), ClientError> {
        let text = String::from_utf8_lossy(&line);
        self.line += 1;
        self.state = State::Busy;
        self.client
            .send(&json!({"type": "eval", "id": self.line, "text": text}))
    }

    /// Ctrl-C: ends what is evaluated there. Where nobody types, that is the end of all.
    fn interrupt(&mut self) -> Result<(), ClientError> {
        if self.prompt.is_none() {
            self.status = INTERRUPTED;
        }
        if self.state == State::Busy {
            return self.client.send(&json!({"type": "interrupt"}));
        }
        if let Some(prompt) = &self.prompt {
            write(
                Json::from(format!("\n{}", prompt.ready)).as_str(),
                io::stdout(),
            );
        }
        Ok(())
    }

    fn message(&mut self, message: &Json) {
        let text = message["text"].as_str();
        match message["type"].as_str().unwrap_or_default() {
            "ready" => self.permit(),
            "output" if message["stream"] == "errors" => write(text, io::stderr()),
            "output" => write(text, io::stdout()),
            "result" if message["id"] == self.line => {
                write(text, io::stdout());
                self.incomplete = message["status"] == "incomplete";
                self.permit();
            }
            "error" if message["id"] == self.line => {
                let text = text.or(message["message"].as_str());
                write(
                    text.map(|text| format!("{text}\n")).as_deref(),
                    io::stderr(),
                );
                self.incomplete = false;
                if self.prompt.is_none() && self.status == 0 {
                    self.status = 1;
                }
                self.permit();
            }
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

    fn permit(&mut self) {
        self.state = State::Idle;
        let prompt = match (&self.prompt, self.incomplete) {
            (None, _) => "",
            (Some(prompt), false) => &prompt.ready,
            (Some(prompt), true) => &prompt.more,
        };
        // The reader is gone only after it has told that the input has ended.
        let _ = self.permits.send(Permit(prompt.to_string()));
    }
}

/// Writes at once. Whoever closed the pipe wants no more.
fn write(text: Option<&str>, mut to: impl Write) {
    if let Some(text) = text {
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    }
}

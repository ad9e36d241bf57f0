//! `bench ws`: evaluations over WebSocket, on one connection and on a thousand.
//!
//! A kernel in a process of its own listens on the loopback; each connection has a session of its own. One
//! thread of this process is all of the clients: each sends an input, and the next one when the answer has
//! come. Answers are checked.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value as Json, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::WebSocket;
use tungstenite::{Error, Message};

use super::child::Kernel;
use super::report::Report;
use super::samples::Samples;

/// Numbers of connections.
const CONNECTIONS: [usize; 3] = [1, 100, 1000];
/// Evaluations of each run, on all connections together.
const EVALUATIONS: u64 = 20_000;
/// Evaluations of each connection that are not counted.
const WARM_UP: usize = 2;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, a connection broke, or an answer was wrong.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let evaluations = report.effort().count(EVALUATIONS) as usize;
    for &connections in report.effort().steps(&CONNECTIONS, 2) {
        let most = (connections + 8).to_string();
        let (_kernel, url) = Kernel::listen(&["--connections", &most])?;
        let mut clients = Vec::new();
        for number in 0..connections {
            clients.push(Client::connect(&url, number)?);
        }
        let (per_second, answers_us) = measure(&mut clients, evaluations)?;
        let of = format!("{connections} connections");
        report
            .row(format!("{of}: evaluations"), "1/s", vec![per_second])
            .point("ws", "connections", "evaluations", connections as f64);
        report.samples(format!("{of}: input to answer"), "us", answers_us);
    }
    Ok(())
}

/// So many evaluations: how many per second of all together, and how long each took.
fn measure(clients: &mut [Client], evaluations: usize) -> anyhow::Result<(f64, Samples)> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    for (index, client) in clients.iter_mut().enumerate() {
        let socket = client.socket.get_ref().as_raw_fd();
        poll.registry()
            .register(&mut SourceFd(&socket), Token(index), Interest::READABLE)?;
    }
    let rounds = WARM_UP + evaluations / clients.len();
    let mut answers_us = Samples::new();
    let (mut begun, mut warm, mut counted, mut done) = (Instant::now(), 0, 0, 0);
    for client in clients.iter_mut() {
        client.ask()?;
    }
    while done < clients.len() {
        poll.poll(&mut events, Some(PATIENCE))?;
        ensure!(!events.is_empty(), "bench: an answer did not come");
        for event in &events {
            let client = &mut clients[event.token().0];
            while client.answered()? {
                if client.asked == WARM_UP {
                    warm += 1;
                    if warm == 1 {
                        begun = Instant::now();
                    }
                }
                if client.asked > WARM_UP {
                    answers_us.add(client.sent.elapsed().as_nanos() as f64 / 1e3);
                    counted += 1;
                }
                if client.asked == rounds {
                    done += 1;
                    break;
                }
                client.ask()?;
            }
        }
    }
    Ok((
        f64::from(counted) / begun.elapsed().as_secs_f64(),
        answers_us,
    ))
}

/// One connection with its session.
struct Client {
    socket: WebSocket<TcpStream>,
    number: usize,
    asked: usize,
    sent: Instant,
}

impl Client {
    /// Opens a connection and waits for its session.
    fn connect(url: &str, number: usize) -> anyhow::Result<Client> {
        let rest = url.strip_prefix("http://").context("bench: no URL")?;
        let (address, _) = rest.split_once('/').context("bench: no address")?;
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!("ws://{rest}").into_client_request()?;
        let (mut socket, _) = tungstenite::client(request, stream)
            .map_err(|error| anyhow!("bench: no handshake: {error}"))?;
        socket.send(Message::text(
            json!({ "type": "hello", "version": 1 }).to_string(),
        ))?;
        while kind(&json_of(socket.read()?)?) != "ready" {}
        socket.get_ref().set_nonblocking(true)?;
        Ok(Client {
            socket,
            number,
            asked: 0,
            sent: Instant::now(),
        })
    }

    /// What the next answer is checked by.
    fn sum(&self) -> usize {
        self.number + self.asked
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        self.asked += 1;
        let text = format!("{}+{}", self.number, self.asked);
        let eval = json!({ "type": "eval", "id": self.asked, "text": text });
        self.sent = Instant::now();
        self.socket.send(Message::text(eval.to_string()))?;
        Ok(())
    }

    /// Whether the answer has come; what else comes is passed over.
    fn answered(&mut self) -> anyhow::Result<bool> {
        loop {
            let message = match self.socket.read() {
                Ok(message) => json_of(message)?,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(false);
                }
                Err(error) => return Err(error).context("bench: a connection broke"),
            };
            match kind(&message) {
                "result" => {
                    let wanted = format!("{}\n", self.sum());
                    ensure!(
                        message["text"] == wanted.as_str() && message["id"] == self.asked,
                        "bench: {message} is no answer to input {}",
                        self.asked
                    );
                    return Ok(true);
                }
                "error" | "ended" => bail!("bench: {message}"),
                _ => {}
            }
        }
    }
}

fn json_of(message: Message) -> anyhow::Result<Json> {
    match message {
        Message::Text(text) => Ok(serde_json::from_str(&text)?),
        Message::Close(frame) => bail!("bench: a connection was closed: {frame:?}"),
        _ => Ok(Json::Null),
    }
}

fn kind(message: &Json) -> &str {
    message["type"].as_str().unwrap_or_default()
}

//! One WebSocket: its frames, its pings, its end.

use std::io::{self, Read};
use std::sync::Arc;

use okernel_abi::layout::Executed;
use okernel_core::{Asker, Effect, Effects, Notice, Stream as Printed};
use serde_json::json;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role as Side, WebSocket, WebSocketConfig};
use tungstenite::{Message, Utf8Bytes};

use super::access::Role;
use super::outbox::{Outbox, WAITING_BYTES_MAX};
use super::site::Site;
use super::stream::Stream;
use super::talk::{Goodbye, NO_HELLO, SLOW, Talk};

/// The longest message of a client, in bytes.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Messages that are read in one go; the others have their turn then.
const MESSAGES_PER_TURN: usize = 32;

const SECOND_NS: u64 = 1_000_000_000;

/// A client that says nothing for so long is asked whether it is there,
const QUIET_NS: u64 = 20 * SECOND_NS;

/// and has so long to answer.
const PATIENCE_NS: u64 = 20 * SECOND_NS;

/// A client has so long to say hello.
const HELLO_NS: u64 = 10 * SECOND_NS;

/// A socket that takes nothing for so long has gone.
const STUCK_NS: u64 = 30 * SECOND_NS;

/// How long the other side has for its part of a close.
const CLOSE_NS: u64 = 2 * SECOND_NS;

/// The most bytes of the reason in a close frame.
const REASON_BYTES_MAX: usize = 123;

/// Whether a connection goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    On,
    Gone,
}

/// A WebSocket and what is said over it.
pub struct Peer {
    socket: WebSocket<Stream>,
    outbox: Outbox,
    talk: Talk,
    /// Whose output was handed to the socket, which has not taken all of it.
    unwritten: Vec<Asker>,
    begun_ns: u64,
    now_ns: u64,
    heard_ns: u64,
    pinged_ns: Option<u64>,
    /// Since when the socket takes nothing.
    stuck_ns: Option<u64>,
    /// When the close began.
    closing_ns: Option<u64>,
    /// Set when what comes is no longer looked at.
    deaf: bool,
}

impl Peer {
    /// A WebSocket whose handshake is done; `early` are the bytes that came with it.
    pub fn new(stream: Stream, early: Vec<u8>, site: Arc<Site>, role: Role, now_ns: u64) -> Peer {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let socket = WebSocket::from_partially_read(stream, early, Side::Server, Some(config));
        let mut outbox = Outbox::default();
        let talk = Talk::new(site, role, &mut outbox);
        Peer {
            socket,
            outbox,
            talk,
            unwritten: Vec::new(),
            begun_ns: now_ns,
            now_ns,
            heard_ns: now_ns,
            pinged_ns: None,
            stuck_ns: None,
            closing_ns: None,
            deaf: false,
        }
    }

    /// The stream under it.
    pub fn stream(&mut self) -> &mut Stream {
        self.socket.get_mut()
    }

    /// What the session's tasks print. None: nobody reads it any more.
    pub fn print(&mut self, stream: Printed, bytes: &[u8], asker: Asker) -> Option<()> {
        if self.outbox.is_closed() {
            return None;
        }
        self.outbox.output(stream, bytes, Some(asker));
        Some(())
    }

    /// The names that can be typed have changed.
    pub fn names(&mut self, names: &[String]) {
        self.outbox.json(&json!({"type": "names", "names": names}));
    }

    /// The socket has taken something.
    pub fn moved(&mut self) {
        self.stuck_ns = None;
    }

    /// News from the kernel.
    pub fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        self.now_ns = effects.now_ns();
        let result = match notice {
            Notice::Answer(tag, answer) => {
                self.talk.answered(tag, &answer, &mut self.outbox, effects);
                Ok(())
            }
            Notice::Spawned(answer) => self.talk.spawned(&answer, &mut self.outbox),
            Notice::Ended(task, why) => self.talk.ended(task, &why, &mut self.outbox),
            Notice::Output(stream, bytes) => {
                self.outbox.output(stream, &bytes, None);
                Ok(())
            }
            _ => Ok(()),
        };
        self.settle(result);
    }

    /// How an input went.
    pub fn reported(&mut self, report: Result<(Executed, Vec<u8>), String>, now_ns: u64) {
        self.now_ns = now_ns;
        let result = self.talk.reported(report, &mut self.outbox);
        self.settle(result);
    }

    /// Reads, writes, watches the time; asks for its next call.
    pub fn advance(&mut self, effects: &mut Effects<'_>) -> Fate {
        let fate = self.try_advance(effects);
        if fate == Fate::Gone {
            self.give_up(effects);
        }
        fate
    }

    fn try_advance(&mut self, effects: &mut Effects<'_>) -> Fate {
        let now_ns = effects.now_ns();
        self.now_ns = now_ns;
        if self.read(now_ns, effects) == Fate::Gone {
            return Fate::Gone;
        }
        let data_ns = match self.closing_ns {
            None => self.talk.pump(&mut self.outbox, effects),
            Some(_) => None,
        };
        if self.outbox.is_too_full() {
            let text = format!("slow: more than {WAITING_BYTES_MAX} bytes wait");
            self.say_goodbye(&Goodbye::new(SLOW, text));
        }
        self.watch(now_ns);
        if self.write(now_ns, effects) == Fate::Gone || self.is_overdue(now_ns) {
            return Fate::Gone;
        }
        let clock_ns = self.next_ns();
        effects.call_at(Some(
            data_ns.map_or(clock_ns, |data_ns| data_ns.min(clock_ns)),
        ));
        Fate::On
    }

    fn read(&mut self, now_ns: u64, effects: &mut Effects<'_>) -> Fate {
        for _ in 0..MESSAGES_PER_TURN {
            if self.deaf {
                return self.discard(effects);
            }
            if self.talk.is_spawning() && self.closing_ns.is_none() {
                return Fate::On;
            }
            let message = match self.socket.read() {
                Ok(message) => message,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Fate::On;
                }
                Err(error) => match fault(&error) {
                    Some(goodbye) => {
                        tracing::info!("a remote session is closed: {error}");
                        self.say_goodbye(&goodbye);
                        self.deaf = true;
                        continue;
                    }
                    None => return Fate::Gone,
                },
            };
            self.heard_ns = now_ns;
            self.pinged_ns = None;
            let result = match message {
                _ if self.closing_ns.is_some() => Ok(()),
                Message::Text(text) => self.talk.text(&text, &mut self.outbox, effects),
                Message::Binary(_) => Err(Goodbye::new(
                    CloseCode::Unsupported.into(),
                    "binary messages come from the server only",
                )),
                Message::Close(_) => {
                    self.closing_ns = Some(now_ns);
                    Ok(())
                }
                _ => Ok(()),
            };
            self.settle(result);
        }
        effects.again();
        Fate::On
    }

    /// Throws away what comes after a fault, so that the close frame is not lost to a reset.
    fn discard(&mut self, effects: &mut Effects<'_>) -> Fate {
        let mut bytes = [0; 16 << 10];
        for _ in 0..MESSAGES_PER_TURN {
            match self.socket.get_mut().read(&mut bytes) {
                Ok(0) => return Fate::Gone,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Fate::On,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Fate::Gone,
            }
        }
        effects.again();
        Fate::On
    }

    fn write(&mut self, now_ns: u64, effects: &mut Effects<'_>) -> Fate {
        let result = self.write_all();
        match result {
            Ok(()) => self.stuck_ns = None,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stuck_ns.get_or_insert(now_ns);
                return Fate::On;
            }
            // After a fault only the close frame matters, and it is written or never will be.
            Err(Error::ConnectionClosed | Error::AlreadyClosed) if self.deaf => {}
            Err(_) => return Fate::Gone,
        }
        let written = std::mem::take(&mut self.unwritten);
        if !written.is_empty() {
            effects.push(Effect::Written(written));
        }
        Fate::On
    }

    fn write_all(&mut self) -> Result<(), Error> {
        self.socket.flush()?;
        while let Some((message, asker)) = self.outbox.pop() {
            self.unwritten.extend(asker);
            // What the socket does not take now is kept there.
            self.socket.write(message)?;
        }
        self.socket.flush()
    }

    /// Asks a quiet client whether it is there.
    fn watch(&mut self, now_ns: u64) {
        if self.closing_ns.is_some() {
            return;
        }
        if self.talk.is_strange() && now_ns >= self.begun_ns + HELLO_NS {
            self.say_goodbye(&Goodbye::new(NO_HELLO, "no hello in time"));
        } else if let Some(pinged_ns) = self.pinged_ns {
            if now_ns >= pinged_ns + PATIENCE_NS {
                self.say_goodbye(&Goodbye::new(CloseCode::Away.into(), "silent"));
            }
        } else if now_ns >= self.heard_ns + QUIET_NS {
            self.pinged_ns = Some(now_ns);
            self.outbox.ping();
        }
    }

    fn is_overdue(&self, now_ns: u64) -> bool {
        let over = |since_ns: Option<u64>, span_ns| {
            since_ns.is_some_and(|since_ns| now_ns >= since_ns + span_ns)
        };
        over(self.closing_ns, CLOSE_NS) || over(self.stuck_ns, STUCK_NS)
    }

    /// When the clock has something to say next.
    fn next_ns(&self) -> u64 {
        if let Some(closing_ns) = self.closing_ns {
            return closing_ns + CLOSE_NS;
        }
        let mut next_ns = match self.pinged_ns {
            Some(pinged_ns) => pinged_ns + PATIENCE_NS,
            None => self.heard_ns + QUIET_NS,
        };
        if self.talk.is_strange() {
            next_ns = next_ns.min(self.begun_ns + HELLO_NS);
        }
        self.stuck_ns
            .map_or(next_ns, |stuck_ns| next_ns.min(stuck_ns + STUCK_NS))
    }

    fn settle(&mut self, result: Result<(), Goodbye>) {
        if let Err(goodbye) = result {
            self.say_goodbye(&goodbye);
        }
    }

    /// Sends what was said and then the close frame. What the socket does not take in time is lost.
    fn say_goodbye(&mut self, goodbye: &Goodbye) {
        if self.closing_ns.is_some() {
            return;
        }
        self.closing_ns = Some(self.now_ns);
        if goodbye.code == SLOW {
            self.unwritten.extend(self.outbox.clear());
        }
        let mut end = goodbye.reason.len().min(REASON_BYTES_MAX);
        while !goodbye.reason.is_char_boundary(end) {
            end -= 1;
        }
        let frame = CloseFrame {
            code: CloseCode::from(goodbye.code),
            reason: Utf8Bytes::from(&goodbye.reason[..end]),
        };
        self.outbox.close(frame);
    }

    /// The kernel halts, or the connection is over.
    pub fn give_up(&mut self, effects: &mut Effects<'_>) {
        self.talk.leave(effects);
        let mut written = std::mem::take(&mut self.unwritten);
        written.extend(self.outbox.clear());
        if !written.is_empty() {
            effects.push(Effect::Written(written));
        }
    }

    /// The kernel halts: the client is told, if its socket takes it.
    pub fn halt(&mut self) {
        self.say_goodbye(&Goodbye::new(CloseCode::Away.into(), "the kernel halts"));
        // Whoever does not read now is not told.
        let _ = self.write_all();
    }
}

/// How a client is told that it broke the rules; nothing when it has gone.
fn fault(error: &Error) -> Option<Goodbye> {
    let code = match error {
        Error::Capacity(_) => CloseCode::Size,
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return None,
        Error::Protocol(_) | Error::AttackAttempt => CloseCode::Protocol,
        _ => return None,
    };
    Some(Goodbye::new(code.into(), error.to_string()))
}

//! Sockets as a selector: a listener with all of its connections, or one connection that is made.
//!
//! All connections share one pair of rings, in frames ([`okernel_abi::connection`]). Nothing is read from a
//! socket, and no connection is accepted, unless its frame has room: so a slow reader of the ring stops the
//! peers. What a slow socket does not take is queued; when its queue is full the ring from the tasks
//! stands still, and so does whoever publishes there; but not for longer than the limits allow.
//!
//! Events only mark what is ready; all the work is done in turns of bounded length, each asked for by
//! [`Effects::again`], in which every connection that is ready gets one piece at a time.

mod commands;
mod opening;
mod reading;
mod timeouts;

use crate::io::connection::{Connection, Direction, Listed, Phase, number};
use crate::io::limits::SelectLimits;
use crate::io::link::{Command, Full, Link};
use crate::io::select::SelectorEntry;
use crate::io::selector::{Effect, Effects, Notice, Ready, Selector};
use crate::io::transport::reason;
use crate::table::{Key, Table};
use mio::Interest;
use mio::event::Event;
use mio::net::TcpListener;
use okernel_abi::connection::FRAME_CLOSE;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tungstenite::protocol::frame::coding::CloseCode;

/// Connections of one selector: their places are a part of tokens.
pub(crate) const CONNECTIONS_MAX: usize = 1 << 20;

/// Pieces that are read, commands that are carried out, connections that are accepted, in one turn.
const PIECES_PER_TURN: usize = 64;

/// Bytes that are read from a socket at a time.
const PIECE_BYTES_MAX: usize = 16 << 10;

/// Room for the frame that tells of a new connection, in bytes.
const PEER_BYTES: usize = 64;

/// How long a closed connection waits for its peer to close as well, and a handshake may take.
const LINGER: Duration = Duration::from_secs(1);
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long no connection is accepted when there are no descriptors left, and how long apart looks at
/// the time-outs are at least.
const PAUSE: Duration = Duration::from_millis(100);

/// The listener's part of the tokens; a connection's is its place and one.
const LISTENER: u32 = 0;

/// Where connections come from.
pub(crate) enum Source {
    Tcp(TcpListener),
    WebSocket(TcpListener),
    /// Addresses that are still to be tried.
    Connect(VecDeque<SocketAddr>),
    /// There will be no more.
    Nowhere,
}

/// A command that waits for room in the queue of its connection.
#[derive(Clone, Copy)]
struct Blocked {
    command: Command,
    since_ns: u64,
}

/// Whether there may be connections to accept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accepting {
    Yes,
    /// Not before this moment, for want of descriptors.
    Paused(u64),
    No,
}

/// The selector.
pub(crate) struct Network {
    link: Link,
    entry: SelectorEntry,
    limits: SelectLimits,
    source: Source,
    accepting: Accepting,
    connections: Table<Connection>,
    /// Those that may have something to read, each once.
    readable: VecDeque<Key>,
    /// Closes that the tasks were not told of yet.
    farewells: VecDeque<(u64, String)>,
    blocked: Option<Blocked>,
    queued_bytes: usize,
    buffer: Vec<u8>,
    alarm_ns: u64,
    /// Set when there will be no more commands: the selector goes when all connections have.
    over: Option<String>,
}

impl Network {
    pub(crate) fn new(
        source: Source,
        link: Link,
        entry: SelectorEntry,
        limits: SelectLimits,
    ) -> Network {
        Network {
            link,
            entry,
            limits,
            source,
            accepting: Accepting::No,
            connections: Table::new(),
            readable: VecDeque::new(),
            farewells: VecDeque::new(),
            blocked: None,
            queued_bytes: 0,
            buffer: Vec::new(),
            alarm_ns: u64::MAX,
            over: None,
        }
    }

    /// The longest piece that is read at a time.
    fn piece_bytes(&self) -> usize {
        match self.source {
            Source::WebSocket(_) => self.limits.message_bytes,
            _ => self.limits.message_bytes.min(PIECE_BYTES_MAX),
        }
    }

    /// Asks to be called at this moment, if not earlier.
    fn call_at(&mut self, at_ns: u64, effects: &mut Effects<'_>) {
        if at_ns < self.alarm_ns {
            self.alarm_ns = at_ns;
            effects.call_at(Some(at_ns));
        }
    }

    fn event(&mut self, part: u32, event: &Event, effects: &mut Effects<'_>) {
        if part == LISTENER {
            self.accepting = Accepting::Yes;
            return effects.again();
        }
        let Some(key) = self.connections.key_at(part as usize - 1) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if event.is_read_closed() || event.is_error() {
            connection.peer_ended = Direction::Ended;
        }
        let failed = match connection.transport.wire() {
            Some(wire) if event.is_error() => wire.stream.take_error().unwrap_or_else(Some),
            _ => None,
        };
        if let Some(error) = failed {
            return self.end(key, reason(&error), effects);
        }
        if event.is_writable() {
            let drained = connection.drain(effects.now_ns());
            self.settle(key);
            match drained {
                Err(why) => self.end(key, why, effects),
                Ok(()) => self.close_if_written(key, effects),
            }
        }
        self.list(key);
        effects.again();
    }

    /// Something may be there to be read.
    fn list(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key)
            && connection.listed == Listed::No
        {
            connection.listed = Listed::Yes;
            self.readable.push_back(key);
        }
    }

    /// Brings the sum of queued bytes up to date.
    fn settle(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key) {
            let queued = connection.transport.queued_bytes();
            self.queued_bytes = self.queued_bytes + queued - connection.counted_bytes;
            connection.counted_bytes = queued;
            self.link.stats.queued_bytes.set(self.queued_bytes as u64);
        }
    }

    /// One turn of everything that can be done now.
    fn turn(&mut self, effects: &mut Effects<'_>) {
        if self.link.is_deserted() {
            return effects.push(Effect::Remove);
        }
        if self.tell_farewells(effects).is_ok() {
            self.take_commands(effects);
            self.flush_closing(effects);
            let done = self
                .read_all(effects)
                .and_then(|()| self.tell_farewells(effects))
                .and_then(|()| self.accept_all(effects))
                .and_then(|()| self.tell_farewells(effects));
            if done.is_ok() && self.over.is_some() && self.connections.is_empty() {
                effects.push(Effect::Remove);
            }
        }
    }

    fn tell_farewells(&mut self, effects: &Effects<'_>) -> Result<(), Full> {
        while let Some((number, why)) = self.farewells.front() {
            self.link
                .send(FRAME_CLOSE, *number, why.as_bytes(), effects)?;
            self.farewells.pop_front();
        }
        Ok(())
    }

    fn farewell(&mut self, key: Key, why: &str) {
        self.farewells.push_back((number(key), why.to_string()));
        let open = self.link.stats.connections.get().saturating_sub(1);
        self.link.stats.connections.set(open);
    }

    /// A connection is over, and its socket is closed.
    fn end(&mut self, key: Key, why: String, effects: &mut Effects<'_>) {
        let Some(mut connection) = self.connections.remove(key) else {
            return;
        };
        self.queued_bytes -= connection.counted_bytes;
        self.link.stats.queued_bytes.set(self.queued_bytes as u64);
        if let Some(wire) = connection.transport.wire() {
            // Closing the socket takes it out of the poll as well.
            let _ = effects.registry().deregister(&mut wire.stream);
        }
        match (connection.phase, &mut self.source) {
            (Phase::Open | Phase::Closing, _) => self.farewell(key, &why),
            (Phase::Beginning, Source::Connect(addresses)) => match addresses.pop_front() {
                Some(next) => self.connect(next, effects),
                None => self.not_connected(why),
            },
            _ => {}
        }
        if matches!(&self.source, Source::Connect(_)) && self.connections.is_empty() {
            self.over = Some("the connection is over".to_string());
        }
        effects.again();
    }

    fn limit(&mut self, key: Key, why: String, effects: &mut Effects<'_>) {
        self.link.stats.limited.add(1);
        self.end(key, why, effects);
    }
}

impl Selector for Network {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        let token = effects.token(LISTENER);
        match &mut self.source {
            Source::Tcp(listener) | Source::WebSocket(listener) => {
                self.accepting = Accepting::Yes;
                effects
                    .registry()
                    .register(listener, token, Interest::READABLE)?;
            }
            Source::Connect(addresses) => {
                if let Some(first) = addresses.pop_front() {
                    self.connect(first, effects);
                }
            }
            Source::Nowhere => {}
        }
        effects.again();
        Ok(())
    }

    fn ready(&mut self, ready: Ready<'_>, effects: &mut Effects<'_>) {
        match ready {
            Ready::Event(part, event) => self.event(part, event, effects),
            Ready::Ring => self.turn(effects),
            Ready::Time => self.look_at_the_time(effects),
        }
    }

    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        if let Notice::Resolved(resolved) = notice {
            match resolved {
                Ok(addresses) => {
                    let mut addresses = VecDeque::from(addresses);
                    let first = addresses.pop_front();
                    self.source = Source::Connect(addresses);
                    match first {
                        Some(first) => self.connect(first, effects),
                        None => self.not_connected("the host has no address".to_string()),
                    }
                }
                Err(why) => self.not_connected(why),
            }
            effects.again();
        }
    }

    fn finalise(&mut self, effects: &mut Effects<'_>) {
        let why = self.over.take().unwrap_or("dropped".to_string());
        for key in self.connections.keys() {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.transport.say_goodbye(CloseCode::Away, &why);
                // What does not go at once is lost: nobody waits for it any more.
                let _ = connection.drain(effects.now_ns());
            }
            self.end(key, why.clone(), effects);
        }
        let _ = self.tell_farewells(effects);
        self.link.stats.connections.set(0);
    }
}

/// A span in nanoseconds; half of the clock's range at most, so that sums stay within it.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos())
        .unwrap_or(u64::MAX)
        .min(u64::MAX / 2)
}

//! How connections begin: accepted, or made.

use super::{Accepting, CONNECTIONS_MAX, HANDSHAKE, Network, PAUSE, PEER_BYTES, PIECES_PER_TURN};
use super::{Source, nanos};
use crate::io::connection::{Connection, Phase, number};
use crate::io::link::Full;
use crate::io::selector::Effects;
use crate::io::transport::{Transport, reason};
use crate::table::Key;
use mio::Interest;
use mio::net::TcpStream;
use okernel_abi::connection::FRAME_OPEN;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

impl Network {
    /// Accepts connections while there are some, and room for them.
    pub(super) fn accept_all(&mut self, effects: &mut Effects<'_>) -> Result<(), Full> {
        if let Accepting::Paused(until_ns) = self.accepting {
            if effects.now_ns() < until_ns {
                return Ok(());
            }
            self.accepting = Accepting::Yes;
        }
        for _ in 0..PIECES_PER_TURN {
            let most = self.limits.connections.min(CONNECTIONS_MAX);
            if self.accepting != Accepting::Yes || self.connections.len() >= most {
                return Ok(());
            }
            self.link.reserve(PEER_BYTES, effects)?;
            let (Source::Tcp(listener) | Source::WebSocket(listener)) = &self.source else {
                self.accepting = Accepting::No;
                return Ok(());
            };
            match listener.accept() {
                Ok((stream, _)) => self.accepted(stream, effects)?,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => self.accepting = Accepting::No,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        tracing::warn!(selector = %self.entry.id(), "no connection accepted: {error}");
                        let until_ns = effects.now_ns() + nanos(PAUSE);
                        self.accepting = Accepting::Paused(until_ns);
                        self.call_at(until_ns, effects);
                    }
                },
            }
        }
        effects.again();
        Ok(())
    }

    fn accepted(&mut self, stream: TcpStream, effects: &mut Effects<'_>) -> Result<(), Full> {
        // It only costs time if that fails.
        let _ = stream.set_nodelay(true);
        let message_bytes = self.limits.message_bytes;
        let shaking = matches!(self.source, Source::WebSocket(_));
        let transport = match shaking {
            true => Transport::web_socket(stream, message_bytes),
            false => Transport::tcp(stream),
        };
        let Some(key) = self.enter(transport, effects) else {
            return Ok(());
        };
        if !shaking {
            self.opened(key, effects)?;
        }
        Ok(())
    }

    /// Gives a connection its place, and lets the poll tell what is ready.
    fn enter(&mut self, mut transport: Transport, effects: &mut Effects<'_>) -> Option<Key> {
        let part = self.connections.next_key().index() as u32 + 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let wire = transport.wire()?;
        let registered =
            effects
                .registry()
                .register(&mut wire.stream, effects.token(part), interest);
        if let Err(error) = registered {
            tracing::warn!(selector = %self.entry.id(), "a connection cannot be polled: {error}");
            return None;
        }
        let now_ns = effects.now_ns();
        let key = self.connections.insert(Connection::new(transport, now_ns));
        self.call_at(now_ns + nanos(HANDSHAKE), effects);
        Some(key)
    }

    /// Begins to make a connection.
    pub(super) fn connect(&mut self, address: SocketAddr, effects: &mut Effects<'_>) {
        let begun = TcpStream::connect(address);
        let entered = begun.map(|stream| self.enter(Transport::tcp(stream), effects));
        let error = match entered {
            Ok(Some(_)) => return,
            Ok(None) => io::Error::other("the connection cannot be polled"),
            Err(error) => error,
        };
        match &mut self.source {
            Source::Connect(addresses) if !addresses.is_empty() => {
                if let Some(next) = addresses.pop_front() {
                    self.connect(next, effects);
                }
            }
            _ => self.not_connected(reason(&error)),
        }
    }

    /// The one connection could not be made: the tasks are told by its close, without an open.
    pub(super) fn not_connected(&mut self, why: String) {
        let number = number(self.connections.next_key());
        self.farewells.push_back((number, why));
        self.over = Some("the connection is over".to_string());
    }

    /// Looks whether the connection that is being made is there.
    pub(super) fn connected(&mut self, key: Key, effects: &mut Effects<'_>) -> Result<(), Full> {
        let wire = self
            .connections
            .get_mut(key)
            .and_then(|connection| connection.transport.wire());
        let Some(wire) = wire else {
            return Ok(());
        };
        let failed = match (wire.stream.take_error(), wire.stream.peer_addr()) {
            (Ok(Some(error)) | Err(error), _) => error,
            (Ok(None), Ok(_)) => {
                let _ = wire.stream.set_nodelay(true);
                self.list(key);
                return self.opened(key, effects);
            }
            (Ok(None), Err(error)) if error.kind() == ErrorKind::NotConnected => return Ok(()),
            (Ok(None), Err(error)) => error,
        };
        self.end(key, reason(&failed), effects);
        Ok(())
    }

    /// A connection is open: the tasks are told. There is room for that.
    pub(super) fn opened(&mut self, key: Key, effects: &mut Effects<'_>) -> Result<(), Full> {
        let Some(connection) = self.connections.get_mut(key) else {
            return Ok(());
        };
        connection.phase = Phase::Open;
        let peer = connection
            .transport
            .wire()
            .map(|wire| wire.stream.peer_addr());
        let peer = match peer {
            Some(Ok(address)) => address.to_string(),
            _ => String::new(),
        };
        self.link.stats.opened.add(1);
        let open = self.link.stats.connections.get() + 1;
        self.link.stats.connections.set(open);
        self.link
            .send(FRAME_OPEN, number(key), peer.as_bytes(), effects)
    }
}

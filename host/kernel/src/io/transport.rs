//! One connection's socket, as bytes (TCP) or as messages (WebSocket).
//!
//! What is to be written and the socket does not take waits in one queue, whichever of the two it
//! is, so the limits and the flow control above are the same for both. Nothing here waits.

use mio::net::TcpStream;
use okernel_abi::connection::{FRAME_DATA, FRAME_TEXT};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use tungstenite::error::{CapacityError, Error, ProtocolError};
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::MidHandshake;
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response, ServerHandshake};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Message, WebSocket};

/// Bytes that a WebSocket reads from its socket at a time: small, there may be many of them.
const READ_BUFFER_BYTES: usize = 4096;

/// The longest reason that fits into a WebSocket's close frame.
const REASON_BYTES_MAX: usize = 123;

/// A socket and what it has not taken yet.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    pub(crate) queue: VecDeque<u8>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into)
    }
}

impl Write for Wire {
    /// Takes everything: what the socket does not, the queue does.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while self.queue.is_empty() && written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.queue.extend(&bytes[written..]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Wire {
        Wire {
            stream,
            queue: VecDeque::new(),
        }
    }

    /// Writes what is queued, as far as the socket takes it. Answers how many bytes it took.
    pub(crate) fn drain(&mut self) -> io::Result<usize> {
        let mut written = 0;
        while !self.queue.is_empty() {
            match self.stream.write(self.queue.as_slices().0) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.queue.drain(..count);
                    written += count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.queue.is_empty() {
            // A connection that was slow once does not keep its memory for ever.
            self.queue = VecDeque::new();
        }
        Ok(written)
    }
}

/// Refuses a WebSocket that a page from elsewhere has opened in somebody's browser on this machine.
pub(crate) struct SameMachine;

impl Callback for SameMachine {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let local = |name: &str| {
            let value = request.headers().get(name)?;
            Some(value.to_str().is_ok_and(is_local))
        };
        if local("origin").unwrap_or(true) && local("host").unwrap_or(false) {
            return Ok(response);
        }
        let mut refused = ErrorResponse::new(Some("only for this machine\n".to_string()));
        *refused.status_mut() = tungstenite::http::StatusCode::FORBIDDEN;
        Err(refused)
    }
}

/// Whether `scheme://host:port` or `host:port` names this machine.
fn is_local(text: &str) -> bool {
    let host = text.split_once("://").map_or(text, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

type Shaking = MidHandshake<ServerHandshake<Wire, SameMachine>>;

/// The protocol that a connection speaks.
pub(crate) enum Transport {
    Tcp(Wire),
    /// A WebSocket whose handshake is under way; None only while it is taken a step further.
    Shaking(Option<Box<Shaking>>),
    WebSocket(Box<WebSocket<Wire>>),
}

/// What reading brought; bytes are in the buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// Bytes, or a message of this kind of frame.
    Data(u32),
    /// Bytes, and the socket has no more for now.
    LastData(u32),
    /// Nothing that concerns anybody; there may be more.
    Other,
    /// The handshake is done.
    Opened,
    /// Nothing for now.
    Nothing,
    /// Nothing will come.
    End,
    /// The peer has closed in order, both ways at once.
    Closed,
    /// The connection is over; why.
    Over(String),
    /// The same, because of the limit of a message.
    TooLarge(String),
}

impl Transport {
    pub(crate) fn tcp(stream: TcpStream) -> Transport {
        Transport::Tcp(Wire::new(stream))
    }

    /// A WebSocket's server side, before its handshake.
    pub(crate) fn web_socket(stream: TcpStream, message_bytes: usize) -> Transport {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        let shaking = ServerHandshake::start(Wire::new(stream), SameMachine, Some(config));
        Transport::Shaking(Some(Box::new(shaking)))
    }

    /// The socket; None when a handshake has failed.
    pub(crate) fn wire(&mut self) -> Option<&mut Wire> {
        match self {
            Transport::Tcp(wire) => Some(wire),
            Transport::Shaking(shaking) => Some(shaking.as_mut()?.get_mut().get_mut()),
            Transport::WebSocket(socket) => Some(socket.get_mut()),
        }
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_bytes(&mut self) -> usize {
        self.wire().map_or(0, |wire| wire.queue.len())
    }

    /// Whether what is written arrives as messages.
    pub(crate) fn is_web_socket(&self) -> bool {
        !matches!(self, Transport::Tcp(_))
    }

    /// Reads a piece, or a message, into the buffer: at most as much as it is long.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>, piece_bytes: usize) -> Taken {
        match self {
            Transport::Tcp(wire) => read_tcp(wire, buffer, piece_bytes),
            Transport::Shaking(shaking) => {
                let Some(taken) = shaking.take() else {
                    return Taken::Over("the handshake failed".to_string());
                };
                match taken.handshake() {
                    Ok(socket) => {
                        *self = Transport::WebSocket(Box::new(socket));
                        Taken::Opened
                    }
                    Err(HandshakeError::Interrupted(mid)) => {
                        *shaking = Some(Box::new(mid));
                        Taken::Nothing
                    }
                    Err(HandshakeError::Failure(error)) => {
                        Taken::Over(format!("the handshake failed: {error}"))
                    }
                }
            }
            Transport::WebSocket(socket) => match socket.read() {
                Ok(Message::Binary(bytes)) => {
                    buffer.clear();
                    buffer.extend_from_slice(&bytes);
                    Taken::Data(FRAME_DATA)
                }
                Ok(Message::Text(text)) => {
                    buffer.clear();
                    buffer.extend_from_slice(text.as_bytes());
                    Taken::Data(FRAME_TEXT)
                }
                Ok(_) => Taken::Other,
                Err(error) => self.failed(error),
            },
        }
    }

    fn failed(&mut self, error: Error) -> Taken {
        let Transport::WebSocket(socket) = self else {
            return Taken::Over(error.to_string());
        };
        match error {
            Error::Io(error) if error.kind() == ErrorKind::WouldBlock => Taken::Nothing,
            Error::Io(error) => Taken::Over(reason(&error)),
            Error::ConnectionClosed | Error::AlreadyClosed => Taken::Closed,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                Taken::Over("reset by the peer".to_string())
            }
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let text = format!("a message of {size} bytes, the limit is {max_size}");
                tell(socket, CloseCode::Size, &text);
                Taken::TooLarge(text)
            }
            Error::Utf8(text) => {
                tell(socket, CloseCode::Invalid, "not UTF-8");
                Taken::Over(format!("a text that is not UTF-8: {text}"))
            }
            error => {
                tell(socket, CloseCode::Protocol, "protocol error");
                Taken::Over(error.to_string())
            }
        }
    }

    /// Writes bytes, or a message of this kind; what the socket does not take is queued.
    ///
    /// # Errors
    /// Why the connection is over; or what is wrong with the message.
    pub(crate) fn write(&mut self, kind: u32, bytes: &[u8]) -> Result<(), String> {
        let written = match self {
            Transport::Tcp(wire) => return wire.write_all(bytes).map_err(|error| reason(&error)),
            Transport::Shaking(_) => return Err("the handshake is not done".to_string()),
            Transport::WebSocket(socket) if kind == FRAME_TEXT => match str::from_utf8(bytes) {
                Ok(text) => socket.send(Message::text(text)),
                Err(_) => return Err("the task sent a text that is not UTF-8".to_string()),
            },
            Transport::WebSocket(socket) => socket.send(Message::binary(bytes.to_vec())),
        };
        match written {
            Ok(()) => Ok(()),
            Err(Error::Io(error)) => Err(reason(&error)),
            // The peer has said goodbye already; what is still written is for nobody.
            Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Says goodbye where the protocol has a way to; the queue takes it.
    pub(crate) fn say_goodbye(&mut self, code: CloseCode, reason: &str) {
        if let Transport::WebSocket(socket) = self {
            tell(socket, code, reason);
        }
    }
}

fn tell(socket: &mut WebSocket<Wire>, code: CloseCode, reason: &str) {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = reason[..end].to_string().into();
    // Whoever is gone cannot be told.
    let _ = socket.close(Some(CloseFrame { code, reason }));
    let _ = socket.flush();
}

fn read_tcp(wire: &mut Wire, buffer: &mut Vec<u8>, piece_bytes: usize) -> Taken {
    buffer.resize(piece_bytes, 0);
    loop {
        return match wire.stream.read(buffer) {
            Ok(0) => Taken::End,
            Ok(count) => {
                buffer.truncate(count);
                if count < piece_bytes {
                    Taken::LastData(FRAME_DATA)
                } else {
                    Taken::Data(FRAME_DATA)
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Taken::Nothing,
            Err(error) => Taken::Over(reason(&error)),
        };
    }
}

/// Why a connection is over, for whoever used it.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
            "reset by the peer".to_string()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn this_machine_is_told_from_others() {
        for text in [
            "localhost",
            "http://localhost:80",
            "127.0.0.1:9",
            "https://[::1]:9",
            "[::1]",
        ] {
            assert!(is_local(text), "{text}");
        }
        for text in [
            "",
            "null",
            "http://example.com",
            "localhost.example.com",
            "10.0.0.1:1",
            "[::2]",
        ] {
            assert!(!is_local(text), "{text}");
        }
    }
}

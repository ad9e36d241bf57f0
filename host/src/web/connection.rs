//! One connection: a request's head, then an answer or a WebSocket, each in a slot of its own.
//!
//! Nothing here waits. Events come once for each change, so everything is read and written until the
//! socket says that it would block.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use mio::Interest;
use okernel_abi::layout::Executed;
use okernel_core::{Asker, Effect, Effects, Notice, Ready, Selector, Stream as Printed};

use super::access::Role;
use super::http::{self, HEAD_BYTES_MAX, Method, Parsed, Response};
use super::peer::{Fate, Peer};
use super::site::{Seat, Site, Verdict};
use super::stream::Stream;

/// TLS, head and answer have so long in all.
const REQUEST_NS: u64 = 10_000_000_000;

/// After the answer the other side has so long to close.
const LINGER_NS: u64 = 2_000_000_000;

/// Reads of one turn, after which others have theirs.
const READS_PER_TURN: usize = 16;

/// How far the connection has come.
enum Stage {
    /// The head of the request so far.
    Head(Vec<u8>),
    /// The bytes that are being written, how many of them are, and what comes then.
    Answer(Vec<u8>, usize, Then),
    /// All is said; the other side closes.
    Linger,
}

/// What comes after an answer.
enum Then {
    Close,
    /// A session with this role; the bytes came early.
    Session(Role, Vec<u8>),
}

enum Body {
    Request(Stream, Stage),
    Session(Box<Peer>),
    Gone,
}

/// A connection's selector.
pub struct Connection {
    site: Arc<Site>,
    peer: IpAddr,
    body: Body,
    /// When a request must be done.
    until_ns: u64,
    /// Kept for as long as the connection counts.
    _seat: Seat,
    waker: Option<std::task::Waker>,
}

impl Connection {
    /// A connection from `peer` whose request is yet to come.
    pub fn new(site: Arc<Site>, stream: Stream, peer: IpAddr, seat: Seat) -> Connection {
        Connection {
            site,
            peer,
            body: Body::Request(stream, Stage::Head(Vec::new())),
            until_ns: 0,
            _seat: seat,
            waker: None,
        }
    }

    /// A connection that is only told that there is no room.
    pub fn full(site: Arc<Site>, stream: Stream, peer: IpAddr, seat: Seat) -> Connection {
        let mut connection = Connection::new(site, stream, peer, seat);
        let response = Response::text(503, "Too many connections.").header("Retry-After", "5");
        if let Body::Request(_, stage) = &mut connection.body {
            *stage = Stage::Answer(response.to_bytes(Method::Get), 0, Then::Close);
        }
        connection
    }

    fn advance(&mut self, effects: &mut Effects<'_>) {
        let fate = loop {
            match std::mem::replace(&mut self.body, Body::Gone) {
                Body::Gone => return,
                Body::Session(mut peer) => {
                    let fate = peer.advance(effects);
                    self.body = Body::Session(peer);
                    break fate;
                }
                Body::Request(mut stream, stage) => {
                    let stage = match stage {
                        Stage::Head(head) => self.read_head(&mut stream, head, effects),
                        Stage::Answer(bytes, written, then) => {
                            match write_some(&mut stream, &bytes, written) {
                                Ok(written) if written < bytes.len() => {
                                    self.body =
                                        Body::Request(stream, Stage::Answer(bytes, written, then));
                                    break self.watch(effects);
                                }
                                Ok(_) => match then {
                                    Then::Session(role, early) => {
                                        let site = Arc::clone(&self.site);
                                        let now_ns = effects.now_ns();
                                        let peer = Peer::new(stream, early, site, role, now_ns);
                                        self.body = Body::Session(Box::new(peer));
                                        continue;
                                    }
                                    Then::Close => {
                                        stream.finish();
                                        self.until_ns = effects.now_ns() + LINGER_NS;
                                        Ok(Some(Stage::Linger))
                                    }
                                },
                                Err(error) => Err(error),
                            }
                        }
                        Stage::Linger => linger(&mut stream, effects),
                    };
                    match stage {
                        Ok(Some(Stage::Head(head))) => {
                            self.body = Body::Request(stream, Stage::Head(head));
                            break self.watch(effects);
                        }
                        Ok(Some(stage)) => self.body = Body::Request(stream, stage),
                        Ok(None) => {
                            self.body = Body::Request(stream, Stage::Linger);
                            break self.watch(effects);
                        }
                        Err(_) => break Fate::Gone,
                    }
                }
            }
        };
        if fate == Fate::Gone {
            self.body = Body::Gone;
            effects.push(Effect::Remove);
        }
    }

    /// Reads what there is of the head; answers the next stage, the same one when it is to be awaited.
    fn read_head(
        &mut self,
        stream: &mut Stream,
        mut head: Vec<u8>,
        effects: &mut Effects<'_>,
    ) -> io::Result<Option<Stage>> {
        let mut bytes = [0; 4096];
        loop {
            match stream.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => head.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Some(Stage::Head(head)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    // A request without TLS, a certificate that the client does not know.
                    tracing::info!(peer = %self.peer, "a connection breaks off: {error}");
                    return Err(error);
                }
            }
            let (response, method) = match http::parse(&head) {
                Parsed::Partial if head.len() <= HEAD_BYTES_MAX => continue,
                Parsed::Partial => (Response::text(431, "The head is too large."), Method::Get),
                Parsed::Broken(response) => (response, Method::Get),
                Parsed::Whole(parsed, length) => {
                    match self.site.decide(&parsed, self.peer, effects.now_ns()) {
                        Verdict::Answer(response) => (response, parsed.method),
                        Verdict::Session { key, role } => {
                            let early = head.split_off(length);
                            let then = Then::Session(role, early);
                            return Ok(Some(Stage::Answer(http::switching(&key), 0, then)));
                        }
                    }
                }
            };
            let bytes = response.to_bytes(method);
            return Ok(Some(Stage::Answer(bytes, 0, Then::Close)));
        }
    }

    /// Asks to be called when the time is up.
    fn watch(&mut self, effects: &mut Effects<'_>) -> Fate {
        if effects.now_ns() >= self.until_ns {
            return Fate::Gone;
        }
        effects.call_at(Some(self.until_ns));
        Fate::On
    }
}

/// Writes from `written` on; answers how far it came. All of it is flushed when it is all.
fn write_some(stream: &mut Stream, bytes: &[u8], mut written: usize) -> io::Result<usize> {
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    match stream.flush() {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(written),
    }
}

/// Reads until the other side closes, so that the answer is not lost to a reset. None: it has not yet.
fn linger(stream: &mut Stream, effects: &mut Effects<'_>) -> io::Result<Option<Stage>> {
    // TLS may still have a part of the answer.
    match stream.flush() {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        _ => {}
    }
    let mut bytes = [0; 4096];
    for _ in 0..READS_PER_TURN {
        match stream.read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    effects.again();
    Ok(None)
}

impl Selector for Connection {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        self.waker = Some(effects.waker());
        self.until_ns = effects.now_ns() + REQUEST_NS;
        if let Body::Request(stream, _) = &mut self.body {
            let interest = Interest::READABLE | Interest::WRITABLE;
            let token = effects.token(0);
            effects
                .registry()
                .register(stream.socket(), token, interest)?;
        }
        // What came before the registration makes no event.
        effects.again();
        Ok(())
    }

    fn ready(&mut self, ready: Ready<'_>, effects: &mut Effects<'_>) {
        if let (Ready::Event(_, event), Body::Session(peer)) = (&ready, &mut self.body)
            && event.is_writable()
        {
            peer.moved();
        }
        self.advance(effects);
    }

    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        if let Body::Session(peer) = &mut self.body {
            peer.notice(notice, effects);
        }
        self.advance(effects);
    }

    fn reported(&mut self, report: Result<(Executed, Vec<u8>), String>, effects: &mut Effects<'_>) {
        if let Body::Session(peer) = &mut self.body {
            peer.reported(report, effects.now_ns());
        }
        self.advance(effects);
    }

    fn write(&mut self, stream: Printed, bytes: Vec<u8>, asker: Asker) -> Option<()> {
        let Body::Session(peer) = &mut self.body else {
            return None;
        };
        peer.print(stream, &bytes, asker)?;
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
        Some(())
    }

    fn offer(&mut self, names: Vec<String>) {
        if let Body::Session(peer) = &mut self.body {
            peer.names(&names);
        }
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    fn finalise(&mut self, effects: &mut Effects<'_>) {
        match &mut self.body {
            Body::Session(peer) => {
                peer.halt();
                peer.give_up(effects);
                // The socket closes now, registered or not.
                let _ = effects.registry().deregister(peer.stream().socket());
            }
            Body::Request(stream, _) => {
                let _ = effects.registry().deregister(stream.socket());
            }
            Body::Gone => {}
        }
    }
}

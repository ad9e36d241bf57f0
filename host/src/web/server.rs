//! The listening socket: every connection becomes a selector of its own.

use std::fs::File;
use std::io::{self, BufReader};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use okernel_core::{Effect, Effects, Ready, Selector, Spawn, TaskId};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::access::{TokenFile, Tokens};
use super::connection::Connection;
use super::site::{Room, Site};
use super::stream::Stream;

/// Connections that are accepted in one go.
const ACCEPTS_PER_TURN: usize = 64;

/// When no descriptor is left: the next try, in nanoseconds from then.
const RETRY_NS: u64 = 100_000_000;

/// Ports that are tried when the first is taken.
const PORTS_TRIED: u16 = 100;

/// Opens a listening socket at `address`.
///
/// # Errors
/// The operating system refuses.
pub fn listen(address: SocketAddr) -> io::Result<StdListener> {
    let listener = StdListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Opens a listening socket at `address`, or at the next port that is free.
///
/// # Errors
/// None of a hundred ports is.
pub fn listen_nearby(address: SocketAddr) -> io::Result<StdListener> {
    let mut tried = address;
    for offset in 0..PORTS_TRIED {
        tried.set_port(address.port().saturating_add(offset));
        match listen(tried) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// TLS with a certificate chain and its key, in PEM files.
///
/// # Errors
/// One line that says what is wrong with which file.
pub fn tls(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let open = |path: &Path| {
        let shown = path.display();
        File::open(path).map_err(|error| format!("{shown}: {error}"))
    };
    let shown = certificate.display();
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_reader_iter(BufReader::new(open(certificate)?)).collect();
    let chain = chain.map_err(|error| format!("{shown}: no certificate in PEM: {error}"))?;
    if chain.is_empty() {
        return Err(format!("{shown}: no certificate in PEM"));
    }
    let private = PrivateKeyDer::from_pem_reader(BufReader::new(open(key)?))
        .map_err(|error| format!("{}: no private key in PEM: {error}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| format!("{shown}: {error}"))?;
    Ok(Arc::new(config))
}

/// A socket that listens, and who may come in: all that is decided before the kernel is made.
pub struct Listening {
    /// The socket, of [`listen`].
    pub socket: StdListener,
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may come in.
    pub tokens: Tokens,
    /// Where the tokens are left for the user's other programs.
    pub file: Option<TokenFile>,
    /// Names, beside addresses and `localhost`, by which it may be called.
    pub hosts: Vec<String>,
    /// The certificate, for TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Connections that may be open at a time.
    pub connections_max: usize,
}

impl Listening {
    /// Its URL, without the token.
    pub fn origin(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/", self.address)
    }

    /// The URL by which its owner comes in.
    pub fn url(&self) -> String {
        format!("{}?token={}", self.origin(), self.tokens.owner())
    }

    /// The server. `console` is the session that connections may join, `session` makes those of their own.
    pub fn serve(
        self,
        console: Option<TaskId>,
        session: impl Fn() -> Spawn + Send + Sync + 'static,
    ) -> Server {
        let site = Site {
            address: self.address,
            tokens: self.tokens,
            hosts: self.hosts,
            tls: self.tls,
            console,
            session: Box::new(session),
            file: self.file,
            attempts: Mutex::default(),
            connections_max: self.connections_max,
            open: AtomicUsize::new(0),
        };
        Server {
            site: Arc::new(site),
            listener: TcpListener::from_std(self.socket),
        }
    }
}

/// The listening socket's selector.
pub struct Server {
    site: Arc<Site>,
    listener: TcpListener,
}

impl Server {
    fn accept(&mut self, effects: &mut Effects<'_>) {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((socket, peer)) => self.welcome(socket, peer, effects),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => match error.kind() {
                    // It had gone again before it was accepted.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => {
                        tracing::warn!("a connection cannot be accepted: {error}");
                        return effects.call_at(Some(effects.now_ns() + RETRY_NS));
                    }
                },
            }
        }
        effects.again();
    }

    fn welcome(&self, socket: TcpStream, peer: SocketAddr, effects: &mut Effects<'_>) {
        let site = Arc::clone(&self.site);
        let room = site.seat();
        // Small messages, each of which somebody waits for.
        let ready = socket.set_nodelay(true);
        let stream = ready.and_then(|()| Stream::new(socket, site.tls.as_ref()));
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => return tracing::info!(%peer, "a connection is given up: {error}"),
        };
        let peer = peer.ip();
        let connection = match room {
            Room::Free(seat) => Connection::new(site, stream, peer, seat),
            Room::Full(seat) => Connection::full(site, stream, peer, seat),
            Room::None => return,
        };
        effects.push(Effect::Add(Box::new(connection)));
    }
}

impl Selector for Server {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        let token = effects.token(0);
        let registry = effects.registry();
        registry.register(&mut self.listener, token, Interest::READABLE)
    }

    fn ready(&mut self, _ready: Ready<'_>, effects: &mut Effects<'_>) {
        self.accept(effects);
    }

    fn finalise(&mut self, effects: &mut Effects<'_>) {
        // The socket closes now, registered or not.
        let _ = effects.registry().deregister(&mut self.listener);
    }
}

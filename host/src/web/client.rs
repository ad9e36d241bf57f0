//! The other end of a session: what `okernel attach` and other clients in this program speak with.
//!
//! One thread owns the socket and waits for it together with whatever else has news for it, by a
//! [`Waker`](mio::Waker).

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value as Json, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::error::Error;
use tungstenite::protocol::{WebSocket, WebSocketConfig};
use tungstenite::{HandshakeError, Message};

use super::access::TokenFile;
use super::message::VERSION;
use super::site::is_private;

/// The port where a kernel listens when nobody says.
const PORT_DEFAULT: u16 = 8001;

/// How long a connection and its handshake may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);

const SOCKET: Token = Token(0);
const NEWS: Token = Token(1);

/// Where a kernel is, and by what it knows its client.
#[derive(Debug)]
pub struct Target {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    token: String,
}

/// Why there is no session. Each is one line.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What was given is not a kernel's URL, or a file is not what it should be.
    #[error("{0}")]
    Target(String),
    /// Nobody answers there.
    #[error("{host}:{port}: {error}")]
    Connect {
        /// The kernel's host.
        host: String,
        /// Its port.
        port: u16,
        /// Why.
        error: io::Error,
    },
    /// The kernel refuses, or it is none.
    #[error("{0}")]
    Refused(String),
    /// The session was closed.
    #[error("{0}")]
    Closed(String),
    /// The connection broke.
    #[error("the connection is lost: {0}")]
    Lost(String),
}

impl Target {
    /// A kernel by its URL, such as `http://127.0.0.1:8001/?token=...`. A token that is not in it is read
    /// from `token_file`, or for a kernel of this machine from where that one has left it. `authority` is
    /// a certificate in PEM to be trusted beside the system's.
    ///
    /// # Errors
    /// The URL is none, a file cannot be read, or there is no token.
    pub fn new(
        url: &str,
        token_file: Option<&Path>,
        authority: Option<&Path>,
    ) -> Result<Target, ClientError> {
        let wrong = |text: String| ClientError::Target(text);
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let secure = match scheme {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(wrong(format!("{url}: http:// or https:// is expected"))),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let place = place.split('/').next().unwrap_or_default();
        let (host, port) = split_place(place)
            .ok_or_else(|| wrong(format!("{place}: a host and its port are expected")))?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let in_url = pairs.find(|(name, _)| *name == "token").map(|pair| pair.1);
        let token = match (in_url, token_file) {
            (Some(token), _) => token.to_string(),
            (None, Some(path)) => first_line(path).map_err(wrong)?,
            (None, None) => left_token(&host, port).map_err(wrong)?,
        };
        let tls = match secure {
            true => Some(trust(authority).map_err(wrong)?),
            false => None,
        };
        Ok(Target {
            host,
            port,
            tls,
            token,
        })
    }
}

/// Its name for people: host and port.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn split_place(place: &str) -> Option<(String, u16)> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (place, PORT_DEFAULT),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    (!host.is_empty()).then(|| (host.to_string(), port))
}

fn first_line(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_string()),
        None => Err(format!("{shown}: there is no token in it")),
    }
}

/// The token that a kernel of this machine has left for its user.
fn left_token(host: &str, port: u16) -> Result<String, String> {
    let here = host == "localhost" || host.parse().is_ok_and(is_private);
    let path = TokenFile::path_of(port).filter(|path| here && path.exists());
    match path {
        Some(path) => first_line(&path),
        None => Err(format!(
            "no token for {host}:{port}: give the whole URL that the kernel printed, or --token-file FILE"
        )),
    }
}

fn trust(authority: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = authority {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(|error| failed(&error))?;
        for certificate in CertificateDer::pem_reader_iter(BufReader::new(file)) {
            let certificate = certificate.map_err(|error| failed(&error))?;
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A client's bytes, with TLS or without.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(into),
            Stream::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

/// A session's client.
pub struct Client {
    socket: WebSocket<Stream>,
    poll: Poll,
    events: Events,
    waker: Arc<mio::Waker>,
}

impl Client {
    /// Connects and says hello; `join` tells whether to share the console's session. What the kernel
    /// answers comes by [`Client::receive`].
    ///
    /// # Errors
    /// Nobody is there, or the kernel refuses.
    pub fn connect(target: &Target, join: Join) -> Result<Client, ClientError> {
        let stream = open(target)?;
        let failed = |error: io::Error| ClientError::Lost(error.to_string());
        let host = match target.host.contains(':') {
            true => format!("[{}]", target.host),
            false => target.host.clone(),
        };
        let url = format!("ws://{host}:{}/ws", target.port);
        let refused = |text: String| ClientError::Refused(text);
        let mut request = url
            .into_client_request()
            .map_err(|error| refused(error.to_string()))?;
        let bearer = format!("Bearer {}", target.token).parse();
        let bearer = bearer.map_err(|_| refused("the token is none".to_string()))?;
        request.headers_mut().insert("Authorization", bearer);
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let made = tungstenite::client::client_with_config(request, stream, Some(config));
        let (socket, _) = made.map_err(|error| match error {
            HandshakeError::Failure(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let text = String::from_utf8_lossy(&body).trim().to_string();
                refused(match text.as_str() {
                    "" => format!("refused: {}", response.status()),
                    text => text.to_string(),
                })
            }
            HandshakeError::Failure(error) => refused(format!("no kernel answers: {error}")),
            HandshakeError::Interrupted(_) => refused("no kernel answers in time".to_string()),
        })?;
        let tcp = socket.get_ref().socket();
        tcp.set_read_timeout(None).map_err(failed)?;
        tcp.set_nonblocking(true).map_err(failed)?;
        let poll = Poll::new().map_err(failed)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let fd = tcp.as_raw_fd();
        let registry = poll.registry();
        registry
            .register(&mut SourceFd(&fd), SOCKET, interest)
            .map_err(failed)?;
        let waker = Arc::new(mio::Waker::new(registry, NEWS).map_err(failed)?);
        let mut client = Client {
            socket,
            poll,
            events: Events::with_capacity(16),
            waker,
        };
        let join = join == Join::Console;
        client.send(&json!({"type": "hello", "version": VERSION, "join": join}))?;
        Ok(client)
    }

    /// What ends a [`Client::wait`] from another thread.
    pub fn waker(&self) -> Arc<mio::Waker> {
        Arc::clone(&self.waker)
    }

    /// Sends a message. What the socket does not take now is sent later.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn send(&mut self, message: &Json) -> Result<(), ClientError> {
        let sent = self.socket.send(Message::text(message.to_string()));
        would_block(sent).map(drop)
    }

    /// Waits until something has come, the waker was used, or the time is up.
    ///
    /// # Errors
    /// The operating system cannot wait.
    pub fn wait(&mut self, time: Option<Duration>) -> Result<(), ClientError> {
        match self.poll.poll(&mut self.events, time) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(ClientError::Lost(error.to_string()))
            }
            _ => would_block(self.socket.flush()).map(drop),
        }
    }

    /// The next message that has come, if there is one. Binary ones are left out.
    ///
    /// # Errors
    /// The session was closed, or the connection is lost.
    pub fn receive(&mut self) -> Result<Option<Json>, ClientError> {
        loop {
            match would_block(self.socket.read())? {
                None => return Ok(None),
                Some(Message::Text(text)) => {
                    let message = serde_json::from_str(&text);
                    return message
                        .map(Some)
                        .map_err(|error| ClientError::Lost(format!("no JSON came: {error}")));
                }
                Some(Message::Close(Some(frame))) => {
                    return Err(ClientError::Closed(frame.reason.to_string()));
                }
                Some(_) => {}
            }
        }
    }

    /// Leaves in order, as far as that goes without waiting long.
    pub fn close(mut self) {
        if would_block(self.socket.close(None)).is_err() {
            return;
        }
        // The other side answers; if it does not, nothing is lost.
        let _ = self.wait(Some(Duration::from_millis(500)));
        let _ = self.receive();
    }
}

/// Whose session is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Join {
    /// One of the client's own.
    Own,
    /// The console's.
    Console,
}

fn open(target: &Target) -> Result<Stream, ClientError> {
    let (host, port) = (target.host.as_str(), target.port);
    let failed = |error: io::Error| ClientError::Connect {
        host: host.to_string(),
        port,
        error,
    };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs().map_err(failed)? {
        match TcpStream::connect_timeout(&address, CONNECT_TIME) {
            Ok(socket) => {
                socket.set_nodelay(true).map_err(failed)?;
                socket
                    .set_read_timeout(Some(CONNECT_TIME))
                    .map_err(failed)?;
                let Some(config) = &target.tls else {
                    return Ok(Stream::Plain(socket));
                };
                let other = |error: rustls::Error| failed(io::Error::other(error));
                let name = ServerName::try_from(host.to_string())
                    .map_err(|error| failed(io::Error::other(error)))?;
                let connection = ClientConnection::new(Arc::clone(config), name).map_err(other)?;
                return Ok(Stream::Tls(Box::new(StreamOwned::new(connection, socket))));
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

/// None for what has to wait.
fn would_block<T>(result: Result<T, Error>) -> Result<Option<T>, ClientError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
            Err(ClientError::Closed("the session is over".to_string()))
        }
        Err(error) => Err(ClientError::Lost(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, split_place};

    #[test]
    fn places_have_a_host_and_a_port() {
        for (place, host, port) in [
            ("127.0.0.1:9", "127.0.0.1", 9),
            ("localhost", "localhost", 8001),
            ("[::1]:80", "::1", 80),
            ("[::1]", "::1", 8001),
        ] {
            assert_eq!(
                split_place(place),
                Some((host.to_string(), port)),
                "{place}"
            );
        }
        for bad in ["", ":80", "a:b", "a:99999"] {
            assert_eq!(split_place(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_target_needs_a_token_and_says_so() {
        let target = Target::new("http://10.0.0.1:8001/?token=abc", None, None).unwrap();
        assert_eq!(
            (target.host.as_str(), target.token.as_str()),
            ("10.0.0.1", "abc")
        );
        let error = |url: &str| Target::new(url, None, None).unwrap_err().to_string();
        assert!(error("ftp://x").contains("http://"));
        assert!(error("10.0.0.1:8001").contains("--token-file"));
        assert!(error("http://").contains("host"));
    }
}

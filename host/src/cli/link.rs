//! A connection to a running kernel (docs/protocol.md), for the verbs that look at one from outside.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::error::Error;
use tungstenite::http::{HeaderValue, Uri, header};
use tungstenite::{HandshakeError, Message, WebSocket};

/// The version of the protocol that is spoken.
const VERSION: u64 = 1;

/// How long a kernel may take to answer at first.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Which kernel, and with what right.
#[derive(clap::Args)]
pub struct Target {
    /// The kernel: its URL as it was printed, or host:port
    #[arg(value_name = "URL", default_value = "127.0.0.1:8001")]
    url: String,
    /// A file with the token in its first line; without it the kernel's own file of this machine is read
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Where a kernel is and what it wants to be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    host: String,
    port: u16,
    security: Security,
    token: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Security {
    Plain,
    Tls,
}

impl Target {
    /// Connects, and is greeted.
    ///
    /// # Errors
    /// One line: who does not answer, or what was refused.
    pub fn open(&self) -> anyhow::Result<Link> {
        let mut place = Place::parse(&self.url)?;
        if let Some(file) = &self.token_file {
            place.token = Some(first_line(file)?);
        } else if place.token.is_none() {
            place.token = own_file(place.port).and_then(|file| first_line(&file).ok());
        }
        Link::open(&place)
    }
}

impl Place {
    /// Reads `[ws|wss|http|https://]host:port[/..][?token=..]`.
    fn parse(url: &str) -> anyhow::Result<Place> {
        let full = if url.contains("://") {
            url.to_string()
        } else {
            format!("ws://{url}")
        };
        let uri: Uri = full.parse().with_context(|| format!("{url}: no URL"))?;
        let security = match uri.scheme_str() {
            Some("ws" | "http") => Security::Plain,
            Some("wss" | "https") => Security::Tls,
            _ => bail!("{url}: a URL of ws, wss, http or https is expected"),
        };
        let host = uri.host().with_context(|| format!("{url}: no host"))?;
        let default = match security {
            Security::Plain => 80,
            Security::Tls => 443,
        };
        let pairs = uri.query().unwrap_or_default().split('&');
        let token = pairs.filter_map(|pair| pair.strip_prefix("token=")).next();
        Ok(Place {
            host: host.to_string(),
            port: uri.port_u16().unwrap_or(default),
            security,
            token: token.map(str::to_string),
        })
    }

    fn url(&self) -> String {
        let scheme = match self.security {
            Security::Plain => "ws",
            Security::Tls => "wss",
        };
        format!("{scheme}://{}:{}/ws", self.host, self.port)
    }
}

fn first_line(file: &std::path::Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the token in {}", file.display()))?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        bail!("there is no token in the first line of {}", file.display());
    }
    Ok(line.to_string())
}

/// Where a kernel of this user writes its tokens.
fn own_file(port: u16) -> Option<PathBuf> {
    let from = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = from("XDG_RUNTIME_DIR")
        .or_else(|| from("XDG_STATE_HOME"))
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(from("HOME")?).join(".local/state")))?;
    Some(folder.join("okernel").join(format!("{port}.token")))
}

/// The bytes below the WebSocket.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => &tls.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(tcp) => tcp.read(into),
            Stream::Tls(tls) => tls.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(tcp) => tcp.write(bytes),
            Stream::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => tcp.flush(),
            Stream::Tls(tls) => tls.flush(),
        }
    }
}

/// A connection that has been greeted.
#[derive(Debug)]
pub struct Link {
    socket: WebSocket<Stream>,
    /// `host:port`, for people.
    pub name: String,
}

impl Link {
    fn open(place: &Place) -> anyhow::Result<Link> {
        let name = format!("{}:{}", place.host, place.port);
        let bare = place.host.trim_matches(['[', ']']);
        let addresses = (bare, place.port).to_socket_addrs();
        let address = addresses
            .with_context(|| format!("{name} is not known"))?
            .next();
        let address = address.ok_or_else(|| anyhow!("{name} has no address"))?;
        let tcp = TcpStream::connect_timeout(&address, HANDSHAKE_MAX)
            .with_context(|| format!("no kernel answers at {name}"))?;
        tcp.set_read_timeout(Some(HANDSHAKE_MAX))?;
        tcp.set_write_timeout(Some(HANDSHAKE_MAX))?;
        tcp.set_nodelay(true)?;
        let stream = match place.security {
            Security::Plain => Stream::Plain(tcp),
            Security::Tls => Stream::Tls(Box::new(secure(bare, tcp)?)),
        };
        let mut request = place.url().into_client_request()?;
        if let Some(token) = &place.token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let value = value.context("the token has characters that none can have")?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let (socket, _) =
            tungstenite::client(request, stream).map_err(|error| refused(&name, error))?;
        let mut link = Link { socket, name };
        link.greet()?;
        Ok(link)
    }

    fn greet(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + HANDSHAKE_MAX;
        let hello = self.expect("hello", until)?;
        match hello["version"].as_u64() {
            Some(VERSION) => {}
            _ => bail!(
                "the kernel at {} speaks version {} of the protocol, this okernel {VERSION}",
                self.name,
                hello["version"]
            ),
        }
        self.send(&json!({"type": "hello", "version": VERSION, "join": true}))?;
        self.expect("ready", until)?;
        Ok(())
    }

    fn expect(&mut self, kind: &str, until: Instant) -> anyhow::Result<Value> {
        while let Some(message) = self.receive(until)? {
            match message["type"].as_str() {
                Some(found) if found == kind => return Ok(message),
                Some("error") => bail!("{}: {}", self.name, message["message"]),
                _ => {}
            }
        }
        bail!("{} takes too long to answer", self.name)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The connection is over.
    pub fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let sent = self.socket.send(Message::text(message.to_string()));
        sent.map_err(|error| lost(&self.name, &error))
    }

    /// The next text message; None when there was none until that moment.
    ///
    /// # Errors
    /// The connection is over, or what came is no message.
    pub fn receive(&mut self, until: Instant) -> anyhow::Result<Option<Value>> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.get_ref().tcp().set_read_timeout(Some(left))?;
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message = serde_json::from_str(&text);
                    return message
                        .map(Some)
                        .with_context(|| format!("{} sent what is no message", self.name));
                }
                Ok(Message::Close(frame)) => {
                    let reason = frame.map(|frame| frame.reason.to_string());
                    let reason = reason.filter(|reason| !reason.is_empty());
                    let reason = reason.unwrap_or_else(|| "without a reason".to_string());
                    bail!("{} closed the connection: {reason}", self.name);
                }
                Ok(_) => {}
                Err(Error::Io(error)) if is_early(&error) => {}
                Err(error) => return Err(lost(&self.name, &error)),
            }
        }
    }
}

fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

fn lost(name: &str, error: &Error) -> anyhow::Error {
    anyhow!("the connection to {name} was lost: {error}")
}

/// Why the handshake failed, in words.
fn refused(
    name: &str,
    error: HandshakeError<tungstenite::ClientHandshake<Stream>>,
) -> anyhow::Error {
    let HandshakeError::Failure(error) = error else {
        return anyhow!("{name} takes too long to answer");
    };
    let Error::Http(answer) = &error else {
        return anyhow!("{name} is no kernel, or wants TLS: {error}");
    };
    match answer.status().as_u16() {
        401 => anyhow!("{name} wants its token: give the URL that it printed, or --token-file"),
        403 => anyhow!("{name} does not answer to this name"),
        429 => anyhow!("{name} has seen too many wrong tokens: wait a little"),
        503 => anyhow!("{name} has too many connections"),
        status => anyhow!("{name} answered {status}"),
    }
}

fn secure(host: &str, tcp: TcpStream) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_string());
    let name = name.with_context(|| format!("{host} is no name that a certificate can have"))?;
    let session = ClientConnection::new(Arc::new(config), name)?;
    Ok(StreamOwned::new(session, tcp))
}

#[cfg(test)]
mod tests {
    use super::{Place, Security};

    #[test]
    fn urls_are_read_as_they_are_printed_and_typed() {
        let place = |url: &str| Place::parse(url).unwrap();
        let printed = place("http://127.0.0.1:8001/?token=abc");
        assert_eq!((printed.host.as_str(), printed.port), ("127.0.0.1", 8001));
        assert_eq!(printed.token.as_deref(), Some("abc"));
        assert_eq!(printed.url(), "ws://127.0.0.1:8001/ws");
        assert_eq!(place("localhost:9000").port, 9000);
        assert_eq!(place("[::1]:9000").url(), "ws://[::1]:9000/ws");
        let secure = place("wss://kernel.example");
        assert_eq!((secure.security, secure.port), (Security::Tls, 443));
        assert_eq!(secure.token, None);
        for wrong in ["ftp://x:1", "::", ""] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}

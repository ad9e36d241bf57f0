//! `--listen` and what belongs to it: where the kernel can be reached from elsewhere, and by whom.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::web::access::{TokenFile, Tokens};
use crate::web::server::{self, Listening};
use crate::web::site::{CONNECTIONS_DEFAULT, is_private};

/// Where an interactive kernel listens when nobody says.
const ADDRESS_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8001);

/// The choices.
#[derive(clap::Args)]
pub struct Listen {
    /// Serve the web console and sessions at this address; with a terminal the default is
    /// 127.0.0.1:8001, or the next port that is free
    #[arg(long, value_name = "ADDR", value_parser = address, conflicts_with = "no_listen")]
    listen: Option<SocketAddr>,
    /// Serve nothing
    #[arg(long)]
    no_listen: bool,
    /// The owner's token in the first line, a viewer's in the second; without it they are random
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The certificate chain for TLS, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A name, beside its addresses and localhost, by which the kernel may be called; may be given more
    /// than once
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Connections that may be open at a time
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS_DEFAULT as u16,
        value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
}

/// Whether to listen when nobody says where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unasked {
    Listen,
    Silent,
}

impl Listen {
    /// Opens what was asked for, and says where it is.
    ///
    /// # Errors
    /// The address is taken, or others could reach it without being known; a file is not what it should be.
    pub fn open(&self, unasked: Unasked) -> anyhow::Result<Option<Listening>> {
        let (address, socket) = match (self.listen, unasked) {
            _ if self.no_listen => return Ok(None),
            (None, Unasked::Silent) => return Ok(None),
            (None, Unasked::Listen) => match server::listen_nearby(ADDRESS_DEFAULT) {
                Ok(socket) => (ADDRESS_DEFAULT, socket),
                Err(error) => {
                    tracing::warn!("there is no web console: {ADDRESS_DEFAULT}: {error}");
                    return Ok(None);
                }
            },
            (Some(address), _) => {
                self.check(address)?;
                let socket = server::listen(address);
                (
                    address,
                    socket.with_context(|| format!("--listen {address}"))?,
                )
            }
        };
        self.listening(socket)
            .with_context(|| format!("--listen {address}"))
            .map(Some)
    }

    /// Refuses an address at which strangers could listen in.
    fn check(&self, address: SocketAddr) -> anyhow::Result<()> {
        let safe = self.token_file.is_some() && self.tls_cert.is_some();
        if !is_private(address.ip()) && !safe {
            bail!(
                "--listen {address}: others can reach this address: it needs --token-file FILE, \
                 --tls-cert FILE and --tls-key FILE"
            );
        }
        Ok(())
    }

    fn listening(&self, socket: TcpListener) -> anyhow::Result<Listening> {
        let address = socket.local_addr()?;
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(server::tls(certificate, key).map_err(anyhow::Error::msg)?)
            }
            _ => None,
        };
        let mut file = None;
        let tokens = match &self.token_file {
            Some(path) => Tokens::read(path).map_err(anyhow::Error::msg)?,
            None => {
                let tokens = Tokens::random().context("no random numbers")?;
                match TokenFile::write(&tokens, address.port()) {
                    Ok(written) => file = Some(written),
                    Err(error) => tracing::warn!("the token is in no file: {error}"),
                }
                tokens
            }
        };
        let listening = Listening {
            socket,
            address,
            tokens,
            file,
            hosts: self.host.clone(),
            tls,
            connections_max: usize::from(self.connections),
        };
        let shown = match self.token_file {
            // Whoever wrote the file knows the token; it need not be shown.
            Some(_) => listening.origin(),
            None => listening.url(),
        };
        // The kernel is of use to others, too, where nobody reads this.
        let _ = writeln!(std::io::stderr(), "okernel: web console at {shown}");
        Ok(listening)
    }
}

/// An address with its port, or a port of the loopback.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        return Ok(SocketAddr::new(ADDRESS_DEFAULT.ip(), port));
    }
    let named = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok());
    if let Some(port) = named {
        return Ok(SocketAddr::new(ADDRESS_DEFAULT.ip(), port));
    }
    text.parse()
        .map_err(|_| "expected an address with its port, such as 127.0.0.1:8001".to_string())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_may_be_short() {
        for (text, address_text) in [
            ("8001", "127.0.0.1:8001"),
            (":0", "127.0.0.1:0"),
            ("localhost:9", "127.0.0.1:9"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8001", "[::1]:8001"),
        ] {
            assert_eq!(address(text), Ok(address_text.parse().unwrap()), "{text}");
        }
        for bad in ["", "127.0.0.1", "example.org:80", "99999", "::1"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}

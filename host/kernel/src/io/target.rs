//! What a selector is to be for, read from its address: sockets, files, timers.
//!
//! | address | what |
//! |---|---|
//! | `tcp://127.0.0.1:9000` | listens; port 0: any free one |
//! | `tcp+connect://host:port` | one connection |
//! | `ws://127.0.0.1:9001` | listens for WebSockets, on this machine only |
//! | `file://path?mode=read`, `append`, `follow` or `tail` | reads a file, appends to it, reads it for ever, from its end on |
//! | `timer://100ms` | ticks; `ns us ms s m h` |
//!
//! Reading is pure; the errors name the address and what would have been right.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What a selector is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    TcpListen(SocketAddr),
    /// Host and port; the host may be a name.
    TcpConnect(String, u16),
    WebSocketListen(SocketAddr),
    File(PathBuf, Mode),
    Timer {
        period_ns: u64,
    },
}

/// What is done with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Read,
    Append,
    Follow,
    /// As Follow, from what is the end now.
    Tail,
}

/// The shortest period of a timer.
const PERIOD_NS_MIN: u64 = 10_000;

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub(crate) fn parse(address: &str) -> Result<Target, String> {
        let wrong = |what: &str| Err(format!("{address}: {what}"));
        let Some((scheme, rest)) = address.split_once("://") else {
            return wrong("an address such as tcp://127.0.0.1:9000 is expected");
        };
        match scheme {
            "tcp" => match socket(rest) {
                Some(at) => Ok(Target::TcpListen(at)),
                None => wrong("an IP address and a port are expected, as in tcp://127.0.0.1:9000"),
            },
            "ws" => match socket(rest.strip_suffix('/').unwrap_or(rest)) {
                Some(at) if at.ip().is_loopback() => Ok(Target::WebSocketListen(at)),
                Some(_) => wrong("without TLS only addresses of this machine are possible"),
                None => wrong("an IP address and a port are expected, as in ws://127.0.0.1:9001"),
            },
            "tcp+connect" => match rest.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() => match port.parse() {
                    Ok(port) if port > 0 => {
                        let host = host.trim_start_matches('[').trim_end_matches(']');
                        Ok(Target::TcpConnect(host.to_string(), port))
                    }
                    _ => wrong("the port is a number in 1..65535"),
                },
                _ => wrong("a host and a port are expected, as in tcp+connect://127.0.0.1:9000"),
            },
            "file" => file(rest).or_else(|what| wrong(&what)),
            "timer" => match period_ns(rest) {
                Some(period_ns) if period_ns >= PERIOD_NS_MIN => Ok(Target::Timer { period_ns }),
                Some(_) => wrong("the shortest period is 10us"),
                None => wrong("a period is expected, as in timer://100ms"),
            },
            _ => wrong("tcp, tcp+connect, ws, file and timer are possible"),
        }
    }

    /// One word for lists.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Target::TcpListen(_) => "tcp",
            Target::TcpConnect(..) => "connect",
            Target::WebSocketListen(_) => "ws",
            Target::File(_, Mode::Read) => "read",
            Target::File(_, Mode::Append) => "append",
            Target::File(_, Mode::Follow | Mode::Tail) => "follow",
            Target::Timer { .. } => "timer",
        }
    }

    /// Whether the selector takes frames.
    pub(crate) fn takes_frames(&self) -> bool {
        !matches!(
            self,
            Target::File(_, Mode::Read | Mode::Follow | Mode::Tail) | Target::Timer { .. }
        )
    }
}

fn socket(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => {
            let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
            Some(SocketAddr::new(ip, port.parse().ok()?))
        }
        None => text.parse().ok(),
    }
}

fn file(rest: &str) -> Result<Target, String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, "mode=read"));
    let mode = match query {
        "mode=read" => Mode::Read,
        "mode=append" => Mode::Append,
        "mode=follow" => Mode::Follow,
        "mode=tail" => Mode::Tail,
        _ => {
            let text = "after ? mode=read, mode=append, mode=follow or mode=tail is expected";
            return Err(text.to_string());
        }
    };
    if path.is_empty() {
        return Err("a path is expected".to_string());
    }
    Ok(Target::File(path.into(), mode))
}

fn period_ns(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let unit_ns = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(unit_ns)
}

#[cfg(test)]
mod tests {
    use super::{Mode, Target};

    #[test]
    fn addresses_are_read() {
        let at = |text: &str| text.parse().unwrap();
        for (address, target) in [
            (
                "tcp://127.0.0.1:9000",
                Target::TcpListen(at("127.0.0.1:9000")),
            ),
            ("tcp://localhost:0", Target::TcpListen(at("127.0.0.1:0"))),
            ("tcp://[::1]:80", Target::TcpListen(at("[::1]:80"))),
            (
                "ws://127.0.0.1:1/",
                Target::WebSocketListen(at("127.0.0.1:1")),
            ),
            ("tcp+connect://a.b:7", Target::TcpConnect("a.b".into(), 7)),
            ("tcp+connect://[::1]:7", Target::TcpConnect("::1".into(), 7)),
            ("file:///a/b", Target::File("/a/b".into(), Mode::Read)),
            (
                "file://b?mode=follow",
                Target::File("b".into(), Mode::Follow),
            ),
            (
                "file://b?mode=append",
                Target::File("b".into(), Mode::Append),
            ),
            (
                "timer://2s",
                Target::Timer {
                    period_ns: 2_000_000_000,
                },
            ),
        ] {
            assert_eq!(Target::parse(address), Ok(target));
        }
    }

    #[test]
    fn wrong_addresses_are_named() {
        for (address, word) in [
            ("9000", "such as"),
            ("tcp://here:9000", "IP address"),
            ("tcp://127.0.0.1", "port"),
            ("ws://0.0.0.0:80", "TLS"),
            ("ws://x", "IP address"),
            ("tcp+connect://:80", "host"),
            ("tcp+connect://a:0", "1..65535"),
            ("file://", "path"),
            ("file://a?mode=write", "mode=append"),
            ("timer://soon", "period"),
            ("timer://1ns", "10us"),
            ("timer://99999999999999999999h", "period"),
            ("http://a", "are possible"),
        ] {
            let error = Target::parse(address).unwrap_err();
            assert!(
                error.starts_with(address) && error.contains(word),
                "{error}"
            );
        }
    }
}

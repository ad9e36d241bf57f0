//! What all connections of one server share: its address, its tokens, and who is let in.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use okernel_core::{Spawn, TaskId};
use rustls::ServerConfig;

use super::access::{Answer, Attempts, Role, TokenFile, Tokens};
use super::http::{Head, Method, Response, Upgrade};
use super::pages;

/// Connections at a time when nobody says otherwise; further ones are answered by 503.
pub const CONNECTIONS_DEFAULT: usize = 256;

/// Connections that are being refused at a time; further ones are closed without a word.
const REFUSALS_MAX: usize = 64;

/// What a server is made of.
pub struct Site {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may come in.
    pub tokens: Tokens,
    /// Names, beside addresses and `localhost`, by which it may be called.
    pub hosts: Vec<String>,
    /// The certificate, for TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// The console's session, which connections may join.
    pub console: Option<TaskId>,
    /// Makes the session of a connection.
    pub session: Box<dyn Fn() -> Spawn + Send + Sync>,
    /// Where the tokens are left for the user's other programs.
    pub file: Option<TokenFile>,
    /// Wrong tokens of late.
    pub attempts: Mutex<Attempts>,
    /// Connections that may be open; further ones are answered by 503.
    pub connections_max: usize,
    /// Connections that are open.
    pub open: AtomicUsize,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Verdict {
    /// It is answered, and the connection ends.
    Answer(Response),
    /// It becomes a WebSocket with this key.
    Session {
        /// The client's key, for the answer.
        key: String,
        /// What it may do.
        role: Role,
    },
}

/// Counts one open connection for as long as it lives.
pub struct Seat(Arc<Site>);

/// Whether a new connection finds room.
pub enum Room {
    /// It may come in.
    Free(Seat),
    /// It can be told that there is none.
    Full(Seat),
    /// It cannot even be told.
    None,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Site {
    /// Takes a seat for a connection.
    pub fn seat(self: &Arc<Self>) -> Room {
        let taken = self.open.fetch_add(1, Ordering::AcqRel);
        let seat = Seat(Arc::clone(self));
        if taken < self.connections_max {
            Room::Free(seat)
        } else if taken < self.connections_max + REFUSALS_MAX {
            Room::Full(seat)
        } else {
            Room::None
        }
    }

    /// The name of the cookie. Cookies know no ports, so it is in the name.
    fn cookie(&self) -> String {
        format!("okernel_{}", self.address.port())
    }

    /// Decides about a request from `peer`, at that time of the kernel's clock.
    pub fn decide(&self, head: &Head, peer: IpAddr, now_ns: u64) -> Verdict {
        match self.admit(head, peer, now_ns) {
            Ok(role) => self.answer(head, role),
            Err(response) => Verdict::Answer(response),
        }
    }

    fn admit(&self, head: &Head, peer: IpAddr, now_ns: u64) -> Result<Role, Response> {
        let Some(host) = head.host.as_deref().filter(|host| self.is_own(host)) else {
            tracing::warn!(%peer, host = head.host, "a request for another host is refused");
            let text =
                "This host name is not this kernel's: use its address, or boot with --host NAME.";
            return Err(Response::text(403, text));
        };
        if let Some(origin) = &head.origin
            && !self.is_same(origin, host)
        {
            tracing::warn!(%peer, origin, "a request of another site's page is refused");
            let text = "A page of another site may not use this kernel.";
            return Err(Response::text(403, text));
        }
        let Some(token) = head.token(&self.cookie()) else {
            return Err(unknown("This kernel wants its token."));
        };
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(role) = self.tokens.role(token) {
            attempts.succeeded(peer);
            return Ok(role);
        }
        match attempts.failed(peer, now_ns) {
            Answer::Refused => {
                tracing::warn!(%peer, "a wrong token");
                Err(unknown("This token is not this kernel's."))
            }
            Answer::Warned => {
                tracing::warn!(%peer, "a wrong token once more: the address has to wait");
                Err(unknown("This token is not this kernel's."))
            }
            Answer::Wait(seconds) => {
                let text = format!("Too many wrong tokens: wait for {seconds} s.");
                let response = Response::text(429, text);
                Err(response.header("Retry-After", seconds.to_string()))
            }
        }
    }

    fn answer(&self, head: &Head, role: Role) -> Verdict {
        let answer = |response| Verdict::Answer(response);
        match &head.upgrade {
            Upgrade::WebSocket(key) if matches!(head.path.as_str(), "/" | "/ws") => {
                let key = key.clone();
                return Verdict::Session { key, role };
            }
            Upgrade::WebSocket(_) => {
                return answer(Response::text(404, "Sessions are at /ws."));
            }
            Upgrade::Broken(text) => {
                let response = Response::text(400, *text);
                return answer(response.header("Sec-WebSocket-Version", "13"));
            }
            Upgrade::None => {}
        }
        if head.method == Method::Other {
            let response = Response::text(405, "Only GET and HEAD are answered.");
            return answer(response.header("Allow", "GET, HEAD"));
        }
        if head.path == "/"
            && let Some(token) = head.query_token()
        {
            let secure = if self.tls.is_some() { "; Secure" } else { "" };
            let name = self.cookie();
            let cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
            let response = Response::text(303, "The web console is at /.");
            let response = response
                .header("Location", "/")
                .header("Set-Cookie", cookie);
            return answer(response);
        }
        answer(pages::page(&head.path).unwrap_or_else(|| {
            Response::text(404, "There is no such page; the web console is at /.")
        }))
    }

    /// Whether a `Host` may be this server: an address, which no name server can have made up, or a name
    /// that it was given.
    fn is_own(&self, host: &str) -> bool {
        let (name, port) = split_port(host);
        if port.is_some_and(|port| port.parse() != Ok(self.address.port())) {
            return false;
        }
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        bare.unwrap_or(name).parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether an `Origin` is this server under the name that the request calls it by.
    fn is_same(&self, origin: &str, host: &str) -> bool {
        let scheme = if self.tls.is_some() {
            "https://"
        } else {
            "http://"
        };
        let rest = origin.strip_prefix(scheme);
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
    }
}

fn unknown(text: &str) -> Response {
    let hint = "Open the URL that it printed when it was booted.";
    Response::text(401, format!("{text} {hint}"))
}

/// A host's name, and its port if it has one.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Whether an address can be reached from this machine only.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CONNECTIONS_DEFAULT, Room, Site, Verdict, is_private};
    use crate::web::access::{Attempts, Role, Tokens};
    use crate::web::http::{Parsed, Response, parse};
    use okernel_core::{Program, Spawn};
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, Mutex};

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const KEY: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    fn site() -> Arc<Site> {
        Arc::new(Site {
            address: "127.0.0.1:8001".parse().unwrap(),
            tokens: Tokens::random().unwrap(),
            hosts: vec!["kernel.test".to_string()],
            tls: None,
            console: None,
            session: Box::new(|| Spawn::program("s", Program::Code(String::new()))),
            file: None,
            attempts: Mutex::new(Attempts::default()),
            connections_max: CONNECTIONS_DEFAULT,
            open: AtomicUsize::new(0),
        })
    }

    fn decide(site: &Site, request: &str) -> Verdict {
        match parse(request.as_bytes()) {
            Parsed::Whole(head, _) => site.decide(&head, PEER, 0),
            other => panic!("{other:?}"),
        }
    }

    fn answer(site: &Site, request: &str) -> Response {
        match decide(site, request) {
            Verdict::Answer(response) => response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_right_token_is_let_in_wherever_it_stands() {
        let site = site();
        let token = site.tokens.owner();
        let host = "Host: 127.0.0.1:8001\r\n";
        for request in [
            format!("GET /ws?token={token} HTTP/1.1\r\n{host}{KEY}\r\n"),
            format!("GET / HTTP/1.1\r\n{host}{KEY}Cookie: okernel_8001={token}\r\n\r\n"),
            format!(
                "GET /ws HTTP/1.1\r\nHost: LOCALHOST:8001\r\n{KEY}Authorization: Bearer {token}\r\n\r\n"
            ),
            format!(
                "GET /ws?token={token} HTTP/1.1\r\nHost: kernel.test\r\nOrigin: http://kernel.test\r\n{KEY}\r\n"
            ),
            format!("GET /ws?token={token} HTTP/1.1\r\nHost: [::1]:8001\r\n{KEY}\r\n"),
        ] {
            let verdict = decide(&site, &request);
            assert!(
                matches!(
                    verdict,
                    Verdict::Session {
                        role: Role::Owner,
                        ..
                    }
                ),
                "{request} {verdict:?}"
            );
        }
    }

    #[test]
    fn the_first_page_sets_the_cookie_and_takes_the_token_out_of_sight() {
        let site = site();
        let token = site.tokens.owner();
        let response = answer(
            &site,
            &format!("GET /?token={token} HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n\r\n"),
        );
        assert_eq!(response.status, 303);
        let cookie = format!("okernel_8001={token}; Path=/; HttpOnly; SameSite=Strict");
        assert!(response.headers.contains(&("Set-Cookie", cookie.clone())));
        assert!(response.headers.contains(&("Location", "/".to_string())));
        let pair = cookie.split(';').next().unwrap();
        let page = |path: &str| {
            let host = "Host: 127.0.0.1:8001";
            answer(
                &site,
                &format!("GET {path} HTTP/1.1\r\n{host}\r\nCookie: {pair}\r\n\r\n"),
            )
        };
        assert_eq!(page("/").status, 200);
        assert_eq!(page("/../etc/passwd").status, 404);
        assert_eq!(page("/nothing").status, 404);
    }

    #[test]
    fn others_are_kept_out() {
        let site = site();
        let token = site.tokens.owner();
        let status = |host: &str, more: &str, path: &str| {
            answer(
                &site,
                &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"),
            )
            .status
        };
        let right = format!("/?token={token}");
        assert_eq!(status("127.0.0.1:8001", "", "/"), 401);
        assert_eq!(status("127.0.0.1:8001", "", "/?token=x"), 401);
        assert_eq!(status("127.0.0.1:8001", "", "/?token="), 401);
        assert_eq!(status("evil.test:8001", "", &right), 403);
        assert_eq!(status("127.0.0.1:8002", "", &right), 403);
        assert_eq!(status("127.0.0.1:8001:8001", "", &right), 403);
        assert_eq!(status("", "", &right), 403);
        let origin = |origin: &str| {
            status(
                "127.0.0.1:8001",
                &format!("Origin: {origin}\r\n{KEY}"),
                &right,
            )
        };
        assert_eq!(origin("http://evil.test"), 403);
        assert_eq!(origin("https://127.0.0.1:8001"), 403);
        assert_eq!(origin("http://127.0.0.1:8001.evil.test"), 403);
        assert_eq!(origin("null"), 403);
        assert_eq!(
            status("127.0.0.1:8001", KEY, &format!("/x?token={token}")),
            404
        );
        let post = format!("POST {right} HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n\r\n");
        assert_eq!(answer(&site, &post).status, 405);
    }

    #[test]
    fn who_guesses_is_told_to_wait_and_the_owner_is_not() {
        let site = site();
        let wrong = "GET /?token=x HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n\r\n";
        let statuses: Vec<u16> = (0..7).map(|_| answer(&site, wrong).status).collect();
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
        let right = wrong.replace("=x", &format!("={}", site.tokens.owner()));
        assert_eq!(answer(&site, &right).status, 303);
    }

    #[test]
    fn seats_are_counted() {
        let site = site();
        let mut seats = Vec::new();
        let mut counts = [0; 3];
        for _ in 0..400 {
            match site.seat() {
                Room::Free(seat) => {
                    counts[0] += 1;
                    seats.push(seat);
                }
                Room::Full(seat) => {
                    counts[1] += 1;
                    seats.push(seat);
                }
                Room::None => counts[2] += 1,
            }
        }
        assert_eq!(counts, [256, 64, 80]);
        drop(seats);
        assert!(matches!(site.seat(), Room::Free(_)));
    }

    #[test]
    fn only_the_loopback_is_private() {
        for (text, private) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_private(text.parse().unwrap()), private, "{text}");
        }
    }
}

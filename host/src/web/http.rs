//! The little of HTTP/1.1 that is spoken here: one GET, one answer, or the handshake of a WebSocket.
//!
//! A head is read whole and bounded. What it says is only sorted here; who may come in is
//! decided by [`super::site`].

use std::borrow::Cow;

use tungstenite::handshake::derive_accept_key;

/// The most bytes of a request's head.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

const HEADERS_MAX: usize = 64;

/// A request's method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Get,
    Head,
    Other,
}

/// What a request wants to become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Upgrade {
    /// It is a plain request.
    None,
    /// A WebSocket, with this key.
    WebSocket(String),
    /// A handshake that is not right, and why.
    Broken(&'static str),
}

/// A request's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub method: Method,
    /// Without the query, as it was sent.
    pub path: String,
    pub query: String,
    pub host: Option<String>,
    pub origin: Option<String>,
    pub cookies: Vec<String>,
    pub bearer: Option<String>,
    pub upgrade: Upgrade,
}

/// What bytes are.
#[derive(PartialEq, Eq, Debug)]
pub enum Parsed {
    /// The beginning of a head.
    Partial,
    /// A head of so many bytes.
    Whole(Box<Head>, usize),
    /// None, and how it is answered.
    Broken(Response),
}

/// Reads a head.
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Parsed::Partial,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return Parsed::Broken(Response::text(431, "The request's head is too large."));
        }
        Err(error) => {
            let text = format!("This is no HTTP/1.1 request: {error}.");
            return Parsed::Broken(Response::text(400, text));
        }
    };
    match read_head(&request) {
        Ok(head) => Parsed::Whole(Box::new(head), length),
        Err(text) => Parsed::Broken(Response::text(400, text)),
    }
}

fn read_head(request: &httparse::Request<'_, '_>) -> Result<Head, &'static str> {
    let target = request.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut head = Head {
        method: match request.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            _ => Method::Other,
        },
        path: path.to_string(),
        query: query.to_string(),
        host: None,
        origin: None,
        cookies: Vec::new(),
        bearer: None,
        upgrade: Upgrade::None,
    };
    let (mut upgrade, mut connection, mut version, mut key) = (None, None, None, None);
    for header in request.headers.iter() {
        let value = std::str::from_utf8(header.value).map_err(|_| "A header is not UTF-8.")?;
        let once = |place: &mut Option<String>, name| match place.replace(value.trim().to_string())
        {
            None => Ok(()),
            Some(_) => Err(name),
        };
        match header.name.to_ascii_lowercase().as_str() {
            "host" => once(&mut head.host, "There is more than one Host.")?,
            "origin" => once(&mut head.origin, "There is more than one Origin.")?,
            "cookie" => {
                let pairs = value.split(';').map(|pair| pair.trim().to_string());
                head.cookies.extend(pairs);
            }
            "authorization" => {
                head.bearer = value
                    .strip_prefix("Bearer ")
                    .map(|token| token.trim().to_string());
            }
            "upgrade" => upgrade = Some(value),
            "connection" => connection = Some(value),
            "sec-websocket-version" => version = Some(value.trim()),
            "sec-websocket-key" => key = Some(value.trim()),
            _ => {}
        }
    }
    let has = |list: Option<&str>, word: &str| {
        let mut words = list.unwrap_or_default().split(',');
        words.any(|item| item.trim().eq_ignore_ascii_case(word))
    };
    if has(upgrade, "websocket") {
        head.upgrade = match (head.method, version, key) {
            _ if !has(connection, "upgrade") => Upgrade::Broken("Connection: Upgrade is missing."),
            (Method::Get, Some("13"), Some(key)) if is_key(key) => {
                Upgrade::WebSocket(key.to_string())
            }
            (Method::Get, Some("13"), _) => Upgrade::Broken("Sec-WebSocket-Key is wrong."),
            (Method::Get, _, _) => Upgrade::Broken("Sec-WebSocket-Version: 13 is expected."),
            _ => Upgrade::Broken("A WebSocket begins with GET."),
        };
    }
    Ok(head)
}

/// Whether text is the Base64 form of 16 bytes.
fn is_key(key: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with("==") && key.bytes().take(22).all(fine)
}

impl Head {
    /// The token that it shows: in its URL, its header or its cookie, in this order.
    pub fn token(&self, cookie: &str) -> Option<&str> {
        self.query_token().or(self.bearer.as_deref()).or_else(|| {
            let mut pairs = self.cookies.iter().filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == cookie).map(|pair| pair.1)
        })
    }

    /// The token in its URL.
    pub fn query_token(&self) -> Option<&str> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == "token").map(|pair| pair.1)
    }
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Cow<'static, [u8]>,
}

/// What every answer says to browsers: nothing from elsewhere, nowhere else, not kept.
const SAFETY: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cross-Origin-Opener-Policy: same-origin\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Cache-Control: no-store\r\n\
    Connection: close\r\n";

impl Response {
    /// A body of some type.
    pub fn body(kind: &str, body: impl Into<Cow<'static, [u8]>>) -> Response {
        Response {
            status: 200,
            headers: vec![("Content-Type", kind.to_string())],
            body: body.into(),
        }
    }

    /// A plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Response {
        let mut text = text.into();
        text.push('\n');
        let mut response = Response::body("text/plain; charset=utf-8", text.into_bytes());
        response.status = status;
        response
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// As bytes; for HEAD without the body.
    pub fn to_bytes(&self, method: Method) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        head.push_str(SAFETY);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = head.into_bytes();
        if method != Method::Head {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

/// The answer to a right handshake.
pub fn switching(key: &str) -> Vec<u8> {
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{HEAD_BYTES_MAX, Method, Parsed, Response, Upgrade, parse, switching};

    fn head(text: &str) -> super::Head {
        match parse(text.as_bytes()) {
            Parsed::Whole(head, length) => {
                assert_eq!(length, text.len());
                *head
            }
            other => panic!("{other:?}"),
        }
    }

    fn refused(text: &[u8]) -> u16 {
        match parse(text) {
            Parsed::Broken(response) => response.status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_head_is_sorted() {
        let head = head(
            "GET /a/b?x=1&token=abc HTTP/1.1\r\nHost: localhost:8001\r\nCookie: a=1; okernel_8001=def\r\n\
             Authorization: Bearer ghi\r\n\r\n",
        );
        assert_eq!((head.method, head.path.as_str()), (Method::Get, "/a/b"));
        assert_eq!(head.host.as_deref(), Some("localhost:8001"));
        assert_eq!(head.token("okernel_8001"), Some("abc"));
        assert_eq!(head.upgrade, Upgrade::None);
    }

    #[test]
    fn tokens_are_found_where_they_are() {
        let cookie = head("GET / HTTP/1.1\r\nCookie: b=2; okernel_1=t\r\n\r\n");
        assert_eq!(
            (cookie.token("okernel_1"), cookie.token("okernel_2")),
            (Some("t"), None)
        );
        let bearer = head("GET / HTTP/1.1\r\nAuthorization: Bearer t\r\n\r\n");
        assert_eq!(bearer.token("okernel_1"), Some("t"));
    }

    #[test]
    fn a_handshake_is_right_or_says_why_not() {
        let with = |lines: &str| head(&format!("GET /ws HTTP/1.1\r\n{lines}\r\n")).upgrade;
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let right = format!(
            "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n{key}"
        );
        assert_eq!(
            with(&right),
            Upgrade::WebSocket("dGhlIHNhbXBsZSBub25jZQ==".to_string())
        );
        for wrong in [
            right.replace("13", "8"),
            right.replace("==", ""),
            right.replace("keep-alive, Upgrade", "close"),
            right.replace(key, ""),
        ] {
            assert!(matches!(with(&wrong), Upgrade::Broken(_)), "{wrong}");
        }
        let bytes = switching("dGhlIHNhbXBsZSBub25jZQ==");
        assert!(
            String::from_utf8(bytes)
                .unwrap()
                .contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
    }

    #[test]
    fn what_is_no_request_is_refused_and_what_is_half_is_awaited() {
        assert_eq!(parse(b""), Parsed::Partial);
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost: a"), Parsed::Partial);
        assert_eq!(refused(b"\x16\x03\x01\x02\x00\x01"), 400);
        assert_eq!(
            refused(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            400
        );
        assert_eq!(refused(b"GET / HTTP/1.1\r\nX: \xff\xfe\r\n\r\n"), 400);
        let mut long = b"GET / HTTP/1.1\r\nX: ".to_vec();
        long.resize(HEAD_BYTES_MAX, b'a');
        assert_eq!(refused(&long), 431);
        let many = "a: b\r\n".repeat(65);
        assert_eq!(
            refused(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()),
            431
        );
    }

    #[test]
    fn an_answer_is_whole_and_safe() {
        let response = Response::text(401, "no").header("Retry-After", "3");
        let text = String::from_utf8(response.to_bytes(Method::Get)).unwrap();
        assert!(text.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
        assert!(text.contains("frame-ancestors 'none'") && text.contains("Retry-After: 3\r\n"));
        assert!(text.ends_with("Content-Length: 3\r\n\r\nno\n"));
        let text = String::from_utf8(response.to_bytes(Method::Head)).unwrap();
        assert!(text.ends_with("Content-Length: 3\r\n\r\n"));
    }
}

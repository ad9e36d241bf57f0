//! Serves a small page over HTTP: one page, each request counted.
//!
//! Grants: `in` and `out`, the two rings of a selector that listens. Arguments: the page's text (a greeting).
//!
//! It knows GET and HEAD, answers one request after another on a connection as long as the client keeps it, and
//! refuses what it does not know. A request's head may have 8 KiB.

use okernel_sdk::{Context, Result, TcpListener, TcpStream};
use std::cell::Cell;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8192;

const GREETING: &str = "Hello from a sandboxed task.";

/// The task.
///
/// # Errors
/// A grant is missing, or its ring cannot be used.
#[okernel_sdk::task(wants("in: subscriber", "out: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    let text = ctx.args()?.into_iter().next();
    let text = escape(text.as_deref().unwrap_or(GREETING));
    let requests = Cell::new(0u64);
    let listener = TcpListener::open(&ctx, "in", "out")?;
    listener
        .serve(async |stream| serve(stream, &text, &requests).await)
        .await
}

/// One connection: a request, a response, and so on.
async fn serve(mut stream: TcpStream, text: &str, requests: &Cell<u64>) -> Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(end) = find_end(&buffer) else {
            if buffer.len() > HEAD_BYTES_MAX {
                return refuse(&mut stream, "431 Request Header Fields Too Large").await;
            }
            match stream.recv().await? {
                Some(bytes) => buffer.extend_from_slice(&bytes),
                None => return Ok(()),
            }
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end);
        let mut words = head.lines().next().unwrap_or("").split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match (method, path) {
            ("GET" | "HEAD", "/") => {
                requests.set(requests.get() + 1);
                let page = page(text, requests.get());
                let mut response = response("200 OK", page.len());
                if method == "GET" {
                    response.push_str(&page);
                }
                stream.write(response.as_bytes()).await?;
            }
            ("GET" | "HEAD", _) => {
                stream
                    .write(response("404 Not Found", 0).as_bytes())
                    .await?
            }
            // The request may have a body, which is not looked at: the connection is of no more use.
            _ => return refuse(&mut stream, "405 Method Not Allowed").await,
        }
        if wants_close(&head) {
            return Ok(());
        }
    }
}

async fn refuse(stream: &mut TcpStream, status: &str) -> Result<()> {
    stream.write(response(status, 0).as_bytes()).await
}

/// Where the head of a request ends, if all of it is there.
fn find_end(buffer: &[u8]) -> Option<usize> {
    let at = buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

fn wants_close(head: &str) -> bool {
    let close = head.lines().any(|line| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close")
    });
    close
        || head
            .lines()
            .next()
            .is_some_and(|line| line.ends_with("HTTP/1.0"))
}

fn response(status: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn page(text: &str, requests: u64) -> String {
    format!(
        "<!doctype html>\n<title>okernel</title>\n<h1>{text}</h1>\n<p>Request {requests}.</p>\n"
    )
}

/// A text as it stands in a page.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::abi::connection::{FRAME_DATA, FRAME_END, FRAME_OPEN, join, split};
    use okernel_sdk::testing::Harness;

    /// What the pieces of one connection are answered.
    fn answers(pieces: &[&str]) -> String {
        let mut frames = vec![(FRAME_OPEN, join(1, b""))];
        frames.extend(
            pieces
                .iter()
                .map(|piece| (FRAME_DATA, join(1, piece.as_bytes()))),
        );
        frames.push((FRAME_END, join(1, b"")));
        let frames: Vec<(u32, &[u8])> = frames.iter().map(|(kind, it)| (*kind, &it[..])).collect();
        let done = Harness::new()
            .feed_frames("in", &frames)
            .collect("out", 65536)
            .args(["a < b"])
            .run(main);
        assert_eq!(done.result, Ok(()));
        let mut text = String::new();
        for (kind, payload) in done.frames("out") {
            if kind == FRAME_DATA {
                text.push_str(std::str::from_utf8(split(&payload).unwrap().1).unwrap());
            }
        }
        text
    }

    #[test]
    fn requests_are_answered_one_after_another_wherever_they_are_cut() {
        let text = answers(&[
            "GET / HT",
            "TP/1.1\r\nHost: x\r\n\r",
            "\nGET / HTTP/1.1\r\n\r\n",
        ]);
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
        assert!(text.contains("<h1>a &lt; b</h1>\n<p>Request 1."), "{text}");
        assert!(text.contains("<p>Request 2."), "{text}");
        let (head, page) = text.split_once("\r\n\r\n").unwrap();
        let length = format!("Content-Length: {}", page.find("HTTP/1.1").unwrap());
        assert!(head.ends_with(&length), "{head}");
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        assert!(answers(&["GET /other HTTP/1.1\r\n\r\n"]).starts_with("HTTP/1.1 404"));
        let text = answers(&["POST / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"]);
        assert!(
            text.starts_with("HTTP/1.1 405") && !text.contains("200"),
            "{text}"
        );
        assert!(answers(&[&"x".repeat(9000)]).starts_with("HTTP/1.1 431"));
        let text = answers(&["HEAD / HTTP/1.1\r\nConnection: Close\r\n\r\nGET / HTTP/1.1\r\n\r\n"]);
        assert!(
            text.ends_with("\r\n\r\n") && text.matches("200").count() == 1,
            "{text}"
        );
        assert_eq!(answers(&["GET / HTTP/1.1\r\n"]), "");
    }
}

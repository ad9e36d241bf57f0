//! What waits to be sent to one client, counted.
//!
//! Output of programs is acknowledged when the socket has taken it, so a program is as slow as its
//! reader. What cannot be held back (answers, a copy of the console's output) counts against a limit.

use std::collections::VecDeque;

use okernel_core::{Asker, Stream};
use serde_json::{Value as Json, json};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Bytes, Message};

/// The most bytes that may wait; more ends the connection. The longest outcome of an input fits,
/// whatever becomes of its bytes in JSON.
pub const WAITING_BYTES_MAX: usize = 64 << 20;

/// With more than this waiting, data of rings is held back.
const BUSY_BYTES: usize = 256 << 10;

/// Longer messages are sent in fragments of so many bytes, so that a large one is not moved about in
/// memory for each piece that the socket takes.
const FRAGMENT_BYTES: usize = 64 << 10;

/// The longest incomplete character of UTF-8, in bytes.
const CHARACTER_BYTES_MAX: usize = 4;

/// Messages on their way.
#[derive(Default)]
pub struct Outbox {
    queue: VecDeque<(Message, Option<Asker>)>,
    waiting_bytes: usize,
    /// Set when the last message is in: what comes later is thrown away.
    closed: bool,
    /// The beginnings of characters whose other bytes were not printed yet, of both streams.
    cut: [Vec<u8>; 2],
}

impl Outbox {
    /// One message.
    pub fn json(&mut self, message: &Json) {
        self.push_data(Data::Text, message.to_string().into(), None);
    }

    /// One binary message.
    pub fn binary(&mut self, bytes: Vec<u8>) {
        self.push_data(Data::Binary, bytes.into(), None);
    }

    /// A ping.
    pub fn ping(&mut self) {
        self.push(Message::Ping(Vec::new().into()), None);
    }

    /// What was printed. A character that is cut in two is sent when it is whole.
    pub fn output(&mut self, stream: Stream, bytes: &[u8], asker: Option<Asker>) {
        let (index, word) = match stream {
            Stream::Out => (0, "out"),
            Stream::Errors => (1, "errors"),
        };
        let mut all = std::mem::take(&mut self.cut[index]);
        all.extend_from_slice(bytes);
        let whole = whole_characters(&all);
        self.cut[index] = all.split_off(whole);
        let text = String::from_utf8_lossy(&all);
        let message = json!({"type": "output", "stream": word, "text": text});
        self.push_data(Data::Text, message.to_string().into(), asker);
    }

    fn push_data(&mut self, kind: Data, mut bytes: Bytes, asker: Option<Asker>) {
        let mut kind = kind;
        while bytes.len() > FRAGMENT_BYTES {
            let piece = bytes.split_to(FRAGMENT_BYTES);
            let frame = Frame::message(piece, OpCode::Data(kind), false);
            self.push(Message::Frame(frame), None);
            kind = Data::Continue;
        }
        let frame = Frame::message(bytes, OpCode::Data(kind), true);
        self.push(Message::Frame(frame), asker);
    }

    /// The last message: why the connection ends.
    pub fn close(&mut self, frame: CloseFrame) {
        self.push(Message::Close(Some(frame)), None);
        self.closed = true;
    }

    /// Whether the last message is in.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn push(&mut self, message: Message, asker: Option<Asker>) {
        if self.closed {
            return;
        }
        self.waiting_bytes += message.len();
        self.queue.push_back((message, asker));
    }

    /// The next message to be sent.
    pub fn pop(&mut self) -> Option<(Message, Option<Asker>)> {
        let (message, asker) = self.queue.pop_front()?;
        self.waiting_bytes -= message.len();
        Some((message, asker))
    }

    /// Whether so much waits that data should.
    pub fn is_busy(&self) -> bool {
        self.waiting_bytes > BUSY_BYTES
    }

    /// Whether more waits than may.
    pub fn is_too_full(&self) -> bool {
        self.waiting_bytes > WAITING_BYTES_MAX
    }

    /// Gives everything up; answers who waits for it to be written.
    pub fn clear(&mut self) -> Vec<Asker> {
        self.waiting_bytes = 0;
        self.queue
            .drain(..)
            .filter_map(|(_, asker)| asker)
            .collect()
    }
}

/// How many bytes come before a character whose end is missing.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(CHARACTER_BYTES_MAX - 1);
    for at in (tail..bytes.len()).rev() {
        let wanted = match bytes[at] {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            // The middle of a character: its first byte is further back.
            0x80..=0xbf => continue,
            _ => return bytes.len(),
        };
        return if at + wanted > bytes.len() {
            at
        } else {
            bytes.len()
        };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::{FRAGMENT_BYTES, Outbox, WAITING_BYTES_MAX, whole_characters};
    use okernel_core::Stream;
    use serde_json::{Value as Json, json};
    use tungstenite::Message;

    #[test]
    fn a_character_is_sent_whole() {
        let text = "a\u{e9}\u{20ac}\u{1f600}";
        let mut outbox = Outbox::default();
        for byte in text.as_bytes() {
            outbox.output(Stream::Out, &[*byte], None);
        }
        outbox.output(Stream::Errors, b"\xff\n", None);
        let mut got = [String::new(), String::new()];
        while let Some((Message::Frame(frame), _)) = outbox.pop() {
            let message: Json = serde_json::from_slice(frame.payload()).unwrap();
            let index = usize::from(message["stream"] == "errors");
            got[index].push_str(message["text"].as_str().unwrap());
        }
        assert_eq!(got, [text.to_string(), "\u{fffd}\n".to_string()]);
        assert_eq!(outbox.waiting_bytes, 0);
    }

    #[test]
    fn only_the_end_can_be_cut() {
        for (bytes, whole) in [
            (&b""[..], 0),
            (b"abc", 3),
            (b"ab\xc3", 2),
            (b"ab\xe2\x82", 2),
            (b"ab\xf0\x9f\x98", 2),
            (b"\x80\x80\x80\x80", 4),
            (b"\xff", 1),
        ] {
            assert_eq!(whole_characters(bytes), whole, "{bytes:?}");
        }
    }

    #[test]
    fn what_waits_is_counted() {
        let mut outbox = Outbox::default();
        outbox.binary(vec![0; WAITING_BYTES_MAX - FRAGMENT_BYTES]);
        assert!(outbox.is_busy() && !outbox.is_too_full());
        for _ in 0..FRAGMENT_BYTES {
            outbox.json(&json!({"type": "pong"}));
        }
        assert!(outbox.is_too_full());
        while outbox.is_too_full() {
            assert!(outbox.pop().is_some());
        }
        outbox.clear();
        assert!(outbox.pop().is_none() && !outbox.is_busy());
    }
}

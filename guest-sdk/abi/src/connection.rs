//! Frames between a selector (sockets, files) and the tasks that use it.
//!
//! A selector has many connections on one pair of rings, so each of these frames begins with the number
//! of its connection, eight bytes. A connection's numbers are never used again. What follows:
//!
//! | kind | from the selector | to the selector |
//! |---|---|---|
//! | [`FRAME_OPEN`] | there is a connection; who it is with, as text | |
//! | [`FRAME_DATA`] | bytes that came; a binary message | bytes to be written; a binary message |
//! | [`FRAME_TEXT`] | a text message of a WebSocket | the same |
//! | [`FRAME_END`] | nothing more will come; writing is still possible | nothing more will be written |
//! | [`FRAME_CLOSE`] | the connection is over; why, as text | it is to be closed when all is written; why |
//!
//! Every open is followed by exactly one close, whoever ended the connection.

use alloc::vec::Vec;

/// Kind of a frame: a connection begins.
pub const FRAME_OPEN: u32 = 2;

/// Kind of a frame: bytes of a connection.
pub const FRAME_DATA: u32 = 3;

/// Kind of a frame: a message of a connection that is text, UTF-8.
pub const FRAME_TEXT: u32 = 4;

/// Kind of a frame: one direction of a connection has ended in order.
pub const FRAME_END: u32 = 5;

/// Kind of a frame: a connection is over, or is to be.
pub const FRAME_CLOSE: u32 = 6;

/// Bytes of a connection's number at the beginning of a payload.
pub const CONNECTION_BYTES: usize = 8;

/// Why a connection is over that a task has closed, when all of it was written.
pub const CLOSED_BY_TASK: &str = "closed by the task";

/// Takes a payload apart: the connection's number, and what follows. None: it is too short.
pub fn split(payload: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = payload.split_first_chunk::<CONNECTION_BYTES>()?;
    Some((u64::from_le_bytes(*number), rest))
}

/// Puts a payload together: the connection's number, and what follows.
pub fn join(number: u64, rest: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(CONNECTION_BYTES + rest.len());
    payload.extend_from_slice(&number.to_le_bytes());
    payload.extend_from_slice(rest);
    payload
}

/// The word for a kind, as programs in O see it.
pub fn name(kind: u32) -> Option<&'static str> {
    Some(match kind {
        FRAME_OPEN => "open",
        FRAME_DATA => "data",
        FRAME_TEXT => "text",
        FRAME_END => "end",
        FRAME_CLOSE => "close",
        _ => return None,
    })
}

/// The kind that a word stands for.
pub fn kind(name: &str) -> Option<u32> {
    (FRAME_OPEN..=FRAME_CLOSE).find(|kind| self::name(*kind) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::{FRAME_CLOSE, FRAME_OPEN, join, kind, name, split};

    #[test]
    fn payloads_begin_with_a_number() {
        assert_eq!(split(&join(9, b"ab")), Some((9, &b"ab"[..])));
        assert_eq!(
            split(b"\x05\0\0\0\0\0\0\x01rest"),
            Some((5 | 1 << 56, &b"rest"[..]))
        );
        assert_eq!(split(b"\x05\0\0\0\0\0\0"), None);
    }

    #[test]
    fn kinds_and_words_agree() {
        for number in FRAME_OPEN..=FRAME_CLOSE {
            assert_eq!(name(number).and_then(kind), Some(number));
        }
        assert_eq!((kind("nothing"), name(1), name(7)), (None, None, None));
    }
}

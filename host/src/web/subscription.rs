//! One ring that a client follows.
//!
//! The reader is a `Lap` one: the ring never waits for a network. It takes at most so many frames each
//! second as the client has asked for; what is overwritten meanwhile is counted.

use std::task::Waker;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use okernel_abi::frame::FRAME_VALUE;
use okernel_abi::value::Value;
use okernel_core::OwnSubscriber;
use okernel_ring::{FrameError, RecvError, Registered};
use serde_json::{Value as Json, json};

use super::json::to_json;
use super::message::Format;
use super::outbox::Outbox;

const SECOND_NS: u64 = 1_000_000_000;

/// Looks at the ring in one go, should its publisher overtake each of them.
const ATTEMPTS_MAX: usize = 8;

/// A subscriber and how its data is sent.
pub struct Subscription {
    /// The client's number for it.
    pub id: u64,
    ring: i64,
    own: OwnSubscriber,
    format: Format,
    interval_ns: u64,
    /// No frame is sent before this moment.
    next_ns: u64,
    missed_bytes: u64,
    payload: Vec<u8>,
}

/// When there is more to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// When the ring has data: the waker was armed.
    Woken,
    /// At this moment.
    At(u64),
    /// When less waits to be sent.
    Room,
    /// Never: the subscription is over, for this reason.
    Over(String),
}

impl Subscription {
    /// Follows a ring, at most `rate` frames each second.
    pub fn new(id: u64, ring: i64, own: OwnSubscriber, format: Format, rate: u32) -> Subscription {
        Subscription {
            id,
            ring,
            own,
            format,
            interval_ns: SECOND_NS / u64::from(rate.max(1)),
            next_ns: 0,
            missed_bytes: 0,
            payload: Vec::new(),
        }
    }

    /// Sends what may be sent now.
    pub fn pump(&mut self, outbox: &mut Outbox, waker: &Waker, now_ns: u64) -> Next {
        for _ in 0..ATTEMPTS_MAX {
            if outbox.is_busy() {
                return Next::Room;
            }
            if now_ns < self.next_ns {
                return Next::At(self.next_ns);
            }
            match self.own.end.recv(&mut self.payload) {
                Ok(frame) => {
                    self.send(frame.kind, outbox);
                    self.next_ns = now_ns + self.interval_ns;
                }
                Err(FrameError::Recv(RecvError::Empty)) => {
                    if self.own.end.register(waker) == Registered::Waiting {
                        return Next::Woken;
                    }
                }
                Err(FrameError::Recv(RecvError::Lapped { missed_bytes })) => {
                    self.missed_bytes += missed_bytes;
                }
                Err(FrameError::Recv(RecvError::Closed)) => {
                    return Next::Over("the ring was closed".to_string());
                }
                Err(error) => return Next::Over(error.to_string()),
            }
        }
        // The publisher is faster than one look: later, then.
        Next::At(now_ns + self.interval_ns)
    }

    fn send(&mut self, kind: u32, outbox: &mut Outbox) {
        let missed = std::mem::take(&mut self.missed_bytes);
        let mut message = json!({
            "type": "data", "id": self.id, "ring": self.ring, "kind": kind, "missed": missed,
        });
        if self.format == Format::Binary {
            message["binary"] = Json::Bool(true);
            outbox.json(&message);
            outbox.binary(std::mem::take(&mut self.payload));
            return;
        }
        // Whoever publishes may call anything a value.
        let value = match kind {
            FRAME_VALUE => Value::decode(&self.payload).ok(),
            _ => None,
        };
        match value {
            Some(value) => message["value"] = to_json(&value),
            None => message["bytes"] = Json::from(BASE64.encode(&self.payload)),
        }
        outbox.json(&message);
    }
}

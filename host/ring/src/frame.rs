//! Skeleton.
use crate::*;
use std::ops::{Deref, DerefMut};
use std::task::Waker;
/// A publisher of frames.
#[derive(Debug)]
pub struct FramePublisher(Publisher);
/// A subscriber to frames.
#[derive(Debug)]
pub struct FrameSubscriber(Subscriber);
/// What is known of a frame that was read: its kind, and how long its payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is; the publisher and its subscribers agree on it.
    pub kind: u32,
    /// The payload's length, in bytes, without padding.
    pub payload_bytes: usize,
}
/// Room for one frame's payload.
#[derive(Debug)]
pub struct FrameClaim<'a>(Claim<'a>);
#[allow(missing_docs, unused)]
impl FramePublisher {
    pub fn new(publisher: Publisher) -> Result<Self, ViewError> {
        unimplemented!()
    }
    pub fn publisher(&self) -> &Publisher {
        &self.0
    }
    pub fn into_inner(self) -> Publisher {
        self.0
    }
    pub fn send(&mut self, kind: u32, payload: &[u8]) -> Result<(), ClaimError> {
        unimplemented!()
    }
    pub fn claim(&mut self, kind: u32, payload_bytes: usize) -> Result<FrameClaim<'_>, ClaimError> {
        unimplemented!()
    }
    pub fn register(&mut self, waker: &Waker, payload_bytes: usize) -> Registered {
        unimplemented!()
    }
}
#[allow(missing_docs, unused)]
impl FrameClaim<'_> {
    pub fn commit(self) {
        unimplemented!()
    }
}
impl Deref for FrameClaim<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        unimplemented!()
    }
}
impl DerefMut for FrameClaim<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        unimplemented!()
    }
}
#[allow(missing_docs, unused)]
impl FrameSubscriber {
    pub fn new(subscriber: Subscriber) -> Result<Self, ViewError> {
        unimplemented!()
    }
    pub fn subscriber(&self) -> &Subscriber {
        &self.0
    }
    pub fn into_inner(self) -> Subscriber {
        self.0
    }
    /// Replaces `payload`'s content.
    pub fn recv(&mut self, payload: &mut Vec<u8>) -> Result<Frame, FrameError> {
        unimplemented!()
    }
    /// Skips everything that is readable; returns how many bytes.
    pub fn skip_all(&mut self) -> u64 {
        unimplemented!()
    }
    pub fn register(&mut self, waker: &Waker) -> Registered {
        unimplemented!()
    }
}

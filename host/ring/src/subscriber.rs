//! Skeleton.
use crate::*;
use std::ops::Deref;
use std::task::Waker;
/// A reader of a ring.
#[derive(Debug)]
pub struct Subscriber(Ring);
/// Bytes to read.
#[derive(Debug)]
pub struct Batch<'a>(&'a mut Subscriber);
#[allow(missing_docs, unused)]
impl Subscriber {
    pub fn ring(&self) -> &Ring {
        &self.0
    }
    pub fn position(&self) -> Sequence {
        unimplemented!()
    }
    pub fn policy(&self) -> Policy {
        unimplemented!()
    }
    pub fn lag_bytes(&self) -> u64 {
        unimplemented!()
    }
    pub fn missed_bytes(&self) -> u64 {
        unimplemented!()
    }
    pub fn readable(&mut self) -> Result<usize, RecvError> {
        unimplemented!()
    }
    pub fn batch(&mut self, max_bytes: usize) -> Result<Batch<'_>, RecvError> {
        unimplemented!()
    }
    pub fn release(&mut self, bytes: usize) -> Result<(), ReleaseError> {
        unimplemented!()
    }
    pub fn peek(&mut self, skip_bytes: usize, into: &mut [u8]) -> Result<usize, RecvError> {
        unimplemented!()
    }
    pub fn register(&mut self, waker: &Waker, min_bytes: usize) -> Registered {
        unimplemented!()
    }
}
#[allow(missing_docs, unused)]
impl Batch<'_> {
    pub fn release(self, bytes: usize) -> Result<(), ReleaseError> {
        unimplemented!()
    }
    pub fn release_all(self) {
        unimplemented!()
    }
}
impl Deref for Batch<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        unimplemented!()
    }
}

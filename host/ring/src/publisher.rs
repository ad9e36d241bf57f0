//! Skeleton.
use crate::*;
use std::ops::{Deref, DerefMut};
use std::task::Waker;
/// The writer of a ring.
#[derive(Debug)]
pub struct Publisher(Ring);
/// Room in the ring.
#[derive(Debug)]
pub struct Claim<'a>(&'a mut Publisher);
#[allow(missing_docs, unused)]
impl Publisher {
    pub fn ring(&self) -> &Ring {
        &self.0
    }
    pub fn position(&self) -> Sequence {
        unimplemented!()
    }
    pub fn free_bytes(&self) -> usize {
        unimplemented!()
    }
    pub fn claim(&mut self, bytes: usize) -> Result<Claim<'_>, ClaimError> {
        unimplemented!()
    }
    pub fn grant(&mut self, min_bytes: usize, max_bytes: usize) -> Result<usize, ClaimError> {
        unimplemented!()
    }
    pub fn commit(&mut self, bytes: usize) -> Result<(), CommitError> {
        unimplemented!()
    }
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ClaimError> {
        unimplemented!()
    }
    pub fn register(&mut self, waker: &Waker, min_bytes: usize) -> Registered {
        unimplemented!()
    }
    pub fn close(&mut self) {
        unimplemented!()
    }
}
#[allow(missing_docs, unused)]
impl Claim<'_> {
    pub fn commit(self, bytes: usize) -> Result<(), CommitError> {
        unimplemented!()
    }
    pub fn commit_all(self) {
        unimplemented!()
    }
}
impl Deref for Claim<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        unimplemented!()
    }
}
impl DerefMut for Claim<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        unimplemented!()
    }
}

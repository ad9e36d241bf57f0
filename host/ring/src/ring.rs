//! Skeleton.
use crate::*;
use std::os::fd::BorrowedFd;
/// Byte position in a ring's stream.
pub type Sequence = u64;
/// The queue itself.
#[derive(Clone, Debug)]
pub struct Ring(std::sync::Arc<()>);
/// The memory behind a ring.
#[derive(Clone, Copy, Debug)]
pub struct Backing<'a> {
    /// The file.
    pub fd: BorrowedFd<'a>,
    /// Where in the file the ring begins, in bytes; a multiple of the page size.
    pub offset: u64,
    /// The ring's capacity, in bytes.
    pub bytes: usize,
}
#[allow(missing_docs, unused)]
impl Ring {
    pub fn create(capacity_bytes: usize, start: Start) -> Result<Publisher, CreateError> {
        unimplemented!()
    }
    pub fn subscribe(&self, policy: Policy) -> Result<Subscriber, SubscribeError> {
        unimplemented!()
    }
    pub fn capacity_bytes(&self) -> usize {
        unimplemented!()
    }
    pub fn published(&self) -> Sequence {
        unimplemented!()
    }
    pub fn is_closed(&self) -> bool {
        unimplemented!()
    }
    pub fn lags(&self) -> Vec<ReaderLag> {
        unimplemented!()
    }
    pub fn backing(&self) -> Backing<'_> {
        unimplemented!()
    }
}

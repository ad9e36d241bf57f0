//! What a task may know of its end of a ring without using it.

use crate::capability::Object;
use crate::context::{Context, Inner, wrong};
use okernel_abi::{Errno, Handle};
use okernel_ring::{Policy, Ring};

/// One end of a ring, as the task that holds it may know it.
#[derive(Clone, Debug)]
pub struct RingEnd {
    /// The ring.
    pub ring: Ring,
    /// Where the task stands: the next byte that it writes or reads.
    pub position: u64,
    /// Bytes that it has missed, if it reads and may be overtaken.
    pub missed_bytes: u64,
    /// What happens when it reads too slowly; None if it is the one that writes.
    pub reads: Option<Policy>,
}

impl Context {
    /// The ring behind a handle, and where on it the task stands. Always answered, also while the task is
    /// restored.
    ///
    /// # Errors
    /// BadHandle, WrongKind, Revoked.
    pub fn ring_end(&mut self, handle: Handle) -> Result<RingEnd, Errno> {
        let Inner { core, cell } = self.inner_mut();
        match cell.handles.get(handle)?.plain() {
            Object::Publisher(key, _) => {
                let publisher = core.memory.publisher(*key).ok_or(Errno::Revoked)?;
                Ok(RingEnd {
                    ring: publisher.ring().clone(),
                    position: publisher.position(),
                    missed_bytes: 0,
                    reads: None,
                })
            }
            Object::Subscriber(key, _) => {
                let subscriber = core.memory.subscriber(*key).ok_or(Errno::Revoked)?;
                Ok(RingEnd {
                    ring: subscriber.ring().clone(),
                    position: subscriber.position(),
                    missed_bytes: subscriber.missed_bytes(),
                    reads: Some(subscriber.policy()),
                })
            }
            other => Err(wrong(other)),
        }
    }
}

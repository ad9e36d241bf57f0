//! Ends of rings that a selector owns: in no core's memory, and in no task's hands.
//!
//! They are entered in the directory like all others, so `rings[]` shows them; when the selector drops
//! one, the directory forgets it: a publisher closes its ring, a subscriber leaves.

use crate::core::Shared;
use crate::ids::{CoreId, EndpointId};
use crate::refusal::Refusal;
use okernel_abi::Errno;
use okernel_ring::{
    CAPACITY_BYTES_MAX, CAPACITY_BYTES_MIN, FramePublisher, FrameSubscriber, Policy, Publisher,
    Ring, Start,
};
use std::sync::Arc;

/// An end of a ring of frames, and its entry in the directory.
pub struct Own<E> {
    /// The end; it is dropped before its entry.
    pub end: E,
    entry: Entry,
}

/// A publisher that a selector owns.
pub type OwnPublisher = Own<FramePublisher>;

/// A subscriber that a selector owns.
pub type OwnSubscriber = Own<FrameSubscriber>;

/// Takes the endpoint out of the directory when it is dropped.
struct Entry {
    id: EndpointId,
    shared: Arc<Shared>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.directory.remove_endpoint(self.id);
    }
}

impl<E> Own<E> {
    /// The endpoint's number.
    pub fn id(&self) -> EndpointId {
        self.entry.id
    }
}

impl OwnPublisher {
    /// Makes a ring and keeps its publisher.
    ///
    /// # Errors
    /// As for the request `pub`, in the name of `op`.
    pub(crate) fn create(
        shared: &Arc<Shared>,
        core: CoreId,
        op: &str,
        capacity_bytes: u64,
    ) -> Result<OwnPublisher, Refusal> {
        let publisher = create(op, capacity_bytes)?;
        let ring = publisher.ring().clone();
        let id = shared.directory.add_publisher(ring, core, None)?;
        let entry = Entry {
            id,
            shared: Arc::clone(shared),
        };
        let end = FramePublisher::new(publisher).map_err(|error| no_frames(op, id, &error))?;
        Ok(Own { end, entry })
    }
}

impl OwnSubscriber {
    /// Subscribes to a ring by its number.
    ///
    /// # Errors
    /// As for the request `sub`; or the ring stands where no frame can begin.
    pub(crate) fn join(
        shared: &Arc<Shared>,
        core: CoreId,
        ring: EndpointId,
        policy: Policy,
    ) -> Result<OwnSubscriber, Refusal> {
        let (id, subscriber) = shared.subscribe(ring, policy, core, None)?;
        let entry = Entry {
            id,
            shared: Arc::clone(shared),
        };
        let end =
            FrameSubscriber::new(subscriber).map_err(|error| no_frames("sub", ring, &error))?;
        Ok(Own { end, entry })
    }
}

fn no_frames(op: &str, ring: EndpointId, error: &dyn std::fmt::Display) -> Refusal {
    let text = format!("{op}: the ring of {ring} is not one of frames: {error}");
    Refusal::new(Errno::Invalid, text)
}

/// Makes a ring. The capacity is rounded up to what a ring can have: a power of two, a page at least.
///
/// # Errors
/// The capacity is out of range, or there is no memory, in the name of `op`.
pub(crate) fn create(op: &str, capacity_bytes: u64) -> Result<Publisher, Refusal> {
    let rounded = usize::try_from(capacity_bytes)
        .ok()
        .filter(|bytes| (1..=CAPACITY_BYTES_MAX).contains(bytes))
        .map(|bytes| bytes.next_power_of_two().max(CAPACITY_BYTES_MIN));
    let Some(bytes) = rounded else {
        return Err(Refusal::new(
            Errno::Invalid,
            format!(
                "{op}: a capacity of {capacity_bytes} bytes: 1 to {CAPACITY_BYTES_MAX} are possible"
            ),
        ));
    };
    Ring::create(bytes, Start::Hold)
        .map_err(|error| Refusal::new(Errno::Limit, format!("{op}: {error}")))
}

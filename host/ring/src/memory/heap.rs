//! Ring memory where nothing can be mapped (Miri, loom): two images on the heap, copied over.
//!
//! Not for use in a running system: it exists so that the same publisher, subscriber and views can
//! be checked by tools that know only the language's own memory.

use super::check_capacity;
use crate::error::CreateError;
use crate::limits::CAPACITY_BYTES_MIN;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Two images of a ring's bytes.
#[derive(Debug)]
pub(crate) struct Memory {
    base: NonNull<u8>,
    capacity_bytes: usize,
}

// SAFETY: plain bytes; who may touch which of them is the sequencer's business.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    pub(crate) fn create(capacity_bytes: usize) -> Result<Self, CreateError> {
        check_capacity(capacity_bytes, CAPACITY_BYTES_MIN)?;
        let layout = layout(capacity_bytes);
        // SAFETY: the layout's size is not zero, since no capacity is.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout));
        Ok(Self {
            base,
            capacity_bytes,
        })
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    pub(crate) fn capacity_bytes(&self) -> usize {
        self.capacity_bytes
    }

    /// Brings the other image up to date after `bytes` were written at `offset`.
    ///
    /// # Safety
    ///
    /// The caller may write those bytes of the ring, in either image, and nobody else accesses them
    /// now. `offset` is below the capacity and `bytes` at most the capacity.
    pub(crate) unsafe fn publish_images(&self, offset: usize, bytes: usize) {
        for at in offset..offset + bytes {
            let other = if at < self.capacity_bytes {
                at + self.capacity_bytes
            } else {
                at - self.capacity_bytes
            };
            // SAFETY: both are inside the two images, and the caller may write that byte.
            unsafe { self.base().add(other).write(self.base().add(at).read()) };
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated by `create` with the same layout, and not used afterwards.
        unsafe { dealloc(self.base(), layout(self.capacity_bytes)) };
    }
}

fn layout(capacity_bytes: usize) -> Layout {
    Layout::from_size_align(2 * capacity_bytes, CAPACITY_BYTES_MIN)
        .unwrap_or_else(|_| unreachable!("a checked capacity and a power of two"))
}

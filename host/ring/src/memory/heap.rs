//! Blocks on the heap, where nothing can be mapped (Miri, loom).
//!
//! Not for use in a running system: it exists so that the same publisher, subscriber and views can
//! be checked by tools that know only the language's own memory.

use crate::error::CreateError;
use crate::limits::CAPACITY_BYTES_MIN;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Room for two images of a ring.
#[derive(Debug)]
pub(super) struct Block {
    base: NonNull<u8>,
    capacity_bytes: usize,
}

// SAFETY: plain bytes; who may touch which of them is the sequencer's business.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// A block for two images of `capacity_bytes`, a valid capacity. All bytes are zero.
    pub(super) fn create(capacity_bytes: usize) -> Result<Self, CreateError> {
        let layout = layout(capacity_bytes);
        // SAFETY: the layout's size is not zero, since no capacity is.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout));
        Ok(Self {
            base,
            capacity_bytes,
        })
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated by `create` with the same layout, and not used afterwards.
        unsafe { dealloc(self.base(), layout(self.capacity_bytes)) };
    }
}

fn layout(capacity_bytes: usize) -> Layout {
    Layout::from_size_align(2 * capacity_bytes, CAPACITY_BYTES_MIN)
        .unwrap_or_else(|_| unreachable!("a checked capacity and a power of two"))
}

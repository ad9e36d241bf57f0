//! The memory of a small ring: its two images are two places, and what is published is copied.
//!
//! A ring that is mapped twice costs two of the mappings that a process may have, and a ring of a few
//! kilobytes is what every idle task has. Copying some bytes more with each message costs less than a
//! nanosecond; it is also all that tools can follow which know only the language's own memory (Miri,
//! loom).

#[cfg(any(miri, loom))]
use super::heap::Block;
#[cfg(not(any(miri, loom)))]
use super::slab::Block;
use crate::error::CreateError;

/// Two images of a ring's bytes.
#[derive(Debug)]
pub(crate) struct Copied {
    block: Block,
    capacity_bytes: usize,
}

impl Copied {
    /// `capacity_bytes` is a valid capacity. All bytes are zero.
    pub(super) fn create(capacity_bytes: usize) -> Result<Self, CreateError> {
        Ok(Self {
            block: Block::create(capacity_bytes)?,
            capacity_bytes,
        })
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.block.base()
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.capacity_bytes
    }

    /// Copies `bytes` bytes from `offset` on into the other image.
    ///
    /// # Safety
    ///
    /// As for [`super::Memory::publish_images`].
    pub(super) unsafe fn publish(&self, offset: usize, bytes: usize) {
        let capacity = self.capacity_bytes;
        // What lies in the first image, and what lies in the second or has run on into it.
        let first = bytes.min(capacity.saturating_sub(offset));
        let second = offset.max(capacity);
        let base = self.base();
        if first > 0 {
            // SAFETY: both images are whole blocks of `capacity` bytes, the two ranges are a capacity
            // apart and not longer than that, and the caller may write them.
            unsafe {
                base.add(offset)
                    .copy_to_nonoverlapping(base.add(offset + capacity), first);
            }
        }
        // SAFETY: as above.
        unsafe {
            base.add(second)
                .copy_to_nonoverlapping(base.add(second - capacity), bytes - first);
        }
    }
}

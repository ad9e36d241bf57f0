//! Blocks for small rings, cut from slabs: private anonymous mappings of [`SLAB_BYTES`].
//!
//! A slab is one mapping, and neighbouring ones are merged by the system, so a hundred thousand rings cost a
//! handful. Pages that nobody has touched take no memory. A block that is given back is emptied first:
//! that frees its pages and makes them read as zero, so no ring ever shows what an earlier one held.
//! Slabs themselves are kept: there are never more than the most rings that have lived at a time.

use crate::error::CreateError;
use crate::sync::{Mutex, lock};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};
use std::ptr::{self, NonNull};

/// The size of a slab, in bytes.
const SLAB_BYTES: usize = 4 << 20;

/// The numbers of pages that blocks have, as powers of two: up to 64 (rings of 16 KiB have 8 on most machines).
const CLASSES: usize = 7;

/// Free blocks by their class, as addresses.
static FREE: Mutex<[Vec<usize>; CLASSES]> = Mutex::new([const { Vec::new() }; CLASSES]);

/// Room for two images of a ring.
#[derive(Debug)]
pub(super) struct Block {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: plain bytes; who may touch which of them is the sequencer's business.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// A block for two images of `capacity_bytes`, a valid and small capacity. All bytes are zero.
    pub(super) fn create(capacity_bytes: usize) -> Result<Self, CreateError> {
        let bytes = 2 * capacity_bytes;
        let mut free = lock(&FREE);
        let class = &mut free[class_of(bytes)];
        if class.is_empty() {
            let slab = map_slab().map_err(|errno| CreateError::Os {
                capacity_bytes,
                step: "mmap",
                source: errno.into(),
            })?;
            // The first is taken first, so that rings fill a slab from its beginning.
            class.extend((0..SLAB_BYTES / bytes).rev().map(|at| slab + at * bytes));
        }
        let base = class.pop().map(ptr::with_exposed_provenance_mut);
        let base = base.and_then(NonNull::new);
        base.map(|base| Self { base, bytes })
            .ok_or(CreateError::Os {
                capacity_bytes,
                step: "mmap",
                source: rustix::io::Errno::NOMEM.into(),
            })
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block is this one's alone, and nobody looks at it any more.
        let emptied = unsafe { madvise(self.base().cast(), self.bytes, Advice::LinuxDontNeed) };
        // What could not be emptied is never handed out again.
        if emptied.is_ok() {
            lock(&FREE)[class_of(self.bytes)].push(self.base().expose_provenance());
        }
    }
}

/// The class of a block: the power of two of its pages.
fn class_of(bytes: usize) -> usize {
    (bytes / page_size::get()).ilog2() as usize
}

/// The address of a new slab.
fn map_slab() -> rustix::io::Result<usize> {
    // SAFETY: a new range at an address of the system's choice; nothing is replaced.
    let base = unsafe {
        mmap_anonymous(
            ptr::null_mut(),
            SLAB_BYTES,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::NORESERVE,
        )?
    };
    Ok(base.expose_provenance())
}

#[cfg(test)]
mod tests {
    use super::{Block, SLAB_BYTES};

    #[test]
    fn many_blocks_share_a_slab() {
        let blocks: Vec<Block> = (0..64).map(|_| Block::create(4096).unwrap()).collect();
        let mut slabs: Vec<usize> = blocks
            .iter()
            .map(|block| block.base() as usize / SLAB_BYTES)
            .collect();
        slabs.sort_unstable();
        slabs.dedup();
        // Two slabs that happen to lie across a boundary, and one that others have begun.
        assert!(slabs.len() <= 4, "{slabs:?}");
    }

    #[test]
    fn a_block_that_was_given_back_is_zero() {
        for _ in 0..100 {
            let block = Block::create(8192).unwrap();
            for at in [0, 8191, 8192, 16383] {
                // SAFETY: inside the block, which nobody else has.
                unsafe {
                    assert_eq!(block.base().add(at).read(), 0);
                    block.base().add(at).write(1);
                }
            }
        }
    }
}

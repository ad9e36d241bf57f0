//! Ring memory as it is: a part of a memfd, mapped twice in a row.
//!
//! The address range is reserved first and then mapped over, so that nothing else of the process
//! can come between the two images. Costs two mappings per ring.

use super::check_capacity;
use super::region::Region;
use crate::error::CreateError;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

/// Two images of a ring's bytes.
#[derive(Debug)]
pub(crate) struct Memory {
    // Before `region`: the pages are unmapped before the region can be used again.
    images: Images,
    region: Region,
}

impl Memory {
    pub(crate) fn create(capacity_bytes: usize) -> Result<Self, CreateError> {
        check_capacity(capacity_bytes, rustix::param::page_size())?;
        let os = |step, source: rustix::io::Errno| CreateError::Os {
            capacity_bytes,
            step,
            source: source.into(),
        };
        let region = Region::create(capacity_bytes).map_err(|e| os("memfd_create", e))?;
        let images = Images::map(&region).map_err(|e| os("mmap", e))?;
        Ok(Self { images, region })
    }

    #[inline]
    pub(crate) fn base(&self) -> *mut u8 {
        self.images.base.as_ptr()
    }

    #[inline]
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.images.capacity_bytes
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.region.fd()
    }

    pub(crate) fn fd_offset(&self) -> u64 {
        self.region.offset_bytes()
    }

    /// Brings the other image up to date: nothing to do, they are the same pages.
    ///
    /// # Safety
    ///
    /// As for memory without a mapping, where there is something to do: the caller may write the
    /// `bytes` at `offset`, and nobody else accesses them now.
    #[inline]
    pub(crate) unsafe fn publish_images(&self, _offset: usize, _bytes: usize) {}
}

/// The address range, unmapped when dropped.
#[derive(Debug)]
struct Images {
    base: NonNull<u8>,
    capacity_bytes: usize,
}

// SAFETY: plain bytes; who may touch which of them is the sequencer's business.
unsafe impl Send for Images {}
// SAFETY: as above.
unsafe impl Sync for Images {}

impl Images {
    fn map(region: &Region) -> rustix::io::Result<Self> {
        let capacity_bytes = region.bytes();
        // SAFETY: a new range at an address of the system's choice; nothing is replaced.
        let base = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                2 * capacity_bytes,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        let base = NonNull::new(base.cast::<u8>()).ok_or(rustix::io::Errno::NOMEM)?;
        // From here on the whole range is unmapped on every way out.
        let images = Self {
            base,
            capacity_bytes,
        };
        for image in 0..2 {
            // SAFETY: inside the range that was just reserved for this, whose old pages nobody uses.
            unsafe {
                mmap(
                    base.as_ptr().add(image * capacity_bytes).cast(),
                    capacity_bytes,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::SHARED | MapFlags::FIXED,
                    region.fd(),
                    region.offset_bytes(),
                )?;
            }
        }
        Ok(images)
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and everything that points into it borrows from the ring.
        // It cannot fail for a range that was mapped as a whole; there is nobody to tell if it did.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), 2 * self.capacity_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn both_images_are_the_same_bytes() {
        let memory = Memory::create(8192).unwrap();
        let base = memory.base();
        // SAFETY: inside the two images of a ring that nobody else has.
        unsafe {
            base.write(7);
            assert_eq!(base.add(8192).read(), 7);
            base.add(16383).write(9);
            assert_eq!(base.add(8191).read(), 9);
        }
    }

    #[test]
    fn a_new_ring_is_zero_whatever_was_there_before() {
        for capacity_bytes in [4096, 16384, 65536] {
            for _ in 0..200 {
                let memory = Memory::create(capacity_bytes).unwrap();
                for at in 0..2 * capacity_bytes {
                    // SAFETY: inside the two images of a ring that nobody else has.
                    unsafe { assert_eq!(memory.base().add(at).read(), 0) };
                }
                // SAFETY: as above.
                unsafe { memory.base().write_bytes(0xff, capacity_bytes) };
            }
        }
    }

    #[test]
    fn small_rings_that_live_together_have_their_own_bytes() {
        let all: Vec<Memory> = (0..600).map(|_| Memory::create(4096).unwrap()).collect();
        for (index, memory) in all.iter().enumerate() {
            // SAFETY: inside the images of rings that nobody else has.
            unsafe { memory.base().cast::<u64>().write(index as u64) };
        }
        for (index, memory) in all.iter().enumerate() {
            // SAFETY: as above.
            let number = unsafe { memory.base().add(4096).cast::<u64>().read() };
            assert_eq!(number, index as u64);
        }
    }
}

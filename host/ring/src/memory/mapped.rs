//! The memory of a ring as it is: a memfd, mapped twice in a row.
//!
//! The address range is reserved first and then mapped over, so that nothing else of the process
//! can come between the two images. Costs two mappings and a descriptor per ring. The file is sealed
//! against changes of its size, so that nobody who has the descriptor can make an access to a mapped page
//! fail.

use crate::error::CreateError;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

/// Two images of a ring's bytes.
#[derive(Debug)]
pub(crate) struct Mapped {
    images: Images,
    fd: OwnedFd,
}

impl Mapped {
    /// `capacity_bytes` is a valid capacity. All bytes are zero.
    pub(super) fn create(capacity_bytes: usize) -> Result<Self, CreateError> {
        let os = |step, source: rustix::io::Errno| CreateError::Os {
            capacity_bytes,
            step,
            source: source.into(),
        };
        let fd = create_memfd(capacity_bytes).map_err(|e| os("memfd_create", e))?;
        let images = Images::map(fd.as_fd(), capacity_bytes).map_err(|e| os("mmap", e))?;
        Ok(Self { images, fd })
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.images.base.as_ptr()
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.images.capacity_bytes
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn create_memfd(bytes: usize) -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create("okernel-ring", flags)?;
    rustix::fs::ftruncate(&fd, bytes as u64)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&fd, seals)?;
    Ok(fd)
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
    fn map(fd: BorrowedFd<'_>, capacity_bytes: usize) -> rustix::io::Result<Self> {
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
                    fd,
                    0,
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
    use super::Mapped;
    use std::os::fd::AsRawFd;

    #[test]
    fn both_images_are_the_same_bytes() {
        let memory = Mapped::create(8192).unwrap();
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
    fn each_has_a_file_of_its_own_whose_size_nobody_can_change() {
        let a = Mapped::create(65536).unwrap();
        let b = Mapped::create(65536).unwrap();
        assert_ne!(a.fd().as_raw_fd(), b.fd().as_raw_fd());
        assert!(rustix::fs::ftruncate(a.fd(), 4096).is_err());
        assert!(rustix::fs::ftruncate(a.fd(), 1 << 20).is_err());
    }
}

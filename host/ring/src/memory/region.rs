//! Where a ring's pages come from: a memfd of its own, or a part of a shared one.
//!
//! A file descriptor per ring would let a process with the usual limit of 1024 have fewer rings than
//! it has tasks. So small rings (up to [`SHARED_BYTES_MAX`]) share *slabs*: memfds of
//! [`SLAB_BYTES`] that are handed out by the page.
//!
//! A part that is given back is punched out of its file, which frees its memory and makes it read as
//! zero, before it can be handed out again: no ring ever shows what an earlier one held. Whoever maps a
//! ring's file itself must therefore keep the ring alive for as long as it is mapped.
//!
//! The files are sealed against changes of their size, so that nobody who has the descriptor can
//! make an access to a mapped page fail.

use crate::sync::{Mutex, lock};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Result;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};

/// The largest ring that shares its file with others.
const SHARED_BYTES_MAX: usize = 16 * 1024;
/// The size of a shared file: room for at least 64 rings.
const SLAB_BYTES: usize = 1024 * 1024;

/// A page-aligned part of a memfd that belongs to one ring.
#[derive(Debug)]
pub(super) enum Region {
    Own {
        fd: OwnedFd,
        bytes: usize,
    },
    Shared {
        slab: Arc<Slab>,
        offset_bytes: usize,
        bytes: usize,
    },
}

impl Region {
    /// `bytes` is a valid capacity. The region reads as zero.
    pub(super) fn create(bytes: usize) -> Result<Self> {
        if bytes > SHARED_BYTES_MAX {
            return Ok(Self::Own {
                fd: create_memfd(bytes)?,
                bytes,
            });
        }
        static SLABS: OnceLock<Mutex<Vec<Weak<Slab>>>> = OnceLock::new();
        let mut slabs = lock(SLABS.get_or_init(|| Mutex::new(Vec::new())));
        slabs.retain(|slab| slab.strong_count() > 0);
        let known = slabs.iter().filter_map(Weak::upgrade);
        for slab in known {
            if let Some(offset_bytes) = slab.take(bytes) {
                return Ok(Self::Shared {
                    slab,
                    offset_bytes,
                    bytes,
                });
            }
        }
        let slab = Arc::new(Slab::create()?);
        slabs.push(Arc::downgrade(&slab));
        // A new slab has room for the largest ring that shares.
        match slab.take(bytes) {
            Some(offset_bytes) => Ok(Self::Shared {
                slab,
                offset_bytes,
                bytes,
            }),
            None => Ok(Self::Own {
                fd: create_memfd(bytes)?,
                bytes,
            }),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own { fd, .. } => fd.as_fd(),
            Self::Shared { slab, .. } => slab.fd.as_fd(),
        }
    }

    pub(super) fn offset_bytes(&self) -> u64 {
        match self {
            Self::Own { .. } => 0,
            Self::Shared { offset_bytes, .. } => *offset_bytes as u64,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Own { bytes, .. } | Self::Shared { bytes, .. } => *bytes,
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Self::Shared {
            slab,
            offset_bytes,
            bytes,
        } = self
        {
            slab.give_back(*offset_bytes, *bytes);
        }
    }
}

/// A memfd that small rings share.
#[derive(Debug)]
pub(super) struct Slab {
    fd: OwnedFd,
    /// One entry for each unit of the smallest ring: whether it is taken.
    taken: Mutex<Vec<bool>>,
}

impl Slab {
    fn create() -> Result<Self> {
        let units = SLAB_BYTES / unit_bytes();
        Ok(Self {
            fd: create_memfd(SLAB_BYTES)?,
            taken: Mutex::new(vec![false; units]),
        })
    }

    /// The offset of a free part, now taken. Parts are aligned to their own size.
    fn take(&self, bytes: usize) -> Option<usize> {
        let mut taken = lock(&self.taken);
        let units = bytes.div_ceil(unit_bytes());
        let index = taken
            .chunks_exact(units)
            .position(|part| part.iter().all(|taken| !taken))?;
        taken[index * units..][..units].fill(true);
        Some(index * units * unit_bytes())
    }

    fn give_back(&self, offset_bytes: usize, bytes: usize) {
        let punched = rustix::fs::fallocate(
            &self.fd,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            offset_bytes as u64,
            bytes as u64,
        );
        // What could not be made zero is never handed out again.
        if punched.is_ok() {
            let units = bytes.div_ceil(unit_bytes());
            lock(&self.taken)[offset_bytes / unit_bytes()..][..units].fill(false);
        }
    }
}

fn unit_bytes() -> usize {
    crate::limits::CAPACITY_BYTES_MIN.max(rustix::param::page_size())
}

fn create_memfd(bytes: usize) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create("okernel-ring", flags)?;
    rustix::fs::ftruncate(&fd, bytes as u64)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&fd, seals)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::{Region, SHARED_BYTES_MAX};
    use std::os::fd::AsRawFd;

    #[test]
    fn small_regions_share_a_file_and_do_not_overlap() {
        let regions: Vec<Region> = [4096, 16384, 4096, 8192, 4096]
            .into_iter()
            .map(|bytes| Region::create(bytes).unwrap())
            .collect();
        for (index, a) in regions.iter().enumerate() {
            assert_eq!(a.offset_bytes() % a.bytes() as u64, 0);
            for b in &regions[..index] {
                let apart = a.fd().as_raw_fd() != b.fd().as_raw_fd()
                    || a.offset_bytes() + a.bytes() as u64 <= b.offset_bytes()
                    || b.offset_bytes() + b.bytes() as u64 <= a.offset_bytes();
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn large_regions_have_a_file_of_their_own() {
        let a = Region::create(2 * SHARED_BYTES_MAX).unwrap();
        let b = Region::create(2 * SHARED_BYTES_MAX).unwrap();
        assert_ne!(a.fd().as_raw_fd(), b.fd().as_raw_fd());
        assert_eq!((a.offset_bytes(), b.offset_bytes()), (0, 0));
    }

    #[test]
    fn nobody_can_change_a_files_size() {
        let region = Region::create(65536).unwrap();
        assert!(rustix::fs::ftruncate(region.fd(), 4096).is_err());
        assert!(rustix::fs::ftruncate(region.fd(), 1 << 20).is_err());
    }
}

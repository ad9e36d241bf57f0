//! The memory of a ring: its bytes, seen twice in a row.
//!
//! `capacity` bytes are visible at `base .. base + capacity` and again right behind. A slice that
//! begins anywhere in the first image and is at most `capacity` long is therefore contiguous,
//! whether or not it crosses the ring's seam.
//!
//! Invariants: `base` is aligned to a page; both images are readable, writable and initialised for as
//! long as the [`Memory`] lives; a byte written in one image is there in the other, at once or
//! (where there is no mapping) after [`Memory::publish_images`].

//!
//! A large ring is mapped twice ([`mapped`]). A small one costs less without a mapping of its own: its two
//! images are two places, and what is published is copied from one to the other ([`copied`]).

#[cfg(not(any(miri, loom)))]
mod mapped;

mod copied;
#[cfg(any(miri, loom))]
mod heap;
#[cfg(not(any(miri, loom)))]
mod slab;

use crate::error::CreateError;
use crate::limits::{CAPACITY_BYTES_MAX, CAPACITY_BYTES_MIN};
use copied::Copied;
#[cfg(not(any(miri, loom)))]
use mapped::Mapped;
#[cfg(not(any(miri, loom)))]
use std::os::fd::BorrowedFd;

/// The largest ring whose images are copied, in bytes. Guests copy what they send and receive through rings
/// of up to this size, so nobody needs a file to map.
#[cfg(not(any(miri, loom)))]
const COPIED_BYTES_MAX: usize = 16 * 1024;

/// Two images of a ring's bytes.
#[derive(Debug)]
pub(crate) enum Memory {
    /// The same pages, twice.
    #[cfg(not(any(miri, loom)))]
    Mapped(Mapped),
    /// Two places.
    Copied(Copied),
}

/// How what is written in one image comes into the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Images {
    /// They are the same pages: at once.
    #[cfg(not(any(miri, loom)))]
    Same,
    /// By [`Memory::publish_images`].
    Copied,
}

impl Memory {
    #[cfg(not(any(miri, loom)))]
    pub(crate) fn create(capacity_bytes: usize) -> Result<Self, CreateError> {
        check_capacity(capacity_bytes, page_size::get())?;
        if capacity_bytes <= COPIED_BYTES_MAX {
            return Copied::create(capacity_bytes).map(Self::Copied);
        }
        Mapped::create(capacity_bytes).map(Self::Mapped)
    }

    #[cfg(any(miri, loom))]
    pub(crate) fn create(capacity_bytes: usize) -> Result<Self, CreateError> {
        check_capacity(capacity_bytes, CAPACITY_BYTES_MIN)?;
        Copied::create(capacity_bytes).map(Self::Copied)
    }

    pub(crate) fn base(&self) -> *mut u8 {
        match self {
            #[cfg(not(any(miri, loom)))]
            Self::Mapped(memory) => memory.base(),
            Self::Copied(memory) => memory.base(),
        }
    }

    pub(crate) fn capacity_bytes(&self) -> usize {
        match self {
            #[cfg(not(any(miri, loom)))]
            Self::Mapped(memory) => memory.capacity_bytes(),
            Self::Copied(memory) => memory.capacity_bytes(),
        }
    }

    pub(crate) fn images(&self) -> Images {
        match self {
            #[cfg(not(any(miri, loom)))]
            Self::Mapped(_) => Images::Same,
            Self::Copied(_) => Images::Copied,
        }
    }

    /// The file whose pages they are, if they are a file's.
    #[cfg(not(any(miri, loom)))]
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Mapped(memory) => Some(memory.fd()),
            Self::Copied(_) => None,
        }
    }

    /// Brings the other image up to date after `bytes` were written at `offset`. Needed where the images
    /// are [`Images::Copied`].
    ///
    /// # Safety
    ///
    /// The caller may write those bytes of the ring, in either image, and nobody else accesses them
    /// now. `bytes` is at most the capacity, and the bytes end within the two images.
    pub(crate) unsafe fn publish_images(&self, offset: usize, bytes: usize) {
        match self {
            #[cfg(not(any(miri, loom)))]
            Self::Mapped(_) => {}
            // SAFETY: as the caller promises.
            Self::Copied(memory) => unsafe { memory.publish(offset, bytes) },
        }
    }
}

/// Checks that a ring of this capacity can be on a machine with pages of this size.
fn check_capacity(capacity_bytes: usize, page_bytes: usize) -> Result<(), CreateError> {
    let is_valid = capacity_bytes.is_power_of_two()
        && capacity_bytes.is_multiple_of(page_bytes)
        && (CAPACITY_BYTES_MIN..=CAPACITY_BYTES_MAX).contains(&capacity_bytes);
    if is_valid {
        Ok(())
    } else {
        Err(CreateError::Capacity {
            capacity_bytes,
            page_bytes,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Memory, check_capacity};

    #[test]
    fn only_powers_of_two_in_range_are_capacities() {
        for good in [4096, 8192, 1 << 20, 1 << 30] {
            assert!(check_capacity(good, 4096).is_ok(), "{good}");
        }
        for bad in [0, 1, 2048, 4095, 4097, 12288, 1 << 31, usize::MAX] {
            assert!(check_capacity(bad, 4096).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_capacity_is_whole_pages() {
        assert!(check_capacity(4096, 16384).is_err());
        assert!(check_capacity(16384, 16384).is_ok());
    }

    #[test]
    fn what_is_published_is_in_both_images() {
        for capacity in [4096, 8192, 16 << 10, 32 << 10] {
            let memory = Memory::create(capacity).unwrap();
            for (offset, bytes) in [
                (0, 1),
                (7, 100),
                (capacity - 3, 10),
                (capacity - 1, capacity),
                (capacity, 5),
                (capacity + 9, capacity - 9),
            ] {
                for at in offset..offset + bytes {
                    // SAFETY: inside the two images of a ring that nobody else has.
                    unsafe { memory.base().add(at).write(at as u8 | 1) };
                }
                // SAFETY: as above.
                unsafe { memory.publish_images(offset, bytes) };
                for at in offset..offset + bytes {
                    let at = at % capacity;
                    // SAFETY: as above.
                    let read = |at: usize| unsafe { memory.base().add(at).read() };
                    let images = [read(at), read(at + capacity)];
                    assert_eq!(images[0], images[1], "{capacity} {offset} {at}");
                    assert_ne!(images[0], 0);
                }
            }
        }
    }

    #[test]
    fn a_new_ring_is_zero_whatever_was_there_before() {
        for capacity in [4096, 16384, 65536] {
            for _ in 0..20 {
                let memory = Memory::create(capacity).unwrap();
                for at in (0..2 * capacity).step_by(61) {
                    // SAFETY: inside the two images of a ring that nobody else has.
                    unsafe { assert_eq!(memory.base().add(at).read(), 0) };
                }
                // SAFETY: as above.
                unsafe { memory.base().write_bytes(0xff, 2 * capacity) };
            }
        }
    }

    #[test]
    fn rings_that_live_together_have_their_own_bytes() {
        let all: Vec<Memory> = (0..600)
            .map(|number| Memory::create(4096 << (number % 3)).unwrap())
            .collect();
        for (number, memory) in all.iter().enumerate() {
            let bytes = memory.capacity_bytes();
            // SAFETY: inside the images of rings that nobody else has.
            unsafe { memory.base().write_bytes(number as u8, 2 * bytes) };
        }
        for (number, memory) in all.iter().enumerate() {
            for at in [0, memory.capacity_bytes(), 2 * memory.capacity_bytes() - 1] {
                // SAFETY: as above.
                let byte = unsafe { memory.base().add(at).read() };
                assert_eq!(byte, number as u8);
            }
        }
    }
}

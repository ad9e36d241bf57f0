//! The memory of a ring: its bytes, seen twice in a row.
//!
//! `capacity` bytes are visible at `base .. base + capacity` and again right behind. A slice that
//! begins anywhere in the first image and is at most `capacity` long is therefore contiguous,
//! whether or not it crosses the ring's seam.
//!
//! Invariants: `base` is aligned to a page; both images are readable, writable and initialised for as
//! long as the [`Memory`] lives; a byte written in one image is there in the other, at once or
//! (where there is no mapping) after [`Memory::publish_images`].

#[cfg(not(any(miri, loom)))]
mod mapped;
#[cfg(not(any(miri, loom)))]
mod region;
#[cfg(not(any(miri, loom)))]
pub(crate) use mapped::Memory;

#[cfg(any(miri, loom))]
mod heap;
#[cfg(any(miri, loom))]
pub(crate) use heap::Memory;

use crate::error::CreateError;
use crate::limits::{CAPACITY_BYTES_MAX, CAPACITY_BYTES_MIN};

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
    use super::check_capacity;

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
}

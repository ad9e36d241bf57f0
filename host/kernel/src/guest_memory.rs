//! The memory of all guests together, and its limit.
//!
//! Each task's memory is bounded by its own limit; many tasks could still take all that the machine has.
//! What is counted is linear memory as its guests have asked for it, touched or not.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes that guests have, up to a limit.
#[derive(Debug)]
pub(crate) struct GuestMemory {
    used_bytes: AtomicU64,
    bytes_max: u64,
}

impl GuestMemory {
    pub(crate) fn new(bytes_max: u64) -> GuestMemory {
        GuestMemory {
            used_bytes: AtomicU64::new(0),
            bytes_max,
        }
    }

    /// A guest has `after` bytes instead of `before`. None: all together may not have so many, and nothing
    /// is changed.
    pub(crate) fn change(&self, before: u64, after: u64) -> Option<()> {
        // A figure for itself: nothing is published by it, so that any order will do.
        if after <= before {
            self.set(before, after);
            return Some(());
        }
        let more = after - before;
        // A growth that is refused is never seen by others.
        let grown = |used: u64| used.checked_add(more).filter(|sum| *sum <= self.bytes_max);
        self.used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown)
            .ok()
            .map(drop)
    }

    /// The same for a guest that is never refused: whoever has the system right, so that it can still act when
    /// all others together have everything.
    pub(crate) fn set(&self, before: u64, after: u64) {
        match after.checked_sub(before) {
            Some(more) => self.used_bytes.fetch_add(more, Ordering::Relaxed),
            None => self.used_bytes.fetch_sub(before - after, Ordering::Relaxed),
        };
    }

    /// Bytes that all guests have now.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// The most that they may have.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::GuestMemory;

    #[test]
    fn all_together_have_no_more_than_the_limit() {
        let memory = GuestMemory::new(100);
        assert_eq!(memory.change(0, 60), Some(()));
        assert_eq!(memory.change(0, 41), None);
        assert_eq!((memory.change(0, 40), memory.used_bytes()), (Some(()), 100));
        assert_eq!(memory.change(60, 61), None);
        assert_eq!((memory.change(60, 0), memory.used_bytes()), (Some(()), 40));
        assert_eq!(memory.change(0, u64::MAX), None);
        assert_eq!(memory.used_bytes(), 40);
        memory.set(0, 90);
        assert_eq!((memory.change(40, 41), memory.used_bytes()), (None, 130));
        memory.set(90, 50);
        assert_eq!(
            (memory.change(40, 50), memory.used_bytes()),
            (Some(()), 100)
        );
    }
}

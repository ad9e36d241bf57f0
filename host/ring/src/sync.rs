//! The one door to atomics, locks and barriers.
//!
//! Everything that several threads touch goes through the names below, so that the same protocol
//! runs on the machine's atomics and, under `cfg(loom)`, in loom's model of them, where every
//! interleaving is tried. No other file of this crate names `std::sync::atomic` or `loom`.
//!
//! A store followed by a load of something else is the one pattern that Acquire and Release
//! cannot order, and "publish, then see whether anybody sleeps" is exactly that pattern. It is
//! ordered here in one of two ways:
//!
//! * by [`full_fence`] on both sides, the textbook way, which costs the publisher some
//!   nanoseconds for each commit;
//! * by [`compiler_barrier`] on the side that runs often and [`process_barrier`] on the side that
//!   runs once. The latter makes every running thread of this process execute a full fence
//!   (Linux `membarrier(2)`), so the former needs no instruction at all.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};

pub(crate) use std::sync::atomic::Ordering;

/// A count with one writer, for people to look at. It is no part of any protocol, so loom does not
/// try its interleavings.
#[derive(Debug, Default)]
pub(crate) struct Tally(std::sync::atomic::AtomicU64);

impl Tally {
    /// Replaces the count; its only writer calls it.
    #[inline]
    pub(crate) fn set(&self, count: u64) {
        self.0.store(count, std::sync::atomic::Ordering::Relaxed);
    }

    /// The count, as of a moment ago.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Locks, whether or not a thread panicked while it held the lock.
///
/// What the locks of this crate protect is valid between any two statements, and a panic (of a
/// caller's waker) must not spread to those who share the ring.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A sequentially consistent fence.
///
/// If two threads each store, fence, and load what the other stored, at least one of them sees
/// the other's store.
#[inline]
pub(crate) fn full_fence() {
    #[cfg(not(loom))]
    std::sync::atomic::fence(Ordering::SeqCst);
    #[cfg(loom)]
    loom::sync::atomic::fence(Ordering::SeqCst);
}

/// Stores, then fences: together one instruction where the machine's exchange is a full barrier.
#[inline]
pub(crate) fn store_then_fence(cell: &AtomicU64, value: u64) {
    #[cfg(all(target_arch = "x86_64", not(any(loom, miri))))]
    cell.swap(value, Ordering::SeqCst);
    #[cfg(not(all(target_arch = "x86_64", not(any(loom, miri)))))]
    {
        cell.store(value, Ordering::Release);
        full_fence();
    }
}

/// Sets bits (Release), then fences, likewise.
#[inline]
pub(crate) fn set_then_fence(cell: &AtomicU64, bits: u64) {
    #[cfg(all(target_arch = "x86_64", not(any(loom, miri))))]
    cell.fetch_or(bits, Ordering::SeqCst);
    #[cfg(not(all(target_arch = "x86_64", not(any(loom, miri)))))]
    {
        cell.fetch_or(bits, Ordering::AcqRel);
        full_fence();
    }
}

/// What was read before is not read later.
#[inline]
pub(crate) fn acquire_fence() {
    #[cfg(not(loom))]
    std::sync::atomic::fence(Ordering::Acquire);
    #[cfg(loom)]
    loom::sync::atomic::fence(Ordering::Acquire);
}

/// What is written after is not written earlier.
#[inline]
pub(crate) fn release_fence() {
    #[cfg(not(loom))]
    std::sync::atomic::fence(Ordering::Release);
    #[cfg(loom)]
    loom::sync::atomic::fence(Ordering::Release);
}

/// The compiler moves no access over this point; the processor may.
///
/// Pairs with [`process_barrier`]; without one it orders nothing between threads.
#[inline]
pub(crate) fn compiler_barrier() {
    #[cfg(not(loom))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// Whether [`process_barrier`] works in this process. Constant once it has been asked.
///
/// The first call registers the process with the operating system, which takes some microseconds
/// while it has one thread, and some milliseconds later.
#[cfg(not(any(loom, miri)))]
pub(crate) fn has_process_barrier() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier, membarrier_query};
    use std::sync::OnceLock;

    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| {
        membarrier_query().contains_command(MembarrierCommand::PrivateExpedited)
            && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
    })
}

/// Miri knows no `membarrier`: there the textbook way is always taken.
#[cfg(all(miri, not(loom)))]
pub(crate) fn has_process_barrier() -> bool {
    false
}

/// Nor does loom; but a model in which nobody sleeps can do without any fence in its commits.
#[cfg(loom)]
pub(crate) fn has_process_barrier() -> bool {
    NOBODY_SLEEPS.get()
}

#[cfg(loom)]
std::thread_local! {
    static NOBODY_SLEEPS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// In loom only: the rings that `make` makes are such that nobody sleeps on them, so that their
/// commits have no fence that could stand in for a missing one elsewhere.
#[cfg(loom)]
pub fn nobody_sleeps<R>(make: impl FnOnce() -> R) -> R {
    NOBODY_SLEEPS.set(true);
    let made = make();
    NOBODY_SLEEPS.set(false);
    made
}

/// Every running thread of this process executes a full fence before this returns.
///
/// # Errors
///
/// The operating system refused; nothing was ordered.
#[cfg(not(any(loom, miri)))]
pub(crate) fn process_barrier() -> Result<(), rustix::io::Errno> {
    use rustix::thread::{MembarrierCommand, membarrier};

    membarrier(MembarrierCommand::PrivateExpedited)
}

/// Refused: who wants to sleep although nobody should is told to go on.
#[cfg(any(loom, miri))]
pub(crate) fn process_barrier() -> Result<(), rustix::io::Errno> {
    Err(rustix::io::Errno::NOSYS)
}

//! A counting semaphore: so many may do something at a time, and the others wait for their turn.
//!
//! Invariant: a permit that was given out comes back on every path, also when its holder panics.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// So many permits.
pub(super) struct Semaphore {
    left: Mutex<usize>,
    returned: Condvar,
}

/// The right to go on, until it is dropped.
pub(super) struct Permit<'a>(&'a Semaphore);

impl Semaphore {
    /// One with so many permits, at least 1.
    pub(super) const fn new(permits: usize) -> Semaphore {
        assert!(permits > 0, "nobody would ever go on");
        Semaphore {
            left: Mutex::new(permits),
            returned: Condvar::new(),
        }
    }

    /// Waits for a permit.
    pub(super) fn acquire(&self) -> Permit<'_> {
        let mut left = self.lock();
        while *left == 0 {
            let waited = self.returned.wait(left);
            left = waited.unwrap_or_else(PoisonError::into_inner);
        }
        *left -= 1;
        Permit(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::Semaphore;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn only_so_many_go_on_at_a_time_and_all_do_in_the_end() {
        let semaphore = Semaphore::new(2);
        let (inside, most, done) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let _permit = semaphore.acquire();
                    let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(2));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(done.into_inner(), 16);
        assert_eq!(most.into_inner(), 2);
    }

    #[test]
    fn whoever_panics_gives_its_permit_back() {
        let semaphore = Semaphore::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _permit = semaphore.acquire();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        drop(semaphore.acquire());
    }
}

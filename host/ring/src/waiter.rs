//! Sleeping on a ring, and being woken: no wake-up is lost, and none is paid for when nobody sleeps.
//!
//! [`Sleepers`] is what the waking side looks at after each change: one flag while nobody has ever
//! slept, a fence and a bitmap from then on. A [`Waiter`] is one party's entry: what it waits for,
//! and the waker to call. The two sides meet like this:
//!
//! ```text
//! sleeper                                waking side
//!   wanted, waker := ...                   position := new            (Release)
//!   bit := set                             ---- fence ----
//!   ---- fence ----                        bit set, position ≥ wanted?
//!   position ≥ wanted?  yes: go on           clear bit, call waker
//!                       no: sleep
//! ```
//!
//! One of the two sees what the other wrote, by the fences. The waking side's fence is left out
//! while the ring's `mode` is `UNUSED`. The first sleeper changes the mode and then makes every
//! thread execute a fence ([`process_barrier`]): a commit whose look at the mode came before that
//! fence has its position seen by the sleeper's second look, and one whose look comes after it sees
//! the new mode. So a ring on which nobody ever sleeps (because its readers poll) has commits without
//! any fence, and the price of the first sleep is one system call. Where the system call does not exist
//! the mode is `FENCED` from the start. A waking side that has seen another mode than `UNUSED` remembers it
//! ([`Waking`]): from then on it moves its position and fences in one instruction.
//!
//! A waker is called at most once for each registration; it may be called although the
//! condition does not hold (any more), as wakers in general.

use crate::cursor::{Cursor, Sequence};
use crate::sync::{
    AtomicU8, AtomicU64, Mutex, Ordering, compiler_barrier, full_fence, has_process_barrier, lock,
    process_barrier, set_then_fence,
};
use std::task::Waker;

/// Nobody ever slept here: the waking side needs no fence.
const UNUSED: u8 = 0;
/// Somebody is about to sleep for the first time: the waking side fences already, but sleepers cannot
/// rely on it yet.
const ARMING: u8 = 1;
/// The waking side fences, and sleepers may rely on it. Never left again.
const FENCED: u8 = 2;

/// Who may be asleep: one bit for each party.
#[derive(Debug)]
pub(crate) struct Sleepers {
    mode: AtomicU8,
    asleep: AtomicU64,
}

impl Sleepers {
    pub(crate) fn new() -> Self {
        let mode = if has_process_barrier() {
            UNUSED
        } else {
            FENCED
        };
        Self {
            mode: AtomicU8::new(mode),
            asleep: AtomicU64::new(0),
        }
    }

    /// To be called after each change that somebody may wait for. Returns the bits of those who
    /// may be asleep and may have missed the change: nearly always none.
    #[inline]
    pub(crate) fn after_change(&self) -> u64 {
        compiler_barrier();
        if self.mode.load(Ordering::Relaxed) == UNUSED {
            return 0;
        }
        full_fence();
        self.asleep.load(Ordering::Acquire)
    }

    /// Marks a party as asleep. Its [`Waiter`] is set before; it must look again after.
    ///
    /// Returns `false` if wake-ups cannot be relied on (the operating system refused the barrier):
    /// then the party is not marked, and must not sleep.
    pub(crate) fn fall_asleep(&self, bit: u64) -> bool {
        if self.mode.load(Ordering::Acquire) != FENCED {
            self.mode.fetch_max(ARMING, Ordering::AcqRel);
            if process_barrier().is_err() {
                return false;
            }
            // Release: whoever reads FENCED comes after the barrier.
            self.mode.fetch_max(FENCED, Ordering::AcqRel);
        }
        // Release: whoever sees the bit sees what the waiter wants; pairs with `after_change`.
        set_then_fence(&self.asleep, bit);
        true
    }

    /// Marks a party as awake. Returns whether it was asleep: exactly one of those who try to wake
    /// it, and itself, gets that answer.
    pub(crate) fn awaken(&self, bit: u64) -> bool {
        self.asleep.fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }
}

/// What a waking side knows of the mode of those that it wakes.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) enum Waking {
    /// They had never slept when it last looked.
    #[default]
    Plain,
    /// They have slept: it fences, always.
    Fencing,
}

impl Waking {
    /// Moves `cursor`, which somebody may wait for. Returns the bits of those who may be asleep and may have
    /// missed it: nearly always none.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        cursor: &Cursor,
        position: Sequence,
        sleepers: &Sleepers,
    ) -> u64 {
        match self {
            Waking::Plain => {
                cursor.advance(position);
                // The mode is looked at after the move: see the head of this file.
                compiler_barrier();
                if sleepers.mode.load(Ordering::Relaxed) == UNUSED {
                    return 0;
                }
                *self = Waking::Fencing;
                full_fence();
            }
            Waking::Fencing => cursor.advance_then_fence(position),
        }
        sleepers.asleep.load(Ordering::Acquire)
    }
}

/// What one party waits for, and how to wake it.
#[derive(Debug)]
pub(crate) struct Waiter {
    wanted: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Waiter {
    pub(crate) fn new() -> Self {
        Self {
            wanted: AtomicU64::new(0),
            waker: Mutex::new(None),
        }
    }

    /// Sets the position to wait for, and the waker. The owner's bit is set after this.
    pub(crate) fn arm(&self, waker: &Waker, wanted: u64) {
        let mut slot = lock(&self.waker);
        match slot.as_mut() {
            Some(old) => old.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
        self.wanted.store(wanted, Ordering::Release);
    }

    /// The position that is waited for.
    pub(crate) fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::Acquire)
    }

    /// Calls the waker, if one is armed. To be called without any lock held: a waker is foreign code.
    pub(crate) fn wake(&self) {
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Forgets the waker.
    pub(crate) fn disarm(&self) {
        let waker = lock(&self.waker).take();
        drop(waker);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Sleepers, Waiter, Waking};
    use crate::cursor::Cursor;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn nobody_is_asleep_at_first_and_each_is_awakened_once() {
        let sleepers = Sleepers::new();
        assert_eq!(sleepers.after_change(), 0);
        assert!(sleepers.fall_asleep(0b100));
        assert!(sleepers.fall_asleep(0b001));
        assert_eq!(sleepers.after_change(), 0b101);
        assert!(sleepers.awaken(0b100));
        assert!(!sleepers.awaken(0b100));
        assert_eq!(sleepers.after_change(), 0b001);
    }

    #[test]
    fn a_side_that_moves_sees_who_sleeps_from_the_first_time_on() {
        let (sleepers, cursor) = (Sleepers::new(), Cursor::new(0));
        let mut waking = Waking::default();
        assert_eq!(waking.advance(&cursor, 1, &sleepers), 0);
        assert!(sleepers.fall_asleep(0b10));
        for position in 2..4 {
            assert_eq!(waking.advance(&cursor, position, &sleepers), 0b10);
            assert_eq!(cursor.get(), position);
        }
        assert!(sleepers.awaken(0b10));
        assert_eq!(waking.advance(&cursor, 4, &sleepers), 0);
        assert!(matches!(waking, Waking::Fencing));
    }

    #[test]
    fn the_latest_waker_is_called_once() {
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let waiter = Waiter::new();
        waiter.arm(&Waker::from(Arc::clone(&first)), 1);
        waiter.arm(&Waker::from(Arc::clone(&second)), 2);
        assert_eq!(waiter.wanted(), 2);
        waiter.wake();
        waiter.wake();
        assert_eq!(first.0.load(Ordering::Relaxed), 0);
        assert_eq!(second.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_forgotten_waker_is_let_go() {
        let count = Arc::new(Count::default());
        let waiter = Waiter::new();
        waiter.arm(&Waker::from(Arc::clone(&count)), 1);
        waiter.disarm();
        waiter.wake();
        assert_eq!(Arc::strong_count(&count), 1);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }
}

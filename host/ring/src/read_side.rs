//! A reader's half of the protocol: sees what is published, releases, learns that it was overtaken.

use crate::cursor::Sequence;
use crate::error::{RecvError, ReleaseError};
use crate::policy::{Policy, Registered};
use crate::sequencer::{Sequencer, Slot};
use crate::sync::{Ordering, acquire_fence};
use crate::waiter::Waking;
use std::sync::Arc;
use std::task::Waker;

/// One reader of a [`Sequencer`]. Dropping it leaves.
#[derive(Debug)]
pub struct ReadSide {
    shared: Arc<Sequencer>,
    slot: Arc<Slot>,
    index: usize,
    policy: Policy,
    position: Sequence,
    /// What is known to be published; at least `position`.
    seen: Sequence,
    /// A kicked reader: what it is told from now on.
    kicked: Option<u64>,
    missed: u64,
    standing: Standing,
    waking: Waking,
}

/// Whether a reader that gates by its nature does so now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    In,
    Aside,
}

impl ReadSide {
    pub(crate) fn new(
        shared: Arc<Sequencer>,
        slot: Arc<Slot>,
        index: usize,
        policy: Policy,
        position: Sequence,
    ) -> Self {
        Self {
            shared,
            slot,
            index,
            policy,
            position,
            seen: position,
            kicked: None,
            missed: 0,
            standing: Standing::In,
            waking: Waking::default(),
        }
    }

    /// The state that is shared with the writer and the other readers.
    pub fn shared(&self) -> &Arc<Sequencer> {
        &self.shared
    }

    /// The next position that will be read.
    #[inline]
    pub fn position(&self) -> Sequence {
        self.position
    }

    /// What happens when this reader is slow.
    #[inline]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// How much this reader has been told it missed, in all.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Whether the writer waits for this reader, so that what it can read stays as it is.
    #[inline]
    pub fn gates(&self) -> bool {
        self.policy == Policy::Block
    }

    /// How far this reader is behind; 0 once it was kicked.
    pub fn lag(&self) -> u64 {
        if self.kicked.is_some() {
            return 0;
        }
        self.shared.published().saturating_sub(self.position)
    }

    /// How many positions can be read: at least one, at most the capacity. Looks at the writer.
    ///
    /// # Errors
    ///
    /// `Empty`; `Closed` when it is and all has been read; `Lapped` once for each time that
    /// the reader was overtaken, after which it stands at its new position; `Kicked` for ever after.
    #[inline]
    pub fn readable(&mut self) -> Result<u64, RecvError> {
        self.refresh()?;
        Ok(self.seen - self.position)
    }

    /// Like [`readable`](Self::readable), but looks at the writer only if fewer than `wanted` are
    /// known to be there.
    #[inline]
    pub fn available(&mut self, wanted: u64) -> Result<u64, RecvError> {
        let known = self.seen - self.position;
        if known >= wanted && known > 0 {
            Ok(known)
        } else {
            self.readable()
        }
    }

    #[inline]
    fn refresh(&mut self) -> Result<(), RecvError> {
        // In this order: a claim that is seen in time is not less than what was published before, so
        // what is readable is never more than the capacity.
        let published = self.shared.published();
        if !self.gates() {
            self.check_overtaken()?;
        }
        self.seen = published;
        if published == self.position {
            self.nothing_new()
        } else {
            Ok(())
        }
    }

    #[cold]
    fn nothing_new(&mut self) -> Result<(), RecvError> {
        if !self.shared.is_closed() {
            return Err(RecvError::Empty);
        }
        // What was published before it was closed is visible now, if it was not before.
        if self.shared.published() == self.position {
            Err(RecvError::Closed)
        } else {
            self.refresh()
        }
    }

    /// To be called after bytes of a reader that does not gate have been copied: whether the copy
    /// is good. Otherwise the reader was overtaken, and stands at its new position.
    ///
    /// # Errors
    ///
    /// `Lapped` or `Kicked`: the copy is to be thrown away.
    #[inline]
    pub fn check_copy(&mut self) -> Result<(), RecvError> {
        if self.gates() {
            return Ok(());
        }
        // What was copied is not read after this; pairs with the writer's fence after it raises
        // `claimed`.
        acquire_fence();
        self.check_overtaken()
    }

    #[inline]
    fn check_overtaken(&mut self) -> Result<(), RecvError> {
        if let Some(missed_bytes) = self.kicked {
            return Err(RecvError::Kicked { missed_bytes });
        }
        // Acquire: who sees a claim sees what was published before it.
        let claimed = self.shared.overtaking.claimed.load(Ordering::Acquire);
        if claimed.saturating_sub(self.position) <= self.shared.capacity() {
            return Ok(());
        }
        Err(self.overtaken(claimed))
    }

    #[cold]
    fn overtaken(&mut self, claimed: Sequence) -> RecvError {
        let landing = self.shared.overtaking.landing.load(Ordering::Acquire);
        let published = self.shared.published();
        // Both lie between two commits, and after `position`: the landing because it is not further back
        // than what may be overwritten, `published` because no claim goes further beyond it. The
        // landing is out if a claim of a large part of the ring is about to overwrite it.
        let landing_is_good = claimed.saturating_sub(landing) <= self.shared.capacity();
        let target = if self.policy == Policy::Lap && landing_is_good {
            landing
        } else {
            published
        };
        let missed_bytes = target - self.position;
        self.position = target;
        self.seen = target;
        self.missed += missed_bytes;
        self.slot.missed.store(self.missed, Ordering::Relaxed);
        if self.policy == Policy::Kick {
            self.kicked = Some(missed_bytes);
            self.slot.detached.store(true, Ordering::Relaxed);
        }
        self.slot.cursor.advance(target);
        match self.kicked {
            Some(missed_bytes) => RecvError::Kicked { missed_bytes },
            None => RecvError::Lapped { missed_bytes },
        }
    }

    /// Moves on by `count` positions. The writer may overwrite them from now on.
    ///
    /// # Errors
    ///
    /// More than are readable. Nothing is released then.
    #[inline]
    pub fn release(&mut self, count: u64) -> Result<(), ReleaseError> {
        if count > self.seen - self.position {
            self.release_check(count)?;
        }
        if count > 0 {
            self.release_known(count);
        }
        Ok(())
    }

    /// Moves on by `count` positions, which are known to be readable.
    #[inline]
    pub(crate) fn release_known(&mut self, count: u64) {
        debug_assert!(
            count <= self.seen - self.position,
            "only what is readable is released"
        );
        self.position += count;
        if !self.gates() {
            self.slot.cursor.advance(self.position);
            return;
        }
        let sleepers = &self.shared.room.sleepers;
        let asleep = self
            .waking
            .advance(&self.slot.cursor, self.position, sleepers);
        if asleep != 0 {
            self.shared.wake_writer(self.position);
        }
    }

    /// Whether this reader gates and at least `count` positions are there, so that they can be read in
    /// place. Asks for no reason if not.
    #[inline]
    pub(crate) fn has_in_place(&mut self, count: u64) -> bool {
        if !self.gates() {
            return false;
        }
        if self.seen - self.position < count {
            self.seen = self.shared.published();
        }
        self.seen - self.position >= count
    }

    #[cold]
    fn release_check(&mut self, count: u64) -> Result<(), ReleaseError> {
        // Whoever was overtaken has nothing to release here, and is told so by the next read.
        let published = self.shared.published();
        if self.kicked.is_none() && published - self.position <= self.shared.capacity() {
            self.seen = published;
        }
        let readable = self.seen - self.position;
        if count > readable {
            return Err(ReleaseError {
                bytes: count as usize,
                readable_bytes: readable as usize,
            });
        }
        Ok(())
    }

    /// Moves on to all that is published, as if it had been read. Returns how many positions.
    ///
    /// # Errors
    ///
    /// As for [`readable`](Self::readable).
    pub fn release_all(&mut self) -> Result<u64, RecvError> {
        let count = self.readable()?;
        // What is readable can be released.
        self.release(count)
            .map_or(Err(RecvError::Empty), |()| Ok(count))
    }

    /// Stops holding the writer up: a reader that gates is one that may be overtaken, until it stands in again. It
    /// keeps its position as long as there is room without that.
    pub fn stand_aside(&mut self) {
        if self.gates() {
            self.standing = Standing::Aside;
            self.policy = Policy::Lap;
            self.shared.stand_aside(self.index);
        }
    }

    /// Gates again, if it stood aside. What the writer has overtaken meanwhile counts as missed.
    pub fn stand_in(&mut self) {
        if self.standing == Standing::In {
            return;
        }
        let position = self.shared.stand_in(self.index);
        self.standing = Standing::In;
        self.policy = Policy::Block;
        self.missed += position - self.position;
        self.slot.missed.store(self.missed, Ordering::Relaxed);
        (self.position, self.seen) = (position, position);
    }

    /// Arms `waker` for when `min` positions (at least one, at most the capacity) can be read, or the
    /// ring is closed. It looks again after arming, so that a commit in between is not missed.
    pub fn register(&mut self, waker: &Waker, min: u64) -> Registered {
        let min = min.clamp(1, self.shared.capacity());
        if self.is_ready(min) {
            return Registered::Ready;
        }
        let sleepers = &self.shared.control.sleepers;
        let bit = 1 << self.index;
        self.slot.waiter.arm(waker, self.position + min);
        if !sleepers.fall_asleep(bit) || self.is_ready(min) {
            sleepers.awaken(bit);
            self.slot.waiter.disarm();
            return Registered::Ready;
        }
        Registered::Waiting
    }

    /// A reader that was overtaken, or is closed out, has something to be told: that is ready too. A
    /// whole capacity behind is at least `min`.
    fn is_ready(&self, min: u64) -> bool {
        self.kicked.is_some()
            || self.shared.published().saturating_sub(self.position) >= min
            || self.shared.is_closed()
    }
}

impl Drop for ReadSide {
    fn drop(&mut self) {
        self.shared.control.sleepers.awaken(1 << self.index);
        self.slot.waiter.disarm();
        self.shared.leave(self.index);
    }
}

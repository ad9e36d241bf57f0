//! The writer's half of the protocol: grants room, publishes, and computes its limit anew only when
//! it must.

use crate::cursor::Sequence;
use crate::error::{ClaimError, CommitError};
use crate::policy::Registered;
use crate::sequencer::Sequencer;
use crate::sync::{Ordering, full_fence, release_fence};
use crate::waiter::Waking;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

/// The only writer of a [`Sequencer`]. Dropping it closes the ring.
#[derive(Debug)]
pub struct WriteSide {
    shared: Arc<Sequencer>,
    /// What has been published, and where the next grant begins.
    position: Sequence,
    /// Positions before this may be written without looking at the readers. Never moves back, except
    /// to `position` when the ring is closed.
    limit: Sequence,
    /// The end of the latest grant: what may be committed. May be behind `position` after claims.
    granted: Sequence,
    /// What `claimed` holds. It never moves back: bytes of a dropped claim may have been overwritten.
    claimed: Sequence,
    /// When this is passed the next landing is shown: one that was a quarter of the ring ago by then.
    landing_due: Sequence,
    landing_next: Sequence,
    /// An open-ended grant of so many positions is worth having: a quarter of the capacity.
    enough: u64,
    /// How often something was published.
    commits: u64,
    waking: Waking,
    is_closed: bool,
}

impl WriteSide {
    pub(crate) fn new(shared: Arc<Sequencer>) -> Self {
        let landing_due = landing_stride(shared.capacity());
        let enough = (shared.capacity() / 4).max(1);
        Self {
            shared,
            position: 0,
            limit: 0,
            granted: 0,
            claimed: 0,
            landing_due,
            landing_next: 0,
            enough,
            commits: 0,
            waking: Waking::default(),
            is_closed: false,
        }
    }

    /// The state that is shared with the readers.
    pub fn shared(&self) -> &Arc<Sequencer> {
        &self.shared
    }

    /// The next position to be written; everything before it has been published.
    #[inline]
    pub fn position(&self) -> Sequence {
        self.position
    }

    /// How many positions may be committed without another grant.
    #[inline]
    pub fn granted(&self) -> u64 {
        self.granted.saturating_sub(self.position)
    }

    /// How many positions may be written now, at most. Looks at all readers.
    pub fn free(&self) -> u64 {
        full_fence();
        let min = self.shared.waited_min().unwrap_or(self.position);
        if self.is_closed {
            0
        } else {
            self.limit_for(min).max(self.limit) - self.position
        }
    }

    /// Asks for room for at least `min` and at most `max` positions (at least `min`, if `max` is less),
    /// from [`position`](Self::position) on. A grant replaces the one before it.
    ///
    /// Returns how many may be written, and then committed in one or more parts. More than `min` are
    /// granted as far as they are known to be free; the readers are looked at again only if what is
    /// known is less than `max` and less than a quarter of the ring.
    ///
    /// # Errors
    ///
    /// `Full`: fewer than `min` (or not even one) are free. `TooLarge`: `min` is more than the
    /// capacity. `Closed`: the ring was closed.
    #[inline]
    pub fn grant(&mut self, min: u64, max: u64) -> Result<u64, ClaimError> {
        let max = max.max(min);
        let mut free = self.limit - self.position;
        // An open-ended grant is not content with the small rest of an old limit.
        if free < max && (free < min || free < self.enough) {
            free = self.free_anew(min, max)?;
        }
        let count = max.min(free);
        self.granted = self.position + count;
        self.announce(self.granted);
        Ok(count)
    }

    /// Asks for room for exactly `count` positions, to be [published](Self::publish) by the caller,
    /// who keeps in mind how many they were.
    ///
    /// # Errors
    ///
    /// As for [`grant`](Self::grant).
    #[inline]
    pub(crate) fn claim(&mut self, count: u64) -> Result<(), ClaimError> {
        if self.limit - self.position < count {
            self.free_anew(count, count)?;
        }
        self.announce(self.position + count);
        Ok(())
    }

    /// Tells the readers that do not gate, before anything before `end` is written.
    #[inline]
    fn announce(&mut self, end: Sequence) {
        if end > self.claimed {
            self.claimed = end;
            // Release, and a fence after it: a reader that sees this sees all that was published
            // before, and one that sees any byte written from now on sees this. Pairs with
            // the reader's `check_copy`.
            self.shared.overtaking.claimed.store(end, Ordering::Release);
            release_fence();
        }
    }

    #[cold]
    fn free_anew(&mut self, min: u64, max: u64) -> Result<u64, ClaimError> {
        if self.is_closed {
            return Err(ClaimError::Closed);
        }
        if min > self.shared.capacity() {
            return Err(ClaimError::TooLarge);
        }
        self.refresh_limit(min.max(1));
        let free = self.limit - self.position;
        if free < min || (free == 0 && max > 0) {
            Err(ClaimError::Full)
        } else {
            Ok(free)
        }
    }

    /// Publishes the first `count` positions that were granted.
    ///
    /// # Errors
    ///
    /// More than was granted and not yet committed. Nothing is published then.
    #[inline]
    pub fn commit(&mut self, count: u64) -> Result<(), CommitError> {
        let granted = self.granted();
        if count > granted {
            return Err(CommitError {
                bytes: count as usize,
                granted_bytes: granted as usize,
            });
        }
        if count > 0 {
            self.publish(count);
        }
        Ok(())
    }

    /// Gives up what was granted and not committed.
    pub fn forgo(&mut self) {
        self.granted = self.position;
    }

    /// Publishes `count` positions that the caller has claimed.
    #[inline]
    pub(crate) fn publish(&mut self, count: u64) {
        debug_assert!(
            count <= self.limit - self.position,
            "only what was claimed is published"
        );
        self.position += count;
        self.commits += 1;
        self.shared.overtaking.commits.set(self.commits);
        let sleepers = &self.shared.control.sleepers;
        let asleep = self
            .waking
            .advance(&self.shared.published, self.position, sleepers);
        // One branch for two rare things.
        if asleep != 0 || self.position >= self.landing_due {
            self.after_publish(asleep);
        }
    }

    /// Wakes who waits for this; and, once for each quarter of the ring, shows a position between two
    /// commits to readers that are overtaken.
    #[cold]
    fn after_publish(&mut self, asleep: u64) {
        if self.position >= self.landing_due {
            let stride = landing_stride(self.shared.capacity());
            self.landing_due = (self.position / stride + 1) * stride;
            let landing = mem::replace(&mut self.landing_next, self.position);
            let shown = &self.shared.overtaking.landing;
            shown.store(landing, Ordering::Release);
        }
        self.shared.wake_readers(asleep, self.position);
    }

    /// Arms `waker` for when `min` positions (at least one, at most the capacity) are free. It looks
    /// again after arming, so that a release in between is not missed.
    pub fn register(&mut self, waker: &Waker, min: u64) -> Registered {
        let min = min.clamp(1, self.shared.capacity());
        if self.is_closed || self.has_room(min) {
            return Registered::Ready;
        }
        let cursor = (self.position + min).saturating_sub(self.shared.capacity());
        if !self.shared.arm_writer(waker, cursor) || self.has_room(min) {
            self.shared.disarm_writer();
            return Registered::Ready;
        }
        Registered::Waiting
    }

    /// Publishes nothing more. Readers drain what there is, and are then told.
    pub fn close(&mut self) {
        if !self.is_closed {
            self.is_closed = true;
            self.limit = self.position;
            self.granted = self.position;
            self.shared.close();
        }
    }

    fn has_room(&mut self, min: u64) -> bool {
        if self.limit - self.position < min {
            self.refresh_limit(min);
        }
        self.limit - self.position >= min
    }

    /// Looks at the readers. If there is no room for `wanted` positions, and would be without those who stand aside,
    /// they are not waited for. As long as another one keeps the ring full they lose nothing.
    ///
    /// The fence is the writer's half of invariant 2: a reader that is not seen here reads a
    /// `published` that is at least the writer's position.
    fn refresh_limit(&mut self, wanted: u64) {
        full_fence();
        self.look_at_gates();
        let full = self.limit - self.position < wanted;
        if full && self.shared.has_aside() && self.has_room_without_aside(wanted) {
            self.shared.move_aside(self.position);
            self.look_at_gates();
        }
    }

    fn has_room_without_aside(&self, wanted: u64) -> bool {
        let waited_min = self.shared.waited_min();
        waited_min.is_none_or(|min| self.limit_for(min) - self.position >= wanted)
    }

    fn look_at_gates(&mut self) {
        let min = self.shared.gate_min().unwrap_or(self.position);
        self.limit = self.limit.max(self.limit_for(min));
    }

    fn limit_for(&self, cursor_min: Sequence) -> Sequence {
        cursor_min.min(self.position) + self.shared.capacity()
    }
}

impl Drop for WriteSide {
    fn drop(&mut self) {
        self.close();
    }
}

/// How far apart landings are: a reader that lands between one and two of them behind has something
/// left to read, and at least half the ring until it is overtaken again.
fn landing_stride(capacity: u64) -> u64 {
    (capacity / 4).max(1)
}

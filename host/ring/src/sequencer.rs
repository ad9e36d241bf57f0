//! The protocol of a ring, without its memory: who may touch which positions, and who learns of it.
//!
//! One [`WriteSide`] and up to [`MAX_READERS`] [`ReadSide`]s agree on positions through the state
//! below. Positions are bytes for this crate's rings, but nothing here depends on it. That there is
//! no memory in it lets the very same code run in loom and Miri over a store of two cells.
//!
//! # What holds
//!
//! 1. The writer touches only positions in `[published, limit)`, and `limit` is at most the capacity
//!    ahead of every gating reader's cursor. It keeps `limit` to itself and computes it anew only
//!    when it is used up: publishing costs the same however many readers there are.
//! 2. A joining reader cannot be overtaken by a limit that was computed before it joined. It first
//!    becomes visible (its bit in `gates`), then fences, then reads `published` and begins there. The
//!    writer fences before it reads `gates`. So a writer that did not see the bit had published, when it
//!    looked, no more than what the reader reads afterwards, and its limit is at most the capacity ahead
//!    of that. A writer that did see the bit respects the cursor, which is set (to something older)
//!    before the bit is.
//! 3. A reader's cursor never moves back, nor does the limit; a slot that is used again only gets later
//!    positions. So an old limit stays right, and reading a slot's cursor while it changes hands is
//!    harmless.
//! 4. Readers that do not gate (`Lap`, `Kick`) copy first and look at `claimed` after. The writer raises
//!    `claimed` before it touches anything, so a copy is good if `claimed` is then at most the
//!    capacity ahead of where it began.
//! 5. A reader that gates and stands aside keeps its bit and its cursor, but has given the writer leave to move
//!    that cursor up to what is published, when there is no room otherwise. This happens under the lock under which
//!    the leave is given and taken back, so 1 and 3 hold throughout.
//! 6. A reader that was overtaken lands on `landing`: a position between two commits (so between two
//!    messages), a quarter to a half of the capacity behind if commits are small. So it keeps something to
//!    read, and has room before it is overtaken again.

use crate::cursor::{Cursor, Sequence};
use crate::error::SubscribeError;
use crate::limits::MAX_READERS;
use crate::policy::{Policy, ReaderLag, Start};
use crate::read_side::ReadSide;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering, Tally, full_fence, lock};
use crate::waiter::{Sleepers, Waiter};
use crate::write_side::WriteSide;
use crossbeam_utils::CachePadded;
use std::array;
use std::sync::{Arc, OnceLock};

/// The one bit of the writer among those who may wait for room.
const WRITER_BIT: u64 = 1;

/// The shared state of one ring's protocol.
#[derive(Debug)]
pub struct Sequencer {
    capacity: u64,
    /// Everything before this position can be read. Moved by the writer.
    pub(crate) published: Cursor,
    /// What overtaken readers look at. Written by the writer, on a line of its own, because a poll of
    /// `published` should not be disturbed by a claim.
    pub(crate) overtaking: CachePadded<Overtaking>,
    /// What changes seldom, and the writer looks at often.
    pub(crate) control: CachePadded<Control>,
    /// The writer's place to wait for room.
    pub(crate) room: CachePadded<Room>,
    /// One for each reader that ever was; made when first needed, used again, never freed before the ring.
    slots: [OnceLock<Arc<Slot>>; MAX_READERS],
    members: Mutex<Members>,
}

/// What the writer tells those who do not gate.
#[derive(Debug)]
pub(crate) struct Overtaking {
    /// The writer may be writing anything before this position.
    pub(crate) claimed: AtomicU64,
    /// Where an overtaken reader goes on.
    pub(crate) landing: AtomicU64,
    /// How often the writer has published. It lies here because the writer has this line at hand.
    pub(crate) commits: Tally,
}

/// Who gates, who sleeps, and whether it is over.
#[derive(Debug)]
pub(crate) struct Control {
    /// One bit for each slot whose cursor holds the writer back.
    gates: AtomicU64,
    /// Those of them that stand aside. Changed behind the lock of `members` alone.
    aside: AtomicU64,
    closed: AtomicBool,
    /// Readers that wait for data.
    pub(crate) sleepers: Sleepers,
}

/// The writer, waiting for readers to release.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) sleepers: Sleepers,
    waiter: Waiter,
}

/// One reader's part of the shared state.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) cursor: Cursor,
    pub(crate) missed: AtomicU64,
    /// The reader was kicked: it lags no more.
    pub(crate) detached: AtomicBool,
    pub(crate) waiter: Waiter,
}

/// Who has joined. Behind a lock, because joining and leaving are rare.
#[derive(Debug)]
struct Members {
    policies: [Option<Policy>; MAX_READERS],
    /// The first reader is still awaited: slot 0 gates at position 0 in its stead.
    held: bool,
}

impl Sequencer {
    /// A new protocol state over `capacity` positions, and its only writer.
    ///
    /// `capacity` is at least 1.
    pub fn create(capacity: u64, start: Start) -> WriteSide {
        let held = start == Start::Hold;
        let shared = Arc::new(Self {
            capacity,
            published: Cursor::new(0),
            overtaking: CachePadded::new(Overtaking {
                claimed: AtomicU64::new(0),
                landing: AtomicU64::new(0),
                commits: Tally::default(),
            }),
            control: CachePadded::new(Control {
                gates: AtomicU64::new(u64::from(held)),
                aside: AtomicU64::new(0),
                closed: AtomicBool::new(false),
                sleepers: Sleepers::new(),
            }),
            room: CachePadded::new(Room {
                sleepers: Sleepers::new(),
                waiter: Waiter::new(),
            }),
            slots: array::from_fn(|_| OnceLock::new()),
            members: Mutex::new(Members {
                policies: [None; MAX_READERS],
                held,
            }),
        });
        if held {
            shared.slot(0);
        }
        WriteSide::new(shared)
    }

    /// How many positions the ring holds.
    #[inline]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Everything before this position has been published.
    #[inline]
    pub fn published(&self) -> Sequence {
        self.published.get()
    }

    /// How often the writer has published something, be it one message or a batch.
    pub fn commits(&self) -> u64 {
        self.overtaking.commits.get()
    }

    /// Whether the writer has closed the ring. What it published before can still be read.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Acquire: pairs with `close`, so that who sees it sees the last commit too.
        self.control.closed.load(Ordering::Acquire)
    }

    /// Joins as a reader. See the module's invariant 2 for why it is done in this order.
    ///
    /// # Errors
    ///
    /// There are [`MAX_READERS`] already.
    pub fn join(self: &Arc<Self>, policy: Policy) -> Result<ReadSide, SubscribeError> {
        let mut members = lock(&self.members);
        let index = members
            .policies
            .iter()
            .position(Option::is_none)
            .ok_or(SubscribeError::TooManyReaders)?;
        let bit = 1 << index;
        let slot = Arc::clone(self.slot(index));
        slot.missed.store(0, Ordering::Relaxed);
        slot.detached.store(false, Ordering::Relaxed);
        let position = if members.held {
            // The first reader takes over the place that was held for it, which is slot 0's.
            members.held = false;
            if policy != Policy::Block {
                self.control.gates.fetch_and(!bit, Ordering::AcqRel);
            }
            0
        } else {
            if policy == Policy::Block {
                slot.cursor.advance(self.published.get());
                self.control.gates.fetch_or(bit, Ordering::AcqRel);
                full_fence();
            }
            self.published.get()
        };
        slot.cursor.advance(position);
        members.policies[index] = Some(policy);
        drop(members);
        // A reader that does not gate is in nobody's way, and may have ended the hold.
        self.after_release(if policy == Policy::Block {
            position
        } else {
            Sequence::MAX
        });
        Ok(ReadSide::new(
            Arc::clone(self),
            slot,
            index,
            policy,
            position,
        ))
    }

    /// A reader has gone (and sleeps no more): it gates no more, and its slot can be used again.
    pub(crate) fn leave(&self, index: usize) {
        let bit = 1 << index;
        let mut members = lock(&self.members);
        members.policies[index] = None;
        self.control.aside.fetch_and(!bit, Ordering::AcqRel);
        // Release: the reader's last look at the bytes came before; pairs with `gate_min`.
        self.control.gates.fetch_and(!bit, Ordering::AcqRel);
        drop(members);
        self.after_release(Sequence::MAX);
    }

    /// A reader that gates stands aside: the writer need not wait for it any more.
    pub(crate) fn stand_aside(&self, index: usize) {
        let members = lock(&self.members);
        self.control.aside.fetch_or(1 << index, Ordering::AcqRel);
        drop(members);
        self.after_release(Sequence::MAX);
    }

    /// It gates again, from the position on that is answered: its own, or to where the writer has moved it.
    pub(crate) fn stand_in(&self, index: usize) -> Sequence {
        let members = lock(&self.members);
        self.control
            .aside
            .fetch_and(!(1 << index), Ordering::AcqRel);
        let position = self.slot(index).cursor.get();
        drop(members);
        position
    }

    /// Whether any reader stands aside.
    pub(crate) fn has_aside(&self) -> bool {
        // Acquire: pairs with `stand_aside`.
        self.control.aside.load(Ordering::Acquire) != 0
    }

    /// The writer has no room: moves those who stand aside up to `published`.
    pub(crate) fn move_aside(&self, published: Sequence) {
        // What is changed meanwhile is seen behind the lock.
        let members = lock(&self.members);
        let mut aside = self.control.aside.load(Ordering::Acquire);
        while aside != 0 {
            let index = aside.trailing_zeros() as usize;
            aside &= aside - 1;
            self.slot(index).cursor.advance(published);
        }
        drop(members);
    }

    /// How far behind each reader is, in the order of their numbers.
    pub fn lags(&self) -> Vec<ReaderLag> {
        let members = lock(&self.members);
        let mut lags = Vec::new();
        for (index, policy) in members.policies.iter().enumerate() {
            let Some(policy) = *policy else { continue };
            let slot = self.slot(index);
            let cursor = slot.cursor.get();
            let detached = slot.detached.load(Ordering::Relaxed);
            let lag = if detached {
                0
            } else {
                self.published.get().saturating_sub(cursor)
            };
            lags.push(ReaderLag {
                reader: index,
                policy,
                cursor,
                lag_bytes: lag,
                missed_bytes: slot.missed.load(Ordering::Relaxed),
            });
        }
        lags
    }

    /// The smallest cursor of those who gate; `None` if nobody does.
    ///
    /// The caller has fenced since its last own store that a joining reader must see.
    pub(crate) fn gate_min(&self) -> Option<Sequence> {
        // Acquire: pairs with `leave` and `join`.
        self.min_of(self.control.gates.load(Ordering::Acquire))
    }

    /// The same without those who stand aside: the cursor that the writer has to wait for.
    pub(crate) fn waited_min(&self) -> Option<Sequence> {
        let aside = self.control.aside.load(Ordering::Acquire);
        self.min_of(self.control.gates.load(Ordering::Acquire) & !aside)
    }

    fn min_of(&self, mut gates: u64) -> Option<Sequence> {
        let mut min = None;
        while gates != 0 {
            let index = gates.trailing_zeros() as usize;
            gates &= gates - 1;
            let cursor = self.slot(index).cursor.get();
            min = Some(min.map_or(cursor, |min: Sequence| min.min(cursor)));
        }
        min
    }

    /// The writer has published up to `published`: wakes the readers that wait for no more than that.
    pub(crate) fn wake_readers(&self, mut asleep: u64, published: Sequence) {
        while asleep != 0 {
            let index = asleep.trailing_zeros() as usize;
            asleep &= asleep - 1;
            let waiter = &self.slot(index).waiter;
            if waiter.wanted() <= published && self.control.sleepers.awaken(1 << index) {
                waiter.wake();
            }
        }
    }

    /// A reader's cursor is now at `cursor` (or it left): wakes the writer if it waits for that.
    #[inline]
    pub(crate) fn after_release(&self, cursor: Sequence) {
        if self.room.sleepers.after_change() != 0 {
            self.wake_writer(cursor);
        }
    }

    /// A reader's cursor is now at `cursor`, and the writer sleeps: wakes it if it waits for that.
    #[cold]
    pub(crate) fn wake_writer(&self, cursor: Sequence) {
        let wanted = self.room.waiter.wanted();
        // A reader that is itself in the way need not look at the others.
        if cursor < wanted || self.waited_min().is_some_and(|min| min < wanted) {
            return;
        }
        if self.room.sleepers.awaken(WRITER_BIT) {
            self.room.waiter.wake();
        }
    }

    /// Arms the writer: it is woken when no gating cursor is below `cursor`. Returns `false` if
    /// it must not sleep. The caller looks again after this.
    pub(crate) fn arm_writer(&self, waker: &std::task::Waker, cursor: Sequence) -> bool {
        self.room.waiter.arm(waker, cursor);
        self.room.sleepers.fall_asleep(WRITER_BIT)
    }

    /// The writer need not be woken after all.
    pub(crate) fn disarm_writer(&self) {
        self.room.sleepers.awaken(WRITER_BIT);
        self.room.waiter.disarm();
    }

    /// The writer is done: all who wait are woken.
    pub(crate) fn close(&self) {
        // Release: pairs with `is_closed`.
        self.control.closed.store(true, Ordering::Release);
        full_fence();
        let asleep = self.control.sleepers.after_change();
        self.wake_readers(asleep, Sequence::MAX);
        self.disarm_writer();
    }

    fn slot(&self, index: usize) -> &Arc<Slot> {
        self.slots[index].get_or_init(|| {
            Arc::new(Slot {
                cursor: Cursor::new(0),
                missed: AtomicU64::new(0),
                detached: AtomicBool::new(false),
                waiter: Waiter::new(),
            })
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Sequencer;
    use crate::{ClaimError, Policy, Start};

    #[test]
    fn any_capacity_will_do_for_the_protocol() {
        for capacity in [1, 2, 3, 1000] {
            let mut writer = Sequencer::create(capacity, Start::Live);
            let mut reader = writer.shared().join(Policy::Block).unwrap();
            for _ in 0..10 {
                assert_eq!(writer.grant(capacity, capacity), Ok(capacity));
                writer.commit(capacity).unwrap();
                assert_eq!(writer.grant(1, 1), Err(ClaimError::Full));
                assert_eq!(reader.readable(), Ok(capacity));
                reader.release(capacity).unwrap();
            }
        }
    }

    #[test]
    fn an_old_limit_does_not_overtake_a_reader_that_joins_later() {
        let mut writer = Sequencer::create(8, Start::Live);
        // The limit is 8 now, and known to the writer.
        writer.grant(1, 1).unwrap();
        writer.commit(1).unwrap();
        let reader = writer.shared().join(Policy::Block).unwrap();
        assert_eq!(reader.position(), 1);
        writer.grant(7, 7).unwrap();
        writer.commit(7).unwrap();
        assert_eq!(writer.grant(1, 1), Ok(1));
        writer.commit(1).unwrap();
        assert_eq!(writer.grant(1, 1), Err(ClaimError::Full));
    }

    #[test]
    fn the_slowest_reader_that_gates_decides() {
        let mut writer = Sequencer::create(8, Start::Live);
        let shared = writer.shared().clone();
        let mut fast = shared.join(Policy::Block).unwrap();
        let mut slow = shared.join(Policy::Block).unwrap();
        let _free = shared.join(Policy::Lap).unwrap();
        writer.grant(8, 8).unwrap();
        writer.commit(8).unwrap();
        fast.release(8).unwrap();
        assert_eq!(writer.free(), 0);
        slow.release(3).unwrap();
        assert_eq!(writer.free(), 3);
        drop(slow);
        assert_eq!(writer.free(), 8);
    }

    #[test]
    fn more_than_is_there_cannot_be_released() {
        let mut writer = Sequencer::create(8, Start::Live);
        let mut reader = writer.shared().join(Policy::Block).unwrap();
        assert!(reader.release(1).is_err());
        writer.grant(5, 5).unwrap();
        writer.commit(2).unwrap();
        assert!(reader.release(3).is_err());
        assert_eq!(reader.release(2), Ok(()));
        assert_eq!(reader.position(), 2);
    }
}

//! Timers of one core: a hierarchical wheel (Varghese and Lauck, 1987).
//!
//! Time is cut into ticks of 16.4 µs. Eight levels of 64 slots hold the timers: a timer lies in the
//! level of the highest 6-bit digit in which its tick differs from the wheel's, so setting and
//! cancelling cost the same however many there are, and each timer moves at most seven times
//! before it fires. Within the current tick deadlines are compared exactly: a timer never fires
//! before its deadline, and always at the first [`Wheel::advance`] at or after it.
//!
//! A periodic timer's deadlines are its first one plus multiples of its period, whenever it was
//! looked at, so it does not drift; those that were passed over are counted. When it has fired it rests until
//! [`Wheel::resume`]: whoever does not look at a timer costs no core anything, however short the period.
//!
//! Invariant: every entry that does not rest is in exactly one slot's list, and a slot's bit in its level's map says
//! whether its list has entries.

use crate::table::{Key, Table};

/// A tick is `2^TICK_SHIFT` nanoseconds.
const TICK_SHIFT: u32 = 14;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Levels enough for every tick of a `u64` of nanoseconds (50 bits).
const LEVELS: usize = 9;

const _: () = assert!(LEVELS as u32 * SLOT_BITS + TICK_SHIFT >= u64::BITS);

/// A timer that has fired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fired<T> {
    /// Which timer. A one-shot timer's key is stale now.
    pub timer: Key,
    /// What it was set with.
    pub data: T,
    /// Its (first passed) deadline.
    pub deadline_ns: u64,
    /// How many of its deadlines have passed; 1 for a one-shot timer.
    pub expirations: u64,
}

#[derive(Debug)]
struct Entry<T> {
    deadline_ns: u64,
    period_ns: u64,
    data: T,
    /// None: it rests.
    place: Option<Place>,
    previous: Option<Key>,
    next: Option<Key>,
}

/// Which list an entry is in.
#[derive(Clone, Copy, Debug)]
struct Place {
    level: u8,
    slot: u8,
}

impl<T> Entry<T> {
    /// How many deadlines have passed, and the next one: none after that of a one-shot timer, or beyond the clock.
    fn passed(&self, now_ns: u64) -> (u64, Option<u64>) {
        let Some(late_ns) = now_ns.checked_sub(self.deadline_ns) else {
            return (0, Some(self.deadline_ns));
        };
        let Some(periods) = late_ns.checked_div(self.period_ns) else {
            return (1, None);
        };
        let next_ns = (periods + 1)
            .checked_mul(self.period_ns)
            .and_then(|later| self.deadline_ns.checked_add(later));
        (periods + 1, next_ns)
    }
}

#[derive(Debug)]
struct Level {
    occupied: u64,
    heads: [Option<Key>; SLOTS],
}

/// All timers of a core, each with a `T` that says whose it is.
#[derive(Debug)]
pub struct Wheel<T> {
    entries: Table<Entry<T>>,
    levels: Vec<Level>,
    tick: u64,
}

impl<T: Copy> Default for Wheel<T> {
    fn default() -> Self {
        Wheel::new()
    }
}

impl<T: Copy> Wheel<T> {
    /// No timers; the time is 0.
    pub fn new() -> Wheel<T> {
        let level = || Level {
            occupied: 0,
            heads: [None; SLOTS],
        };
        Wheel {
            entries: Table::new(),
            levels: (0..LEVELS).map(|_| level()).collect(),
            tick: 0,
        }
    }

    /// How many timers are set.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a timer that fires at `deadline_ns`, and unless `period_ns` is 0 each period after that, whenever it was
    /// resumed.
    pub fn set(&mut self, deadline_ns: u64, period_ns: u64, data: T) -> Key {
        let key = self.entries.insert(Entry {
            deadline_ns,
            period_ns,
            data,
            place: None,
            previous: None,
            next: None,
        });
        self.link(key);
        key
    }

    /// Takes a timer away. None when it has fired (or was cancelled) already.
    pub fn cancel(&mut self, timer: Key) -> Option<T> {
        self.entries.get(timer)?;
        self.unlink(timer);
        self.entries.remove(timer).map(|entry| entry.data)
    }

    /// Takes a timer away, and answers its next deadline and its period: what to set it with elsewhere.
    pub fn take(&mut self, timer: Key) -> Option<(u64, u64)> {
        let entry = self.entries.get(timer)?;
        let set = (entry.deadline_ns, entry.period_ns);
        self.cancel(timer);
        Some(set)
    }

    /// The next deadline of a timer that is set; None when it is not (any more).
    pub fn deadline_ns(&self, timer: Key) -> Option<u64> {
        self.entries.get(timer).map(|entry| entry.deadline_ns)
    }

    /// The period of a timer that is set; None when it is not (any more).
    pub fn period_ns(&self, timer: Key) -> Option<u64> {
        self.entries.get(timer).map(|entry| entry.period_ns)
    }

    /// Lets a periodic timer that has fired fire again, at its next deadline. Answers how many it has passed over
    /// meanwhile; 0 for one that does not rest.
    pub fn resume(&mut self, timer: Key, now_ns: u64) -> u64 {
        let Some(entry) = self.entries.get_mut(timer) else {
            return 0;
        };
        if entry.place.is_some() {
            return 0;
        }
        let (passed, next_ns) = entry.passed(now_ns);
        if let Some(next_ns) = next_ns {
            entry.deadline_ns = next_ns;
            self.link(timer);
        }
        passed
    }

    /// A moment at which [`Wheel::advance`] should be called: no timer fires before it. It is the exact
    /// deadline when that is within a millisecond, else it may be earlier.
    pub fn next_ns(&self) -> Option<u64> {
        let (level, slot, tick) = self.next_slot()?;
        if level > 0 {
            return Some(tick << TICK_SHIFT);
        }
        let mut first_ns = u64::MAX;
        let mut at = self.levels[level].heads[slot];
        while let Some(entry) = at.and_then(|key| self.entries.get(key)) {
            first_ns = first_ns.min(entry.deadline_ns);
            at = entry.next;
        }
        Some(first_ns)
    }

    /// Moves the time on to `now_ns` and appends all timers that fire, by rising deadline.
    pub fn advance(&mut self, now_ns: u64, fired: &mut Vec<Fired<T>>) {
        let before = fired.len();
        let now_tick = now_ns >> TICK_SHIFT;
        while let Some((level, slot, tick)) = self.next_slot() {
            if tick > now_tick {
                break;
            }
            self.tick = self.tick.max(tick);
            let mut at = self.levels[level].heads[slot].take();
            self.levels[level].occupied &= !(1 << slot);
            let mut kept = false;
            while let Some(key) = at {
                let Some(entry) = self.entries.get(key) else {
                    break;
                };
                at = entry.next;
                if entry.deadline_ns <= now_ns {
                    self.fire(key, now_ns, fired);
                } else {
                    self.link(key);
                    kept |= level == 0;
                }
            }
            if kept {
                break;
            }
        }
        self.tick = self.tick.max(now_tick);
        fired[before..].sort_by_key(|timer| (timer.deadline_ns, timer.timer.index()));
    }

    /// `key` is in no list.
    fn fire(&mut self, key: Key, now_ns: u64, fired: &mut Vec<Fired<T>>) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let (expirations, next_ns) = entry.passed(now_ns);
        fired.push(Fired {
            timer: key,
            data: entry.data,
            deadline_ns: entry.deadline_ns,
            expirations,
        });
        match next_ns {
            Some(next_ns) => (entry.deadline_ns, entry.place) = (next_ns, None),
            None => drop(self.entries.remove(key)),
        }
    }

    /// The first slot with timers: level, slot, and the tick at which it begins.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        for (index, level) in self.levels.iter().enumerate() {
            if level.occupied == 0 {
                continue;
            }
            let shift = index as u32 * SLOT_BITS;
            // Entries differ from the wheel's tick in this digit and in none above it, so they all
            // lie at or after the wheel's own slot; nothing wraps.
            let slot = level.occupied.trailing_zeros();
            let above = self.tick >> shift >> SLOT_BITS;
            let tick = ((above << SLOT_BITS) | u64::from(slot)) << shift;
            return Some((index, slot as usize, tick));
        }
        None
    }

    fn link(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let tick = (entry.deadline_ns >> TICK_SHIFT).max(self.tick);
        let differs = tick ^ self.tick;
        let level = match differs {
            0 => 0,
            _ => (u64::BITS - 1 - differs.leading_zeros()) / SLOT_BITS,
        };
        let slot = (tick >> (level * SLOT_BITS)) as usize & (SLOTS - 1);
        let head = &mut self.levels[level as usize].heads[slot];
        entry.place = Some(Place {
            level: level as u8,
            slot: slot as u8,
        });
        (entry.previous, entry.next) = (None, head.replace(key));
        let next = entry.next;
        self.levels[level as usize].occupied |= 1 << slot;
        if let Some(next) = next.and_then(|next| self.entries.get_mut(next)) {
            next.previous = Some(key);
        }
    }

    fn unlink(&mut self, key: Key) {
        let Some(entry) = self.entries.get(key) else {
            return;
        };
        let Some(place) = entry.place else {
            return;
        };
        let (previous, next) = (entry.previous, entry.next);
        let (level, slot) = (usize::from(place.level), usize::from(place.slot));
        if let Some(next) = next.and_then(|next| self.entries.get_mut(next)) {
            next.previous = previous;
        }
        match previous {
            Some(previous) => {
                if let Some(previous) = self.entries.get_mut(previous) {
                    previous.next = next;
                }
            }
            None => {
                self.levels[level].heads[slot] = next;
                if next.is_none() {
                    self.levels[level].occupied &= !(1 << slot);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "timer_tests.rs"]
mod tests;

//! A timer as a selector: a value in a ring for every tick, how many periods have passed since the last.
//!
//! The ticks are the first one plus multiples of the period, so they do not drift. When the ring is full,
//! ticks are added up and told when there is room.

use crate::io::link::Link;
use crate::io::select::SelectorEntry;
use crate::io::selector::{Effect, Effects, Ready, Selector};
use okernel_abi::value::Value;
use std::io;

/// The selector.
pub(crate) struct Ticks {
    link: Link,
    /// Kept for what it does when it is dropped.
    _entry: SelectorEntry,
    period_ns: u64,
    next_ns: u64,
    /// Ticks that nobody was told of yet.
    ticks: u64,
}

impl Ticks {
    pub(crate) fn new(period_ns: u64, link: Link, entry: SelectorEntry) -> Ticks {
        Ticks {
            link,
            _entry: entry,
            period_ns,
            next_ns: 0,
            ticks: 0,
        }
    }

    fn tell(&mut self, effects: &mut Effects<'_>) {
        if self.link.is_deserted() {
            return effects.push(Effect::Remove);
        }
        let ticks = Value::Int(i64::try_from(self.ticks).unwrap_or(i64::MAX));
        if self.ticks > 0 && self.link.send_value(&ticks, effects).is_ok() {
            self.ticks = 0;
        }
    }
}

impl Selector for Ticks {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        self.next_ns = effects.now_ns().saturating_add(self.period_ns);
        effects.call_at(Some(self.next_ns));
        Ok(())
    }

    fn ready(&mut self, ready: Ready<'_>, effects: &mut Effects<'_>) {
        if let Ready::Time = ready {
            let late_ns = effects.now_ns().saturating_sub(self.next_ns);
            let passed = late_ns / self.period_ns + 1;
            self.ticks += passed;
            self.next_ns = self
                .next_ns
                .saturating_add(passed.saturating_mul(self.period_ns));
            effects.call_at(Some(self.next_ns));
        }
        self.tell(effects);
    }

    fn finalise(&mut self, _: &mut Effects<'_>) {}
}

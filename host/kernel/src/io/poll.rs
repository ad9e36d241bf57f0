//! A core's poll: the one place where a core sleeps, and the table of its selectors.

use crate::core::Shared;
use crate::ids::CoreId;
use crate::inbox::Asker;
use crate::io::alarm::Alarm;
use crate::io::output::Stream;
use crate::io::selector::{
    Effect, Effects, Notice, Place, Ready, SLOTS_MAX, Selector, part, slot_index, token,
};
use crate::table::{Key, Table};
use crate::timer::Wheel;
use crate::wake::{Signal, SlotWake};
use mio::{Events, Registry, Token};
use okernel_abi::layout::Executed;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Events that one look takes at most; the others are there at the next one.
const EVENTS_MAX: usize = 1024;

const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// Whether a look at the poll may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// Only what is there now.
    Look,
    /// Until there is something, or until this moment.
    SleepUntil(Option<u64>),
}

/// A poll without a core, and the signal by which others will wake that core.
pub(crate) struct Poller {
    poll: mio::Poll,
    alarm: Alarm,
    signal: Arc<Signal>,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        Ok(Poller {
            poll,
            alarm,
            signal: Arc::new(Signal::new(waker)),
        })
    }

    pub(crate) fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }
}

/// A selector in its slot.
struct Slot {
    selector: Box<dyn Selector>,
    wake: Arc<SlotWake>,
    /// Its entry in the wheel, if it has asked for a moment.
    alarm: Option<Key>,
}

/// A core's poll and slots.
pub(crate) struct Io {
    poll: mio::Poll,
    events: Events,
    alarm: Alarm,
    slots: Slots,
    woken: Vec<Key>,
}

/// The slots, apart from the poll that is looked at while they are called.
struct Slots {
    table: Table<Slot>,
    alarms: Wheel<Key>,
    signal: Arc<Signal>,
    shared: Arc<Shared>,
    core: CoreId,
}

/// What selectors asked for, slot by slot.
pub(crate) type Wanted = Vec<(Key, Vec<Effect>)>;

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io")
            .field("slots", &self.slots.table.len())
            .finish_non_exhaustive()
    }
}

impl Io {
    /// The poll becomes that of a core.
    pub(crate) fn new(poller: Poller, shared: Arc<Shared>, core: CoreId) -> Io {
        Io {
            poll: poller.poll,
            events: Events::with_capacity(EVENTS_MAX),
            alarm: poller.alarm,
            slots: Slots {
                table: Table::new(),
                alarms: Wheel::new(),
                signal: poller.signal,
                shared,
                core,
            },
            woken: Vec::new(),
        }
    }

    /// Gives a selector its slot. What it asked for when it was registered is for the caller to carry out.
    pub(crate) fn add(
        &mut self,
        selector: Box<dyn Selector>,
        now_ns: u64,
    ) -> io::Result<(Key, Vec<Effect>)> {
        let key = self.slots.table.next_key();
        if key.index() >= SLOTS_MAX {
            let text = format!("there are {SLOTS_MAX} selectors on the core already");
            return Err(io::Error::other(text));
        }
        self.slots.table.insert(Slot {
            selector,
            wake: SlotWake::new(key, Arc::clone(&self.slots.signal)),
            alarm: None,
        });
        let mut registered = Ok(());
        let wanted = self.call(key, now_ns, |selector, effects| {
            registered = selector.register(effects);
        });
        if let Err(error) = registered {
            self.remove(key, now_ns);
            return Err(error);
        }
        Ok((key, wanted))
    }

    /// Tells a selector that it is dropped.
    pub(crate) fn leave(&mut self, slot: Key, now_ns: u64) -> Vec<Effect> {
        self.call(slot, now_ns, |selector, effects| selector.leave(effects))
    }

    /// Takes a selector away. What it asks for in its last call does not count any more.
    pub(crate) fn remove(&mut self, slot: Key, now_ns: u64) {
        self.take(slot, now_ns);
    }

    /// Takes a selector away, and answers what it asks for in its last call.
    fn take(&mut self, slot: Key, now_ns: u64) -> Vec<Effect> {
        let last = self.call(slot, now_ns, |selector, effects| selector.finalise(effects));
        if let Some(slot) = self.slots.table.remove(slot)
            && let Some(alarm) = slot.alarm
        {
            self.slots.alarms.cancel(alarm);
        }
        last
    }

    /// When a selector wants to be called next; `u64::MAX`: none does.
    pub(crate) fn next_ns(&self) -> u64 {
        self.slots.alarms.next_ns().unwrap_or(u64::MAX)
    }

    /// Looks what is ready, or sleeps until something is.
    pub(crate) fn wait(&mut self, patience: Patience, now_ns: u64) {
        let timeout = match patience {
            Patience::Look => Some(Duration::ZERO),
            Patience::SleepUntil(at_ns) => match self.alarm.set(at_ns, now_ns) {
                Ok(()) => None,
                Err(error) => {
                    tracing::error!(%error, "the alarm cannot be set");
                    Some(Duration::from_millis(1))
                }
            },
        };
        if let Err(error) = self.poll.poll(&mut self.events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "a core cannot poll");
        }
    }

    /// Lets the selectors have what the last [`Io::wait`] found.
    pub(crate) fn serve_events(&mut self, now_ns: u64, wanted: &mut Wanted) {
        for event in &self.events {
            match event.token() {
                WAKER => {}
                ALARM => self.alarm.went_off(),
                token => {
                    let Some(key) = self.slots.of(token) else {
                        continue;
                    };
                    let registry = self.poll.registry();
                    let effects = self.slots.call(registry, key, now_ns, |selector, effects| {
                        selector.ready(Ready::Event(part(token), event), effects);
                    });
                    wanted.push((key, effects));
                }
            }
        }
        self.events.clear();
    }

    /// Calls the selectors whose rings have news, or who asked for another call.
    pub(crate) fn serve_woken(&mut self, now_ns: u64, wanted: &mut Wanted) {
        let mut woken = std::mem::take(&mut self.woken);
        self.slots.signal.take_slots(&mut woken);
        for key in woken.drain(..) {
            if let Some(slot) = self.slots.table.get(key) {
                slot.wake.taken();
                let effects = self.call(key, now_ns, |selector, effects| {
                    selector.ready(Ready::Ring, effects);
                });
                wanted.push((key, effects));
            }
        }
        self.woken = woken;
    }

    /// Calls the selectors whose moment has come.
    pub(crate) fn serve_due(&mut self, now_ns: u64, wanted: &mut Wanted) {
        let mut due = Vec::new();
        self.slots.alarms.advance(now_ns, &mut due);
        for fired in due {
            let key = fired.data;
            if let Some(slot) = self.slots.table.get_mut(key) {
                slot.alarm = None;
            }
            let effects = self.call(key, now_ns, |selector, effects| {
                selector.ready(Ready::Time, effects);
            });
            wanted.push((key, effects));
        }
    }

    /// Whether this slot still has its selector.
    pub(crate) fn has(&self, slot: Key) -> bool {
        self.slots.table.get(slot).is_some()
    }

    /// Hands news to a selector.
    pub(crate) fn notice(&mut self, slot: Key, notice: Notice, now_ns: u64) -> Vec<Effect> {
        self.call(slot, now_ns, |selector, effects| {
            selector.notice(notice, effects)
        })
    }

    /// Tells a selector how its input went.
    pub(crate) fn executed(
        &mut self,
        slot: Key,
        report: Result<(Executed, Vec<u8>), String>,
        now_ns: u64,
    ) -> Vec<Effect> {
        self.call(slot, now_ns, |selector, effects| {
            selector.reported(report, effects);
        })
    }

    /// Writes to a selector. None: there is none, or it takes no output.
    pub(crate) fn write(
        &mut self,
        slot: Key,
        stream: Stream,
        bytes: Vec<u8>,
        asker: Asker,
    ) -> Option<()> {
        let slot = self.slots.table.get_mut(slot)?;
        slot.selector.write(stream, bytes, asker)
    }

    /// Tells a selector which names a person may type.
    pub(crate) fn offer(&mut self, slot: Key, names: Vec<String>) {
        if let Some(slot) = self.slots.table.get_mut(slot) {
            slot.selector.offer(names);
        }
    }

    /// The core halts: all selectors write what is left and go. Answers what they ask for in their last call.
    pub(crate) fn finalise(&mut self, now_ns: u64) -> Vec<Effect> {
        let keys = self.slots.table.keys().into_iter();
        keys.flat_map(|key| self.take(key, now_ns)).collect()
    }

    fn call(
        &mut self,
        key: Key,
        now_ns: u64,
        call: impl FnOnce(&mut dyn Selector, &mut Effects<'_>),
    ) -> Vec<Effect> {
        self.slots.call(self.poll.registry(), key, now_ns, call)
    }
}

impl Slots {
    /// The slot that an event is for, unless that is gone.
    fn of(&self, event: Token) -> Option<Key> {
        let key = self.table.key_at(slot_index(event))?;
        (token(key, part(event)) == event).then_some(key)
    }

    /// Calls a selector and answers what it asks for.
    fn call(
        &mut self,
        registry: &Registry,
        key: Key,
        now_ns: u64,
        call: impl FnOnce(&mut dyn Selector, &mut Effects<'_>),
    ) -> Vec<Effect> {
        let Some(slot) = self.table.get_mut(key) else {
            return Vec::new();
        };
        let place = Place {
            registry,
            key,
            wake: &slot.wake,
            signal: &self.signal,
            shared: &self.shared,
            core: self.core,
        };
        let mut effects = Effects::new(place, now_ns);
        call(&mut *slot.selector, &mut effects);
        let (list, call_at) = effects.into_parts();
        if let Some(at_ns) = call_at {
            if let Some(alarm) = slot.alarm.take() {
                self.alarms.cancel(alarm);
            }
            slot.alarm = at_ns.map(|at_ns| self.alarms.set(at_ns, 0, key));
        }
        list
    }
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;

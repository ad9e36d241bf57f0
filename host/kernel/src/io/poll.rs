//! A core's poll: the one place where a core sleeps, and the table of its selectors.

use crate::inbox::Asker;
use crate::io::alarm::Alarm;
use crate::io::output::Stream;
use crate::io::selector::{Door, Effects, Notice, Selector};
use crate::table::{Key, Table};
use crate::wake::Signal;
use mio::{Events, Token};
use okernel_abi::layout::Executed;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Events that one look takes at most; the others are there at the next one.
const EVENTS_MAX: usize = 256;

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

/// A core's poll and slots.
pub(crate) struct Io {
    poll: mio::Poll,
    events: Events,
    alarm: Alarm,
    slots: Table<Box<dyn Selector>>,
    signal: Arc<Signal>,
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io")
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}

impl Io {
    /// A poll, and the signal by which others wake it.
    pub(crate) fn new() -> io::Result<Io> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        Ok(Io {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            alarm,
            slots: Table::new(),
            signal: Arc::new(Signal::new(waker)),
        })
    }

    pub(crate) fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Gives a selector its slot.
    pub(crate) fn add(&mut self, mut selector: Box<dyn Selector>) -> io::Result<Key> {
        let key = self.slots.next_key();
        let door = Door::new(Arc::clone(&self.signal), key);
        selector.register(self.poll.registry(), token(key), door)?;
        Ok(self.slots.insert(selector))
    }

    /// Looks what is ready, or sleeps until something is, and lets the selectors have it.
    pub(crate) fn poll(
        &mut self,
        patience: Patience,
        now_ns: u64,
        effects: &mut Vec<(Key, Effects)>,
    ) {
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
        for event in &self.events {
            match event.token() {
                WAKER => {}
                ALARM => self.alarm.went_off(),
                token => {
                    let key = slot(token);
                    if let Some(selector) = self.slots.get_mut(key) {
                        let mut wanted = Effects::new();
                        selector.ready(event, &mut wanted);
                        effects.push((key, wanted));
                    }
                }
            }
        }
    }

    /// Hands news to a selector.
    pub(crate) fn notice(&mut self, slot: Key, notice: Notice) -> Effects {
        let mut effects = Effects::new();
        if let Some(selector) = self.slots.get_mut(slot) {
            selector.notice(notice, &mut effects);
        }
        effects
    }

    /// Tells a selector how its input went.
    pub(crate) fn executed(&mut self, slot: Key, executed: Result<Executed, String>) -> Effects {
        let mut effects = Effects::new();
        if let Some(selector) = self.slots.get_mut(slot) {
            selector.executed(executed, &mut effects);
        }
        effects
    }

    /// Writes to a selector. None: there is none, or it takes no output.
    pub(crate) fn write(
        &mut self,
        slot: Key,
        stream: Stream,
        bytes: Vec<u8>,
        asker: Asker,
    ) -> Option<()> {
        self.slots.get_mut(slot)?.write(stream, bytes, asker)
    }

    /// The core halts: all selectors write what is left and go.
    pub(crate) fn finalise(&mut self) {
        for key in self.slots.keys() {
            if let Some(mut selector) = self.slots.remove(key) {
                selector.finalise(self.poll.registry());
            }
        }
    }
}

fn token(key: Key) -> Token {
    Token(key.index() | (key.generation() as usize) << 32)
}

fn slot(token: Token) -> Key {
    Key::new(token.0 as u32, (token.0 >> 32) as u32)
}

//! A core's end of the bus: its own ring of messages, and a subscriber to everybody's.
//!
//! What does not fit into the ring waits in the outbox, in order, and goes as soon as there is
//! room; no message is ever dropped. All cores read all rings and pass over what is for others,
//! so a core that sleeps holds the sender up: a sender that finds its ring full therefore wakes
//! everybody, while otherwise only the destination is woken.
//!
//! Invariant: the envelopes of one sender arrive in the order in which they were sent, numbered
//! without gaps; a gap is reported as a fault of the host.

use crate::envelope::{Envelope, destination, sequence, set_sequence};
use crate::ids::CoreId;
use crate::wake::{Signal, core_waker};
use okernel_ring::{RecvError, Registered, SendError, TypedPublisher, TypedSubscriber};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// Messages that one look at one ring takes at most.
const BATCH: usize = 32;

/// A core's end of the bus.
#[derive(Debug)]
pub(crate) struct Channel {
    publisher: TypedPublisher<Envelope>,
    outbox: VecDeque<Envelope>,
    sent: u64,
    readers: Vec<Reader>,
    next_reader: usize,
    signals: Vec<Arc<Signal>>,
    waker: Waker,
}

#[derive(Debug)]
struct Reader {
    from: CoreId,
    subscriber: TypedSubscriber<Envelope>,
    received: u64,
}

/// Whether a look at the rings left something in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Left {
    Something,
    Nothing,
}

impl Channel {
    pub(crate) fn new(
        core: CoreId,
        publisher: TypedPublisher<Envelope>,
        subscribers: Vec<TypedSubscriber<Envelope>>,
        signals: Vec<Arc<Signal>>,
    ) -> Channel {
        let waker = core_waker(&signals[core.index()]);
        let readers = subscribers.into_iter().enumerate();
        Channel {
            publisher,
            outbox: VecDeque::new(),
            sent: 0,
            readers: readers
                .map(|(from, subscriber)| Reader {
                    from: CoreId(from as u16),
                    subscriber,
                    received: 0,
                })
                .collect(),
            next_reader: 0,
            signals,
            waker,
        }
    }

    /// Sends an envelope, or keeps it until there is room.
    pub(crate) fn send(&mut self, mut envelope: Envelope) {
        self.sent += 1;
        set_sequence(&mut envelope, self.sent);
        if self.outbox.is_empty() && self.try_send(envelope) {
            return;
        }
        self.outbox.push_back(envelope);
        if self.outbox.len() == 1 {
            self.flush();
        }
    }

    fn try_send(&mut self, envelope: Envelope) -> bool {
        match self.publisher.try_send(envelope) {
            Ok(()) => {
                if let Some(signal) = self.signals.get(destination(&envelope).index()) {
                    signal.notify();
                }
                true
            }
            Err(SendError::Full(_)) => false,
            Err(SendError::Closed(_)) => {
                tracing::error!("a core's bus ring is closed while the core runs");
                false
            }
        }
    }

    /// Sends what waits in the outbox, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(&envelope) = self.outbox.front() {
            if self.try_send(envelope) {
                self.outbox.pop_front();
                continue;
            }
            if self.publisher.register(&self.waker, 1) == Registered::Waiting {
                // Whoever sleeps does not read, and holds the ring up.
                self.signals.iter().for_each(|signal| signal.notify());
                return;
            }
        }
    }

    /// How many envelopes wait for room.
    pub(crate) fn outbox_count(&self) -> usize {
        self.outbox.len()
    }

    /// Appends the next envelopes for `core`, a few at a time, taking the senders in turn.
    pub(crate) fn receive(&mut self, core: CoreId, into: &mut Vec<Envelope>) -> Left {
        for _ in 0..self.readers.len() {
            let reader = &mut self.readers[self.next_reader];
            self.next_reader = (self.next_reader + 1) % self.signals.len();
            match reader.subscriber.batch_n(BATCH) {
                Ok(batch) => {
                    for envelope in batch.iter() {
                        reader.received += 1;
                        if sequence(envelope) != reader.received {
                            let (from, expected) = (reader.from, reader.received);
                            tracing::error!(%from, expected, "messages of a core are missing");
                            reader.received = sequence(envelope);
                        }
                        if destination(envelope) == core {
                            into.push(*envelope);
                        }
                    }
                    batch.release_all();
                    return Left::Something;
                }
                Err(RecvError::Empty | RecvError::Closed) => {}
                Err(error) => tracing::error!(%error, "a bus ring cannot be read"),
            }
        }
        Left::Nothing
    }
}

//! The bus: every core's ring wired to every core, its own too, so that any core talks to any.

use crate::channel::Channel;
use crate::envelope::Envelope;
use crate::ids::CoreId;
use crate::wake::Signal;
use okernel_ring::{
    CreateError, Policy, Ring, Start, SubscribeError, TypedPublisher, TypedSubscriber, ViewError,
};
use std::sync::Arc;

/// The bus could not be wired.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// A ring could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A core could not subscribe.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// A ring is not made of envelopes.
    #[error(transparent)]
    View(#[from] ViewError),
}

/// One channel for each of the signals' cores, all wired to each other.
pub(crate) fn wire(ring_bytes: usize, signals: &[Arc<Signal>]) -> Result<Vec<Channel>, BusError> {
    let mut publishers = Vec::new();
    for _ in signals {
        publishers.push(Ring::create(ring_bytes, Start::Hold)?);
    }
    let mut subscribers: Vec<Vec<TypedSubscriber<Envelope>>> = Vec::new();
    for _ in signals {
        let mut row = Vec::new();
        for publisher in &publishers {
            let subscriber = publisher.ring().subscribe(Policy::Block)?;
            row.push(TypedSubscriber::new(subscriber)?);
        }
        subscribers.push(row);
    }
    let mut channels = Vec::new();
    for (index, (publisher, row)) in publishers.into_iter().zip(subscribers).enumerate() {
        let publisher = TypedPublisher::new(publisher)?;
        channels.push(Channel::new(
            CoreId(index as u16),
            publisher,
            row,
            signals.to_vec(),
        ));
    }
    Ok(channels)
}

#[cfg(test)]
mod tests {
    use super::wire;
    use crate::channel::Left;
    use crate::envelope::{Address, Envelope};
    use crate::ids::CoreId;
    use crate::message::{Message, Parcels};
    use crate::table::Key;
    use crate::wake::{News, Signal};
    use std::sync::Arc;

    fn signals(count: usize) -> (Vec<mio::Poll>, Vec<Arc<Signal>>) {
        let polls: Vec<mio::Poll> = (0..count).map(|_| mio::Poll::new().unwrap()).collect();
        let signals = polls
            .iter()
            .map(|poll| {
                let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
                let signal = Arc::new(Signal::new(waker));
                signal.take_news();
                signal
            })
            .collect();
        (polls, signals)
    }

    fn halt(to: u16, status: i32, parcels: &Parcels) -> Envelope {
        let address = Address {
            from: CoreId(0),
            to: CoreId(to),
            ask: Key::new(status as u32, 5),
        };
        Message::Halt(status).seal(address, parcels)
    }

    #[test]
    fn a_full_ring_loses_nothing_and_keeps_the_order() {
        let (_polls, signals) = signals(3);
        let mut channels = wire(4096, &signals).unwrap();
        let parcels = Parcels::default();
        for status in 0..1000 {
            let envelope = halt(1 + (status as u16) % 2, status, &parcels);
            channels[0].send(envelope);
        }
        assert_eq!(channels[0].outbox_count(), 1000 - 64);
        let mut seen = [Vec::new(), Vec::new(), Vec::new()];
        let mut envelopes = Vec::new();
        while seen[1].len() + seen[2].len() < 1000 {
            for core in 0..3u16 {
                envelopes.clear();
                let left = channels[usize::from(core)].receive(CoreId(core), &mut envelopes);
                assert!(left == Left::Something || envelopes.is_empty());
                for envelope in &envelopes {
                    let (address, message) = Message::open(envelope, &parcels).unwrap();
                    assert_eq!(address.to, CoreId(core));
                    let Message::Halt(status) = message else {
                        panic!("{message:?}");
                    };
                    assert_eq!(address.ask, Key::new(status as u32, 5));
                    seen[usize::from(core)].push(status);
                }
            }
            channels[0].flush();
        }
        assert!(seen[0].is_empty());
        assert!(seen[1].iter().copied().eq((0..1000).step_by(2)));
        assert!(seen[2].iter().copied().eq((1..1000).step_by(2)));
        assert_eq!(parcels.count(), 0);
    }

    #[test]
    fn only_the_destination_is_notified() {
        let (_polls, signals) = signals(4);
        let mut channels = wire(4096, &signals).unwrap();
        channels[0].send(halt(2, 1, &Parcels::default()));
        let news: Vec<News> = signals.iter().map(|signal| signal.take_news()).collect();
        assert_eq!(news, [News::None, News::None, News::Some, News::None]);
    }
}

//! One connection of a network selector: its transport, and where it is in its life.

use crate::io::transport::{Transport, Wire, reason};
use crate::table::Key;
use std::io;
use std::net::Shutdown;
use tungstenite::protocol::frame::coding::CloseCode;

/// Where a connection is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// It is being made, or its handshake is under way: the tasks do not know of it.
    Beginning,
    /// The tasks were told that it is open.
    Open,
    /// A task has closed it; what is queued is still written.
    Closing,
    /// Everything was written and the tasks were told; what the peer still sends is thrown away until it closes,
    /// so that what was written reaches it.
    Lingering {
        /// When that ends at the latest.
        until_ns: u64,
    },
}

/// Whether a direction has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Going,
    Ended,
}

/// Whether a connection is in the list of those to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Listed {
    Yes,
    No,
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    pub(crate) phase: Phase,
    /// From the peer.
    pub(crate) reading: Direction,
    /// To the peer: a task has ended it; it is shut down when the queue is empty.
    pub(crate) writing: Direction,
    pub(crate) listed: Listed,
    /// The peer has sent its last byte, which may not have been read yet.
    pub(crate) peer_ended: Direction,
    /// When something was last read or written.
    pub(crate) active_ns: u64,
    /// How many queued bytes are counted in the selector's sum.
    pub(crate) counted_bytes: usize,
}

impl Connection {
    pub(crate) fn new(transport: Transport, now_ns: u64) -> Connection {
        Connection {
            transport,
            phase: Phase::Beginning,
            reading: Direction::Going,
            writing: Direction::Going,
            listed: Listed::No,
            peer_ended: Direction::Going,
            active_ns: now_ns,
            counted_bytes: 0,
        }
    }

    /// Writes what is queued as far as it goes.
    ///
    /// # Errors
    /// Why the connection is over.
    pub(crate) fn drain(&mut self, now_ns: u64) -> Result<(), String> {
        let Some(wire) = self.transport.wire() else {
            return Ok(());
        };
        if wire.drain().map_err(|error| reason(&error))? > 0 {
            self.active_ns = now_ns;
        }
        self.shut_if_ended().map_err(|error| reason(&error))
    }

    /// Tells the peer that nothing more will be written, once that is so.
    pub(crate) fn shut_if_ended(&mut self) -> io::Result<()> {
        if self.writing == Direction::Ended
            && let Transport::Tcp(Wire { stream, queue }) = &self.transport
            && queue.is_empty()
        {
            return match stream.shutdown(Shutdown::Write) {
                // The peer has gone already.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                result => result,
            };
        }
        Ok(())
    }

    /// A task closes the connection: nothing more is taken for it, what is queued is written.
    pub(crate) fn begin_close(&mut self, why: &str) {
        self.phase = Phase::Closing;
        self.writing = Direction::Ended;
        self.transport.say_goodbye(CloseCode::Normal, why);
    }
}

/// The number by which tasks know a connection: never 0, and never used again.
pub(crate) fn number(key: Key) -> u64 {
    (key.index() as u64 + 1) | u64::from(key.generation()) << 32
}

/// The connection with this number.
pub(crate) fn key(number: u64) -> Option<Key> {
    let index = (number as u32).checked_sub(1)?;
    Some(Key::new(index, (number >> 32) as u32))
}

#[cfg(test)]
mod tests {
    use super::{key, number};
    use crate::table::Key;

    #[test]
    fn numbers_name_connections() {
        for known in [Key::new(0, 0), Key::new(5, 7), Key::new(65_534, u32::MAX)] {
            assert_eq!(key(number(known)), Some(known));
        }
        assert_eq!(
            (number(Key::new(0, 0)), key(0), key(1 << 32)),
            (1, None, None)
        );
    }
}

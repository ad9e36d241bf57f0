//! Bytes of sockets become frames: one piece of each connection that has some, in turn.

use super::{Network, PEER_BYTES, PIECES_PER_TURN, Source};
use crate::io::connection::{Direction, Listed, Phase, number};
use crate::io::link::Full;
use crate::io::selector::Effects;
use crate::io::transport::Taken;
use crate::table::Key;
use okernel_abi::connection::FRAME_END;

impl Network {
    pub(super) fn read_all(&mut self, effects: &mut Effects<'_>) -> Result<(), Full> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = self.read_pieces(&mut buffer, effects);
        self.buffer = buffer;
        read
    }

    fn read_pieces(&mut self, buffer: &mut Vec<u8>, effects: &mut Effects<'_>) -> Result<(), Full> {
        let piece_bytes = self.piece_bytes();
        for _ in 0..PIECES_PER_TURN {
            let Some(key) = self.readable.pop_front() else {
                return Ok(());
            };
            if let Err(full) = self.link.reserve(piece_bytes.max(PEER_BYTES), effects) {
                self.readable.push_front(key);
                return Err(full);
            }
            self.read(key, buffer, piece_bytes, effects)?;
        }
        if !self.readable.is_empty() {
            effects.again();
        }
        Ok(())
    }

    /// Reads one piece of a connection. There is room for it.
    fn read(
        &mut self,
        key: Key,
        buffer: &mut Vec<u8>,
        piece_bytes: usize,
        effects: &mut Effects<'_>,
    ) -> Result<(), Full> {
        let now_ns = effects.now_ns();
        let Some(connection) = self.connections.get_mut(key) else {
            return Ok(());
        };
        connection.listed = Listed::No;
        if connection.reading == Direction::Ended {
            return Ok(());
        }
        if connection.phase == Phase::Beginning && matches!(self.source, Source::Connect(_)) {
            return self.connected(key, effects);
        }
        let taken = connection.transport.read(buffer, piece_bytes);
        let more = match taken {
            Taken::Data(_) | Taken::Other | Taken::Opened => Listed::Yes,
            Taken::LastData(_) if connection.peer_ended == Direction::Ended => Listed::Yes,
            _ => Listed::No,
        };
        if taken != Taken::Nothing {
            connection.active_ns = now_ns;
        }
        let open = connection.phase == Phase::Open;
        match taken {
            Taken::Data(kind) | Taken::LastData(kind) if open => {
                self.link.send(kind, number(key), buffer, effects)?;
            }
            Taken::End if open => {
                connection.reading = Direction::Ended;
                self.link.send(FRAME_END, number(key), &[], effects)?;
                self.close_if_written(key, effects);
            }
            Taken::End if connection.phase == Phase::Closing => {
                connection.reading = Direction::Ended;
                self.close_if_written(key, effects);
            }
            Taken::Closed if open => {
                self.link.send(FRAME_END, number(key), &[], effects)?;
                self.end(key, "closed by the peer".to_string(), effects);
            }
            Taken::End | Taken::Closed => {
                self.end(key, "closed by the peer".to_string(), effects);
            }
            Taken::Opened => self.opened(key, effects)?,
            Taken::Over(why) => self.end(key, why, effects),
            Taken::TooLarge(why) => self.limit(key, why, effects),
            _ => {}
        }
        self.settle(key);
        if let Some(connection) = self.connections.get_mut(key)
            && connection.transport.is_web_socket()
            && connection.counted_bytes > self.limits.queue_bytes + self.limits.message_bytes
        {
            let text = format!("slow: {} bytes queued", connection.counted_bytes);
            self.limit(key, text, effects);
        }
        if more == Listed::Yes {
            self.list(key);
        }
        Ok(())
    }
}

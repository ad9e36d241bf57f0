//! What tasks want: frames from the ring become bytes of sockets, and ends of connections.

use super::{Blocked, LINGER, Network, PIECES_PER_TURN, Source, nanos};
use crate::io::connection::{Direction, Phase, key};
use crate::io::link::{Command, Full, NoCommand};
use crate::io::network::Accepting;
use crate::io::selector::Effects;
use crate::table::Key;
use okernel_abi::connection::{CLOSED_BY_TASK, FRAME_DATA, FRAME_END, FRAME_TEXT};

impl Network {
    pub(super) fn take_commands(&mut self, effects: &mut Effects<'_>) {
        for _ in 0..PIECES_PER_TURN {
            let (command, since_ns) = match self.blocked.take() {
                Some(blocked) => (blocked.command, blocked.since_ns),
                None => match self.link.recv(effects) {
                    Ok(command) => (command, effects.now_ns()),
                    Err(NoCommand::Empty) => return,
                    Err(NoCommand::Over(why)) => return self.finish(&why, effects),
                },
            };
            if self.carry_out(command, effects).is_err() {
                self.blocked = Some(Blocked { command, since_ns });
                if !self.limits.stall.is_zero() {
                    self.call_at(since_ns + nanos(self.limits.stall), effects);
                }
                return;
            }
        }
        effects.again();
    }

    /// There will be no more commands: what is queued is written, then the connections are closed.
    fn finish(&mut self, why: &str, effects: &mut Effects<'_>) {
        self.source = Source::Nowhere;
        self.accepting = Accepting::No;
        self.over = Some(why.to_string());
        for key in self.connections.keys() {
            let connection = self.connections.get_mut(key);
            match connection.map(|connection| (connection.phase, connection)) {
                Some((Phase::Open, connection)) => connection.begin_close(why),
                Some((Phase::Beginning, _)) => self.end(key, why.to_string(), effects),
                _ => {}
            }
            self.settle(key);
        }
    }

    /// Carries a command out. Err: its connection's queue is full.
    fn carry_out(&mut self, command: Command, effects: &mut Effects<'_>) -> Result<(), Full> {
        let key = match command.connection {
            // A selector that has only one may be spoken to without its number.
            0 if matches!(self.source, Source::Connect(_)) => self.connections.keys().pop(),
            number => key(number),
        };
        let found = key.and_then(|key| Some((key, self.connections.get_mut(key)?)));
        let Some((key, connection)) = found.filter(|(_, found)| found.writing == Direction::Going)
        else {
            self.link.stats.ignored.add(1);
            return Ok(());
        };
        let bytes = self.link.bytes(command);
        let written = match command.kind {
            FRAME_DATA | FRAME_TEXT => {
                let queued = connection.counted_bytes;
                let one_is_full = queued > 0 && queued + bytes.len() > self.limits.queue_bytes;
                let all = self.queued_bytes + bytes.len() > self.limits.queue_all_bytes;
                if one_is_full || (all && self.queued_bytes > 0) {
                    return Err(Full);
                }
                let written = connection.transport.write(command.kind, bytes);
                if connection.transport.queued_bytes() == 0 {
                    connection.active_ns = effects.now_ns();
                }
                self.link.stats.out_bytes.add(bytes.len() as u64);
                written
            }
            FRAME_END if !connection.transport.is_web_socket() => {
                connection.writing = Direction::Ended;
                connection
                    .shut_if_ended()
                    .map_err(|error| error.to_string())
            }
            _ => {
                connection.begin_close(&String::from_utf8_lossy(bytes));
                Ok(())
            }
        };
        self.settle(key);
        match written {
            Err(why) => self.end(key, why, effects),
            Ok(()) => self.close_if_written(key, effects),
        }
        Ok(())
    }

    /// Connections whose last bytes were written meanwhile.
    pub(super) fn flush_closing(&mut self, effects: &mut Effects<'_>) {
        if self.over.is_some() {
            for key in self.connections.keys() {
                self.close_if_written(key, effects);
            }
        }
    }

    /// A connection that a task has closed, or both sides have ended, goes when all is written.
    pub(super) fn close_if_written(&mut self, key: Key, effects: &mut Effects<'_>) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if connection.transport.queued_bytes() > 0 {
            return;
        }
        let (reading, writing) = (connection.reading, connection.writing);
        match connection.phase {
            Phase::Closing if reading == Direction::Going => {
                let until_ns = effects.now_ns() + nanos(LINGER);
                connection.phase = Phase::Lingering { until_ns };
                // A failure to say goodbye is seen by the next read.
                let _ = connection.shut_if_ended();
                self.farewell(key, CLOSED_BY_TASK);
                self.call_at(until_ns, effects);
                self.list(key);
                effects.again();
            }
            Phase::Closing => self.end(key, CLOSED_BY_TASK.to_string(), effects),
            Phase::Open if (reading, writing) == (Direction::Ended, Direction::Ended) => {
                self.end(key, "closed by both sides".to_string(), effects);
            }
            _ => {}
        }
    }
}

//! What a selector may use: the options of `select`, and what they are when nobody says.

use std::time::Duration;

/// The limits of a selector. Times of zero mean: no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SelectLimits {
    /// Capacity of the ring towards the tasks, in bytes.
    pub(crate) in_bytes: u64,
    /// Capacity of the ring from the tasks, in bytes.
    pub(crate) out_bytes: u64,
    /// Connections at the same time; more wait in the listener's backlog.
    pub(crate) connections: usize,
    /// Bytes of one connection that are queued because its socket is slow.
    pub(crate) queue_bytes: usize,
    /// Bytes of all connections that are.
    pub(crate) queue_all_bytes: usize,
    /// Bytes of one message of a WebSocket, and of one frame of a stream.
    pub(crate) message_bytes: usize,
    /// A connection on which nothing is read or written for so long ends.
    pub(crate) idle: Duration,
    /// A connection that holds the ring up for so long, because its queue is full, ends.
    pub(crate) stall: Duration,
}

impl Default for SelectLimits {
    fn default() -> Self {
        SelectLimits {
            in_bytes: 1 << 20,
            out_bytes: 1 << 20,
            connections: 16_384,
            queue_bytes: 256 << 10,
            queue_all_bytes: 64 << 20,
            message_bytes: 64 << 10,
            idle: Duration::from_secs(300),
            stall: Duration::from_secs(5),
        }
    }
}

impl SelectLimits {
    /// Sets the option with this name.
    ///
    /// # Errors
    /// What would have been right.
    pub(crate) fn set(&mut self, name: &str, value: u64) -> Result<(), String> {
        let size = usize::try_from(value).ok().filter(|size| *size > 0);
        let size = size.ok_or(format!("{name}: a number above 0 is expected"));
        match name {
            "in" => self.in_bytes = size? as u64,
            "out" => self.out_bytes = size? as u64,
            "connections" => self.connections = size?.min(super::network::CONNECTIONS_MAX),
            "queue" => self.queue_bytes = size?,
            "queues" => self.queue_all_bytes = size?,
            "message" => self.message_bytes = size?,
            "idle" => self.idle = Duration::from_millis(value),
            "stall" => self.stall = Duration::from_millis(value),
            _ => {
                return Err(format!(
                    "{name}: in, out, connections, queue, queues, message, idle and stall are possible"
                ));
            }
        }
        Ok(())
    }

    /// Whether the limits fit together.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn check(&self) -> Result<(), String> {
        // A message and the frames around it must find room while one is being read.
        let ring = self.in_bytes.next_power_of_two().max(4096) / 2;
        if self.message_bytes as u64 > ring {
            return Err(format!(
                "message: {} bytes are more than half of the ring (in)",
                self.message_bytes
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::SelectLimits;

    #[test]
    fn options_are_set_and_checked() {
        let mut limits = SelectLimits::default();
        limits.check().unwrap();
        for name in ["in", "out", "connections", "queue", "queues", "message"] {
            limits.set(name, 4096).unwrap();
            assert!(limits.set(name, 0).is_err(), "{name}");
        }
        assert!(limits.check().unwrap_err().contains("half of the ring"));
        limits.set("message", 2048).unwrap();
        limits.check().unwrap();
        limits.set("idle", 0).unwrap();
        limits.set("stall", 0).unwrap();
        assert!(limits.set("other", 1).unwrap_err().contains("possible"));
    }
}

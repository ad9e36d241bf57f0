//! What takes too long: idle connections, slow handshakes, queues that do not move.

use super::{HANDSHAKE, Network, PAUSE, nanos};
use crate::io::connection::{Phase, key};
use crate::io::selector::Effects;
use crate::table::Key;

impl Network {
    /// Ends what has taken too long, and asks to be called when the next thing will have.
    pub(super) fn look_at_the_time(&mut self, effects: &mut Effects<'_>) {
        let now_ns = effects.now_ns();
        self.alarm_ns = u64::MAX;
        self.end_stalled(effects);
        let mut next_ns = u64::MAX;
        let mut late = Vec::new();
        for (key, connection) in self.connections.iter() {
            let due_ns = match connection.phase {
                Phase::Lingering { until_ns } => until_ns,
                Phase::Beginning => connection.active_ns.saturating_add(nanos(HANDSHAKE)),
                Phase::Open | Phase::Closing if self.limits.idle.is_zero() => continue,
                _ => connection.active_ns.saturating_add(nanos(self.limits.idle)),
            };
            if due_ns <= now_ns {
                late.push((key, connection.phase));
            } else {
                next_ns = next_ns.min(due_ns);
            }
        }
        for (key, phase) in late {
            match phase {
                Phase::Lingering { .. } => self.end(key, String::new(), effects),
                Phase::Beginning => self.limit(key, "no answer in time".to_string(), effects),
                _ => {
                    let idle_ms = self.limits.idle.as_millis();
                    self.limit(key, format!("idle for {idle_ms} ms"), effects);
                }
            }
        }
        if let Some(blocked) = &self.blocked
            && !self.limits.stall.is_zero()
        {
            next_ns = next_ns.min(blocked.since_ns.saturating_add(nanos(self.limits.stall)));
        }
        if next_ns != u64::MAX {
            // Thousands of connections that are due one after another are looked at together.
            self.call_at(next_ns.max(now_ns + nanos(PAUSE) / 4), effects);
        }
        effects.again();
    }

    /// Ends the connection that has held the ring up for too long.
    fn end_stalled(&mut self, effects: &mut Effects<'_>) {
        let Some(blocked) = self.blocked else {
            return;
        };
        let stall = self.limits.stall;
        let waited_ns = effects.now_ns().saturating_sub(blocked.since_ns);
        if stall.is_zero() || waited_ns < nanos(stall) {
            return;
        }
        let queued = |key: &Key| {
            let connection = self.connections.get(*key);
            connection.map_or(0, |connection| connection.counted_bytes)
        };
        let own = key(blocked.command.connection).filter(|key| queued(key) > 0);
        let bytes = self.link.bytes(blocked.command).len();
        let own_is_full =
            own.filter(|key| queued(key).saturating_add(bytes) > self.limits.queue_bytes);
        let keys = self.connections.keys();
        // If it is all of them together that are too many, the longest queue is the one that goes.
        let victim = own_is_full.or_else(|| keys.into_iter().max_by_key(queued));
        if let Some(victim) = victim {
            let (queued, stall_ms) = (queued(&victim), stall.as_millis());
            let text = format!("slow: {queued} bytes queued for {stall_ms} ms");
            self.limit(victim, text, effects);
        }
    }
}

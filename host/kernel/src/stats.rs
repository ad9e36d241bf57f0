//! Figures that a core writes and everybody may read.
//!
//! Each figure has one writer, the core that runs the task, so a plain load and store suffices to
//! add to it. Readers (`ps`, `cores`) on other cores see values that are a moment old, each exact
//! by itself.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A figure with a single writer.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds; only the owning core may call it.
    #[inline]
    pub fn add(&self, more: u64) {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_add(more), Ordering::Relaxed);
    }

    /// Replaces; only the owning core may call it.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value, to everybody.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a task is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// It could run and waits for its turn.
    Runnable = 0,
    /// It is being called.
    Running = 1,
    /// It waits for something that it armed.
    Waiting = 2,
    /// It was preempted in the middle of a call.
    Suspended = 3,
    /// Its hard share of the core is used up: it sleeps until there is more.
    Throttled = 4,
}

impl State {
    /// One word for `ps`.
    pub fn name(self) -> &'static str {
        match self {
            State::Runnable => "runnable",
            State::Running => "running",
            State::Waiting => "waiting",
            State::Suspended => "suspended",
            State::Throttled => "throttled",
        }
    }

    fn from_number(number: u32) -> State {
        match number {
            1 => State::Running,
            2 => State::Waiting,
            3 => State::Suspended,
            4 => State::Throttled,
            _ => State::Runnable,
        }
    }
}

/// Figures of one task.
#[derive(Debug, Default)]
pub struct TaskStats {
    /// Time in which it was called, in nanoseconds of the monotonic clock.
    pub cpu_ns: Count,
    /// Turns that it was given.
    pub turns: Count,
    /// Times that it was suspended in the middle of a call.
    pub preemptions: Count,
    /// Bytes of memory, as its CPU reports.
    pub memory_bytes: Count,
    /// Times that it was put to sleep because its hard share of a core was used up.
    pub throttles: Count,
    /// Handles that it holds.
    pub handles: Count,
    /// Timers that it holds.
    pub timers: Count,
    /// Times that it was started again after a failure.
    pub restarts: Count,
    /// Its weight.
    pub weight: Count,
    /// Which version of its module it is made of; 0 for what is made of none.
    pub version: Count,
    /// Times that it went on as another version.
    pub upgrades: Count,
    /// Times that it moved to another core.
    pub moves: Count,
    /// 1 if it stays on its core.
    pub pinned: Count,
    /// For how long it was paused by the last of them, in nanoseconds.
    pub pause_ns: Count,
    state: AtomicU32,
}

impl TaskStats {
    /// What it is doing.
    pub fn state(&self) -> State {
        State::from_number(self.state.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state as u32, Ordering::Relaxed);
    }
}

/// Figures of one core.
#[derive(Debug, Default)]
pub struct CoreStats {
    /// Time in tasks, in nanoseconds.
    pub tasks_ns: Count,
    /// Time in bus messages, in nanoseconds.
    pub bus_ns: Count,
    /// Time in input, output and timers, in nanoseconds.
    pub io_ns: Count,
    /// Time asleep, in nanoseconds.
    pub sleep_ns: Count,
    /// How often it went to sleep.
    pub sleeps: Count,
    /// Messages that it carried out or was answered.
    pub messages: Count,
    /// Turns of tasks.
    pub turns: Count,
    /// Tasks that it suspended in the middle of a call.
    pub preemptions: Count,
    /// Timers that are set.
    pub timers: Count,
    /// Tasks that live here.
    pub tasks: Count,
    /// Threads of its crew.
    pub threads: Count,
    /// Messages that wait in its outbox because its bus ring is full.
    pub outbox: Count,
    /// Share of the bus, in microseconds.
    pub bus_us: Count,
    /// Share of io, in microseconds.
    pub io_us: Count,
    /// Share of tasks, in microseconds.
    pub tasks_us: Count,
}

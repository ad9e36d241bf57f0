//! Giving way in the middle of a call.
//!
//! The CPU calls [`Context::preempt`] on the task's own thread (for Wasm, from the epoch callback).
//! The task's cell goes back into the table as suspended, the core's bus, io and timers are
//! served at once, and then the queue decides: if the same task is next, it simply goes on; if
//! another suspended task is, its thread gets the core directly; otherwise an idle thread of the
//! crew gets it, and runs the loop. This thread parks until the queue picks its task again.

use crate::cell::{Cell, Kill, Stage};
use crate::context::{Context, Inner};
use crate::core::{Core, Phase};
use crate::crew::{Baton, NoThread, Seat, relieve};
use crate::limits::{FINALIZE_CPU_MS_MAX, FINALIZE_HALT_MS_MAX};
use crate::share::Throttled;
use crate::stats::State;
use crate::table::Key;
use crate::task::Resumed;
use crate::wake;
use std::sync::Arc;

impl Context {
    /// Whether this turn is over and there is somebody else to serve: then call
    /// [`Context::preempt`]. Otherwise go on until the next tick; if nobody waits, the turn is prolonged.
    ///
    /// What has just happened (a timer is due, a message or a wake-up came from elsewhere) does not wait for
    /// the end of the turn: whoever is woken by it has slept, and goes first by its virtual time.
    pub fn slice_expired(&mut self) -> bool {
        let Inner { core, cell } = self.inner_mut();
        if core.unwinds(cell) {
            return true;
        }
        let now_ns = core.shared.clock.now_ns();
        if core.signal.has_news() || now_ns >= core.timer_next_ns {
            return true;
        }
        if now_ns < core.turn_end_ns {
            return false;
        }
        let left_ns = cell.left_ns(core.turn_start_ns, now_ns);
        if left_ns == 0 {
            return true;
        }
        let io_due_ns = core.io_last_ns + core.quanta.tasks_us * 1000;
        if !core.queue.is_empty() || wake::has_local() || now_ns >= io_due_ns {
            return true;
        }
        core.turn_end_ns = now_ns + core.slice_ns().min(left_ns);
        false
    }

    /// Whether the task is to unwind and answer Err as soon as it can: it is to end, and has had its time for
    /// `finalize` if it is there.
    pub fn is_killed(&self) -> bool {
        let Inner { core, cell } = self.inner();
        core.unwinds(cell)
    }

    /// Gives the core away until the task's next turn, asleep. On return the same context is as it
    /// was, except that endpoints may have been revoked.
    ///
    /// Kill also when the core has no thread left to run others while this task is suspended: that
    /// is the task's end, by the limit that its log line names. In `finalize` it goes on until the time for that is over.
    pub fn preempt(&mut self) -> Resumed {
        let (core, cell) = self.take().into_parts();
        let (core, cell) = suspend(core, cell);
        let killed = core.unwinds(&cell);
        self.set_parts(core, cell);
        if killed {
            return Resumed::Kill;
        }
        Resumed::Continue
    }
}

fn suspend(mut core: Box<Core>, mut cell: Box<Cell>) -> (Box<Core>, Box<Cell>) {
    if core.unwinds(&cell) {
        return (core, cell);
    }
    let key = cell.key;
    let seat = Arc::clone(&core.crew.holder);
    core.end_turn(&mut cell);
    cell.set_state(State::Suspended);
    cell.seat = Some(Arc::clone(&seat));
    if core.throttle(&mut cell) == Throttled::No {
        cell.entry = core.queue.push(key, cell.time);
    }
    core.put_cell(cell);
    let _ = core.service();
    let mut core = match core.who_is_next() {
        Following::Myself => core,
        Following::Other(other) => {
            count_preemption(&mut core, key);
            wake::release(&mut core.ready);
            other.give(Baton::Core(core));
            await_core(&seat)
        }
        Following::Loop => {
            count_preemption(&mut core, key);
            wake::release(&mut core.ready);
            match relieve(core) {
                Ok(()) => await_core(&seat),
                Err(NoThread { mut core, reason }) => {
                    wake::hold(&core.signal);
                    if let Some(cell) = core.cell(key) {
                        cell.kill = Some(Kill::Limit(reason));
                    }
                    core
                }
            }
        }
    };
    core.crew.holder = seat;
    let Some(mut cell) = core.take_cell(key) else {
        // The table keeps a suspended task until it has been resumed.
        tracing::error!("a suspended task is gone");
        std::process::abort();
    };
    cell.seat = None;
    core.read_clock();
    core.begin_turn(&mut cell);
    (core, cell)
}

fn count_preemption(core: &mut Core, key: Key) {
    core.stats.preemptions.add(1);
    if let Some(cell) = core.cell(key) {
        cell.stats.preemptions.add(1);
    }
}

fn await_core(seat: &Seat) -> Box<Core> {
    match seat.wait() {
        Baton::Core(core) => {
            wake::hold(&core.signal);
            core
        }
        Baton::Stop(_) => {
            // A core halts only when no task is suspended.
            tracing::error!("a core halted under a suspended task");
            std::process::abort();
        }
    }
}

/// Who gets the core after a task was suspended.
enum Following {
    Myself,
    Other(Arc<Seat>),
    Loop,
}

impl Core {
    /// Looks at the queue's first entry that counts. A suspended task is taken off the queue; for
    /// everybody else the loop will do that.
    fn who_is_next(&mut self) -> Following {
        while let Some((key, entry)) = self.queue.peek() {
            let seat = match self.tasks.get(key) {
                Some(Some(cell)) if cell.entry == entry => cell.seat.clone(),
                _ => {
                    let _ = self.queue.pop();
                    continue;
                }
            };
            let Some(seat) = seat else {
                return Following::Loop;
            };
            let _ = self.queue.pop();
            if Arc::ptr_eq(&seat, &self.crew.holder) {
                return Following::Myself;
            }
            return Following::Other(seat);
        }
        Following::Loop
    }

    /// Whether the running task, this one, is to unwind: see [`Context::is_killed`].
    fn unwinds(&self, cell: &Cell) -> bool {
        cell.kill.is_some()
            && (cell.stage != Stage::Ending || self.cpu_ns(cell) >= cell.finalize_until_ns)
    }

    /// CPU time of the running task, that of this turn included, in nanoseconds.
    pub(crate) fn cpu_ns(&self, cell: &Cell) -> u64 {
        cell.stats.cpu_ns.get() + (self.shared.clock.now_ns() - self.turn_start_ns)
    }

    /// The running task is about to finish, and has a while for it.
    pub(crate) fn begin_finalize(&self, cell: &mut Cell) {
        let halts_long = self.phase != Phase::Running
            && self.shared.clock.now_ns() - self.halt_ns > FINALIZE_HALT_MS_MAX * 1_000_000;
        let most_ms = if halts_long { 0 } else { FINALIZE_CPU_MS_MAX };
        cell.finalize_until_ns = self.cpu_ns(cell) + most_ms * 1_000_000;
    }

    pub(crate) fn slice_ns(&self) -> u64 {
        self.shared.config.slice_us * 1000
    }

    /// A task begins to run, at the moment when the clock was last read.
    #[inline]
    pub(crate) fn begin_turn(&mut self, cell: &mut Cell) {
        let now_ns = self.now_ns;
        self.turn_start_ns = now_ns;
        self.turn_end_ns = now_ns + self.slice_ns().min(cell.left_ns(now_ns, now_ns));
        cell.set_state(State::Running);
    }

    /// A task has run: reads the clock and writes the time to its account.
    #[inline]
    pub(crate) fn end_turn(&mut self, cell: &mut Cell) {
        let start_ns = self.turn_start_ns;
        let spent_ns = self.read_clock() - start_ns;
        cell.time = self.queue.charge(cell.time, spent_ns, cell.weight);
        if let Some(account) = &cell.account {
            account.charge(self.now_ns, spent_ns);
        }
        cell.stats.cpu_ns.add(spent_ns);
        cell.stats.handles.set(cell.handles.len() as u64);
        cell.stats.timers.set(cell.timers_count as u64);
        cell.stats.turns.add(1);
        self.stats.tasks_ns.add(spent_ns);
        self.stats.turns.add(1);
    }
}

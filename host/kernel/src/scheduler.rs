//! The loop of a core: bus, io, tasks, sleep.
//!
//! One round serves the bus and io within their quanta, then gives turns to tasks, by fair
//! queueing, within theirs. News (a message, a wake-up from elsewhere, a post) and due timers cut
//! the tasks' part short after the running turn. The clock is read once per turn: the end of one
//! turn is the beginning of the next. io is asked by a system call, so it is looked at once per
//! tasks' quantum when the core is busy, and by the sleep itself when it is not.

use crate::cell::Kill;
use crate::channel::Left;
use crate::core::{Core, Phase};
use crate::crew::{Baton, Seat};
use crate::ids::CoreId;
use crate::io::poll::{Patience, Wanted};
use crate::io::selector::Effect;
use crate::message::Message;
use crate::table::Key;
use crate::wake::{self, News};
use std::hint::spin_loop;
use std::sync::Arc;

/// Messages between two looks at the clock.
const MESSAGES_PER_LOOK: usize = 16;

/// Spins between two looks at the clock.
const SPINS_PER_LOOK: usize = 64;

/// Why a thread ceased to run its core.
pub(crate) enum Rest {
    /// Another thread has it.
    Given,
    /// It has halted.
    Halted(Box<Core>),
}

/// What the queue's first entry is.
pub(crate) enum Pick {
    /// A task that is called from the loop.
    Fresh(Key),
    /// A task whose stack is on another thread.
    Suspended(Arc<Seat>),
    /// Nobody can run.
    Nobody,
}

/// Runs the core on this thread until another thread takes it over, or it halts.
pub(crate) fn run(mut core: Box<Core>, seat: &Arc<Seat>) -> Rest {
    wake::hold(&core.signal);
    core.crew.holder = Arc::clone(seat);
    loop {
        core.read_clock();
        let left = core.service();
        if core.phase != Phase::Running && core.has_halted() {
            core.become_idle();
            wake::release(&mut core.ready);
            return Rest::Halted(core);
        }
        if core.queue.is_empty() {
            if left == Left::Nothing {
                core.hibernate();
            }
            continue;
        }
        core.become_busy();
        let until_ns = core.now_ns + core.quanta.tasks_us * 1000;
        loop {
            match core.pick() {
                Pick::Nobody => break,
                Pick::Fresh(key) => {
                    if let Some(cell) = core.take_cell(key) {
                        core = crate::turn::run(core, cell);
                    }
                }
                Pick::Suspended(other) => {
                    core.crew.rest(seat);
                    wake::release(&mut core.ready);
                    other.give(Baton::Core(core));
                    return Rest::Given;
                }
            }
            let due = core.now_ns >= until_ns || core.now_ns >= core.timer_next_ns;
            if due || core.signal.has_news() {
                break;
            }
        }
    }
}

impl Core {
    /// Takes the next entry that counts off the queue.
    pub(crate) fn pick(&mut self) -> Pick {
        while let Some((key, entry)) = self.queue.pop() {
            let Some(Some(cell)) = self.tasks.get_mut(key) else {
                continue;
            };
            if cell.entry != entry {
                continue;
            }
            return match &cell.seat {
                Some(seat) => Pick::Suspended(Arc::clone(seat)),
                None => Pick::Fresh(key),
            };
        }
        Pick::Nobody
    }

    /// Serves the bus, foreign threads, timers and io, each within its quantum. Says whether
    /// messages are left.
    pub(crate) fn service(&mut self) -> Left {
        let mut left = Left::Nothing;
        if self.signal.take_news() == News::Some {
            self.signal.take_ready(&mut self.ready);
            for post in self.signal.take_posts() {
                self.carry_out_post(post);
            }
            self.serve_selectors();
            left = self.poll_bus();
        }
        if self.now_ns >= self.timer_next_ns {
            self.expire_timers();
            self.serve_due();
        }
        if self.now_ns >= self.io_last_ns + self.quanta.tasks_us * 1000 {
            self.poll_io(Patience::Look);
        }
        self.drain_ready();
        left
    }

    /// Carries out messages for at most the bus's quantum. What is left is news for the next round.
    fn poll_bus(&mut self) -> Left {
        let start_ns = self.read_clock();
        let end_ns = start_ns + self.quanta.bus_us * 1000;
        let mut left = Left::Something;
        let mut envelopes = std::mem::take(&mut self.envelopes);
        let mut count = 0;
        while left == Left::Something && self.now_ns < end_ns {
            self.channel.flush();
            left = self.channel.receive(self.id, &mut envelopes);
            for envelope in envelopes.drain(..) {
                self.carry_out(&envelope);
                count += 1;
                if count % MESSAGES_PER_LOOK == 0 {
                    self.read_clock();
                }
            }
        }
        self.channel.flush();
        self.envelopes = envelopes;
        self.stats.messages.add(count as u64);
        self.stats.outbox.set(self.channel.outbox_count() as u64);
        let end_ns = self.read_clock();
        self.stats.bus_ns.add(end_ns - start_ns);
        if left == Left::Something {
            self.signal.notify();
        }
        left
    }

    /// Looks at the poll, or sleeps in it, and lets the selectors have what is ready.
    fn poll_io(&mut self, patience: Patience) {
        let start_ns = self.now_ns;
        self.io.wait(patience, start_ns);
        let polled_ns = self.read_clock();
        let mut wanted = Vec::new();
        self.io.serve_events(polled_ns, &mut wanted);
        self.carry_out_wanted(wanted);
        self.io_last_ns = self.read_clock();
        if patience == Patience::Look {
            self.stats.io_ns.add(self.io_last_ns - start_ns);
        } else {
            self.stats.sleep_ns.add(polled_ns - start_ns);
            self.stats.io_ns.add(self.io_last_ns - polled_ns);
            self.stats.sleeps.add(1);
        }
    }

    /// Calls the selectors whose rings have news.
    fn serve_selectors(&mut self) {
        let start_ns = self.now_ns;
        let mut wanted = Vec::new();
        self.io.serve_woken(start_ns, &mut wanted);
        if !wanted.is_empty() {
            self.carry_out_wanted(wanted);
            let end_ns = self.read_clock();
            self.stats.io_ns.add(end_ns - start_ns);
        }
    }

    /// Calls the selectors whose moment has come.
    fn serve_due(&mut self) {
        let start_ns = self.now_ns;
        let mut wanted = Vec::new();
        self.io.serve_due(start_ns, &mut wanted);
        self.timer_next_ns = self.timer_next_ns.min(self.io.next_ns());
        if !wanted.is_empty() {
            self.carry_out_wanted(wanted);
            let end_ns = self.read_clock();
            self.stats.io_ns.add(end_ns - start_ns);
        }
    }

    fn carry_out_wanted(&mut self, wanted: Wanted) {
        for (slot, effects) in wanted {
            self.carry_out_effects(slot, effects);
        }
    }

    /// Nothing to do: spins for a moment, then sleeps until there is something.
    fn hibernate(&mut self) {
        let spin_end_ns = self.now_ns + self.shared.spin_ns;
        while self.now_ns < spin_end_ns {
            for _ in 0..SPINS_PER_LOOK {
                if self.signal.has_news() {
                    return;
                }
                spin_loop();
            }
            if self.read_clock() >= self.timer_next_ns {
                return;
            }
        }
        // Who sleeps reads no ring; what others said to others must not hold their rings up.
        let left = self.poll_bus();
        self.drain_ready();
        if left == Left::Something || !self.queue.is_empty() {
            return;
        }
        self.become_idle();
        if self.signal.fall_asleep() == News::Some {
            return;
        }
        let until_ns = Some(self.timer_next_ns).filter(|&next_ns| next_ns != u64::MAX);
        self.poll_io(Patience::SleepUntil(until_ns));
        self.signal.wake_up();
    }

    /// The kernel halts: all tasks are to end.
    pub(crate) fn halt(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        self.phase = Phase::Halting;
        self.halt_ns = self.read_clock();
        for key in self.tasks.keys() {
            self.kill(key, Kill::Halting);
        }
        // The loop looks at the phase after the next round.
        self.signal.notify();
    }

    /// Whether a halting core is done: its tasks have ended, its messages are sent, and, on the boot core,
    /// all other cores are done.
    pub(crate) fn has_halted(&mut self) -> bool {
        if self.phase == Phase::Halting && self.tasks.is_empty() {
            self.phase = Phase::Flushing;
            if let Some(asker) = self.halt_asker.take() {
                self.answer(asker, Message::AckHalt);
            }
        }
        self.phase == Phase::Flushing
            && self.channel.outbox_count() == 0
            && (self.id != CoreId::BOOT || self.halts_awaited == 0)
    }

    /// The core has halted: its selectors write what is left. What could not be written is a failure of the
    /// kernel also when all else was done by then.
    pub(crate) fn finalise(&mut self) {
        for effect in self.io.finalise(self.now_ns) {
            if let Effect::Halt(status) = effect {
                self.shared.set_status(status);
            }
        }
    }
}

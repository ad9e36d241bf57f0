//! One core: everything that a scheduler works with, in one box.
//!
//! The box is the baton of [`crate::crew`]: who holds it is the core, and nothing in it is locked.
//! What cores share is in [`Shared`]: the directory, the parcels, each other's signals.

use crate::balance::Balancer;
use crate::capability::{Armed, Object};
use crate::cell::{Cell, Kill, Woken};
use crate::channel::Channel;
use crate::check::Survey;
use crate::clock::Clock;
use crate::config::{Config, Quanta};
use crate::crew::Crew;
use crate::derivation::Capabilities;
use crate::directory::Directory;
use crate::envelope::{Address, Ask, Envelope};
use crate::feed::Feed;
use crate::guest_memory::GuestMemory;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::inbox::Asker;
use crate::io::poll::Io;
use crate::io::select::Leaving;
use crate::memory::Memory;
use crate::message::{Message, Parcels};
use crate::pending::{Pending, PendingSpawn};
use crate::program::{CoreHooks, Modules};
use crate::revoke::PendingRevoke;
use crate::run_queue::RunQueue;
use crate::stats::{CoreStats, State};
use crate::table::{Key, Table};
use crate::timer::{Fired, Wheel};
use crate::versions::Versions;
use crate::wake::Signal;
use okernel_abi::Handle;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

/// What all cores of a kernel share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) directory: Directory,
    pub(crate) versions: Versions,
    pub(crate) capabilities: Capabilities,
    pub(crate) guest_memory: GuestMemory,
    pub(crate) parcels: Parcels,
    pub(crate) signals: Vec<Arc<Signal>>,
    pub(crate) stats: Vec<Arc<CoreStats>>,
    pub(crate) modules: Arc<dyn Modules>,
    pub(crate) hooks: Arc<dyn CoreHooks>,
    /// The statistics' ring, once there is one.
    pub(crate) feed: OnceLock<EndpointId>,
    /// Set when the boot core wants to know of every task that ends.
    pub(crate) watch_ends: AtomicBool,
    /// Set when a task has failed: a script whose tasks fail has failed too.
    pub(crate) task_failed: AtomicBool,
    /// Which cores have threads; the first needs none.
    pub(crate) parked: Vec<AtomicBool>,
    /// The exit status, once the kernel halts.
    pub(crate) status: AtomicI32,
    /// How long an idle core spins before it sleeps.
    pub(crate) spin_ns: u64,
}

impl Shared {
    pub(crate) fn cores_count(&self) -> usize {
        self.signals.len()
    }

    /// The core with this number, if there is one.
    pub(crate) fn core(&self, number: i64) -> Option<CoreId> {
        let core = u16::try_from(number).ok().map(CoreId)?;
        (core.index() < self.cores_count()).then_some(core)
    }

    /// Remembers the exit status; a failure is not made good by a later success.
    pub(crate) fn set_status(&self, status: i32) {
        let _ = self
            .status
            .compare_exchange(0, status, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Whose timer it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimerOwner {
    /// A task's, which knows it by this handle.
    Task { task: Key, handle: Handle },
    /// The statistics' (see [`crate::feed`]).
    Feed,
    /// A check's (see [`crate::check`]).
    Survey(Key),
    /// The balancer's (see [`crate::balance`]).
    Balance,
    /// A task's that waits until a limited grant of its allows more.
    Room(Key),
    /// The end of the time of the capability with this number.
    Expiry(u64),
    /// The kernel's own, for a task whose share of the core is used up.
    Share(Key),
}

/// Whether the hooks were told that this core runs tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Activity {
    Busy,
    Idle,
}

/// Where the core is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Running,
    /// The tasks are being ended.
    Halting,
    /// The tasks have ended; messages are still on their way.
    Flushing,
}

/// One core.
pub(crate) struct Core {
    pub(crate) id: CoreId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) stats: Arc<CoreStats>,
    pub(crate) crew: Crew,
    pub(crate) memory: Memory,
    /// All tasks; None in the place of the one that is being called.
    pub(crate) tasks: Table<Option<Box<Cell>>>,
    pub(crate) places: HashMap<TaskId, Key>,
    pub(crate) queue: RunQueue,
    pub(crate) timers: Wheel<TimerOwner>,
    /// No timer fires before this moment, and no selector is due.
    pub(crate) timer_next_ns: u64,
    pub(crate) fired: Vec<Fired<TimerOwner>>,
    pub(crate) ready: Vec<Key>,
    pub(crate) channel: Channel,
    pub(crate) envelopes: Vec<Envelope>,
    /// What was asked of other cores (and of this one) and not answered yet.
    pub(crate) pending: Table<Pending>,
    /// Orders whose endpoints are still on their way to this core.
    pub(crate) spawns: Table<PendingSpawn>,
    /// Checks whose tasks have not all answered.
    pub(crate) surveys: Table<Survey>,
    /// Capabilities that are being taken back.
    pub(crate) revokes: Table<PendingRevoke>,
    pub(crate) io: Io,
    /// The console's slot, on the core that has it.
    pub(crate) console: Option<Key>,
    /// The slot that feeds the shell now, and is told when a person interrupts.
    pub(crate) foreground: Option<Key>,
    /// The statistics' ring, on the boot core, once somebody has asked for it.
    pub(crate) feed: Option<Box<Feed>>,
    /// On the boot core, if the kernel balances.
    pub(crate) balancer: Option<Box<Balancer>>,
    /// Selectors that were dropped and still write what is left.
    pub(crate) leaving: Vec<Leaving>,
    /// Selectors that are told what is written to the console.
    pub(crate) mirrors: Vec<Key>,
    /// On the boot core: halt with this status when the shell is alone.
    pub(crate) alone_status: Option<i32>,
    pub(crate) quanta: Quanta,
    /// The clock when it was last read.
    pub(crate) now_ns: u64,
    /// When the turn of the running task began, and when it should end.
    pub(crate) turn_start_ns: u64,
    pub(crate) turn_end_ns: u64,
    pub(crate) io_last_ns: u64,
    pub(crate) activity: Activity,
    pub(crate) phase: Phase,
    /// When it began to halt.
    pub(crate) halt_ns: u64,
    /// Who is told when the tasks have ended.
    pub(crate) halt_asker: Option<Asker>,
    /// On the boot core: cores whose tasks have not all ended yet.
    pub(crate) halts_awaited: usize,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("id", &self.id)
            .field("tasks", &self.tasks.len())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// Reads the clock.
    #[inline]
    pub(crate) fn read_clock(&mut self) -> u64 {
        self.now_ns = self.shared.clock.now_ns();
        self.now_ns
    }

    /// Takes a task's cell out of the table, for its call.
    #[inline]
    pub(crate) fn take_cell(&mut self, key: Key) -> Option<Box<Cell>> {
        self.tasks.get_mut(key)?.take()
    }

    /// Puts a task's cell back.
    #[inline]
    pub(crate) fn put_cell(&mut self, cell: Box<Cell>) {
        if let Some(place) = self.tasks.get_mut(cell.key) {
            *place = Some(cell);
        }
    }

    /// The cell of a task that is not being called.
    #[inline]
    pub(crate) fn cell(&mut self, key: Key) -> Option<&mut Cell> {
        self.tasks.get_mut(key)?.as_deref_mut()
    }

    /// The cell of a task of this core, by its id.
    pub(crate) fn cell_by_id(&mut self, id: TaskId) -> Option<&mut Cell> {
        let key = *self.places.get(&id)?;
        self.cell(key)
    }

    /// Something that the task may wait for has happened.
    #[inline]
    pub(crate) fn wake(&mut self, key: Key) {
        if let Some(Some(cell)) = self.tasks.get_mut(key) {
            cell.woken = Woken::Yes;
            if cell.state == State::Waiting {
                if cell.account.is_some() {
                    return self.line_up(key);
                }
                cell.set_state(State::Runnable);
                (cell.time, cell.entry) = self.queue.join(key, cell.time);
            }
        }
    }

    /// Carries out the wake-ups that were collected.
    #[inline]
    pub(crate) fn drain_ready(&mut self) {
        crate::wake::take_local(&mut self.ready);
        if self.ready.is_empty() {
            return;
        }
        let mut ready = std::mem::take(&mut self.ready);
        for key in ready.drain(..) {
            if let Some(Some(cell)) = self.tasks.get_mut(key) {
                cell.wake.taken();
            }
            self.wake(key);
        }
        self.ready = ready;
    }

    /// A handle of a task has news; wakes the task if it waits for that.
    pub(crate) fn wake_armed(&mut self, key: Key, handle: Handle) {
        let Some(cell) = self.cell(key) else {
            return;
        };
        let armed = match cell.handles.get_mut(handle) {
            Ok(Object::Timer(timer)) => &mut timer.armed,
            Ok(Object::Reply(reply)) => &mut reply.armed,
            _ => return,
        };
        if std::mem::replace(armed, Armed::No) == Armed::Yes {
            self.wake(key);
        }
    }

    /// Marks a task to be ended and lets it have its turn for that, before all others.
    pub(crate) fn kill(&mut self, key: Key, kill: Kill) {
        let Some(Some(cell)) = self.tasks.get_mut(key) else {
            return;
        };
        if cell.kill.is_none() {
            cell.kill = Some(kill);
        }
        match (cell.state, &cell.seat) {
            (State::Waiting, _) | (State::Throttled, None) => cell.set_state(State::Runnable),
            (State::Throttled, Some(_)) => cell.set_state(State::Suspended),
            _ => {}
        }
        cell.entry = self.queue.push_first(key);
    }

    /// Sends a message whose answer comes back with `pending`.
    pub(crate) fn ask(&mut self, to: CoreId, message: Message, pending: Pending) {
        let ask = self.pending.insert(pending);
        self.send(to, ask, message);
    }

    /// Answers a message.
    pub(crate) fn answer(&mut self, asker: Asker, message: Message) {
        self.send(asker.core, asker.ask, message);
    }

    fn send(&mut self, to: CoreId, ask: Ask, message: Message) {
        let from = self.id;
        let envelope = message.seal(Address { from, to, ask }, &self.shared.parcels);
        self.channel.send(envelope);
    }

    /// Time was spent for a task outside of its turns: it counts from its next entry in the queue on.
    fn charge(&mut self, task: Key, spent_ns: u64) {
        let now_ns = self.now_ns;
        let Some(Some(cell)) = self.tasks.get_mut(task) else {
            return;
        };
        cell.time = self.queue.charge(cell.time, spent_ns, cell.weight);
        if let Some(account) = &cell.account {
            account.charge(now_ns, spent_ns);
        }
        cell.stats.cpu_ns.add(spent_ns);
    }

    /// A periodic timer was looked at: it may fire again. Answers how many of its deadlines it has passed over.
    pub(crate) fn resume_timer(&mut self, timer: Key) -> u64 {
        let passed = self.timers.resume(timer, self.now_ns);
        if let Some(deadline_ns) = self.timers.deadline_ns(timer) {
            self.timer_next_ns = self.timer_next_ns.min(deadline_ns);
        }
        passed
    }

    /// Lets the timers fire that are due.
    pub(crate) fn expire_timers(&mut self) {
        let mut fired = std::mem::take(&mut self.fired);
        self.timers.advance(self.now_ns, &mut fired);
        let start_ns = self.now_ns;
        let mut expired = Vec::new();
        for timer in &fired {
            let (task, handle) = match timer.data {
                TimerOwner::Task { task, handle } => (task, handle),
                TimerOwner::Feed => {
                    self.timers.resume(timer.timer, self.now_ns);
                    self.feed_due();
                    continue;
                }
                TimerOwner::Balance => {
                    self.timers.resume(timer.timer, self.now_ns);
                    self.balance_due();
                    continue;
                }
                TimerOwner::Survey(survey) => {
                    self.end_survey(survey);
                    continue;
                }
                TimerOwner::Room(task) => {
                    self.wake(task);
                    continue;
                }
                TimerOwner::Expiry(capability) => {
                    expired.push(capability);
                    continue;
                }
                TimerOwner::Share(task) => {
                    self.share_due(task);
                    continue;
                }
            };
            let one_shot = self.timers.period_ns(timer.timer).is_none();
            if let Some(cell) = self.cell(task)
                && let Ok(Object::Timer(state)) = cell.handles.get_mut(handle)
            {
                state.fired += timer.expirations;
                if one_shot {
                    state.key = None;
                }
            }
            self.wake_armed(task, handle);
        }
        // Together: each time all that is held is looked through.
        self.expired(expired);
        let timers_next_ns = self.timers.next_ns().unwrap_or(u64::MAX);
        self.timer_next_ns = timers_next_ns.min(self.io.next_ns());
        self.stats.timers.set(self.timers.len() as u64);
        if !fired.is_empty() {
            let spent_ns = self.read_clock() - start_ns;
            self.stats.io_ns.add(spent_ns);
            let each_ns = spent_ns / fired.len() as u64;
            for timer in fired.drain(..) {
                if let TimerOwner::Task { task, .. } = timer.data {
                    self.charge(task, each_ns);
                }
            }
        }
        self.fired = fired;
    }

    /// Tells the hooks that tasks are about to run.
    #[inline]
    pub(crate) fn become_busy(&mut self) {
        if self.activity == Activity::Idle {
            self.activity = Activity::Busy;
            self.shared.hooks.core_busy(self.id);
        }
    }

    /// Tells the hooks that no task will run.
    pub(crate) fn become_idle(&mut self) {
        if self.activity == Activity::Busy {
            self.activity = Activity::Idle;
            self.shared.hooks.core_idle(self.id);
        }
    }
}

//! The threads of one core, and the baton that passes between them.
//!
//! A core is one `Box<Core>`; whoever holds it runs the core, so of a core's threads exactly one
//! runs at a time. When a task must give way in the middle of a call, its thread cannot leave the
//! task's stack: it hands the core to another thread and parks until the task's next turn. When
//! the call returns, the thread simply goes on running the core, and the one that gave it the
//! core has become idle. So all threads of a crew are alike, the one that called `run0` too.
//!
//! Invariants: a thread waits on its own seat only; a core is in one place: in a running thread,
//! or in a seat on its way. Idle threads enter themselves into the list before they give the core
//! away, so the list is only touched by who holds the core. There are at most
//! `crew_threads_max` threads.

use crate::aside;
use crate::config::Pinning;
use crate::core::Core;
use crate::ids::CoreId;
use crate::scheduler;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use tracing::{Dispatch, dispatcher};

/// What is handed from thread to thread.
pub(crate) enum Baton {
    /// The core: run it.
    Core(Box<Core>),
    /// The core is no more.
    Stop(Ended),
}

impl std::fmt::Debug for Baton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Baton::Core(_) => "Core",
            Baton::Stop(_) => "Stop",
        })
    }
}

/// What is left of a core that has halted.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Threads of its crew that are about to end.
    pub(crate) threads: Vec<JoinHandle<()>>,
}

/// Where one thread waits for the baton.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    baton: Mutex<Option<Baton>>,
    given: Condvar,
}

impl Seat {
    pub(crate) fn new() -> Arc<Seat> {
        Arc::new(Seat::default())
    }

    /// Hands the baton to the thread of this seat.
    pub(crate) fn give(&self, baton: Baton) {
        *self.baton.lock().unwrap_or_else(PoisonError::into_inner) = Some(baton);
        self.given.notify_one();
    }

    /// Waits for the baton, asleep.
    pub(crate) fn wait(&self) -> Baton {
        let mut baton = self.baton.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(baton) = baton.take() {
                return baton;
            }
            baton = self
                .given
                .wait(baton)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Which threads a core has.
#[derive(Debug)]
pub(crate) struct Crew {
    core: CoreId,
    /// The seat of the thread that runs the core.
    pub(crate) holder: Arc<Seat>,
    leader: Arc<Seat>,
    idle: Vec<Arc<Seat>>,
    threads: Vec<JoinHandle<()>>,
    threads_max: usize,
    stack_bytes: usize,
    cpu: Option<core_affinity::CoreId>,
}

/// No thread can be had; the core is handed back.
pub(crate) struct NoThread {
    pub(crate) core: Box<Core>,
    pub(crate) reason: String,
}

impl Crew {
    pub(crate) fn new(
        core: CoreId,
        threads_max: usize,
        stack_bytes: usize,
        cpu: Option<core_affinity::CoreId>,
    ) -> Crew {
        let leader = Seat::new();
        Crew {
            core,
            holder: Arc::clone(&leader),
            leader,
            idle: Vec::new(),
            threads: Vec::new(),
            threads_max: threads_max.max(1),
            stack_bytes,
            cpu,
        }
    }

    /// The seat of the core's first thread.
    pub(crate) fn leader(&self) -> &Arc<Seat> {
        &self.leader
    }

    /// The CPU that the crew is pinned to.
    pub(crate) fn cpu(&self) -> Option<core_affinity::CoreId> {
        self.cpu
    }

    /// How many threads there are, the leader included.
    pub(crate) fn threads_count(&self) -> usize {
        self.threads.len() + 1
    }

    /// The calling thread is about to give the core away and has nothing else to do.
    pub(crate) fn rest(&mut self, seat: &Arc<Seat>) {
        self.idle.push(Arc::clone(seat));
    }

    fn start_thread(&mut self) -> Result<Arc<Seat>, String> {
        if self.threads_count() >= self.threads_max {
            let max = self.threads_max;
            let held = max - 1;
            return Err(format!(
                "core {} has {max} threads, {held} tasks are suspended in the middle of a call",
                self.core
            ));
        }
        let seat = Seat::new();
        let name = format!("okernel-{}.{}", self.core, self.threads_count());
        let (own, cpu) = (Arc::clone(&seat), self.cpu);
        // Whoever keeps a thread's log apart means all that the core does.
        let log = dispatcher::get_default(Dispatch::clone);
        let thread = Builder::new()
            .name(name)
            .stack_size(self.stack_bytes)
            .spawn(move || {
                pin(cpu);
                dispatcher::with_default(&log, || member(&own));
            })
            .map_err(|error| format!("core {} gets no thread: {error}", self.core))?;
        self.threads.push(thread);
        Ok(seat)
    }
}

/// Hands the core to an idle thread, or to a new one.
pub(crate) fn relieve(mut core: Box<Core>) -> Result<(), NoThread> {
    let seat = match core.crew.idle.pop() {
        Some(seat) => seat,
        None => match core.crew.start_thread() {
            Ok(seat) => {
                let count = core.crew.threads_count() as u64;
                core.stats.threads.set(count);
                seat
            }
            Err(reason) => return Err(NoThread { core, reason }),
        },
    };
    seat.give(Baton::Core(core));
    Ok(())
}

/// Ends the process when the thread that has it panics: the core is lost with all of its tasks, and all others would
/// wait for it for ever.
struct Lost;

impl Drop for Lost {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a core panicked: this is a bug of okernel");
            std::process::abort();
        }
    }
}

/// The life of a crew's thread: runs the core whenever it is given it, until the core is no more.
pub(crate) fn member(seat: &Arc<Seat>) -> Ended {
    let _lost = Lost;
    loop {
        match seat.wait() {
            Baton::Core(core) => {
                if let scheduler::Rest::Halted(core) = scheduler::run(core, seat)
                    && let Some(ended) = dismiss(core, seat)
                {
                    return ended;
                }
            }
            Baton::Stop(ended) => return ended,
        }
    }
}

/// The core has halted: all other threads are idle and are sent home. Answers what the leader's caller
/// gets, if this thread is the leader; otherwise the leader is handed it.
fn dismiss(mut core: Box<Core>, seat: &Arc<Seat>) -> Option<Ended> {
    core.finalise();
    core.signal.close();
    let leader = Arc::clone(&core.crew.leader);
    let idle = std::mem::take(&mut core.crew.idle);
    let ended = Ended {
        threads: std::mem::take(&mut core.crew.threads),
    };
    drop(core);
    for other in idle.iter().filter(|other| !Arc::ptr_eq(other, &leader)) {
        other.give(Baton::Stop(Ended::default()));
    }
    if Arc::ptr_eq(seat, &leader) {
        return Some(ended);
    }
    leader.give(Baton::Stop(ended));
    Some(Ended::default())
}

/// Runs a core on the calling thread as its leader until it halts, and waits for its other threads.
pub(crate) fn lead(core: Box<Core>) {
    let seat = Arc::clone(core.crew.leader());
    pin(core.crew.cpu());
    seat.give(Baton::Core(core));
    for thread in member(&seat).threads {
        if thread.join().is_err() {
            tracing::error!("a thread of a core panicked");
        }
    }
}

/// Starts the thread that leads a core.
pub(crate) fn start_leader(core: Box<Core>) -> io::Result<JoinHandle<()>> {
    let name = format!("okernel-{}.0", core.id);
    let stack_bytes = core.crew.stack_bytes;
    Builder::new()
        .name(name)
        .stack_size(stack_bytes)
        .spawn(move || lead(core))
}

fn pin(cpu: Option<core_affinity::CoreId>) {
    if let Some(cpu) = cpu
        && !core_affinity::set_for_current(cpu)
    {
        tracing::debug!(cpu = cpu.id, "a thread cannot be pinned");
    }
}

/// The CPU of each core: its number modulo the CPUs.
pub(crate) fn assign_cpus(cores: usize, pinning: Pinning) -> Vec<Option<core_affinity::CoreId>> {
    let cpus = match pinning {
        Pinning::Pinned => {
            let _ = aside::remember_cpus();
            core_affinity::get_core_ids().unwrap_or_default()
        }
        Pinning::Free => Vec::new(),
    };
    (0..cores)
        .map(|core| cpus.get(core.checked_rem(cpus.len())?).copied())
        .collect()
}

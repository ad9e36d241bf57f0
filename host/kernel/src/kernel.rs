//! A kernel: made, filled, started, halted.
//!
//! [`Kernel::simple`] makes the cores and wires them; boot then spawns what is to run from the
//! beginning, while all cores are still in its hands; [`Kernel::park`] starts a thread for each
//! core but the first, and [`Kernel::run0`] runs the first on the calling thread until the
//! kernel halts.

use crate::aside;
use crate::bus::{self, BusError};
use crate::clock::Clock;
use crate::config::{Balance, Config};
use crate::control::Control;
use crate::core::{Activity, Core, Phase, Shared};
use crate::crew::{self, Crew};
use crate::derivation::Capabilities;
use crate::directory::Directory;
use crate::guest_memory::GuestMemory;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::io::console::Console;
use crate::io::output::{Sink, Sinks};
use crate::io::poll::{Io, Poller};
use crate::io::script::{After, Script, Then};
use crate::io::selector::{Notice, Selector, Verdict};
use crate::limits::CORES_MAX;
use crate::memory::Memory;
use crate::message::Parcels;
use crate::program::{CoreHooks, Modules};
use crate::run_queue::RunQueue;
use crate::spawn::Spawn;
use crate::stats::CoreStats;
use crate::table::Table;
use crate::timer::Wheel;
use crate::versions::Versions;
use okernel_ring::Policy;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, available_parallelism};

/// Exit status of a kernel: 0 fine, 1 failed, or what it was halted with.
pub type Status = i32;

/// Exit status of a kernel that a person has interrupted: what a command shell calls signal 2.
pub const INTERRUPTED: Status = 130;

/// A kernel could not be made or started.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The number of cores is out of range.
    #[error("{count} cores: 1 to {CORES_MAX} are possible")]
    Cores {
        /// What was asked for.
        count: usize,
    },
    /// The cores cannot be wired.
    #[error("the bus cannot be wired: {0}")]
    Bus(#[from] BusError),
    /// The operating system refused something.
    #[error("{what}: {error}")]
    Os {
        /// What was to be done.
        what: &'static str,
        /// Why it could not be.
        error: io::Error,
    },
    /// Something that is to run from the beginning cannot.
    #[error("{0}")]
    Refused(String),
}

fn os(what: &'static str) -> impl FnOnce(io::Error) -> BootError {
    move |error| BootError::Os { what, error }
}

/// Cores that are not running yet, or are being run by [`Kernel::run0`].
#[derive(Debug)]
pub struct Kernel {
    pub(crate) shared: Arc<Shared>,
    #[expect(clippy::vec_box, reason = "a core passes between threads as its box")]
    pub(crate) cores: Vec<Box<Core>>,
    leaders: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("cores", &self.cores_count())
            .finish_non_exhaustive()
    }
}

impl Kernel {
    /// `count` schedulers, wired by the bus. Nothing runs yet.
    ///
    /// # Errors
    /// The count is out of range, or the operating system refuses memory or descriptors.
    pub fn simple(
        count: usize,
        config: Config,
        modules: Arc<dyn Modules>,
        hooks: Arc<dyn CoreHooks>,
    ) -> Result<Kernel, BootError> {
        Kernel::on_clock(count, config, modules, hooks, Clock::start())
    }

    /// As [`Kernel::simple`], on a clock of the caller's choice.
    pub(crate) fn on_clock(
        count: usize,
        config: Config,
        modules: Arc<dyn Modules>,
        hooks: Arc<dyn CoreHooks>,
        clock: Clock,
    ) -> Result<Kernel, BootError> {
        if !(1..=CORES_MAX).contains(&count) {
            return Err(BootError::Cores { count });
        }
        let mut pollers = Vec::new();
        for _ in 0..count {
            pollers.push(Poller::new().map_err(os("a core's poll cannot be made"))?);
        }
        let signals = pollers.iter().map(|poller| Arc::clone(poller.signal()));
        let signals: Vec<_> = signals.collect();
        let channels = bus::wire(config.bus_ring_bytes, &signals)?;
        let cpus_count = available_parallelism().map_or(1, |count| count.get());
        let spin_us = if count > cpus_count {
            0
        } else {
            config.spin_us
        };
        let cpus = crew::assign_cpus(count, config.pinning);
        let shared = Arc::new(Shared {
            clock,
            directory: Directory::default(),
            versions: Versions::default(),
            capabilities: Capabilities::default(),
            guest_memory: GuestMemory::new(config.guest_memory_bytes_max),
            parcels: Parcels::default(),
            stats: (0..count).map(|_| Arc::new(CoreStats::default())).collect(),
            signals,
            modules,
            hooks,
            feed: OnceLock::new(),
            watch_ends: AtomicBool::new(false),
            task_failed: AtomicBool::new(false),
            status: AtomicI32::new(0),
            parked: (0..count).map(|_| AtomicBool::new(false)).collect(),
            spin_ns: spin_us * 1000,
            config,
        });
        let parts = pollers.into_iter().zip(channels).zip(cpus).enumerate();
        let cores = parts.map(|(index, ((poller, channel), cpu))| {
            let id = CoreId(index as u16);
            let config = &shared.config;
            let crew = Crew::new(id, config.crew_threads_max, config.thread_stack_bytes, cpu);
            let stats = Arc::clone(&shared.stats[index]);
            stats.threads.set(1);
            stats.bus_us.set(config.quanta.bus_us);
            stats.io_us.set(config.quanta.io_us);
            stats.tasks_us.set(config.quanta.tasks_us);
            Box::new(Core {
                id,
                signal: Arc::clone(&shared.signals[index]),
                stats,
                crew,
                memory: Memory::default(),
                tasks: Table::new(),
                places: HashMap::new(),
                queue: RunQueue::new(),
                timers: Wheel::new(),
                timer_next_ns: u64::MAX,
                fired: Vec::new(),
                ready: Vec::new(),
                channel,
                envelopes: Vec::new(),
                pending: Table::new(),
                spawns: Table::new(),
                surveys: Table::new(),
                revokes: Table::new(),
                io: Io::new(poller, Arc::clone(&shared), id),
                console: None,
                foreground: None,
                feed: None,
                balancer: None,
                leaving: Vec::new(),
                mirrors: Vec::new(),
                alone_status: None,
                quanta: config.quanta,
                now_ns: 0,
                turn_start_ns: 0,
                turn_end_ns: 0,
                io_last_ns: 0,
                activity: Activity::Idle,
                phase: Phase::Running,
                halt_ns: 0,
                halt_asker: None,
                halts_awaited: 0,
                shared: Arc::clone(&shared),
            })
        });
        let mut cores = cores.collect::<Vec<_>>();
        if shared.config.balance == Balance::On {
            cores[CoreId::BOOT.index()].begin_to_balance();
        }
        Ok(Kernel {
            shared,
            cores,
            leaders: Vec::new(),
        })
    }

    /// How many cores there are.
    pub fn cores_count(&self) -> usize {
        self.shared.cores_count()
    }

    /// A door for foreign threads, good for the kernel's whole life.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared.signals[CoreId::BOOT.index()]))
    }

    /// Opens the console: what tasks print is written to `out`, what went wrong to
    /// `errors`. Without it prints are refused.
    ///
    /// # Errors
    /// There is no thread for its writer.
    pub fn console(&mut self, out: Sink, errors: Sink) -> Result<(), BootError> {
        let core = &mut self.cores[CoreId::BOOT.index()];
        let slot = core.add_selector(Box::new(Console::new(Sinks { out, errors })));
        core.console = Some(slot.map_err(os("the console cannot be opened"))?);
        Ok(())
    }

    /// Gives a selector a slot of the boot core, before the start.
    ///
    /// # Errors
    /// It cannot be registered.
    pub fn select(&mut self, selector: Box<dyn Selector>) -> Result<(), BootError> {
        let core = &mut self.cores[CoreId::BOOT.index()];
        let slot = core.add_selector(selector);
        slot.map(drop).map_err(os("no slot for a selector"))
    }

    /// Makes a ring whose publisher lies on `core`, before the start.
    ///
    /// # Errors
    /// As for the request `pub`.
    pub fn publish(&mut self, core: CoreId, capacity_bytes: u64) -> Result<EndpointId, BootError> {
        let made = self.core(core)?.publish(capacity_bytes, None);
        made.map_err(|refusal| BootError::Refused(refusal.text))
    }

    /// Makes a subscriber that lies on `core`, before the start.
    ///
    /// # Errors
    /// As for the request `sub`.
    pub fn subscribe(
        &mut self,
        core: CoreId,
        ring: EndpointId,
        policy: Policy,
    ) -> Result<EndpointId, BootError> {
        let made = self.core(core)?.subscribe(ring, policy, None);
        made.map_err(|refusal| BootError::Refused(refusal.text))
    }

    /// Spawns a task before the start. The endpoints that it is granted must lie on its core.
    ///
    /// # Errors
    /// As for the request `spawn`.
    pub fn spawn(&mut self, core: CoreId, spawn: Spawn) -> Result<TaskId, BootError> {
        let started = self.core(core)?.start(spawn);
        started.map_err(|refusal| BootError::Refused(refusal.text))
    }

    /// Feeds `inputs` one after another to the shell by exec, then does what comes after them.
    ///
    /// # Errors
    /// There is no slot for the script, or `after` needs a console that was not opened.
    pub fn script(
        &mut self,
        shell: TaskId,
        inputs: Vec<Vec<u8>>,
        after: After,
    ) -> Result<(), BootError> {
        let core = &mut self.cores[CoreId::BOOT.index()];
        let then = match after {
            After::HaltWhenAlone => Then::HaltWhenAlone,
            After::Halt => Then::Halt,
            After::Stay => Then::Stay,
            After::Console(config) => {
                let Some(console) = core.console else {
                    let text = "a console was not opened".to_string();
                    return Err(BootError::Refused(text));
                };
                let then = match config.prompt {
                    Some(_) => Then::Prompt,
                    None => Then::Console,
                };
                core.notice(console, Notice::Input(config, shell));
                then
            }
        };
        let script = Box::new(Script::new(shell, inputs, then));
        let slot = core
            .add_selector(script)
            .map_err(os("no slot for the script"))?;
        core.foreground = Some(slot);
        core.notice(slot, Notice::Start(Verdict::Fine));
        Ok(())
    }

    pub(crate) fn core(&mut self, core: CoreId) -> Result<&mut Core, BootError> {
        let last = self.cores_count() - 1;
        match self.cores.get_mut(core.index()) {
            Some(core) => Ok(core),
            None => Err(BootError::Refused(format!(
                "there is no core {core}, the last one is {last}"
            ))),
        }
    }

    /// Starts a thread for each core but the first, pinned to its CPU.
    ///
    /// # Errors
    /// The operating system gives no thread; dropping the kernel halts the cores that run already.
    pub fn park(&mut self) -> Result<(), BootError> {
        while self.cores.len() > 1 {
            if let Some(core) = self.cores.pop() {
                let id = core.id;
                let leader = crew::start_leader(core).map_err(os("no thread for a core"))?;
                self.leaders.push(leader);
                self.shared.parked[id.index()].store(true, Ordering::Release);
            }
        }
        Ok(())
    }

    /// Runs the boot core on the calling thread until the kernel halts, and waits for the others,
    /// which are parked first if they are not yet.
    ///
    /// # Errors
    /// As [`Kernel::park`].
    pub fn run0(mut self) -> Result<Status, BootError> {
        self.park()?;
        self.lead();
        Ok(self.shared.status.load(Ordering::Acquire))
    }

    /// Parks the other cores and runs the first: [`Kernel::park`] and [`Kernel::run0`].
    ///
    /// # Errors
    /// As [`Kernel::park`].
    pub fn run(mut self) -> Result<Status, BootError> {
        self.park()?;
        self.run0()
    }

    fn lead(&mut self) {
        if let Some(core) = self.cores.pop() {
            crew::lead(core);
            aside::unpin();
        }
        for leader in self.leaders.drain(..) {
            if leader.join().is_err() {
                tracing::error!("a core panicked");
            }
        }
    }
}

impl Drop for Kernel {
    /// A kernel whose cores were parked and that is never run halts them.
    fn drop(&mut self) {
        if !self.leaders.is_empty() {
            self.cores.truncate(1);
            self.control().halt(1);
            self.lead();
        }
    }
}

//! A whole kernel on one thread and a virtual clock, so that a seed decides everything.
//!
//! The cores are those of [`crate::scheduler`], with their tasks, bus, timers and memory. What differs
//! is who runs them: here one thread gives a core that has something to do a piece of its loop, then
//! another one, in an order that follows from the seed. Some cores are slow for a while and their
//! messages pile up, quanta run out in odd places (the clock moves a little each time it is
//! read), a core sometimes looks although nobody has called it. When no core has anything to do the clock jumps to the next
//! timer; when there is none either, the kernel rests for ever, so a wake-up that was lost shows as work that
//! is never finished.
//!
//! Not simulated: threads. A task must not call [`Context::preempt`](crate::Context::preempt), and
//! what is done aside (loads, files, the console) is the business of the modules and selectors that
//! the caller injects. The protocols between threads have tests of their own, with real ones.
//!
//! Invariant: two runs with the same seed, config and tasks are the same to the last step; the
//! [`trace`](Simulation::trace) of a run says so in one number.

use crate::chance::Chance;
use crate::clock::{Clock, VirtualClock};
use crate::config::{Config, Pinning};
use crate::core::{Core, Phase};
use crate::kernel::{BootError, Kernel, Status};
use crate::program::{Modules, NoHooks};
use crate::scheduler::Pick;
use crate::wake;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Steps for which a core's pace stays as it is.
const PACE_STEPS: u64 = 64;

/// Turns of tasks in one step at the most.
const TURNS_MAX: u64 = 4;

/// Of so many steps one is given to a core that has nothing to do.
const IDLE_LOOK_STEPS: u64 = 16;

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// Nobody will ever do anything again, unless asked from outside.
    Idle,
    /// The kernel has halted with this status.
    Halted(Status),
    /// The steps were used up.
    Steps,
}

/// What is left of a kernel's work at some moment: all zero when nothing is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Remains {
    /// Tasks that live or are being spawned.
    pub tasks: usize,
    /// Ends of rings.
    pub endpoints: usize,
    /// Messages that were asked of a core and not answered.
    pub pending: usize,
    /// Parcels that no core has taken.
    pub parcels: usize,
    /// Envelopes that wait for room on the bus.
    pub outbox: usize,
    /// Timers.
    pub timers: usize,
}

/// A kernel that is run by a seed.
#[derive(Debug)]
pub struct Simulation {
    kernel: Kernel,
    /// The cores that have not halted, each in its place.
    cores: Vec<Option<Box<Core>>>,
    clock: Arc<VirtualClock>,
    chance: Chance,
    /// How often each core is chosen, as a weight, for now.
    paces: Vec<u64>,
    steps: u64,
    trace: u64,
}

/// Makes the kernel of a simulation. It is filled as any other before [`Simulation::new`] takes it.
///
/// # Errors
/// As [`Kernel::simple`].
pub fn kernel(
    clock: &Arc<VirtualClock>,
    cores: usize,
    config: Config,
    modules: Arc<dyn Modules>,
) -> Result<Kernel, BootError> {
    let config = Config {
        pinning: Pinning::Free,
        ..config
    };
    let clock = Clock::simulated(Arc::clone(clock));
    Kernel::on_clock(cores, config, modules, Arc::new(NoHooks), clock)
}

impl Simulation {
    /// Takes a kernel that [`kernel`] has made, with its clock.
    pub fn new(seed: u64, mut kernel: Kernel, clock: Arc<VirtualClock>) -> Simulation {
        let cores: Vec<_> = std::mem::take(&mut kernel.cores)
            .into_iter()
            .map(Some)
            .collect();
        for parked in &kernel.shared.parked {
            parked.store(true, Ordering::Release);
        }
        Simulation {
            paces: vec![1; cores.len()],
            kernel,
            cores,
            clock,
            chance: Chance::new(!seed),
            steps: 0,
            trace: 0,
        }
    }

    /// Lets the kernel live for at most so many steps.
    pub fn run(&mut self, steps: u64) -> Rest {
        for _ in 0..steps {
            if let Some(rest) = self.step() {
                return rest;
            }
        }
        Rest::Steps
    }

    /// Gives one core a piece of its loop. Answers when there is nothing to be given.
    pub fn step(&mut self) -> Option<Rest> {
        if self.cores.iter().all(Option::is_none) {
            let status = self.kernel.shared.status.load(Ordering::Acquire);
            return Some(Rest::Halted(status));
        }
        if self.steps.is_multiple_of(PACE_STEPS) {
            for pace in &mut self.paces {
                *pace = [1, 1, 4, 32][self.chance.below(4) as usize];
            }
        }
        self.steps += 1;
        let chosen = match self.choose(Self::has_work) {
            Some(chosen) if !self.chance.once_in(IDLE_LOOK_STEPS) => chosen,
            Some(_) => self.choose(|_, _| true)?,
            None => {
                let next_ns = self.cores.iter().flatten().map(|core| core.timer_next_ns);
                let next_ns = next_ns.min().filter(|&next_ns| next_ns != u64::MAX);
                let Some(next_ns) = next_ns else {
                    return Some(Rest::Idle);
                };
                let now_ns = self.clock.peek_ns();
                self.clock.advance_ns(next_ns.saturating_sub(now_ns));
                return None;
            }
        };
        self.note(chosen as u64);
        if let Some(core) = self.cores[chosen].take() {
            let turns_max = 1 + self.chance.below(TURNS_MAX);
            self.cores[chosen] = piece(core, turns_max);
        }
        self.note(self.clock.peek_ns());
        None
    }

    fn has_work(core: &Core, now_ns: u64) -> bool {
        core.signal.has_news()
            || !core.queue.is_empty()
            || now_ns >= core.timer_next_ns
            || core.phase == Phase::Halting && core.tasks.is_empty()
    }

    /// One of the cores for which `wanted` holds, by chance and pace.
    fn choose(&mut self, wanted: impl Fn(&Core, u64) -> bool) -> Option<usize> {
        let now_ns = self.clock.peek_ns();
        let weight = |(place, pace): (&Option<Box<Core>>, &u64)| match place {
            Some(core) if wanted(core, now_ns) => *pace,
            _ => 0,
        };
        let weights: Vec<u64> = self.cores.iter().zip(&self.paces).map(weight).collect();
        let sum: u64 = weights.iter().sum();
        if sum == 0 {
            return None;
        }
        let mut at = self.chance.below(sum);
        weights.iter().position(|&weight| {
            let hit = at < weight;
            at = at.saturating_sub(weight);
            hit
        })
    }

    fn note(&mut self, word: u64) {
        self.trace = Chance::new(self.trace ^ word).next_u64();
    }

    /// A number that stands for all that has happened: which core, when, step by step.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What is under way now.
    pub fn remains(&self) -> Remains {
        let shared = &self.kernel.shared;
        let sum = |count: fn(&Core) -> usize| {
            let cores = self.cores.iter().flatten();
            cores.map(|core| count(core)).sum()
        };
        Remains {
            tasks: shared.directory.tasks_alive(),
            endpoints: shared.directory.endpoints().len(),
            pending: sum(|core| core.pending.len()),
            parcels: shared.parcels.count(),
            outbox: sum(|core| core.channel.outbox_count()),
            timers: sum(|core| core.timers.len()),
        }
    }
}

/// One round of a core's loop, with at most so many turns of tasks; None when it has halted.
fn piece(mut core: Box<Core>, turns_max: u64) -> Option<Box<Core>> {
    wake::hold(&core.signal);
    core.read_clock();
    let _ = core.service();
    if core.phase != Phase::Running && core.has_halted() {
        core.become_idle();
        wake::release(&mut core.ready);
        core.finalise();
        core.signal.close();
        return None;
    }
    if core.queue.is_empty() {
        core.become_idle();
    } else {
        core.become_busy();
    }
    for _ in 0..turns_max {
        match core.pick() {
            Pick::Fresh(key) => {
                if let Some(cell) = core.take_cell(key) {
                    core = crate::turn::run(core, cell);
                }
            }
            Pick::Suspended(_) => {
                tracing::error!("a task of a simulation was suspended in the middle of a call");
                break;
            }
            Pick::Nobody => break,
        }
        if core.now_ns >= core.timer_next_ns || core.signal.has_news() {
            break;
        }
    }
    wake::release(&mut core.ready);
    core.drain_ready();
    Some(core)
}

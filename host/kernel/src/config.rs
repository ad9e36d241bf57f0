//! What can be chosen when a kernel is made.
//!
//! Every figure has its unit in its name. [`Config::default`] is what `okernel boot` uses.

use crate::limits::OBJECTS_MAX;
use crate::task_limits::Limits;

/// How a core's time is divided between its three duties, each round of its loop, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quanta {
    /// Messages of the bus.
    pub bus_us: u64,
    /// Input, output and timers.
    pub io_us: u64,
    /// Tasks.
    pub tasks_us: u64,
}

impl Default for Quanta {
    fn default() -> Self {
        Quanta {
            bus_us: 200,
            io_us: 200,
            tasks_us: 2000,
        }
    }
}

/// Whether the threads of a core stay on one CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pinning {
    /// Core `i` runs on CPU `i` modulo the number of CPUs.
    #[default]
    Pinned,
    /// The operating system chooses.
    Free,
}

/// Whether the kernel moves tasks from busy cores to idle ones by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Balance {
    /// It does, unless they are pinned.
    On,
    /// A task stays where it was spawned, until somebody moves it.
    #[default]
    Off,
}

/// How many tasks there can be, and what whoever wants more can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TasksMax {
    /// Living tasks of the whole kernel.
    pub count: usize,
    /// What bounds them and how to change it: the end of the sentence that refuses one more.
    pub advice: String,
}

impl Default for TasksMax {
    fn default() -> Self {
        TasksMax {
            count: OBJECTS_MAX,
            advice: "the kernel's tables have room for no more".to_string(),
        }
    }
}

/// The choices.
#[derive(Clone, Debug)]
pub struct Config {
    /// Shares of the bus, io and tasks.
    pub quanta: Quanta,
    /// One turn of a task, in microseconds: after that long it is preempted if others can run.
    pub slice_us: u64,
    /// The period of the ticker that interrupts tasks that compute, in microseconds. The kernel only
    /// hands it on to the CPU.
    pub tick_us: u64,
    /// How long a core with nothing to do spins before it sleeps, in microseconds. Not used when
    /// there are more cores than CPUs: spinning would keep another core from running.
    pub spin_us: u64,
    /// Whether threads are pinned.
    pub pinning: Pinning,
    /// Whether tasks are moved to idle cores.
    pub balance: Balance,
    /// Bytes of each core's bus ring: a power of two, at least a page.
    pub bus_ring_bytes: usize,
    /// Threads of one core: so many tasks less one can be suspended in the middle of a poll.
    pub crew_threads_max: usize,
    /// Stack of each of these threads, in bytes.
    pub thread_stack_bytes: usize,
    /// Console output of one task that is still on its way, in bytes.
    pub print_bytes_max: usize,
    /// Limits of a task whose spawner gave none.
    pub limits: Limits,
    /// Tasks of the whole kernel.
    pub tasks: TasksMax,
    /// Memory of all tasks together, in bytes.
    pub guest_memory_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            quanta: Quanta::default(),
            slice_us: 1000,
            tick_us: 1000,
            spin_us: 20,
            pinning: Pinning::Pinned,
            balance: Balance::Off,
            bus_ring_bytes: 64 << 10,
            crew_threads_max: 512,
            thread_stack_bytes: 2 << 20,
            print_bytes_max: 64 << 10,
            limits: Limits::default(),
            tasks: TasksMax::default(),
            guest_memory_bytes_max: u64::MAX,
        }
    }
}

//! Every maximum of the kernel, in one place.
//!
//! A figure that bounds memory, threads or work is named here, so that it can be found and
//! discussed; what must hold between them is checked when the crate is compiled.

use okernel_abi::handle::HANDLES_MAX;

/// Cores (schedulers) in one kernel: every core reads every bus ring, and a ring has 64 readers.
pub const CORES_MAX: usize = okernel_ring::MAX_READERS;

/// Bits of a number shown to users that are the index; the generation lies above them.
pub const NUMBER_INDEX_BITS: u32 = 20;

/// Tasks, and endpoints, that can exist at the same time.
pub const OBJECTS_MAX: usize = 1 << NUMBER_INDEX_BITS;

/// Weight of a task that was given none.
pub const WEIGHT_DEFAULT: u32 = 100;

/// The largest weight. The ratio of two weights is at most this.
pub const WEIGHT_MAX: u32 = 100_000;

/// The largest quantum and slice, in microseconds.
pub const QUANTUM_US_MAX: u64 = 10_000_000;

/// Ended tasks that `ps` still lists.
pub const ENDED_TASKS_KEPT: usize = 64;

/// Bytes of one request of a task.
pub const REQUEST_BYTES_MAX: usize = 16 << 20;

/// Requests of one task that are not answered yet.
pub const REQUESTS_OUTSTANDING_MAX: usize = 1024;

/// Bytes of one line that the console reads; a longer one is an error.
pub const CONSOLE_LINE_BYTES_MAX: usize = 16 << 20;

/// Bytes of one line that a task writes to the log; the rest is cut off.
pub const LOG_LINE_BYTES_MAX: usize = 8192;

/// Lines that a task may write to the log in a second, in the long run, unless its limits say otherwise.
pub const LOG_LINES_PER_SECOND: u64 = 50;

/// A task that was quiet may write to the log at once what it may write in so many seconds.
pub const LOG_BURST_SECONDS: u64 = 4;

/// Memory of a task that was given no limit, in bytes.
pub const TASK_MEMORY_BYTES_DEFAULT: u64 = 256 << 20;

/// Elements of a table of a task that was given no limit.
pub const TABLE_ELEMENTS_DEFAULT: u64 = 20_000;

/// Handles of a task that was given no limit.
pub const HANDLES_DEFAULT: usize = 4096;

/// Timers of a task that was given no limit.
pub const TIMERS_DEFAULT: usize = 4096;

/// Living children of a task that was given no limit.
pub const CHILDREN_DEFAULT: usize = 1024;

/// Tasks that a task which was given no limit may spawn in a second.
pub const SPAWNS_PER_SECOND_DEFAULT: u64 = 1000;

/// A task that spawned none may spawn at once what it may spawn in so many seconds.
pub const SPAWN_BURST_SECONDS: u64 = 1;

/// The smallest hard share of a core, in percent.
pub const SHARE_PERCENT_MIN: f64 = 0.1;

/// The largest hard share, in percent of one core: all cores.
pub const SHARE_PERCENT_MAX: f64 = 100.0 * CORES_MAX as f64;

/// The period of a hard share when nobody has said otherwise, in milliseconds.
pub const SHARE_PERIOD_MS_DEFAULT: u64 = 100;

/// The longest period of a hard share, in milliseconds.
pub const SHARE_PERIOD_MS_MAX: u64 = 60_000;

/// CPU time that a new instance may take to restore a task's state, in milliseconds; then the old one goes on.
pub const RESTORE_CPU_MS_MAX: u64 = 1000;

/// CPU time that a task which is told to end has for its `finalize`, in milliseconds.
pub const FINALIZE_CPU_MS_MAX: u64 = 20;

/// How long a halting core lets its tasks have that, all together, in milliseconds: a great many that never come back
/// from it must not hold up the end.
pub const FINALIZE_HALT_MS_MAX: u64 = 2000;

/// How long a check waits for the tasks of a module to come to the end of a turn, in milliseconds.
pub const CHECK_MS: u64 = 3000;

/// How often the balancer looks at the cores, in milliseconds.
pub const BALANCE_PERIOD_MS: u64 = 100;

/// How long the balancer leaves a task alone that it has moved, in milliseconds.
pub const BALANCE_REST_MS: u64 = 1000;

/// Timers on one core.
pub const TIMERS_MAX: usize = 4 << 20;

/// Bytes of the name of a module, task or grant.
pub const NAME_BYTES_MAX: usize = 256;

/// Names of tasks and rings.
pub const NAMES_MAX: usize = 1 << 16;

/// Tasks that one task can be linked to.
pub const LINKS_MAX: usize = 1024;

/// Children of one supervisor.
pub const CHILDREN_MAX: usize = 512;

/// Supervisors above one another.
pub const SUPERVISORS_DEEP_MAX: usize = 16;

/// The longest period and wait of a supervisor, in milliseconds: a day.
pub const SUPERVISOR_MS_MAX: u64 = 24 * 3600 * 1000;
/// How often a grant can be passed on, from task to task: so many of one line are remembered.
pub const DERIVATIONS_MAX: usize = 256;

/// The longest file that the request `read` answers, in bytes.
pub const READ_BYTES_MAX: u64 = 64 << 20;

/// How often statistics are published, in milliseconds, when nobody has said otherwise.
pub const STATS_PERIOD_MS: u64 = 250;

/// The shortest period of the statistics, in milliseconds.
pub const STATS_PERIOD_MS_MIN: u64 = 10;

/// The longest period of the statistics, in milliseconds.
pub const STATS_PERIOD_MS_MAX: u64 = 60_000;

/// Capacity of the statistics' ring, in bytes.
pub const STATS_RING_BYTES: usize = 512 << 10;

/// Tasks of one frame of statistics: those that used the most CPU since the last one.
pub const STATS_TASKS_MAX: usize = 200;

/// Ended tasks of one frame of statistics.
pub const STATS_ENDED_MAX: usize = 16;

/// Ends of rings of one frame of statistics: whole rings, the busiest first.
pub const STATS_ENDS_MAX: usize = 400;

/// Selectors of one frame of statistics: those with the most bytes in all.
pub const STATS_SELECTORS_MAX: usize = 32;

/// Names of modules in one frame of statistics.
pub const STATS_MODULES_MAX: usize = 100;

/// Bytes of a name in a frame of statistics; the rest is cut off.
pub const STATS_NAME_BYTES_MAX: usize = 64;

/// Bytes of the reason of a task's end in a frame of statistics; the rest is cut off.
pub const STATS_REASON_BYTES_MAX: usize = 240;

const _: () = {
    assert!(CORES_MAX <= u16::MAX as usize, "a core's number is 16 bits");
    assert!(REQUESTS_OUTSTANDING_MAX < HANDLES_MAX);
    assert!(HANDLES_DEFAULT <= HANDLES_MAX && TIMERS_DEFAULT <= HANDLES_DEFAULT);
    assert!(WEIGHT_DEFAULT <= WEIGHT_MAX);
    assert!(STATS_RING_BYTES >= okernel_ring::CAPACITY_BYTES_MIN);
    assert!(
        STATS_ENDS_MAX > okernel_ring::MAX_READERS,
        "a whole ring fits"
    );
};

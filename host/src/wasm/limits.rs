//! Every maximum of the Wasm side, in one place.
//!
//! A sandbox is only as good as its bounds: each figure that bounds memory, time or address space is
//! named here, and what must hold between them is checked when the crate is compiled. What one task
//! may use is decided per task, below these.

use std::time::Duration;

/// A page of linear memory in bytes, fixed by WebAssembly.
pub const WASM_PAGE_BYTES: usize = 64 * 1024;

/// Address space that every linear memory reserves: all that 32 bits can name, so that no access
/// needs a check of its bounds.
pub const MEMORY_RESERVATION_BYTES: u64 = 1 << 32;

/// Inaccessible bytes behind (and before) a linear memory. An access with a constant offset
/// smaller than this needs no check either.
pub const MEMORY_GUARD_BYTES: u64 = 32 << 20;

/// The largest module that is looked at, in bytes. What its compilation takes has limits of its own.
pub const MODULE_BYTES_MAX: usize = 64 << 20;

/// The longest compiled code of one module, in bytes.
pub const ARTEFACT_BYTES_MAX: u64 = 1 << 30;

/// Modules that are compiled at a time, each by a process of its own; the others wait.
pub const COMPILATIONS_MAX: usize = 2;

/// Threads that compile one module: more take more memory at once, and little time off.
pub const COMPILE_THREADS_MAX: usize = 8;

/// Stack that a guest may use in one call, in bytes. The thread that polls a task needs this much
/// and some more for the host's own frames.
pub const GUEST_STACK_BYTES: usize = 512 * 1024;

/// Frames of a backtrace that are kept.
pub const BACKTRACE_FRAMES_MAX: usize = 32;

/// The fewest slots that are of use; an engine that cannot have them does not start.
pub const INSTANCES_MIN: u32 = 16;

/// The most slots that an engine can be asked for.
pub const INSTANCES_MAX: u32 = 16_384;

/// Memory mappings that are reckoned for each slot when the machine's maximum is shared out: two or
/// three for the memory and its image; those with windows take three more for each.
pub const MAPPINGS_PER_INSTANCE: u64 = 4;

/// Address space of a task of the dense class, in bytes, and so the most memory that it can have.
pub const DENSE_MEMORY_BYTES: usize = 4 << 20;

/// The most tasks of the dense class.
pub const DENSE_INSTANCES_MAX: u32 = 1 << 17;

/// Elements that the table of a guest of the dense class can have.
pub const DENSE_TABLE_ELEMENTS_MAX: usize = 1024;

/// Bytes of a dense slot's memory that are kept resident, as [`KEEP_RESIDENT_BYTES`].
pub const DENSE_KEEP_RESIDENT_BYTES: usize = 64 * 1024;

/// Memory that is reckoned for a task that does nothing, in bytes: its touched pages, its page tables and what the
/// kernel keeps of it.
pub const RESIDENT_BYTES_PER_INSTANCE: u64 = 32 << 10;

/// Elements that a table of a guest can have.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;

/// Tables that a module can have.
pub const TABLES_PER_MODULE_MAX: u32 = 4;

/// Bytes at the start of a slot's memory that are reset by writing zeros instead of giving the
/// pages back: the next instance in that slot finds them resident.
pub const KEEP_RESIDENT_BYTES: usize = 256 * 1024;

/// Bytes of a slot's table that are kept resident likewise.
pub const TABLE_KEEP_RESIDENT_BYTES: usize = 16 * 1024;

/// Slots that are kept warm for the module that used them last.
pub const WARM_SLOTS_MAX: u32 = 256;

/// The shortest period of the ticker, which asks guests whether their turn has ended.
pub const TICK_MIN: Duration = Duration::from_micros(100);

/// Ticks that the ticker goes on after the last core became idle, so that short sleeps do not
/// start and stop it.
pub const LINGER_TICKS: u32 = 2;

/// The most ticks that are made up for at once after the ticker itself was kept waiting.
pub const CATCH_UP_TICKS_MAX: u32 = 64;

/// Windows that one task can have mapped at a time.
pub const WINDOWS_MAX: usize = 256;

/// Linear memory that all windows of one task can take, in bytes: 3 GiB. A window takes twice its
/// ring's capacity.
pub const WINDOW_BYTES_MAX: usize = 3 << 30;

/// Bytes of text that a guest can give with `fault`; more is cut off.
pub const FAULT_BYTES_MAX: usize = 4096;

/// Characters of a name in a module, or of what the engine says of it, that are printed; more is cut off.
pub const PRINTED_CHARS_MAX: usize = 500;

/// Bytes of one line that a guest can write to the log; more is cut off.
pub const LOG_BYTES_MAX: usize = 4096;

/// Bytes that one call copies or reads from a file at most, so that no call holds its core for
/// long: a larger wish is carried out in part, or refused where it must be whole.
pub const COPY_BYTES_MAX: usize = 1 << 20;

/// Bytes of a grant's name.
pub const NAME_BYTES_MAX: usize = 256;

/// Versions of one module that are kept ready, the current one among them.
pub const VERSIONS_KEPT: usize = 8;

/// Bytes of the compiled modules that the cache keeps on disk; the oldest go first.
pub const CACHE_BYTES_MAX: u64 = 512 << 20;

const _: () = {
    assert!(MEMORY_RESERVATION_BYTES == u32::MAX as u64 + 1);
    assert!(WINDOW_BYTES_MAX < MEMORY_RESERVATION_BYTES as usize);
    assert!(okernel_ring::CAPACITY_BYTES_MAX * 2 <= WINDOW_BYTES_MAX);
    assert!(
        (okernel_abi::layout::COPY_RING_BYTES_MAX as usize) * 4 >= WASM_PAGE_BYTES,
        "the smallest window is a whole number of pages"
    );
    assert!(
        okernel_abi::layout::COPY_RING_BYTES_MAX as usize <= COPY_BYTES_MAX,
        "a ring without a window can be written and read whole"
    );
    assert!(INSTANCES_MIN <= INSTANCES_MAX);
    assert!(KEEP_RESIDENT_BYTES.is_multiple_of(WASM_PAGE_BYTES));
    assert!(DENSE_KEEP_RESIDENT_BYTES.is_multiple_of(WASM_PAGE_BYTES));
    assert!(DENSE_MEMORY_BYTES.is_multiple_of(WASM_PAGE_BYTES));
};

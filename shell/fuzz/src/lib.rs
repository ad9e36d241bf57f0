//! What the fuzz targets share: a heap with an end, and what is done with an input.
//!
//! `shell/fuzz/run` runs every target from the corpus that is kept beside it, as `.ci/run` does. An
//! input that fails becomes a test of the language before it is mended. The tests of the language replay
//! the corpus (`shell/tests/it/corpus.rs`).

pub mod targets;

use cap::Cap;
use okernel_shell::machine::{Config, Machine};
use std::alloc::System;
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// The memory limit of a program, in bytes.
pub const PROGRAM_BYTES_MAX: usize = 4 << 20;
/// How much more than its limit a program may take for a moment: operands, the result, and a vector
/// that grows are there together before the machine looks.
const SLACK: usize = 16;
/// The bytes that were in use before the program.
static BEFORE_BYTES: AtomicUsize = AtomicUsize::new(0);

fn used_bytes() -> usize {
    HEAP.allocated()
        .saturating_sub(BEFORE_BYTES.load(Ordering::Relaxed))
}

/// Runs something in a heap that ends the process when more than [`SLACK`] times the limit is taken,
/// which is what the fuzzer is to find.
pub fn in_small_heap<T>(work: impl FnOnce() -> T) -> T {
    BEFORE_BYTES.store(HEAP.allocated(), Ordering::Relaxed);
    let end = HEAP.allocated() + SLACK * PROGRAM_BYTES_MAX;
    if HEAP.set_limit(end).is_err() {
        return work();
    }
    let result = work();
    // A limit that is raised is always taken.
    assert!(HEAP.set_limit(usize::MAX).is_ok());
    result
}

/// A machine whose memory is counted and small.
pub fn machine() -> Machine {
    Machine::new(Config {
        memory_limit: PROGRAM_BYTES_MAX,
        memory_used: Some(used_bytes),
        ..Config::default()
    })
}

//! Threads that are no scheduler: compilers, console readers and writers.
//!
//! A thread inherits the CPU of the thread that starts it, and cores are pinned. Work that is meant
//! to run aside must therefore shake the pinning off, or it would share its CPU with the one core
//! that started it.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::sync::OnceLock;
use std::thread::{Builder, JoinHandle};

static PROCESS_CPUS: OnceLock<Option<CpuSet>> = OnceLock::new();

/// Remembers which CPUs the process may use. Called before the first thread is pinned.
pub(crate) fn remember_cpus() -> Option<CpuSet> {
    *PROCESS_CPUS.get_or_init(|| sched_getaffinity(None).ok())
}

/// Lets the calling thread run on every CPU that the process may use.
pub(crate) fn unpin() {
    if let Some(cpus) = remember_cpus()
        && let Err(errno) = sched_setaffinity(None, &cpus)
    {
        tracing::debug!(%errno, "a thread stays pinned");
    }
}

/// Starts a thread that may run on every CPU of the process, whoever starts it.
///
/// # Errors
/// The operating system gives no thread.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_string()).spawn(move || {
        unpin();
        work();
    })
}

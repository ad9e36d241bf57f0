//! Native threads for the benches, each on a CPU of its own, as the kernel's cores are.
//!
//! A thread inherits the CPU of the one that starts it, and a kernel that has run in this process leaves
//! its boot core's thread pinned. Rivals that were started without care would then share one CPU, and
//! a ratio to them would mean nothing. So every native thread of a bench is placed as the kernel places
//! its cores: number `n` on the `n`th CPU that the process may use.

use std::sync::mpsc::{Receiver, channel};

use anyhow::Context;
use okernel_core::aside;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A thread at work.
pub struct Running<T>(Receiver<T>);

impl<T> Running<T> {
    /// Waits for the thread's result.
    ///
    /// # Errors
    /// The thread panicked.
    pub fn join(self) -> anyhow::Result<T> {
        self.0.recv().context("bench: a native thread panicked")
    }
}

/// Starts `work` on the `index`th CPU of the process, or where there is one if there are fewer.
///
/// # Errors
/// The operating system gives no thread.
pub fn on_cpu<T: Send + 'static>(
    index: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<Running<T>> {
    let (sender, receiver) = channel();
    // A thread aside may run on every CPU: so it sees which there are.
    aside::spawn("bench", move || {
        pin(index);
        // Whoever waits no more does not want the result.
        let _ = sender.send(work());
    })
    .context("bench: there is no thread")?;
    Ok(Running(receiver))
}

fn pin(index: usize) {
    let Ok(all) = sched_getaffinity(None) else {
        return;
    };
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&cpu| all.is_set(cpu))
        .collect();
    if cpus.is_empty() {
        return;
    }
    let mut one = CpuSet::new();
    one.set(cpus[index % cpus.len()]);
    // A thread that cannot be pinned measures what it can.
    let _ = sched_setaffinity(None, &one);
}

#[cfg(test)]
mod tests {
    use super::on_cpu;
    use rustix::thread::sched_getaffinity;

    #[test]
    fn a_thread_has_one_cpu_and_its_result_arrives() {
        let cpus = on_cpu(1, || sched_getaffinity(None).map(|cpus| cpus.count()));
        assert_eq!(cpus.unwrap().join().unwrap(), Ok(1));
        let panicked = on_cpu(0, || -> u32 { panic!("on purpose") });
        assert!(panicked.unwrap().join().is_err());
    }
}

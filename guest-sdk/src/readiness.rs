//! Arming a task: what a system call `wait` answers.

use crate::sys;
use okernel_abi::Errno;

/// Whether something can go on at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// Try now.
    Ready,
    /// The task is armed: answer Yield, and `poll` is called again when it is ready.
    Armed,
}

/// What a system call `wait` has answered.
pub(crate) fn readiness(handle: u32, bytes: usize) -> Result<Readiness, Errno> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Ok(match sys::wait(handle, bytes)? {
        0 => Readiness::Armed,
        _ => Readiness::Ready,
    })
}

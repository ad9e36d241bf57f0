//! Arming a task: what a system call `wait` answers.

use crate::refused;
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
    match sys::wait(handle, bytes) {
        Ok(0) => Ok(Readiness::Armed),
        Ok(_) => Ok(Readiness::Ready),
        Err(errno) => Err(refused::note(handle, errno)),
    }
}

/// Whether the end of a ring behind a handle was taken back, by its spawner or because it was passed on. It only
/// looks: nothing is armed by it, and nothing counted.
pub(crate) fn is_revoked(handle: u32) -> bool {
    matches!(
        sys::ring_info(handle),
        Err(Errno::Revoked | Errno::Expired | Errno::BadHandle)
    )
}

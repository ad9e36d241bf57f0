//! How a guest that computes too long is suspended in the middle, and goes on later.
//!
//! Metered code calls back here when a tick has passed since it was last let go. If its turn is over
//! and somebody else has something to do, the kernel hands the core to another thread and this one
//! sleeps, with the guest's frames on its stack, until the task's next turn. Nothing of the guest is
//! saved or restored, and a guest that is polled in time never pays for it.
//!
//! Invariant: what can change behind the guest's back while it sleeps is made good before it goes on.

use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use okernel_core::Resumed;
use okernel_core::limits::RESTORE_CPU_MS_MAX;

use super::state::State;

/// Ticks that a guest runs before it looks whether its turn is over.
const TICKS: u64 = 1;

/// Why the host ends a guest in the middle of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Ended {
    /// It was killed, or the kernel halts.
    #[error("killed")]
    Killed,
    /// It touched a window by a bulk instruction in a way that it may not.
    #[error(
        "memory.copy or memory.fill touched a ring that the task can only read, or no longer has"
    )]
    Scribbled,
    /// It took too long to restore the state of the task that it was to replace.
    #[error("restore took more than {RESTORE_CPU_MS_MAX} ms")]
    Overdue,
    /// A window could not be taken away from it.
    #[error("the operating system refused to unmap a ring")]
    Poisoned,
}

/// Lets the store ask at each tick.
pub(super) fn install(store: &mut Store<State>) {
    store.epoch_deadline_callback(on_tick);
}

/// Begins a call: the guest runs for at least a tick before it asks.
pub(super) fn start(store: &mut Store<State>) {
    store.set_epoch_deadline(TICKS);
}

/// Whether the guest must not go on for what it did.
pub(super) fn offence(state: &State) -> Option<Ended> {
    if state.windows.is_poisoned() {
        return Some(Ended::Poisoned);
    }
    state
        .windows
        .scribbles()
        .happened()
        .then_some(Ended::Scribbled)
}

fn on_tick(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data_mut();
    if let Some(ended) = offence(state) {
        return Err(ended.into());
    }
    if state.cx.slice_expired() {
        match state.cx.preempt() {
            Resumed::Continue => state.drop_revoked_windows(),
            Resumed::Kill => return Err(Ended::Killed.into()),
        }
    }
    if state.cx.is_killed() {
        return Err(Ended::Killed.into());
    }
    if state.cx.is_overdue() {
        return Err(Ended::Overdue.into());
    }
    Ok(UpdateDeadline::Continue(TICKS))
}

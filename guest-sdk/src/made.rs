//! The handles that a task has made itself and not given up yet: timers and replies.
//!
//! What a task that begins anew does not know of any more must be closed for it, so the list of them is
//! part of what it leaves behind. A handle is on the list exactly as long as its [`Made`] lives.

use crate::sys;
use std::cell::RefCell;

/// What a handle is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A timer.
    Timer,
    /// The answer to a request.
    Reply,
}

thread_local! {
    /// Task, kind, handle: where several tasks share a program, each has its own.
    static MADE: RefCell<Vec<(usize, Kind, u32)>> = const { RefCell::new(Vec::new()) };
}

/// A handle that is closed when this is dropped.
#[derive(Debug)]
pub(crate) struct Made {
    task: usize,
    kind: Kind,
    handle: u32,
}

impl Made {
    /// The kernel has given this handle to the running task.
    pub(crate) fn new(kind: Kind, handle: u32) -> Made {
        let task = sys::task_number();
        MADE.with_borrow_mut(|made| made.push((task, kind, handle)));
        Made { task, kind, handle }
    }

    #[inline]
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let own = (self.task, self.kind, self.handle);
        MADE.with_borrow_mut(|made| {
            if let Some(at) = made.iter().rposition(|other| *other == own) {
                made.swap_remove(at);
            }
        });
        // What the kernel has dropped already is as good as closed.
        let _ = sys::close(self.handle);
    }
}

/// The handles of this kind that the running task has made.
pub(crate) fn handles(kind: Kind) -> Vec<u32> {
    let task = sys::task_number();
    MADE.with_borrow(|made| {
        let own = made
            .iter()
            .filter(|other| (other.0, other.1) == (task, kind));
        own.map(|other| other.2).collect()
    })
}

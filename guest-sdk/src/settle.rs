//! What is settled when `poll` returns: messages written are published, messages read are released.
//!
//! Single messages do not pay a system call each, so at any moment some ends of rings hold messages that the
//! kernel does not know of yet. Each such end is on a list here from its first message on, and leaves it
//! when it is settled; an end that does nothing costs nothing.

use crate::sys;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// An end of a ring that may hold unsettled messages.
pub(crate) trait Settle {
    /// Publishes or releases what is held.
    fn settle(&self);
}

/// Ends with unsettled messages, one list for either direction.
struct List(RefCell<Vec<Rc<dyn Settle>>>);

impl List {
    const fn new() -> List {
        List(RefCell::new(Vec::new()))
    }

    fn settle(&self) {
        if self.0.borrow().is_empty() {
            return;
        }
        let mut ends = self.0.take();
        ends.drain(..).for_each(|end| end.settle());
        // The memory of the list is used again; settling never makes another end unsettled.
        self.0.replace(ends);
    }
}

thread_local! {
    static PUBLISHERS: List = const { List::new() };
    static SUBSCRIBERS: List = const { List::new() };
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
}

/// An end of a ring that is open.
struct Open {
    task: usize,
    handle: u32,
    revoked: Rc<Cell<bool>>,
}

impl Open {
    fn is(&self, task: usize, handle: u32) -> bool {
        (self.task, self.handle) == (task, handle)
    }
}

/// The kernel has taken a ring away, and the memory that it was in: what is left of a run there is not to be used.
pub(crate) fn revoked(handle: u32) {
    let task = sys::task_number();
    OPEN.with_borrow(|open| {
        if let Some(open) = open.iter().find(|open| open.is(task, handle)) {
            open.revoked.set(true);
        }
    });
}

/// A publisher has written its first message since it was settled.
pub(crate) fn publisher_holds(end: Rc<dyn Settle>) {
    PUBLISHERS.with(|list| list.0.borrow_mut().push(end));
}

/// A subscriber has taken its first message since it was settled.
pub(crate) fn subscriber_holds(end: Rc<dyn Settle>) {
    SUBSCRIBERS.with(|list| list.0.borrow_mut().push(end));
}

/// Publishes what was written.
pub(crate) fn publish_all() {
    PUBLISHERS.with(List::settle);
}

/// Publishes what was written and releases what was read.
pub(crate) fn settle_all() {
    publish_all();
    SUBSCRIBERS.with(List::settle);
}

/// The right of one end of a ring to be the only one with its handle; given up, together with the
/// handle, by `close` or when dropped.
pub(crate) struct Opened {
    task: usize,
    handle: u32,
    closed: Cell<bool>,
    revoked: Rc<Cell<bool>>,
}

impl Opened {
    /// Refuses a handle that is open already.
    pub(crate) fn new(handle: u32) -> Option<Opened> {
        let task = sys::task_number();
        OPEN.with_borrow_mut(|open| {
            if open.iter().any(|open| open.is(task, handle)) {
                return None;
            }
            let revoked = Rc::new(Cell::new(false));
            open.push(Open {
                task,
                handle,
                revoked: Rc::clone(&revoked),
            });
            Some(Opened {
                task,
                handle,
                closed: Cell::new(false),
                revoked,
            })
        })
    }

    #[inline]
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }

    /// Whether the kernel has said that the ring was taken away.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.get()
    }

    /// Gives the handle up. The list of what is to be settled may keep this end a moment longer.
    pub(crate) fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        OPEN.with_borrow_mut(|open| open.retain(|open| !open.is(self.task, self.handle)));
        // A handle that the kernel has taken back already is as good as closed.
        let _ = sys::close(self.handle);
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::{PUBLISHERS, SUBSCRIBERS};
    use crate::testing::Harness;

    #[test]
    fn an_end_is_on_the_list_once_however_often_it_is_settled_in_a_turn() {
        let harness = Harness::new()
            .feed("in", &(0..600).collect::<Vec<u64>>())
            .collect("out", 4096);
        let done = harness.run(async |ctx| {
            let mut input = ctx.subscriber::<u64>("in")?;
            let mut out = ctx.publisher::<u64>("out")?;
            let listed = |list: &super::List| list.0.borrow().len();
            for number in 0..500 {
                out.try_send(number)?;
                out.flush()?;
                assert_eq!(PUBLISHERS.with(listed), 1);
            }
            for number in 0..500 {
                assert_eq!(input.try_recv()?, number);
                // What is left is asked for anew.
                drop(input.try_batch()?);
                assert_eq!(SUBSCRIBERS.with(listed), 1);
            }
            Ok(())
        });
        assert_eq!(done.result, Ok(()));
        assert_eq!(done.sent::<u64>("out"), (0..500).collect::<Vec<u64>>());
    }
}

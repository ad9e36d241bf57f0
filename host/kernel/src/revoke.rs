//! Taking grants back: by request, by the end of their time, and with what they were derived from.
//!
//! Whoever revokes marks the capability, which at once is no longer good, and tells the cores of all tasks that
//! hold it or something derived from it. Such a core takes the objects from behind the task's handles, wakes the
//! task and answers; so when `revoke` is answered, nothing of it can be used any more, and a task that sleeps
//! has been told. A task in the middle of a turn goes on with its call until it is suspended or answers.
//!
//! An end of a ring is not lost with the right to it: it lies where it was, held by nobody, and can be granted again. A
//! reader keeps its position, but stands aside: if the ring is full its publisher does not wait for it. Only a reader
//! that was made for the grant goes with it.

use crate::capability::Object;
use crate::cell::Cell;
use crate::core::{Core, TimerOwner};
use crate::derivation::{Capability, Standing, Thing};
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::inbox::Asker;
use crate::message::Message;
use crate::pending::{Answer, Pending};
use crate::table::Key;
use okernel_abi::Handle;
use okernel_abi::value::Value;
use std::sync::Arc;

/// Tasks that are being told, and who is told when all of them were.
#[derive(Debug)]
pub(crate) struct PendingRevoke {
    pub(crate) pending: Pending,
    /// Answers that are still to come.
    pub(crate) missing: usize,
}

/// Whether a task has lost something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    Yes,
    No,
}

impl Core {
    /// Takes capabilities back, with all that was derived from them; `pending` is told when nobody can use them.
    pub(crate) fn end_grants(&mut self, ended: Vec<u64>, standing: Standing, pending: Pending) {
        let holders = self.shared.capabilities.end(ended, standing);
        let told: Vec<(TaskId, CoreId)> = holders
            .into_iter()
            .filter_map(|task| Some((task, self.shared.directory.task(task)?.core)))
            .collect();
        if told.is_empty() {
            // Whoever waits may be in the middle of the call by which it asks.
            return self.ask(self.id, Message::Nop, pending);
        }
        let waiting = self.revokes.insert(PendingRevoke {
            pending,
            missing: told.len(),
        });
        for (task, core) in told {
            self.ask(core, Message::Revoke(task), Pending::Revoke(waiting));
        }
    }

    /// One of the cores that were told has answered.
    pub(crate) fn revoked(&mut self, waiting: Key) {
        let Some(revoke) = self.revokes.get_mut(waiting) else {
            return;
        };
        revoke.missing -= 1;
        if revoke.missing == 0
            && let Some(revoke) = self.revokes.remove(waiting)
        {
            self.settle(revoke.pending, Ok(Answer::Value(Value::Nil)));
        }
    }

    /// Takes from a task what it has lost. One that has moved is told where it is, and one that is on its way looks
    /// after itself when it arrives.
    pub(crate) fn revoke(&mut self, asker: Asker, task: TaskId) {
        let key = self.places.get(&task).copied();
        if let Some(mut cell) = key.and_then(|key| self.take_cell(key)) {
            let key = cell.key;
            self.take_lost(&mut cell);
            self.put_cell(cell);
            self.wake(key);
        }
        self.answer(asker, Message::AckRevoke);
    }

    /// Takes the objects from behind those handles of a task whose capabilities are no longer good. To be called
    /// for a task that has come to this core, too: it may have lost something on its way.
    pub(crate) fn take_lost(&mut self, cell: &mut Cell) {
        for (handle, standing) in cell.handles.lost() {
            self.take_grant(cell, handle, standing);
        }
    }

    fn take_grant(&mut self, cell: &mut Cell, handle: Handle, standing: Standing) {
        let Some(errno) = standing.errno() else {
            return;
        };
        let made_for_it = cell
            .handles
            .capability(handle)
            .is_some_and(|capability| matches!(capability.thing, Thing::Reader(_)));
        let Ok(object) = cell.handles.revoke(handle, errno) else {
            return;
        };
        self.forget_wait(&object);
        match object.into_plain() {
            Object::Publisher(_, id) | Object::Subscriber(_, id) if made_for_it => {
                self.drop_endpoint(id);
            }
            Object::Publisher(_, id) | Object::Subscriber(_, id) => {
                if let Some(place) = self.memory.place(id) {
                    self.memory.confiscate(place);
                }
                self.shared.directory.set_owner(id, None);
            }
            Object::Timers => self.cancel_timers(cell, handle, standing),
            _ => {}
        }
        cell.revocations += 1;
        let name = &cell.name;
        tracing::info!(task = %cell.id, name, core = %self.id, "a grant is {}", standing.name());
    }

    /// Takes an end of a ring from behind the handle of a task. The end lies where it lay.
    pub(crate) fn take_end(&mut self, cell: &mut Cell, id: EndpointId) -> Taken {
        let Some(object) = cell.handles.revoke_endpoint(id) else {
            return Taken::No;
        };
        self.forget_wait(&object);
        cell.revocations += 1;
        Taken::Yes
    }

    /// The same for a task that is not being called; it is woken, so that it learns of it.
    pub(crate) fn take_end_from(&mut self, owner: TaskId, id: EndpointId) {
        let key = self.places.get(&owner).copied();
        let Some(mut cell) = key.and_then(|key| self.take_cell(key)) else {
            return;
        };
        let (key, taken) = (cell.key, self.take_end(&mut cell, id));
        self.put_cell(cell);
        if taken == Taken::Yes {
            self.wake(key);
        }
    }

    /// Timers go with the right by which they were set.
    fn cancel_timers(&mut self, cell: &mut Cell, right: Handle, standing: Standing) {
        let Some(errno) = standing.errno() else {
            return;
        };
        let set_by = |(handle, object): (Handle, &Object)| match object {
            Object::Timer(timer) if timer.right == right => Some((handle, timer.key)),
            _ => None,
        };
        let timers: Vec<_> = cell.handles.objects().filter_map(set_by).collect();
        for (handle, key) in timers {
            if let Some(key) = key {
                self.timers.cancel(key);
            }
            cell.timers_count -= 1;
            // The handle was found a moment ago.
            let _ = cell.handles.revoke(handle, errno);
        }
        self.stats.timers.set(self.timers.len() as u64);
    }

    /// Sets the timer by which a capability of this core's task expires.
    pub(crate) fn expire_later(&mut self, capability: &Arc<Capability>) {
        let Some(until_ns) = capability.until_ns else {
            return;
        };
        let owner = TimerOwner::Expiry(capability.id);
        let timer = self.timers.set(until_ns, 0, owner);
        self.timer_next_ns = self.timer_next_ns.min(until_ns);
        self.stats.timers.set(self.timers.len() as u64);
        // It is set once, here.
        let _ = capability.timer.set((self.id, timer));
    }

    /// The time of these capabilities is over.
    pub(crate) fn expired(&mut self, capabilities: Vec<u64>) {
        if !capabilities.is_empty() {
            self.end_grants(capabilities, Standing::Expired, Pending::Nobody);
        }
    }

    /// A task has given one of its grants up.
    pub(crate) fn forget_grant(&mut self, capability: Arc<Capability>) {
        self.shared.capabilities.give_up(&capability);
        self.forget_expiry(&capability);
    }

    /// A task has ended: it holds nothing.
    pub(crate) fn forget_grants(&mut self, holder: TaskId) {
        for capability in self.shared.capabilities.leave(holder) {
            self.forget_expiry(&capability);
        }
    }

    /// Nobody holds a capability any more: it need not expire, unless others have something from it.
    fn forget_expiry(&mut self, capability: &Arc<Capability>) {
        if let Some((core, timer)) = capability.timer.get()
            && *core == self.id
            && Arc::strong_count(capability) == 1
        {
            self.timers.cancel(*timer);
            self.stats.timers.set(self.timers.len() as u64);
        }
    }
}

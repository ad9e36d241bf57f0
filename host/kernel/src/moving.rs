//! A task moves to another core, with all that is its own.
//!
//! It moves between two turns. Its cell travels as a parcel, with the endpoints that it holds, its timers
//! and everything that waits in it; on the other core the endpoints lie in that core's Memory, timers
//! are set for the same moments as before, and what the task waits for is armed again. A task that sleeps sleeps on: if
//! something happened on the way, arming finds it. A task that is suspended in the middle of a call has
//! its stack on a thread of its core, so it moves when that call has come back.
//!
//! What was asked on behalf of the task is answered to the core that asked. That core passes the answer on
//! ([`Relay`]); messages about the task that come to a core which it has left are passed on likewise,
//! to the core that the directory names, and one that overtakes the task itself goes round once more.
//!
//! Invariants: a task is in one core's table, in one parcel, or has ended. Console output keeps its order: a task
//! writes no more until what it wrote on its last core has been written.

use crate::capability::{Armed, Object};
use crate::cell::{Cell, Kill, Pinned, Woken};
use crate::core::{Core, Phase, TimerOwner};
use crate::envelope::Address;
use crate::exit::Exit;
use crate::ids::{CoreId, TaskId};
use crate::inbox::Asker;
use crate::memory::{End, Place};
use crate::message::{Message, QosChange};
use crate::pending::{Answer, Pending};
use crate::refusal::Refusal;
use crate::stats::State;
use crate::table::Key;
use crate::wake::TaskWake;
use okernel_abi::{Errno, Handle};
use okernel_ring::Registered;
use std::sync::Arc;
use std::task::Waker;

/// A task that is to move when its call has come back.
#[derive(Debug)]
pub(crate) struct Moving {
    pub(crate) to: CoreId,
    /// Who is told when it has arrived.
    pub(crate) askers: Vec<Asker>,
}

/// A task on its way.
#[derive(Debug)]
pub(crate) struct Arrival {
    cell: Box<Cell>,
    ends: Vec<End>,
    timers: Vec<SetTimer>,
    askers: Vec<Asker>,
}

/// A timer as it is set.
#[derive(Clone, Copy, Debug)]
struct SetTimer {
    handle: Handle,
    deadline_ns: u64,
    period_ns: u64,
}

/// What has come for a task to the core where that was asked.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// The answer to a request.
    Reply(Handle, Result<Answer, Refusal>),
    /// An endpoint that it wants to hold.
    Attached(Handle, Result<Answer, Refusal>),
    /// So many bytes of its output are written.
    Printed(usize),
    /// Something that it kept, being a supervisor, is released.
    Released,
}

/// Something for a task that is on another core by now.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) task: TaskId,
    pub(crate) delivery: Delivery,
}

/// Where a task is.
pub(crate) enum Whereabouts {
    Here(Key),
    /// There, or on its way there; this core itself when it is on its way here.
    Elsewhere(CoreId),
    Nowhere,
}

impl Core {
    pub(crate) fn find_task(&self, task: TaskId) -> Whereabouts {
        if let Some(&key) = self.places.get(&task) {
            return Whereabouts::Here(key);
        }
        match self.shared.directory.task(task) {
            Some(info) => Whereabouts::Elsewhere(info.core),
            None => Whereabouts::Nowhere,
        }
    }

    /// Hands a message about a task on, if the task has left this core; otherwise gives it back.
    pub(crate) fn pass_on(&mut self, asker: Asker, message: Message) -> Option<Message> {
        let Some(task) = message.task() else {
            return Some(message);
        };
        let Whereabouts::Elsewhere(to) = self.find_task(task) else {
            return Some(message);
        };
        let address = Address {
            from: asker.core,
            to,
            ask: asker.ask,
        };
        let envelope = message.seal(address, &self.shared.parcels);
        self.channel.send(envelope);
        None
    }

    /// Moves a task of this core, now or when its call has come back.
    pub(crate) fn move_task(&mut self, asker: Asker, task: TaskId, to: CoreId) {
        let (own, halting) = (self.id, self.phase != Phase::Running);
        let Some(cell) = self.cell_by_id(task) else {
            let refusal = self.no_task("move", task);
            return self.answer(asker, Message::Error(refusal));
        };
        let refused = |errno, text| Message::Error(Refusal::new(errno, text));
        if halting {
            let text = "move: the kernel is halting".to_string();
            return self.answer(asker, refused(Errno::Halting, text));
        }
        if cell.pinned == Pinned::Yes {
            let text = format!("move: task {task} is pinned to core {own}");
            return self.answer(asker, refused(Errno::Busy, text));
        }
        let (key, suspended) = (cell.key, cell.seat.is_some());
        let mut askers = cell
            .moving
            .take()
            .map_or(Vec::new(), |moving| moving.askers);
        askers.push(asker);
        if to == own {
            for asker in askers {
                self.answer(asker, Message::AckMove);
            }
            return;
        }
        let moving = Moving { to, askers };
        cell.moving = Some(moving);
        if !suspended {
            self.depart(key);
        }
    }

    /// Sends a task that is to move on its way. It is not being called.
    pub(crate) fn depart(&mut self, key: Key) {
        let Some(Some(cell)) = self.tasks.get_mut(key) else {
            return;
        };
        // Whoever is to end does so here, and whoever moves is told of it.
        if cell.kill.is_some() || self.phase != Phase::Running {
            return;
        }
        let Some(Moving { to, askers }) = cell.moving.take() else {
            return;
        };
        let Some(mut cell) = self.tasks.remove(key).flatten() else {
            return;
        };
        self.places.remove(&cell.id);
        let (ends, timers) = self.pack(&mut cell);
        // Its virtual time counts from its queue's minimum.
        cell.time = cell.time.saturating_sub(self.queue.newcomer());
        cell.print_elsewhere = cell.print_bytes;
        self.shared.directory.set_core(cell.id, to);
        self.stats.tasks.set(self.tasks.len() as u64);
        let arrival = Arrival {
            cell,
            ends,
            timers,
            askers,
        };
        self.ask(to, Message::Arrive(Box::new(arrival)), Pending::Nobody);
    }

    /// Takes what is a task's own out of this core.
    fn pack(&mut self, cell: &mut Cell) -> (Vec<End>, Vec<SetTimer>) {
        let (mut ends, mut timers) = (Vec::new(), Vec::new());
        for (handle, object) in cell.handles.objects_mut() {
            match self.unmetered(object) {
                Object::Publisher(_, id) | Object::Subscriber(_, id) => {
                    self.shared.directory.set_home(*id, None);
                    ends.extend(self.memory.remove(*id));
                }
                Object::Timer(timer) => {
                    if let Some(key) = timer.key.take()
                        && let Some((deadline_ns, period_ns)) = self.timers.take(key)
                    {
                        timers.push(SetTimer {
                            handle,
                            deadline_ns,
                            period_ns,
                        });
                    }
                }
                // The answer will be relayed, wanted or not.
                Object::Reply(reply) => reply.waits = None,
                Object::Timers
                | Object::Clock
                | Object::Console(_)
                | Object::File(_)
                | Object::System
                | Object::Spawn
                | Object::Metered(_)
                | Object::Revoked(..) => {}
            }
        }
        self.stats.timers.set(self.timers.len() as u64);
        (ends, timers)
    }

    /// A task has come from another core.
    pub(crate) fn arrive(&mut self, arrival: Arrival) {
        let Arrival {
            mut cell,
            ends,
            timers,
            askers,
        } = arrival;
        let (id, key) = (cell.id, self.tasks.next_key());
        cell.key = key;
        cell.wake = TaskWake::new(key, Arc::clone(&self.signal));
        cell.waker = Waker::from(Arc::clone(&cell.wake));
        for end in ends {
            self.unpack(&mut cell, end);
        }
        for timer in timers {
            self.set_again(&mut cell, timer);
        }
        // It may have lost something on its way.
        let revocations = cell.revocations;
        self.take_lost(&mut cell);
        if self.arm_again(&mut cell) == Woken::Yes || cell.revocations > revocations {
            cell.woken = Woken::Yes;
        }
        if self.is_outdated(&cell) {
            cell.order_upgrade();
            cell.woken = Woken::Yes;
        }
        cell.time += self.queue.newcomer();
        let goes_on = cell.state != State::Waiting || cell.woken == Woken::Yes;
        cell.stats.moves.add(1);
        tracing::debug!(task = %id, name = cell.name, core = %self.id, "moved here");
        self.tasks.insert(Some(cell));
        self.places.insert(id, key);
        self.stats.tasks.set(self.tasks.len() as u64);
        if goes_on {
            self.line_up(key);
        }
        for asker in askers {
            self.answer(asker, Message::AckMove);
        }
        if self.phase != Phase::Running {
            // It is one more to be ended.
            self.phase = Phase::Halting;
            self.kill(key, Kill::Halting);
        }
    }

    fn unpack(&mut self, cell: &mut Cell, end: End) {
        let endpoint = end.id();
        let place = self.memory.insert(end);
        self.memory.set_owner(place, Some(cell.id));
        self.shared.directory.set_home(endpoint, Some(self.id));
        for (_, object) in cell.handles.objects_mut() {
            match (self.unmetered(object), place) {
                (Object::Publisher(held, id), Place::Publisher(key))
                | (Object::Subscriber(held, id), Place::Subscriber(key))
                    if *id == endpoint =>
                {
                    *held = key;
                }
                _ => {}
            }
        }
    }

    fn set_again(&mut self, cell: &mut Cell, timer: SetTimer) {
        let owner = TimerOwner::Task {
            task: cell.key,
            handle: timer.handle,
        };
        let key = self.timers.set(timer.deadline_ns, timer.period_ns, owner);
        self.timer_next_ns = self.timer_next_ns.min(timer.deadline_ns);
        if let Ok(Object::Timer(state)) = cell.handles.get_mut(timer.handle) {
            state.key = Some(key);
        }
        self.stats.timers.set(self.timers.len() as u64);
    }

    /// Registers the task with the rings that it waits for; whether one of them is ready meanwhile. What else it
    /// waits for (timers, replies, the console, inputs) is noted in its cell.
    fn arm_again(&mut self, cell: &mut Cell) -> Woken {
        let mut woken = Woken::No;
        for &(handle, min_bytes) in &cell.armed {
            let registered = match cell.handles.get(handle) {
                // Whether its limits allow more is decided anew.
                Ok(Object::Metered(_)) => Some(Registered::Ready),
                Ok(Object::Publisher(key, _)) => {
                    let publisher = self.memory.publisher(*key);
                    publisher.map(|publisher| publisher.register(&cell.waker, min_bytes.max(1)))
                }
                Ok(Object::Subscriber(key, _)) => {
                    let subscriber = self.memory.subscriber(*key);
                    subscriber.map(|subscriber| subscriber.register(&cell.waker, min_bytes.max(1)))
                }
                // It was taken back: the task is to find that out.
                Ok(Object::Revoked(..)) | Err(_) => Some(Registered::Ready),
                Ok(_) => None,
            };
            if registered == Some(Registered::Ready) {
                woken = Woken::Yes;
            }
        }
        woken
    }

    /// Whether the task's module has got another current version while the task was on its way.
    fn is_outdated(&self, cell: &Cell) -> bool {
        let Some(module) = &cell.module else {
            return false;
        };
        let current = self.shared.modules.current(module);
        current.is_some_and(|current| u64::from(current) != cell.stats.version.get())
    }

    /// Something has come for a task: it is here, or goes where the task is.
    pub(crate) fn deliver(&mut self, task: TaskId, delivery: Delivery) {
        match (self.find_task(task), delivery) {
            (Whereabouts::Here(key), Delivery::Reply(handle, answer)) => {
                self.reply(key, handle, answer);
            }
            (Whereabouts::Here(key), Delivery::Attached(handle, answer)) => {
                self.attach_arrived(key, handle, answer);
            }
            (Whereabouts::Here(key), Delivery::Printed(bytes)) => self.printed(key, bytes),
            (Whereabouts::Here(key), Delivery::Released) => {
                if let Some(cell) = self.cell(key) {
                    cell.requests_count = cell.requests_count.saturating_sub(1);
                }
                self.wake(key);
            }
            (Whereabouts::Elsewhere(to), delivery) => {
                let relay = Relay { task, delivery };
                self.ask(to, Message::Relay(Box::new(relay)), Pending::Nobody);
            }
            // The endpoint lies here then, held by nobody.
            (Whereabouts::Nowhere, Delivery::Attached(_, answer)) => {
                let _ = self.arrived(answer);
            }
            (Whereabouts::Nowhere, _) => {}
        }
    }

    fn printed(&mut self, task: Key, bytes: usize) {
        let Some(cell) = self.cell(task) else {
            return;
        };
        cell.print_bytes = cell.print_bytes.saturating_sub(bytes);
        cell.print_elsewhere = cell.print_elsewhere.saturating_sub(bytes);
        if std::mem::replace(&mut cell.print_armed, Armed::No) == Armed::Yes {
            self.wake(task);
        }
    }
}

impl Message {
    /// The task that it is about: whichever core that is on carries it out.
    pub(crate) fn task(&self) -> Option<TaskId> {
        match self {
            Message::Exec { task, .. }
            | Message::Try { task, .. }
            | Message::Move { task, .. }
            | Message::Qos(QosChange::Task { task, .. })
            | Message::Kill(task)
            | Message::End(task, _)
            | Message::Exited {
                supervisor: task, ..
            }
            | Message::Begun {
                supervisor: task, ..
            }
            | Message::Revoke(task)
            | Message::Interrupt(task) => Some(*task),
            _ => None,
        }
    }
}

impl Cell {
    /// The task has ended before it moved: who waits for that.
    pub(crate) fn drop_moving(&mut self, exit: &Exit) -> Vec<(Asker, Refusal)> {
        let moving = self.moving.take();
        let askers = moving.map_or(Vec::new(), |moving| moving.askers);
        let refusal = || {
            let text = format!("move: task {} has ended: {exit}", self.id);
            Refusal::new(Errno::NotFound, text)
        };
        let told = askers.into_iter().map(|asker| (asker, refusal()));
        told.collect()
    }
}

//! What a core has asked and not been answered yet, and what is done with the answer.

use crate::capability::Object;
use crate::cell::Cell;
use crate::core::{Core, Phase};
use crate::envelope::Ask;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::inbox::{Asker, ExecDone, ValueDone};
use crate::memory::{End, Place};
use crate::message::Message;
use crate::moving::Delivery;
use crate::refusal::Refusal;
use crate::spawn::Spawn;
use crate::table::Key;
use okernel_abi::layout::Executed;
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use std::sync::atomic::Ordering;

/// Who waits on this core for an answer, and for what.
pub(crate) enum Pending {
    /// A task's request; its reply goes to the handle.
    Reply { task: TaskId, handle: Handle },
    /// The same for a request to spawn, which counts as a task until it is answered.
    SpawnReply { task: TaskId, handle: Handle },
    /// A task wants to hold this endpoint, which is on its way.
    Attach { task: TaskId, handle: Handle },
    /// An order to spawn needs this endpoint, which is on its way.
    Grant { spawn: Key, endpoint: EndpointId },
    /// A foreign thread's request.
    Control(ValueDone),
    /// A foreign thread's order to spawn.
    ControlSpawn(ValueDone),
    /// A foreign thread's input for a task.
    ControlExec(ExecDone),
    /// A selector's input for a task.
    SlotExec(Key),
    /// A task's console output.
    Print { task: TaskId, bytes: usize },
    /// A supervisor's release of what it kept.
    Released { task: TaskId },
    /// A core that is to halt.
    Halt,
    /// A task that is tried as another version.
    Survey { survey: Key, task: TaskId },
    /// A capability that is being taken back from the tasks of several cores.
    Revoke(Key),
    /// Nobody: the answer is not wanted.
    Nobody,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Pending::Reply { .. } => "Reply",
            Pending::SpawnReply { .. } => "SpawnReply",
            Pending::Attach { .. } => "Attach",
            Pending::Grant { .. } => "Grant",
            Pending::Control(_) => "Control",
            Pending::ControlSpawn(_) => "ControlSpawn",
            Pending::ControlExec(_) => "ControlExec",
            Pending::SlotExec(_) => "SlotExec",
            Pending::Print { .. } => "Print",
            Pending::Released { .. } => "Released",
            Pending::Halt => "Halt",
            Pending::Survey { .. } => "Survey",
            Pending::Revoke(_) => "Revoke",
            Pending::Nobody => "Nobody",
        })
    }
}

/// An order to spawn whose endpoints come from other cores.
#[derive(Debug)]
pub(crate) struct PendingSpawn {
    pub(crate) spawn: Box<Spawn>,
    pub(crate) asker: Asker,
    /// Endpoints that are still on their way.
    pub(crate) missing: usize,
    /// Why it cannot be carried out, once that is known.
    pub(crate) refusal: Option<Refusal>,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) enum Answer {
    Value(Value),
    End(End),
    /// How an input went, and its outcome.
    Executed(Executed, Vec<u8>),
}

impl Core {
    /// The answer to what was asked as `ask` has come.
    pub(crate) fn answered(&mut self, ask: Ask, answer: Result<Answer, Refusal>) {
        let Some(pending) = self.pending.remove(ask) else {
            tracing::error!(core = %self.id, "an answer that nobody waits for");
            return;
        };
        self.settle(pending, answer);
    }

    /// Whoever waits is told.
    pub(crate) fn settle(&mut self, pending: Pending, answer: Result<Answer, Refusal>) {
        match pending {
            Pending::Reply { task, handle } => {
                self.deliver(task, Delivery::Reply(handle, answer));
            }
            Pending::SpawnReply { task, handle } => {
                self.shared.directory.spawn_ends();
                self.deliver(task, Delivery::Reply(handle, answer));
                self.look_whether_alone();
            }
            Pending::Attach { task, handle } => {
                self.deliver(task, Delivery::Attached(handle, answer));
            }
            Pending::Grant { spawn, endpoint } => self.grant_arrived(spawn, endpoint, answer),
            Pending::Control(done) => done(to_value(answer)),
            Pending::ControlSpawn(done) => {
                self.shared.directory.spawn_ends();
                done(to_value(answer));
                self.look_whether_alone();
            }
            Pending::ControlExec(done) => done(to_executed(answer).map(|(executed, _)| executed)),
            // A halting kernel ends its tasks in the middle of their inputs: that is no news.
            Pending::SlotExec(_) if self.phase != Phase::Running => {}
            Pending::SlotExec(slot) => {
                let effects = self.io.executed(slot, to_executed(answer), self.now_ns);
                self.carry_out_effects(slot, effects);
            }
            Pending::Print { task, bytes } => self.deliver(task, Delivery::Printed(bytes)),
            Pending::Released { task } => self.deliver(task, Delivery::Released),
            Pending::Halt => self.halts_awaited = self.halts_awaited.saturating_sub(1),
            Pending::Survey { survey, task } => {
                let outcome = answer.map(drop).map_err(|refusal| refusal.text);
                self.surveyed(survey, task, outcome);
            }
            Pending::Revoke(waiting) => {
                self.revoked(waiting);
            }
            Pending::Nobody => {}
        }
    }

    /// Puts a reply where the task will look for it, and wakes the task if it waits.
    pub(crate) fn reply(&mut self, task: Key, handle: Handle, answer: Result<Answer, Refusal>) {
        let value = to_value(answer);
        let Some(cell) = self.cell(task) else {
            return;
        };
        cell.requests_count = cell.requests_count.saturating_sub(1);
        if let Ok(Object::Reply(state)) = cell.handles.get_mut(handle) {
            state.reply = Some(value.to_bytes());
        }
        self.wake_armed(task, handle);
    }

    /// An endpoint has come from another core: it lies here now, held by nobody.
    pub(crate) fn arrived(
        &mut self,
        answer: Result<Answer, Refusal>,
    ) -> Result<EndpointId, Refusal> {
        match answer? {
            Answer::End(end) => {
                let id = end.id();
                self.memory.insert(end);
                self.shared.directory.set_home(id, Some(self.id));
                self.shared.directory.set_owner(id, None);
                Ok(id)
            }
            other => Err(Refusal::new(
                Errno::Malformed,
                format!("migrate: an endpoint was expected, {other:?} came"),
            )),
        }
    }

    pub(crate) fn attach_arrived(
        &mut self,
        task: Key,
        handle: Handle,
        answer: Result<Answer, Refusal>,
    ) {
        let arrived = self.arrived(answer);
        let Some(mut cell) = self.take_cell(task) else {
            return;
        };
        let attached = arrived.and_then(|id| self.attach(&mut cell, id));
        self.put_cell(cell);
        self.reply(task, handle, attached.map(Answer::Value));
    }

    /// Gives a task of this core a handle for an endpoint of this core. The answer is the handle's
    /// number; a task that holds the endpoint already is told the handle that it has.
    pub(crate) fn attach(&mut self, cell: &mut Cell, id: EndpointId) -> Result<Value, Refusal> {
        let refuse = |errno, text: String| Err(Refusal::new(errno, format!("attach: {text}")));
        let Some(place) = self.memory.place(id) else {
            return refuse(Errno::NotFound, format!("endpoint {id} is not here"));
        };
        let owner = self.memory.owner(place);
        if owner == Some(cell.id) {
            let mut objects = cell.handles.objects();
            if let Some((handle, _)) = objects.find(|(_, object)| object.endpoint() == Some(id)) {
                return Ok(Value::Int(handle.0.into()));
            }
        } else if let Some(owner) = owner {
            let text = format!("endpoint {id} is in use by task {owner}");
            return refuse(Errno::Busy, text);
        }
        let object = match place {
            Place::Publisher(key) => Object::Publisher(key, id),
            Place::Subscriber(key) => Object::Subscriber(key, id),
        };
        let source = self.source_of_end(cell, id);
        match cell.handles.insert(object) {
            Ok(handle) => {
                self.memory.hand(place, cell.id);
                self.shared.directory.set_owner(id, Some(cell.id));
                if let Some(source) = source {
                    self.bind_attached(cell, handle, id, source);
                }
                Ok(Value::Int(handle.0.into()))
            }
            Err(errno) => refuse(errno, format!("endpoint {id}: {errno}")),
        }
    }

    fn grant_arrived(&mut self, spawn: Key, endpoint: EndpointId, answer: Result<Answer, Refusal>) {
        let arrived = self.arrived(answer);
        let Some(waiting) = self.spawns.get_mut(spawn) else {
            return;
        };
        waiting.missing -= 1;
        if let Err(refusal) = arrived
            && waiting.refusal.is_none()
        {
            let text = format!("spawn: endpoint {endpoint}: {}", refusal.text);
            waiting.refusal = Some(Refusal::new(refusal.errno, text));
        }
        if waiting.missing == 0
            && let Some(ready) = self.spawns.remove(spawn)
        {
            let result = match ready.refusal {
                Some(refusal) => Err(refusal),
                None => self.start(*ready.spawn),
            };
            self.answer_spawn(ready.asker, result);
        }
    }

    pub(crate) fn answer_spawn(&mut self, asker: Asker, result: Result<TaskId, Refusal>) {
        let message = match result {
            Ok(task) => Message::AckSpawn(task),
            Err(refusal) => Message::Error(refusal),
        };
        self.answer(asker, message);
    }

    /// On the boot core: halts when that was asked for and the shell is the only task. The status
    /// says whether the script and all of its tasks went well.
    pub(crate) fn look_whether_alone(&mut self) {
        if self.id == CoreId::BOOT
            && let Some(status) = self.alone_status
            && self.shared.directory.tasks_alive() <= 1
        {
            self.alone_status = None;
            let failed = self.shared.task_failed.load(Ordering::Acquire);
            self.halt_kernel(if failed { status.max(1) } else { status });
        }
    }
}

pub(crate) fn to_value(answer: Result<Answer, Refusal>) -> Value {
    match answer {
        Ok(Answer::Value(value)) => value,
        Ok(Answer::Executed(executed, _)) => Value::Int(executed as i64),
        Ok(Answer::End(end)) => Value::Int(end.id().number()),
        Err(refusal) => refusal.to_value(),
    }
}

fn to_executed(answer: Result<Answer, Refusal>) -> Result<(Executed, Vec<u8>), String> {
    match answer {
        Ok(Answer::Executed(executed, outcome)) => Ok((executed, outcome)),
        Ok(other) => Err(format!("exec: answered by {other:?}")),
        Err(refusal) => Err(refusal.text),
    }
}

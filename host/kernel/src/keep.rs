//! What a task's end means for others: what its supervisor keeps for it, who is told, who ends too.
//!
//! A supervised task is one thing in several lives. The ends of rings that it was granted outlive each life: nobody
//! holds them but the supervisor, their readers and writers elsewhere see only that nothing happens for a
//! while, and the next life finds them under the same names. What was claimed and not committed is
//! dropped, what was read and not released will be read again.

use crate::cell::{Begun, Cell, Kill};
use crate::core::{Core, Phase};
use crate::envelope::Ask;
use crate::exit::{Exit, Notice};
use crate::ids::{EndpointId, TaskId};
use crate::inbox::Asker;
use crate::memory::Place;
use crate::message::Message;
use crate::names::Named;
use crate::pending::Pending;
use crate::refusal::Refusal;
use crate::relations::{Farewell, Monitored, Orphans};
use crate::spawn::Keeps;
use okernel_abi::Errno;
use okernel_abi::value::Value;

/// What a supervisor is told of its children.
#[derive(Debug)]
pub(crate) enum News {
    /// One has begun.
    Begun(TaskId),
    /// The one in this place of its list has ended.
    Ended {
        child: usize,
        /// Whether it had begun. That may have been told from another core, and come later.
        begun: Begun,
        notice: Notice,
    },
}

impl Core {
    /// The supervisor that keeps what was granted to a task that has ended, if it may start it again.
    pub(crate) fn heir(&self, cell: &Cell) -> Option<TaskId> {
        let keeper = cell.keeper.filter(|keeper| keeper.keeps == Keeps::Rings)?;
        let lives =
            self.phase == Phase::Running && self.shared.directory.task(keeper.supervisor).is_some();
        lives.then_some(keeper.supervisor)
    }

    /// An endpoint of this core, whose task has ended, is kept by a supervisor.
    pub(crate) fn keep(&mut self, id: EndpointId, heir: TaskId) {
        let Some(place) = self.memory.place(id) else {
            return;
        };
        if let Place::Publisher(key) = place
            && let Some(publisher) = self.memory.publisher(key)
        {
            publisher.forgo();
        }
        self.memory.set_owner(place, Some(heir));
        self.shared.directory.set_owner(id, Some(heir));
    }

    /// `holder`, a supervisor, no longer keeps an endpoint of this core: whoever is above it does, or nobody,
    /// and then it goes. One that a task holds stays where it is.
    pub(crate) fn release(&mut self, id: EndpointId, holder: TaskId, heir: Option<TaskId>) {
        let Some(place) = self.memory.place(id) else {
            return;
        };
        let owner = self.memory.owner(place);
        if owner.is_some_and(|owner| owner != holder) {
            return;
        }
        match heir {
            Some(heir) => self.keep(id, heir),
            None => self.drop_endpoint(id),
        }
    }

    /// Tells whoever is to know that a task has ended, and ends who is to end with it.
    pub(crate) fn say_farewell(&mut self, cell: &Cell, exit: &Exit, orphans: Orphans) {
        let directory = &self.shared.directory;
        let farewell = directory.remove_task(cell.id, exit.clone(), orphans);
        let Farewell {
            monitors,
            linked,
            orphans,
        } = farewell;
        let core = self.id;
        let notice = || Notice {
            task: cell.id,
            name: cell.name.clone(),
            core,
            exit: exit.clone(),
        };
        if let Some(keeper) = cell.keeper
            && let Some(info) = directory.task(keeper.supervisor)
        {
            let message = Message::Exited {
                supervisor: keeper.supervisor,
                child: keeper.child,
                begun: cell.begun,
                notice: Box::new(notice()),
            };
            self.ask(info.core, message, Pending::Nobody);
        }
        for asker in monitors {
            self.answer(asker, Message::AckValue(notice().to_value()));
        }
        let linked = linked.into_iter().filter(|_| !exit.is_orderly());
        for (task, core) in linked.chain(orphans) {
            let text = exit.to_string();
            let kill = Kill::Linked {
                task: cell.id,
                text,
            };
            self.ask(core, Message::End(task, kill), Pending::Nobody);
        }
    }

    /// A task has begun: its supervisor, if it has one, can start the next.
    pub(crate) fn has_begun(&mut self, cell: &mut Cell) {
        if std::mem::replace(&mut cell.begun, Begun::Yes) == Begun::Yes {
            return;
        }
        if let Some(keeper) = cell.keeper
            && let Some(info) = self.shared.directory.task(keeper.supervisor)
        {
            let (supervisor, task) = (keeper.supervisor, cell.id);
            let message = Message::Begun { supervisor, task };
            self.ask(info.core, message, Pending::Nobody);
        }
    }

    /// Something is told to a supervisor of this core.
    pub(crate) fn tell_supervisor(&mut self, supervisor: TaskId, news: News) {
        // One that has ended meanwhile needs to know nothing.
        if let Some(cell) = self.cell_by_id(supervisor) {
            cell.news.push_back(news);
            let key = cell.key;
            self.wake(key);
        }
    }

    /// Ends a task of this core, for that reason.
    pub(crate) fn end_task(&mut self, asker: Asker, task: TaskId, kill: Kill) {
        let Some(cell) = self.cell_by_id(task) else {
            let refusal = self.no_task("kill", task);
            return self.answer(asker, Message::Error(refusal));
        };
        cell.kill_askers.push(asker);
        let key = cell.key;
        self.kill(key, kill);
    }

    /// Begins to wait for a task's end; the answer is there at once if it has ended.
    pub(crate) fn monitor(&mut self, task: TaskId, ask: Ask) -> Result<Option<Value>, Refusal> {
        let asker = Asker { core: self.id, ask };
        match self.shared.directory.monitor(task, asker) {
            Monitored::Later => Ok(None),
            Monitored::Ended(notice) => Ok(Some(notice.to_value())),
            Monitored::Unknown => Err(Refusal::new(
                Errno::NotFound,
                format!("monitor: there is no task {task}"),
            )),
        }
    }

    /// Names a task or an end of a ring, and tells those who waited for that name.
    pub(crate) fn give_name(&mut self, name: &str, named: Named) -> Result<(), Refusal> {
        for asker in self.shared.directory.name(name, named)? {
            let number = Value::Int(named.number());
            self.answer(asker, Message::AckValue(number));
        }
        Ok(())
    }

    /// Nobody wants the answer any more that was waited for.
    pub(crate) fn forget(&mut self, waits: Option<Ask>) {
        if let Some(ask) = waits
            && self.pending.remove(ask).is_some()
        {
            let asker = Asker { core: self.id, ask };
            self.shared.directory.forget(asker);
        }
    }
}

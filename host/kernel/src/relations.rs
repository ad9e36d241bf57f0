//! The directory's tasks among each other: parents, links, monitors, names.
//!
//! All of it is decided under the directory's one lock, at a task's beginning and at its end, so that who
//! asks to be told of an end either is, or learns that it has been. What follows from an end (who is to end as
//! well, who is told) is answered to the core on which it happened, and that core says so over the bus.

use crate::config::TasksMax;
use crate::directory::{Directory, EndedTask, Inner, TaskInfo};
use crate::exit::{Exit, Notice};
use crate::ids::{CoreId, TaskId};
use crate::inbox::Asker;
use crate::limits::{ENDED_TASKS_KEPT, LINKS_MAX, OBJECTS_MAX};
use crate::names::{NameKind, Named};
use crate::refusal::Refusal;
use okernel_abi::Errno;

/// What becomes of the tasks that a task has spawned, when it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Orphans {
    /// They go on, as children of the parent.
    HandedUp,
    /// They end as well.
    Ended,
}

impl Orphans {
    /// What an end means for the children of an ordinary task: those of one that has done its work go
    /// on without it.
    pub(crate) fn of(exit: &Exit) -> Orphans {
        match exit {
            Exit::Done | Exit::Replaced | Exit::Halted => Orphans::HandedUp,
            _ => Orphans::Ended,
        }
    }
}

/// What is to be done after a task's end.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    /// Who is to be told.
    pub(crate) monitors: Vec<Asker>,
    /// Who was linked to it, and where they are.
    pub(crate) linked: Vec<(TaskId, CoreId)>,
    /// Which of its children are to end, and where they are.
    pub(crate) orphans: Vec<(TaskId, CoreId)>,
}

/// What is answered to whoever wants to know of a task's end.
#[derive(Debug)]
pub(crate) enum Monitored {
    /// It will be told.
    Later,
    /// It has ended.
    Ended(Notice),
    /// There is no such task, or it ended long ago.
    Unknown,
}

impl Directory {
    /// Enters a new task. One whose parent has ended belongs to nobody, unless the parent failed: its
    /// children end with it.
    /// The kernel has room for it and its parent may have one more, or it is refused.
    pub(crate) fn add_task(&self, mut info: TaskInfo, most: &TasksMax) -> Result<TaskId, Refusal> {
        let mut inner = self.lock();
        if inner.tasks.len() >= most.count.min(OBJECTS_MAX) {
            let TasksMax { count, advice } = most;
            let text = format!("spawn: there are {count} tasks already: {advice}");
            return Err(Refusal::new(Errno::Limit, text));
        }
        if let Some(parent) = info.parent {
            if inner.tasks.get(parent.0).is_some() {
                inner.one_more_below(parent)?;
            } else if let Some(exit) = inner.exit_of(parent)
                && !exit.is_orderly()
            {
                let text = format!("spawn: task {parent}, which asked for it, has ended: {exit}");
                return Err(Refusal::new(Errno::NotFound, text));
            } else {
                info.parent = None;
            }
        }
        Ok(TaskId(inner.tasks.insert(info)))
    }

    /// How a task that has ended did, if that is still remembered.
    pub(crate) fn ended_exit(&self, id: TaskId) -> Option<Exit> {
        self.lock().exit_of(id).cloned()
    }

    /// A task has ended.
    pub(crate) fn remove_task(&self, id: TaskId, exit: Exit, orphans: Orphans) -> Farewell {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let Some(info) = inner.tasks.remove(id.0) else {
            return Farewell::default();
        };
        inner.names.gone(Named::Task(id));
        if let Some(parent) = info.parent.and_then(|parent| inner.tasks.get_mut(parent.0)) {
            parent.children_count -= 1;
        }
        // Whoever is to end with it is nobody's from now on.
        let gone = match orphans {
            Orphans::HandedUp => 1,
            Orphans::Ended => 1 + info.below_count,
        };
        inner.each_above(info.parent, |_, above| above.below_count -= gone);
        let (monitors, peers) = inner.ties.gone(id);
        let place = |peer: TaskId| Some((peer, inner.tasks.get(peer.0)?.core));
        let linked = peers.into_iter().filter_map(place).collect();
        let orphans = inner.orphan(id, &info, orphans);
        while inner.ended.len() >= ENDED_TASKS_KEPT {
            inner.ended.pop_front();
        }
        inner.ended.push_back(EndedTask { id, info, exit });
        Farewell {
            monitors,
            linked,
            orphans,
        }
    }

    /// A task is about to spawn another one: it and all above it may, or the refusal says who may not.
    pub(crate) fn spawns(&self, task: TaskId, now_ns: u64) -> Result<(), Refusal> {
        let mut refused = None;
        self.lock().each_above(Some(task), |id, above| {
            if refused.is_none() && above.spawn_budget.take(now_ns).is_none() {
                refused = Some((id, above.limits.spawns_per_second));
            }
        });
        let Some((id, per_second)) = refused else {
            return Ok(());
        };
        let text = format!(
            "spawn: task {id} may spawn {per_second} tasks a second, with all below it (limits, spawns)"
        );
        Err(Refusal::new(Errno::Limit, text))
    }

    /// Whether `task` is `ancestor`, or a supervisor above it.
    pub(crate) fn is_under(&self, task: TaskId, ancestor: TaskId) -> bool {
        let inner = self.lock();
        let mut next = Some(task);
        while let Some(task) = next {
            if task == ancestor {
                return true;
            }
            next = inner.tasks.get(task.0).and_then(|info| info.supervisor);
        }
        false
    }

    /// Whether `ancestor` spawned `task`, or one above it did. Of a task that has ended not long ago this is known too.
    pub(crate) fn descends(&self, task: TaskId, ancestor: TaskId) -> bool {
        let inner = self.lock();
        let mut ended = inner.ended.iter();
        let first = match inner.tasks.get(task.0) {
            Some(info) => info.parent,
            None => ended
                .find(|ended| ended.id == task)
                .and_then(|ended| ended.info.parent),
        };
        let mut next = first;
        while let Some(parent) = next {
            if parent == ancestor {
                return true;
            }
            next = inner.tasks.get(parent.0).and_then(|info| info.parent);
        }
        false
    }

    /// `asker` wants to know of a task's end.
    pub(crate) fn monitor(&self, task: TaskId, asker: Asker) -> Monitored {
        let mut inner = self.lock();
        if inner.tasks.get(task.0).is_some() {
            inner.ties.monitor(task, asker);
            return Monitored::Later;
        }
        match inner.ended.iter().find(|ended| ended.id == task) {
            Some(ended) => Monitored::Ended(Notice {
                task,
                name: ended.info.name.clone(),
                core: ended.info.core,
                exit: ended.exit.clone(),
            }),
            None => Monitored::Unknown,
        }
    }

    /// `asker` no longer waits for an end or a name.
    pub(crate) fn forget(&self, asker: Asker) {
        let mut inner = self.lock();
        inner.ties.forget(asker);
        inner.names.forget(asker);
    }

    /// Links two tasks: if one ends otherwise than in order, so does the other.
    pub(crate) fn link(&self, one: TaskId, other: TaskId) -> Result<(), Refusal> {
        let refuse = |errno, text: String| Err(Refusal::new(errno, format!("link: {text}")));
        let mut inner = self.lock();
        if one == other {
            return refuse(
                Errno::Invalid,
                format!("task {one} cannot be linked to itself"),
            );
        }
        for task in [one, other] {
            if inner.tasks.get(task.0).is_none() {
                let text = match inner.exit_of(task) {
                    Some(exit) => format!("task {task} has ended: {exit}"),
                    None => format!("there is no task {task}"),
                };
                return refuse(Errno::NotFound, text);
            }
            if inner.ties.links_count(task) >= LINKS_MAX {
                let text = format!("task {task} is linked to {LINKS_MAX} tasks already");
                return refuse(Errno::Limit, text);
            }
        }
        inner.ties.link(one, other);
        Ok(())
    }

    /// Takes a link away; that there is none is no error.
    pub(crate) fn unlink(&self, one: TaskId, other: TaskId) {
        self.lock().ties.unlink(one, other);
    }

    /// Names a task or an end of a ring; answers who waited for that name.
    pub(crate) fn name(&self, name: &str, named: Named) -> Result<Vec<Asker>, Refusal> {
        let mut inner = self.lock();
        let (exists, what) = match named {
            Named::Task(task) => (inner.tasks.get(task.0).is_some(), "task"),
            Named::Ring(end) => (inner.endpoints.get(end.0).is_some(), "endpoint"),
        };
        if !exists {
            let text = format!("name: there is no {what} {}", named.number());
            return Err(Refusal::new(Errno::NotFound, text));
        }
        inner.names.give(name, named)
    }

    /// Takes a name away.
    pub(crate) fn unname(&self, kind: NameKind, name: &str) -> Result<(), Refusal> {
        match self.lock().names.take(kind, name) {
            Some(_) => Ok(()),
            None => Err(no_name("unname", kind, name)),
        }
    }

    /// What has this name.
    pub(crate) fn find(&self, kind: NameKind, name: &str) -> Option<Named> {
        self.lock().names.find(kind, name)
    }

    /// What has this name; if nothing has, `asker` is told when something does.
    pub(crate) fn find_or_wait(&self, kind: NameKind, name: &str, asker: Asker) -> Option<Named> {
        let mut inner = self.lock();
        let found = inner.names.find(kind, name);
        if found.is_none() {
            inner.names.wait(kind, name, asker);
        }
        found
    }

    /// All names, in order.
    pub(crate) fn names(&self) -> Vec<(String, Named)> {
        self.lock().names.list()
    }
}

/// That nothing has a name.
pub(crate) fn no_name(op: &str, kind: NameKind, name: &str) -> Refusal {
    let text = format!("{op}: no {} has the name {name}", kind.word());
    Refusal::new(Errno::NotFound, text)
}

impl Inner {
    fn exit_of(&self, id: TaskId) -> Option<&Exit> {
        let ended = self.ended.iter().find(|ended| ended.id == id)?;
        Some(&ended.exit)
    }

    /// Calls `look` with a task and all above it.
    fn each_above(&mut self, task: Option<TaskId>, mut look: impl FnMut(TaskId, &mut TaskInfo)) {
        let mut next = task;
        while let Some(id) = next
            && let Some(info) = self.tasks.get_mut(id.0)
        {
            look(id, info);
            next = info.parent;
        }
    }

    /// Counts one more task below `parent`, unless that or one above it may have no more.
    fn one_more_below(&mut self, parent: TaskId) -> Result<(), Refusal> {
        let mut full = None;
        self.each_above(Some(parent), |id, above| {
            if full.is_none() && above.below_count >= above.limits.children {
                full = Some((id, above.limits.children));
            }
        });
        if let Some((id, most)) = full {
            let text = format!(
                "spawn: task {id} has {most} children, its limit, with all below it: wait until one ends, or spawn it with more (limits, children)"
            );
            return Err(Refusal::new(Errno::Limit, text));
        }
        self.each_above(Some(parent), |_, above| above.below_count += 1);
        if let Some(entry) = self.tasks.get_mut(parent.0) {
            entry.children_count += 1;
        }
        Ok(())
    }

    /// Decides over the children of a task that is no more.
    fn orphan(&mut self, id: TaskId, info: &TaskInfo, fate: Orphans) -> Vec<(TaskId, CoreId)> {
        if info.children_count == 0 {
            return Vec::new();
        }
        let children = self.tasks.iter();
        let children = children.filter(|(_, child)| child.parent == Some(id));
        let children = children.take(info.children_count);
        let children: Vec<_> = children
            .map(|(key, child)| (TaskId(key), child.core))
            .collect();
        let heir = info.parent.filter(|_| fate == Orphans::HandedUp);
        for (child, _) in &children {
            if let Some(child) = self.tasks.get_mut(child.0) {
                child.parent = heir;
            }
        }
        if let Some(heir) = heir.and_then(|heir| self.tasks.get_mut(heir.0)) {
            heir.children_count += children.len();
        }
        match fate {
            Orphans::HandedUp => Vec::new(),
            Orphans::Ended => children,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Monitored, Orphans};
    use crate::config::TasksMax;
    use crate::directory::{Directory, TaskInfo};
    use crate::exit::Exit;
    use crate::ids::{CoreId, TaskId};
    use crate::inbox::Asker;
    use crate::rate_budget::RateBudget;
    use crate::stats::TaskStats;
    use crate::table::Key;
    use crate::task::{Fault, FaultKind};
    use crate::task_limits::Limits;
    use std::sync::Arc;

    fn info(parent: Option<TaskId>) -> TaskInfo {
        TaskInfo {
            name: "t".to_string(),
            module: None,
            core: CoreId(1),
            parent,
            supervisor: None,
            last: None,
            children_count: 0,
            below_count: 0,
            spawn_budget: RateBudget::new(1, 1),
            limits: Limits::default(),
            stats: Arc::new(TaskStats::default()),
        }
    }

    fn failed() -> Exit {
        Exit::Error(Fault::new(FaultKind::Trap, "unreachable"))
    }

    #[test]
    fn children_are_handed_up_or_end() {
        let directory = Directory::default();
        let grandparent = directory
            .add_task(info(None), &TasksMax::default())
            .unwrap();
        let parent = directory
            .add_task(info(Some(grandparent)), &TasksMax::default())
            .unwrap();
        let child = directory
            .add_task(info(Some(parent)), &TasksMax::default())
            .unwrap();
        let farewell = directory.remove_task(parent, Exit::Done, Orphans::HandedUp);
        assert!(farewell.orphans.is_empty());
        assert_eq!(directory.task(child).unwrap().parent, Some(grandparent));
        let farewell = directory.remove_task(grandparent, failed(), Orphans::Ended);
        assert_eq!(farewell.orphans, [(child, CoreId(1))]);
    }

    #[test]
    fn who_has_failed_gets_no_child_any_more() {
        let directory = Directory::default();
        let parent = directory
            .add_task(info(None), &TasksMax::default())
            .unwrap();
        directory.remove_task(parent, failed(), Orphans::Ended);
        let refused = directory
            .add_task(info(Some(parent)), &TasksMax::default())
            .unwrap_err();
        assert_eq!(
            refused.text,
            "spawn: task 0, which asked for it, has ended: trap: unreachable"
        );
        let parent = directory
            .add_task(info(None), &TasksMax::default())
            .unwrap();
        directory.remove_task(parent, Exit::Done, Orphans::HandedUp);
        let child = directory
            .add_task(info(Some(parent)), &TasksMax::default())
            .unwrap();
        assert_eq!(directory.task(child).unwrap().parent, None);
    }

    #[test]
    fn a_monitor_is_told_of_an_end_before_or_after_it() {
        let directory = Directory::default();
        let asker = Asker {
            core: CoreId(0),
            ask: Key::new(3, 0),
        };
        let task = directory
            .add_task(info(None), &TasksMax::default())
            .unwrap();
        assert!(matches!(directory.monitor(task, asker), Monitored::Later));
        let farewell = directory.remove_task(task, failed(), Orphans::Ended);
        assert_eq!(farewell.monitors, [asker]);
        let Monitored::Ended(notice) = directory.monitor(task, asker) else {
            panic!("it has ended");
        };
        assert_eq!((notice.task, notice.exit), (task, failed()));
        let never = TaskId::from_number(99).unwrap();
        assert!(matches!(
            directory.monitor(never, asker),
            Monitored::Unknown
        ));
    }

    #[test]
    fn linked_tasks_learn_of_each_other_once() {
        let directory = Directory::default();
        let one = directory
            .add_task(info(None), &TasksMax::default())
            .unwrap();
        let other = directory
            .add_task(info(None), &TasksMax::default())
            .unwrap();
        directory.link(one, other).unwrap();
        let farewell = directory.remove_task(one, failed(), Orphans::Ended);
        assert_eq!(farewell.linked, [(other, CoreId(1))]);
        let refused = directory.link(other, one).unwrap_err();
        assert_eq!(refused.text, "link: task 0 has ended: trap: unreachable");
        let farewell = directory.remove_task(other, failed(), Orphans::Ended);
        assert!(farewell.linked.is_empty());
    }
}

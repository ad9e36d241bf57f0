//! The kernel's directory: which endpoints and tasks there are, and where.
//!
//! It gives out ids and answers questions of the control plane (`sub`, `spawn`, `ps`, `rings`); no
//! message that flows through a ring ever looks here. One mutex guards it.
//!
//! A publisher's number is its ring's number, so its entry stays, marked as closed, while the ring
//! still has subscribers. Ended tasks are remembered for a while, with the reason of their end.

use crate::exit::Exit;
use crate::ids::{CoreId, EndpointId, SelectorId, TaskId};
use crate::io::select::SelectorInfo;
use crate::limits::OBJECTS_MAX;
use crate::names::{Named, Names};
use crate::rate_budget::RateBudget;
use crate::refusal::Refusal;
use crate::stats::TaskStats;
use crate::table::{Key, Table};
use crate::task_limits::Limits;
use crate::ties::Ties;
use okernel_abi::Errno;
use okernel_ring::{Policy, Ring, Subscriber};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which end of a ring an endpoint is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Publisher {
        /// Subscribers that the kernel knows of.
        readers: usize,
        /// Set when the publisher is gone and only subscribers are left.
        closed: bool,
    },
    Subscriber {
        ring: EndpointId,
        policy: Policy,
        /// Its number on the ring.
        reader: Option<usize>,
    },
}

/// What is known of an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct EndpointInfo {
    pub(crate) role: Role,
    pub(crate) ring: Ring,
    /// Where it lies; None while it travels, or when it is closed.
    pub(crate) home: Option<CoreId>,
    pub(crate) owner: Option<TaskId>,
    pub(crate) creator: Option<TaskId>,
    /// What the task calls it that was granted it last; empty for others.
    pub(crate) name: String,
}

impl EndpointInfo {
    /// Whether it is a reader's end.
    pub(crate) fn is_subscriber(&self) -> bool {
        matches!(self.role, Role::Subscriber { .. })
    }
}

/// What is known of a task.
#[derive(Clone, Debug)]
pub(crate) struct TaskInfo {
    pub(crate) name: String,
    /// The module that it is made of, if it is made of one.
    pub(crate) module: Option<String>,
    pub(crate) core: CoreId,
    pub(crate) parent: Option<TaskId>,
    /// The supervisor that starts it again.
    pub(crate) supervisor: Option<TaskId>,
    /// How it ended the last time, if it was started again.
    pub(crate) last: Option<Arc<Exit>>,
    /// Tasks that live and have this one as their parent.
    pub(crate) children_count: usize,
    /// The same with those that these have spawned, and so on.
    pub(crate) below_count: usize,
    /// What it and all below it may spawn.
    pub(crate) spawn_budget: RateBudget,
    pub(crate) limits: Limits,
    pub(crate) stats: Arc<TaskStats>,
}

/// What is remembered of a task that has ended.
#[derive(Clone, Debug)]
pub(crate) struct EndedTask {
    pub(crate) id: TaskId,
    pub(crate) info: TaskInfo,
    pub(crate) exit: Exit,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) endpoints: Table<EndpointInfo>,
    pub(crate) tasks: Table<TaskInfo>,
    pub(crate) ended: VecDeque<EndedTask>,
    selectors: Table<SelectorInfo>,
    pub(crate) names: Names,
    pub(crate) ties: Ties,
    spawning: usize,
}

/// The directory of a kernel.
#[derive(Debug, Default)]
pub(crate) struct Directory(Mutex<Inner>);

impl Directory {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a new ring by its publisher.
    pub(crate) fn add_publisher(
        &self,
        ring: Ring,
        home: CoreId,
        creator: Option<TaskId>,
    ) -> Result<EndpointId, Refusal> {
        let mut inner = self.lock();
        room(inner.endpoints.len(), "pub", "endpoints")?;
        Ok(EndpointId(inner.endpoints.insert(EndpointInfo {
            role: Role::Publisher {
                readers: 0,
                closed: false,
            },
            ring,
            home: Some(home),
            owner: None,
            creator,
            name: String::new(),
        })))
    }

    /// Subscribes to a ring by its number and enters the subscriber.
    pub(crate) fn subscribe(
        &self,
        ring_id: EndpointId,
        policy: Policy,
        home: CoreId,
        creator: Option<TaskId>,
    ) -> Result<(EndpointId, Subscriber), Refusal> {
        let mut inner = self.lock();
        room(inner.endpoints.len(), "sub", "endpoints")?;
        let Some(info) = inner.endpoints.get_mut(ring_id.0) else {
            return Err(Refusal::new(
                Errno::NotFound,
                format!("sub: there is no endpoint {ring_id}"),
            ));
        };
        match &mut info.role {
            Role::Subscriber { ring, .. } => {
                return Err(Refusal::new(
                    Errno::WrongKind,
                    format!(
                        "sub: {ring_id} is a subscriber, a publisher's number is expected (its ring is {ring})"
                    ),
                ));
            }
            Role::Publisher { closed: true, .. } => {
                return Err(Refusal::new(
                    Errno::Closed,
                    format!("sub: the ring of {ring_id} is closed"),
                ));
            }
            Role::Publisher { readers, .. } => *readers += 1,
        }
        let ring = info.ring.clone();
        let before: Vec<usize> = ring.lags().iter().map(|lag| lag.reader).collect();
        let subscriber = match ring.subscribe(policy) {
            Ok(subscriber) => subscriber,
            Err(error) => {
                inner.drop_reader(ring_id);
                return Err(Refusal::new(
                    Errno::Limit,
                    format!("sub: the ring of {ring_id}: {error}"),
                ));
            }
        };
        let lags = ring.lags();
        let mut readers = lags.iter().map(|lag| lag.reader);
        let reader = readers.find(|reader| !before.contains(reader));
        let id = EndpointId(inner.endpoints.insert(EndpointInfo {
            role: Role::Subscriber {
                ring: ring_id,
                policy,
                reader,
            },
            ring,
            home: Some(home),
            owner: None,
            creator,
            name: String::new(),
        }));
        Ok((id, subscriber))
    }

    /// The ring of an end.
    pub(crate) fn ring_of(&self, id: EndpointId) -> Option<EndpointId> {
        self.lock().ring_of(id)
    }

    /// What is known of an endpoint.
    pub(crate) fn endpoint(&self, id: EndpointId) -> Option<EndpointInfo> {
        self.lock().endpoints.get(id.0).cloned()
    }

    /// Says where an endpoint lies now; None while it travels.
    pub(crate) fn set_home(&self, id: EndpointId, home: Option<CoreId>) {
        if let Some(info) = self.lock().endpoints.get_mut(id.0) {
            info.home = home;
        }
    }

    /// Says which task holds an endpoint now.
    pub(crate) fn set_owner(&self, id: EndpointId, owner: Option<TaskId>) {
        if let Some(info) = self.lock().endpoints.get_mut(id.0) {
            info.owner = owner;
        }
    }

    /// Says what a task that was granted an endpoint calls it.
    pub(crate) fn set_name(&self, id: EndpointId, name: &str) {
        if let Some(info) = self.lock().endpoints.get_mut(id.0) {
            info.name = name.to_string();
        }
    }

    /// An endpoint is gone.
    pub(crate) fn remove_endpoint(&self, id: EndpointId) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let Some(info) = inner.endpoints.get_mut(id.0) else {
            return;
        };
        inner.names.gone(Named::Ring(id));
        match &mut info.role {
            Role::Publisher { readers, closed } => {
                (*closed, info.home, info.owner) = (true, None, None);
                if *readers == 0 {
                    inner.endpoints.remove(id.0);
                }
            }
            Role::Subscriber { ring, .. } => {
                let ring = *ring;
                inner.endpoints.remove(id.0);
                inner.drop_reader(ring);
            }
        }
    }

    /// Shows all endpoints to `visit`, by rising index; nobody else gets at the directory meanwhile.
    pub(crate) fn visit_endpoints(&self, mut visit: impl FnMut(EndpointId, &EndpointInfo)) {
        let inner = self.lock();
        for (key, info) in inner.endpoints.iter() {
            visit(EndpointId(key), info);
        }
    }

    /// Shows all living tasks to `visit`, likewise.
    pub(crate) fn visit_tasks(&self, mut visit: impl FnMut(TaskId, &TaskInfo)) {
        let inner = self.lock();
        for (key, info) in inner.tasks.iter() {
            visit(TaskId(key), info);
        }
    }

    /// The tasks that ended last, at most so many, the latest at the end.
    pub(crate) fn ended(&self, most: usize) -> Vec<EndedTask> {
        let inner = self.lock();
        let skip = inner.ended.len().saturating_sub(most);
        inner.ended.iter().skip(skip).cloned().collect()
    }

    /// All endpoints, by rising index.
    pub(crate) fn endpoints(&self) -> Vec<(EndpointId, EndpointInfo)> {
        let inner = self.lock();
        let all = inner.endpoints.iter();
        all.map(|(key, info)| (EndpointId(key), info.clone()))
            .collect()
    }

    /// Says on which core a task is now.
    pub(crate) fn set_core(&self, id: TaskId, core: CoreId) {
        if let Some(info) = self.lock().tasks.get_mut(id.0) {
            info.core = core;
        }
    }

    /// What is known of a task.
    pub(crate) fn task(&self, id: TaskId) -> Option<TaskInfo> {
        self.lock().tasks.get(id.0).cloned()
    }

    /// All tasks, by rising index, and those that ended last.
    pub(crate) fn tasks(&self) -> (Vec<(TaskId, TaskInfo)>, Vec<EndedTask>) {
        let inner = self.lock();
        let all = inner.tasks.iter();
        let tasks = all.map(|(key, info)| (TaskId(key), info.clone())).collect();
        (tasks, inner.ended.iter().cloned().collect())
    }

    /// Enters a new selector.
    pub(crate) fn add_selector(&self, info: SelectorInfo) -> Result<SelectorId, Refusal> {
        let mut inner = self.lock();
        room(inner.selectors.len(), "select", "selectors")?;
        Ok(SelectorId(inner.selectors.insert(info)))
    }

    /// What is known of a selector.
    pub(crate) fn selector(&self, id: SelectorId) -> Option<SelectorInfo> {
        self.lock().selectors.get(id.0).cloned()
    }

    /// Says which slot a selector has.
    pub(crate) fn set_selector_slot(&self, id: SelectorId, slot: Key) {
        if let Some(info) = self.lock().selectors.get_mut(id.0) {
            info.slot = Some(slot);
        }
    }

    /// A selector is gone.
    pub(crate) fn remove_selector(&self, id: SelectorId) {
        self.lock().selectors.remove(id.0);
    }

    /// All selectors, by rising index.
    pub(crate) fn selectors(&self) -> Vec<(SelectorId, SelectorInfo)> {
        let inner = self.lock();
        let all = inner.selectors.iter();
        all.map(|(key, info)| (SelectorId(key), info.clone()))
            .collect()
    }

    /// A spawn is under way: its task counts as alive before it is entered.
    pub(crate) fn spawn_begins(&self) {
        self.lock().spawning += 1;
    }

    /// That spawn was answered.
    pub(crate) fn spawn_ends(&self) {
        let mut inner = self.lock();
        inner.spawning = inner.spawning.saturating_sub(1);
    }

    /// Tasks that live or are about to.
    pub(crate) fn tasks_alive(&self) -> usize {
        let inner = self.lock();
        inner.tasks.len() + inner.spawning
    }
}

fn room(count: usize, op: &str, what: &str) -> Result<(), Refusal> {
    if count < OBJECTS_MAX {
        return Ok(());
    }
    Err(Refusal::new(
        Errno::Limit,
        format!("{op}: there are {OBJECTS_MAX} {what} already"),
    ))
}

impl Inner {
    /// The ring of an end.
    pub(crate) fn ring_of(&self, id: EndpointId) -> Option<EndpointId> {
        match self.endpoints.get(id.0)?.role {
            Role::Publisher { .. } => Some(id),
            Role::Subscriber { ring, .. } => Some(ring),
        }
    }

    /// Whether a task has made an endpoint.
    pub(crate) fn is_made_by(&self, id: EndpointId, task: TaskId) -> bool {
        let info = self.endpoints.get(id.0);
        info.is_some_and(|info| info.creator == Some(task))
    }

    fn drop_reader(&mut self, ring: EndpointId) {
        if let Some(info) = self.endpoints.get_mut(ring.0)
            && let Role::Publisher { readers, closed } = &mut info.role
        {
            *readers = readers.saturating_sub(1);
            if *closed && *readers == 0 {
                self.endpoints.remove(ring.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Directory;
    use crate::ids::{CoreId, EndpointId};
    use okernel_abi::Errno;
    use okernel_ring::{Policy, Ring, Start};

    #[test]
    fn a_ring_is_known_until_its_last_end_is_gone() {
        let directory = Directory::default();
        let publisher = Ring::create(4096, Start::Hold).unwrap();
        let ring = directory
            .add_publisher(publisher.ring().clone(), CoreId(0), None)
            .unwrap();
        let (reader, _end) = directory
            .subscribe(ring, Policy::Block, CoreId(1), None)
            .unwrap();
        assert_eq!((ring.number(), reader.number()), (0, 1));
        directory.remove_endpoint(ring);
        let refused = directory
            .subscribe(ring, Policy::Block, CoreId(1), None)
            .unwrap_err();
        assert_eq!(refused.errno, Errno::Closed);
        assert_eq!(directory.endpoints().len(), 2);
        directory.remove_endpoint(reader);
        assert!(directory.endpoints().is_empty());
        assert!(directory.endpoint(ring).is_none());
    }

    #[test]
    fn refusals_name_what_is_wrong() {
        let directory = Directory::default();
        let publisher = Ring::create(4096, Start::Hold).unwrap();
        let ring = directory
            .add_publisher(publisher.ring().clone(), CoreId(0), None)
            .unwrap();
        let (reader, _end) = directory
            .subscribe(ring, Policy::Lap, CoreId(0), None)
            .unwrap();
        let refused = directory
            .subscribe(reader, Policy::Block, CoreId(0), None)
            .unwrap_err();
        assert_eq!(
            refused.text,
            "sub: 1 is a subscriber, a publisher's number is expected (its ring is 0)"
        );
        let missing = EndpointId::from_number(9).unwrap();
        let refused = directory
            .subscribe(missing, Policy::Block, CoreId(0), None)
            .unwrap_err();
        assert_eq!(refused.text, "sub: there is no endpoint 9");
    }
}

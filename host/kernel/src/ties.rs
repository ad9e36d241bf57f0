//! Who is to know of whose end: monitors, which are told, and links, which end as well.
//!
//! A monitor is a request that is answered when its task has ended. A link ties two tasks to each other: when one ends
//! otherwise than in order, so does the other. Both are looked up once, when a task ends.
//!
//! Invariants: a monitor is answered once; a link is known at both ends or at none.

use crate::ids::TaskId;
use crate::inbox::Asker;
use std::collections::HashMap;

/// All ties of the kernel's tasks.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    monitors: HashMap<TaskId, Vec<Asker>>,
    links: HashMap<TaskId, Vec<TaskId>>,
}

impl Ties {
    /// `asker` is told when `task` has ended.
    pub(crate) fn monitor(&mut self, task: TaskId, asker: Asker) {
        self.monitors.entry(task).or_default().push(asker);
    }

    /// `asker` no longer wants to know.
    pub(crate) fn forget(&mut self, asker: Asker) {
        self.monitors.retain(|_, askers| {
            askers.retain(|other| *other != asker);
            !askers.is_empty()
        });
    }

    /// Ties two tasks to each other. A second link of the same two is the same link.
    pub(crate) fn link(&mut self, one: TaskId, other: TaskId) {
        for (from, to) in [(one, other), (other, one)] {
            let peers = self.links.entry(from).or_default();
            if !peers.contains(&to) {
                peers.push(to);
            }
        }
    }

    /// Unties two tasks.
    pub(crate) fn unlink(&mut self, one: TaskId, other: TaskId) {
        for (from, to) in [(one, other), (other, one)] {
            if let Some(peers) = self.links.get_mut(&from) {
                peers.retain(|peer| *peer != to);
                if peers.is_empty() {
                    self.links.remove(&from);
                }
            }
        }
    }

    /// How many tasks a task is linked to.
    pub(crate) fn links_count(&self, task: TaskId) -> usize {
        self.links.get(&task).map_or(0, Vec::len)
    }

    /// A task has ended: takes its ties away; answers who monitored it and who was linked to it.
    pub(crate) fn gone(&mut self, task: TaskId) -> (Vec<Asker>, Vec<TaskId>) {
        let monitors = self.monitors.remove(&task).unwrap_or_default();
        let links = self.links.get(&task).cloned().unwrap_or_default();
        for peer in &links {
            self.unlink(task, *peer);
        }
        (monitors, links)
    }
}

#[cfg(test)]
mod tests {
    use super::Ties;
    use crate::ids::{CoreId, TaskId};
    use crate::inbox::Asker;
    use crate::table::Key;

    fn task(number: i64) -> TaskId {
        TaskId::from_number(number).unwrap()
    }

    fn asker(number: u32) -> Asker {
        Asker {
            core: CoreId(0),
            ask: Key::new(number, 0),
        }
    }

    #[test]
    fn the_end_of_a_task_takes_its_ties_with_it() {
        let mut ties = Ties::default();
        ties.monitor(task(1), asker(1));
        ties.monitor(task(1), asker(2));
        ties.monitor(task(1), asker(3));
        ties.forget(asker(2));
        ties.link(task(1), task(2));
        ties.link(task(3), task(1));
        ties.link(task(1), task(3));
        ties.link(task(2), task(4));
        let (monitors, links) = ties.gone(task(1));
        assert_eq!(monitors, [asker(1), asker(3)]);
        assert_eq!(links, [task(2), task(3)]);
        assert_eq!(ties.gone(task(1)), (vec![], vec![]));
        assert_eq!(ties.links_count(task(3)), 0);
        assert_eq!(ties.gone(task(2)), (vec![], vec![task(4)]));
    }

    #[test]
    fn what_is_unlinked_is_not_tied() {
        let mut ties = Ties::default();
        ties.link(task(1), task(2));
        ties.unlink(task(2), task(1));
        ties.unlink(task(2), task(1));
        assert_eq!(ties.gone(task(1)), (vec![], vec![]));
    }
}

//! Names for tasks and ends of rings: a registry that is local to the kernel.
//!
//! A name stands for a number as long as what it names exists. Names of tasks and of rings are
//! apart, so a task and the ring that it reads may be called the same. Who asks for a name that is not
//! there yet may wait for it: waiters are answered in the order in which they came.
//!
//! Invariants: a name never stands for something that is gone; a waiter is answered once.

use crate::ids::{EndpointId, TaskId};
use crate::inbox::Asker;
use crate::limits::{NAME_BYTES_MAX, NAMES_MAX};
use crate::refusal::Refusal;
use okernel_abi::Errno;
use std::collections::BTreeMap;

/// What has a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Named {
    Task(TaskId),
    Ring(EndpointId),
}

impl Named {
    pub(crate) fn number(self) -> i64 {
        match self {
            Named::Task(task) => task.number(),
            Named::Ring(endpoint) => endpoint.number(),
        }
    }

    pub(crate) fn kind(self) -> NameKind {
        match self {
            Named::Task(_) => NameKind::Task,
            Named::Ring(_) => NameKind::Ring,
        }
    }
}

/// What a name is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum NameKind {
    Task,
    Ring,
}

impl NameKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            NameKind::Task => "task",
            NameKind::Ring => "ring",
        }
    }
}

#[derive(Debug)]
struct Waiter {
    kind: NameKind,
    name: String,
    asker: Asker,
}

/// All names, and who waits for one.
#[derive(Debug, Default)]
pub(crate) struct Names {
    all: BTreeMap<(NameKind, String), Named>,
    /// The same the other way round, so that an end costs no search.
    of: BTreeMap<Named, Vec<String>>,
    waiting: Vec<Waiter>,
}

impl Names {
    /// Gives a name; answers who waited for it. A thing may have several names; giving it one that it
    /// has is no error.
    pub(crate) fn give(&mut self, name: &str, named: Named) -> Result<Vec<Asker>, Refusal> {
        let refuse = |errno, text: String| Err(Refusal::new(errno, format!("name: {text}")));
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let text = format!("a name of 1 to {NAME_BYTES_MAX} bytes is expected");
            return refuse(Errno::Invalid, text);
        }
        if self.all.len() >= NAMES_MAX {
            return refuse(Errno::Limit, format!("there are {NAMES_MAX} names already"));
        }
        let kind = named.kind();
        match self.all.get(&(kind, name.to_string())) {
            Some(holder) if *holder == named => return Ok(Vec::new()),
            Some(holder) => {
                let (kind, number) = (kind.word(), holder.number());
                let text = format!("{name} is the name of {kind} {number}");
                return refuse(Errno::Busy, text);
            }
            None => {}
        }
        self.all.insert((kind, name.to_string()), named);
        self.of.entry(named).or_default().push(name.to_string());
        let is_met = |waiter: &mut Waiter| waiter.kind == kind && waiter.name == name;
        let met = self.waiting.extract_if(.., is_met);
        Ok(met.map(|waiter| waiter.asker).collect())
    }

    /// Takes a name away; answers what had it.
    pub(crate) fn take(&mut self, kind: NameKind, name: &str) -> Option<Named> {
        let named = self.all.remove(&(kind, name.to_string()))?;
        if let Some(names) = self.of.get_mut(&named) {
            names.retain(|other| other != name);
            if names.is_empty() {
                self.of.remove(&named);
            }
        }
        Some(named)
    }

    /// What has this name.
    pub(crate) fn find(&self, kind: NameKind, name: &str) -> Option<Named> {
        self.all.get(&(kind, name.to_string())).copied()
    }

    /// Lets `asker` wait for a name that is not there.
    pub(crate) fn wait(&mut self, kind: NameKind, name: &str, asker: Asker) {
        let name = name.to_string();
        self.waiting.push(Waiter { kind, name, asker });
    }

    /// Nobody waits there any more.
    pub(crate) fn forget(&mut self, asker: Asker) {
        self.waiting.retain(|waiter| waiter.asker != asker);
    }

    /// What has names is gone, and so are they.
    pub(crate) fn gone(&mut self, named: Named) {
        for name in self.of.remove(&named).unwrap_or_default() {
            self.all.remove(&(named.kind(), name));
        }
    }

    /// All names, in order.
    pub(crate) fn list(&self) -> Vec<(String, Named)> {
        let all = self.all.iter();
        all.map(|((_, name), named)| (name.clone(), *named))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{NameKind, Named, Names};
    use crate::ids::{CoreId, EndpointId, TaskId};
    use crate::inbox::Asker;
    use crate::table::Key;
    use okernel_abi::Errno;

    fn task(number: i64) -> Named {
        Named::Task(TaskId::from_number(number).unwrap())
    }

    fn ring(number: i64) -> Named {
        Named::Ring(EndpointId::from_number(number).unwrap())
    }

    fn asker(number: u32) -> Asker {
        Asker {
            core: CoreId(0),
            ask: Key::new(number, 0),
        }
    }

    #[test]
    fn a_name_is_taken_until_it_is_gone() {
        let mut names = Names::default();
        names.give("orders.in", ring(4)).unwrap();
        names.give("orders.in", ring(4)).unwrap();
        names.give("orders.in", task(4)).unwrap();
        let refused = names.give("orders.in", ring(5)).unwrap_err();
        assert_eq!(refused.errno, Errno::Busy);
        assert_eq!(refused.text, "name: orders.in is the name of ring 4");
        assert_eq!(names.find(NameKind::Ring, "orders.in"), Some(ring(4)));
        names.gone(ring(4));
        assert_eq!(names.find(NameKind::Ring, "orders.in"), None);
        assert_eq!(names.find(NameKind::Task, "orders.in"), Some(task(4)));
        names.give("orders.in", ring(5)).unwrap();
        assert_eq!(names.take(NameKind::Ring, "orders.in"), Some(ring(5)));
        assert_eq!(names.take(NameKind::Ring, "orders.in"), None);
    }

    #[test]
    fn waiters_are_answered_once_in_order() {
        let mut names = Names::default();
        names.wait(NameKind::Ring, "in", asker(1));
        names.wait(NameKind::Task, "in", asker(2));
        names.wait(NameKind::Ring, "in", asker(3));
        names.wait(NameKind::Ring, "in", asker(4));
        names.forget(asker(3));
        assert_eq!(names.give("in", ring(1)).unwrap(), [asker(1), asker(4)]);
        names.gone(ring(1));
        assert_eq!(names.give("in", ring(2)).unwrap(), []);
        assert_eq!(names.give("in", task(2)).unwrap(), [asker(2)]);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let mut names = Names::default();
        assert_eq!(names.give("", task(1)).unwrap_err().errno, Errno::Invalid);
        let long = "x".repeat(257);
        assert_eq!(
            names.give(&long, task(1)).unwrap_err().errno,
            Errno::Invalid
        );
        assert!(names.list().is_empty());
    }
}

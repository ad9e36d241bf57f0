//! The endpoints that a core owns: publishers and subscribers, whichever task holds them.
//!
//! Tasks reach them by handle: a handle's object is the endpoint's key in one of two tables, so a
//! guest's call costs two bounds checks and two comparisons of generations. By number they are
//! found through a map, which only control requests use.
//!
//! Invariant: an endpoint is in the memory of one core at most; its entry in the directory names
//! that core, or none while it travels.

use crate::ids::{EndpointId, TaskId};
use crate::table::{Key, Table};
use okernel_ring::{Publisher, Subscriber};
use std::collections::HashMap;

/// An endpoint of either kind, by itself.
#[derive(Debug)]
pub(crate) enum End {
    Publisher(EndpointId, Publisher),
    Subscriber(EndpointId, Subscriber),
}

impl End {
    pub(crate) fn id(&self) -> EndpointId {
        match self {
            End::Publisher(id, _) | End::Subscriber(id, _) => *id,
        }
    }
}

#[derive(Debug)]
struct Held<E> {
    end: E,
    id: EndpointId,
    owner: Option<TaskId>,
}

/// Where an endpoint lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Publisher(Key),
    Subscriber(Key),
}

/// All endpoints of a core.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    publishers: Table<Held<Publisher>>,
    subscribers: Table<Held<Subscriber>>,
    places: HashMap<EndpointId, Place>,
}

impl Memory {
    /// Puts an endpoint in, held by no task.
    pub(crate) fn insert(&mut self, end: End) -> Place {
        let id = end.id();
        let place = match end {
            End::Publisher(id, end) => Place::Publisher(self.publishers.insert(Held {
                end,
                id,
                owner: None,
            })),
            End::Subscriber(id, end) => Place::Subscriber(self.subscribers.insert(Held {
                end,
                id,
                owner: None,
            })),
        };
        self.places.insert(id, place);
        place
    }

    /// Takes an endpoint out.
    pub(crate) fn remove(&mut self, id: EndpointId) -> Option<End> {
        match self.places.remove(&id)? {
            Place::Publisher(key) => {
                let held = self.publishers.remove(key)?;
                Some(End::Publisher(held.id, held.end))
            }
            Place::Subscriber(key) => {
                let held = self.subscribers.remove(key)?;
                Some(End::Subscriber(held.id, held.end))
            }
        }
    }

    /// Where an endpoint lies, if it is here.
    pub(crate) fn place(&self, id: EndpointId) -> Option<Place> {
        self.places.get(&id).copied()
    }

    #[inline]
    pub(crate) fn publisher(&mut self, key: Key) -> Option<&mut Publisher> {
        Some(&mut self.publishers.get_mut(key)?.end)
    }

    #[inline]
    pub(crate) fn subscriber(&mut self, key: Key) -> Option<&mut Subscriber> {
        Some(&mut self.subscribers.get_mut(key)?.end)
    }

    /// The task that holds an endpoint.
    pub(crate) fn owner(&self, place: Place) -> Option<TaskId> {
        match place {
            Place::Publisher(key) => self.publishers.get(key)?.owner,
            Place::Subscriber(key) => self.subscribers.get(key)?.owner,
        }
    }

    /// Gives an endpoint to a task. A reader that stood aside is waited for again.
    pub(crate) fn hand(&mut self, place: Place, task: TaskId) {
        self.set_owner(place, Some(task));
        if let Place::Subscriber(key) = place
            && let Some(subscriber) = self.subscriber(key)
        {
            subscriber.stand_in();
        }
    }

    /// Takes an endpoint from its task. A reader stands aside: it holds its ring's publisher up no more.
    pub(crate) fn confiscate(&mut self, place: Place) {
        self.set_owner(place, None);
        if let Place::Subscriber(key) = place
            && let Some(subscriber) = self.subscriber(key)
        {
            subscriber.stand_aside();
        }
    }

    /// Changes who holds an endpoint.
    pub(crate) fn set_owner(&mut self, place: Place, owner: Option<TaskId>) {
        match place {
            Place::Publisher(key) => {
                if let Some(held) = self.publishers.get_mut(key) {
                    held.owner = owner;
                }
            }
            Place::Subscriber(key) => {
                if let Some(held) = self.subscribers.get_mut(key) {
                    held.owner = owner;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Memory, Place};
    use crate::ids::{EndpointId, TaskId};
    use okernel_ring::{Policy, Ring, Start};

    #[test]
    fn endpoints_are_found_by_place_and_number_until_they_leave() {
        let (first, second) = (
            EndpointId::from_number(0).unwrap(),
            EndpointId::from_number(1).unwrap(),
        );
        let publisher = Ring::create(4096, Start::Hold).unwrap();
        let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        let mut memory = Memory::default();
        let Place::Publisher(writer) = memory.insert(End::Publisher(first, publisher)) else {
            panic!("a publisher lies among the publishers");
        };
        let Place::Subscriber(reader) = memory.insert(End::Subscriber(second, subscriber)) else {
            panic!("a subscriber lies among the subscribers");
        };
        memory
            .publisher(writer)
            .unwrap()
            .write(b"12345678")
            .unwrap();
        assert_eq!(memory.subscriber(reader).unwrap().readable(), Ok(8));
        let task = TaskId::from_number(3);
        memory.set_owner(Place::Publisher(writer), task);
        assert_eq!(memory.owner(memory.place(first).unwrap()), task);
        assert!(matches!(memory.remove(first), Some(End::Publisher(..))));
        assert!(memory.publisher(writer).is_none() && memory.place(first).is_none());
        assert!(memory.remove(first).is_none());
        assert_eq!(memory.subscriber(reader).unwrap().readable(), Ok(8));
    }
}

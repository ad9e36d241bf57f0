//! What a task may use: grants by name, and the handles that stand for them.
//!
//! A task has nothing but what its spawner granted. Each grant becomes an entry of the task's
//! handle table before `init`, and the task learns its handle by asking for the name. Things that
//! a task makes itself (a timer, a request) get handles as well.
//!
//! Invariants: a handle means something only in its own task's table; a closed handle is an error
//! (its generation does not match), never another object. Generations have 16 bits and places are
//! used again in the order in which they were freed, so a stale handle could only be mistaken after
//! its place was used 65,535 more times.

use crate::attenuation::Attenuation;
use crate::derivation::{Capability, Standing};
use crate::envelope::Ask;
use crate::files::FileGrant;
use crate::ids::EndpointId;
use crate::io::output::Stream;
use crate::table::Key;
use okernel_abi::handle::HANDLES_MAX;
use okernel_abi::layout::{GrantInfo, HandleKind};
use okernel_abi::{Errno, Handle};
use okernel_ring::Policy;
use std::collections::VecDeque;
use std::sync::Arc;

/// A right that a spawner gives.
#[derive(Clone, Debug)]
pub enum Grant {
    /// The publisher or subscriber with this id; it moves to the task's core.
    Endpoint(EndpointId),
    /// A file, for reading or writing as its grant says.
    File(Arc<FileGrant>),
    /// The right to set timers.
    Timers,
    /// The right to read the monotonic clock.
    Clock,
    /// The right to write to the console.
    Console,
    /// The right to write to the console's stream of errors.
    Errors,
    /// The right to spawn tasks, with no more rights than the spawner has.
    Spawn,
    /// The right to make every request.
    System,
    /// A reader, made for the task, of the ring with this publisher; it goes with the grant.
    Reader(EndpointId, Policy),
    /// A grant that is cut down.
    Attenuated(Box<Grant>, Attenuation),
}

impl Grant {
    /// The grant, cut down. What it was cut down to before holds as well: of two rates, quotas or moments
    /// the smaller one counts.
    #[must_use]
    pub fn attenuated(self, attenuation: Attenuation) -> Grant {
        Grant::Attenuated(Box::new(self), attenuation)
    }

    /// The end of a ring that it hands over.
    pub(crate) fn endpoint(&self) -> Option<EndpointId> {
        match self {
            Grant::Endpoint(id) => Some(*id),
            Grant::Attenuated(inner, _) => inner.endpoint(),
            _ => None,
        }
    }
}

/// What a handle stands for.
#[derive(Debug)]
pub(crate) enum Object {
    Publisher(Key, EndpointId),
    Subscriber(Key, EndpointId),
    Timers,
    Timer(TimerState),
    Clock,
    Console(Stream),
    File(Arc<FileGrant>),
    System,
    Spawn,
    Reply(ReplyState),
    /// One of the others, each use of which is counted.
    Metered(Box<Metered>),
    /// It was taken back by the kernel, for example because the endpoint moved to another task; the
    /// error says how.
    Revoked(HandleKind, Errno),
}

/// An object each use of which is counted.
#[derive(Debug)]
pub(crate) struct Metered {
    pub(crate) object: Object,
    pub(crate) capability: Arc<Capability>,
    /// The timer by which the task waits until it may go on.
    pub(crate) timer: Option<Key>,
}

impl Object {
    pub(crate) fn kind(&self) -> HandleKind {
        match self {
            Object::Publisher(..) => HandleKind::Publisher,
            Object::Subscriber(..) => HandleKind::Subscriber,
            Object::Timers => HandleKind::Timers,
            Object::Timer(_) => HandleKind::Timer,
            Object::Clock => HandleKind::Clock,
            Object::Console(_) => HandleKind::Console,
            Object::File(_) => HandleKind::File,
            Object::System => HandleKind::System,
            Object::Spawn => HandleKind::Spawn,
            Object::Reply(_) => HandleKind::Reply,
            Object::Metered(metered) => metered.object.kind(),
            Object::Revoked(kind, _) => *kind,
        }
    }

    /// The object itself, whether its uses are counted or not.
    pub(crate) fn plain(&self) -> &Object {
        match self {
            Object::Metered(metered) => &metered.object,
            other => other,
        }
    }

    /// As [`Object::plain`], with all that it owns.
    pub(crate) fn into_plain(self) -> Object {
        match self {
            Object::Metered(metered) => metered.object,
            other => other,
        }
    }

    /// What its uses are counted by, if they are.
    pub(crate) fn meter(&self) -> Option<&Arc<Capability>> {
        match self {
            Object::Metered(metered) => Some(&metered.capability),
            _ => None,
        }
    }

    /// The object, with one more use counted.
    ///
    /// # Errors
    /// Quota, Throttled.
    pub(crate) fn used_once(&self, now_ns: impl FnOnce() -> u64) -> Result<&Object, Errno> {
        if let Some(meter) = self.meter() {
            let now_ns = now_ns();
            meter.room(now_ns, 1, 1)?;
            meter.charge(now_ns, 1)?;
        }
        Ok(self.plain())
    }
}

/// A timer that a task has set.
#[derive(Debug)]
pub(crate) struct TimerState {
    pub(crate) key: Option<Key>,
    /// The right by which it was set.
    pub(crate) right: Handle,
    pub(crate) fired: u64,
    pub(crate) armed: Armed,
}

/// A request that a task has made.
#[derive(Debug)]
pub(crate) struct ReplyState {
    pub(crate) reply: Option<Vec<u8>>,
    pub(crate) armed: Armed,
    /// What the directory is to be told when nobody wants the reply any more.
    pub(crate) waits: Option<Ask>,
}

/// Whether the task is to be woken by the next event of a handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Armed {
    Yes,
    No,
}

#[derive(Debug)]
struct Place {
    generation: u16,
    object: Option<Object>,
}

/// The handles of one task.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    places: Vec<Place>,
    free: VecDeque<u16>,
    count: usize,
    limit: usize,
    names: Vec<(String, Handle)>,
    /// The capabilities behind handles.
    capabilities: Vec<(Handle, Arc<Capability>)>,
}

impl Handles {
    /// An empty table for at most `limit` handles.
    pub(crate) fn new(limit: usize) -> Handles {
        Handles {
            limit: limit.min(HANDLES_MAX),
            ..Handles::default()
        }
    }

    /// Puts an object in. Limit: the task holds as many as it may.
    pub(crate) fn insert(&mut self, object: Object) -> Result<Handle, Errno> {
        if self.count >= self.limit {
            return Err(Errno::Limit);
        }
        self.count += 1;
        // Places are taken anew while there are few, so that generations wear out slowly.
        let reuse = self.places.len() >= 64 || self.places.len() >= self.limit;
        if let Some(index) = reuse.then(|| self.free.pop_front()).flatten() {
            let place = &mut self.places[usize::from(index)];
            place.object = Some(object);
            return Ok(Handle::new(usize::from(index), place.generation.into()));
        }
        let index = self.places.len();
        self.places.push(Place {
            generation: 1,
            object: Some(object),
        });
        Ok(Handle::new(index, 1))
    }

    /// How many the task holds.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Puts a grant in under its name.
    pub(crate) fn insert_named(&mut self, name: &str, object: Object) -> Result<Handle, Errno> {
        let handle = self.insert(object)?;
        self.names.push((name.to_string(), handle));
        Ok(handle)
    }

    /// The handle of the grant with this name.
    pub(crate) fn named(&self, name: &str) -> Option<Handle> {
        let found = self.names.iter().find(|(known, _)| known == name)?;
        Some(found.1)
    }

    /// Names and handles of all grants.
    pub(crate) fn names(&self) -> &[(String, Handle)] {
        &self.names
    }

    #[inline]
    pub(crate) fn get(&self, handle: Handle) -> Result<&Object, Errno> {
        match self.places.get(handle.index()) {
            Some(place) if u32::from(place.generation) == handle.generation() => {
                place.object.as_ref().ok_or(Errno::BadHandle)
            }
            _ => Err(Errno::BadHandle),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, handle: Handle) -> Result<&mut Object, Errno> {
        match self.places.get_mut(handle.index()) {
            Some(place) if u32::from(place.generation) == handle.generation() => {
                place.object.as_mut().ok_or(Errno::BadHandle)
            }
            _ => Err(Errno::BadHandle),
        }
    }

    /// Takes an object out; the handle is bad from now on.
    pub(crate) fn remove(&mut self, handle: Handle) -> Result<Object, Errno> {
        self.get(handle)?;
        let place = &mut self.places[handle.index()];
        let object = place.object.take().ok_or(Errno::BadHandle)?;
        place.generation = place.generation.checked_add(1).unwrap_or(1);
        self.free.push_back(handle.index() as u16);
        self.count -= 1;
        Ok(object)
    }

    /// Takes the right to an end away but keeps the handle, so that its user is told Revoked.
    pub(crate) fn revoke_endpoint(&mut self, id: EndpointId) -> Option<Object> {
        let found = self
            .objects()
            .find(|(_, object)| object.endpoint() == Some(id));
        let (handle, _) = found?;
        self.revoke(handle, Errno::Revoked).ok()
    }

    /// Takes the right behind a handle away; its user is told `errno` from now on.
    pub(crate) fn revoke(&mut self, handle: Handle, errno: Errno) -> Result<Object, Errno> {
        let object = self.get_mut(handle)?;
        let revoked = Object::Revoked(object.kind(), errno);
        Ok(std::mem::replace(object, revoked))
    }

    /// Puts a capability behind a handle: from now on its limits hold.
    pub(crate) fn bind(&mut self, handle: Handle, capability: Arc<Capability>) {
        if capability.is_metered()
            && let Ok(object) = self.get_mut(handle)
        {
            let kind = object.kind();
            let plain = std::mem::replace(object, Object::Revoked(kind, Errno::Revoked));
            *object = Object::Metered(Box::new(Metered {
                object: plain.into_plain(),
                capability: Arc::clone(&capability),
                timer: None,
            }));
        }
        self.capabilities
            .retain(|(_, other)| other.id != capability.id);
        self.capabilities.push((handle, capability));
    }

    /// All handles with a capability behind them.
    pub(crate) fn capabilities(&self) -> &[(Handle, Arc<Capability>)] {
        &self.capabilities
    }

    /// The capability behind a handle.
    pub(crate) fn capability(&self, handle: Handle) -> Option<&Arc<Capability>> {
        let mut all = self.capabilities.iter();
        Some(&all.find(|(other, _)| *other == handle)?.1)
    }

    /// Forgets the capability behind a handle that was closed.
    pub(crate) fn unbind(&mut self, handle: Handle) -> Option<Arc<Capability>> {
        let mut all = self.capabilities.iter();
        let at = all.position(|(other, _)| *other == handle)?;
        Some(self.capabilities.swap_remove(at).1)
    }

    /// What the grant behind a handle is limited to.
    pub(crate) fn info(&self, handle: Handle) -> Result<GrantInfo, Errno> {
        self.get(handle)?;
        let capability = self.capability(handle);
        Ok(capability.map_or(GrantInfo::default(), |capability| capability.info()))
    }

    /// Handles that can still be used although their capabilities cannot, and what has become of those.
    pub(crate) fn lost(&self) -> Vec<(Handle, Standing)> {
        let lost = |(handle, capability): &(Handle, Arc<Capability>)| {
            let standing = capability.standing();
            let is_usable = !matches!(self.get(*handle), Err(_) | Ok(Object::Revoked(..)));
            (standing != Standing::Good && is_usable).then_some((*handle, standing))
        };
        self.capabilities.iter().filter_map(lost).collect()
    }

    /// All objects, in the order in which they were given.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (Handle, &Object)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let object = place.object.as_ref()?;
            Some((Handle::new(index, place.generation.into()), object))
        })
    }

    /// All objects, to be changed.
    pub(crate) fn objects_mut(&mut self) -> impl Iterator<Item = (Handle, &mut Object)> {
        let places = self.places.iter_mut().enumerate();
        places.filter_map(|(index, place)| {
            let object = place.object.as_mut()?;
            Some((Handle::new(index, place.generation.into()), object))
        })
    }

    /// Takes all objects out, in order.
    pub(crate) fn drain(&mut self) -> Vec<Object> {
        self.count = 0;
        self.free.clear();
        self.names.clear();
        self.capabilities.clear();
        self.places
            .drain(..)
            .filter_map(|place| place.object)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Handles, Object};
    use okernel_abi::{Errno, Handle};

    #[test]
    fn a_closed_handle_is_bad_and_stays_bad() {
        let mut handles = Handles::new(100);
        let mut stale = Vec::new();
        for _ in 0..1000 {
            let handle = handles.insert(Object::Clock).unwrap();
            handles.remove(handle).unwrap();
            stale.push(handle);
        }
        let live = handles.insert(Object::Timers).unwrap();
        for handle in stale {
            assert_ne!(handle, live);
            assert_eq!(handles.get(handle).unwrap_err(), Errno::BadHandle);
            assert_eq!(handles.remove(handle).unwrap_err(), Errno::BadHandle);
        }
        assert_eq!(handles.get(Handle(u32::MAX)).unwrap_err(), Errno::BadHandle);
        assert_eq!(handles.get(Handle(0)).unwrap_err(), Errno::BadHandle);
    }

    #[test]
    fn the_limit_counts_what_is_held_now() {
        let mut handles = Handles::new(2);
        let first = handles.insert(Object::Clock).unwrap();
        handles.insert_named("clock", Object::Clock).unwrap();
        assert_eq!(handles.insert(Object::Clock).unwrap_err(), Errno::Limit);
        handles.remove(first).unwrap();
        handles.insert(Object::Clock).unwrap();
        assert!(handles.named("clock").is_some());
        assert!(handles.named("other").is_none());
    }
}

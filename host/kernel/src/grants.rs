//! What a spawner may grant, and what each grant is derived from.
//!
//! A grant is derived from the one that its spawner holds of the same thing: the same end of a ring, an end of the
//! same ring, the same right. What the spawner has made itself, or what it has by the right to make every
//! request, begins a line of its own.

use crate::capability::{Grant, Object};
use crate::cell::Cell;
use crate::core::Core;
use crate::derivation::{Capability, Derived, Standing, Thing};
use crate::directory::Role;
use crate::files::FileGrant;
use crate::ids::EndpointId;
use crate::io::output::Stream;
use crate::limits::DERIVATIONS_MAX;
use crate::refusal::Refusal;
use crate::request::{Reach, Wanted};
use okernel_abi::layout::HandleKind;
use okernel_abi::{Errno, Handle};
use okernel_ring::Policy;
use std::sync::Arc;

/// A grant, and what it is derived from.
type Sourced = (Grant, Option<Arc<Capability>>);

fn refuse(errno: Errno, name: &str, text: impl std::fmt::Display) -> Refusal {
    Refusal::new(errno, format!("spawn: {name}: {text}"))
}

/// Why a capability that is no longer good cannot be granted.
pub(crate) fn lost(name: &str, standing: Standing) -> Refusal {
    let text = format!("the grant that it comes from is {}", standing.name());
    refuse(standing.errno().unwrap_or(Errno::Revoked), name, text)
}

impl Core {
    /// Makes of a grant that was asked for one that can be sent to the task's core: files are opened.
    pub(crate) fn grant_of(
        &self,
        cell: Option<&Cell>,
        name: &str,
        wanted: Wanted,
    ) -> Result<Sourced, Refusal> {
        let right = |grant, kind| {
            let source = cell.and_then(|cell| cell.good_where(|thing| thing.kind() == kind));
            Ok((grant, source.cloned()))
        };
        let sourced = match wanted {
            Wanted::Endpoint(id) => {
                let source = cell.and_then(|cell| self.source_of_end(cell, id));
                Ok((Grant::Endpoint(id), source))
            }
            Wanted::File(path, access) => match FileGrant::open_for(&path, access) {
                Ok(file) => Ok((Grant::File(Arc::new(file)), None)),
                Err(text) => Err(refuse(Errno::Io, name, text)),
            },
            Wanted::Timers => right(Grant::Timers, HandleKind::Timers),
            Wanted::Clock => right(Grant::Clock, HandleKind::Clock),
            Wanted::Console => right(Grant::Console, HandleKind::Console),
            Wanted::Errors => right(Grant::Errors, HandleKind::Console),
            Wanted::Spawn => right(Grant::Spawn, HandleKind::Spawn),
            Wanted::System => right(Grant::System, HandleKind::System),
            Wanted::Own(own) => own_grant(cell, name, &own),
            Wanted::Limited(inner, cut) => {
                let (grant, source) = self.grant_of(cell, name, *inner)?;
                let grant = match cut.reach {
                    Reach::Whole => grant,
                    Reach::ReadOnly => self.read_only(name, grant, cut.policy)?,
                };
                return Ok((grant.attenuated(cut.attenuation), source));
            }
        };
        let (grant, source) = sourced?;
        if source
            .as_ref()
            .is_some_and(|source| source.depth + 1 >= DERIVATIONS_MAX)
        {
            let text = format_args!("it was passed on {DERIVATIONS_MAX} times already");
            return Err(refuse(Errno::Limit, name, text));
        }
        Ok((grant, source))
    }

    /// What is left of a grant when it may only be read.
    fn read_only(&self, name: &str, grant: Grant, policy: Policy) -> Result<Grant, Refusal> {
        match grant {
            Grant::Endpoint(id) => match self.shared.directory.endpoint(id).map(|end| end.role) {
                Some(Role::Publisher { .. }) => Ok(Grant::Reader(id, policy)),
                _ => Ok(Grant::Endpoint(id)),
            },
            Grant::File(file) => match file.read_only() {
                Ok(file) => Ok(Grant::File(Arc::new(file))),
                Err(text) => Err(refuse(Errno::Io, name, text)),
            },
            _ => {
                let text = "access:`read is for a ring or a file";
                Err(refuse(Errno::Invalid, name, text))
            }
        }
    }

    /// What a task's right to an end of a ring comes from, if that is a grant.
    pub(crate) fn source_of_end(&self, cell: &Cell, id: EndpointId) -> Option<Arc<Capability>> {
        if let Some(capability) = cell.good_for(id) {
            return Some(Arc::clone(capability));
        }
        let directory = self.shared.directory.lock();
        let ring = directory.ring_of(id)?;
        if directory.is_made_by(ring, cell.id) || cell.has(HandleKind::System) {
            return None;
        }
        let on_ring = |end| directory.ring_of(end) == Some(ring);
        let source = cell.good_where(|thing| thing.endpoint().is_some_and(on_ring));
        source.cloned()
    }

    /// Whether a task with the right to spawn may subscribe to the ring of an end: it has made the ring, holds an end of
    /// it, or was granted one and has passed it on.
    pub(crate) fn may_subscribe(&self, cell: &Cell, id: EndpointId) -> bool {
        // Asked once: the ends of a task may be many.
        let directory = self.shared.directory.lock();
        let Some(ring) = directory.ring_of(id) else {
            // That it does not exist is said by whoever looks it up.
            return true;
        };
        let on_ring = |end| directory.ring_of(end) == Some(ring);
        let good = || cell.good_where(|thing| thing.endpoint().is_some_and(on_ring));
        directory.is_made_by(ring, cell.id) || good().is_some() || cell.ends().any(on_ring)
    }

    /// Whether a task with the right to spawn may hold an end of a ring, or hand it on: it holds it, was granted it and
    /// has passed it on, or has made the ring, or the reader, as long as it may subscribe.
    pub(crate) fn may_hold(&self, cell: &Cell, id: EndpointId) -> bool {
        let directory = &self.shared.directory;
        let Some(info) = directory.endpoint(id) else {
            // As above.
            return true;
        };
        if info.owner == Some(cell.id) || cell.good_for(id).is_some() {
            return true;
        }
        let made = info.creator == Some(cell.id);
        match info.role {
            Role::Publisher { .. } => made,
            Role::Subscriber { ring, .. } => {
                let ring_made = directory.lock().is_made_by(ring, cell.id);
                ring_made || made && self.may_subscribe(cell, id)
            }
        }
    }

    /// Whether a task with the right to spawn may grant this: it has it itself.
    pub(crate) fn may_grant(&self, cell: &Cell, wanted: &Wanted) -> bool {
        match wanted {
            Wanted::Endpoint(id) => self.may_hold(cell, *id),
            // What is not there is said when it is looked up.
            Wanted::Own(_) => true,
            Wanted::File(..) => false,
            Wanted::Timers => cell.has(HandleKind::Timers),
            Wanted::Clock => cell.has(HandleKind::Clock),
            Wanted::Console | Wanted::Errors => cell.has(HandleKind::Console),
            Wanted::Spawn => cell.has(HandleKind::Spawn),
            Wanted::System => cell.has(HandleKind::System),
            Wanted::Limited(inner, cut) => match (&**inner, cut.reach) {
                (Wanted::Endpoint(id), Reach::ReadOnly)
                    if self.shared.directory.ring_of(*id) == Some(*id) =>
                {
                    self.may_subscribe(cell, *id)
                }
                (inner, _) => self.may_grant(cell, inner),
            },
        }
    }

    /// Puts the capability behind the handle of an end that a task has fetched: the one that it has for that end, or
    /// one derived from what it has on the ring.
    pub(crate) fn bind_attached(
        &mut self,
        cell: &mut Cell,
        handle: Handle,
        id: EndpointId,
        source: Arc<Capability>,
    ) {
        if source.thing.endpoint() == Some(id) {
            return cell.handles.bind(handle, source);
        }
        let kind = cell.handles.get(handle).map(Object::kind);
        let thing = Thing::Endpoint(kind.unwrap_or(HandleKind::Subscriber), id);
        let derived = Derived::whole("", Some(source), thing);
        let shared = &self.shared;
        let granter = Some(cell.id);
        let entered = shared
            .capabilities
            .enter(cell.id, granter, vec![derived], &shared.clock);
        for capability in entered {
            cell.handles.bind(handle, capability);
        }
    }
}

impl Cell {
    /// The ends of rings that the task holds.
    fn ends(&self) -> impl Iterator<Item = EndpointId> {
        self.handles
            .objects()
            .filter_map(|(_, object)| object.endpoint())
    }

    /// The first good capability for such a thing.
    fn good_where(&self, mut such: impl FnMut(&Thing) -> bool) -> Option<&Arc<Capability>> {
        let all = self.handles.capabilities().iter();
        // Whether it is good is asked last: what it was derived from is looked at for that.
        all.map(|(_, capability)| capability)
            .filter(|capability| such(&capability.thing))
            .find(|capability| capability.standing() == Standing::Good)
    }

    /// The first good capability for an end of a ring.
    fn good_for(&self, end: EndpointId) -> Option<&Arc<Capability>> {
        self.good_where(|thing| thing.endpoint() == Some(end))
    }

    /// Whether the task has a handle of this kind that it can use.
    pub(crate) fn has(&self, kind: HandleKind) -> bool {
        self.handles
            .objects()
            .any(|(_, object)| object.kind() == kind && !matches!(object, Object::Revoked(..)))
    }
}

/// What a spawner was granted under a name, to be granted again.
fn own_grant(cell: Option<&Cell>, name: &str, own: &str) -> Result<Sourced, Refusal> {
    let Some(cell) = cell else {
        let text = "only a task has grants of its own";
        return Err(refuse(Errno::Unsupported, name, text));
    };
    let handle = cell.handles.named(own);
    let found = handle.and_then(|handle| Some((handle, cell.handles.get(handle).ok()?)));
    let Some((handle, object)) = found else {
        let text = format_args!("the spawner was granted nothing under the name {own}");
        return Err(refuse(Errno::NotGranted, name, text));
    };
    let capability = cell.handles.capability(handle).cloned();
    let standing = capability
        .as_ref()
        .map_or(Standing::Good, |capability| capability.standing());
    if standing != Standing::Good {
        return Err(lost(name, standing));
    }
    let passed_on = || capability.as_ref()?.thing.endpoint();
    let grant = match object.plain() {
        Object::Publisher(_, id) | Object::Subscriber(_, id) => Grant::Endpoint(*id),
        Object::File(file) => Grant::File(Arc::clone(file)),
        Object::Timers => Grant::Timers,
        Object::Clock => Grant::Clock,
        Object::Console(Stream::Out) => Grant::Console,
        Object::Console(Stream::Errors) => Grant::Errors,
        Object::Spawn => Grant::Spawn,
        Object::System => Grant::System,
        _ => match passed_on() {
            Some(id) => Grant::Endpoint(id),
            None => return Err(lost(name, Standing::Revoked)),
        },
    };
    Ok((grant, capability))
}

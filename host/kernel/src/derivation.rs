//! The derivation of capabilities: who was granted what by whom, out of what.
//!
//! Every grant of a task is a capability, an object of its own. It knows the capability of its spawner that it is
//! a copy or a part of, if there is one; what the spawner has made or opened itself begins a line of its own. So
//! whatever is taken back, or expires, is taken from all who have it from there, and what a grant was limited to
//! holds for all that is derived from it.
//!
//! Capabilities belong to their task, not to a core: they are shared objects, and a task that moves takes them
//! along. One mutex guards the table of who holds what; no message that flows through a ring looks here.
//!
//! Invariants: a capability that is no longer good never becomes good again; one whose ancestor is not good is
//! not good. Whoever marks one does so under the table's lock, and so does whoever enters one: nothing that is
//! derived slips through.

use crate::attenuation::{Attenuation, Rate};
use crate::clock::Clock;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::meter::{Gate, Ready};
use crate::table::Key;
use okernel_abi::Errno;
use okernel_abi::layout::{GrantInfo, HandleKind};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Whether a capability can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Standing {
    Good = 0,
    Revoked = 1,
    Expired = 2,
}

impl Standing {
    /// What its holder is told.
    pub(crate) fn errno(self) -> Option<Errno> {
        match self {
            Standing::Good => None,
            Standing::Revoked => Some(Errno::Revoked),
            Standing::Expired => Some(Errno::Expired),
        }
    }

    /// The word for it in lists.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Standing::Good => "good",
            Standing::Revoked => "revoked",
            Standing::Expired => "expired",
        }
    }
}

/// What a capability is a right to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Thing {
    /// An end of a ring.
    Endpoint(HandleKind, EndpointId),
    /// A reader of a ring that was made for the grant, and goes with it.
    Reader(EndpointId),
    /// A file: its path, and the word for what may be done with it.
    File(String, &'static str),
    /// A right that is no object.
    Right(HandleKind),
}

impl Thing {
    pub(crate) fn kind(&self) -> HandleKind {
        match self {
            Thing::Endpoint(kind, _) | Thing::Right(kind) => *kind,
            Thing::Reader(_) => HandleKind::Subscriber,
            Thing::File(..) => HandleKind::File,
        }
    }

    /// The end of a ring that it is.
    pub(crate) fn endpoint(&self) -> Option<EndpointId> {
        match self {
            Thing::Endpoint(_, id) | Thing::Reader(id) => Some(*id),
            _ => None,
        }
    }
}

/// A grant as an object.
#[derive(Debug)]
pub(crate) struct Capability {
    /// Its number, never used again.
    pub(crate) id: u64,
    /// What it was derived from.
    pub(crate) parent: Option<Arc<Capability>>,
    /// What its holder calls it.
    pub(crate) name: String,
    pub(crate) holder: TaskId,
    /// The task that granted it; None for what was granted from outside of the kernel.
    pub(crate) granter: Option<TaskId>,
    pub(crate) thing: Thing,
    /// Its own limits, beside those of its ancestors.
    pub(crate) gate: Option<Gate>,
    /// How many capabilities it was derived from, one out of the other: less than
    /// [`DERIVATIONS_MAX`](crate::limits::DERIVATIONS_MAX).
    pub(crate) depth: usize,
    /// The same grant in the first life of a supervised task that was started again.
    pub(crate) first_life: Option<u64>,
    /// When it expires by itself, on the kernel's clock.
    pub(crate) until_ns: Option<u64>,
    /// The timer for that, and the core that it is on.
    pub(crate) timer: OnceLock<(CoreId, Key)>,
    standing: AtomicU8,
}

/// A grant about to become a capability.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) parent: Option<Arc<Capability>>,
    pub(crate) name: String,
    pub(crate) thing: Thing,
    pub(crate) rate: Option<Rate>,
    pub(crate) quota: Option<u64>,
    pub(crate) until_ns: Option<u64>,
    pub(crate) first_life: Option<u64>,
}

impl Derived {
    /// A grant that is not cut down.
    pub(crate) fn whole(name: &str, parent: Option<Arc<Capability>>, thing: Thing) -> Derived {
        Derived {
            parent,
            name: name.to_string(),
            thing,
            rate: None,
            quota: None,
            until_ns: None,
            first_life: None,
        }
    }

    /// The grant of a supervised task that is started again, out of the one of its first life, which has the limits.
    pub(crate) fn again(name: &str, first: Arc<Capability>, thing: Thing) -> Derived {
        Derived {
            first_life: Some(first.id),
            ..Derived::whole(name, Some(first), thing)
        }
    }

    /// Cuts it down further. None when its time has passed.
    pub(crate) fn attenuate(&mut self, attenuation: &Attenuation, clock: &Clock) -> Option<()> {
        if let Some(rate) = attenuation.rate {
            let before = self.rate.unwrap_or(rate);
            self.rate = Some(Rate {
                per_second: rate.per_second.min(before.per_second).max(1),
                burst: rate.burst.min(before.burst).max(1),
            });
        }
        if let Some(quota) = attenuation.quota {
            self.quota = Some(self.quota.map_or(quota, |before| before.min(quota)).max(1));
        }
        if let Some(until) = attenuation.until {
            let until_ns = until.on(clock)?;
            self.until_ns = Some(
                self.until_ns
                    .map_or(until_ns, |before| before.min(until_ns)),
            );
        }
        Some(())
    }
}

impl Capability {
    fn new(
        id: u64,
        holder: TaskId,
        granter: Option<TaskId>,
        derived: Derived,
        now_ns: u64,
    ) -> Self {
        Capability {
            id,
            depth: derived.parent.as_ref().map_or(0, |parent| parent.depth + 1),
            parent: derived.parent,
            name: derived.name,
            holder,
            granter,
            thing: derived.thing,
            gate: Gate::new(derived.rate, derived.quota, now_ns),
            until_ns: derived.until_ns,
            first_life: derived.first_life,
            timer: OnceLock::new(),
            standing: AtomicU8::new(Standing::Good as u8),
        }
    }

    /// It and what it was derived from, the nearest first.
    pub(crate) fn line(&self) -> impl Iterator<Item = &Capability> {
        std::iter::successors(Some(self), |capability| capability.parent.as_deref())
    }

    /// Whether it can be used; if not, what has happened to it or to the nearest ancestor.
    pub(crate) fn standing(&self) -> Standing {
        let own = |capability: &Capability| match capability.standing.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Standing::Revoked),
            _ => Some(Standing::Expired),
        };
        self.line().find_map(own).unwrap_or(Standing::Good)
    }

    /// As [`Capability::standing`], also when the end of its time has come and its timer has not.
    pub(crate) fn standing_at(&self, now_ns: u64) -> Standing {
        match self.standing() {
            Standing::Good if self.line().any(|capability| capability.is_over(now_ns)) => {
                Standing::Expired
            }
            standing => standing,
        }
    }

    fn is_over(&self, now_ns: u64) -> bool {
        self.until_ns.is_some_and(|until_ns| until_ns <= now_ns)
    }

    fn mark(&self, standing: Standing) {
        let good = Standing::Good as u8;
        // What has ended in one way stays so.
        let _ = self.standing.compare_exchange(
            good,
            standing as u8,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }

    /// Whether uses of it are counted.
    pub(crate) fn is_metered(&self) -> bool {
        self.line().any(|capability| capability.gate.is_some())
    }

    fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.line()
            .filter_map(|capability| capability.gate.as_ref())
    }

    /// How many units may be used now: at least `least`, at most `most`.
    ///
    /// # Errors
    /// Quota, TooLarge, Throttled.
    pub(crate) fn room(&self, now_ns: u64, least: u64, most: u64) -> Result<u64, Errno> {
        self.gates().try_fold(most, |most, gate| {
            gate.room(now_ns, least).map(|room| most.min(room))
        })
    }

    /// When `least` units may be used.
    ///
    /// # Errors
    /// Quota, TooLarge: never.
    pub(crate) fn ready(&self, now_ns: u64, least: u64) -> Result<Ready, Errno> {
        self.gates().try_fold(Ready::Now, |latest, gate| {
            Ok(match (latest, gate.ready(now_ns, least)?) {
                (Ready::At(one), Ready::At(other)) => Ready::At(one.max(other)),
                (Ready::Now, ready) => ready,
                (latest, Ready::Now) => latest,
            })
        })
    }

    /// Counts units that are about to be used, in all gates or in none.
    ///
    /// # Errors
    /// Quota.
    pub(crate) fn charge(&self, now_ns: u64, units: u64) -> Result<(), Errno> {
        let rest = || match &self.parent {
            Some(parent) => parent.charge(now_ns, units),
            None => Ok(()),
        };
        match &self.gate {
            // Locks are taken on the way to the root: nobody waits in a circle.
            Some(gate) => gate.charge(now_ns, units, rest),
            None => rest(),
        }
    }

    /// Counts units that were used already.
    pub(crate) fn settle(&self, now_ns: u64, units: u64) {
        self.gates().for_each(|gate| gate.settle(now_ns, units));
    }

    /// What it is limited to, its ancestors' limits included.
    pub(crate) fn info(&self) -> GrantInfo {
        let least = |numbers: &mut dyn Iterator<Item = u64>| numbers.min().unwrap_or(0);
        let rates = || self.gates().filter_map(Gate::rate);
        GrantInfo {
            rate: least(&mut rates().map(|rate| rate.per_second)),
            burst: least(&mut rates().map(|rate| rate.burst)),
            quota: least(&mut self.gates().filter_map(Gate::quota)),
            used: self.gates().next().map_or(0, Gate::used),
            until_ns: self.until_ns_first().unwrap_or(0),
        }
    }

    /// When the first of its line expires.
    pub(crate) fn until_ns_first(&self) -> Option<u64> {
        self.line()
            .filter_map(|capability| capability.until_ns)
            .min()
    }

    /// Units that are left of the quotas of its line.
    pub(crate) fn left(&self) -> Option<u64> {
        let left = |gate: &Gate| Some(gate.quota()?.saturating_sub(gate.used()));
        self.gates().filter_map(left).min()
    }
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    held: BTreeMap<TaskId, Vec<Arc<Capability>>>,
}

/// All capabilities of a kernel, by their holders.
#[derive(Debug, Default)]
pub(crate) struct Capabilities(Mutex<Inner>);

impl Capabilities {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters what a task is granted, in order. What a grant comes from may have been held by nobody when its time
    /// was over, so that its timer found nothing to mark: it is marked now.
    pub(crate) fn enter(
        &self,
        holder: TaskId,
        granter: Option<TaskId>,
        grants: Vec<Derived>,
        clock: &Clock,
    ) -> Vec<Arc<Capability>> {
        if grants.is_empty() {
            return Vec::new();
        }
        let mut inner = self.lock();
        // Read under the lock: a timer that has marked under it before has fired before this.
        let now_ns = clock.now_ns();
        let made: Vec<_> = grants
            .into_iter()
            .map(|derived| {
                inner.next += 1;
                let id = inner.next;
                Arc::new(Capability::new(id, holder, granter, derived, now_ns))
            })
            .collect();
        let lines = made.iter().flat_map(|capability| capability.line());
        lines
            .filter(|capability| capability.is_over(now_ns))
            .for_each(|capability| capability.mark(Standing::Expired));
        let held = inner.held.entry(holder).or_default();
        held.extend(made.iter().cloned());
        made
    }

    /// A task has ended, and holds nothing. What it has granted to others stays theirs.
    pub(crate) fn leave(&self, holder: TaskId) -> Vec<Arc<Capability>> {
        self.lock().held.remove(&holder).unwrap_or_default()
    }

    /// A task has given one of its grants up.
    pub(crate) fn give_up(&self, capability: &Capability) {
        if let Some(held) = self.lock().held.get_mut(&capability.holder) {
            held.retain(|other| other.id != capability.id);
        }
    }

    /// What a task holds, in the order in which it was given.
    pub(crate) fn of(&self, holder: TaskId) -> Vec<Arc<Capability>> {
        self.lock().held.get(&holder).cloned().unwrap_or_default()
    }

    /// What all tasks hold, in the order in which it was given.
    pub(crate) fn all(&self) -> Vec<Arc<Capability>> {
        let mut all: Vec<_> = self.lock().held.values().flatten().cloned().collect();
        all.sort_unstable_by_key(|capability| capability.id);
        all
    }

    /// Takes capabilities back by their numbers, and all that was derived from them. The answer is who holds any
    /// of those.
    pub(crate) fn end(&self, mut ended: Vec<u64>, standing: Standing) -> Vec<TaskId> {
        ended.sort_unstable();
        let Some(&first) = ended.first() else {
            return Vec::new();
        };
        let inner = self.lock();
        let mut holders = Vec::new();
        for (holder, held) in &inner.held {
            // What something was derived from has a smaller number.
            let lines = held.iter().flat_map(|capability| {
                capability
                    .line()
                    .take_while(|capability| capability.id >= first)
            });
            let mut concerned = lines
                .filter(|capability| ended.binary_search(&capability.id).is_ok())
                .peekable();
            if concerned.peek().is_some() {
                holders.push(*holder);
            }
            concerned.for_each(|capability| capability.mark(standing));
        }
        holders
    }
}

#[cfg(test)]
#[path = "derivation_tests.rs"]
mod tests;

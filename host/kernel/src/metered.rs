//! Rings, files and rights whose uses are counted, as a CPU carries its calls out on them.
//!
//! A grant without a rate and a quota never comes here: [`Context::publisher`] and its like answer it at once.
//! They refuse one with limits, and whoever was refused asks here.

use crate::capability::{Metered, Object};
use crate::context::{Context, Inner, wrong};
use crate::core::{Core, TimerOwner};
use crate::derivation::Capability;
use crate::table::Key;
use okernel_abi::layout::{GrantInfo, HandleKind};
use okernel_abi::{Errno, Handle};
use okernel_ring::{Publisher, Subscriber};
use std::sync::Arc;

/// What counts the uses of a grant, at the moment at which it was asked for.
#[derive(Clone, Debug)]
pub struct Meter {
    capability: Arc<Capability>,
    now_ns: u64,
}

impl Meter {
    /// How many units may be used now: at least `least`, at most `most`.
    ///
    /// # Errors
    /// Quota: fewer are left in all. Throttled: not yet. TooLarge: the burst never reaches so far.
    pub fn room(&self, least: u64, most: u64) -> Result<u64, Errno> {
        self.capability.room(self.now_ns, least, most)
    }

    /// Counts units that are about to be used. A rate is not asked: what [`Meter::room`] has promised holds.
    ///
    /// # Errors
    /// Quota: fewer are left, and nothing was counted.
    pub fn charge(&self, units: u64) -> Result<(), Errno> {
        self.capability.charge(self.now_ns, units)
    }

    /// Counts units that were used already.
    pub fn settle(&self, units: u64) {
        self.capability.settle(self.now_ns, units);
    }
}

impl Metered {
    /// In how many units waiting for so many bytes is counted.
    pub(crate) fn units(&self, bytes: usize) -> u64 {
        match self.object.kind() {
            HandleKind::Publisher | HandleKind::Subscriber | HandleKind::Console => bytes as u64,
            _ => 1,
        }
    }
}

impl Metered {
    /// Whether there is nothing else to wait for than that more is allowed.
    pub(crate) fn waits_for_room_alone(&self) -> bool {
        matches!(
            self.object,
            Object::File(_) | Object::Timers | Object::Clock | Object::Spawn
        )
    }
}

impl Context {
    /// What counts the uses of this handle, if they are counted.
    pub fn meter(&self, handle: Handle) -> Option<Meter> {
        let Inner { core, cell } = self.inner();
        let capability = cell.handles.get(handle).ok()?.meter()?;
        Some(Meter {
            capability: Arc::clone(capability),
            now_ns: core.shared.clock.now_ns(),
        })
    }

    /// What the grant behind a handle is limited to. Handles of what the task made itself have no limits.
    ///
    /// # Errors
    /// BadHandle.
    pub fn grant_info(&self, handle: Handle) -> Result<GrantInfo, Errno> {
        self.inner().cell.handles.info(handle)
    }

    /// The publisher behind a handle whose uses are counted, and what counts them.
    ///
    /// # Errors
    /// BadHandle, WrongKind, Revoked, Expired; also WrongKind when nothing is counted.
    #[cold]
    pub fn metered_publisher(&mut self, handle: Handle) -> Result<(Meter, &mut Publisher), Errno> {
        let meter = self.meter(handle);
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        let object = cell.handles.get(handle)?;
        match (object.plain(), meter) {
            (Object::Publisher(key, _), Some(meter)) => {
                let publisher = core.memory.publisher(*key).ok_or(Errno::Revoked)?;
                Ok((meter, publisher))
            }
            (other, _) => Err(wrong(other)),
        }
    }

    /// The subscriber behind a handle whose uses are counted, and what counts them.
    ///
    /// # Errors
    /// As for [`Context::metered_publisher`].
    #[cold]
    pub fn metered_subscriber(
        &mut self,
        handle: Handle,
    ) -> Result<(Meter, &mut Subscriber), Errno> {
        let meter = self.meter(handle);
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        let object = cell.handles.get(handle)?;
        match (object.plain(), meter) {
            (Object::Subscriber(key, _), Some(meter)) => {
                let subscriber = core.memory.subscriber(*key).ok_or(Errno::Revoked)?;
                Ok((meter, subscriber))
            }
            (other, _) => Err(wrong(other)),
        }
    }
}

impl Core {
    /// Wakes the task at this moment, when a limited grant of its allows more. One timer for each grant.
    pub(crate) fn wait_for_room(&mut self, task: Key, timer: &mut Option<Key>, deadline_ns: u64) {
        if let Some(before) = timer.take() {
            self.timers.cancel(before);
        }
        *timer = Some(self.timers.set(deadline_ns, 0, TimerOwner::Room(task)));
        self.timer_next_ns = self.timer_next_ns.min(deadline_ns);
        self.stats.timers.set(self.timers.len() as u64);
    }

    /// The object itself, of a task that changes its core; who waits for its room is woken there.
    pub(crate) fn unmetered<'o>(&mut self, object: &'o mut Object) -> &'o mut Object {
        match object {
            Object::Metered(metered) => {
                if let Some(timer) = metered.timer.take() {
                    self.timers.cancel(timer);
                }
                &mut metered.object
            }
            other => other,
        }
    }

    /// An object is given up: nobody waits for its room any more.
    pub(crate) fn forget_wait(&mut self, object: &Object) {
        if let Object::Metered(metered) = object
            && let Some(timer) = metered.timer
        {
            self.timers.cancel(timer);
            self.stats.timers.set(self.timers.len() as u64);
        }
    }
}

//! How a task waits: for its rings, timers, replies, for the console; and how it sets timers.
//!
//! Waiting is arming: the task says what it waits for, answers Yield, and is polled again when one
//! of those things has happened. Whatever happens between arming and sleeping is not lost, because
//! a task sleeps only if nothing has woken it since its poll began.

use crate::capability::{Armed, Object, TimerState};
use crate::cell::{TakesInput, Woken};
use crate::context::{Context, Inner, wrong};
use crate::core::TimerOwner;
use crate::limits::TIMERS_MAX;
use crate::meter::Ready;
use crate::task::Wait;
use okernel_abi::{Errno, Handle};
use okernel_ring::Registered;

impl Context {
    /// Arms the task for a handle: a subscriber with at least `min_bytes` to read (or closed), a
    /// publisher with at least `min_bytes` free, a timer that fired, a reply that came, a console
    /// that takes more. A handle of the right to make requests waits for the next exec. If the grant is limited in its
    /// rate, the task also waits until that allows the bytes, or for other rights one more use.
    ///
    /// # Errors
    /// BadHandle; Revoked, Expired; WrongKind: there is nothing to wait for. Quota, TooLarge: the grant is limited
    /// and will never allow so much. NotNow: the task is being restored.
    pub fn wait(&mut self, handle: Handle, min_bytes: usize) -> Result<Wait, Errno> {
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        let waker = &cell.waker;
        let object = match cell.handles.get_mut(handle)? {
            Object::Metered(metered) => {
                let units = metered.units(min_bytes);
                match metered
                    .capability
                    .ready(core.shared.clock.now_ns(), units)?
                {
                    Ready::Now if metered.waits_for_room_alone() => {
                        cell.woken = Woken::Yes;
                        return Ok(Wait::Ready);
                    }
                    Ready::Now => &mut metered.object,
                    Ready::At(deadline_ns) => {
                        core.wait_for_room(cell.key, &mut metered.timer, deadline_ns);
                        cell.armed.push((handle, min_bytes));
                        return Ok(Wait::Armed);
                    }
                }
            }
            object => object,
        };
        let wait = match object {
            Object::Publisher(key, _) => {
                let publisher = core.memory.publisher(*key).ok_or(Errno::Revoked)?;
                registered(publisher.register(waker, min_bytes.max(1)))
            }
            Object::Subscriber(key, _) => {
                let subscriber = core.memory.subscriber(*key).ok_or(Errno::Revoked)?;
                registered(subscriber.register(waker, min_bytes.max(1)))
            }
            Object::Timer(timer) if timer.fired > 0 || timer.key.is_none() => Wait::Ready,
            Object::Timer(timer) => {
                timer.armed = Armed::Yes;
                Wait::Armed
            }
            Object::Reply(reply) if reply.reply.is_some() => Wait::Ready,
            Object::Reply(reply) => {
                reply.armed = Armed::Yes;
                Wait::Armed
            }
            Object::Console(_) => {
                // As `print` decides it, so that whoever is told Ready is not refused.
                let bytes = cell.print_bytes.saturating_add(min_bytes.max(1));
                let room = cell.print_bytes == 0 || bytes <= core.shared.config.print_bytes_max;
                if room && cell.print_elsewhere == 0 {
                    Wait::Ready
                } else {
                    cell.print_armed = Armed::Yes;
                    Wait::Armed
                }
            }
            Object::System if cell.execs.is_empty() => Wait::Armed,
            Object::System => Wait::Ready,
            other => return Err(wrong(other)),
        };
        match wait {
            Wait::Ready => cell.woken = Woken::Yes,
            Wait::Armed => cell.armed.push((handle, min_bytes)),
        }
        Ok(wait)
    }

    /// Sets a timer `delay_ns` from now that repeats each `period_ns` (0: once).
    ///
    /// # Errors
    /// BadHandle, WrongKind; Limit: too many handles or timers.
    pub fn timer_set(
        &mut self,
        timers: Handle,
        delay_ns: u64,
        period_ns: u64,
    ) -> Result<Handle, Errno> {
        let Inner { core, cell } = self.inner_mut();
        match cell.handles.get(timers)?.plain() {
            Object::Timers => {}
            other => return Err(wrong(other)),
        }
        if core.timers.len() >= TIMERS_MAX || cell.timers_count >= cell.limits.timers {
            return Err(Errno::Limit);
        }
        cell.handles
            .get(timers)?
            .used_once(|| core.shared.clock.now_ns())?;
        let handle = cell.handles.insert(Object::Timer(TimerState {
            key: None,
            right: timers,
            fired: 0,
            armed: Armed::No,
        }))?;
        cell.timers_count += 1;
        let owner = TimerOwner::Task {
            task: cell.key,
            handle,
        };
        let deadline_ns = core.shared.clock.now_ns().saturating_add(delay_ns);
        let key = core.timers.set(deadline_ns, period_ns, owner);
        core.timer_next_ns = core.timer_next_ns.min(deadline_ns);
        core.stats.timers.set(core.timers.len() as u64);
        if let Ok(Object::Timer(timer)) = cell.handles.get_mut(handle) {
            timer.key = Some(key);
        }
        if let Some(trial) = &mut cell.trial {
            trial.made(handle);
        }
        Ok(handle)
    }

    /// How often a timer has fired since this was last asked. A periodic one that has fired rests until then.
    ///
    /// # Errors
    /// Again: not once. BadHandle, WrongKind. NotNow: the task is being restored. Closed: it was set for once, and that was taken.
    pub fn timer_take(&mut self, timer: Handle) -> Result<u64, Errno> {
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        let timer = match cell.handles.get_mut(timer)? {
            Object::Timer(timer) => timer,
            other => return Err(wrong(other)),
        };
        match (std::mem::take(&mut timer.fired), timer.key) {
            (0, None) => Err(Errno::Closed),
            (0, Some(_)) => Err(Errno::Again),
            (fired, None) => Ok(fired),
            (fired, Some(key)) => Ok(fired + core.resume_timer(key)),
        }
    }

    /// Nanoseconds of the monotonic clock since the kernel's boot.
    ///
    /// # Errors
    /// BadHandle, WrongKind.
    pub fn now_ns(&self, clock: Handle) -> Result<u64, Errno> {
        let inner = self.inner();
        match clock_right(inner, clock)? {
            Object::Clock => Ok(inner.core.shared.clock.now_ns()),
            other => Err(wrong(other)),
        }
    }

    /// Nanoseconds of the wall clock since 1970 in UTC.
    ///
    /// # Errors
    /// BadHandle, WrongKind.
    pub fn utc_ns(&self, clock: Handle) -> Result<u64, Errno> {
        let inner = self.inner();
        match clock_right(inner, clock)? {
            Object::Clock => Ok(inner.core.shared.clock.utc_ns()),
            other => Err(wrong(other)),
        }
    }

    /// Whether a task that answered Yield sleeps: something is armed (or it takes inputs and has none)
    /// and nothing has happened since.
    pub(crate) fn may_sleep(&self) -> Woken {
        let cell = &self.inner().cell;
        let waits_for_input = cell.takes_input == TakesInput::Yes && cell.executing.is_none();
        let input_is_there = cell.executing.is_none() && !cell.execs.is_empty();
        let waits = !cell.armed.is_empty() || waits_for_input;
        if cell.woken == Woken::Yes || input_is_there || !waits {
            return Woken::Yes;
        }
        Woken::No
    }
}

/// The right to read the clock, with one more reading counted.
fn clock_right(inner: &Inner, clock: Handle) -> Result<&Object, Errno> {
    let object = inner.cell.handles.get(clock)?;
    object.used_once(|| inner.core.shared.clock.now_ns())
}

#[inline]
fn registered(registered: Registered) -> Wait {
    match registered {
        Registered::Ready => Wait::Ready,
        Registered::Waiting => Wait::Armed,
    }
}

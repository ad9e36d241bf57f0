//! A running task goes on as another version of its module, or goes on as if nothing had happened.
//!
//! It happens between two turns of the task, on its own core: the old instance writes its state, an
//! instance of the version that is current now reads it, and takes the old one's place. Handles, the
//! places in rings, timers, replies, inputs and output on its way are the kernel's and are not
//! touched, so no message is lost or seen twice: what the old instance has taken is released, and what
//! it has written is published, before its state is whole.
//!
//! Invariants: the old instance is kept until the new one has restored, and nothing that the new one
//! does before has an effect (see [`Trial`]); a new version that traps, refuses, crosses a limit or
//! takes too long costs its task that time and nothing else. A task whose own `save` traps ends, as
//! after every trap of it. What was ordered more than once is done once.

use crate::cell::{Cell, Stage};
use crate::context::{Context, Inner};
use crate::core::Core;
use crate::exit::Exit;
use crate::ids::CoreId;
use crate::inbox::Asker;
use crate::limits::RESTORE_CPU_MS_MAX;
use crate::message::Message;
use crate::pending::Pending;
use crate::program::{Candidate, Program};
use crate::refusal::Refusal;
use crate::task::{Fault, FaultKind, SavedState, Task, Unsaved};
use crate::turn::guarded;
use okernel_abi::{Errno, Handle};

/// What is to be done with a task between two of its turns.
#[derive(Debug)]
pub(crate) enum Order {
    /// It is to go on as the current version of its module.
    Upgrade,
    /// Whether it could go on as this version is to be found out.
    Try { candidate: Candidate, asker: Asker },
}

/// What a new instance has done while it restores: undone if it fails, and only then made good if not.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    /// Handles that it gave up. They stay open meanwhile.
    closed: Vec<Handle>,
    /// Timers that it set.
    made: Vec<Handle>,
    /// The task's CPU time at which it has taken too long, in nanoseconds.
    cpu_end_ns: u64,
}

impl Trial {
    /// A handle is to be closed when all has gone well.
    pub(crate) fn close(&mut self, handle: Handle) {
        self.closed.push(handle);
    }

    /// A handle is to be closed when it has not.
    pub(crate) fn made(&mut self, handle: Handle) {
        self.made.push(handle);
    }
}

/// Whether what a trial did is to have its effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Keep,
    Undo,
}

impl Core {
    /// Tells all cores that a module has another current version.
    pub(crate) fn tell_upgrades(&mut self, module: &str) {
        for core in 0..self.shared.cores_count() {
            let message = Message::Upgrade(module.to_string());
            self.ask(CoreId(core as u16), message, Pending::Nobody);
        }
    }

    /// Makes the version before the current one the current one, and answers its number.
    pub(crate) fn rollback(&mut self, module: &str) -> Result<u32, Refusal> {
        let refused = |text| Refusal::new(Errno::NotFound, format!("rollback: {text}"));
        let info = self.shared.modules.rollback(module).map_err(refused)?;
        self.tell_upgrades(module);
        Ok(info.version)
    }

    /// A module has another current version: its tasks on this core are to go on as that one.
    pub(crate) fn order_upgrades(&mut self, module: &str) {
        for key in self.tasks.keys() {
            let Some(cell) = self.cell(key) else {
                continue;
            };
            if cell.module.as_deref() == Some(module) {
                cell.order_upgrade();
                self.wake(key);
            }
        }
    }
}

impl Cell {
    /// Notes that the task is to be upgraded, once.
    pub(crate) fn order_upgrade(&mut self) {
        let is_upgrade = |order: &Order| matches!(order, Order::Upgrade);
        if !self.orders.iter().any(is_upgrade) {
            self.orders.push(Order::Upgrade);
        }
    }

    /// The task is no more: whoever wanted to know something of it is told.
    pub(crate) fn drop_orders(&mut self, exit: &Exit) -> Vec<(Asker, Refusal)> {
        let orders = std::mem::take(&mut self.orders).into_iter();
        let askers = orders.filter_map(|order| match order {
            Order::Try { asker, .. } => Some(asker),
            Order::Upgrade => None,
        });
        let refusal = || {
            let text = format!("task {} has ended: {exit}", self.id);
            Refusal::new(Errno::NotFound, text)
        };
        askers.map(|asker| (asker, refusal())).collect()
    }
}

impl Context {
    /// Whether an instance of this task restores at this moment: what it does must have no effect, and what
    /// cannot be undone is refused with NotNow.
    #[inline]
    pub fn is_restoring(&self) -> bool {
        self.inner().cell.trial.is_some()
    }

    /// Whether the instance that restores has taken too long: it is to be given up at once.
    pub fn is_overdue(&self) -> bool {
        let inner = self.inner();
        let Some(trial) = &inner.cell.trial else {
            return false;
        };
        inner.core.cpu_ns(&inner.cell) > trial.cpu_end_ns
    }

    /// Whether something was ordered.
    #[inline]
    pub(crate) fn has_orders(&self) -> bool {
        !self.inner().cell.orders.is_empty()
    }

    fn begin_trial(&mut self) {
        let Inner { core, cell } = self.inner_mut();
        let cpu_end_ns = core.cpu_ns(cell) + RESTORE_CPU_MS_MAX * 1_000_000;
        cell.trial = Some(Box::new(Trial {
            cpu_end_ns,
            ..Trial::default()
        }));
    }

    fn end_trial(&mut self, verdict: Verdict) {
        let Some(trial) = self.inner_mut().cell.trial.take() else {
            return;
        };
        let handles = match verdict {
            Verdict::Keep => trial.closed,
            Verdict::Undo => trial.made,
        };
        for handle in handles {
            // What is closed already, or was taken back, needs no closing.
            let _ = self.close(handle);
        }
    }
}

/// A task that has not begun needs no state: it is made anew, of the current version.
pub(crate) fn renew(body: &mut Box<dyn Task>, cx: &mut Context) {
    let wanted = |order: &Order| matches!(order, Order::Upgrade);
    if cx.inner().cell.orders.iter().any(wanted) {
        cx.inner_mut().cell.orders.retain(|order| !wanted(order));
        match instance(cx) {
            Ok(made) => *body = made,
            Err(fault) => tracing::warn!(task = %cx.task(), "not made anew: {fault}"),
        }
        note_version(body.as_ref(), cx);
    }
}

/// Says in the lists which version the task is made of.
pub(crate) fn note_version(body: &dyn Task, cx: &Context) {
    cx.inner().cell.stats.version.set(body.version().into());
}

/// Does what was ordered, between two turns of the task.
///
/// # Errors
/// The task has failed over it, and ends.
pub(crate) fn carry_out(body: &mut Box<dyn Task>, cx: &mut Context) -> Result<(), Fault> {
    debug_assert_eq!(cx.stage(), Stage::Live);
    for order in std::mem::take(&mut cx.inner_mut().cell.orders) {
        match order {
            Order::Upgrade => upgrade(body, cx)?,
            Order::Try { candidate, asker } => {
                let tried = attempt(body, cx, &candidate)?;
                let answer = match tried {
                    Ok(()) => Message::AckTry,
                    Err(fault) => {
                        Message::Error(Refusal::new(Errno::Unsupported, fault.to_string()))
                    }
                };
                cx.inner_mut().core.answer(asker, answer);
            }
        }
        if cx.is_killed() {
            break;
        }
    }
    Ok(())
}

/// The task goes on as the current version of its module, if that takes its state.
fn upgrade(body: &mut Box<dyn Task>, cx: &mut Context) -> Result<(), Fault> {
    let Some(module) = cx.inner().cell.module.clone() else {
        return Ok(());
    };
    let shared = std::sync::Arc::clone(&cx.inner().core.shared);
    let before = body.version();
    let Some(current) = shared.modules.current(&module) else {
        return Ok(());
    };
    if current == before {
        return Ok(());
    }
    let begin_ns = shared.clock.now_ns();
    let state = match save(body, cx)? {
        Ok(state) => state,
        Err(Unsaved::NotNow(fault)) => {
            tracing::debug!(task = %cx.task(), name = cx.name(), "not upgraded yet: {fault}");
            cx.inner_mut().cell.order_upgrade();
            return Ok(());
        }
        Err(unsaved) => {
            refused(cx, &module, (before, current), &unsaved.to_string());
            return Ok(());
        }
    };
    match successor(cx, state, Verdict::Keep, instance) {
        Ok(made) => drop_guarded(std::mem::replace(body, made), cx),
        // Not the new version's fault: the task is about to end.
        Err(_) if cx.is_killed() => return Ok(()),
        Err(fault) => {
            refused(cx, &module, (before, current), &fault.to_string());
            return Ok(());
        }
    }
    let pause_ns = shared.clock.now_ns() - begin_ns;
    let version = body.version();
    note_version(body.as_ref(), cx);
    let stats = &cx.inner().cell.stats;
    stats.upgrades.add(1);
    stats.pause_ns.set(pause_ns);
    shared.versions.upgraded(&module, version, pause_ns);
    let (task, name, core) = (cx.task(), cx.name(), cx.core());
    let pause_us = pause_ns / 1000;
    tracing::info!(%task, name, %core, "upgraded from version {before} to {version}, paused for {pause_us} us");
    Ok(())
}

/// Whether the task could go on as this version. The outer error is the task's end.
fn attempt(
    body: &mut Box<dyn Task>,
    cx: &mut Context,
    candidate: &Candidate,
) -> Result<Result<(), Fault>, Fault> {
    let state = match save(body, cx)? {
        Ok(state) => state,
        Err(Unsaved::NotNow(fault)) => {
            let text = format!("not at this moment: {}", fault.message);
            return Ok(Err(Fault::new(fault.kind, text)));
        }
        Err(Unsaved::Never(fault) | Unsaved::Ended(fault)) => return Ok(Err(fault)),
    };
    let limits = cx.limits();
    let made = successor(cx, state, Verdict::Undo, |_| candidate.make(&limits));
    Ok(made.map(|made| drop_guarded(made, cx)))
}

/// The state of a task, or why there is none; the outer error is the task's end.
fn save(body: &mut Box<dyn Task>, cx: &mut Context) -> Result<Result<SavedState, Unsaved>, Fault> {
    match guarded(cx, |cx| Ok(body.save(cx)))? {
        Err(Unsaved::Ended(fault)) => Err(fault),
        other => Ok(other),
    }
}

/// Another instance that has restored the state, `then` to be kept or only to have been tried.
fn successor(
    cx: &mut Context,
    state: SavedState,
    then: Verdict,
    make: impl FnOnce(&mut Context) -> Result<Box<dyn Task>, Fault>,
) -> Result<Box<dyn Task>, Fault> {
    let memory_bytes = cx.inner().cell.stats.memory_bytes.get();
    cx.begin_trial();
    let made = guarded(cx, |cx| {
        let mut made = make(cx)?;
        match guarded(cx, |cx| made.restore(cx, state)) {
            Ok(()) if cx.is_overdue() => {
                drop_guarded(made, cx);
                Err(overdue())
            }
            Ok(()) => Ok(made),
            Err(fault) => {
                drop_guarded(made, cx);
                Err(fault)
            }
        }
    });
    let kept = made.is_ok() && then == Verdict::Keep;
    cx.end_trial(if kept { Verdict::Keep } else { Verdict::Undo });
    if !kept {
        // It has this memory already: what the kernel counts meanwhile cannot take it away.
        let _ = cx.memory_used(memory_bytes);
    }
    made
}

/// The fault of an instance that has taken too long to restore.
fn overdue() -> Fault {
    let text = format!("restore took more than {RESTORE_CPU_MS_MAX} ms");
    Fault::new(FaultKind::Limit, text)
}

/// A task of the current version of this task's module, not begun.
fn instance(cx: &mut Context) -> Result<Box<dyn Task>, Fault> {
    let inner = cx.inner();
    let Some(module) = &inner.cell.module else {
        return Err(Fault::new(FaultKind::Host, "a task of no module"));
    };
    let program = Program::Module(module.clone());
    inner
        .core
        .shared
        .modules
        .instantiate(&program, &inner.cell.limits)
}

/// Drops an instance; a panic over that is nobody else's business.
fn drop_guarded(body: Box<dyn Task>, cx: &mut Context) {
    let dropped = guarded(cx, |_| {
        drop(body);
        Ok(())
    });
    if let Err(fault) = dropped {
        tracing::warn!(task = %cx.task(), "an instance panicked as it was dropped: {fault}");
    }
}

fn refused(cx: &mut Context, module: &str, (before, current): (u32, u32), why: &str) {
    let (task, name, core) = (cx.task(), cx.name(), cx.core());
    tracing::warn!(%task, name, %core, "stays at version {before}, {current} was refused: {why}");
    let versions = &cx.inner().core.shared.versions;
    versions.refused(module, current, why);
}

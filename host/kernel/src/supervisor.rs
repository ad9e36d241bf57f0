//! A supervisor: a task that starts others, is told how they end, and starts them again.
//!
//! A child is taken as started when its `init` has succeeded, and a supervisor when all its children are: until
//! then the next one waits. What is to be done is decided by [`crate::restart`], which knows no kernel; here it is carried out. A
//! supervisor is a task like any other: it can be seen, killed, monitored, and be the child of another
//! supervisor. It holds no handle of a ring: the ends that its children were granted lie where they lay, under its
//! name, while no child has them (see [`crate::keep`]).
//!
//! Invariants: a supervisor that ends has ended its children before, in the opposite order of their
//! start, unless the kernel halts; what it kept is handed to the supervisor above it, or goes.

use crate::capability::{Armed, Grant, Object, ReplyState};
use crate::cell::{Begun, Kill};
use crate::context::{Context, Inner};
use crate::exit::{Exit, Notice};
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::keep::News;
use crate::message::Message;
use crate::names::Named;
use crate::pending::Pending;
use crate::restart::{Action, Ended, Event, Machine, Policy, Restart, Verdict};
use crate::spawn::{Keeper, Keeps, Lives, Spawn};
use crate::task::{Ending, Fault, FaultKind, Outcome, Task};
use crate::tree::{Run, TIMERS, Tree};
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The task.
pub(crate) struct Supervisor {
    tree: Tree,
    machine: Machine,
    lives: Vec<Life>,
    events: VecDeque<Event>,
    /// The child that is being started, and where the answer will be.
    starting: Option<(usize, Handle)>,
    timer: Option<Handle>,
    verdict: Option<Verdict>,
    released: Released,
}

/// Whether a supervisor that ends has given up what it kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Released {
    Yes,
    No,
}

/// What is known of a child's lives.
#[derive(Default)]
struct Life {
    task: Option<TaskId>,
    /// Where the last one ended: it may have moved, and its rings with it.
    core: Option<CoreId>,
    /// How the last one ended.
    last: Option<Arc<Exit>>,
    /// Why the last start failed, if it did.
    refusal: String,
}

impl Supervisor {
    pub(crate) fn new(tree: Tree) -> Supervisor {
        let restarts = tree.children.iter().map(|child| child.restart);
        let mut machine = Machine::new(tree.policy, restarts);
        for (place, child) in tree.children.iter().enumerate() {
            if child.finished.load(Ordering::Relaxed) {
                machine.finish(place);
            }
        }
        Supervisor {
            machine,
            lives: tree.children.iter().map(|_| Life::default()).collect(),
            events: VecDeque::from([Event::Begin]),
            starting: None,
            timer: None,
            verdict: None,
            released: Released::No,
            tree,
        }
    }

    /// Takes note of what has happened and does what follows from it, until there is nothing to do but wait.
    fn drive(&mut self, cx: &mut Context) {
        while let Some(event) = self.next_event(cx) {
            let now_ns = cx.supervisor_clock_ns();
            let mut actions = Vec::new();
            self.machine.event(now_ns, event, &mut actions);
            for action in actions {
                self.carry_out(cx, action, now_ns);
            }
        }
        if self.machine.is_up() {
            cx.has_begun();
        }
    }

    fn next_event(&mut self, cx: &mut Context) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if let Some((child, handle)) = self.starting {
            // What is told of a child that has moved may come before the answer that there is one.
            let answer = cx.take_answer(handle)?;
            self.starting = None;
            return Some(self.spawned(cx, child, answer));
        }
        while let Some(news) = cx.take_news() {
            match news {
                News::Ended {
                    child,
                    begun,
                    notice,
                } => return Some(self.exited(child, begun, notice)),
                News::Begun(task) => {
                    if let Some(child) = self.child_of(task) {
                        return Some(self.started(cx, child, task));
                    }
                }
            }
        }
        if let Some(timer) = self.timer
            && cx.timer_take(timer).is_ok()
        {
            self.drop_timer(cx);
            return Some(Event::Due);
        }
        None
    }

    fn spawned(&mut self, cx: &mut Context, child: usize, answer: Value) -> Event {
        let life = &mut self.lives[child];
        life.refusal = match answer {
            Value::Int(number) if let Some(task) = TaskId::from_number(number) => {
                life.task = Some(task);
                return Event::Spawned(child);
            }
            Value::Error(text) => text,
            other => format!("spawn answered {other:?}"),
        };
        let name = &self.tree.children[child].name;
        tracing::warn!(supervisor = %cx.task(), child = name, "not started: {}", life.refusal);
        Event::NotStarted(child)
    }

    fn child_of(&self, task: TaskId) -> Option<usize> {
        self.lives.iter().position(|life| life.task == Some(task))
    }

    fn started(&mut self, cx: &mut Context, child: usize, task: TaskId) -> Event {
        let spec = &self.tree.children[child];
        // A supervisor names itself.
        if let (Some(path), Run::Program(_) | Run::Native(_)) = (&self.tree.name, &spec.run) {
            cx.give_name(&format!("{path}.{}", spec.name), task);
        }
        Event::Started(child)
    }

    fn exited(&mut self, child: usize, begun: Begun, notice: Notice) -> Event {
        let ended = if notice.exit.is_orderly() {
            Ended::Well
        } else {
            Ended::Badly
        };
        if let Some(life) = self.lives.get_mut(child) {
            life.task = None;
            life.core = Some(notice.core);
            life.refusal = notice.exit.to_string();
            life.last = Some(Arc::new(notice.exit));
        }
        let exited = Event::Exited(child, ended);
        if begun != Begun::Yes {
            return exited;
        }
        // If that is news, it was told from another core.
        self.events.push_back(exited);
        Event::Started(child)
    }

    fn carry_out(&mut self, cx: &mut Context, action: Action, now_ns: u64) {
        match action {
            Action::Start(child) => match cx.begin_spawn(self.order(cx, child)) {
                Ok(handle) => self.starting = Some((child, handle)),
                Err(errno) => {
                    self.lives[child].refusal = format!("spawn: {errno}");
                    self.events.push_back(Event::NotStarted(child));
                }
            },
            Action::End(child) => {
                if let Some(task) = self.lives[child].task {
                    cx.begin_end(task);
                }
            }
            Action::Release(child) => {
                let child = &self.tree.children[child];
                child.finished.store(true, Ordering::Relaxed);
                let mut ends = Vec::new();
                child.endpoints(&mut ends);
                cx.begin_release(&ends, None);
            }
            Action::Wait(at_ns) => {
                self.drop_timer(cx);
                let delay_ns = at_ns.saturating_sub(now_ns);
                let timers = cx.grant(TIMERS);
                match timers.and_then(|timers| cx.timer_set(timers, delay_ns, 0)) {
                    Ok(timer) => self.timer = Some(timer),
                    // Without a timer there is no waiting.
                    Err(_) => self.events.push_back(Event::Due),
                }
            }
            Action::Finish(verdict) => self.verdict = Some(verdict),
        }
    }

    fn order(&self, cx: &Context, child: usize) -> (CoreId, Spawn) {
        let spec = &self.tree.children[child];
        let mut grants = spec.grants.clone();
        if matches!(spec.run, Run::Supervisor(_)) {
            grants.push((TIMERS.to_string(), Grant::Timers));
        }
        let restarts = self.machine.starts(child);
        let life = &self.lives[child];
        if restarts > 0 {
            let name = &spec.name;
            tracing::info!(supervisor = %cx.task(), child = name, restarts, "started again");
        }
        let spawn = Spawn {
            name: spec.name.clone(),
            body: spec.body(self.tree.name.as_deref()),
            grants,
            args: spec.args.clone(),
            limits: spec.limits,
            weight: spec.weight,
            parent: Some(cx.task()),
            seed: spec.seed,
            pinned: spec.pinned,
            outlet: cx.inner().cell.outlet,
            account: cx.inner().cell.account.clone(),
            keeper: Some(Keeper {
                supervisor: cx.task(),
                child,
                keeps: match spec.restart {
                    Restart::Permanent | Restart::Transient => Keeps::Rings,
                    Restart::Temporary => Keeps::Nothing,
                },
            }),
            restarts,
            last: life.last.clone(),
            sources: spec.sources.clone(),
            lives: Some(Lives::clone(&spec.lives)),
        };
        (life.core.unwrap_or(spec.core), spawn)
    }

    fn drop_timer(&mut self, cx: &mut Context) {
        if let Some(timer) = self.timer.take() {
            // Its handle is this task's own.
            let _ = cx.close(timer);
        }
    }

    /// Whether a supervisor that is about to end has given up what it kept.
    fn has_released(&mut self, cx: &mut Context) -> bool {
        if self.released == Released::No {
            self.released = Released::Yes;
            let mut ends = Vec::new();
            let children = self.tree.children.iter();
            children.for_each(|child| child.endpoints(&mut ends));
            let heir = match cx.inner().cell.keeper {
                Some(keeper) if keeper.keeps == Keeps::Rings => Some(keeper.supervisor),
                _ => None,
            };
            cx.begin_release(&ends, heir);
        }
        cx.inner().cell.requests_count == 0
    }

    /// Arms the task for all that it waits for.
    fn arm(&mut self, cx: &mut Context) {
        let handles = self.starting.map(|(_, handle)| handle);
        for handle in handles.into_iter().chain(self.timer) {
            // What is there already wakes the task at once.
            let _ = cx.wait(handle, 0);
        }
        cx.wait_for_news();
    }

    fn fault(&self, verdict: Verdict) -> Option<Fault> {
        match verdict {
            Verdict::Done | Verdict::Stopped => None,
            Verdict::NotStarted(child) => {
                let name = &self.tree.children[child].name;
                let text = format!(
                    "child {name} could not be started: {}",
                    self.lives[child].refusal
                );
                Some(Fault::new(FaultKind::Refused, text))
            }
            Verdict::GaveUp(child) => {
                let name = &self.tree.children[child].name;
                let life = &self.lives[child];
                let last = match &life.last {
                    Some(exit) => exit.to_string(),
                    None => life.refusal.clone(),
                };
                let Policy {
                    intensity,
                    period_ns,
                    ..
                } = self.tree.policy;
                let period_ms = period_ns / 1_000_000;
                let text = format!(
                    "more than {intensity} restarts within {period_ms} ms; child {name} ended last: {last}"
                );
                Some(Fault::new(FaultKind::Limit, text))
            }
        }
    }
}

impl Task for Supervisor {
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        if let Some(name) = self.tree.name.clone() {
            cx.give_name(&name, cx.task());
        }
        cx.begin_later();
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        self.drive(cx);
        if let Some(verdict) = self.verdict
            && self.has_released(cx)
        {
            return match self.fault(verdict) {
                None => Outcome::End,
                Some(fault) => Outcome::Err(fault),
            };
        }
        self.arm(cx);
        Outcome::Yield
    }

    fn ending(&mut self, cx: &mut Context, exit: &Exit) -> Ending {
        if *exit == Exit::Halted {
            return Ending::Ready;
        }
        if self.verdict.is_none() {
            self.events.push_back(Event::Stop);
        }
        self.drive(cx);
        if self.verdict.is_some() && self.has_released(cx) {
            return Ending::Ready;
        }
        self.arm(cx);
        Ending::NotYet
    }
}

/// What a supervisor may do that no other task may.
impl Context {
    fn supervisor_clock_ns(&mut self) -> u64 {
        self.inner_mut().core.read_clock()
    }

    /// What has happened to a child.
    fn take_news(&mut self) -> Option<News> {
        self.inner_mut().cell.news.pop_front()
    }

    /// The task has not begun with the end of its `init`.
    fn begin_later(&mut self) {
        self.inner_mut().cell.begun = Begun::Later;
    }

    /// It has begun now.
    fn has_begun(&mut self) {
        let Inner { core, cell } = self.inner_mut();
        core.has_begun(cell);
    }

    /// Arms the task for news of a child, or an answer to what it has asked for.
    fn wait_for_news(&mut self) {
        // No handle stands for it.
        self.inner_mut().cell.armed.push((Handle(0), 0));
    }

    /// Orders a task; its number, or why there is none, will be the reply of the handle.
    fn begin_spawn(&mut self, (to, spawn): (CoreId, Spawn)) -> Result<Handle, Errno> {
        let Inner { core, cell } = self.inner_mut();
        let handle = cell.handles.insert(Object::Reply(ReplyState {
            reply: None,
            armed: Armed::No,
            waits: None,
        }))?;
        cell.requests_count += 1;
        core.shared.directory.spawn_begins();
        let task = cell.id;
        let pending = Pending::SpawnReply { task, handle };
        core.ask(to, Message::Spawn(Box::new(spawn)), pending);
        Ok(handle)
    }

    /// Takes the reply of a handle, which is closed then.
    fn take_answer(&mut self, handle: Handle) -> Option<Value> {
        let answer = Value::decode(self.reply(handle).ok()?);
        let closed = self.close(handle);
        match (answer, closed) {
            (Ok(value), Ok(())) => Some(value),
            (Err(error), _) => Some(Value::Error(error.to_string())),
            (_, Err(errno)) => Some(Value::Error(errno.to_string())),
        }
    }

    /// Orders a child to end; a notice will tell when it has.
    fn begin_end(&mut self, task: TaskId) {
        let Inner { core, .. } = self.inner_mut();
        // One that is not there any more has told of its end.
        if let Some(info) = core.shared.directory.task(task) {
            let message = Message::End(task, Kill::Shutdown);
            core.ask(info.core, message, Pending::Nobody);
        }
    }

    /// Gives up ends that this supervisor keeps: publishers first, so that readers drain them.
    fn begin_release(&mut self, ends: &[EndpointId], heir: Option<TaskId>) {
        let Inner { core, cell } = self.inner_mut();
        let known = ends
            .iter()
            .filter_map(|id| Some((*id, core.shared.directory.endpoint(*id)?)));
        let mut known: Vec<_> = known.collect();
        known.sort_by_key(|(_, info)| info.is_subscriber());
        for (endpoint, info) in known {
            let Some(home) = info.home else {
                continue;
            };
            cell.requests_count += 1;
            let message = Message::Release {
                endpoint,
                holder: cell.id,
                heir,
            };
            core.ask(home, message, Pending::Released { task: cell.id });
        }
    }

    /// Enters a task into the registry of names, if the name is free.
    fn give_name(&mut self, name: &str, task: TaskId) {
        let Inner { core, .. } = self.inner_mut();
        // A task that has ended already needs no name.
        if let Err(refusal) = core.give_name(name, Named::Task(task))
            && refusal.errno != Errno::NotFound
        {
            tracing::warn!(%task, "{refusal}");
        }
    }
}

//! Requests, carried out: by a task with the right to, or by a foreign thread's control.
//!
//! What concerns another core is sent there; tables are made from the directory at once.
//!
//! The right to spawn is less than the right to make every request: such a task may make rings,
//! subscribe to rings that it made or holds an end of, spawn tasks with nothing that it does
//! not have itself, kill the tasks that it spawned, and take their grants back.

use crate::capability::Object;
use crate::capability_view;
use crate::cell::Cell;
use crate::core::Core;
use crate::derivation::Standing;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::inbox::{Post, ValueDone};
use crate::io::select::no_selector;
use crate::limit_request::limits_table;
use crate::message::{Message, QosChange};
use crate::pending::{Answer, Pending, to_value};
use crate::program::Program;
use crate::refusal::Refusal;
use crate::request::{Order, Request};
use crate::spawn::{Body, Spawn};
use crate::supervise::{self, Waited};
use crate::versions;
use crate::views;
use okernel_abi::layout::HandleKind;
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};

/// Characters of a program's source that make the name of its task.
const CODE_NAME_CHARS: usize = 32;

/// What is to be done for a request.
enum Action {
    /// The answer is here.
    Answer(Answer),
    /// Another core (or this one, over the bus) answers.
    Ask(CoreId, Message),
    /// As Ask, and the task that will be counts as alive already.
    AskSpawn(CoreId, Message),
    /// The asking task wants to hold an endpoint.
    Attach(EndpointId),
    /// The answer comes when something has happened.
    Wait(Waited),
    /// The capabilities with these numbers are taken back.
    Revoke(Vec<u64>),
}

fn refuse(errno: Errno, text: impl Into<String>) -> Refusal {
    Refusal::new(errno, text)
}

impl Core {
    /// Begins to carry out a task's request, in the middle of the task's call.
    pub(crate) fn begin_request(
        &mut self,
        cell: &mut Cell,
        right: HandleKind,
        handle: Handle,
        request: &Value,
    ) {
        let task = cell.id;
        let action = Request::decode(request).and_then(|request| {
            if right != HandleKind::System {
                self.check_right(cell, &request)?;
            }
            self.action(request, Some(cell))
        });
        let answer = match action {
            Ok(Action::Ask(core, message)) => {
                return self.ask(core, message, Pending::Reply { task, handle });
            }
            Ok(Action::AskSpawn(core, message)) => {
                self.shared.directory.spawn_begins();
                return self.ask(core, message, Pending::SpawnReply { task, handle });
            }
            Ok(Action::Attach(id)) => match self.home_for_attach(id) {
                Ok(home) if home == self.id => self.attach(cell, id).map(Answer::Value),
                Ok(home) => {
                    let asker = Some(cell.id);
                    let endpoint = id;
                    let message = Message::Migrate { endpoint, asker };
                    return self.ask(home, message, Pending::Attach { task, handle });
                }
                Err(refusal) => Err(refusal),
            },
            Ok(Action::Wait(waited)) => {
                let ask = self.pending.insert(Pending::Reply { task, handle });
                let begun = self.begin_wait(&waited, ask);
                if let Ok(None) = begun {
                    if let Ok(Object::Reply(state)) = cell.handles.get_mut(handle) {
                        state.waits = Some(ask);
                    }
                    return;
                }
                self.pending.remove(ask);
                begun.map(|value| Answer::Value(value.unwrap_or(Value::Nil)))
            }
            Ok(Action::Revoke(ended)) => {
                let pending = Pending::Reply { task, handle };
                return self.end_grants(ended, Standing::Revoked, pending);
            }
            Ok(Action::Answer(answer)) => Ok(answer),
            Err(refusal) => Err(refusal),
        };
        cell.reply(handle, answer);
    }

    /// Begins to carry out a foreign thread's request.
    pub(crate) fn control_request(&mut self, request: &Value, done: ValueDone) {
        let action = Request::decode(request).and_then(|request| self.action(request, None));
        match action {
            Ok(Action::Ask(core, message)) => self.ask(core, message, Pending::Control(done)),
            Ok(Action::AskSpawn(core, message)) => {
                self.shared.directory.spawn_begins();
                self.ask(core, message, Pending::ControlSpawn(done));
            }
            Ok(Action::Attach(_)) => done(
                refuse(
                    Errno::Unsupported,
                    "attach: only a task can hold an endpoint",
                )
                .to_value(),
            ),
            Ok(Action::Wait(waited)) => {
                let ask = self.pending.insert(Pending::Control(done));
                match self.begin_wait(&waited, ask) {
                    Ok(None) => {}
                    Ok(Some(value)) => self.answered(ask, Ok(Answer::Value(value))),
                    Err(refusal) => self.answered(ask, Err(refusal)),
                }
            }
            Ok(Action::Revoke(ended)) => {
                self.end_grants(ended, Standing::Revoked, Pending::Control(done));
            }
            Ok(Action::Answer(Answer::Value(value))) => done(value),
            Ok(Action::Answer(_)) => done(Value::Nil),
            Err(refusal) => done(refusal.to_value()),
        }
    }

    fn action(&mut self, request: Request, cell: Option<&mut Cell>) -> Result<Action, Refusal> {
        let creator = cell.as_ref().map(|cell| cell.id);
        let value = |value| Ok(Action::Answer(Answer::Value(value)));
        match request {
            Request::Pub {
                core,
                capacity_bytes,
            } => {
                let message = Message::Pub {
                    capacity_bytes,
                    creator,
                };
                Ok(Action::Ask(self.core_named("pub", core)?, message))
            }
            Request::Sub { core, ring, policy } => {
                let message = Message::Sub {
                    ring,
                    policy,
                    creator,
                };
                Ok(Action::Ask(self.core_named("sub", core)?, message))
            }
            Request::Attach(id) => Ok(Action::Attach(id)),
            Request::Spawn(order) => {
                let core = self.core_named("spawn", order.core)?;
                if let Some(creator) = creator {
                    let now_ns = self.shared.clock.now_ns();
                    self.shared.directory.spawns(creator, now_ns)?;
                }
                let spawn = self.prepare(*order, cell)?;
                Ok(Action::AskSpawn(core, Message::Spawn(Box::new(spawn))))
            }
            Request::Load { name, path, class } => {
                let class = class.unwrap_or_else(|| self.shared.modules.class_of(&name));
                Ok(Action::Ask(self.id, Message::Load { name, path, class }))
            }
            Request::Check { name, path } => {
                Ok(Action::Ask(self.id, Message::Check { name, path }))
            }
            Request::Move { task, core } => {
                let to = self.core_named("move", core)?;
                match self.shared.directory.task(task) {
                    Some(info) => Ok(Action::Ask(info.core, Message::Move { task, to })),
                    None => Err(self.no_task("move", task)),
                }
            }
            Request::Versions => value(versions::table(&self.shared)),
            Request::Rollback(name) => self
                .rollback(&name)
                .map(|version| Action::Answer(Answer::Value(Value::Int(version.into())))),
            Request::Write(writing) => Ok(Action::Ask(self.id, Message::Write(writing))),
            Request::Read(path) => Ok(Action::Ask(self.id, Message::Read(path))),
            Request::Kill(task) if creator == Some(task) => Err(refuse(
                Errno::Invalid,
                format!("kill: task {task} is the one that asks; halt stops the kernel"),
            )),
            Request::Kill(task) => match self.shared.directory.task(task) {
                Some(info) => Ok(Action::Ask(info.core, Message::Kill(task))),
                None => Err(self.no_task("kill", task)),
            },
            Request::Stats { period_ms } => {
                Ok(Action::Ask(CoreId::BOOT, Message::Stats { period_ms }))
            }
            Request::Ps(None) => value(views::tasks(&self.shared)),
            Request::Ps(Some(task)) => match self.shared.directory.task(task) {
                Some(info) => value(limits_table(&self.shared, &info)),
                None => Err(self.no_task("ps", task)),
            },
            Request::Rings => value(views::rings(&self.shared)),
            Request::Cores => value(views::cores(&self.shared)),
            Request::Modules => value(views::modules(&self.shared)),
            Request::QosCore { core, quanta } => {
                let message = Message::Qos(QosChange::Core(quanta));
                Ok(Action::Ask(self.core_named("qos", core)?, message))
            }
            Request::QosTask { task, weight } => match self.shared.directory.task(task) {
                Some(info) => {
                    let message = Message::Qos(QosChange::Task { task, weight });
                    Ok(Action::Ask(info.core, message))
                }
                None => Err(self.no_task("qos", task)),
            },
            Request::Halt(status) => {
                // Not at once: the asking task is in the middle of a call.
                self.shared.signals[CoreId::BOOT.index()].post(Post::Halt(status));
                value(Value::Nil)
            }
            Request::Select { core, mut order } => {
                order.creator = creator;
                let core = self.core_named("select", core)?;
                Ok(Action::Ask(core, Message::Select(order)))
            }
            Request::Drop(id) => match self.shared.directory.selector(id) {
                Some(info) => Ok(Action::Ask(info.core, Message::Drop(id))),
                None => Err(no_selector(id)),
            },
            Request::Selectors => value(views::selectors(&self.shared)),
            Request::Supervise { core, tree } => {
                let (core, message) = self.supervise(core, *tree, cell)?;
                Ok(Action::AskSpawn(core, message))
            }
            Request::Monitor(task) if creator == Some(task) => Err(refuse(
                Errno::Invalid,
                format!("monitor: task {task} is the one that asks"),
            )),
            Request::Monitor(task) => Ok(Action::Wait(Waited::End(task))),
            Request::Link(pair) => {
                self.link(pair, cell.as_deref())?;
                value(Value::Nil)
            }
            Request::Unlink(pair) => {
                self.unlink(pair, cell.as_deref())?;
                value(Value::Nil)
            }
            Request::Name(name, named) => {
                self.give_name(&name, named)?;
                value(Value::Symbol(name))
            }
            Request::Unname(kind, name) => {
                self.shared.directory.unname(kind, &name)?;
                value(Value::Nil)
            }
            Request::Find(kind, name) => {
                let found = self.shared.directory.find(kind, &name);
                value(found.map_or(Value::Nil, |named| Value::Int(named.number())))
            }
            Request::Await(kind, name) => Ok(Action::Wait(Waited::Name(kind, name))),
            Request::Names => value(views::names(&self.shared)),
            Request::Revoke { task, name } => {
                self.held_as(task, name.as_deref()).map(Action::Revoke)
            }
            Request::Caps(None) => {
                let all = self.shared.capabilities.all();
                value(capability_view::table(&self.shared, &all))
            }
            Request::Caps(Some(task)) => match self.shared.directory.task(task) {
                Some(_) => {
                    let held = self.shared.capabilities.of(task);
                    value(capability_view::table(&self.shared, &held))
                }
                None => Err(self.no_task("caps", task)),
            },
        }
    }

    /// The numbers of the capabilities that a task holds under a name, or of all of them.
    fn held_as(&self, task: TaskId, name: Option<&str>) -> Result<Vec<u64>, Refusal> {
        if self.shared.directory.task(task).is_none() {
            return Err(self.no_task("revoke", task));
        }
        let held = self.shared.capabilities.of(task);
        let named = |other: &str| name.is_none_or(|name| name == other);
        let ended: Vec<u64> = held
            .iter()
            .filter(|capability| named(&capability.name))
            // A supervised task does not get it back by being started again.
            .map(|capability| capability.first_life.unwrap_or(capability.id))
            .collect();
        if let Some(name) = name
            && ended.is_empty()
        {
            let mut known: Vec<&str> = held.iter().map(|held| held.name.as_str()).collect();
            known.retain(|known| !known.is_empty());
            let has = match known.as_slice() {
                [] => "it has none".to_string(),
                known => format!("it has: {}", known.join(" ")),
            };
            let text = format!("revoke: task {task} has no grant {name} ({has})");
            return Err(refuse(Errno::NotFound, text));
        }
        Ok(ended)
    }

    pub(crate) fn core_named(&self, op: &str, number: i64) -> Result<CoreId, Refusal> {
        self.shared.core(number).ok_or_else(|| {
            let last = self.shared.cores_count() - 1;
            refuse(
                Errno::NotFound,
                format!("{op}: there is no core {number}, the last one is {last}"),
            )
        })
    }

    fn home_for_attach(&self, id: EndpointId) -> Result<CoreId, Refusal> {
        self.shared.not_the_feed("attach", id)?;
        let Some(info) = self.shared.directory.endpoint(id) else {
            return Err(refuse(
                Errno::NotFound,
                format!("attach: there is no endpoint {id}"),
            ));
        };
        info.home.ok_or_else(|| {
            refuse(
                Errno::Busy,
                format!("attach: endpoint {id} is closed, or on its way to another core"),
            )
        })
    }

    /// Makes of an order what is sent to the task's core: files are opened, and what the spawner
    /// holds itself and passes on is taken from it now, while it cannot use it.
    pub(crate) fn prepare(
        &mut self,
        order: Order,
        cell: Option<&mut Cell>,
    ) -> Result<Spawn, Refusal> {
        let (limits, weight) = self.limits_of(&order, cell.as_deref());
        let (mut grants, mut sources) = (Vec::new(), Vec::new());
        for (name, wanted) in order.grants {
            let (grant, source) = self.grant_of(cell.as_deref(), &name, wanted)?;
            grants.push((name, grant));
            sources.push(source);
        }
        let parent = cell.as_ref().map(|cell| cell.id);
        let outlet = cell.as_ref().map(|cell| cell.outlet).unwrap_or_default();
        let account = cell.as_ref().and_then(|cell| cell.account.clone());
        if let Some(cell) = cell {
            for (_, grant) in &grants {
                if let Some(id) = grant.endpoint() {
                    self.detach(cell, id);
                }
            }
        }
        let name = match &order.program {
            Program::Module(name) => name.clone(),
            Program::Code(code) => code.trim().chars().take(CODE_NAME_CHARS).collect(),
        };
        Ok(Spawn {
            name,
            body: Body::Program(order.program),
            grants,
            args: order.args,
            limits: Some(limits),
            weight,
            parent,
            seed: order.seed,
            pinned: order.pinned,
            outlet,
            keeper: None,
            restarts: 0,
            last: None,
            sources,
            lives: None,
            account,
        })
    }

    /// What the right to spawn allows.
    fn check_right(&self, cell: &Cell, request: &Request) -> Result<(), Refusal> {
        let denied = |op: &str, what: String| {
            Err(refuse(
                Errno::NotGranted,
                format!("{op}: the right to spawn does not allow {what}"),
            ))
        };
        match request {
            Request::Pub { .. } => Ok(()),
            Request::Sub { ring, .. } if self.may_subscribe(cell, *ring) => Ok(()),
            Request::Sub { ring, .. } => denied("sub", format!("the ring of {ring}")),
            Request::Attach(id) if self.may_hold(cell, *id) => Ok(()),
            Request::Attach(id) => denied("attach", format!("endpoint {id}")),
            Request::Kill(task) => self.check_rule(cell, "kill", *task),
            Request::Monitor(task) => self.check_rule(cell, "monitor", *task),
            Request::Link(pair) | Request::Unlink(pair) => {
                let tasks = pair.one.into_iter().chain([pair.other]);
                tasks
                    .into_iter()
                    .try_for_each(|task| self.check_rule(cell, "link", task))
            }
            Request::Caps(Some(task)) if *task == cell.id => Ok(()),
            Request::Caps(Some(task)) => self.check_rule(cell, "caps", *task),
            Request::Revoke { task, .. } if *task == cell.id => Ok(()),
            Request::Revoke { task, .. } => self.check_rule(cell, "revoke", *task),
            Request::Name(_, named) if self.may_name(cell, *named) => Ok(()),
            Request::Name(name, _) => denied("name", format!("the name {name} for that")),
            Request::Unname(kind, name) if self.may_unname(cell, *kind, name)? => Ok(()),
            Request::Unname(_, name) => denied("unname", format!("the name {name}")),
            Request::Supervise { tree, .. } => {
                let orders = supervise::orders(tree);
                orders
                    .into_iter()
                    .try_for_each(|order| self.check_order(cell, order))
            }
            Request::Spawn(order) => self.check_order(cell, order),
            other => denied("request", operation(other).to_string()),
        }
    }

    /// A task with the right to spawn rules over those that it spawned, and those below them.
    fn check_rule(&self, cell: &Cell, op: &str, task: TaskId) -> Result<(), Refusal> {
        if self.may_rule(cell, task) {
            return Ok(());
        }
        let text = format!(
            "{op}: the right to spawn does not allow task {task}, which another one spawned"
        );
        Err(refuse(Errno::NotGranted, text))
    }

    /// A task with the right to spawn grants no more than it has.
    fn check_order(&self, cell: &Cell, order: &Order) -> Result<(), Refusal> {
        for (name, wanted) in &order.grants {
            if !self.may_grant(cell, wanted) {
                let text = format!(
                    "spawn: the right to spawn does not allow {name}, which the spawner does not have itself"
                );
                return Err(refuse(Errno::NotGranted, text));
            }
        }
        Ok(())
    }
}

impl Cell {
    /// Answers a request of the task at once.
    fn reply(&mut self, handle: Handle, answer: Result<Answer, Refusal>) {
        self.requests_count = self.requests_count.saturating_sub(1);
        if let Ok(Object::Reply(state)) = self.handles.get_mut(handle) {
            state.reply = Some(to_value(answer).to_bytes());
        }
    }
}

fn operation(request: &Request) -> &'static str {
    match request {
        Request::Load { .. } => "load",
        Request::Check { .. } => "check",
        Request::Move { .. } => "move",
        Request::Versions => "versions",
        Request::Rollback(_) => "rollback",
        Request::Read(_) => "read",
        Request::Stats { .. } => "stats",
        Request::Write(_) => "write",
        Request::Ps(_) => "ps",
        Request::Rings => "rings",
        Request::Cores => "cores",
        Request::Modules => "modules",
        Request::QosCore { .. } | Request::QosTask { .. } => "qos",
        Request::Halt(_) => "halt",
        Request::Select { .. } => "select",
        Request::Drop(_) => "drop",
        Request::Selectors => "selectors",
        Request::Find(..) => "find",
        Request::Await(..) => "await",
        Request::Names => "names",
        Request::Caps(_) => "caps",
        _ => "this",
    }
}

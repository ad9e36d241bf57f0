//! What is asked about supervision, carried out: trees, monitors, links, names.

use crate::cell::Cell;
use crate::core::Core;
use crate::envelope::Ask;
use crate::ids::{CoreId, TaskId};
use crate::inbox::Asker;
use crate::message::Message;
use crate::names::{NameKind, Named};
use crate::program::Program;
use crate::refusal::Refusal;
use crate::relations::no_name;
use crate::request::Order;
use crate::spawn::{Outlet, Spawn};
use crate::supervise_request::{ChildOrder, Pair, RunOrder, TreeOrder};
use crate::tree::{Child, Run, Tree};
use okernel_abi::Errno;
use okernel_abi::layout::HandleKind;
use okernel_abi::value::Value;

/// What a task waits for that the directory will know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    /// The end of a task.
    End(TaskId),
    /// Something with this name.
    Name(NameKind, String),
}

fn refuse(errno: Errno, text: impl Into<String>) -> Refusal {
    Refusal::new(errno, text)
}

impl Core {
    /// The order to spawn a supervisor, and where.
    pub(crate) fn supervise(
        &mut self,
        core: Option<i64>,
        tree: TreeOrder,
        mut cell: Option<&mut Cell>,
    ) -> Result<(CoreId, Message), Refusal> {
        let home = match core {
            Some(number) => self.core_named("supervise", number)?,
            None => self.id,
        };
        self.check_children(&tree)?;
        let parent = cell.as_ref().map(|cell| cell.id);
        if let Some(parent) = parent {
            let now_ns = self.shared.clock.now_ns();
            for _ in orders(&tree) {
                self.shared.directory.spawns(parent, now_ns)?;
            }
        }
        let outlet: Outlet = cell.as_ref().map(|cell| cell.outlet).unwrap_or_default();
        let limits = cell.as_ref().map(|cell| cell.limits);
        let tree = self.plant(tree, home, &mut cell)?;
        let mut spawn = Spawn::supervisor(tree);
        (spawn.parent, spawn.outlet) = (parent, outlet);
        spawn.limits = limits;
        spawn.account = cell.as_ref().and_then(|cell| cell.account.clone());
        Ok((home, Message::Spawn(Box::new(spawn))))
    }

    /// Looks up what can be looked up before anything is taken from anybody.
    fn check_children(&self, tree: &TreeOrder) -> Result<(), Refusal> {
        for child in &tree.children {
            if let Some(core) = child.core {
                self.core_named("supervise", core)?;
            }
            match &child.run {
                RunOrder::Supervisor(tree) => self.check_children(tree)?,
                RunOrder::Program(order) => {
                    if let Program::Module(module) = &order.program
                        && !self.shared.modules.list().iter().any(|m| m.name == *module)
                    {
                        let name = &child.name;
                        let text = format!("supervise: child {name}: there is no module {module}");
                        return Err(refuse(Errno::NotFound, text));
                    }
                }
            }
        }
        Ok(())
    }

    fn plant(
        &mut self,
        order: TreeOrder,
        home: CoreId,
        cell: &mut Option<&mut Cell>,
    ) -> Result<Tree, Refusal> {
        let mut children = Vec::with_capacity(order.children.len());
        for child in order.children {
            children.push(self.plant_child(child, home, cell)?);
        }
        Ok(Tree {
            name: order.name,
            policy: order.policy,
            children,
        })
    }

    fn plant_child(
        &mut self,
        order: ChildOrder,
        home: CoreId,
        cell: &mut Option<&mut Cell>,
    ) -> Result<Child, Refusal> {
        let core = match order.core {
            Some(number) => self.core_named("supervise", number)?,
            None => home,
        };
        let mut child = match order.run {
            RunOrder::Supervisor(tree) => {
                let tree = self.plant(*tree, core, cell)?;
                Child::new(&order.name, core, Run::Supervisor(Box::new(tree)))
            }
            RunOrder::Program(program) => self.plant_program(&order.name, core, *program, cell)?,
        };
        child.restart = order.restart;
        Ok(child)
    }

    fn plant_program(
        &mut self,
        name: &str,
        core: CoreId,
        order: Order,
        cell: &mut Option<&mut Cell>,
    ) -> Result<Child, Refusal> {
        let program = order.program.clone();
        let spawn = self
            .prepare(order, cell.as_deref_mut())
            .map_err(|refusal| {
                let text = format!("supervise: child {name}: {}", refusal.text);
                Refusal::new(refusal.errno, text)
            })?;
        let mut child = Child::new(name, core, Run::Program(program));
        (child.grants, child.sources, child.args) = (spawn.grants, spawn.sources, spawn.args);
        (child.limits, child.weight) = (spawn.limits, spawn.weight);
        (child.seed, child.pinned) = (spawn.seed, spawn.pinned);
        Ok(child)
    }

    /// Begins to wait; the answer is there at once if there is nothing to wait for.
    pub(crate) fn begin_wait(
        &mut self,
        waited: &Waited,
        ask: Ask,
    ) -> Result<Option<Value>, Refusal> {
        match waited {
            Waited::End(task) => self.monitor(*task, ask),
            Waited::Name(kind, name) => {
                let asker = Asker { core: self.id, ask };
                let found = self.shared.directory.find_or_wait(*kind, name, asker);
                Ok(found.map(|named| Value::Int(named.number())))
            }
        }
    }

    /// Links two tasks; the one that asks if only one was named.
    pub(crate) fn link(&self, pair: Pair, cell: Option<&Cell>) -> Result<(), Refusal> {
        let one = one_of("link", pair, cell)?;
        if pair.one.is_none() && cell.is_some_and(|cell| cell.has(HandleKind::System)) {
            let text = "link: the shell would end with the task; link two tasks: link[task;task]";
            return Err(refuse(Errno::Invalid, text));
        }
        self.shared.directory.link(one, pair.other)
    }

    pub(crate) fn unlink(&self, pair: Pair, cell: Option<&Cell>) -> Result<(), Refusal> {
        let one = one_of("unlink", pair, cell)?;
        self.shared.directory.unlink(one, pair.other);
        Ok(())
    }

    /// What the right to spawn allows of this: only what concerns the task itself and those below it.
    pub(crate) fn may_rule(&self, cell: &Cell, task: TaskId) -> bool {
        task == cell.id || self.shared.directory.descends(task, cell.id)
    }

    /// Whether a task with the right to spawn may name, or take the name from, this.
    pub(crate) fn may_name(&self, cell: &Cell, named: Named) -> bool {
        match named {
            Named::Task(task) => self.may_rule(cell, task),
            Named::Ring(endpoint) => self.may_subscribe(cell, endpoint),
        }
    }

    /// As [`Core::may_name`], for what has the name now.
    pub(crate) fn may_unname(
        &self,
        cell: &Cell,
        kind: NameKind,
        name: &str,
    ) -> Result<bool, Refusal> {
        match self.shared.directory.find(kind, name) {
            Some(named) => Ok(self.may_name(cell, named)),
            None => Err(no_name("unname", kind, name)),
        }
    }
}

fn one_of(op: &str, pair: Pair, cell: Option<&Cell>) -> Result<TaskId, Refusal> {
    match (pair.one, cell) {
        (Some(task), _) => Ok(task),
        (None, Some(cell)) => Ok(cell.id),
        (None, None) => Err(refuse(
            Errno::Invalid,
            format!("{op}: two tasks are expected from whoever is none"),
        )),
    }
}

/// The orders of all programs in a tree.
pub(crate) fn orders(tree: &TreeOrder) -> Vec<&Order> {
    let children = tree.children.iter();
    let of = children.flat_map(|child| match &child.run {
        RunOrder::Program(order) => vec![&**order],
        RunOrder::Supervisor(tree) => orders(tree),
    });
    of.collect()
}

//! What is said to start a task: at boot, by a control, or by another task.

use crate::capability::Grant;
use crate::cell::Pinned;
use crate::chance::{Chance, GAMMA};
use crate::derivation::Capability;
use crate::exit::Exit;
use crate::ids::TaskId;
use crate::limits::WEIGHT_DEFAULT;
use crate::program::Program;
use crate::share::Account;
use crate::table::Key;
use crate::task::Task;
use crate::task_limits::Limits;
use std::fmt;
use std::sync::{Arc, Mutex};

/// What the task runs.
pub enum Body {
    /// Native code.
    Native(Box<dyn Task>),
    /// A program that the core's CPU instantiates.
    Program(Program),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Native(_) => f.write_str("native"),
            Body::Program(program) => program.fmt(f),
        }
    }
}

/// A task to be started.
#[derive(Debug)]
pub struct Spawn {
    /// Its name in lists and logs; names need not be unique.
    pub name: String,
    /// What it runs.
    pub body: Body,
    /// What it may use, by name.
    pub grants: Vec<(String, Grant)>,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it may use at most; None takes the kernel's.
    pub limits: Option<Limits>,
    /// Its weight among the tasks of its core.
    pub weight: u32,
    /// The task that spawned it.
    pub parent: Option<TaskId>,
    /// The seed of its random numbers; None makes one from the task's number.
    pub seed: Option<u64>,
    /// Whether it stays on the core where it begins.
    pub(crate) pinned: Pinned,
    /// Where its console output goes.
    pub(crate) outlet: Outlet,
    /// The account of its spawner's hard share of a core.
    pub(crate) account: Option<Arc<Account>>,
    /// The supervisor that starts it again.
    pub(crate) keeper: Option<Keeper>,
    /// How often it was started before.
    pub(crate) restarts: u64,
    /// How it ended the last time.
    pub(crate) last: Option<Arc<Exit>>,
    /// What its grants are derived from, in their order; those that are missing begin lines of their own.
    pub(crate) sources: Vec<Option<Arc<Capability>>>,
    /// The grants of the task's lives, for one that is started again.
    pub(crate) lives: Option<Lives>,
}

/// The capabilities of the first life of a supervised task, in the order of its grants. Those of the
/// later ones are derived from them: what is used up, expired or taken back stays so.
pub(crate) type Lives = Arc<Mutex<Vec<Arc<Capability>>>>;

/// A supervisor, as its child knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Keeper {
    pub(crate) supervisor: TaskId,
    /// The child's place in the supervisor's list.
    pub(crate) child: usize,
    pub(crate) keeps: Keeps,
}

/// What becomes of the ends of rings that a supervised task was granted, when it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keeps {
    /// The supervisor keeps them as they are for the next start.
    Rings,
    /// They go as those of any other task: it will not be started again.
    Nothing,
}

/// The seed of a task that was given none: its number, with all bits stirred.
pub(crate) fn seed_of(task: TaskId) -> u64 {
    Chance::new((task.number() as u64).wrapping_mul(GAMMA)).next_u64()
}

/// Where a task's console output goes. Tasks that it spawns have the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Outlet {
    /// To the kernel's console.
    #[default]
    Console,
    /// To the selector in this slot of the boot core, as long as it is there; then nowhere.
    Slot(Key),
}

impl Spawn {
    fn new(name: &str, body: Body) -> Spawn {
        Spawn {
            name: name.to_string(),
            body,
            grants: Vec::new(),
            args: Vec::new(),
            limits: None,
            weight: WEIGHT_DEFAULT,
            parent: None,
            seed: None,
            pinned: Pinned::No,
            outlet: Outlet::default(),
            keeper: None,
            restarts: 0,
            last: None,
            sources: Vec::new(),
            lives: None,
            account: None,
        }
    }

    /// Native code, without grants.
    pub fn native(name: &str, task: Box<dyn Task>) -> Spawn {
        Spawn::new(name, Body::Native(task))
    }

    /// A program, without grants.
    pub fn program(name: &str, program: Program) -> Spawn {
        Spawn::new(name, Body::Program(program))
    }

    /// One more grant.
    #[must_use]
    pub fn grant(mut self, name: &str, grant: Grant) -> Spawn {
        self.grants.push((name.to_string(), grant));
        self
    }

    /// These arguments.
    #[must_use]
    pub fn args(mut self, args: Vec<String>) -> Spawn {
        self.args = args;
        self
    }

    /// This weight.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Spawn {
        self.weight = weight;
        self
    }

    /// It stays on the core where it begins: nobody can move it.
    #[must_use]
    pub fn pinned(mut self) -> Spawn {
        self.pinned = Pinned::Yes;
        self
    }

    /// These limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Spawn {
        self.limits = Some(limits);
        self
    }
}

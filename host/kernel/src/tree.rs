//! What is said to start a supervisor: itself, its children, theirs; before any of them runs.

use crate::capability::Grant;
use crate::cell::Pinned;
use crate::derivation::Capability;
use crate::ids::{CoreId, EndpointId};
use crate::limits::WEIGHT_DEFAULT;
use crate::program::Program;
use crate::restart::{Policy, Restart};
use crate::spawn::{Body, Lives, Spawn};
use crate::supervisor::Supervisor;
use crate::task::Task;
use crate::task_limits::Limits;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The name of a supervisor that was given none.
const NAME: &str = "supervisor";

/// The grant by which a supervisor sets its timer.
pub(crate) const TIMERS: &str = "timer";

/// A supervisor and all that is below it, before it runs.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Its name in lists, and in the registry if it has one: a child is found there as `name.child`.
    pub name: Option<String>,
    /// How it deals with failures.
    pub policy: Policy,
    /// Its children, in the order of their start.
    pub children: Vec<Child>,
}

/// How a child is started, each time.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its name in lists and logs.
    pub name: String,
    /// Where it runs.
    pub core: CoreId,
    /// What it runs.
    pub run: Run,
    /// When it is started again.
    pub restart: Restart,
    /// What it may use, by name. Ends of rings are its own from its first start on, until it will not be started again.
    pub grants: Vec<(String, Grant)>,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it may use at most; None takes the kernel's.
    pub limits: Option<Limits>,
    /// Its weight among the tasks of its core.
    pub weight: u32,
    /// The seed of its random numbers; None makes one from the task's number, another one each time.
    pub seed: Option<u64>,
    /// Whether it stays on its core.
    pub(crate) pinned: Pinned,
    /// What its grants are derived from, in their order.
    pub(crate) sources: Vec<Option<Arc<Capability>>>,
    /// The capabilities of its first life.
    pub(crate) lives: Lives,
    /// Set when it will not be started again, in no life of its supervisor.
    pub(crate) finished: Arc<AtomicBool>,
}

/// Makes a native task, anew for each start.
pub type Factory = Arc<dyn Fn() -> Box<dyn Task> + Send + Sync>;

/// What a child runs.
#[derive(Clone)]
pub enum Run {
    /// A program that the core's CPU instantiates.
    Program(Program),
    /// Native code.
    Native(Factory),
    /// A supervisor.
    Supervisor(Box<Tree>),
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Run::Program(program) => program.fmt(f),
            Run::Native(_) => f.write_str("native"),
            Run::Supervisor(tree) => tree.fmt(f),
        }
    }
}

impl Child {
    /// A permanent child without grants.
    pub fn new(name: &str, core: CoreId, run: Run) -> Child {
        Child {
            name: name.to_string(),
            core,
            run,
            restart: Restart::Permanent,
            grants: Vec::new(),
            args: Vec::new(),
            limits: None,
            weight: WEIGHT_DEFAULT,
            seed: None,
            pinned: Pinned::No,
            sources: Vec::new(),
            lives: Lives::default(),
            finished: Arc::default(),
        }
    }

    /// This kind of restart.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Child {
        self.restart = restart;
        self
    }

    /// One more grant.
    #[must_use]
    pub fn grant(mut self, name: &str, grant: Grant) -> Child {
        self.grants.push((name.to_string(), grant));
        self
    }

    /// The ends of rings of this child and of all below it.
    pub(crate) fn endpoints(&self, into: &mut Vec<EndpointId>) {
        into.extend(self.grants.iter().filter_map(|(_, grant)| grant.endpoint()));
        if let Run::Supervisor(tree) = &self.run {
            tree.children.iter().for_each(|child| child.endpoints(into));
        }
    }

    pub(crate) fn body(&self, path: Option<&str>) -> Body {
        match &self.run {
            Run::Program(program) => Body::Program(program.clone()),
            Run::Native(make) => Body::Native(make()),
            Run::Supervisor(tree) => {
                let mut tree = (**tree).clone();
                let name = tree.name.as_deref().unwrap_or(&self.name);
                tree.name = path.map(|path| format!("{path}.{name}"));
                Body::Native(Box::new(Supervisor::new(tree)))
            }
        }
    }
}

impl Spawn {
    /// A supervisor with its children, which it starts one after another.
    pub fn supervisor(tree: Tree) -> Spawn {
        let name = tree.name.clone().unwrap_or_else(|| NAME.to_string());
        Spawn::native(&name, Box::new(Supervisor::new(tree))).grant(TIMERS, Grant::Timers)
    }
}

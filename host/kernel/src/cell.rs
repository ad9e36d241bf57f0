//! What the kernel keeps of one task: its rights, its place in the queue, its account.
//!
//! While the task is called its cell is out of the core's table and travels in the context, so a
//! system call reaches its handles without a look-up. When the task is suspended in the middle of
//! a call the cell is back in the table, and the seat of the thread that holds the task's stack
//! is noted in it.

use crate::capability::{Armed, Handles};
use crate::crew::Seat;
use crate::exit::Exit;
use crate::ids::{EndpointId, TaskId};
use crate::inbox::Asker;
use crate::keep::News;
use crate::moving::Moving;
use crate::rate_budget::RateBudget;
use crate::share::Account;
use crate::spawn::{Keeper, Keeps, Outlet};
use crate::stats::{State, TaskStats};
use crate::table::Key;
use crate::task::{Fault, FaultKind, Task};
use crate::task_limits::Limits;
use crate::upgrade::{Order, Trial};
use crate::wake::TaskWake;
use crate::wfq::{VirtualTime, Weight};
use okernel_abi::{Errno, Handle};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// An input that waits for the task, and who is told how it went.
#[derive(Debug)]
pub(crate) struct ExecJob {
    pub(crate) input: Vec<u8>,
    pub(crate) asker: Asker,
}

/// Why a task is to end before it wants to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kill {
    Asked,
    Halting,
    Limit(String),
    /// A task that it is linked to, or that spawned it, has ended.
    Linked {
        task: TaskId,
        text: String,
    },
    /// Its supervisor ends it.
    Shutdown,
}

impl Kill {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Kill::Asked => Exit::Killed,
            Kill::Halting => Exit::Halted,
            Kill::Limit(text) => Exit::Error(Fault::new(FaultKind::Limit, text.clone())),
            Kill::Linked { task, text } => Exit::Linked {
                task: *task,
                text: text.clone(),
            },
            Kill::Shutdown => Exit::Shutdown,
        }
    }
}

/// How far a task has come in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// `init` has not been called.
    New,
    /// It is polled.
    Live,
    /// `finalize` has been called, or is.
    Ending,
}

/// Whether a task has begun, to the supervisor that started it and waits for that before it starts the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Begun {
    /// When `init` has succeeded.
    No,
    /// When the task says so: a supervisor, whose children have to begin first.
    Later,
    Yes,
}

/// Whether something happened since the task was last polled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Woken {
    Yes,
    No,
}

/// Whether a task gets inputs by exec: it was given one, or has the shell's right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TakesInput {
    Yes,
    No,
}

/// Whether a task is to give up the input that it works on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Interrupt {
    Asked,
    No,
}

/// Whether a task stays on its core.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Pinned {
    Yes,
    #[default]
    No,
}

/// One task, to the kernel.
pub(crate) struct Cell {
    pub(crate) id: TaskId,
    pub(crate) key: Key,
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    /// The seed of its random numbers.
    pub(crate) seed: u64,
    pub(crate) limits: Limits,
    /// The module that it is made of, if it is made of one.
    pub(crate) module: Option<String>,
    /// What is to be done with it between two of its turns.
    pub(crate) orders: Vec<Order>,
    /// What a new instance of it has done, while that one restores.
    pub(crate) trial: Option<Box<Trial>>,
    /// Until when its `finalize` goes on although the task is to end, in nanoseconds of its CPU time.
    pub(crate) finalize_until_ns: u64,
    /// The task itself; None while it is called.
    pub(crate) body: Option<Box<dyn Task>>,
    pub(crate) handles: Handles,
    pub(crate) outlet: Outlet,
    pub(crate) state: State,
    pub(crate) stage: Stage,
    pub(crate) begun: Begun,
    /// The thread that holds the task's stack, while it is suspended.
    pub(crate) seat: Option<Arc<Seat>>,
    /// The number of the queue's entry that counts; others are left over.
    pub(crate) entry: u64,
    pub(crate) time: VirtualTime,
    pub(crate) weight: Weight,
    pub(crate) pinned: Pinned,
    /// Set while the task is to move, and suspended.
    pub(crate) moving: Option<Moving>,
    pub(crate) wake: Arc<TaskWake>,
    pub(crate) waker: Waker,
    /// Handles armed since the poll began, and with how many bytes.
    pub(crate) armed: Vec<(Handle, usize)>,
    pub(crate) woken: Woken,
    pub(crate) execs: VecDeque<ExecJob>,
    /// Set for a task that waits for inputs when it has nothing else to do.
    pub(crate) takes_input: TakesInput,
    /// Who is told how the input went that the task works on.
    pub(crate) executing: Option<Asker>,
    /// Set while somebody wants that input (or the one that is next) given up.
    pub(crate) interrupt: Interrupt,
    pub(crate) kill: Option<Kill>,
    pub(crate) kill_askers: Vec<Asker>,
    /// The supervisor that starts it again.
    pub(crate) keeper: Option<Keeper>,
    /// The ends of rings that it was granted when it was spawned.
    pub(crate) granted: Vec<EndpointId>,
    /// Those of them that it has closed in this turn. If the turn ends with its failure it has not: what an
    /// error unwinds is closed on the way, and the next life needs it.
    pub(crate) let_go: Vec<EndpointId>,
    /// What this task, a supervisor, has not heard of its children yet.
    pub(crate) news: VecDeque<News>,
    /// What its time is counted against, if it or a task above it has a hard share of a core.
    pub(crate) account: Option<Arc<Account>>,
    pub(crate) log_budget: RateBudget,
    /// Timers that it holds.
    pub(crate) timers_count: usize,
    /// Console output on its way, in bytes.
    pub(crate) print_bytes: usize,
    /// Those of them that were sent from a core that the task has left: it writes no more before they are written.
    pub(crate) print_elsewhere: usize,
    /// Set while the task waits for its console output to be written.
    pub(crate) print_armed: Armed,
    pub(crate) requests_count: usize,
    pub(crate) revocations: u64,
    pub(crate) stats: Arc<TaskStats>,
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Cell {
    /// Whether an end of a ring is the task's for all of its lives.
    pub(crate) fn outlives(&self, id: EndpointId) -> bool {
        let keeps = self
            .keeper
            .is_some_and(|keeper| keeper.keeps == Keeps::Rings);
        keeps && self.granted.contains(&id)
    }

    /// Whether what the running code does has an effect: not while a new instance restores.
    #[inline]
    pub(crate) fn has_effects(&self) -> Result<(), Errno> {
        match self.trial {
            None => Ok(()),
            Some(_) => Err(Errno::NotNow),
        }
    }

    #[inline]
    pub(crate) fn set_state(&mut self, state: State) {
        self.state = state;
        self.stats.set_state(state);
    }
}

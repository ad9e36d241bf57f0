//! The kernel without its CPU: schedulers, tasks, the bus, timers, io.
//!
//! It builds and is tested without Wasm; what runs a task's code is injected as
//! [`program::Modules`]. The modules, in reading order: names and choices, what a task is and sees,
//! what a core is made of, its loop, the conversation between cores, the outside world, the whole.
//!
//! Invariants: no `unsafe`; data flows through rings and never through a lock of this crate;
//! exactly one thread of a core runs at a time; no wake-up and no message is lost.
#![forbid(unsafe_code)]

pub mod config;
pub mod ids;
pub mod limits;
pub mod refusal;
pub mod table;

pub mod attenuation;
pub mod capability;
mod capability_request;
pub mod context;
mod derivation;
pub mod exit;
pub mod files;
mod meter;
pub mod metered;
mod preempt;
pub mod program;
mod ring_end;
mod saying;
pub mod spawn;
pub mod task;
pub mod task_limits;
mod waiting;

mod balance;
mod cell;
pub mod chance;
mod check;
pub mod clock;
mod core;
mod directory;
mod feed;
mod grants;
mod guest_memory;
mod memory;
mod moving;
mod names;
mod relations;
pub mod run_queue;
pub mod stats;
mod ties;
pub mod timer;
mod wake;
pub mod wfq;

pub mod aside;
mod crew;
mod keep;
mod reap;
pub mod restart;
mod revoke;
mod scheduler;
mod share;
mod start;
mod supervisor;
pub mod tree;
mod turn;
mod upgrade;
mod wants;

mod bus;
mod capability_view;
mod channel;
mod envelope;
mod errands;
mod grant_request;
mod inbox;
mod intercore;
mod lifecycle_request;
mod limit_request;
mod message;
mod pending;
mod rate_budget;
mod request;
mod request_value;
mod requests;
mod select_request;
mod sessions;
mod snapshot;
mod supervise;
mod supervise_request;
mod versions;
mod views;

pub mod io;

pub mod control;
pub mod kernel;
pub mod simulation;

pub use attenuation::{Attenuation, Rate, Until};
pub use bus::BusError;
pub use capability::Grant;
pub use config::{Balance, Config, Pinning, Quanta, TasksMax};
pub use context::Context;
pub use control::Control;
pub use exit::{Exit, Reason};
pub use files::{Access, FileGrant, write_errno};
pub use ids::{CoreId, EndpointId, TaskId};
pub use inbox::Asker;
pub use io::console::{ConsoleConfig, Prompt, Source};
pub use io::output::Sink;
pub use io::output::Stream;
pub use io::rings::OwnSubscriber;
pub use io::script::After;
pub use io::selector::{Effect, Effects, Notice, Ready, Selector};
pub use io::source::{Line, LineSource, Offered, PlainLines};
pub use kernel::{BootError, INTERRUPTED, Kernel, Status};
pub use limits::CORES_MAX;
pub use metered::Meter;
pub use program::{
    Candidate, CheckDone, Class, CoreHooks, LoadDone, ModuleInfo, Modules, NoHooks, NoModules,
    Program, Standing, VersionInfo,
};
pub use ring_end::RingEnd;
pub use spawn::{Body, Spawn};
pub use task::{Ending, Fault, FaultKind, Outcome, Resumed, SavedState, Task, Unsaved, Wait};
pub use task_limits::{Amount, CpuShare, DescribedLimit, LimitChanges, Limits};
pub use tree::{Child, Run, Tree};

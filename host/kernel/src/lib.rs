//! The kernel without its CPU: schedulers, tasks, the bus, timers, io.
#![forbid(unsafe_code)]

pub mod aside;
pub mod capability;
pub mod config;
pub mod context;
pub mod ids;
pub mod io;
pub mod kernel;
pub mod limits;
pub mod program;
pub mod table;
pub mod task;

pub use capability::{FileGrant, Grant};
pub use config::{Config, Pinning, Quanta};
pub use context::Context;
pub use ids::{CoreId, EndpointId, TaskId};
pub use kernel::{After, Body, Control, Kernel, Spawn, Status};
pub use program::{CoreHooks, Limits, LoadDone, ModuleInfo, Modules, NoHooks, NoModules, Program};
pub use task::{Exit, Fault, FaultKind, Outcome, Resumed, Task, Wait};

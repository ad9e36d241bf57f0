//! Skeleton of the kernel: signatures are nearly final, bodies follow.
#![allow(clippy::todo, unused_variables, missing_docs)]

use crate::capability::Grant;
use crate::config::Config;
use crate::ids::{CoreId, TaskId};
use crate::io::console::ConsoleConfig;
use crate::program::{CoreHooks, Limits, Modules, Program};
use crate::task::Task;
use okernel_abi::layout::Executed;
use okernel_abi::value::Value;
use std::sync::Arc;

/// A task to be started: at boot, or by [`Control::spawn`].
pub struct Spawn {
    pub name: String,
    pub body: Body,
    pub grants: Vec<(String, Grant)>,
    pub args: Vec<String>,
    pub limits: Limits,
    pub weight: u32,
}

pub enum Body {
    Native(Box<dyn Task>),
    Program(Program),
}

impl Spawn {
    pub fn native(name: &str, task: Box<dyn Task>) -> Spawn { todo!() }
    pub fn program(name: &str, program: Program) -> Spawn { todo!() }
    pub fn grant(self, name: &str, grant: Grant) -> Spawn { todo!() }
    pub fn args(self, args: Vec<String>) -> Spawn { todo!() }
    pub fn weight(self, weight: u32) -> Spawn { todo!() }
}

/// What the boot core does after the inputs of a script.
pub enum After {
    /// Start the console.
    Console(ConsoleConfig),
    /// Halt when all tasks but the shell have ended.
    HaltWhenAlone,
    /// Halt at once.
    Halt,
    /// Nothing: somebody else halts.
    Stay,
}

pub struct Kernel {}

#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error("{0}")]
    Other(String),
}

/// Exit status of a kernel: 0 fine, 1 failed, or what `halt` was given.
pub type Status = i32;

impl Kernel {
    /// `n` schedulers wired by the bus.
    pub fn simple(n: usize, config: Config, modules: Arc<dyn Modules>, hooks: Arc<dyn CoreHooks>) -> Result<Kernel, BootError> { todo!() }
    pub fn control(&self) -> Control { todo!() }
    /// Spawns before the start.
    pub fn spawn(&mut self, core: CoreId, spawn: Spawn) -> Result<TaskId, String> { todo!() }
    /// Feeds `inputs` one after another to the shell by exec, then does `after`.
    pub fn shell(&mut self, shell: TaskId, inputs: Vec<Vec<u8>>, after: After) { todo!() }
    /// Starts the threads of the APs.
    pub fn park(&mut self) -> Result<(), BootError> { todo!() }
    /// Runs the BSP on this thread until Halt.
    pub fn run0(self) -> Result<Status, BootError> { todo!() }
    /// `park` and `run0`.
    pub fn run(self) -> Result<Status, BootError> { todo!() }
}

/// A door for foreign threads.
#[derive(Clone)]
pub struct Control {}

impl Control {
    pub fn halt(&self, status: Status) { todo!() }
    /// A request with all rights; `done` is called on the boot core.
    pub fn request(&self, request: Value, done: impl FnOnce(Value) + Send + 'static) { todo!() }
    pub fn exec(&self, task: TaskId, input: Vec<u8>, done: impl FnOnce(Result<Executed, String>) + Send + 'static) { todo!() }
    pub fn spawn(&self, core: CoreId, spawn: Spawn, done: impl FnOnce(Result<TaskId, String>) + Send + 'static) { todo!() }
}

//! Bring-up in named steps: engines, modules, kernel, shell, work.
//!
//! Nothing runs before the last step: until then every failure is one error, and the process is as
//! it was.

mod modules;
mod signals;
mod stdio;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use okernel_core::{
    BootError as KernelError, Config, CoreId, Grant, Kernel, Limits, Program, Sink, Spawn, Status,
};

use crate::wasm::cache::CacheChoice;
use crate::wasm::engine::{EngineError, Engines};
use crate::wasm::limits::INSTANCES_DEFAULT;
use crate::wasm::module::ModuleError;
use crate::wasm::registry::INTERPRETER;
use crate::wasm::ticker::Ticker;

pub use okernel_core::Quanta;
pub use work::Work;

/// The most schedulers of one kernel.
pub const CORES_MAX: usize = okernel_core::CORES_MAX;

/// The shell's memory, in bytes: a person's data may be larger than what a task gets.
const SHELL_BYTES_MAX: u64 = 2 << 30;

/// Schedulers when nobody chooses: one for each CPU, but at least this many.
const CORES_MIN: usize = 2;

/// What can be chosen at boot.
pub struct Options {
    /// Schedulers, 1 to [`CORES_MAX`].
    pub cores: usize,
    /// Shares of a core's time.
    pub quanta: Quanta,
    /// Modules to load before the shell starts: name, file.
    pub loads: Vec<(String, PathBuf)>,
    /// Where programs' output goes.
    pub sink: Sink,
    /// Where errors go.
    pub errors: Sink,
}

impl Default for Options {
    fn default() -> Options {
        let cpus = available_parallelism().map_or(1, |cpus| cpus.get());
        Options {
            cores: cpus.clamp(CORES_MIN, CORES_MAX),
            quanta: Quanta::default(),
            loads: Vec::new(),
            sink: Box::new(stdio::Stdout),
            errors: Box::new(stdio::Stderr),
        }
    }
}

/// Why the kernel did not boot. Each is one line.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The engines could not be made.
    #[error("boot: {0}")]
    Engine(#[from] EngineError),
    /// A module that was named is not one.
    #[error("boot: {name}: {error}")]
    Module {
        /// Its file, or its name when it is part of the program.
        name: String,
        /// What is wrong.
        error: ModuleError,
    },
    /// A file cannot be read.
    #[error("boot: {path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The ticker has no thread.
    #[error("boot: there is no thread for the ticker: {0}")]
    Ticker(std::io::Error),
    /// Signals cannot be taken.
    #[error("boot: signals cannot be taken: {0}")]
    Signals(std::io::Error),
    /// The kernel itself.
    #[error("boot: {0}")]
    Kernel(#[from] KernelError),
}

/// Boots, does the work, and answers the kernel's exit status when it has halted.
///
/// # Errors
/// A step of the bring-up failed; nothing has run then.
pub fn boot(options: Options, work: Work) -> Result<Status, BootError> {
    let engines = Engines::new(INSTANCES_DEFAULT)?;
    let registry = modules::embedded(&engines, &CacheChoice::from_environment())?;
    modules::load(&registry, &options.loads)?;

    let config = Config {
        quanta: options.quanta,
        ..Config::default()
    };
    let tick = std::time::Duration::from_micros(config.tick_us);
    let ticker = Ticker::start(&engines, tick).map_err(BootError::Ticker)?;
    let modules = Arc::new(registry.clone());
    let mut kernel = Kernel::simple(options.cores, config, modules, Arc::new(ticker))?;
    kernel.console(options.sink, options.errors)?;

    let shell = kernel.spawn(CoreId::BOOT, shell(&work))?;
    registry.warm_up();
    let prompted = work.prompted();
    let _signals = signals::take(kernel.control(), prompted).map_err(BootError::Signals)?;
    let (inputs, after) = work.into_inputs();
    kernel.script(shell, inputs, after)?;
    kernel.park()?;
    Ok(kernel.run0()?)
}

#[cfg(test)]
mod tests;

/// The shell, with the right to ask for everything.
fn shell(work: &Work) -> Spawn {
    Spawn::program("shell", Program::Module(INTERPRETER.to_string()))
        .grant("system", Grant::System)
        .grant("console", Grant::Console)
        .grant("errors", Grant::Errors)
        .grant("timer", Grant::Timers)
        .grant("clock", Grant::Clock)
        .limits(Limits {
            memory_bytes: SHELL_BYTES_MAX,
            ..Limits::default()
        })
        .args(work.shell_args())
}

//! Bring-up in named steps: engines, modules, kernel, shell, work.
//!
//! Nothing runs before the last step: until then every failure is one error, and the process is as
//! it was.

mod bare;
mod limits;
mod modules;
mod signals;
mod watch;
mod work;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use okernel_core::{
    BootError as KernelError, Config, CoreId, Grant, Kernel, Limits, Modules, Program, Sink, Spawn,
    Status,
};

use crate::console::progress::Progress;
use crate::console::screen::{Stderr, Stdout};
use crate::wasm::cache::CacheChoice;
use crate::wasm::capacity::Machine;
use crate::wasm::compile::Compiler;
use crate::wasm::engine::{EngineError, Engines};
use crate::wasm::module::ModuleError;
use crate::wasm::registry::{Foreign, INTERPRETER};
use crate::wasm::ticker::Ticker;
use crate::wasm::trust::Trust;
use crate::web::server::Listening;

pub use bare::bare;
pub use limits::{BootLimits, KERNEL_NAMES};
pub use modules::embedded_module;
pub use okernel_core::{Balance, Class, Quanta};
use signals::Prompted;
use watch::Watch;
use work::Started;
pub use work::Work;

/// The most schedulers of one kernel.
pub const CORES_MAX: usize = okernel_core::CORES_MAX;

/// How long a core with nothing to do spins before it sleeps when nobody chooses, in microseconds.
pub const SPIN_US: u64 = 20;

/// The longest that a core can be told to spin, in microseconds.
pub const SPIN_US_MAX: u64 = 1_000_000;

/// The shell's memory, in bytes: a person's data may be larger than what a task gets.
const SHELL_BYTES_MAX: u64 = 2 << 30;

/// Schedulers when nobody chooses: one for each CPU, but at least this many.
const CORES_MIN: usize = 2;

/// A module to load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Load {
    /// The name of its tasks' program.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// How its tasks lie in memory.
    pub class: Class,
}

/// When the modules that are part of the program are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compile {
    /// On a thread beside the kernel's, from the start on.
    Ahead,
    /// When they are first wanted: nothing else runs meanwhile, as what is measured needs it.
    WhenWanted,
}

/// What can be chosen at boot.
pub struct Options {
    /// Schedulers, 1 to [`CORES_MAX`].
    pub cores: usize,
    /// Shares of a core's time.
    pub quanta: Quanta,
    /// How long a core with nothing to do spins before it sleeps, in microseconds: at most [`SPIN_US_MAX`].
    pub spin_us: u64,
    /// Modules to load before the shell starts.
    pub loads: Vec<Load>,
    /// When the modules that are part of the program are compiled.
    pub compile: Compile,
    /// Whether tasks are moved from busy cores to idle ones.
    pub balance: Balance,
    /// A folder whose modules are loaded, and loaded again when they are rebuilt.
    pub watch: Option<PathBuf>,
    /// Whose modules are taken; None: everybody's.
    pub trust: Option<Trust>,
    /// What the kernel and its tasks may use.
    pub limits: BootLimits,
    /// Where programs' output goes.
    pub sink: Sink,
    /// Where errors go.
    pub errors: Sink,
    /// Where people elsewhere come in.
    pub listen: Option<Listening>,
}

impl Default for Options {
    fn default() -> Options {
        let cpus = available_parallelism().map_or(1, |cpus| cpus.get());
        Options {
            cores: cpus.clamp(CORES_MIN, CORES_MAX),
            quanta: Quanta::default(),
            balance: Balance::Off,
            spin_us: SPIN_US,
            loads: Vec::new(),
            compile: Compile::Ahead,
            watch: None,
            trust: None,
            limits: BootLimits::default(),
            sink: Box::new(Stdout),
            errors: Box::new(Stderr),
            listen: None,
        }
    }
}

/// Why the kernel did not boot. Each is one line.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The engines could not be made.
    #[error("boot: {0}")]
    Engine(EngineError),
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
    /// A folder cannot be watched.
    #[error("boot: --watch {path}: {error}")]
    Watch {
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
    Kernel(KernelError),
}

// What these say of themselves is the whole line: no source, which would be said again.
impl From<EngineError> for BootError {
    fn from(error: EngineError) -> BootError {
        BootError::Engine(error)
    }
}

impl From<KernelError> for BootError {
    fn from(error: KernelError) -> BootError {
        BootError::Kernel(error)
    }
}

/// Boots, does the work, and answers the kernel's exit status when it has halted.
///
/// # Errors
/// A step of the bring-up failed; nothing has run then.
pub fn boot(options: Options, work: Work) -> Result<Status, BootError> {
    let cores = options.cores;
    signals::survive_file_limit().map_err(BootError::Signals)?;
    let machine = Machine::look();
    let engines = Engines::new(machine.tasks())?;
    let foreign = Foreign {
        compiler: Compiler::Apart(options.limits.compile()),
        trust: options.trust,
    };
    let registry = modules::embedded(&engines, &CacheChoice::from_environment(), foreign)?;
    registry.watch(|name| Box::new(Progress::begin(format!("compiling {name}"))));
    modules::load(&registry, &options.loads)?;
    let unwatched = |error| BootError::Watch {
        path: options
            .watch
            .as_deref()
            .unwrap_or(Path::new(""))
            .display()
            .to_string(),
        error,
    };
    let watch = match &options.watch {
        Some(folder) => Some(Watch::open(folder).map_err(unwatched)?),
        None => None,
    };
    for (name, path) in watch.iter().flat_map(Watch::modules) {
        // What is there may be half built; it is loaded when it is whole.
        let class = registry.class_of(&name);
        if let Err(error) = modules::load(&registry, &[Load { name, path, class }]) {
            tracing::warn!("{error}");
        }
    }

    let config = Config {
        quanta: options.quanta,
        balance: options.balance,
        spin_us: options.spin_us.min(SPIN_US_MAX),
        limits: options.limits.of_a_task(),
        tasks: options.limits.tasks(&machine, engines.instances_max()),
        guest_memory_bytes_max: options.limits.all_memory_bytes(&machine),
        ..Config::default()
    };
    let tick = std::time::Duration::from_micros(config.tick_us);
    let ticker = Ticker::start(&engines, tick).map_err(BootError::Ticker)?;
    let modules = Arc::new(registry.clone());
    let mut kernel = Kernel::simple(options.cores, config, modules, Arc::new(ticker))?;
    kernel.console(options.sink, options.errors)?;

    let shell = kernel.spawn(CoreId::BOOT, shell("shell", work.shell_args()))?;
    if let Some(listening) = options.listen {
        let session = || self::shell("session", Work::session_args());
        kernel.select(Box::new(listening.serve(Some(shell), session)))?;
    }
    if options.compile == Compile::Ahead {
        registry.warm_up();
    }
    let prompted = work.prompted();
    let _signals = signals::take(kernel.control(), prompted).map_err(BootError::Signals)?;
    let _watch = match watch {
        Some(watch) => Some(watch.start(kernel.control()).map_err(unwatched)?),
        None => None,
    };
    let Started {
        inputs,
        after,
        restore,
    } = work.start();
    if prompted == Prompted::Yes {
        greet(cores);
    }
    kernel.script(shell, inputs, after)?;
    kernel.park()?;
    let status = kernel.run0()?;
    // The last output is written: the terminal is its owner's again.
    drop(restore);
    Ok(status)
}

/// Tells a person where they are, and how to get help and away.
fn greet(cores: usize) {
    let version = env!("CARGO_PKG_VERSION");
    let text =
        format!("okernel {version} on {cores} cores. \\h helps, Tab completes, \\\\ leaves.\n");
    // Without standard error nobody reads it.
    let _ = Stderr.write_all(text.as_bytes());
}

#[cfg(test)]
mod chaos;
#[cfg(test)]
mod tests;

/// A shell, with the right to ask for everything.
fn shell(name: &str, args: Vec<String>) -> Spawn {
    Spawn::program(name, Program::Module(INTERPRETER.to_string()))
        .grant("system", Grant::System)
        .grant("console", Grant::Console)
        .grant("errors", Grant::Errors)
        .grant("timer", Grant::Timers)
        .grant("clock", Grant::Clock)
        .pinned()
        .limits(Limits::of_an_owner(SHELL_BYTES_MAX))
        .args(args)
}

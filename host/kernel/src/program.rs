//! What the kernel needs from above, as traits that boot injects: the CPU and its clockwork.
//!
//! The kernel names no Wasm. It asks [`Modules`] to load and to instantiate, and tells
//! [`CoreHooks`] when a core has work, so that a ticker need not run for idle cores.

use crate::ids::CoreId;
use crate::task::{Fault, Task};
use std::path::Path;

/// What a task is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Program {
    /// An instance of the loaded module with this name.
    Module(String),
    /// O source, run by an instance of the interpreter.
    Code(String),
}

/// What a task may use at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of its memory.
    pub memory_bytes: u64,
    /// Handles that it holds at a time.
    pub handles: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: 256 << 20,
            handles: 4096,
        }
    }
}

/// How the tasks of a module lie in memory: chosen when it is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Class {
    /// Each task has address space of its own: its accesses cost no checks, and rings are mapped.
    #[default]
    Ordinary,
    /// Tasks lie side by side, by the hundred thousand: their code checks each access itself, their
    /// memory is small, and rings are copied.
    Dense,
}

impl Class {
    /// The class that this word names.
    pub fn from_word(word: &str) -> Option<Class> {
        [Class::Ordinary, Class::Dense]
            .into_iter()
            .find(|class| class.word() == word)
    }

    /// The word that names it.
    pub fn word(self) -> &'static str {
        match self {
            Class::Ordinary => "ordinary",
            Class::Dense => "dense",
        }
    }
}

/// A loaded module, for lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ModuleInfo {
    /// The name that it was loaded under.
    pub name: String,
    /// Size of its file in bytes.
    pub bytes: u64,
    /// The grants that it wants: `name kind`.
    pub wants: Vec<String>,
    /// How its tasks lie in memory.
    pub class: Class,
}

/// Called once with the outcome of a load; the error is one line that says what and where.
pub type LoadDone = Box<dyn FnOnce(Result<ModuleInfo, String>) + Send>;

/// The CPU: makes tasks of programs.
pub trait Modules: Send + Sync {
    /// Compiles a file aside, on a thread that is no scheduler (see
    /// [`Aside`](crate::aside::spawn)), and calls `done` from there. A name that is loaded already
    /// gets the new version for later spawns.
    fn load(&self, name: &str, path: &Path, class: Class, done: LoadDone);

    /// Makes a task. Called on the core where it will run.
    ///
    /// # Errors
    /// There is no such module, or no room, or the code does not parse.
    fn instantiate(&self, program: &Program, limits: &Limits) -> Result<Box<dyn Task>, Fault>;

    /// All loaded modules.
    fn list(&self) -> Vec<ModuleInfo>;
}

/// Told when a core begins and ceases to have something to run.
///
/// The two calls alternate for each core, `core_busy` first, and come from the core's own threads;
/// they must return at once.
pub trait CoreHooks: Send + Sync {
    /// The core is about to run tasks.
    fn core_busy(&self, core: CoreId);
    /// The core is about to sleep.
    fn core_idle(&self, core: CoreId);
}

/// A kernel without a CPU: nothing can be loaded, only native tasks run.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModules;

impl Modules for NoModules {
    fn load(&self, name: &str, _path: &Path, _class: Class, done: LoadDone) {
        done(Err(format!("load: {name}: this kernel runs no modules")));
    }

    fn instantiate(&self, program: &Program, _limits: &Limits) -> Result<Box<dyn Task>, Fault> {
        let what = match program {
            Program::Module(name) => format!("there is no module {name}"),
            Program::Code(_) => "this kernel has no interpreter".to_string(),
        };
        Err(Fault::new(crate::task::FaultKind::Refused, what))
    }

    fn list(&self) -> Vec<ModuleInfo> {
        Vec::new()
    }
}

/// Hooks that do nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl CoreHooks for NoHooks {
    fn core_busy(&self, _core: CoreId) {}
    fn core_idle(&self, _core: CoreId) {}
}

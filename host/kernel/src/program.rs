//! What the kernel needs from above, as traits that boot injects: the CPU and its clockwork.
//!
//! The kernel names no Wasm. It asks [`Modules`] to load and to instantiate, and tells
//! [`CoreHooks`] when a core has work, so that a ticker need not run for idle cores.

use crate::ids::CoreId;
use crate::task::{Fault, Task};
use crate::task_limits::Limits;
use okernel_abi::Want;
use std::path::Path;
use std::sync::Arc;

/// What a task is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Program {
    /// An instance of the loaded module with this name.
    Module(String),
    /// O source, run by an instance of the interpreter.
    Code(String),
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
    /// Which version of it is current: new tasks are made of that one. The first is 1.
    pub version: u32,
}

/// A version of a module that is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VersionInfo {
    /// The module's name.
    pub module: String,
    /// The version's number.
    pub version: u32,
    /// Whether new tasks are made of it.
    pub standing: Standing,
    /// Size of its file in bytes.
    pub bytes: u64,
    /// The first digits of a hash of its file.
    pub digest: String,
    /// How long it took to check and compile it, or to fetch it from the cache, in nanoseconds; 0 until that is done.
    pub compile_ns: u64,
}

/// Whether a version is the one that new tasks are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// It is.
    Current,
    /// Another one is.
    #[default]
    Kept,
}

/// Called once with the outcome of a load; the error is one line that says what and where.
pub type LoadDone = Box<dyn FnOnce(Result<ModuleInfo, String>) + Send>;

/// A version that was checked and is not among those that are kept: tasks of it can be tried.
#[derive(Clone)]
pub struct Candidate(Arc<Make>);

type Make = dyn Fn(&Limits) -> Result<Box<dyn Task>, Fault> + Send + Sync;

impl Candidate {
    /// A version whose tasks are made by this function.
    pub fn new(
        make: impl Fn(&Limits) -> Result<Box<dyn Task>, Fault> + Send + Sync + 'static,
    ) -> Candidate {
        Candidate(Arc::new(make))
    }

    /// A task of it.
    ///
    /// # Errors
    /// There is no room.
    pub fn make(&self, limits: &Limits) -> Result<Box<dyn Task>, Fault> {
        (self.0)(limits)
    }
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Candidate")
    }
}

/// Called once with the outcome of a check: what the module is, and a way to try it.
pub type CheckDone = Box<dyn FnOnce(Result<(ModuleInfo, Candidate), String>) + Send>;

/// The CPU: makes tasks of programs.
pub trait Modules: Send + Sync {
    /// Compiles a file aside, on a thread that is no scheduler (see
    /// [`Aside`](crate::aside::spawn)), and calls `done` from there. A name that is loaded already
    /// gets the new version for later spawns; the kernel then upgrades the tasks that run.
    fn load(&self, name: &str, path: &Path, class: Class, done: LoadDone);

    /// The class in which a name is loaded; the usual one if it is not.
    fn class_of(&self, name: &str) -> Class {
        let mut loaded = self.list().into_iter();
        let found = loaded.find(|module| module.name == name);
        found.map_or_else(Class::default, |module| module.class)
    }

    /// Makes a task. Called on the core where it will run.
    ///
    /// # Errors
    /// There is no such module, or no room, or the code does not parse.
    fn instantiate(&self, program: &Program, limits: &Limits) -> Result<Box<dyn Task>, Fault>;

    /// All loaded modules.
    fn list(&self) -> Vec<ModuleInfo>;

    /// Compiles a file as [`Modules::load`] does, but keeps nothing: `done` is told whether it would load.
    fn check(&self, name: &str, path: &Path, done: CheckDone) {
        let _ = path;
        done(Err(format!("check: {name}: modules cannot be tried here")));
    }

    /// The version of a module that new tasks are made of. None when there is no such module.
    fn current(&self, name: &str) -> Option<u32> {
        let all = self.list();
        let info = all.iter().find(|info| info.name == name)?;
        Some(info.version)
    }

    /// All versions that are kept, by module and number.
    fn versions(&self) -> Vec<VersionInfo> {
        let all = self.list().into_iter();
        all.map(|info| VersionInfo {
            module: info.name,
            version: info.version,
            standing: Standing::Current,
            bytes: info.bytes,
            ..VersionInfo::default()
        })
        .collect()
    }

    /// Makes the version before the current one the current one.
    ///
    /// # Errors
    /// There is no such module, or no earlier version of it, in one line.
    fn rollback(&self, name: &str) -> Result<ModuleInfo, String> {
        Err(format!("{name}: no earlier version is kept"))
    }

    /// The grants that a program wants. One that is not there wants nothing: its start says so.
    fn wants(&self, program: &Program) -> Arc<[Want]> {
        let _ = program;
        Arc::default()
    }
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

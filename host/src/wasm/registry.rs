//! The modules that tasks can be made of, by name.
//!
//! Modules come from files, compiled aside while the cores go on, or are embedded in the program. An
//! embedded one is compiled (or fetched from the cache) when it is first wanted, or by
//! [`Registry::warm_up`] aside, so that a start pays only for what it uses. A name that is loaded again
//! gets the new version for later tasks; running ones keep theirs.
//!
//! Invariant: only what [`Registry::embed_interpreter`] was given runs on the engine without
//! preemption; nothing that is loaded from a file ever does, whatever its name.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use okernel_core::{
    Class, Fault, FaultKind, Limits, LoadDone, ModuleInfo, Modules, Program, Task, aside,
};
use wasmtime::Engine;

use super::cache::{Cache, CacheChoice};
use super::engine::{Engines, Metering};
use super::inspect::inspect;
use super::instance::WasmTask;
use super::limits::{MODULE_BYTES_MAX, NAME_BYTES_MAX};
use super::linker::linker;
use super::module::{GuestModule, ModuleError, Target};

/// The name of the interpreter's module.
pub const INTERPRETER: &str = "shell";

/// All modules of one kernel. Cloning gives another handle of the same.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

/// Called with a module's name when it is about to be compiled or fetched; what it answers is
/// dropped when that is done.
type Watch = Box<dyn Fn(&str) -> Box<dyn Any + Send> + Send + Sync>;

struct Shared {
    watch: OnceLock<Watch>,
    engines: Engines,
    metered: Target,
    trusted: Target,
    /// Made when a module of the dense class is first loaded.
    dense: OnceLock<Result<Target, ModuleError>>,
    cache: Option<Cache>,
    modules: RwLock<BTreeMap<String, Arc<Entry>>>,
}

/// A module by its name: ready, or still to be compiled.
struct Entry {
    info: ModuleInfo,
    metering: Metering,
    embedded: Option<&'static [u8]>,
    ready: OnceLock<Result<Arc<GuestModule>, String>>,
}

impl Registry {
    /// An empty registry for these engines.
    ///
    /// # Errors
    /// The system calls cannot be linked, which is a fault of this program.
    pub fn new(engines: &Engines, cache: &CacheChoice) -> Result<Registry, ModuleError> {
        let target = |metering| target(engines.get(metering), Class::Ordinary);
        let shared = Shared {
            watch: OnceLock::new(),
            engines: engines.clone(),
            dense: OnceLock::new(),
            metered: target(Metering::Epoch)?,
            trusted: target(Metering::Trusted)?,
            cache: Cache::open(cache),
            modules: RwLock::default(),
        };
        Ok(Registry {
            shared: Arc::new(shared),
        })
    }

    /// Calls `watch` with the name of each module that is about to be compiled or fetched from the cache, on
    /// the thread that does it; what it answers is dropped when that is done. Only the first call counts.
    pub fn watch(&self, watch: impl Fn(&str) -> Box<dyn Any + Send> + Send + Sync + 'static) {
        // A second watcher is not needed by anybody.
        let _ = self.shared.watch.set(Box::new(watch));
    }

    /// Adds a module that is part of the program. It is compiled when it is first wanted.
    ///
    /// # Errors
    /// The bytes are no module.
    pub fn embed(&self, name: &str, wasm: &'static [u8]) -> Result<(), ModuleError> {
        self.embed_for(name, wasm, Metering::Epoch)
    }

    /// Adds the interpreter of O, under the name [`INTERPRETER`]. It must count its own steps: its code
    /// is never interrupted.
    ///
    /// # Errors
    /// The bytes are no module.
    pub fn embed_interpreter(&self, wasm: &'static [u8]) -> Result<(), ModuleError> {
        self.embed_for(INTERPRETER, wasm, Metering::Trusted)
    }

    fn embed_for(
        &self,
        name: &str,
        wasm: &'static [u8],
        metering: Metering,
    ) -> Result<(), ModuleError> {
        let found = inspect(wasm)?;
        let info = ModuleInfo {
            name: name.to_string(),
            bytes: wasm.len() as u64,
            wants: found.wants,
            class: Class::Ordinary,
        };
        self.shared.insert(Entry {
            info,
            metering,
            embedded: Some(wasm),
            ready: OnceLock::new(),
        });
        Ok(())
    }

    /// Checks and compiles a module from bytes, now and on this thread.
    ///
    /// # Errors
    /// It is no module, no task, or its code is refused.
    pub fn load_bytes(
        &self,
        name: &str,
        wasm: &[u8],
        class: Class,
    ) -> Result<ModuleInfo, ModuleError> {
        self.shared.load(name, wasm, class)
    }

    /// A task of a module, or of the interpreter with a program.
    ///
    /// # Errors
    /// There is no such module, or its code is refused.
    pub fn task(&self, program: &Program, limits: &Limits) -> Result<WasmTask, Fault> {
        let (name, source) = match program {
            Program::Module(name) => (name.as_str(), None),
            Program::Code(source) => (INTERPRETER, Some(source.clone())),
        };
        let refused = |text: String| Fault::new(FaultKind::Refused, text);
        let entry = self.shared.entry(name).ok_or_else(|| {
            let known: Vec<String> = self.list().into_iter().map(|info| info.name).collect();
            refused(format!(
                "there is no module {name}: load it first (there are: {})",
                known.join(" ")
            ))
        })?;
        let module = self
            .shared
            .ready(&entry)
            .map_err(|text| refused(format!("{name}: {text}")))?;
        Ok(WasmTask::new(module, *limits, source))
    }

    /// Compiles, on a thread of its own, the embedded modules that are not ready yet.
    pub fn warm_up(&self) {
        let shared = Arc::clone(&self.shared);
        let started = aside::spawn("warm-up", move || {
            for entry in shared.entries() {
                if let Err(error) = shared.ready(&entry) {
                    tracing::error!("{}: {error}", entry.info.name);
                }
            }
        });
        if let Err(error) = started {
            tracing::warn!("modules are not compiled ahead: {error}");
        }
    }
}

impl Modules for Registry {
    fn load(&self, name: &str, path: &Path, class: Class, done: LoadDone) {
        let shared = Arc::clone(&self.shared);
        let (name, path) = (name.to_string(), path.to_path_buf());
        // The answer must not be lost when there is no thread.
        let done = Arc::new(std::sync::Mutex::new(Some(done)));
        let theirs = Arc::clone(&done);
        let work = move || {
            let result = shared.load_file(&name, &path, class);
            finish(
                &theirs,
                result.map_err(|error| format!("{}: {error}", path.display())),
            );
        };
        if let Err(error) = aside::spawn("load", work) {
            finish(
                &done,
                Err(format!("there is no thread to compile on: {error}")),
            );
        }
    }

    fn instantiate(&self, program: &Program, limits: &Limits) -> Result<Box<dyn Task>, Fault> {
        Ok(Box::new(self.task(program, limits)?))
    }

    fn list(&self) -> Vec<ModuleInfo> {
        self.shared
            .entries()
            .iter()
            .map(|entry| entry.info.clone())
            .collect()
    }
}

/// An engine with its system calls.
fn target(engine: &Engine, class: Class) -> Result<Target, ModuleError> {
    Ok(Target {
        engine: engine.clone(),
        linker: Arc::new(linker(engine)?),
        class,
    })
}

fn finish(done: &std::sync::Mutex<Option<LoadDone>>, result: Result<ModuleInfo, String>) {
    let taken = done.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(done) = taken {
        done(result);
    }
}

impl Shared {
    fn entry(&self, name: &str) -> Option<Arc<Entry>> {
        self.modules
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        let modules = self.modules.read().unwrap_or_else(PoisonError::into_inner);
        modules.values().cloned().collect()
    }

    fn insert(&self, entry: Entry) {
        let mut modules = self.modules.write().unwrap_or_else(PoisonError::into_inner);
        modules.insert(entry.info.name.clone(), Arc::new(entry));
    }

    /// The compiled module of an entry; the first who asks compiles it. That is done on a thread
    /// aside even though the asker waits: the compiler keeps its threads, which would for ever be
    /// pinned to the CPU of the core that asked.
    fn ready(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Arc<GuestModule>, String> {
        let compiled = entry.ready.get_or_init(|| {
            let (shared, theirs) = (Arc::clone(self), Arc::clone(entry));
            let (sender, receiver) = std::sync::mpsc::channel();
            let work = move || {
                let wasm = theirs.embedded.unwrap_or_default();
                let module = match theirs.metering {
                    Metering::Epoch => shared.compile(&theirs.info.name, wasm, &shared.metered),
                    Metering::Trusted => shared.compile(&theirs.info.name, wasm, &shared.trusted),
                };
                // The receiver waits below.
                let _ = sender.send(module.map(Arc::new).map_err(|error| error.to_string()));
            };
            aside::spawn("compile", work)
                .map_err(|error| format!("there is no thread to compile on: {error}"))?;
            receiver
                .recv()
                .unwrap_or_else(|_| Err("the compiler failed".to_string()))
        });
        compiled.clone()
    }

    fn compile(
        &self,
        name: &str,
        wasm: &[u8],
        target: &Target,
    ) -> Result<GuestModule, ModuleError> {
        let _watched = self.watch.get().map(|watch| watch(name));
        GuestModule::load(name, wasm, target, self.cache.as_ref())
    }

    /// What modules of this class are compiled for. Never the trusted engine.
    fn target(&self, class: Class) -> Result<&Target, ModuleError> {
        let made = match class {
            Class::Ordinary => return Ok(&self.metered),
            Class::Dense => self.dense.get_or_init(|| {
                let engine = self.engines.dense()?;
                target(engine, Class::Dense)
            }),
        };
        made.as_ref().map_err(ModuleError::clone)
    }

    fn load(&self, name: &str, wasm: &[u8], class: Class) -> Result<ModuleInfo, ModuleError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let text = format!("a module's name has 1 to {NAME_BYTES_MAX} bytes");
            return Err(ModuleError::Name(text));
        }
        if name == INTERPRETER {
            let text = format!("the name {INTERPRETER} is the interpreter's");
            return Err(ModuleError::Name(text));
        }
        let module = self.compile(name, wasm, self.target(class)?)?;
        let info = ModuleInfo {
            name: name.to_string(),
            bytes: wasm.len() as u64,
            wants: module.inspection().wants.clone(),
            class,
        };
        let ready = OnceLock::from(Ok(Arc::new(module)));
        let entry = Entry {
            info: info.clone(),
            metering: Metering::Epoch,
            embedded: None,
            ready,
        };
        self.insert(entry);
        Ok(info)
    }

    fn load_file(&self, name: &str, path: &Path, class: Class) -> Result<ModuleInfo, String> {
        let mut wasm = Vec::new();
        let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
        // One byte more than allowed, so that a file that is too large is seen to be.
        let read = file
            .take(MODULE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut wasm);
        read.map_err(|error| format!("cannot be read: {error}"))?;
        self.load(name, &wasm, class)
            .map_err(|error| error.to_string())
    }
}

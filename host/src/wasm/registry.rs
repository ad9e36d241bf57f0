//! The modules that tasks can be made of, by name.
//!
//! Modules come from files, compiled aside while the cores go on, or are embedded in the program. An
//! embedded one is compiled (or fetched from the cache) when it is first wanted, or by
//! [`Registry::warm_up`] aside, so that a start pays only for what it uses. A name that is loaded again
//! gets another version, of which later tasks are made; upgrading the running ones is the kernel's business. The
//! same bytes are the same version: loading them again makes that one current again. A few versions are
//! kept ready, so that one can be gone back to at once.
//!
//! Invariants: a name's current version is among those that are kept; a module that cannot be used
//! changes nothing; only what [`Registry::embed_interpreter`] was given runs on the engine without
//! preemption; nothing that is loaded from a file ever does, whatever its name.

mod modules;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use blake3::Hash;
use okernel_abi::Want;
use okernel_core::{
    Candidate, Class, Fault, FaultKind, Limits, ModuleInfo, Modules, Program, Standing,
    VersionInfo, aside,
};
use wasmtime::Engine;

use super::cache::{Cache, CacheChoice};
use super::compile::Compiler;
use super::engine::{Engines, Metering};
use super::inspect::inspect;
use super::instance::WasmTask;
use super::limits::VERSIONS_KEPT;
use super::linker::linker;
use super::loading::checked_name;
use super::module::{GuestModule, ModuleError, Target};
use super::trust::Trust;

/// The name of the interpreter's module.
pub const INTERPRETER: &str = "shell";

/// Digits of a version's hash that lists show.
const DIGEST_DIGITS: usize = 12;

/// All modules of one kernel. Cloning gives another handle of the same.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

/// Called with a module's name when it is about to be compiled or fetched; what it answers is
/// dropped when that is done.
type Watch = Box<dyn Fn(&str) -> Box<dyn Any + Send> + Send + Sync>;

/// What is asked of modules that are not part of the program.
pub struct Foreign {
    /// Where they are compiled.
    pub compiler: Compiler,
    /// Whose are taken; None: everybody's.
    pub trust: Option<Trust>,
}

impl Foreign {
    /// Everybody's modules are taken, and compiled there.
    pub fn of_anybody(compiler: Compiler) -> Foreign {
        Foreign {
            compiler,
            trust: None,
        }
    }
}

struct Shared {
    watch: OnceLock<Watch>,
    engines: Engines,
    foreign: Foreign,
    metered: Target,
    trusted: Target,
    /// Made when a module of the dense class is first loaded.
    dense: OnceLock<Result<Target, ModuleError>>,
    cache: Option<Cache>,
    modules: RwLock<BTreeMap<String, Named>>,
}

/// The versions of a module that are kept, the oldest first.
struct Named {
    versions: Vec<Arc<Entry>>,
    /// The number of the one that new tasks are made of.
    current: u32,
}

impl Named {
    fn current(&self) -> Option<&Arc<Entry>> {
        let mut all = self.versions.iter();
        all.find(|entry| entry.info.version == self.current)
    }
}

/// A version of a module: ready, or still to be compiled.
struct Entry {
    info: ModuleInfo,
    wants: Arc<[Want]>,
    metering: Metering,
    digest: Hash,
    embedded: Option<&'static [u8]>,
    ready: OnceLock<Result<Ready, String>>,
}

/// A version that tasks can be made of.
#[derive(Clone)]
struct Ready {
    module: Arc<GuestModule>,
    compile_ns: u64,
}

impl Registry {
    /// An empty registry for these engines.
    ///
    /// # Errors
    /// The system calls cannot be linked, which is a fault of this program.
    pub fn new(
        engines: &Engines,
        cache: &CacheChoice,
        foreign: Foreign,
    ) -> Result<Registry, ModuleError> {
        let target = |metering| target(engines.get(metering), Class::Ordinary);
        let shared = Shared {
            watch: OnceLock::new(),
            engines: engines.clone(),
            foreign,
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
            version: 0,
        };
        let wants = parsed(&info.wants);
        self.shared.insert(Entry {
            info,
            wants,
            metering,
            digest: blake3::hash(wasm),
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
            // The interpreter without a program is a shell: one that is empty is a blank line.
            Program::Code(source) if source.is_empty() => (INTERPRETER, Some("\n".to_string())),
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
        let ready = self
            .shared
            .ready(&entry)
            .map_err(|text| refused(format!("{name}: {text}")))?;
        let version = entry.info.version;
        Ok(WasmTask::new(ready.module, version, *limits, source))
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

/// The lines of a section that a module was checked for.
fn parsed(wants: &[String]) -> Arc<[Want]> {
    wants.iter().filter_map(|line| Want::parse(line)).collect()
}

/// An engine with its system calls.
fn target(engine: &Engine, class: Class) -> Result<Target, ModuleError> {
    Ok(Target {
        engine: engine.clone(),
        linker: Arc::new(linker(engine)?),
        class,
    })
}

impl Entry {
    fn describe(&self, standing: Standing) -> VersionInfo {
        let ready = self.ready.get().and_then(|ready| ready.as_ref().ok());
        let mut digest = self.digest.to_hex().to_string();
        digest.truncate(DIGEST_DIGITS);
        VersionInfo {
            module: self.info.name.clone(),
            version: self.info.version,
            standing,
            bytes: self.info.bytes,
            digest,
            compile_ns: ready.map_or(0, |ready| ready.compile_ns),
        }
    }
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Named>> {
        self.modules.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Named>> {
        self.modules.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current version of a module.
    fn entry(&self, name: &str) -> Option<Arc<Entry>> {
        self.read().get(name)?.current().cloned()
    }

    /// The current versions of all modules.
    fn entries(&self) -> Vec<Arc<Entry>> {
        let modules = self.read();
        modules
            .values()
            .filter_map(|named| named.current().cloned())
            .collect()
    }

    /// Makes an entry the current version of its module, numbered after all others.
    fn insert(&self, mut entry: Entry) -> ModuleInfo {
        let mut modules = self.write();
        let named = modules.entry(entry.info.name.clone()).or_insert(Named {
            versions: Vec::new(),
            current: 0,
        });
        let newest = named.versions.last().map_or(0, |entry| entry.info.version);
        entry.info.version = newest + 1;
        let info = entry.info.clone();
        named.versions.push(Arc::new(entry));
        named.current = info.version;
        let surplus = named.versions.len().saturating_sub(VERSIONS_KEPT);
        named.versions.drain(..surplus);
        info
    }

    /// Makes the version with these bytes, of this class, current, if it is kept.
    fn recall(&self, name: &str, digest: &Hash, class: Class) -> Option<ModuleInfo> {
        let mut modules = self.write();
        let named = modules.get_mut(name)?;
        let found = named
            .versions
            .iter()
            .find(|entry| entry.digest == *digest && entry.info.class == class)?;
        named.current = found.info.version;
        Some(found.info.clone())
    }

    /// The compiled module of an entry; the first who asks compiles it. That is done on a thread
    /// aside even though the asker waits: the compiler keeps its threads, which would for ever be
    /// pinned to the CPU of the core that asked.
    fn ready(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Ready, String> {
        let compiled = entry.ready.get_or_init(|| {
            let (shared, theirs) = (Arc::clone(self), Arc::clone(entry));
            let (sender, receiver) = std::sync::mpsc::channel();
            let work = move || {
                let wasm = theirs.embedded.unwrap_or_default();
                let module = match theirs.metering {
                    Metering::Epoch => {
                        shared.compile(&theirs.info.name, wasm, &shared.metered, Compiler::Here)
                    }
                    Metering::Trusted => {
                        shared.compile(&theirs.info.name, wasm, &shared.trusted, Compiler::Here)
                    }
                };
                // The receiver waits below.
                let _ = sender.send(module.map_err(|error| error.to_string()));
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
        compiler: Compiler,
    ) -> Result<Ready, ModuleError> {
        let _watched = self.watch.get().map(|watch| watch(name));
        let began = Instant::now();
        let module = GuestModule::load(name, wasm, target, self.cache.as_ref(), compiler)?;
        Ok(Ready {
            module: Arc::new(module),
            compile_ns: u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
        })
    }

    /// Compiles what is no part of this program, if it is taken at all.
    fn compile_foreign(&self, name: &str, wasm: &[u8], class: Class) -> Result<Ready, ModuleError> {
        let Foreign { compiler, trust } = &self.foreign;
        if let Some(trust) = trust {
            trust.check(wasm)?;
        }
        compiler.admits(wasm)?;
        self.compile(name, wasm, self.target(class)?, *compiler)
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
        checked_name(name)?;
        let digest = blake3::hash(wasm);
        if let Some(info) = self.recall(name, &digest, class) {
            return Ok(info);
        }
        let ready = self.compile_foreign(name, wasm, class)?;
        Ok(self.insert(Entry {
            wants: parsed(&ready.module.inspection().wants),
            info: info_of(name, wasm, &ready),
            metering: Metering::Epoch,
            digest,
            embedded: None,
            ready: OnceLock::from(Ok(ready)),
        }))
    }

    /// What a module would be if it were loaded, and a way to make tasks of it.
    fn check(&self, name: &str, wasm: &[u8]) -> Result<(ModuleInfo, Candidate), ModuleError> {
        checked_name(name)?;
        let current = self.entry(name);
        let class = current.map_or(Class::Ordinary, |entry| entry.info.class);
        let ready = self.compile_foreign(name, wasm, class)?;
        let info = info_of(name, wasm, &ready);
        let candidate = Candidate::new(move |limits| {
            let module = Arc::clone(&ready.module);
            Ok(Box::new(WasmTask::new(module, 0, *limits, None)))
        });
        Ok((info, candidate))
    }
}

/// What lists say of a module; its version is not known yet.
fn info_of(name: &str, wasm: &[u8], ready: &Ready) -> ModuleInfo {
    ModuleInfo {
        name: name.to_string(),
        bytes: wasm.len() as u64,
        wants: ready.module.inspection().wants.clone(),
        class: ready.module.class(),
        version: 0,
    }
}

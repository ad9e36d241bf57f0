//! A module that tasks can be made of: checked, compiled, linked.
//!
//! The checks come first, so that a file of the wrong kind costs nothing and gets a sentence that says
//! what to do. Compiled code comes from the cache if this installation has compiled the same bytes
//! before. What is left is ready to run: making an instance of it takes microseconds.

use std::sync::Arc;

use okernel_core::Class;
use wasmtime::{Engine, InstancePre, Linker, Module};

use super::cache::{Cache, Key};
use super::compile::Compiler;
use super::contract::ContractError;
use super::engine::{EngineError, one_line};
use super::entry::Exports;
use super::inspect::{InspectError, Inspection, inspect};
use super::limits::{DENSE_MEMORY_BYTES, WASM_PAGE_BYTES};
use super::lines::SourceLines;
use super::scribble::TrapTable;
use super::state::State;
use super::trust::Untrusted;

/// A module ready to run.
pub struct GuestModule {
    name: String,
    inspection: Inspection,
    class: Class,
    pre: InstancePre<State>,
    exports: Exports,
    traps: TrapTable,
    lines: Option<Arc<SourceLines>>,
}

/// Why a module cannot be used. Each is one line, without the name of the file.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModuleError {
    /// The bytes are no module.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The module is not a task of this kernel.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// It cannot have this name.
    #[error("{0}: choose another name")]
    Name(String),
    /// Its memory is too large for the dense class.
    #[error(
        "begins with {bytes} bytes of memory, and a dense task has at most {DENSE_MEMORY_BYTES}: load it \
         without `dense, or build it with a smaller stack and less data"
    )]
    NotDense {
        /// What it begins with.
        bytes: u64,
    },
    /// The engine of its class cannot be made.
    #[error(transparent)]
    NoEngine(#[from] EngineError),
    /// It is not one that this kernel takes.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// It cannot be compiled within the limits.
    #[error("{0}")]
    Compile(String),
    /// The engine refuses its code.
    #[error("refused by the engine: {0}: build it again for wasm32-unknown-unknown")]
    Engine(String),
}

impl From<wasmtime::Error> for ModuleError {
    fn from(error: wasmtime::Error) -> ModuleError {
        ModuleError::Engine(one_line(&error))
    }
}

/// One of the engines, with what modules are linked against.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) engine: Engine,
    pub(super) linker: Arc<Linker<State>>,
    pub(super) class: Class,
}

impl GuestModule {
    /// Checks, compiles (or finds in the cache) and links a module.
    ///
    /// # Errors
    /// It is no module, no task, or its code is refused.
    pub(super) fn load(
        name: &str,
        wasm: &[u8],
        target: &Target,
        cache: Option<&Cache>,
        compiler: Compiler,
    ) -> Result<GuestModule, ModuleError> {
        let inspection = inspect(wasm)?;
        inspection.check()?;
        if target.class == Class::Dense {
            fits_densely(&inspection)?;
        }
        let module = compile(wasm, target, cache, compiler)?;
        let traps = TrapTable::of(&module)
            .ok_or_else(|| ModuleError::Engine("its compiled form is unknown".to_string()))?;
        let exports = Exports::of(&module)
            .ok_or_else(|| ModuleError::Engine("its entry points are not there".to_string()))?;
        let pre = target.linker.instantiate_pre(&module)?;
        Ok(GuestModule {
            name: name.to_string(),
            inspection,
            class: target.class,
            pre,
            exports,
            traps,
            lines: SourceLines::of(wasm).map(Arc::new),
        })
    }

    /// The name that it was loaded under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// How its tasks lie in memory.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Whether its tasks can go on where those of another version were.
    pub(super) fn restores(&self) -> bool {
        self.exports.restore.is_some()
    }

    /// It with its imports, ready to be made an instance of.
    pub(super) fn pre(&self) -> &InstancePre<State> {
        &self.pre
    }

    /// What the host calls and uses of it.
    pub(super) fn exports(&self) -> &Exports {
        &self.exports
    }

    /// The engine that it was compiled for.
    pub(super) fn engine(&self) -> &Engine {
        self.pre.module().engine()
    }

    /// Where its code is in its sources, if that is known.
    pub(super) fn lines(&self) -> Option<&Arc<SourceLines>> {
        self.lines.as_ref()
    }

    /// Its instructions that trap.
    pub(super) fn traps(&self) -> &TrapTable {
        &self.traps
    }
}

fn fits_densely(inspection: &Inspection) -> Result<(), ModuleError> {
    let pages = inspection.memory.map_or(0, |memory| memory.initial_pages);
    let bytes = pages.saturating_mul(WASM_PAGE_BYTES as u64);
    if bytes > DENSE_MEMORY_BYTES as u64 {
        return Err(ModuleError::NotDense { bytes });
    }
    Ok(())
}

fn compile(
    wasm: &[u8],
    target: &Target,
    cache: Option<&Cache>,
    compiler: Compiler,
) -> Result<Module, ModuleError> {
    let engine = &target.engine;
    let kept = cache.map(|cache| (cache, Key::of(wasm, engine)));
    if let Some(artefact) = kept.as_ref().and_then(|(cache, key)| cache.load(key)) {
        // SAFETY: the cache has found that this installation wrote these bytes, under the key of the
        // same module and the same settings; what it writes is what the engine had made, below.
        match unsafe { Module::deserialize(engine, &artefact) } {
            Ok(module) => return Ok(module),
            Err(error) => tracing::warn!("a compiled module is not used: {}", one_line(&error)),
        }
    }
    let artefact = compiler.compile(wasm, engine, target.class)?;
    // SAFETY: the bytes are what the engine has just made, here or in a process that this one has started
    // from its own program and whose output nobody else could write.
    let module = unsafe { Module::deserialize(engine, &artefact) }?;
    if let Some((cache, key)) = kept {
        cache.store(&key, &artefact);
    }
    Ok(module)
}

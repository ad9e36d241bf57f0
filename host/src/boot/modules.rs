//! The modules that are part of this program, and those that boot was told to load.

use std::path::PathBuf;

use crate::wasm::cache::CacheChoice;
use crate::wasm::engine::Engines;
use crate::wasm::registry::{INTERPRETER, Registry};

use super::BootError;

/// The guests that the build has compiled: name, module.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// A registry of the embedded modules. They are compiled when first wanted.
pub fn embedded(engines: &Engines, cache: &CacheChoice) -> Result<Registry, BootError> {
    let named = |name: &str| {
        let name = name.to_string();
        move |error| BootError::Module { name, error }
    };
    let registry = Registry::new(engines, cache).map_err(named("system calls"))?;
    for (name, wasm) in EMBEDDED {
        let embedded = match *name {
            INTERPRETER => registry.embed_interpreter(wasm),
            name => registry.embed(name, wasm),
        };
        embedded.map_err(named(name))?;
    }
    Ok(registry)
}

/// Loads the modules that were named, one after another.
pub fn load(registry: &Registry, loads: &[(String, PathBuf)]) -> Result<(), BootError> {
    for (name, path) in loads {
        let shown = || path.display().to_string();
        let wasm = std::fs::read(path).map_err(|error| BootError::File {
            path: shown(),
            error,
        })?;
        registry
            .load_bytes(name, &wasm)
            .map_err(|error| BootError::Module {
                name: shown(),
                error,
            })?;
    }
    Ok(())
}

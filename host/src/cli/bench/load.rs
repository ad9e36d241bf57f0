//! `bench load`: from a module's file to its first task, compiled and from the cache.

use std::env;
use std::fs;
use std::time::Instant;

use anyhow::ensure;
use okernel_core::{Limits, Modules, Program};

use super::machine::ModuleFile;
use super::report::Report;
use super::ring::ROUNDS;
use crate::boot::Class;
use crate::wasm::cache::CacheChoice;
use crate::wasm::compile::Compiler;
use crate::wasm::engine::Engines;
use crate::wasm::limits::INSTANCES_MIN;
use crate::wasm::registry::{Foreign, Registry};

/// Modules that are loaded: a small one and one of the largest.
const MODULES: [&str; 2] = ["idle", "words"];

/// Runs the bench.
///
/// # Errors
/// A module cannot be loaded.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let cache = env::temp_dir().join(format!("okernel-bench-load-{}", std::process::id()));
    let engines = Engines::new(INSTANCES_MIN)?;
    for module in MODULES {
        for class in [Class::Ordinary, Class::Dense] {
            let file = ModuleFile::write(module)?;
            let (mut compiled, mut cached, mut spawned) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..report.effort().rounds(ROUNDS) {
                let cold = load(&engines, &CacheChoice::Off, &file, class)?;
                compiled.push(cold.load_ms);
                let kept = CacheChoice::Folder(cache.clone());
                load(&engines, &kept, &file, class)?;
                let warm = load(&engines, &kept, &file, class)?;
                cached.push(warm.load_ms);
                spawned.push(warm.spawn_us);
            }
            let word = class.word();
            report.row(format!("{module}, {word}: compile"), "ms", compiled.clone());
            report
                .row(format!("{module}, {word}: cached"), "ms", cached)
                .against("compile", &compiled);
            report.row(format!("{module}, {word}: a task of it"), "us", spawned);
        }
    }
    // What is left in the temporary folder is no failure of the bench.
    drop(fs::remove_dir_all(&cache));
    Ok(())
}

struct Loaded {
    load_ms: f64,
    spawn_us: f64,
}

/// Loads a module into a registry of its own.
fn load(
    engines: &Engines,
    cache: &CacheChoice,
    file: &ModuleFile,
    class: Class,
) -> anyhow::Result<Loaded> {
    let registry = Registry::new(engines, cache, Foreign::of_anybody(Compiler::Here))?;
    let order = file.load("module", class);
    if class == Class::Dense {
        // Its engine is made once, and not measured here.
        engines.dense()?;
    }
    let begun = Instant::now();
    let wasm = fs::read(&order.path)?;
    let info = registry.load_bytes(&order.name, &wasm, class)?;
    let load_ms = begun.elapsed().as_secs_f64() * 1e3;
    ensure!(
        info.class == class,
        "bench: {} is {:?}",
        info.name,
        info.class
    );
    let begun = Instant::now();
    let program = Program::Module(order.name);
    let task = registry.instantiate(&program, &Limits::default());
    let spawn_us = begun.elapsed().as_secs_f64() * 1e6;
    ensure!(task.is_ok(), "bench: no task of {}", info.name);
    Ok(Loaded { load_ms, spawn_us })
}

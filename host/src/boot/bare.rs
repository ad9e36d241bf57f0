//! A kernel without a shell, for those who fill and drive it themselves: the benches.

use std::sync::Arc;
use std::time::Duration;

use okernel_core::{Config, Kernel};

use crate::wasm::cache::CacheChoice;
use crate::wasm::capacity::Machine;
use crate::wasm::compile::Compiler;
use crate::wasm::engine::Engines;
use crate::wasm::registry::Foreign;
use crate::wasm::ticker::Ticker;

use super::{BootError, Load, modules};

/// A kernel in which nothing runs yet, with the embedded modules and those that are named.
///
/// # Errors
/// As for [`super::boot`].
pub fn bare(cores: usize, config: Config, loads: &[Load]) -> Result<Kernel, BootError> {
    let engines = Engines::new(Machine::look().tasks())?;
    // The benches' own modules, which are part of the program.
    let foreign = Foreign::of_anybody(Compiler::Here);
    let registry = modules::embedded(&engines, &CacheChoice::from_environment(), foreign)?;
    modules::load(&registry, loads)?;
    let tick = Duration::from_micros(config.tick_us);
    let ticker = Ticker::start(&engines, tick).map_err(BootError::Ticker)?;
    Ok(Kernel::simple(
        cores,
        config,
        Arc::new(registry),
        Arc::new(ticker),
    )?)
}

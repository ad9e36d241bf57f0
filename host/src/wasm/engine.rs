//! The engines that execute guests.
//!
//! User tasks run on the *metered* engine: its code looks at an epoch counter at each loop and
//! function, so that a guest that computes too long is suspended in the middle. That costs up to
//! 60 % where loops are tight. The interpreter of O counts its own steps, so it runs on the
//! *trusted* engine, whose code has no such checks. Nothing else may: a module that loops for ever
//! there holds its core.
//!
//! Instances come from pools whose slots reserve four gigabytes of address space each, with guards
//! behind them; so no access checks its bounds, and a wild one is a trap. Memory never moves. The
//! *dense* engine is metered too, and packs its slots (see [`super::dense`]); it is made when a module
//! of that class is first loaded.
//!
//! Invariant: the features that guests may use are listed here and nowhere else; threads, shared
//! and 64-bit memories and more than one memory are refused, since windows and pointer checks are
//! built on there being one memory that only its own task runs in.

use std::sync::{Arc, OnceLock};

use okernel_core::Class;
use wasmtime::PoolingAllocationConfig;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, WasmBacktraceDetails,
};

use super::printable::printable;
use super::{dense, limits};

/// Whether the code of an engine can be interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Metering {
    /// Interrupted when its turn ends: for everything that users bring.
    Epoch,
    /// Never interrupted: only for the interpreter, which steps by a budget.
    Trusted,
}

/// The engines, and how many instances each of those that are always there has slots for.
#[derive(Clone)]
pub struct Engines {
    metered: Engine,
    trusted: Engine,
    dense: Arc<OnceLock<Result<Engine, EngineError>>>,
    instances_max: u32,
}

/// The engines could not be made.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "cannot reserve address space for {instances} sandboxed tasks: {reason}: raise 'ulimit -v' or \
     vm.max_map_count"
)]
pub struct EngineError {
    /// The number of slots that was tried last.
    pub instances: u32,
    /// What the engine said.
    pub reason: String,
}

impl Engines {
    /// Makes both engines with room for `instances` each, or for as many as there is address space for
    /// when that is fewer (the log says so).
    ///
    /// # Errors
    /// Not even [`limits::INSTANCES_MIN`] slots can be reserved.
    pub fn new(instances: u32) -> Result<Engines, EngineError> {
        let wanted = instances.clamp(limits::INSTANCES_MIN, limits::INSTANCES_MAX);
        let mut count = wanted;
        loop {
            match Engines::with_exactly(count) {
                Ok(engines) => {
                    if count < wanted {
                        tracing::warn!(wanted, count, "this machine has room for fewer tasks");
                    }
                    return Ok(engines);
                }
                Err(error) if count <= limits::INSTANCES_MIN => {
                    return Err(EngineError {
                        instances: count,
                        reason: one_line(&error),
                    });
                }
                Err(_) => count = (count / 2).max(limits::INSTANCES_MIN),
            }
        }
    }

    fn with_exactly(count: u32) -> wasmtime::Result<Engines> {
        Ok(Engines {
            metered: Engine::new(&config(Metering::Epoch, count))?,
            trusted: Engine::new(&config(Metering::Trusted, count))?,
            dense: Arc::default(),
            instances_max: count,
        })
    }

    /// The engine for code of this kind.
    pub fn get(&self, metering: Metering) -> &Engine {
        match metering {
            Metering::Epoch => &self.metered,
            Metering::Trusted => &self.trusted,
        }
    }

    /// The engine of the dense class, made now if it was not yet: metered, with room for
    /// [`limits::DENSE_INSTANCES_MAX`] or for as many as this machine allows.
    ///
    /// # Errors
    /// Not even [`limits::INSTANCES_MIN`] slots can be reserved.
    pub fn dense(&self) -> Result<&Engine, EngineError> {
        let made = self.dense.get_or_init(dense::engine);
        made.as_ref().map_err(EngineError::clone)
    }

    /// The engine of the dense class, if it was made.
    pub(super) fn dense_if_made(&self) -> Option<&Engine> {
        self.dense.get()?.as_ref().ok()
    }

    /// How many instances each of the two engines that are always there can hold at a time.
    pub fn instances_max(&self) -> u32 {
        self.instances_max
    }
}

/// An engine that only compiles, for the executing one of this kind: it has no slots and takes no address
/// space.
pub(super) fn compiling_engine(class: Class) -> wasmtime::Result<Engine> {
    Engine::new(&match class {
        Class::Ordinary => code_config(Metering::Epoch),
        Class::Dense => dense::code_config(),
    })
}

fn config(metering: Metering, instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(instances)
        .total_memories(instances)
        .total_tables(instances.saturating_mul(2))
        .max_memories_per_module(1)
        .max_tables_per_module(limits::TABLES_PER_MODULE_MAX)
        .table_elements(limits::TABLE_ELEMENTS_MAX)
        .max_memory_size(limits::MEMORY_RESERVATION_BYTES as usize)
        .max_unused_warm_slots(limits::WARM_SLOTS_MAX)
        .linear_memory_keep_resident(limits::KEEP_RESIDENT_BYTES)
        .table_keep_resident(limits::TABLE_KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    let mut config = code_config(metering);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// What compiled code depends on.
fn code_config(metering: Metering) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(metering == Metering::Epoch)
        .memory_reservation(limits::MEMORY_RESERVATION_BYTES)
        .memory_guard_size(limits::MEMORY_GUARD_BYTES)
        .guard_before_linear_memory(true);
    guests_may(&mut config);
    config
}

/// What is the same for every engine: the features that guests may use, and the bounds of their calls.
pub(super) fn guests_may(config: &mut Config) {
    config
        // By default the environment decides, which a compilation apart does not have. Lines of sources are looked
        // up in `lines.rs`.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .memory_may_move(false)
        .max_wasm_stack(limits::GUEST_STACK_BYTES)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(limits::BACKTRACE_FRAMES_MAX))
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_simd(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false);
}

/// An error of the engine as one line. It may quote names of the module.
pub(super) fn one_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::{Engines, Metering};
    use crate::wasm::limits;

    #[test]
    fn what_guests_may_not_use_is_refused() {
        let engines = Engines::new(limits::INSTANCES_MIN).unwrap();
        let refused = [
            "(module (memory 1) (memory 1))",
            "(module (memory i64 1))",
            "(module (memory 1 2 shared))",
            "(module (memory 1 (pagesize 1)))",
            "(module (tag))",
        ];
        for text in refused {
            let bytes = wat::parse_str(text).unwrap();
            for metering in [Metering::Epoch, Metering::Trusted] {
                let module = wasmtime::Module::new(engines.get(metering), &bytes);
                assert!(module.is_err(), "{text} was accepted");
            }
        }
    }

    #[test]
    fn code_of_the_two_engines_is_not_interchangeable() {
        let engines = Engines::new(limits::INSTANCES_MIN).unwrap();
        let code = engines
            .get(Metering::Trusted)
            .precompile_module(b"\0asm\x01\0\0\0")
            .unwrap();
        // SAFETY: the bytes are what this process has just compiled.
        let loaded = unsafe { wasmtime::Module::deserialize(engines.get(Metering::Epoch), &code) };
        assert!(loaded.is_err());
    }
}

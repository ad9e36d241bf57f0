//! What it costs that code can be suspended: a module's pure function, compiled for either engine.
//!
//! For measurements only: the function is called without a kernel, so every system call in its module
//! traps. The metered engine's code has the checks by which a task is suspended in the middle, the
//! trusted engine's has none; all else is the same.

use wasmtime::{Linker, Module, Store, TypedFunc};

use super::engine::{Engines, Metering};
use super::module::ModuleError;

/// The function that a module for measurements exports.
const COMPUTE_EXPORT: &str = "compute";

/// An instance whose function can be called.
pub struct Compute {
    store: Store<()>,
    compute: TypedFunc<u32, u64>,
}

impl Compute {
    /// Compiles a module that exports `compute` for this engine, and makes an instance of it.
    ///
    /// # Errors
    /// It is no module, or does not export that function.
    pub fn new(engines: &Engines, wasm: &[u8], metering: Metering) -> Result<Compute, ModuleError> {
        let engine = engines.get(metering);
        let module = Module::from_binary(engine, wasm)?;
        let mut linker = Linker::new(engine);
        linker.define_unknown_imports_as_traps(&module)?;
        let mut store = Store::new(engine, ());
        if metering == Metering::Epoch {
            // No ticker runs here.
            store.set_epoch_deadline(1);
        }
        let instance = linker.instantiate(&mut store, &module)?;
        let compute = instance.get_typed_func(&mut store, COMPUTE_EXPORT)?;
        Ok(Compute { store, compute })
    }

    /// Calls the function.
    ///
    /// # Errors
    /// It trapped.
    pub fn run(&mut self, number: u32) -> Result<u64, ModuleError> {
        Ok(self.compute.call(&mut self.store, number)?)
    }
}

#[cfg(test)]
mod tests {
    use super::Compute;
    use crate::wasm::engine::{Engines, Metering};
    use crate::wasm::limits;

    #[test]
    fn both_engines_compute_the_same() {
        let text = r#"(module
            (import "okernel" "seed" (func (result i64)))
            (func (export "compute") (param i32) (result i64)
                (i64.extend_i32_u (i32.add (local.get 0) (i32.const 1)))))"#;
        let wasm = wat::parse_str(text).unwrap();
        let engines = Engines::new(limits::INSTANCES_MIN).unwrap();
        for metering in [Metering::Epoch, Metering::Trusted] {
            let mut compute = Compute::new(&engines, &wasm, metering).unwrap();
            assert_eq!(compute.run(41).unwrap(), 42);
        }
        let nothing = wat::parse_str("(module)").unwrap();
        assert!(Compute::new(&engines, &nothing, Metering::Epoch).is_err());
    }
}

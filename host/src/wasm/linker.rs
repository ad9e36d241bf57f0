//! The system calls as imports, made from the table of the ABI.
//!
//! The table names each call and its parameters; this file turns every line of it into an import
//! that calls the function of the same name in `calls`. A call that is in the table and not there, or with
//! other parameters, does not compile.

use okernel_abi::{Errno, IMPORT_MODULE};
use wasmtime::{Caller, Engine, Linker};

use super::calls;
use super::state::State;

/// What a call answers the guest.
fn answer(result: Result<u64, Errno>) -> i64 {
    match result {
        // A result has 63 bits; no count, position or time comes near.
        Ok(value) => i64::try_from(value).unwrap_or(i64::MAX),
        Err(errno) => errno.to_result(),
    }
}

macro_rules! imports {
    ($($(#[doc = $doc:literal])* fn $name:ident($($param:ident: $type:ident),*);)*) => {
        /// All system calls for guests of this engine.
        pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
            let mut linker = Linker::new(engine);
            $(linker.func_wrap(
                IMPORT_MODULE,
                stringify!($name),
                |mut guest: Caller<'_, State>, $($param: $type),*| -> i64 {
                    answer(calls::$name(&mut guest, $($param),*))
                },
            )?;)*
            Ok(linker)
        }
    };
}

okernel_abi::syscalls!(imports);

#[cfg(test)]
mod tests {
    use super::{answer, linker};
    use crate::wasm::engine::{Engines, Metering};
    use crate::wasm::limits;
    use crate::wasm::state::State;
    use okernel_abi::syscalls::SYSCALLS;
    use okernel_abi::{Errno, IMPORT_MODULE};
    use okernel_core::{Class, Limits};
    use wasmtime::{Store, ValType};

    #[test]
    fn the_linker_is_the_table() {
        let engines = Engines::new(limits::INSTANCES_MIN).unwrap();
        let engine = engines.get(Metering::Epoch);
        let linker = linker(engine).unwrap();
        let mut store = Store::new(engine, State::new(Class::Ordinary, &Limits::default()));
        let mut defined: Vec<(String, String)> = linker
            .iter(&mut store)
            .map(|(module, name, _)| (module.to_string(), name.to_string()))
            .collect();
        let mut wanted: Vec<(String, String)> = SYSCALLS
            .iter()
            .map(|call| (IMPORT_MODULE.to_string(), call.name.to_string()))
            .collect();
        defined.sort();
        wanted.sort();
        assert_eq!(defined, wanted);
        for call in SYSCALLS {
            let import = linker.get(&mut store, IMPORT_MODULE, call.name).unwrap();
            let ty = import.ty(&store).unwrap_func().clone();
            let bits: Vec<u32> = ty
                .params()
                .map(|param| match param {
                    ValType::I32 => 32,
                    ValType::I64 => 64,
                    other => panic!("{} takes {other}", call.name),
                })
                .collect();
            let wanted: Vec<u32> = call.params.iter().map(|param| param.bits).collect();
            assert_eq!(bits, wanted, "{}", call.name);
            assert!(
                matches!(ty.results().collect::<Vec<_>>()[..], [ValType::I64]),
                "{}",
                call.name
            );
        }
    }

    #[test]
    fn results_fit_their_63_bits() {
        assert_eq!(answer(Ok(0)), 0);
        assert_eq!(answer(Ok(u64::MAX)), i64::MAX);
        assert_eq!(answer(Err(Errno::Again)), -1);
    }
}

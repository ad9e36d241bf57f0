//! The entry points of a module: found and checked once, when it is loaded, and called without a look at names and
//! types again.
//!
//! The engine's own way asks for a function by its name and compares its type in each instance: a tenth of the life
//! of a task that ends at once.
//!
//! Invariant: an [`EntryPoint`] exists only if the engine says that the module's export is a function of that type.
//! What it is looked up in is an instance of the same module, or it is not found.

use std::marker::PhantomData;

use wasmtime::{Extern, Func, Instance, Memory, Module, ModuleExport, Store, ValRaw, ValType};

use super::contract::MEMORY_EXPORT;
use super::state::State;

/// Numbers of 32 bits that an entry point takes or answers at most.
const WORDS_MAX: usize = 2;

/// Where they lie during a call.
type Words = [ValRaw; WORDS_MAX];

/// What an entry point takes or answers: numbers of 32 bits.
pub(super) trait Numbers: Sized {
    /// How many.
    const COUNT: usize;

    /// Writes them for the guest.
    fn write(self, words: &mut Words);

    /// Reads what the guest has answered.
    fn read(words: &Words) -> Self;
}

impl Numbers for () {
    const COUNT: usize = 0;

    fn write(self, _words: &mut Words) {}

    fn read(_words: &Words) {}
}

impl Numbers for u32 {
    const COUNT: usize = 1;

    fn write(self, words: &mut Words) {
        words[0] = ValRaw::u32(self);
    }

    fn read(words: &Words) -> u32 {
        words[0].get_u32()
    }
}

impl Numbers for i32 {
    const COUNT: usize = 1;

    fn write(self, words: &mut Words) {
        words[0] = ValRaw::i32(self);
    }

    fn read(words: &Words) -> i32 {
        words[0].get_i32()
    }
}

impl Numbers for (u32, u32) {
    const COUNT: usize = 2;

    fn write(self, words: &mut Words) {
        *words = [ValRaw::u32(self.0), ValRaw::u32(self.1)];
    }

    fn read(words: &Words) -> (u32, u32) {
        (words[0].get_u32(), words[1].get_u32())
    }
}

/// An entry point of a module, of a function from `P` to `R`.
pub(super) struct EntryPoint<P, R> {
    export: ModuleExport,
    of_type: PhantomData<fn(P) -> R>,
}

impl<P: Numbers, R: Numbers> EntryPoint<P, R> {
    /// The export of this name. None: there is no such function of this type.
    fn find(module: &Module, name: &str) -> Option<EntryPoint<P, R>> {
        const { assert!(P::COUNT <= WORDS_MAX && R::COUNT <= WORDS_MAX) };
        let found = module.get_export(name)?;
        let ty = found.func()?;
        let is_word = |ty: ValType| matches!(ty, ValType::I32);
        let same = ty.params().len() == P::COUNT && ty.results().len() == R::COUNT;
        if !same || !ty.params().chain(ty.results()).all(is_word) {
            return None;
        }
        Some(EntryPoint {
            export: module.get_export_index(name)?,
            of_type: PhantomData,
        })
    }

    /// The function of an instance.
    ///
    /// # Errors
    /// It is an instance of another module.
    pub(super) fn of(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Entry<P, R>> {
        match instance.get_module_export(store, &self.export) {
            Some(Extern::Func(func)) => Ok(Entry {
                func,
                of_type: PhantomData,
            }),
            _ => Err(wasmtime::Error::msg("an instance of another module")),
        }
    }

    /// Calls it in an instance, once.
    ///
    /// # Errors
    /// As [`Entry::call`].
    pub(super) fn call(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
        params: P,
    ) -> wasmtime::Result<R> {
        self.of(instance, store)?.call(store, params)
    }
}

/// An entry point of an instance.
pub(super) struct Entry<P, R> {
    func: Func,
    of_type: PhantomData<fn(P) -> R>,
}

impl<P: Numbers, R: Numbers> Entry<P, R> {
    /// Calls the guest.
    ///
    /// # Errors
    /// It trapped, or the host ended it.
    pub(super) fn call(&self, store: &mut Store<State>, params: P) -> wasmtime::Result<R> {
        let mut words = [ValRaw::u32(0); WORDS_MAX];
        params.write(&mut words);
        // SAFETY: the function takes and answers as many numbers of 32 bits as `P` and `R` say (see the invariant), and
        // no more than there is room for; stores of this kernel are not asynchronous.
        unsafe { self.func.call_unchecked(store, &raw mut words)? };
        Ok(R::read(&words))
    }
}

/// What the host calls and uses of a task's module.
pub(super) struct Exports {
    pub(super) init: EntryPoint<(), i32>,
    pub(super) exec: EntryPoint<u32, i32>,
    pub(super) poll: EntryPoint<(), i32>,
    pub(super) finalize: EntryPoint<u32, ()>,
    pub(super) save: Option<EntryPoint<(), i32>>,
    pub(super) restore: Option<EntryPoint<(u32, u32), i32>>,
    pub(super) revoked: Option<EntryPoint<u32, ()>>,
    memory: ModuleExport,
}

impl Exports {
    /// Those of a module. None: it lacks one that every task has.
    pub(super) fn of(module: &Module) -> Option<Exports> {
        Some(Exports {
            init: EntryPoint::find(module, "init")?,
            exec: EntryPoint::find(module, "exec")?,
            poll: EntryPoint::find(module, "poll")?,
            finalize: EntryPoint::find(module, "finalize")?,
            save: EntryPoint::find(module, "save"),
            restore: EntryPoint::find(module, "restore"),
            revoked: EntryPoint::find(module, "revoked"),
            memory: module.get_export_index(MEMORY_EXPORT)?,
        })
    }

    /// The memory of an instance.
    pub(super) fn memory(&self, instance: &Instance, store: &mut Store<State>) -> Option<Memory> {
        instance
            .get_module_export(store, &self.memory)?
            .into_memory()
    }
}

#[cfg(test)]
mod tests {
    use super::{EntryPoint, Exports};
    use crate::wasm::engine::{Engines, Metering};
    use crate::wasm::limits;
    use crate::wasm::state::State;
    use okernel_core::{Class, Limits};
    use wasmtime::{Instance, Module, Store};

    const TASK: &str = r#"(module
        (func (export "init") (result i32) (i32.const -7))
        (func (export "exec") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "poll") (result i32) unreachable)
        (func (export "finalize") (param i32))
        (func (export "restore") (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
        (func (export "save") (param i64) (result i32) (i32.const 0))
        (memory (export "memory") 1))"#;

    #[test]
    fn entry_points_take_and_answer_numbers() {
        let engines = Engines::new(limits::INSTANCES_MIN).unwrap();
        let engine = engines.get(Metering::Trusted);
        let module = Module::new(engine, wat::parse_str(TASK).unwrap()).unwrap();
        let exports = Exports::of(&module).unwrap();
        let state = State::new(Class::Ordinary, &Limits::default());
        let mut store = Store::new(engine, state);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        assert_eq!(exports.init.call(&instance, &mut store, ()).unwrap(), -7);
        let exec = exports.exec.of(&instance, &mut store).unwrap();
        assert_eq!(exec.call(&mut store, u32::MAX).unwrap(), 0);
        assert_eq!(exec.call(&mut store, 41).unwrap(), 42);
        let restore = exports.restore.as_ref().unwrap();
        assert_eq!(restore.call(&instance, &mut store, (3, 5)).unwrap(), -2);
        exports.finalize.call(&instance, &mut store, 1).unwrap();
        assert!(exports.poll.call(&instance, &mut store, ()).is_err());
        assert!(exports.memory(&instance, &mut store).is_some());
    }

    #[test]
    fn what_is_of_another_type_or_module_is_not_found() {
        let engines = Engines::new(limits::INSTANCES_MIN).unwrap();
        let engine = engines.get(Metering::Trusted);
        let load = |text: &str| Module::new(engine, wat::parse_str(text).unwrap()).unwrap();
        let module = load(TASK);
        let exports = Exports::of(&module).unwrap();
        assert!(exports.save.is_none() && exports.revoked.is_none());
        assert!(EntryPoint::<u32, i32>::find(&module, "init").is_none());
        assert!(EntryPoint::<(), ()>::find(&module, "init").is_none());
        assert!(EntryPoint::<(), i32>::find(&module, "memory").is_none());
        assert!(Exports::of(&load("(module (memory (export \"memory\") 1))")).is_none());

        let other = load(&TASK.replace("-7", "-8"));
        let state = State::new(Class::Ordinary, &Limits::default());
        let mut store = Store::new(engine, state);
        let instance = Instance::new(&mut store, &other, &[]).unwrap();
        assert!(exports.init.call(&instance, &mut store, ()).is_err());
        assert!(exports.memory(&instance, &mut store).is_none());
    }
}

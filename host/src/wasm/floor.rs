//! The least that a task's life can cost on an engine: what `bench spawn` stands beside.
//!
//! A store, an instance from the pool, one call that touches one page of its memory, and the end of all
//! that; nothing of the kernel, no system calls, no limits. What a task's life costs beyond this
//! is ours.

use std::time::{Duration, Instant};

use okernel_core::Class;
use wasmtime::{Engine, Linker, Module, Store};

use super::engine::{EngineError, Engines, Metering};
use super::limits::INSTANCES_MIN;

/// `(module (func (export "poll") (i32.store (i32.const 0) (i32.const 1))) (memory 1))`.
const LEAST: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x04\x01\x60\0\0\
    \x03\x02\x01\0\
    \x05\x03\x01\0\x01\
    \x07\x08\x01\x04poll\0\0\
    \x0a\x0b\x01\x09\0\x41\0\x41\x01\x36\x02\0\x0b";

/// The floor could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// There is no engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine refuses.
    #[error("the floor of a task's life: {0}")]
    Refused(#[from] wasmtime::Error),
}

/// An engine with the smallest module.
pub struct Floor {
    engine: Engine,
    module: Module,
}

impl Floor {
    /// The floor of this class, on an engine of its own.
    ///
    /// # Errors
    /// The engine cannot be made.
    pub fn new(class: Class) -> Result<Floor, FloorError> {
        let engines = Engines::new(INSTANCES_MIN)?;
        let engine = match class {
            Class::Ordinary => engines.get(Metering::Epoch).clone(),
            Class::Dense => engines.dense()?.clone(),
        };
        let module = Module::from_binary(&engine, LEAST)?;
        Ok(Floor { engine, module })
    }

    /// How long so many lives take, one after another.
    ///
    /// # Errors
    /// The engine refuses an instance, or the call traps.
    pub fn lives(&self, count: u32) -> Result<Duration, FloorError> {
        let pre = Linker::<()>::new(&self.engine).instantiate_pre(&self.module)?;
        let begun = Instant::now();
        for _ in 0..count {
            let mut store = Store::new(&self.engine, ());
            store.set_epoch_deadline(u64::MAX / 2);
            let instance = pre.instantiate(&mut store)?;
            let poll = instance.get_typed_func::<(), ()>(&mut store, "poll")?;
            poll.call(&mut store, ())?;
        }
        Ok(begun.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Floor, LEAST};

    #[test]
    fn the_smallest_module_is_what_it_says() {
        let text =
            r#"(module (func (export "poll") (i32.store (i32.const 0) (i32.const 1))) (memory 1))"#;
        assert_eq!(wat::parse_str(text).unwrap(), LEAST);
    }

    #[test]
    fn it_lives_in_each_class() {
        for class in [Class::Ordinary, Class::Dense] {
            let floor = Floor::new(class).unwrap();
            assert!(!floor.lives(100).unwrap().is_zero(), "{class:?}");
        }
    }
}

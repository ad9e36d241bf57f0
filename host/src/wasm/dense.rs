//! The dense class: tasks that lie side by side, a hundred thousand of them.
//!
//! An ordinary task has four gigabytes of address space, guards and an image of its module mapped in
//! place, which costs two or three of the 65,530 mappings that a process has by default. Here every
//! slot is [`DENSE_MEMORY_BYTES`] long, the next one begins right behind it, and those that are used are
//! one mapping that can be read and written: an instance costs the pages that it touches. Its code compares each address with the size of its memory, and its data is
//! copied in when it begins. Rings are read and written by copying calls.
//!
//! Invariant: no access relies on the protection of pages: there is nothing behind a slot but the next
//! task. So the engine must have no guards, and must not believe that it has.

use rustix::mm::MprotectFlags;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::engine::{EngineError, guests_may, one_line};
use super::limits::{
    DENSE_INSTANCES_MAX, DENSE_KEEP_RESIDENT_BYTES, DENSE_MEMORY_BYTES, DENSE_TABLE_ELEMENTS_MAX,
    INSTANCES_MIN, TABLE_KEEP_RESIDENT_BYTES, WARM_SLOTS_MAX,
};

/// Makes the engine, with as many slots as the machine allows.
///
/// # Errors
/// Not even the fewest slots can be reserved.
pub(super) fn engine() -> Result<Engine, EngineError> {
    // Where the system makes huge pages unasked, the first touch of a slot would take two megabytes.
    if let Err(errno) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::warn!(%errno, "huge pages stay on: dense tasks may take more memory than they use");
    }
    let mut instances = DENSE_INSTANCES_MAX;
    loop {
        match Engine::new(&config(instances)) {
            Ok(engine) => return Ok(engine),
            Err(error) if instances <= INSTANCES_MIN => {
                let reason = one_line(&error);
                return Err(EngineError { instances, reason });
            }
            Err(_) => instances = (instances / 2).max(INSTANCES_MIN),
        }
    }
}

fn config(instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(instances)
        .total_memories(instances)
        .total_tables(instances)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .table_elements(DENSE_TABLE_ELEMENTS_MAX)
        .max_memory_size(DENSE_MEMORY_BYTES)
        .max_unused_warm_slots(WARM_SLOTS_MAX)
        .linear_memory_keep_resident(DENSE_KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    let mut config = code_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// What compiled code depends on.
pub(super) fn code_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .memory_reservation(DENSE_MEMORY_BYTES as u64)
        .memory_guard_size(0)
        .guard_before_linear_memory(false)
        .memory_init_cow(false)
        // Else the compiler would compare an address with the slot's end only, and leave the pages between the
        // memory's end and that to their protection.
        .signals_based_traps(false);
    guests_may(&mut config);
    config
}

/// Lets all of the slot at `base` be read and written, after an instance was made in it. The engine
/// lets an instance have only the pages that it begins with; where the rest is open as well, one slot runs
/// into the next, and all are one mapping.
pub(super) fn open(base: *mut u8) -> rustix::io::Result<()> {
    // SAFETY: the range is one slot of this engine's pool, which no Rust reference points into. Its pages
    // are private and anonymous; more rights on them harm nobody, since no code of this engine relies on
    // their being taken away.
    unsafe {
        rustix::mm::mprotect(
            base.cast(),
            DENSE_MEMORY_BYTES,
            MprotectFlags::READ | MprotectFlags::WRITE,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{config, engine, open};
    use crate::wasm::limits::{DENSE_MEMORY_BYTES, WASM_PAGE_BYTES};
    use crate::wasm::state::State;
    use crate::wasm::trap;
    use okernel_core::{Class, Limits};
    use std::fs;
    use wasmtime::{Engine, Instance, Module, Store};

    fn instance(engine: &Engine, module: &Module) -> (Store<()>, Instance) {
        let mut store = Store::new(engine, ());
        store.set_epoch_deadline(1);
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "m").unwrap();
        open(memory.data_ptr(&store)).unwrap();
        (store, instance)
    }

    const GUEST: &str = r#"(module (memory (export "m") 1) (data (i32.const 8) "data")
        (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
        (func (export "fill") (param i32 i32)
            (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;

    #[test]
    fn a_task_reaches_its_own_memory_and_nothing_behind_it() {
        let engine = engine().unwrap();
        let module = Module::new(&engine, wat::parse_str(GUEST).unwrap()).unwrap();
        let (mut store, guest) = instance(&engine, &module);
        let (mut beside_store, beside) = instance(&engine, &module);
        let load = guest
            .get_typed_func::<i32, i32>(&mut store, "load")
            .unwrap();
        let put = guest
            .get_typed_func::<(i32, i32), ()>(&mut store, "store")
            .unwrap();
        let fill = guest
            .get_typed_func::<(i32, i32), ()>(&mut store, "fill")
            .unwrap();
        let grow = guest
            .get_typed_func::<i32, i32>(&mut store, "grow")
            .unwrap();
        for end in [WASM_PAGE_BYTES, 3 * WASM_PAGE_BYTES, DENSE_MEMORY_BYTES] {
            let pages = (end / WASM_PAGE_BYTES) as i32;
            let now = guest.get_memory(&mut store, "m").unwrap().size(&store) as i32;
            assert_eq!(grow.call(&mut store, pages - now).unwrap(), now);
            put.call(&mut store, (end as i32 - 4, 7)).unwrap();
            assert_eq!(load.call(&mut store, end as i32 - 4).unwrap(), 7);
            let beyond = [end - 3, end, end + 4096, 2 * DENSE_MEMORY_BYTES, 1 << 31];
            for address in beyond.into_iter().chain([u32::MAX as usize - 3]) {
                let address = address as u32 as i32;
                assert!(load.call(&mut store, address).is_err(), "{address:#x}");
                assert!(put.call(&mut store, (address, 7)).is_err());
                assert!(fill.call(&mut store, (address, 64)).is_err());
            }
        }
        assert_eq!(grow.call(&mut store, 1).unwrap(), -1, "the slot is full");
        let load = beside
            .get_typed_func::<i32, i32>(&mut beside_store, "load")
            .unwrap();
        assert_eq!(
            load.call(&mut beside_store, 8).unwrap(),
            i32::from_le_bytes(*b"data")
        );
        assert_eq!(load.call(&mut beside_store, 0).unwrap(), 0);
    }

    #[test]
    fn the_next_instance_in_a_slot_begins_anew() {
        let engine = engine().unwrap();
        let module = Module::new(&engine, wat::parse_str(GUEST).unwrap()).unwrap();
        for _ in 0..3 {
            let (mut store, guest) = instance(&engine, &module);
            let grow = guest
                .get_typed_func::<i32, i32>(&mut store, "grow")
                .unwrap();
            let load = guest
                .get_typed_func::<i32, i32>(&mut store, "load")
                .unwrap();
            let put = guest
                .get_typed_func::<(i32, i32), ()>(&mut store, "store")
                .unwrap();
            assert!(load.call(&mut store, WASM_PAGE_BYTES as i32).is_err());
            assert_eq!(grow.call(&mut store, 40).unwrap(), 1);
            for address in [0, 8, 2 * WASM_PAGE_BYTES as i32] {
                let wanted = match address {
                    8 => i32::from_le_bytes(*b"data"),
                    _ => 0,
                };
                assert_eq!(load.call(&mut store, address).unwrap(), wanted);
                put.call(&mut store, (address, -1)).unwrap();
            }
        }
    }

    #[test]
    fn when_all_slots_are_taken_the_next_task_is_told() {
        let engine = Engine::new(&config(1)).unwrap();
        let module = Module::new(&engine, wat::parse_str(GUEST).unwrap()).unwrap();
        let _first = instance(&engine, &module);
        let error = Instance::new(&mut Store::new(&engine, ()), &module, &[]).unwrap_err();
        let mut state = State::new(Class::Dense, &Limits::default());
        let fault = trap::fault(&error, &mut state).to_string();
        let told = "limit: no room for another dense task: there are 131072 at most, and fewer where \
                    'ulimit -v' bounds them";
        assert_eq!(fault, told);
    }

    #[test]
    fn instances_cost_no_mappings() {
        let engine = engine().unwrap();
        let module = Module::new(&engine, wat::parse_str(GUEST).unwrap()).unwrap();
        let mappings = || {
            fs::read_to_string("/proc/self/maps")
                .unwrap()
                .lines()
                .count()
        };
        let before = mappings();
        let instances: Vec<_> = (0..1000).map(|_| instance(&engine, &module)).collect();
        let cost = mappings().saturating_sub(before);
        // Other tests map and unmap meanwhile.
        assert!(
            cost < 500,
            "{cost} mappings for {} instances",
            instances.len()
        );
    }
}

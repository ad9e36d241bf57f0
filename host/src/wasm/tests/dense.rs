//! Tasks of the dense class: as bounded, preempted and isolated as the others.

use okernel_core::{Class, CoreId, TaskId};

use super::system::{System, guest, spawn};
use crate::wasm::cache::CacheChoice;
use crate::wasm::compile::Compiler;
use crate::wasm::limits::{DENSE_MEMORY_BYTES, INSTANCES_MIN, WASM_PAGE_BYTES};
use crate::wasm::registry::{Foreign, Registry};

fn boot(modules: &[(&str, &str)], tasks: &[&str]) -> (System, Vec<TaskId>) {
    System::boot_in(Class::Dense, 1, modules, |kernel| {
        let tasks = tasks.iter();
        tasks
            .map(|name| kernel.spawn(CoreId::BOOT, spawn(name)).unwrap())
            .collect()
    })
}

#[test]
fn an_endless_one_delays_nobody() {
    let spin = guest(r#"(func (export "poll") (result i32) (loop (br 0)) (unreachable))"#);
    let modules = [("spin", &*spin), ("ends", &*guest(""))];
    let (system, tasks) = boot(&modules, &["spin", "ends"]);
    assert_eq!(system.end_of(tasks[1]), "done");
    system.wait_for(tasks[0], |row| row.preempted > 0);
    assert_eq!(system.kill(tasks[0]), "killed");
}

#[test]
fn its_memory_is_bounded_by_its_slot() {
    let pages = DENSE_MEMORY_BYTES / WASM_PAGE_BYTES;
    let poll = |grow: usize| {
        guest(&format!(
            r#"(func (export "poll") (result i32)
                (if (i32.eq (memory.grow (i32.const {grow})) (i32.const -1))
                    (then (unreachable)))
                (i32.store (i32.const {}) (i32.const 1))
                (i32.const 1))"#,
            (grow + 1) * WASM_PAGE_BYTES - 4
        ))
    };
    let (fits, bomb) = (poll(pages - 1), poll(pages));
    let (system, tasks) = boot(&[("fits", &fits), ("bomb", &bomb)], &["fits", "bomb"]);
    assert_eq!(system.end_of(tasks[0]), "done");
    let end = system.end_of(tasks[1]);
    let wanted = format!("the memory limit of {DENSE_MEMORY_BYTES} bytes is reached");
    assert!(end.contains(&wanted), "{end}");
}

#[test]
fn a_wild_access_ends_it_alone() {
    let wild = guest(
        r#"(func (export "poll") (result i32)
            (i32.store (i32.const 4194304) (i32.const 7)) (i32.const 1))"#,
    );
    // The slot behind it is the next task's.
    let beside = guest(
        r#"(global $turns (mut i32) (i32.const 0))
        (func (export "poll") (result i32)
            (if (i32.load (i32.const 0)) (then (unreachable)))
            (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
            (if (result i32) (i32.lt_s (global.get $turns) (i32.const 10))
                (then (i32.const 3)) (else (i32.const 1))))"#,
    );
    let modules = [("wild", &*wild), ("beside", &*beside)];
    let (system, tasks) = boot(&modules, &["wild", "beside"]);
    let end = system.end_of(tasks[0]);
    assert!(end.contains("memory access out of bounds"), "{end}");
    assert_eq!(system.end_of(tasks[1]), "done");
}

#[test]
fn more_of_them_live_than_of_the_others() {
    let waits = guest(r#"(func (export "poll") (result i32) (i32.const 0))"#);
    let count = 20 * INSTANCES_MIN as usize;
    let (system, tasks) = boot(&[("waits", &waits)], &vec!["waits"; count]);
    for task in tasks {
        system.wait_for(task, |row| row.memory > 0 && row.state != "ended");
    }
}

#[test]
fn a_module_that_begins_too_large_is_refused_with_what_to_do() {
    let foreign = Foreign::of_anybody(Compiler::Here);
    let registry = Registry::new(&super::probe::engines(), &CacheChoice::Off, foreign).unwrap();
    let large = guest(r#"(memory (export "memory") 65)"#);
    let wasm = wat::parse_str(large).unwrap();
    let refused = registry.load_bytes("large", &wasm, Class::Dense);
    let text = refused.unwrap_err().to_string();
    assert_eq!(
        text,
        "begins with 4259840 bytes of memory, and a dense task has at most 4194304: load it without \
         `dense, or build it with a smaller stack and less data"
    );
    assert!(registry.load_bytes("large", &wasm, Class::Ordinary).is_ok());
}

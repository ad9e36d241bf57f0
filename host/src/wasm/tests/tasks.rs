//! Tasks on running cores: how they end, what holds them up, what does not hold up the others.

use okernel_core::{CoreId, Grant, Limits};
use okernel_ring::Policy;

use super::system::{System, end_of, end_with, guest, spawn};
use crate::wasm::limits::INSTANCES_MIN;

const SPIN: &str = r#"(func (export "poll") (result i32) (loop (br 0)) (unreachable))"#;

#[test]
fn outcomes_are_what_the_guest_answers() {
    let poll = |code: i32| {
        guest(&format!(
            r#"(func (export "poll") (result i32) (i32.const {code}))"#
        ))
    };
    assert_eq!(end_of(&poll(1)), "done");
    assert_eq!(end_of(&poll(2)), "error: poll failed and did not say why");
    assert_eq!(
        end_of(&poll(4)),
        "error: poll answered 4, which is no outcome"
    );
    assert_eq!(
        end_of(&poll(-1)),
        "error: poll answered -1, which is no outcome"
    );
    let init = guest(r#"(func (export "init") (result i32) (i32.const 3))"#);
    assert_eq!(end_of(&init), "error: init failed and did not say why");
}

#[test]
fn a_guest_says_why_it_fails() {
    let fault = r#"(import "okernel" "fault" (func $fault (param i32 i32) (result i64)))
        (data (i32.const 8) "panicked at src/lib.rs:3:5:\n  no wheel left\n")"#;
    let say = r#"(drop (call $fault (i32.const 8) (i32.const 44)))"#;
    let error = guest(&format!(
        r#"{fault} (func (export "poll") (result i32) {say} (i32.const 2))"#
    ));
    let in_lines = "error: panicked at src/lib.rs:3:5:\n  no wheel left";
    assert_eq!(end_of(&error), in_lines);
    let panic = guest(&format!(
        r#"{fault} (func (export "poll") (result i32) {say} (unreachable))"#
    ));
    assert_eq!(
        end_of(&panic),
        "panic: panicked at src/lib.rs:3:5: no wheel left"
    );
    let init = guest(&format!(
        r#"{fault} (func (export "init") (result i32) {say} (i32.const 1))"#
    ));
    assert_eq!(end_of(&init), in_lines);
}

#[test]
fn traps_end_the_task_with_a_reason() {
    let poll = |body: &str| guest(&format!(r#"(func (export "poll") (result i32) {body})"#));
    assert_eq!(
        end_of(&poll("(unreachable)")),
        "trap: unreachable code reached: the task aborted"
    );
    assert_eq!(
        end_of(&poll("(i32.load (i32.const 0x20000))")),
        "trap: memory access out of bounds at address 0x20000"
    );
    assert_eq!(
        end_of(&poll("(i32.load offset=0xffffffff (i32.const -1))")),
        "trap: memory access out of bounds"
    );
    assert_eq!(
        end_of(&poll("(i32.div_s (i32.const 1) (i32.const 0))")),
        "trap: integer divide by zero"
    );
    let deep = r#"(func $deep (export "poll") (result i32) (i32.add (call $deep) (i32.const 1)))"#;
    assert_eq!(
        end_of(&guest(deep)),
        "trap: the stack of 512 KiB overflowed"
    );
    let start = guest("(func $start (unreachable)) (start $start)");
    assert_eq!(
        end_of(&start),
        "trap: unreachable code reached: the task aborted"
    );
}

#[test]
fn memory_is_limited() {
    let grow = r#"(func (export "poll") (result i32)
        (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (unreachable))"#;
    let limits = Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    assert_eq!(
        end_with(&guest(grow), limits),
        "limit: the memory limit of 1048576 bytes is reached"
    );
    let large = guest(r#"(memory (export "memory") 17)"#);
    assert_eq!(
        end_with(&large, limits),
        "limit: the memory limit of 1048576 bytes is reached"
    );
    let fits = guest(r#"(memory (export "memory") 16)"#);
    assert_eq!(end_with(&fits, limits), "done");
}

#[test]
fn a_missing_module_is_named() {
    let (_system, error) = System::boot(1, &[("known", &guest(""))], |kernel| {
        kernel
            .spawn(CoreId::BOOT, spawn("unknown"))
            .map(|task| task.number())
    });
    let text = error.unwrap_err().to_string();
    assert!(text.contains("unknown") && text.contains("known"), "{text}");
}

#[test]
fn when_all_slots_are_taken_the_next_task_is_told() {
    let slots = INSTANCES_MIN as usize;
    let sleep = guest(r#"(func (export "poll") (result i32) (i32.const 3))"#);
    let (system, tasks) = System::boot(1, &[("sleep", &sleep)], |kernel| {
        let tasks = (0..slots).map(|_| kernel.spawn(CoreId::BOOT, spawn("sleep")).unwrap());
        let mut tasks: Vec<_> = tasks.collect();
        tasks.push(kernel.spawn(CoreId::BOOT, spawn("sleep")).unwrap());
        tasks
    });
    let exit = system.end_of(tasks[slots]);
    assert!(
        exit.starts_with("limit: no room for another task: "),
        "{exit}"
    );
    assert_eq!(system.kill(tasks[0]), "killed");
}

/// A task that ends after it was polled so many times.
fn counter(turns: u32) -> String {
    guest(&format!(
        r#"(global $turns (mut i32) (i32.const 0))
        (func (export "poll") (result i32)
            (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
            (select (i32.const 1) (i32.const 3) (i32.ge_u (global.get $turns) (i32.const {turns}))))"#
    ))
}

#[test]
fn an_endless_poll_is_suspended_beside_others_and_can_be_killed() {
    let modules = [("spin", guest(SPIN)), ("counter", counter(50))];
    let modules: Vec<(&str, &str)> = modules.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let (system, (spins, counters)) = System::boot(1, &modules, |kernel| {
        let mut add = |name| kernel.spawn(CoreId::BOOT, spawn(name)).unwrap();
        let spins = [add("spin"), add("spin"), add("spin")];
        (spins, [add("counter"), add("counter")])
    });
    for counter in counters {
        assert_eq!(system.end_of(counter), "done");
    }
    // Each is held up only by the others, so this is asked while all of them are there.
    for spin in spins {
        let row = system.wait_for(spin, |row| row.preempted > 3);
        assert_ne!(row.state, "ended");
    }
    for spin in spins {
        assert_eq!(system.kill(spin), "killed");
    }
}

#[test]
fn an_endless_beginning_or_end_does_not_hold_up_others() {
    let endless = [
        guest(r#"(func (export "init") (result i32) (loop (br 0)) (unreachable))"#),
        guest("(func $start (loop (br 0))) (start $start)"),
        guest(&format!(
            r#"{SPIN} (func (export "finalize") (param i32) (loop (br 0)))"#
        )),
    ];
    for text in endless {
        let modules = [("endless", text.as_str()), ("counter", &counter(20))];
        let (system, (endless, counter)) = System::boot(1, &modules, |kernel| {
            let mut add = |name| kernel.spawn(CoreId::BOOT, spawn(name)).unwrap();
            (add("endless"), add("counter"))
        });
        assert_eq!(system.end_of(counter), "done");
        assert_eq!(system.kill(endless), "killed");
    }
}

#[test]
fn a_suspended_task_goes_on_where_it_was() {
    // Two tasks count to a number that takes many turns, and end only if they reach it exactly.
    let count = guest(
        r#"(func (export "poll") (result i32) (local $i i64)
            (loop $next
                (local.set $i (i64.add (local.get $i) (i64.const 1)))
                (br_if $next (i64.lt_u (local.get $i) (i64.const 60_000_000))))
            (select (i32.const 1) (i32.const 2) (i64.eq (local.get $i) (i64.const 60_000_000))))"#,
    );
    let (system, tasks) = System::boot(1, &[("count", &count)], |kernel| {
        [(); 2].map(|()| kernel.spawn(CoreId::BOOT, spawn("count")).unwrap())
    });
    for task in tasks {
        assert_eq!(system.end_of(task), "done");
        assert!(system.row(task).preempted > 0);
    }
}

#[test]
fn memory_is_accounted_and_halting_ends_everything() {
    let text = guest(&format!(r#"{SPIN} (memory (export "memory") 3)"#));
    let (system, task) = System::boot(2, &[("spin", &text)], |kernel| {
        kernel.spawn(CoreId(1), spawn("spin")).unwrap()
    });
    let row = system.wait_for(task, |row| row.memory > 0);
    assert_eq!(row.memory, 3 * 65536);
    drop(system);
}

/// Calls that a guest of the pipeline makes.
const PIPE: &str = r#"
    (import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
    (import "okernel" "wait" (func $wait (param i32 i32) (result i64)))
    (import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
    (import "okernel" "pub_claim" (func $pub_claim (param i32 i32 i32) (result i64)))
    (import "okernel" "pub_commit" (func $pub_commit (param i32 i32) (result i64)))
    (import "okernel" "sub_readable" (func $sub_readable (param i32) (result i64)))
    (import "okernel" "sub_release" (func $sub_release (param i32 i32) (result i64)))
    (data (i32.const 0) "pipe")
    (global $handle (mut i32) (i32.const 0))
    (global $window (mut i32) (i32.const 0))
    (global $at (mut i32) (i32.const 0))
    (global $next (mut i64) (i64.const 0))
    (func (export "init") (result i32)
        (global.set $handle (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 4))))
        (global.set $window (i32.wrap_i64 (call $ring_map (global.get $handle))))
        (i32.le_s (global.get $window) (i32.const 0)))"#;

/// Writes the numbers from 0 up in its window; ends after `count`.
fn producer(count: u64) -> String {
    guest(&format!(
        r#"{PIPE}
        (func (export "poll") (result i32) (local $room i64) (local $end i64)
            (local.set $room (call $pub_claim (global.get $handle) (i32.const 8) (i32.const 8192)))
            (if (i64.lt_s (local.get $room) (i64.const 0)) (then
                (drop (call $wait (global.get $handle) (i32.const 8)))
                (return (select (i32.const 0) (i32.const 2) (i64.eq (local.get $room) (i64.const -1))))))
            (local.set $room (i64.and (local.get $room) (i64.const -8)))
            (local.set $end (i64.add (global.get $next) (i64.shr_u (local.get $room) (i64.const 3))))
            (loop $more
                (i64.store (i32.add (global.get $window) (global.get $at)) (global.get $next))
                (global.set $at (i32.and (i32.add (global.get $at) (i32.const 8)) (i32.const 0xffff)))
                (global.set $next (i64.add (global.get $next) (i64.const 1)))
                (br_if $more (i64.lt_u (global.get $next) (local.get $end))))
            (drop (call $pub_commit (global.get $handle) (i32.wrap_i64 (local.get $room))))
            (select (i32.const 1) (i32.const 3) (i64.ge_u (global.get $next) (i64.const {count}))))"#
    ))
}

/// Checks the numbers in its window; ends well when the ring is closed after at least `count`.
fn consumer(count: u64) -> String {
    guest(&format!(
        r#"{PIPE}
        (func (export "poll") (result i32) (local $there i64) (local $end i64)
            (local.set $there (call $sub_readable (global.get $handle)))
            (if (i64.eq (local.get $there) (i64.const -2)) (then
                (return (select (i32.const 1) (i32.const 2) (i64.ge_u (global.get $next) (i64.const {count}))))))
            (if (i64.lt_s (local.get $there) (i64.const 0)) (then
                (drop (call $wait (global.get $handle) (i32.const 8)))
                (return (i32.const 0))))
            (local.set $end (i64.add (global.get $next) (i64.shr_u (local.get $there) (i64.const 3))))
            (loop $more
                (if (i64.ne (i64.load (i32.add (global.get $window) (global.get $at))) (global.get $next))
                    (then (unreachable)))
                (global.set $at (i32.and (i32.add (global.get $at) (i32.const 8)) (i32.const 0xffff)))
                (global.set $next (i64.add (global.get $next) (i64.const 1)))
                (br_if $more (i64.lt_u (global.get $next) (local.get $end))))
            (drop (call $sub_release (global.get $handle) (i32.wrap_i64 (local.get $there))))
            (i32.const 3))"#
    ))
}

#[test]
fn numbers_flow_in_place_from_guest_to_guests_on_two_cores() {
    const COUNT: u64 = 3_000_000;
    let modules = [("producer", producer(COUNT)), ("consumer", consumer(COUNT))];
    let modules: Vec<(&str, &str)> = modules.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let (system, tasks) = System::boot(2, &modules, |kernel| {
        let ring = kernel.publish(CoreId(0), 65536).unwrap();
        let mut tasks = Vec::new();
        for core in [0, 1, 1] {
            let end = kernel.subscribe(CoreId(core), ring, Policy::Block).unwrap();
            let consumer = spawn("consumer").grant("pipe", Grant::Endpoint(end));
            tasks.push(kernel.spawn(CoreId(core), consumer).unwrap());
        }
        let producer = spawn("producer").grant("pipe", Grant::Endpoint(ring));
        tasks.push(kernel.spawn(CoreId(0), producer).unwrap());
        tasks
    });
    for task in tasks {
        assert_eq!(system.end_of(task), "done");
    }
}

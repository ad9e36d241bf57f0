//! Tasks that go on as another version of their module, while their rings are full of messages.

use okernel_abi::value::Value;
use okernel_core::{CoreId, Grant, TaskId};
use okernel_ring::Policy;

use super::system::{System, guest, spawn, symbol};

/// What both guests have: the end of a ring of numbers, and the number that is next; their state is that
/// number. In `restore` the ring is mapped anew.
const NUMBERS: &str = r#"
    (import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
    (import "okernel" "wait" (func $wait (param i32 i32) (result i64)))
    (import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
    (import "okernel" "pub_claim" (func $pub_claim (param i32 i32 i32) (result i64)))
    (import "okernel" "pub_commit" (func $pub_commit (param i32 i32) (result i64)))
    (import "okernel" "sub_readable" (func $sub_readable (param i32) (result i64)))
    (import "okernel" "sub_release" (func $sub_release (param i32 i32) (result i64)))
    (import "okernel" "close" (func $close (param i32) (result i64)))
    (import "okernel" "state" (func $state (param i32 i32 i32) (result i64)))
    (import "okernel" "input" (func $input (param i32 i32) (result i64)))
    (memory (export "memory") 1)
    (data (i32.const 0) "pipe")
    (global $handle (mut i32) (i32.const 0))
    (global $window (mut i32) (i32.const 0))
    (global $at (mut i32) (i32.const 0))
    (global $next (mut i64) (i64.const 0))
    (func $begin (export "init") (result i32)
        (global.set $handle (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 4))))
        (global.set $window (i32.wrap_i64 (call $ring_map (global.get $handle))))
        (i32.le_s (global.get $window) (i32.const 0)))
    (func (export "save") (result i32)
        (i64.store (i32.const 64) (global.get $next))
        (i32.wrap_i64 (call $state (i32.const 1) (i32.const 64) (i32.const 8))))
    (func $step
        (global.set $at (i32.and (i32.add (global.get $at) (i32.const 8)) (i32.const 0xffff)))
        (global.set $next (i64.add (global.get $next) (i64.const 1))))"#;

/// A `restore` that goes on at the number of the state.
const RESTORE: &str = r#"
    (func (export "restore") (param $version i32) (param $bytes i32) (result i32)
        (if (i64.ne (call $input (i32.const 64) (i32.const 8)) (i64.const 8)) (then (return (i32.const 1))))
        (global.set $next (i64.load (i32.const 64)))
        (global.set $at (i32.and (i32.wrap_i64 (i64.shl (global.get $next) (i64.const 3))) (i32.const 0xffff)))
        (call $begin))"#;

/// Ways to fail to restore: each has looked at the ring and given its end up before.
const FAILURES: [&str; 4] = [
    // It traps.
    r#"(func (export "restore") (param i32 i32) (result i32)
        (drop (call $begin)) (drop (call $close (global.get $handle))) (unreachable))"#,
    // It refuses.
    r#"(func (export "restore") (param i32 i32) (result i32)
        (drop (call $begin)) (drop (call $close (global.get $handle))) (i32.const 1))"#,
    // It tries to move the ring on, writes into it, and wants more memory than there is.
    r#"(func (export "restore") (param i32 i32) (result i32)
        (drop (call $begin))
        (drop (call $pub_claim (global.get $handle) (i32.const 8) (i32.const 8)))
        (drop (call $pub_commit (global.get $handle) (i32.const 8)))
        (drop (call $sub_release (global.get $handle) (i32.const 8)))
        (drop (memory.grow (i32.const 60000)))
        (loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
        (unreachable))"#,
    // It never comes back.
    r#"(func (export "restore") (param i32 i32) (result i32) (loop $more (br $more)) (unreachable))"#,
];

/// Writes numbers from 0 up as fast as they are taken.
const PRODUCE: &str = r#"
    (func (export "poll") (result i32) (local $room i64) (local $end i64)
        (local.set $room (call $pub_claim (global.get $handle) (i32.const 8) (i32.const 8192)))
        (if (i64.lt_s (local.get $room) (i64.const 0)) (then
            (drop (call $wait (global.get $handle) (i32.const 8)))
            (return (select (i32.const 0) (i32.const 2) (i64.eq (local.get $room) (i64.const -1))))))
        (local.set $room (i64.and (local.get $room) (i64.const -8)))
        (local.set $end (i64.add (global.get $next) (i64.shr_u (local.get $room) (i64.const 3))))
        (loop $more
            (i64.store (i32.add (global.get $window) (global.get $at)) (global.get $next))
            (call $step)
            (br_if $more (i64.lt_u (global.get $next) (local.get $end))))
        (drop (call $pub_commit (global.get $handle) (i32.wrap_i64 (local.get $room))))
        (i32.const 3))"#;

/// Writes one more message that tells, below zero, how many numbers there were, and ends.
const FINISH: &str = r#"
    (func (export "poll") (result i32)
        (if (i64.lt_s (call $pub_claim (global.get $handle) (i32.const 8) (i32.const 8)) (i64.const 0)) (then
            (drop (call $wait (global.get $handle) (i32.const 8)))
            (return (i32.const 0))))
        (i64.store (i32.add (global.get $window) (global.get $at)) (i64.sub (i64.const -1) (global.get $next)))
        (drop (call $pub_commit (global.get $handle) (i32.const 8)))
        (i32.const 1))"#;

/// Checks that the numbers come one after another, and ends well at the message that tells how many
/// there were.
const CONSUME: &str = r#"
    (func (export "poll") (result i32) (local $there i64) (local $end i64) (local $found i64)
        (local.set $there (call $sub_readable (global.get $handle)))
        (if (i64.eq (local.get $there) (i64.const -2)) (then (return (i32.const 2))))
        (if (i64.lt_s (local.get $there) (i64.const 0)) (then
            (drop (call $wait (global.get $handle) (i32.const 8)))
            (return (i32.const 0))))
        (local.set $end (i64.add (global.get $next) (i64.shr_u (local.get $there) (i64.const 3))))
        (loop $more
            (local.set $found (i64.load (i32.add (global.get $window) (global.get $at))))
            (if (i64.lt_s (local.get $found) (i64.const 0)) (then
                (return (select (i32.const 1) (i32.const 2)
                    (i64.eq (i64.sub (i64.const -1) (local.get $found)) (global.get $next))))))
            (if (i64.ne (local.get $found) (global.get $next)) (then (unreachable)))
            (call $step)
            (br_if $more (i64.lt_u (global.get $next) (local.get $end))))
        (drop (call $sub_release (global.get $handle) (i32.wrap_i64 (local.get $there))))
        (i32.const 3))"#;

/// A module whose file differs from that of others by its mark.
fn module(mark: &str, restore: &str, poll: &str) -> String {
    let custom = format!(r#"(@custom "mark" "{mark}")"#);
    guest(&format!("{custom} {NUMBERS} {restore} {poll}"))
}

/// A producer on one core and a consumer on the other.
fn pipeline() -> (System, [TaskId; 2]) {
    let produce = module("1", RESTORE, PRODUCE);
    let consume = module("1", RESTORE, CONSUME);
    let modules = [("produce", produce.as_str()), ("consume", &consume)];
    System::boot(2, &modules, |kernel| {
        let ring = kernel.publish(CoreId(0), 65536).unwrap();
        let end = kernel.subscribe(CoreId(1), ring, Policy::Block).unwrap();
        let consume = spawn("consume").grant("pipe", Grant::Endpoint(end));
        let produce = spawn("produce").grant("pipe", Grant::Endpoint(ring));
        [
            kernel.spawn(CoreId(0), produce).unwrap(),
            kernel.spawn(CoreId(1), consume).unwrap(),
        ]
    })
}

/// The sum of a column of `versions[]` over the rows of a module in which another column has this value.
fn sum(system: &System, module: &str, name: &str, by: &str, value: i64) -> i64 {
    let column = |name| system.column(vec![symbol("versions")], "module", module, name);
    let rows = column(by).into_iter().zip(column(name));
    let rows = rows.filter(|(key, _)| *key == Value::Int(value));
    rows.map(|(_, found)| found.as_int().unwrap()).sum()
}

fn current(system: &System, module: &str) -> i64 {
    sum(system, module, "version", "current", 1)
}

fn refused(system: &System, module: &str, version: i64) -> i64 {
    sum(system, module, "refused", "version", version)
}

#[test]
fn a_pipeline_at_full_rate_is_upgraded_a_hundred_times_and_loses_nothing() {
    let (system, tasks) = pipeline();
    let guests = [("produce", PRODUCE), ("consume", CONSUME)];
    let (mut marks, mut wanted) = (["1"; 2], [1; 2]);
    for round in 0..100 {
        let which = (round + round / 10) % 2;
        let ((name, poll), task) = (guests[which], tasks[which]);
        if round % 10 == 9 {
            // The one that never comes back costs a second, so it has one turn.
            let failure = FAILURES[if round == 49 { 3 } else { round / 10 % 3 }];
            let bad = module(&format!("bad {round}"), failure, poll);
            assert_eq!(system.load(name, &bad), symbol(name));
            let bad = current(&system, name);
            let row = system.wait_for(task, |row| {
                refused(&system, name, bad) > 0 || row.state == "ended"
            });
            assert_eq!((row.version, row.state == "ended"), (wanted[which], false));
            continue;
        }
        // Two versions in turn: as long as they are kept, the same bytes are the same version.
        marks[which] = if marks[which] == "1" { "2" } else { "1" };
        let next = module(marks[which], RESTORE, poll);
        assert_eq!(system.load(name, &next), symbol(name));
        wanted[which] = current(&system, name);
        let row = system.wait_for(task, |row| {
            row.version == wanted[which] || row.state == "ended"
        });
        assert_ne!(row.state, "ended", "{row:?}");
    }
    for task in tasks {
        assert!(system.row(task).upgrades >= 40, "{:?}", system.row(task));
    }
    system.load("produce", &module("last", RESTORE, FINISH));
    for task in tasks {
        assert_eq!(system.end_of(task), "done");
    }
}

#[test]
fn a_task_that_cannot_be_saved_keeps_its_version_and_new_ones_have_the_new_one() {
    let text = |code: &str| guest(&format!(r#"(func (export "poll") (result i32) {code})"#));
    let first = text("(i32.const 3)");
    let (system, old) = System::boot(1, &[("m", &first)], |kernel| {
        kernel.spawn(CoreId(0), spawn("m")).unwrap()
    });
    system.load("m", &text("(i32.const 3) (nop)"));
    let request = vec![symbol("spawn"), Value::Int(0), symbol("m")];
    let new = TaskId::from_number(system.request(request).as_int().unwrap()).unwrap();
    system.wait_for(old, |_| refused(&system, "m", 2) == 1);
    assert_eq!(system.row(old).version, 1);
    assert_eq!(system.row(new).version, 2);
    let why = system.column(vec![symbol("versions")], "module", "m", "refusal");
    let why = why[1].as_text().unwrap();
    assert!(why.contains("does not export save"), "{why}");
    // Going back upgrades nobody who is there already.
    assert_eq!(
        system.request(vec![symbol("rollback"), symbol("m")]),
        Value::Int(1)
    );
    system.wait_for(new, |_| refused(&system, "m", 1) == 1);
    let current = system.column(vec![symbol("versions")], "module", "m", "current");
    assert_eq!(current, [Value::Int(1), Value::Int(0)]);
    let refused = system.request(vec![symbol("rollback"), symbol("m")]);
    assert!(
        matches!(&refused, Value::Error(text) if text.contains("no earlier one is kept")),
        "{refused:?}"
    );
}

#[test]
fn a_check_says_what_would_come_of_a_load_and_changes_nothing() {
    let (system, tasks) = pipeline();
    let check = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), wat::parse_str(text).unwrap()).unwrap();
        let path = Value::text(file.path().to_str().unwrap());
        let request = || vec![symbol("check"), symbol("produce"), path.clone()];
        let column = |name| system.column(request(), "name", "produce", name);
        (column("ok"), column("why"))
    };
    let (ok, why) = check(&module("2", RESTORE, PRODUCE));
    assert_eq!((ok, why), (vec![Value::Int(1)], vec![Value::text("")]));
    for (failure, wanted) in FAILURES.iter().zip([
        "unreachable",
        "restore failed",
        "memory limit",
        "more than 1000 ms",
    ]) {
        let (ok, why) = check(&module("3", failure, PRODUCE));
        assert_eq!(ok, [Value::Int(0)]);
        let why = why[0].as_text().unwrap();
        assert!(
            why.contains(wanted) || why.contains("no turn of it has ended"),
            "{why}"
        );
    }
    let refused = system.request(vec![
        symbol("check"),
        symbol("produce"),
        Value::text("no.wasm"),
    ]);
    assert!(
        matches!(&refused, Value::Error(text) if text.contains("no.wasm: cannot be opened")),
        "{refused:?}"
    );
    for task in tasks {
        let row = system.row(task);
        assert_eq!((row.version, row.upgrades), (1, 0));
    }
    assert_eq!(
        system.column(vec![symbol("versions")], "module", "produce", "version"),
        [Value::Int(1)]
    );
    system.load("produce", &module("last", RESTORE, FINISH));
    for task in tasks {
        assert_eq!(system.end_of(task), "done");
    }
}

#[test]
fn a_sleeping_task_is_upgraded_and_sleeps_on() {
    // It waits for a timer that its first version has set; each version counts its polls from there on.
    let text = |mark: &str| {
        guest(&format!(
            r#"(@custom "mark" "{mark}")
            (import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
            (import "okernel" "wait" (func $wait (param i32 i32) (result i64)))
            (import "okernel" "timer_set" (func $timer_set (param i32 i64 i64) (result i64)))
            (import "okernel" "state" (func $state (param i32 i32 i32) (result i64)))
            (import "okernel" "input" (func $input (param i32 i32) (result i64)))
            (data (i32.const 0) "timer")
            (global $timer (mut i32) (i32.const 0))
            (func (export "init") (result i32)
                (global.set $timer (i32.wrap_i64 (call $timer_set
                    (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 5)))
                    (i64.const 3600000000000) (i64.const 0))))
                (i32.const 0))
            (func (export "save") (result i32)
                (i32.store (i32.const 64) (global.get $timer))
                (i32.wrap_i64 (call $state (i32.const 1) (i32.const 64) (i32.const 4))))
            (func (export "restore") (param i32 i32) (result i32)
                (drop (call $input (i32.const 64) (i32.const 4)))
                (global.set $timer (i32.load (i32.const 64)))
                (i32.const 0))
            (func (export "poll") (result i32)
                (select (i32.const 0) (i32.const 2)
                    (i64.eqz (call $wait (global.get $timer) (i32.const 0)))))"#
        ))
    };
    let (system, task) = System::boot(1, &[("m", &text("1"))], |kernel| {
        let spawn = spawn("m").grant("timer", Grant::Timers);
        kernel.spawn(CoreId(0), spawn).unwrap()
    });
    system.wait_for(task, |row| row.state == "waiting");
    for version in [2, 3] {
        system.load("m", &text(&version.to_string()));
        let row = system.wait_for(task, |row| row.version == version && row.state == "waiting");
        assert_eq!(row.upgrades, version - 1);
    }
    assert_eq!(
        system.request(vec![symbol("rollback"), symbol("m")]),
        Value::Int(2)
    );
    system.wait_for(task, |row| row.version == 2 && row.state == "waiting");
}

//! Grants with limits, and grants that are taken back, as a guest meets them.

use okernel_abi::Errno;
use okernel_abi::layout::{GrantInfo, RingInfo, Window};
use okernel_abi::value::Value;
use okernel_core::{Attenuation, Context, CoreId, FileGrant, Grant, Kernel, Rate, Spawn, TaskId};
use okernel_ring::Policy;
use std::sync::Arc;

use super::probe::{Probe, probe};
use super::system::{System, guest, in_task, spawn, symbol};

const CAPACITY: u64 = 256 * 1024;

fn errno(errno: Errno) -> i64 {
    -(errno as i64)
}

fn handle(cx: &Context, name: &str) -> u64 {
    cx.grant(name).unwrap().0.into()
}

fn quota(units: u64) -> Attenuation {
    Attenuation {
        quota: Some(units),
        ..Attenuation::default()
    }
}

/// A ring, and both of its ends cut down.
fn limited_ring(
    kernel: &mut Kernel,
    spawn: Spawn,
    writer: Attenuation,
    reader: Attenuation,
) -> Spawn {
    let ring = kernel.publish(CoreId::BOOT, CAPACITY).unwrap();
    let end = kernel.subscribe(CoreId::BOOT, ring, Policy::Block).unwrap();
    spawn
        .grant("out", Grant::Endpoint(ring).attenuated(writer))
        .grant("in", Grant::Endpoint(end).attenuated(reader))
}

#[test]
fn a_quota_is_never_exceeded_by_whatever_call() {
    in_task(
        |kernel, spawn| limited_ring(kernel, spawn, quota(100), quota(64)),
        |cx| {
            let mut probe = probe();
            let (out, input) = (handle(cx, "out"), handle(cx, "in"));
            // No window: what is counted goes through calls.
            assert_eq!(probe.syscall(cx, "ring_info", &[out, 64]), 0);
            let info = probe.read(64, RingInfo::BYTES);
            let info = RingInfo::decode(info.as_slice().try_into().unwrap()).unwrap();
            assert_eq!(info.window, Window::Copy);
            assert_eq!(
                probe.syscall(cx, "ring_map", &[out]),
                errno(Errno::Unsupported)
            );
            // Claims are cut to what is left, and only what is committed counts.
            assert_eq!(probe.syscall(cx, "pub_claim", &[out, 1, 4096]), 100);
            assert_eq!(
                probe.syscall(cx, "pub_claim", &[out, 101, 4096]),
                errno(Errno::Quota)
            );
            assert_eq!(
                probe.syscall(cx, "pub_commit", &[out, 101]),
                errno(Errno::Invalid)
            );
            assert_eq!(probe.syscall(cx, "pub_commit", &[out, 40]), 40);
            assert_eq!(
                probe.syscall(cx, "pub_write", &[out, 0, 61]),
                errno(Errno::Quota)
            );
            assert_eq!(probe.syscall(cx, "pub_write", &[out, 0, 60]), 60);
            assert_eq!(
                probe.syscall(cx, "pub_commit", &[out, 1]),
                errno(Errno::Invalid)
            );
            assert_eq!(
                probe.syscall(cx, "pub_claim", &[out, 0, 1]),
                errno(Errno::Quota)
            );
            assert_eq!(probe.syscall(cx, "wait", &[out, 1]), errno(Errno::Quota));
            let used = |probe: &mut Probe, cx: &mut Context, handle: u64| {
                assert_eq!(probe.syscall(cx, "grant_info", &[handle, 64]), 0);
                let info = probe.read(64, GrantInfo::BYTES);
                let info = GrantInfo::decode(info.as_slice().try_into().unwrap());
                (info.quota, info.used)
            };
            assert_eq!(used(&mut probe, cx, out), (100, 100));
            // A reader is shown no more than it may take, and skipping is taking.
            assert_eq!(probe.syscall(cx, "sub_readable", &[input]), 64);
            assert_eq!(probe.syscall(cx, "sub_peek", &[input, 0, 0, 100]), 64);
            assert_eq!(probe.syscall(cx, "sub_peek", &[input, 60, 0, 100]), 4);
            assert_eq!(probe.syscall(cx, "sub_peek", &[input, 64, 0, 100]), 0);
            assert_eq!(probe.syscall(cx, "sub_peek", &[input, 90, 0, 100]), 0);
            assert_eq!(probe.syscall(cx, "sub_missed", &[input]), 0);
            assert_eq!(probe.syscall(cx, "sub_release", &[input, 50]), 50);
            assert_eq!(probe.syscall(cx, "sub_readable", &[input]), 14);
            assert_eq!(probe.syscall(cx, "sub_release", &[input, 50]), 50);
            assert_eq!(used(&mut probe, cx, input), (64, 64));
            // An empty ring is empty, whatever the limits say.
            assert_eq!(
                probe.syscall(cx, "sub_readable", &[input]),
                errno(Errno::Again)
            );
            assert_eq!(
                probe.syscall(cx, "sub_peek", &[input, 0, 0, 8]),
                errno(Errno::Quota)
            );
            // The wrong end, and a handle that is nobody's, are that and nothing else.
            assert_eq!(
                probe.syscall(cx, "sub_readable", &[out]),
                errno(Errno::WrongKind)
            );
            assert_eq!(
                probe.syscall(cx, "pub_claim", &[input, 1, 1]),
                errno(Errno::WrongKind)
            );
            assert_eq!(
                probe.syscall(cx, "pub_claim", &[77 << 16, 1, 1]),
                errno(Errno::BadHandle)
            );
            assert_eq!(probe.syscall(cx, "close", &[out]), 0);
            assert_eq!(
                probe.syscall(cx, "pub_claim", &[out, 1, 1]),
                errno(Errno::BadHandle)
            );
            assert_eq!(
                probe.syscall(cx, "grant_info", &[out, 64]),
                errno(Errno::BadHandle)
            );
        },
    );
}

#[test]
fn a_rate_lets_a_burst_pass_and_then_throttles() {
    let slow = Attenuation {
        rate: Some(Rate {
            per_second: 1,
            burst: 100,
        }),
        ..Attenuation::default()
    };
    in_task(
        move |kernel, spawn| limited_ring(kernel, spawn, slow, slow),
        |cx| {
            let mut probe = probe();
            let (out, input) = (handle(cx, "out"), handle(cx, "in"));
            assert_eq!(
                probe.syscall(cx, "pub_claim", &[out, 101, 200]),
                errno(Errno::TooLarge)
            );
            assert_eq!(
                probe.syscall(cx, "wait", &[out, 101]),
                errno(Errno::TooLarge)
            );
            assert_eq!(probe.syscall(cx, "pub_claim", &[out, 8, 4096]), 100);
            // What a claim has promised may be written by the copying call as well.
            assert_eq!(probe.syscall(cx, "pub_write", &[out, 0, 96]), 96);
            assert_eq!(
                probe.syscall(cx, "pub_claim", &[out, 50, 50]),
                errno(Errno::Throttled)
            );
            assert_eq!(
                probe.syscall(cx, "pub_write", &[out, 0, 50]),
                errno(Errno::Throttled)
            );
            assert_eq!(probe.syscall(cx, "wait", &[out, 50]), 0, "armed");
            assert_eq!(probe.syscall(cx, "sub_readable", &[input]), 96);
            assert_eq!(probe.syscall(cx, "sub_release", &[input, 96]), 96);
            assert_eq!(
                probe.syscall(cx, "sub_readable", &[input]),
                errno(Errno::Again)
            );
        },
    );
}

#[test]
fn files_and_the_console_are_counted_in_bytes() {
    let path = std::env::temp_dir().join(format!("okernel-limited-{}", std::process::id()));
    std::fs::write(&path, vec![7; 100]).unwrap();
    let file = FileGrant::open_for(&path, okernel_core::Access::Write).unwrap();
    let file = Arc::new(file);
    in_task(
        move |kernel, spawn| {
            let ring = kernel.publish(CoreId::BOOT, CAPACITY).unwrap();
            spawn
                .grant("file", Grant::File(file).attenuated(quota(90)))
                .grant("console", Grant::Console.attenuated(quota(5)))
                .grant("out", Grant::Endpoint(ring).attenuated(quota(1000)))
        },
        |cx| {
            let mut probe = probe();
            let (file, console) = (handle(cx, "file"), handle(cx, "console"));
            assert_eq!(probe.syscall(cx, "file_read", &[file, 0, 0, 40]), 40);
            assert_eq!(probe.syscall(cx, "file_write", &[file, 100, 0, 10]), 10);
            // Growing a file is writing to it, shrinking is not.
            assert_eq!(
                probe.syscall(cx, "file_resize", &[file, 151]),
                errno(Errno::Quota)
            );
            assert_eq!(probe.syscall(cx, "file_resize", &[file, 120]), 0);
            let out = handle(cx, "out");
            assert_eq!(probe.syscall(cx, "file_publish", &[file, 0, out, 4096]), 30);
            assert_eq!(
                probe.syscall(cx, "file_read", &[file, 0, 0, 1]),
                errno(Errno::Quota)
            );
            assert_eq!(probe.syscall(cx, "file_size", &[file]), 120);
            probe.write(0, b"12345");
            assert_eq!(probe.syscall(cx, "console_write", &[console, 0, 4]), 4);
            let refused = probe.syscall(cx, "console_write", &[console, 0, 2]);
            assert_eq!(refused, errno(Errno::Quota));
            assert_eq!(probe.syscall(cx, "console_write", &[console, 0, 1]), 1);
        },
    );
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 120);
    std::fs::remove_file(&path).unwrap();
}

/// A guest that maps its ring and sleeps; woken, it does `then`, with the handle and the address of the window
/// in globals. If it exports `revoked`, what it is told is in another.
fn sleeper(parts: &str, then: &str) -> String {
    guest(&format!(
        r#"(import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
        (import "okernel" "ring_map" (func $ring_map (param i32) (result i64)))
        (import "okernel" "wait" (func $wait (param i32 i32) (result i64)))
        (import "okernel" "sub_readable" (func $sub_readable (param i32) (result i64)))
        (memory (export "memory") 1)
        (data (i32.const 0) "in")
        (global $handle (mut i32) (i32.const 0))
        (global $window (mut i32) (i32.const 0))
        (global $told (mut i32) (i32.const 0))
        (global $slept (mut i32) (i32.const 0))
        (func (export "init") (result i32)
            (global.set $handle (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 2))))
            (global.set $window (i32.wrap_i64 (call $ring_map (global.get $handle))))
            (i32.const 0))
        {parts}
        (func (export "poll") (result i32)
            (if (i32.eqz (global.get $slept)) (then
                (global.set $slept (i32.const 1))
                (drop (call $wait (global.get $handle) (i32.const 8)))
                (return (i32.const 0))))
            {then})"#
    ))
}

const TOLD: &str = r#"(func (export "revoked") (param i32) (global.set $told (local.get 0)))"#;

/// Spawns a sleeper on core 1, takes its ring back while it sleeps, and answers how it ended.
fn end_after_revocation(text: &str) -> String {
    let idle = guest(r#"(func (export "poll") (result i32) (i32.const 0))"#);
    let modules = [("sleeper", text), ("idle", &idle)];
    let (system, reader) = System::boot(2, &modules, |kernel| {
        let ring = kernel.publish(CoreId::BOOT, CAPACITY).unwrap();
        kernel.subscribe(CoreId(1), ring, Policy::Block).unwrap()
    });
    let names = Value::Symbols(vec!["in".to_string()]);
    let grants = Value::Dict(Box::new((names, Value::Ints(vec![reader.number()]))));
    let order = vec![symbol("spawn"), Value::Int(1), symbol("sleeper"), grants];
    let Value::Int(task) = system.request(order) else {
        panic!("it is spawned");
    };
    let id = TaskId::from_number(task).unwrap();
    system.wait_for(id, |row| row.state == "waiting");
    let revoke = vec![symbol("revoke"), Value::Int(task), symbol("in")];
    assert_eq!(system.request(revoke), Value::Nil);
    let exit = system.end_of(id);
    // The neighbours and the kernel go on.
    let order = vec![symbol("spawn"), Value::Int(1), symbol("idle")];
    assert!(matches!(system.request(order), Value::Int(_)));
    exit
}

#[test]
fn a_window_is_gone_when_its_grant_is_revoked() {
    for (what, access) in [
        ("read", "(drop (i64.load (global.get $window)))"),
        ("written", "(i64.store (global.get $window) (i64.const 1))"),
    ] {
        let exit = end_after_revocation(&sleeper("", &format!("{access} (i32.const 1)")));
        assert!(exit.starts_with("trap: "), "{what}: {exit}");
        assert!(
            exit.contains("touched a ring that was closed, given away or taken back"),
            "{what}: {exit}"
        );
    }
}

#[test]
fn a_guest_is_told_which_ring_is_gone_and_its_next_use_answers_revoked() {
    // Done if it was told its handle and the call answers Revoked (-7); a failure if not.
    let then = r#"(if (i32.ne (global.get $told) (global.get $handle)) (then (unreachable)))
        (if (i64.ne (call $sub_readable (global.get $handle)) (i64.const -7)) (then (unreachable)))
        (i32.const 1)"#;
    assert_eq!(end_after_revocation(&sleeper(TOLD, then)), "done");
    // Without the export nothing is told, and the call answers the same.
    let then = r#"(if (i32.ne (global.get $told) (i32.const 0)) (then (unreachable)))
        (if (i64.ne (call $sub_readable (global.get $handle)) (i64.const -7)) (then (unreachable)))
        (i32.const 1)"#;
    assert_eq!(end_after_revocation(&sleeper("", then)), "done");
}

#[test]
fn a_module_that_wants_more_than_it_is_granted_is_not_started() {
    let wants =
        r#"(@custom "okernel.wants" "in subscriber\nclock clock\nlog file append optional\n")"#;
    let (system, ()) = System::boot(1, &[("picky", &guest(wants))], |_| ());
    let order = vec![symbol("spawn"), Value::Int(0), symbol("picky")];
    let refused = "spawn: picky wants in (subscriber), clock (clock)";
    assert_eq!(system.request(order), Value::Error(refused.to_string()));
    drop(system);
    // The boot is refused in the same words.
    let (_system, refusal) = System::boot(1, &[("picky", &guest(wants))], |kernel| {
        kernel
            .spawn(CoreId::BOOT, spawn("picky"))
            .unwrap_err()
            .to_string()
    });
    assert!(refusal.contains(refused), "{refusal}");
}

//! Scratch measurement.
use std::time::Instant;
use okernel_core::{CoreId, Grant, Limits, Modules, Program, Outcome, Exit};
use okernel_ring::Policy;
use super::probe::engines;
use super::system::{guest, in_task};
use crate::wasm::cache::CacheChoice;
use crate::wasm::registry::Registry;

#[test]
fn measure() {
    let n = 2_000_000u32;
    let call = |body: &str| {
        let text = guest(&format!(r#"
        (import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
        (import "okernel" "pub_claim" (func $pub_claim (param i32 i32 i32) (result i64)))
        (import "okernel" "pub_commit" (func $pub_commit (param i32 i32) (result i64)))
        (import "okernel" "sub_readable" (func $sub_readable (param i32) (result i64)))
        (import "okernel" "sub_release" (func $sub_release (param i32 i32) (result i64)))
        (import "okernel" "ring_info" (func $ring_info (param i32 i32) (result i64)))
        (import "okernel" "handle_kind" (func $handle_kind (param i32) (result i64)))
        (import "okernel" "clock" (func $clock (param i32) (result i64)))
        (import "okernel" "wait" (func $wait (param i32 i32) (result i64)))
        (data (i32.const 0) "outinclock")
        (global $out (mut i32) (i32.const 0)) (global $in (mut i32) (i32.const 0)) (global $clk (mut i32) (i32.const 0))
        (func (export "init") (result i32)
          (global.set $out (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 3))))
          (global.set $in (i32.wrap_i64 (call $grant (i32.const 3) (i32.const 2))))
          (global.set $clk (i32.wrap_i64 (call $grant (i32.const 5) (i32.const 5))))
          (i32.const 0))
        (func (export "poll") (result i32) (local $i i32)
          (loop $l {body}
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const {n}))))
          (i32.const 3))"#));
        let engines = engines();
        let registry = Registry::new(&engines, &CacheChoice::Off).unwrap();
        registry.load_bytes("m", &wat::parse_str(&text).unwrap()).unwrap();
        let ns = in_task(|kernel, spawn| {
            let ring = kernel.publish(CoreId::BOOT, 1 << 16).unwrap();
            let sub = kernel.subscribe(CoreId::BOOT, ring, Policy::Block).unwrap();
            spawn.grant("out", Grant::Endpoint(ring)).grant("in", Grant::Endpoint(sub)).grant("clock", Grant::Clock)
        }, move |cx| {
            let mut task = registry.instantiate(&Program::Module("m".into()), &Limits::default()).unwrap();
            task.init(cx).unwrap();
            let mut best = f64::MAX;
            for _ in 0..3 {
                let start = Instant::now();
                let out = task.poll(cx);
                assert!(matches!(out, Outcome::Infinite), "{out:?}");
                best = best.min(start.elapsed().as_nanos() as f64 / n as f64);
            }
            task.finalize(cx, &Exit::Done);
            best
        });
        ns
    };
    let empty = call("");
    let body = [
        ("handle_kind", "(drop (call $handle_kind (global.get $out)))"),
        ("claim+commit+readable+release", "(drop (call $pub_claim (global.get $out) (i32.const 8) (i32.const 8))) (drop (call $pub_commit (global.get $out) (i32.const 8))) (drop (call $sub_readable (global.get $in))) (drop (call $sub_release (global.get $in) (i32.const 8)))"),
        ("claim", "(drop (call $pub_claim (global.get $out) (i32.const 8) (i32.const 8)))"),
        ("commit 0", "(drop (call $pub_commit (global.get $out) (i32.const 0)))"),
        ("readable (Again)", "(drop (call $sub_readable (global.get $in)))"),
        ("release 0", "(drop (call $sub_release (global.get $in) (i32.const 0)))"),
        ("ring_info", "(drop (call $ring_info (global.get $out) (i32.const 64)))"),
        ("clock", "(drop (call $clock (global.get $clk)))"),
        ("wait(pub ready)", "(drop (call $wait (global.get $out) (i32.const 8)))"),
    ];
    for (name, body) in body {
        println!("{name}: {:.1} ns", call(body) - empty);
    }
    let engines = engines();
    let registry = Registry::new(&engines, &CacheChoice::Off).unwrap();
    registry.load_bytes("m", &wat::parse_str(guest(r#"(func (export "poll") (result i32) (i32.const 3))"#)).unwrap()).unwrap();
    in_task(|_, spawn| spawn, move |cx| {
        let mut task = registry.instantiate(&Program::Module("m".into()), &Limits::default()).unwrap();
        task.init(cx).unwrap();
        let n = 2_000_000u32;
        let start = Instant::now();
        for _ in 0..n { assert!(matches!(task.poll(cx), Outcome::Infinite)); }
        println!("poll: {:.1} ns", start.elapsed().as_nanos() as f64 / n as f64);
        drop(task);
        let n = 20_000u32;
        let start = Instant::now();
        for _ in 0..n {
            let mut task = registry.instantiate(&Program::Module("m".into()), &Limits::default()).unwrap();
            task.init(cx).unwrap();
            assert!(matches!(task.poll(cx), Outcome::Infinite));
            task.finalize(cx, &Exit::Done);
        }
        println!("instance+init+poll+finalize+drop: {:.2} us", start.elapsed().as_nanos() as f64 / n as f64 / 1000.0);
    });
    let start = Instant::now();
    let _e = crate::wasm::engine::Engines::new(4096).unwrap();
    println!("two engines of {}: {:?}", _e.instances_max(), start.elapsed());
    let start = Instant::now();
    let _r = Registry::new(&_e, &CacheChoice::Off).unwrap();
    println!("registry (linkers): {:?}", start.elapsed());
}

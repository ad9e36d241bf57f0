//! Modules made from random bytes: whatever there is, tasks, tasks that make system calls, and damaged ones.
//!
//! Invariant: a module depends on the generator of numbers and on its kind alone.

use std::fmt::Write as _;

use arbitrary::Unstructured;
use okernel_abi::syscalls::SYSCALLS;
use okernel_tests::corpus::SplitMix;
use wasm_smith::{Config, Module};

/// Bytes of randomness that one module is made of.
const ENTROPY_BYTES: u64 = 4096;

/// Loops and calls of one generated function, until it traps.
const FUEL: u32 = 100_000;

/// Bytes of memory that a module can ask for: some above the limit of its task.
const MEMORY_BYTES_MAX: u64 = 1 << 25;

/// What a module is to be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Whatever WebAssembly has, also what this kernel does not take.
    Any,
    /// A task that imports nothing.
    Task,
    /// A task whose code makes every system call with whatever comes.
    Caller,
    /// Such a task with some of its bytes changed.
    Changed,
    /// Such a task without its end.
    Cut,
}

/// One of each kind, and more of those that get far.
pub const KINDS: [Kind; 10] = [
    Kind::Any,
    Kind::Task,
    Kind::Caller,
    Kind::Changed,
    Kind::Caller,
    Kind::Task,
    Kind::Caller,
    Kind::Changed,
    Kind::Caller,
    Kind::Cut,
];

/// A module; None when the random bytes made none.
pub fn module(random: &mut SplitMix, kind: Kind) -> Option<Vec<u8>> {
    let entropy = bytes(random, ENTROPY_BYTES);
    let choices = random.next_u64();
    let mut module = Module::new(config(kind, choices), &mut Unstructured::new(&entropy)).ok()?;
    // What does not end by itself is preempted, and killed.
    if choices & 1 == 0 {
        module.ensure_termination(FUEL).ok()?;
    }
    let mut wasm = module.to_bytes();
    wasm.extend(section_of_abi());
    match kind {
        Kind::Any | Kind::Task | Kind::Caller => {}
        Kind::Changed => change(&mut wasm, random),
        Kind::Cut => cut(&mut wasm, random),
    }
    Some(wasm)
}

/// A task that does no harm: its turns end at once, it saves a state of no bytes, and goes on from any.
pub fn steady() -> Vec<u8> {
    let mut wasm = parse(
        r#"(module
        (import "okernel" "state" (func $state (param i32 i32 i32) (result i64)))
        (memory (export "memory") 1)
        (func (export "init") (result i32) (i32.const 0))
        (func (export "exec") (param i32) (result i32) (i32.const 0))
        (func (export "poll") (result i32) (i32.const 0))
        (func (export "finalize") (param i32))
        (func (export "save") (result i32)
            (i32.wrap_i64 (call $state (i32.const 1) (i32.const 0) (i32.const 0))))
        (func (export "restore") (param i32 i32) (result i32) (i32.const 0)))"#,
    );
    wasm.extend(section_of_abi());
    wasm
}

/// Changes a few bytes, if there are any.
pub fn change(bytes: &mut [u8], random: &mut SplitMix) {
    if bytes.is_empty() {
        return;
    }
    for _ in 0..=random.next_u64() % 4 {
        let at = below(random, bytes.len());
        // Never to what it was.
        bytes[at] ^= 1 + (random.next_u64() % 255) as u8;
    }
}

/// Takes the end away, of one byte or more.
pub fn cut(bytes: &mut Vec<u8>, random: &mut SplitMix) {
    bytes.truncate(below(random, bytes.len()));
}

/// A number below `bound`, and 0 if there is none.
fn below(random: &mut SplitMix, bound: usize) -> usize {
    (random.next_u64() % bound.max(1) as u64) as usize
}

fn bytes(random: &mut SplitMix, count: u64) -> Vec<u8> {
    let words = (0..count / 8).map(|_| random.next_u64().to_le_bytes());
    words.flatten().collect()
}

/// The features that a guest may use, unless it is any module.
fn config(kind: Kind, choices: u64) -> Config {
    let mut config = Config {
        max_memory32_bytes: MEMORY_BYTES_MAX,
        // Code that checks before it does what would trap gets farther.
        disallow_traps: choices & 2 == 0,
        ..Config::default()
    };
    if let Kind::Any = kind {
        return config;
    }
    config.exceptions_enabled = false;
    config.gc_enabled = false;
    config.memory64_enabled = false;
    config.threads_enabled = false;
    // With them comes externref, which this engine does not have: most such modules are refused.
    config.reference_types_enabled = choices & 0x3c == 0;
    // The one that is exported comes besides.
    config.max_memories = 0;
    config.wide_arithmetic_enabled = false;
    config.exports = Some(exports());
    if let Kind::Task = kind {
        config.max_imports = 0;
    } else {
        config.available_imports = Some(imports());
        config.max_imports = SYSCALLS.len();
        config.max_instructions = 400;
    }
    config
}

/// The section that says which ABI a module was built for, encoded.
fn section_of_abi() -> Vec<u8> {
    let wasm = parse(r#"(module (@custom "okernel.abi" "\01\00\00\00"))"#);
    wasm[b"\0asm\x01\0\0\0".len()..].to_vec()
}

/// Every system call, as imports.
fn imports() -> Vec<u8> {
    let mut text = String::from("(module");
    for call in SYSCALLS {
        let name = call.name;
        let params = call.params.iter().map(|param| format!(" i{}", param.bits));
        let params: String = params.collect();
        let _ = write!(
            text,
            r#"(import "okernel" "{name}" (func (param{params}) (result i64)))"#
        );
    }
    parse(&(text + ")"))
}

/// The exports of a task.
fn exports() -> Vec<u8> {
    parse(
        r#"(module
        (memory (export "memory") 2 64)
        (func (export "init") (result i32) unreachable)
        (func (export "exec") (param i32) (result i32) unreachable)
        (func (export "poll") (result i32) unreachable)
        (func (export "finalize") (param i32) unreachable)
        (func (export "save") (result i32) unreachable)
        (func (export "restore") (param i32 i32) (result i32) unreachable))"#,
    )
}

fn parse(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is a module")
}

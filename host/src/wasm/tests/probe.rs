//! A guest whose functions a test can call one by one.
//!
//! It exports what a hostile guest would do: reads, writes and bulk operations anywhere, and every
//! system call with any arguments.

use std::fmt::Write as _;
use std::sync::Arc;

use okernel_abi::syscalls::SYSCALLS;
use okernel_core::{Class, Context, Limits};
use wasmtime::{Caller, Instance, Linker, Memory, Val, WasmParams, WasmResults};

use crate::wasm::compile::Compiler;
use crate::wasm::contract::MEMORY_EXPORT;
use crate::wasm::engine::{Engines, Metering};
use crate::wasm::instance::{GuestStore, instantiate};
use crate::wasm::limits;
use crate::wasm::linker::linker;
use crate::wasm::module::{GuestModule, Target};
use crate::wasm::preempt;
use crate::wasm::state::State;

/// Bytes of memory that the probe starts with.
pub const PROBE_BYTES: u32 = 65536;

/// The custom section of a module for this ABI.
pub const ABI: &str = r#"(@custom "okernel.abi" "\01\00\00\00")"#;

const PROBE: &str = r#"
    (memory (export "memory") 1)
    (data $text "0123456789abcdef")
    (func (export "init") (result i32) (i32.const 0))
    (func (export "exec") (param i32) (result i32) (i32.const 0))
    (func (export "poll") (result i32) (i32.const 1))
    (func (export "finalize") (param i32))
    (func (export "load") (param i32) (result i64) (i64.load (local.get 0)))
    (func (export "store") (param i32 i64) (i64.store (local.get 0) (local.get 1)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size))
    (func (export "fill") (param i32 i32 i32)
        (memory.fill (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy") (param i32 i32 i32)
        (memory.copy (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy_16") (param i32 i32)
        (memory.copy (local.get 0) (local.get 1) (i32.const 16)))
    (func (export "data") (param i32)
        (memory.init $text (local.get 0) (i32.const 0) (i32.const 16)))
    (func (export "abort") (unreachable))"#;

/// The probe's text: every system call `name` is exported as `call_name`.
pub fn probe_text() -> String {
    let mut imports = String::new();
    let mut exports = String::new();
    for call in SYSCALLS {
        let (name, mut params, mut gets) = (call.name, String::new(), String::new());
        for (index, param) in call.params.iter().enumerate() {
            let _ = write!(params, " i{}", param.bits);
            let _ = write!(gets, " (local.get {index})");
        }
        let _ = writeln!(
            imports,
            r#"(import "okernel" "{name}" (func ${name} (param{params}) (result i64)))"#
        );
        let _ = writeln!(
            exports,
            r#"(func (export "call_{name}") (param{params}) (result i64) (call ${name}{gets}))"#
        );
    }
    format!("(module {ABI} {imports} {PROBE} {exports})")
}

/// Compiles a text for the metered engine, with system calls replaced by `replace`.
pub fn compile(
    engines: &Engines,
    text: &str,
    replace: impl FnOnce(&mut Linker<State>),
) -> GuestModule {
    let engine = engines.get(Metering::Epoch).clone();
    let mut linker = linker(&engine).unwrap();
    linker.allow_shadowing(true);
    replace(&mut linker);
    let target = Target {
        engine,
        linker: Arc::new(linker),
        class: Class::Ordinary,
    };
    GuestModule::load(
        "probe",
        &wat::parse_str(text).unwrap(),
        &target,
        None,
        Compiler::Here,
    )
    .unwrap()
}

/// A running probe.
pub struct Probe {
    pub guest: GuestStore,
    instance: Instance,
}

impl Probe {
    /// Makes an instance.
    pub fn new(module: &GuestModule, limits: &Limits) -> Probe {
        let mut guest = GuestStore::new(module, limits);
        preempt::start(guest.store());
        let instance = instantiate(module, guest.store()).unwrap();
        Probe { guest, instance }
    }

    /// Calls an export.
    pub fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        params: P,
    ) -> wasmtime::Result<R> {
        let store = self.guest.store();
        let function = self
            .instance
            .get_typed_func::<P, R>(&mut *store, name)
            .unwrap();
        function.call(store, params)
    }

    /// Makes a system call, with the kernel's context in place.
    pub fn syscall(&mut self, cx: &mut Context, name: &str, arguments: &[u64]) -> i64 {
        let call = SYSCALLS.iter().find(|call| call.name == name).unwrap();
        assert_eq!(call.params.len(), arguments.len(), "{name}");
        let values: Vec<Val> = call
            .params
            .iter()
            .zip(arguments)
            .map(|(param, &argument)| match param.bits {
                32 => Val::I32(argument as u32 as i32),
                _ => Val::I64(argument as i64),
            })
            .collect();
        let instance = self.instance;
        let answer = self.guest.enter(cx, |store| {
            let mut results = [Val::I64(0)];
            let function = instance
                .get_func(&mut *store, &format!("call_{name}"))
                .unwrap();
            function.call(store, &values, &mut results)?;
            Ok(results[0].unwrap_i64())
        });
        answer.unwrap_or_else(|fault| panic!("{name}{arguments:?}: {fault}"))
    }

    /// Writes to its memory, from the host, where no window is.
    pub fn write(&mut self, address: usize, bytes: &[u8]) {
        self.memory()
            .write(self.guest.store(), address, bytes)
            .unwrap();
    }

    /// Reads from its memory, from the host, where no window is.
    pub fn read(&mut self, address: usize, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        self.memory()
            .read(self.guest.store(), address, &mut read)
            .unwrap();
        read
    }

    /// Its memory.
    pub fn memory(&mut self) -> Memory {
        self.instance
            .get_memory(self.guest.store(), MEMORY_EXPORT)
            .unwrap()
    }

    /// The address of its memory in the host.
    pub fn base(&mut self) -> usize {
        let memory = self.memory();
        memory.data_ptr(self.guest.store()) as usize
    }

    /// Eight bytes of its memory.
    pub fn load(&mut self, address: u32) -> u64 {
        self.call::<u32, u64>("load", address).unwrap()
    }
}

/// A probe with the real system calls, in engines of its own.
pub fn probe() -> Probe {
    let module = compile(&engines(), &probe_text(), |_| {});
    Probe::new(&module, &Limits::default())
}

/// Small engines for a test.
pub fn engines() -> Engines {
    Engines::new(limits::INSTANCES_MIN).unwrap()
}

/// The caller of a replaced system call.
pub type GuestCaller<'a> = Caller<'a, State>;

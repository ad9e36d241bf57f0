//! Modules by name: from files, from the cache, embedded; and what is refused.

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use okernel_core::{Class, Exit, Limits, ModuleInfo, Modules, Program};

use super::probe::engines;
use super::system::{guest, in_task};
use crate::wasm::cache::CacheChoice;
use crate::wasm::compile::Compiler;
use crate::wasm::registry::{Foreign, INTERPRETER, Registry};

fn registry(cache: &CacheChoice) -> Registry {
    let foreign = Foreign::of_anybody(Compiler::Here);
    Registry::new(&engines(), cache, foreign).unwrap()
}

fn load(registry: &Registry, name: &str, path: &Path) -> Result<ModuleInfo, String> {
    let (sender, receiver) = channel();
    registry.load(
        name,
        path,
        Class::Ordinary,
        Box::new(move |result| sender.send(result).unwrap()),
    );
    receiver.recv_timeout(Duration::from_secs(60)).unwrap()
}

fn instantiate(registry: &Registry, program: Program) -> Result<(), String> {
    let task = registry.instantiate(&program, &Limits::default());
    task.map(drop).map_err(|fault| fault.to_string())
}

fn module(name: &str) -> Program {
    Program::Module(name.to_string())
}

#[test]
fn files_that_cannot_be_modules_are_refused_in_one_line_that_names_them() {
    let registry = registry(&CacheChoice::Off);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let good = wat::parse_str(guest("")).unwrap();
    let bad_code = guest(r#"(func (result i32) (i64.const 0))"#);
    let other_abi = guest("").replace(r"\01\00\00\00", r"\02\00\00\00");
    let cases = [
        (
            "m",
            folder.path().join("absent.wasm"),
            "absent.wasm: cannot be opened: No such file",
        ),
        (
            "m",
            folder.path().to_path_buf(),
            "cannot be read: Is a directory",
        ),
        (
            "m",
            write("text.wasm", b"hello"),
            "text.wasm: not a WebAssembly module",
        ),
        (
            "m",
            write("cut.wasm", &good[..good.len() - 3]),
            "cut.wasm: damaged module",
        ),
        (
            "m",
            write("code.wasm", &wat::parse_str(bad_code).unwrap()),
            "code.wasm: refused by the engine: ",
        ),
        (
            "m",
            write("ping.wasm", &wat::parse_str(other_abi).unwrap()),
            "ping.wasm: built for ABI 2, this kernel speaks 1: rebuild it with this version's SDK",
        ),
        (
            INTERPRETER,
            write("good.wasm", &good),
            "the name shell is the interpreter's: choose another name",
        ),
        (
            "",
            write("good.wasm", &good),
            "a module's name has 1 to 256 bytes",
        ),
    ];
    for (name, path, wanted) in cases {
        let error = load(&registry, name, &path).unwrap_err();
        assert!(error.contains(wanted), "{error:?} does not say {wanted:?}");
        assert!(!error.contains('\n'), "{error:?}");
    }
    assert!(registry.list().is_empty());
    let info = load(&registry, "m", &folder.path().join("good.wasm")).unwrap();
    assert_eq!((info.name.as_str(), info.bytes), ("m", good.len() as u64));
    assert_eq!(registry.list(), [info]);
    instantiate(&registry, module("m")).unwrap();
    let error = instantiate(&registry, module("n")).unwrap_err();
    assert_eq!(
        error,
        "refused: there is no module n: load it first (there are: m)"
    );
}

#[test]
fn a_name_that_is_loaded_again_gets_the_new_version() {
    let registry = registry(&CacheChoice::Off);
    let wants = |text: &str| {
        let custom = format!(r#"(@custom "okernel.wants" "{text}")"#);
        let bytes = wat::parse_str(guest(&custom)).unwrap();
        registry.load_bytes("m", &bytes, Class::Ordinary).unwrap();
        registry.list()[0].wants.clone()
    };
    assert_eq!(wants("in subscriber"), ["in subscriber"]);
    assert_eq!(wants("out publisher"), ["out publisher"]);
    assert_eq!(registry.list().len(), 1);
}

#[test]
fn embedded_modules_are_compiled_when_they_are_wanted() {
    let registry = registry(&CacheChoice::Off);
    let good: &'static [u8] = wat::parse_str(guest("")).unwrap().leak();
    let bad: &'static [u8] = wat::parse_str("(module)").unwrap().leak();
    registry.embed("good", good).unwrap();
    registry.embed("bad", bad).unwrap();
    assert!(registry.embed("worse", b"no module").is_err());
    assert_eq!(registry.list().len(), 2);
    let error = instantiate(&registry, Program::Code("1+1".to_string())).unwrap_err();
    assert!(error.contains("there is no module shell"), "{error}");
    registry.embed_interpreter(good).unwrap();
    instantiate(&registry, Program::Code("1+1".to_string())).unwrap();
    instantiate(&registry, module("good")).unwrap();
    let error = instantiate(&registry, module("bad")).unwrap_err();
    assert_eq!(
        error,
        "refused: bad: not a task: it has no section okernel.abi: build it with 'okernel build'"
    );
    registry.warm_up();
}

#[test]
fn a_program_is_the_interpreters_input_from_its_beginning_on() {
    // It ends well if its input has five bytes in init and in poll.
    let text = guest(
        r#"(import "okernel" "input" (func $input (param i32 i32) (result i64)))
        (func (export "init") (result i32)
            (i64.ne (call $input (i32.const 0) (i32.const 0)) (i64.const 5)))
        (func (export "poll") (result i32)
            (select (i32.const 1) (i32.const 2)
                (i64.eq (call $input (i32.const 0) (i32.const 0)) (i64.const 5))))"#,
    );
    let registry = registry(&CacheChoice::Off);
    registry
        .embed_interpreter(wat::parse_str(text).unwrap().leak())
        .unwrap();
    let end = in_task(
        |_, spawn| spawn,
        move |cx| {
            let program = Program::Code("2 + 3".to_string());
            let mut task = registry.instantiate(&program, &Limits::default()).unwrap();
            task.init(cx).unwrap();
            let outcome = task.poll(cx);
            task.finalize(cx, &Exit::Done);
            format!("{outcome:?}")
        },
    );
    assert_eq!(end, "End");
}

#[test]
fn the_cache_is_used_and_what_was_tampered_with_is_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let choice = CacheChoice::Folder(folder.path().to_path_buf());
    let bytes = wat::parse_str(guest("")).unwrap();
    let artefacts = || {
        let entries = fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .map(|entry| entry.path());
        entries
            .filter(|path| path.extension().is_some_and(|e| e == "bin"))
            .collect::<Vec<_>>()
    };
    registry(&choice)
        .load_bytes("m", &bytes, Class::Ordinary)
        .unwrap();
    let [path] = artefacts().try_into().unwrap();
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    let good = fs::read(&path).unwrap();
    // A second start finds it and does not write it again.
    registry(&choice)
        .load_bytes("m", &bytes, Class::Ordinary)
        .unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    // Native code that somebody has changed must never be loaded: it is compiled and replaced.
    for at in [0, good.len() / 2, good.len() - 1] {
        let mut tampered = good.clone();
        tampered[at] ^= 0xff;
        fs::write(&path, &tampered).unwrap();
        let next = registry(&choice);
        next.load_bytes("m", &bytes, Class::Ordinary).unwrap();
        instantiate(&next, module("m")).unwrap();
        assert_ne!(fs::read(&path).unwrap(), tampered, "tampered at {at}");
    }
    assert_eq!(artefacts().len(), 1);
    // The same module for the other engine is another artefact.
    registry(&choice)
        .embed_interpreter(bytes.clone().leak())
        .unwrap();
    let interpreter = registry(&choice);
    interpreter.embed_interpreter(bytes.leak()).unwrap();
    instantiate(&interpreter, Program::Code(String::new())).unwrap();
    assert_eq!(artefacts().len(), 2);
}

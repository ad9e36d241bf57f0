//! Limits and signatures through the binary: compilers that are stopped, shares that hold, modules that are
//! refused by name, and a report that says why.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::support::{Output, okernel, run, run_with};

/// The signal that ends what has used up its processor time.
const SIGXCPU: i32 = 24;

/// A task that does nothing, as text, with more of a module in it.
fn task(more: &str) -> Vec<u8> {
    let text = format!(
        r#"(module (@custom "okernel.abi" "\01\00\00\00") {more}
            (memory (export "memory") 1)
            (func (export "init") (result i32) (i32.const 0))
            (func (export "exec") (param i32) (result i32) (i32.const 0))
            (func (export "poll") (result i32) (i32.const 1))
            (func (export "finalize") (param i32)))"#
    );
    wat::parse_str(text).unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A function that is small for what it costs to compile: loops in loops, and in the innermost one every
/// variable is changed, so that every loop has to carry all of them.
fn bomb(loops: usize, variables: usize) -> Vec<u8> {
    let mut text = String::from("(func (local");
    for _ in 0..variables {
        text += " i32";
    }
    text += ")";
    for _ in 0..loops {
        text += "(loop ";
    }
    for at in 0..variables {
        let other = (at * 7 + 1) % variables;
        let _ = write!(
            text,
            "(local.set {at} (i32.add (local.get {at}) (local.get {other})))"
        );
    }
    for at in 0..loops {
        let _ = write!(text, "(br_if 0 (local.get {})))", at % variables);
    }
    text += ")";
    task(&text)
}

/// Boots with these arguments and lines, while a neighbour computes on the second core.
fn boot(args: &[&str], lines: &str) -> Output {
    let mut command = okernel();
    command.args(["boot", "--cores", "2"]).args(args);
    run_with(&mut command, lines.as_bytes())
}

#[test]
fn a_module_that_compiles_for_very_long_is_refused_and_the_kernel_goes_on() {
    let folder = folder("compile_long");
    let (slow, fine) = (folder.join("slow.wasm"), folder.join("fine.wasm"));
    fs::write(&slow, bomb(1500, 1500)).unwrap();
    fs::write(&fine, task("")).unwrap();
    let started = Instant::now();
    let lines = format!(
        "b:spawn[1;`burn;[]]; cpu:{{*(p`\"cpu_ms\")@&b=(p:ps[])`task}}; a:cpu[];
         load[`slow;\"{}\"]
         500<cpu[]-a
         load[`fine;\"{}\"]
         t:spawn[1;`fine;[]];0<t\n",
        slow.display(),
        fine.display()
    );
    let output = boot(&["--limit", "compile_seconds=2"], &lines);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    let expected =
        "slow.wasm: compiling it takes more than 2 s: boot with a larger --limit compile_seconds";
    assert!(output.stderr.contains(expected), "{output:?}");
    assert_eq!(output.stdout, "1\n`fine\n1\n", "{output:?}");
}

#[test]
fn a_module_that_takes_very_much_memory_to_compile_is_refused_without_a_cache_too() {
    let folder = folder("compile_large");
    let large = folder.join("large.wasm");
    fs::write(&large, bomb(1500, 1500)).unwrap();
    let mut command = okernel();
    command.env("OKERNEL_CACHE", "off");
    command.args(["boot", "--cores", "2", "--limit", "compile_memory=150M"]);
    let lines = format!("load[`large;\"{}\"]\n1+1\n", large.display());
    let output = run_with(&mut command, lines.as_bytes());
    let expected = "compiling it takes more than 157286400 bytes of memory";
    assert!(output.stderr.contains(expected), "{output:?}");
    assert!(output.stdout.ends_with("2\n"), "{output:?}");
}

#[test]
fn what_compiles_for_too_long_is_told_so_by_its_signal() {
    let slow = folder("compile_signal").join("slow.wasm");
    fs::write(&slow, bomb(1500, 1500)).unwrap();
    let mut command = okernel();
    command.args(["compile-module", "ordinary", "1", "2000000000"]);
    command.stdin(File::open(&slow).unwrap());
    let status = command.status().unwrap();
    // SIGKILL would look like too little memory.
    assert_eq!(status.signal(), Some(SIGXCPU), "{status}");
}

#[test]
fn what_is_compiled_does_not_depend_on_the_environment() {
    let folder = folder("compile_environment");
    let file = folder.join("m.wasm");
    fs::write(&file, task("")).unwrap();
    let mut command = okernel();
    command.env("OKERNEL_CACHE", "off");
    command.env("WASMTIME_BACKTRACE_DETAILS", "1");
    let lines = format!("load[`m;\"{}\"]\n", file.display());
    let output = run_with(&mut command, lines.as_bytes());
    assert_eq!(output.stdout, "`m\n", "{output:?}");
}

#[test]
fn a_module_that_is_too_large_is_refused() {
    let folder = folder("module_large");
    let file = folder.join("m.wasm");
    fs::write(&file, task("")).unwrap();
    let load = format!("m={}", file.display());
    let refused = boot(&["--limit", "module=100", "--load", &load], "").failed(1);
    assert!(
        refused.contains("m.wasm: ") && refused.contains("more than 100, the limit"),
        "{refused}"
    );
}

#[test]
fn a_hard_share_holds_for_a_guest_that_never_yields() {
    let lines = "b:spawn[1;`burn;[limits:[cpu:10;period:20]]];
        cpu:{*(p`\"cpu_ms\")@&b=(p:ps[])`task}; quiet:sub[0;pub[0;64]];
        n:now[]; a:cpu[]; rcv[quiet;2000]; u:cpu[]-a; ms:1e-6*`i$now[]-n; (u<30+0.1*ms),u>10
        t:ps[b]; (t`most)@&`cpu=t`limit
        spawn[1;`burn;[limits:[cpus:10]]]\n";
    let output = boot(&[], lines);
    assert_eq!(output.stdout, "1 1\n,10\n", "{output:?}");
    assert!(
        output
            .stderr
            .contains("there is no limit cpus, there are: memory,"),
        "{output:?}"
    );
}

#[test]
fn limits_of_all_tasks_and_of_the_kernel_are_set_at_boot() {
    let lines = "spawn[1;`burn;[]]; spawn[1;`burn;[]]; spawn[1;`burn;[]]; spawn[1;`burn;[]]\n";
    let output = boot(&["--limit", "tasks=3"], lines);
    assert!(
        output
            .stderr
            .contains("there are 3 tasks already: boot with a larger --limit tasks"),
        "{output:?}"
    );
    // The shell has its own; the pages of one task more are too many.
    let lines = "(rcv monitor spawn[1;`burn;[]])`reason`text\n1+1\n";
    let output = boot(&["--limit", "all_memory=2M"], lines);
    assert!(
        output
            .stdout
            .contains("all tasks together have as much memory as they may"),
        "{output:?}"
    );
    assert!(output.stdout.ends_with("2\n"), "{output:?}");
    let lines = "t:spawn[1;`burn;[]]; p:ps[t]; (p`most)@&`timers=p`limit\n";
    assert_eq!(boot(&["--limit", "timers=77"], lines).ok().trim(), ",77");
    let wrong = run(&["boot", "--limit", "time=3"]).failed(2);
    assert!(wrong.contains("there is no limit time"), "{wrong}");
}

#[test]
fn the_doctor_says_what_bounds_the_tasks_and_what_to_change() {
    let text = run(&["doctor"]).ok();
    for part in [
        "Tasks at a time: ",
        "vm.max_map_count",
        "compile_memory",
        "children",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&run(&["doctor", "--json"]).ok()).unwrap();
    let tasks = json["tasks"].as_u64().unwrap();
    assert!(
        text.contains(&format!("Tasks at a time: {tasks}\n")),
        "{text}"
    );
    // What is scarcest bounds the count, and comes first.
    assert_eq!(json["bounds"][0]["tasks"].as_u64(), Some(tasks));
    // With less address space there are fewer, and the report says why.
    let mut command = std::process::Command::new("sh");
    let program = okernel().get_program().to_os_string();
    command
        .args(["-c", "ulimit -v 200000000; exec \"$0\" doctor --json"])
        .arg(program);
    let json: serde_json::Value = serde_json::from_str(&run_with(&mut command, b"").ok()).unwrap();
    assert!(json["tasks"].as_u64().unwrap() < 100, "{json}");
    let scarce = json["bounds"][0]["advice"].as_str().unwrap();
    assert!(scarce.contains("ulimit -v unlimited"), "{scarce}");
}

#[test]
fn the_doctor_looks_and_makes_nothing() {
    let folder = folder("doctor_looks");
    let cache = folder.join("deep/cache");
    let look = |cache: &Path| {
        let mut command = okernel();
        command
            .args(["doctor", "--json"])
            .env("OKERNEL_CACHE", cache);
        let json: serde_json::Value =
            serde_json::from_str(&run_with(&mut command, b"").ok()).unwrap();
        let mut findings = json["machine"].as_array().unwrap().iter();
        let finding = findings.find(|finding| finding["what"] == "module cache");
        finding.unwrap().clone()
    };
    assert_eq!(look(&cache)["found"], cache.display().to_string());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    let file = folder.join("file");
    fs::write(&file, "").unwrap();
    let finding = look(&file);
    let advice = finding["advice"].as_str().unwrap();
    assert!(advice.contains("set OKERNEL_CACHE to a folder"), "{advice}");
}

#[test]
fn signing_keeps_what_a_file_may_be_used_for_and_writes_nothing_else() {
    let folder = folder("signing");
    let path = |name: &str| folder.join(name);
    let (secret, file) = (path("key"), path("m.wasm"));
    fs::write(&file, task("")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o660)).unwrap();
    let shown = |path: &Path| path.display().to_string();
    run(&["keygen", &shown(&secret)]).ok();
    // Something that leads elsewhere under a name that a temporary file once had.
    let elsewhere = path("elsewhere");
    fs::write(&elsewhere, "theirs").unwrap();
    symlink(&elsewhere, path("m.signing")).unwrap();
    run(&["sign", &shown(&file), "--key", &shown(&secret)]).ok();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"theirs");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
}

#[test]
fn only_signed_modules_are_loaded_where_that_is_required() {
    let folder = folder("signed");
    let path = |name: &str| folder.join(name).display().to_string();
    let (secret, file, other) = (path("build"), path("m.wasm"), path("other"));
    fs::write(&file, task("")).unwrap();
    let public = run(&["keygen", &secret]).ok();
    assert!(
        public.starts_with("okernel-ed25519 ") && public.ends_with(" build\n"),
        "{public}"
    );
    run(&["keygen", &secret]).failed(1);
    let keys = path("keys");
    fs::write(&keys, &public).unwrap();
    let load = format!("m={file}");
    let try_load = || boot(&["--require-signed", &keys, "--load", &load], "");
    let refused = |expected: &str| {
        let error = try_load().failed(1);
        assert!(
            error.contains("m.wasm: ") && error.contains(expected),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    };

    refused("not signed: this kernel takes only what a key in ");
    run(&["sign", &file, "--key", &secret]).ok();
    let described = run(&["inspect", &file]).ok();
    let key = public.split_whitespace().nth(1).unwrap();
    assert!(
        described.contains(&format!("signed   by {key}\n")),
        "{described}"
    );
    let taken = boot(
        &["--require-signed", &keys, "--load", &load],
        "t:spawn[1;`m;[]];0<t\n",
    );
    assert_eq!(taken.ok(), "1\n");

    run(&["keygen", &other]).ok();
    run(&["sign", &file, "--key", &other, "-o", &path("theirs.wasm")]).ok();
    let theirs = format!("load[`x;\"{}\"]\n", path("theirs.wasm"));
    let output = boot(&["--require-signed", &keys], &theirs);
    assert!(
        output.stderr.contains("theirs.wasm: signed by "),
        "{output:?}"
    );

    let signed = fs::read(&file).unwrap();
    let mut tampered = signed.clone();
    // A constant of the module's code.
    let code = &tampered[..tampered.len() - 117];
    let at = code.iter().rposition(|byte| *byte == 0x41).unwrap() + 1;
    tampered[at] ^= 2;
    fs::write(&file, &tampered).unwrap();
    refused("tampered with: it is not what build (");
    fs::write(&file, &signed).unwrap();

    let hash = described
        .lines()
        .find_map(|line| line.strip_prefix("hash     "))
        .unwrap();
    fs::write(&keys, format!("{public}revoked module {hash}\n")).unwrap();
    refused(&format!("revoked: the module {hash}"));
    fs::write(&keys, format!("{public}revoked okernel-ed25519 {key}\n")).unwrap();
    refused("revoked: the key of build (");
    fs::write(&keys, "okernel-ed25519 nonsense\n").unwrap();
    let error = boot(&["--require-signed", &keys], "").failed(1);
    assert!(error.contains("keys line 1: expected "), "{error}");
}

#[test]
fn a_small_task_makes_do_with_the_memory_that_its_module_begins_with() {
    let lines = "rcv monitor spawn[0;`idle;[memory:17*65536]]\n";
    let output = boot(&[], lines);
    assert!(output.stdout.contains("done"), "{output:?}");
}

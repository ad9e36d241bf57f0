//! The command line as its user meets it: verbs, exit status, and what a mistake is told.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{okernel, run, shell};

#[test]
fn help_names_every_verb() {
    let help = run(&["--help"]).ok();
    for verb in [
        "boot",
        "run",
        "eval",
        "new",
        "build",
        "inspect",
        "bench",
        "completions",
    ] {
        assert!(help.contains(verb), "{verb} is missing in:\n{help}");
    }
}

#[test]
fn version_and_completions() {
    assert!(run(&["--version"]).ok().starts_with("okernel 0."));
    assert!(run(&["completions", "bash"]).ok().contains("_okernel"));
}

#[test]
fn eval_prints_the_value() {
    assert_eq!(run(&["eval", "2*3+4"]).ok(), "14\n");
    assert_eq!(
        run(&["eval", "fac:{$[x=1;1;x*fac[x-1]]};fac 20"]).ok(),
        "2432902008176640000\n"
    );
    assert!(run(&["eval", "!10000"]).ok().ends_with(" 9998 9999\n"));
    let args = run(&["eval", "args", "a b", "-c"]).ok();
    assert_eq!(args, "(\"a b\"\n \"-c\")\n");
}

/// As with a terminal that was closed, or `2>&1 | head`.
#[test]
fn a_log_that_nobody_reads_any_more_stops_no_core() {
    let mut command = okernel();
    command.args(["boot", "--cores", "2"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut kernel = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(kernel.stderr.take());
    // The first task's error is a line of core 1's log.
    let input = "spawn[1;\"1+`a\"];\nkill spawn[1;\"{o x}0\"]\n6*7\n";
    let mut stdin = kernel.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let started = Instant::now();
    while kernel.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(60) {
            kernel.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(20));
    }
    let mut printed = String::new();
    kernel.stdout.unwrap().read_to_string(&mut printed).unwrap();
    assert!(printed.ends_with("42\n"), "{printed}");
}

#[test]
fn eval_of_a_mistake_fails_and_says_where() {
    let stderr = run(&["eval", "1+`a"]).failed(1);
    assert!(stderr.contains("type"), "{stderr}");
    assert!(stderr.contains('^'), "{stderr}");
    let stderr = run(&["eval", "(1;2"]).failed(1);
    assert!(stderr.contains("parse"), "{stderr}");
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    run(&["--no-such-flag"]).failed(2);
    run(&["inspect"]).failed(2);
    let stderr = run(&["boot", "--cores", "many"]).failed(2);
    assert!(stderr.contains("--cores"), "{stderr}");
    let stderr = run(&["boot", "--cores", "0"]).failed(2);
    assert!(stderr.contains("--cores"), "{stderr}");
    let stderr = run(&["boot", "--qos", "1,2"]).failed(2);
    assert!(stderr.contains("--qos"), "{stderr}");
    let stderr = run(&["boot", "--load", "nameonly"]).failed(2);
    assert!(stderr.contains("NAME=FILE"), "{stderr}");
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("not.wasm");
    fs::write(&text, "hello").unwrap();
    let text = text.to_str().unwrap();
    for args in [
        &["inspect", text][..],
        &["boot", "--load", &format!("x={text}")],
    ] {
        let stderr = run(args).failed(1);
        assert!(
            stderr.contains("not.wasm") && stderr.contains("not a WebAssembly module"),
            "{stderr}"
        );
        assert_eq!(stderr.trim().lines().count(), 1, "{stderr}");
    }
    for args in [
        &["inspect", "/no/such.wasm"][..],
        &["run", "/no/such.ok"],
        &["boot", "--init", "/no/such.ok"],
        &["boot", "--load", "x=/no/such.wasm"],
        &["build", "/no/such"],
    ] {
        let stderr = run(args).failed(1);
        assert!(stderr.contains("/no/such"), "{stderr}");
        assert_eq!(stderr.trim().lines().count(), 1, "{stderr}");
    }
}

#[test]
fn a_module_of_another_abi_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.wasm");
    let module = wat::parse_str(
        r#"(module (memory (export "memory") 1)
            (@custom "okernel.abi" "\63\00\00\00")
            (func (export "init") (result i32) i32.const 0)
            (func (export "exec") (param i32) (result i32) i32.const 0)
            (func (export "poll") (result i32) i32.const 1)
            (func (export "finalize") (param i32)))"#,
    )
    .unwrap();
    fs::write(&path, module).unwrap();
    let stderr = run(&["boot", "--load", &format!("old={}", path.display())]).failed(1);
    assert!(
        stderr.contains("ABI 99") && stderr.contains("old.wasm"),
        "{stderr}"
    );
}

#[test]
fn piped_lines_print_their_values_and_a_failed_line_sets_the_status() {
    assert_eq!(shell("1+2\na:5;\na*2\n").ok(), "3\n10\n");
    let output = shell("1+2\n1+`a\n7\n");
    assert_eq!((output.status, output.stdout.as_str()), (1, "3\n7\n"));
    assert!(output.stderr.contains("type"), "{}", output.stderr);
    assert_eq!(shell("").ok(), "");
    assert_eq!(shell("1+2").ok(), "3\n");
}

#[test]
fn input_that_is_not_finished_goes_on_in_the_next_line() {
    assert_eq!(shell("f:{\n t:x+1\n t*t\n };\nf 2\n").ok(), "9\n");
}

#[test]
fn run_passes_arguments_and_waits_for_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.ok");
    fs::write(&path, "/ a script\nprint args;\nspawn[1;\"print 40+2\"];\n").unwrap();
    let stdout = run(&["run", path.to_str().unwrap(), "one", "2"]).ok();
    assert_eq!(stdout, "(\"one\"\n ,\"2\")\n42\n");
}

#[test]
fn a_script_loads_others() {
    let folder = tempfile::tempdir().unwrap();
    let [main, library] = ["main.ok", "library.ok"].map(|name| folder.path().join(name));
    fs::write(&library, "twice:{\n  2*x\n}\n").unwrap();
    let text = format!(
        "/ uses a library\n\\l {}\nprint twice 21\n1+`a\n",
        library.display()
    );
    fs::write(&main, text).unwrap();
    let output = run(&["run", main.to_str().unwrap()]);
    assert_eq!((output.status, output.stdout.as_str()), (1, "42\n"));
    assert!(output.stderr.contains("main.ok:4: 1+`a"), "{output:?}");
}

#[test]
fn a_script_that_fails_names_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.ok");
    fs::write(&path, "a:1;\nb:a+`x;\n").unwrap();
    let stderr = run(&["run", path.to_str().unwrap()]).failed(1);
    assert!(stderr.contains("bad.ok:2"), "{stderr}");
}

#[test]
fn new_refuses_bad_names_and_folders_that_exist() {
    let stderr = run(&["new", "2fast"]).failed(1);
    assert!(stderr.contains("2fast"), "{stderr}");
    let folder = tempfile::tempdir().unwrap();
    let stderr = run(&["new", folder.path().to_str().unwrap()]).failed(1);
    assert!(stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn a_script_whose_task_fails_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spawns.ok");
    fs::write(&path, "spawn[1;\"1+`oops\"];\n").unwrap();
    let stderr = run(&["run", path.to_str().unwrap()]).failed(1);
    assert!(
        stderr.contains("type") && stderr.contains("oops"),
        "{stderr}"
    );
}

#[test]
fn input_that_ends_in_the_middle_is_a_parse_error() {
    let output = shell("1+2\nf:{x+\n");
    assert_eq!((output.status, output.stdout.as_str()), (1, "3\n"));
    assert!(output.stderr.contains("parse"), "{}", output.stderr);
}

#[test]
fn a_crate_that_is_no_task_is_refused_before_it_is_compiled() {
    for (folder, words) in [
        (
            "host/ring",
            "host/ring is no task: its Cargo.toml needs [lib] crate-type",
        ),
        (".", ". is a workspace, not a crate"),
        ("docs", "docs/Cargo.toml is not there"),
    ] {
        let text = run(&["build", folder]).failed(1);
        assert!(text.contains(words) && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn a_bench_is_compared_with_an_earlier_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.json");
    fs::write(&file, run(&["bench", "boot", "--json"]).ok()).unwrap();
    let graphs = folder.path().join("graphs");
    let (file, graphs) = (file.to_str().unwrap(), graphs.to_str().unwrap());
    let table = run(&["bench", "boot", "--baseline", file, "--graphs", graphs]).ok();
    assert!(table.contains("p99.9"), "{table}");
    assert_eq!(table.matches("x baseline").count(), 2, "{table}");
}

#[test]
fn a_bench_that_cannot_run_says_why() {
    let stderr = run(&["bench", "nothing"]).failed(1);
    assert!(
        stderr.contains("no 'nothing'") && stderr.contains("density"),
        "{stderr}"
    );
    let stderr = run(&["bench", "boot", "--baseline", "/absent.json"]).failed(1);
    assert!(stderr.contains("/absent.json cannot be read"), "{stderr}");
}

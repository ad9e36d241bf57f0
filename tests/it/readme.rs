//! The README's tour, typed as it stands there.

use std::fs;

use crate::support::{okernel, root, run, run_with};

/// The inputs (`o) ..`) of the README's text blocks, and what they are said to print.
fn tour() -> (String, String) {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (mut inputs, mut outputs, mut inside) = (String::new(), String::new(), false);
    for line in readme.lines() {
        match (line.starts_with("```"), line.strip_prefix("o) ")) {
            (true, _) => inside = line == "```text",
            // What the table of tasks holds changes; leaving comes last.
            (_, Some("ps[]")) if inside => inputs.push_str("ps[];\n"),
            (_, Some(r"\\")) if inside => {}
            (_, Some(input)) if inside => inputs.push_str(&format!("{input}\n")),
            _ if inside => outputs.push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    (inputs, outputs)
}

#[test]
fn the_tour_prints_what_the_readme_says() {
    let folder = tempfile::tempdir().unwrap();
    let (crate_folder, module) = (folder.path().join("mine"), folder.path().join("mine.wasm"));
    run(&["new", crate_folder.to_str().unwrap()]).ok();
    let build = [
        "build",
        crate_folder.to_str().unwrap(),
        "-o",
        module.to_str().unwrap(),
    ];
    let target = root().join("target/made");
    run_with(okernel().env("CARGO_TARGET_DIR", target).args(build), b"").ok();
    let shown = run(&["inspect", module.to_str().unwrap()]).ok();
    for word in [
        "abi      1",
        "poll",
        "memory",
        "in subscriber",
        "out publisher",
    ] {
        assert!(shown.contains(word), "{word} is missing in:\n{shown}");
    }

    let (inputs, outputs) = tour();
    assert!(inputs.lines().count() > 15, "the tour is gone: {inputs}");
    let load = format!("mine={}", module.display());
    let printed = run_with(okernel().args(["boot", "--load", &load]), inputs.as_bytes()).ok();
    assert_eq!(printed, outputs);
}

#[test]
fn the_two_commands_are_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["cargo run --release", "cargo test --workspace"] {
        assert!(readme.contains(command), "{command}");
    }
    let gate = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(gate.contains("cargo test --workspace"));
}

//! The rules that the code is held to, as tests: layers, unsafe, heads of files, words.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files that may hold `unsafe`; everything else is forbidden or denied it.
const UNSAFE_FILES: &[&str] = &[
    "guest-sdk/",
    "host/ring/src/",
    "host/ring/benches/",
    "host/ring/tests/",
    "shell/src/guest/heap.rs",
    "host/src/wasm/cache.rs",
    "host/src/wasm/dense.rs",
    "host/src/wasm/entry.rs",
    "host/src/wasm/instance.rs",
    "host/src/wasm/module.rs",
    "host/src/wasm/scribble.rs",
    "host/src/wasm/user.rs",
    "host/src/wasm/window.rs",
];

/// The one place that names the Wasm engine.
const ENGINE_FOLDER: &str = "host/src/wasm/";

/// Lines that a file may have before it is a question. The table of exceptions says why.
const LINES_MAX: usize = 500;
const LONG_FILES: &[&str] = &[];

struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

fn sources() -> Vec<Source> {
    let listed = Command::new("git")
        .current_dir(root())
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "*.rs",
        ])
        .output()
        .expect("git lists the files");
    let text = String::from_utf8(listed.stdout).unwrap();
    let files: Vec<Source> = text
        .lines()
        .filter_map(|path| {
            let text = fs::read_to_string(root().join(path)).ok()?;
            Some(Source {
                path: path.to_string(),
                text,
            })
        })
        .collect();
    assert!(files.len() > 50, "git listed {} files", files.len());
    files
}

fn report(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// Lines of code with their numbers, without what follows `//` and without the tests at the end.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source
        .text
        .lines()
        .enumerate()
        .take_while(|(_, line)| !(line.starts_with("#[cfg(") && line.contains("test")))
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or("")))
        .filter(|(_, line)| !line.trim().is_empty())
}

#[test]
fn every_file_says_what_it_is() {
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    report("the first line is '//!' and what the file is", &broken);
}

#[test]
fn unsafe_is_where_the_list_says() {
    let mut broken = Vec::new();
    for source in sources() {
        let allowed = UNSAFE_FILES
            .iter()
            .any(|prefix| source.path.starts_with(prefix));
        let word = |line: &str| {
            line.contains("unsafe {") || line.contains("unsafe impl") || line.contains("unsafe fn")
        };
        if !allowed && !source.path.ends_with("tidy.rs") {
            let lines = code(&source).filter(|(_, line)| word(line));
            broken.extend(lines.map(|(number, _)| format!("{}:{number}", source.path)));
        }
    }
    report("unsafe only in the listed files", &broken);
}

#[test]
fn arrows_only_go_down() {
    let below: &[(&str, &[&str])] = &[
        (
            "host/src/wasm/",
            &["crate::boot", "crate::cli", "crate::console", "crate::web"],
        ),
        (
            "host/src/console/",
            &["crate::boot", "crate::cli", "crate::wasm", "crate::web"],
        ),
        (
            "host/src/web/",
            &["crate::boot", "crate::cli", "crate::wasm"],
        ),
        ("host/src/boot/", &["crate::cli"]),
        ("host/kernel/", &["wasmtime", "okernel::"]),
        ("host/ring/", &["okernel_core", "okernel_abi", "wasmtime"]),
        (
            "guest-sdk/abi/",
            &["okernel_sdk", "okernel_core", "okernel_ring", "std::"],
        ),
        ("shell/src/", &["okernel_core", "okernel_ring", "wasmtime"]),
    ];
    let mut broken = Vec::new();
    for source in sources() {
        for (folder, forbidden) in below {
            if !source.path.starts_with(folder) {
                continue;
            }
            for (number, line) in code(&source) {
                for name in forbidden.iter().filter(|name| line.contains(*name)) {
                    broken.push(format!("{}:{number} names {name}", source.path));
                }
            }
        }
    }
    report("cli -> boot -> {web, wasm} -> kernel -> ring", &broken);
}

#[test]
fn only_the_wasm_folder_names_the_engine() {
    let mut broken = Vec::new();
    for source in sources() {
        if source.path.starts_with(ENGINE_FOLDER) || source.path.starts_with("tests/") {
            continue;
        }
        let lines = code(&source).filter(|(_, line)| line.contains("wasmtime"));
        broken.extend(lines.map(|(number, _)| format!("{}:{number}", source.path)));
    }
    report("only host/src/wasm names wasmtime", &broken);
}

#[test]
fn nothing_prints_but_the_console() {
    let mut broken = Vec::new();
    for source in sources() {
        let allowed = [
            "host/src/cli/",
            "host/build.rs",
            "tests/",
            "host/ring/benches/",
            "host/ring/examples/",
        ];
        if allowed.iter().any(|prefix| source.path.starts_with(prefix))
            || source.path.contains("/benches/")
            || source.path.contains("/examples/")
            || source.path.contains("/tests/")
        {
            continue;
        }
        let lines = code(&source).filter(|(_, line)| {
            ["println!(", "print!(", "dbg!("]
                .iter()
                .any(|word| line.contains(word))
        });
        broken.extend(lines.map(|(number, _)| format!("{}:{number}", source.path)));
    }
    report("no println! outside of the console", &broken);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut broken = Vec::new();
    for source in sources()
        .into_iter()
        .filter(|source| !source.path.ends_with("tidy.rs"))
    {
        let words = ["todo!(", "unimplemented!(", "#[ignore", "::*;"];
        let lines = code(&source).filter(|(_, line)| {
            words.iter().any(|word| line.contains(word)) && !line.contains("pub(crate) use")
        });
        broken.extend(
            lines.map(|(number, line)| format!("{}:{number} {}", source.path, line.trim())),
        );
    }
    report(
        "no todo!, no unimplemented!, no ignored tests, no glob imports (a module may re-export its parts)",
        &broken,
    );
}

#[test]
fn the_data_path_does_not_unwrap() {
    let mut broken = Vec::new();
    for source in sources() {
        let data_path = ["host/ring/src/", "host/kernel/src/", "host/src/wasm/"];
        if !data_path
            .iter()
            .any(|prefix| source.path.starts_with(prefix))
            || source.path.contains("tests")
        {
            continue;
        }
        let lines = code(&source).filter(|(_, line)| line.contains(".unwrap()"));
        broken.extend(lines.map(|(number, _)| format!("{}:{number}", source.path)));
    }
    report("no unwrap on the data path", &broken);
}

#[test]
fn files_hold_one_idea() {
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|source| {
            source.text.lines().count() > LINES_MAX && !LONG_FILES.contains(&source.path.as_str())
        })
        .map(|source| format!("{} ({} lines)", source.path, source.text.lines().count()))
        .collect();
    report("a file of more than 500 lines is a question", &broken);
}

#[test]
fn crates_depend_downwards() {
    let allowed: &[(&str, &[&str])] = &[
        ("guest-sdk/abi", &[]),
        ("host/ring", &[]),
        ("host/kernel", &["okernel-abi", "okernel-ring"]),
        ("guest-sdk", &["okernel-abi", "okernel-macros"]),
        ("shell", &["okernel-abi", "okernel-sdk"]),
        (
            "host",
            &[
                "okernel-abi",
                "okernel-ring",
                "okernel-core",
                "okernel-tests",
                "okernel-sdk",
                "okernel-shell",
            ],
        ),
    ];
    let mut broken = Vec::new();
    for (folder, names) in allowed {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let dependencies = manifest.lines().filter(|line| line.starts_with("okernel-"));
        for line in dependencies {
            let name = line.split(['.', ' ', '=']).next().unwrap_or("");
            if !names.contains(&name) {
                broken.push(format!("{folder} depends on {name}"));
            }
        }
    }
    report("crates depend downwards", &broken);
}

/// What the promises of `docs/security.md` stand on: every test, guest and file that it names exists.
#[test]
fn promises_name_their_tests() {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let sources = sources();
    let guests = root().join("tests/guests");
    let named = text.split('`').skip(1).step_by(2);
    let exists = |name: &str| {
        if name.contains('/') {
            return root().join(name).exists();
        }
        if name.ends_with(".rs") {
            return sources.iter().any(|source| source.path.ends_with(name));
        }
        let stem = name.trim_end_matches(['.', '*']);
        let is_guest = fs::read_dir(&guests).unwrap().any(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(stem)
        });
        is_guest
            || sources
                .iter()
                .any(|source| source.text.contains(&format!("fn {stem}")))
    };
    let broken: Vec<String> = named
        .filter(|name| name.contains(['_', '/']) && !name.contains(' '))
        .filter(|name| !exists(name))
        .map(str::to_string)
        .collect();
    report("named in docs/security.md, and not there", &broken);
}

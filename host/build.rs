//! Compiles the guests (the shell and the example tasks) to WebAssembly and embeds them, together
//! with the sources of the SDK that `okernel new` hands out.
//!
//! The guests have a target folder of their own (`guests` beside the profiles), so that every
//! profile of the host uses the same modules. A missing Wasm target is added with rustup; where
//! that fails, one line names the command.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-unknown-unknown";
/// A guest may use the vector instructions that every engine of ours has. Its short loops are unrolled: the engine
/// checks at the end of each round whether the task's turn is over.
const GUEST_RUSTFLAGS: [&str; 3] = [
    "-Ctarget-feature=+simd128",
    "-Cllvm-args=-unroll-runtime",
    "-Cllvm-args=-unroll-partial-threshold=300",
];
/// The entry points of a guest, for guests that are binaries.
const ENTRY_POINTS: [&str; 6] = ["init", "exec", "poll", "finalize", "save", "restore"];

fn main() {
    if let Err(message) = embed() {
        eprintln!("error: {message}");
        std::process::exit(1);
    }
}

fn embed() -> Result<(), String> {
    let root = path_of("CARGO_MANIFEST_DIR")?
        .parent()
        .ok_or("the host's folder has no parent")?
        .to_path_buf();
    let out = path_of("OUT_DIR")?;
    for watched in ["guest-sdk", "shell", "tasks", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    add_target()?;
    let tasks = folders(&root.join("tasks"))?;
    let guests_target = out
        .ancestors()
        .nth(4)
        .ok_or("OUT_DIR is not inside of a target folder")?
        .join("guests");
    compile(&root, &guests_target, &tasks)?;
    let built = guests_target.join(TARGET).join("guest");
    let mut modules = vec![("shell".to_string(), built.join("okernel-shell.wasm"))];
    for task in tasks {
        let file = format!("{}.wasm", task.replace('-', "_"));
        modules.push((task, built.join(file)));
    }
    write_modules(&out, &modules)?;
    write_sdk(&root, &out)
}

fn path_of(variable: &str) -> Result<PathBuf, String> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or(format!("cargo did not set {variable}"))
}

/// Names of the folders of `parent` that hold a crate, sorted.
fn folders(parent: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Makes sure that the standard library for the target is there.
fn add_target() -> Result<(), String> {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let sysroot = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|error| format!("rustc does not run: {error}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib")
        .is_dir()
    {
        return Ok(());
    }
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!(
            "the {TARGET} target is missing: run 'rustup target add {TARGET}'"
        )),
    }
}

fn compile(root: &Path, target_dir: &Path, tasks: &[String]) -> Result<(), String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    // The guests' build is a build of its own: nothing of the outer one's wrappers and flags.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let outer = text.starts_with("CARGO") || text.starts_with("RUST");
        let kept = [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
        ];
        if outer && !kept.contains(&text.as_ref()) {
            cargo.env_remove(&name);
        }
    }
    let mut flags: Vec<String> = GUEST_RUSTFLAGS.map(String::from).to_vec();
    flags.extend(ENTRY_POINTS.map(|name| format!("-Clink-arg=--export-if-defined={name}")));
    cargo
        .current_dir(root)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .args([
            "build",
            "--profile",
            "guest",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(target_dir)
        .args(["-p", "okernel-shell"]);
    for task in tasks {
        // By its folder: a name alone may be that of a dependency too.
        let folder = root.join("tasks").join(task);
        cargo.args(["-p", &format!("path+file://{}", folder.display())]);
    }
    let output = cargo
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "the guests do not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

fn write_modules(out: &Path, modules: &[(String, PathBuf)]) -> Result<(), String> {
    let mut table = String::from("&[\n");
    for (name, path) in modules {
        let copy = out.join(format!("{name}.wasm"));
        fs::copy(path, &copy).map_err(|error| format!("{}: {error}", path.display()))?;
        let _ = writeln!(table, "    ({name:?}, include_bytes!({copy:?})),");
    }
    table.push_str("]\n");
    fs::write(out.join("modules.rs"), table).map_err(|error| error.to_string())
}

/// The sources that a task crate depends on, as (path below `guest-sdk`, text).
fn write_sdk(root: &Path, out: &Path) -> Result<(), String> {
    let sdk = root.join("guest-sdk");
    let mut files = Vec::new();
    let mut pending = vec![sdk.clone()];
    while let Some(folder) = pending.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| error.to_string())?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let hidden = path
                .file_name()
                .and_then(OsStr::to_str)
                .is_none_or(|n| n.starts_with('.'));
            if path.is_dir() && !hidden && path.file_name() != Some(OsStr::new("tests")) {
                pending.push(path);
            } else if matches!(
                path.extension().and_then(OsStr::to_str),
                Some("rs" | "toml" | "md")
            ) {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut table = String::from("&[\n");
    for path in files {
        let name = path.strip_prefix(&sdk).map_err(|error| error.to_string())?;
        let _ = writeln!(
            table,
            "    ({:?}, include_str!({path:?})),",
            name.display().to_string()
        );
    }
    table.push_str("]\n");
    fs::write(out.join("sdk.rs"), table).map_err(|error| error.to_string())
}

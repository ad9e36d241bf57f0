//! `okernel build DIR [-o FILE.wasm]`: compiles a task crate to a module.
//!
//! Cargo does the work; this verb chooses the target and the flags, finds the module among what
//! cargo made, and checks that it is one that this kernel takes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};

use crate::console::progress::Progress;

const TARGET: &str = "wasm32-unknown-unknown";

/// What `build` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the task crate
    dir: PathBuf,
    /// Where the module goes; the default is the crate's name with .wasm, in the current folder
    #[arg(short, long, value_name = "FILE.wasm")]
    output: Option<PathBuf>,
    /// Keep debug information, so that the backtrace of a failed task names lines of its sources
    #[arg(long)]
    debug: bool,
}

/// What the module says of its sources.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DebugInfo {
    /// Files and lines.
    Lines,
    /// What the profile of the crate has, usually nothing.
    AsTheCrateSays,
}

/// Builds the crate and copies the module.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let manifest = args.dir.join("Cargo.toml");
    if !manifest.is_file() {
        bail!(
            "build: {} is not there: name the folder of a task crate",
            manifest.display()
        );
    }
    let progress = Progress::begin(format!("reading {}", manifest.display()));
    check(&args.dir)?;
    drop(progress);
    let info = if args.debug {
        DebugInfo::Lines
    } else {
        DebugInfo::AsTheCrateSays
    };
    let built = compile(&args.dir, info)?;
    let name = built.file_name().unwrap_or(OsStr::new("task.wasm"));
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(name));
    let bytes = std::fs::read(&built).with_context(|| format!("build: {}", built.display()))?;
    crate::wasm::inspect::inspect(&bytes)
        .with_context(|| format!("build: {}", built.display()))?
        .check()
        .with_context(|| format!("build: {}", built.display()))?;
    std::fs::write(&output, &bytes)
        .with_context(|| format!("build: cannot write {}", output.display()))?;
    eprintln!("wrote {} ({} bytes)", output.display(), bytes.len());
    Ok(ExitCode::SUCCESS)
}

/// Asks cargo, before anything is compiled, whether the folder's package makes a module.
fn check(dir: &Path) -> anyhow::Result<()> {
    let output = Command::new("cargo")
        .current_dir(dir)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("build: cargo does not run: install Rust with rustup")?;
    let shown = dir.display();
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("build: {shown}: {}", text.trim());
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("build: cargo metadata")?;
    let manifest = dir.join("Cargo.toml").canonicalize()?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages
        .into_iter()
        .find(|package| package["manifest_path"].as_str().map(Path::new) == Some(&manifest));
    let Some(package) = package else {
        bail!("build: {shown} is a workspace, not a crate: name the folder of a task crate");
    };
    let targets = package["targets"].as_array().into_iter().flatten();
    let makes_module = targets
        .flat_map(|target| target["crate_types"].as_array().into_iter().flatten())
        .any(|kind| kind == "cdylib");
    if !makes_module {
        bail!(
            "build: {shown} is no task: its Cargo.toml needs [lib] crate-type = [\"cdylib\"] \
             ('okernel new' writes a task crate)"
        );
    }
    Ok(())
}

/// Runs cargo; answers the module that it made.
fn compile(dir: &Path, info: DebugInfo) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    if info == DebugInfo::Lines {
        cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
        cargo.env("CARGO_PROFILE_RELEASE_STRIP", "none");
    }
    let output = cargo
        .current_dir(dir)
        .args(["build", "--release", "--lib", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("build: cargo does not run: install Rust with rustup")?;
    if !output.status.success() {
        bail!(
            "build: cargo failed; if the {TARGET} target is missing, run 'rustup target add {TARGET}'"
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // What is linked comes last.
    let module = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| {
            let files = message["filenames"].as_array()?.clone();
            files
                .iter()
                .filter_map(|file| file.as_str())
                .find(|f| f.ends_with(".wasm"))
                .map(PathBuf::from)
        })
        .next_back();
    module.with_context(|| {
        format!(
            "build: {} makes no module: its Cargo.toml needs [lib] crate-type = [\"cdylib\"]",
            dir.display()
        )
    })
}

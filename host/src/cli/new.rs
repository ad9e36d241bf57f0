//! `okernel new NAME`: writes a task crate that builds, tests and runs.
//!
//! The SDK is not a package of a registry: its sources travel inside this program and are written
//! beside the task, so that the crate is whole wherever it is taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

/// The SDK's sources: path below the crate's `sdk` folder, text.
const SDK: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
const MANIFEST: &str = include_str!("new/Cargo.toml.in");
const SOURCE: &str = include_str!("new/lib.rs.in");
const CARGO_CONFIG: &str = include_str!("new/config.toml.in");

/// What `new` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Name of the task: letters, digits, '-' and '_', beginning with a letter; its last part if a path is given
    name: PathBuf,
}

/// Writes the crate.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = &args.name;
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if !is_crate_name(name) {
        bail!(
            "new: '{}' is not a name for a task: use letters, digits, '-' and '_', beginning with a letter",
            folder.display()
        );
    }
    if folder.exists() {
        bail!(
            "new: {} is there already: choose another name or remove it",
            folder.display()
        );
    }
    write(&folder.join("Cargo.toml"), &MANIFEST.replace("NAME", name))?;
    write(&folder.join("src/lib.rs"), &SOURCE.replace("NAME", name))?;
    write(&folder.join(".cargo/config.toml"), CARGO_CONFIG)?;
    write(&folder.join(".gitignore"), "target/\n*.wasm\n")?;
    for (path, text) in SDK {
        write(&folder.join("sdk").join(path), text)?;
    }
    eprintln!(
        "wrote {0}\nnext: okernel build {0} -o {1}.wasm",
        folder.display(),
        name
    );
    Ok(ExitCode::SUCCESS)
}

fn is_crate_name(name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(part)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("new: cannot make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("new: cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::is_crate_name;

    #[test]
    fn names_of_crates() {
        for good in ["a", "my-task", "my_task2"] {
            assert!(is_crate_name(good), "{good}");
        }
        for bad in ["", "2fast", "-x", "a b", "ä", "a/b"] {
            assert!(!is_crate_name(bad), "{bad}");
        }
    }
}

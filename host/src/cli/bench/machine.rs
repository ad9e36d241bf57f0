//! A kernel inside of this process that a bench fills and asks by itself, without a shell.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use anyhow::{Context, anyhow, bail};
use okernel_abi::value::Value;
use okernel_core::{BootError, Control, Kernel, Status};

use crate::boot::{self, Class, Load};

/// A running kernel. Dropping it halts it.
pub struct Running {
    control: Control,
    thread: Option<JoinHandle<Result<Status, BootError>>>,
}

impl Running {
    /// Runs a kernel on a thread.
    pub fn start(kernel: Kernel) -> Running {
        let control = kernel.control();
        let thread = thread::spawn(move || kernel.run());
        Running {
            control,
            thread: Some(thread),
        }
    }

    /// As [`Running::start`], of a kernel whose log is not written: that of tasks that fail on purpose.
    pub fn start_quiet(kernel: Kernel) -> Running {
        let control = kernel.control();
        let quiet = tracing::subscriber::NoSubscriber::default();
        let work = move || tracing::subscriber::with_default(quiet, || kernel.run());
        Running {
            control,
            thread: Some(thread::spawn(work)),
        }
    }

    /// Makes a request and waits for its answer.
    ///
    /// # Errors
    /// It was refused.
    pub fn request(&self, request: Vec<Value>) -> anyhow::Result<Value> {
        let (tell, told) = channel();
        let answer = move |value| {
            // The receiver waits below.
            let _ = tell.send(value);
        };
        self.control.request(Value::List(request), answer);
        match told.recv().context("bench: the kernel has ended")? {
            Value::Error(text) => bail!("bench: {text}"),
            value => Ok(value),
        }
    }

    /// The numbers of a column of a table: `ps`, `cores`.
    ///
    /// # Errors
    /// There is no such table, or no such column of numbers.
    pub fn column(&self, table: &str, name: &str) -> anyhow::Result<Vec<f64>> {
        let value = self.request(vec![Value::Symbol(table.to_string())])?;
        column(&value, name)
    }
}

/// The numbers of a column of a table.
///
/// # Errors
/// It has no such column of numbers.
pub fn column(table: &Value, name: &str) -> anyhow::Result<Vec<f64>> {
    match values(table, name)? {
        Value::Ints(ints) => Ok(ints.iter().map(|int| *int as f64).collect()),
        Value::Floats(floats) => Ok(floats.clone()),
        other => Err(anyhow!("bench: the column {name} is {other:?}")),
    }
}

/// The symbols of a column of a table.
///
/// # Errors
/// It has no such column of symbols.
pub fn names<'a>(table: &'a Value, name: &str) -> anyhow::Result<&'a [String]> {
    match values(table, name)? {
        Value::Symbols(symbols) => Ok(symbols),
        other => Err(anyhow!("bench: the column {name} is {other:?}")),
    }
}

fn values<'a>(table: &'a Value, name: &str) -> anyhow::Result<&'a Value> {
    if let Value::Table(parts) = table
        && let (Value::Symbols(names), Value::List(columns)) = &**parts
        && let Some(at) = names.iter().position(|known| known == name)
        && let Some(values) = columns.get(at)
    {
        return Ok(values);
    }
    bail!("bench: a table without the column {name}")
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.halt(0);
        if let Some(thread) = self.thread.take() {
            // What it ended with concerns nobody: its bench is over.
            drop(thread.join());
        }
    }
}

/// An embedded module as a file, to be loaded in another class; removed when dropped.
pub struct ModuleFile {
    path: PathBuf,
}

impl ModuleFile {
    /// Writes the module to a file in the temporary folder.
    ///
    /// # Errors
    /// There is no such module, or it cannot be written.
    pub fn write(name: &str) -> anyhow::Result<ModuleFile> {
        let wasm = boot::embedded_module(name)
            .with_context(|| format!("bench: there is no module {name}"))?;
        ModuleFile::of(name, wasm)
    }

    /// Writes these bytes likewise.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn of(name: &str, wasm: &[u8]) -> anyhow::Result<ModuleFile> {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let file = format!("okernel-bench-{}-{number}-{name}.wasm", std::process::id());
        let path = std::env::temp_dir().join(file);
        fs::write(&path, wasm)
            .with_context(|| format!("bench: {} cannot be written", path.display()))?;
        Ok(ModuleFile { path })
    }

    /// The order to load it in this class.
    pub fn load(&self, name: &str, class: Class) -> Load {
        Load {
            name: name.to_string(),
            path: self.path.clone(),
            class,
        }
    }

    /// Where it is, as text.
    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

impl Drop for ModuleFile {
    fn drop(&mut self) {
        // What is left in the temporary folder is no failure of the bench.
        drop(fs::remove_file(&self.path));
    }
}

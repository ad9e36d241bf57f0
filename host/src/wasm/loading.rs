//! What comes before a module: its file's bytes, its name, and the thread on which it is compiled.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use okernel_core::aside;

use super::limits::{MODULE_BYTES_MAX, NAME_BYTES_MAX};
use super::module::ModuleError;
use super::registry::INTERPRETER;

/// Who is told the outcome of work that was done aside.
pub(super) type Done<T> = Box<dyn FnOnce(Result<T, String>) + Send>;

/// Does work on a thread that is no scheduler, and tells its outcome.
pub(super) fn work_aside<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
    done: Done<T>,
) {
    // The answer must not be lost when there is no thread.
    let done = Arc::new(Mutex::new(Some(done)));
    let theirs = Arc::clone(&done);
    if let Err(error) = aside::spawn(name, move || finish(&theirs, work())) {
        let text = format!("there is no thread to compile on: {error}");
        finish(&done, Err(text));
    }
}

fn finish<T>(done: &Mutex<Option<Done<T>>>, result: Result<T, String>) {
    let taken = done.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(done) = taken {
        done(result);
    }
}

/// The bytes of a file that is not too large to be a module.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut wasm = Vec::new();
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    // One byte more than allowed, so that a file that is too large is seen to be.
    let read = file
        .take(MODULE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut wasm);
    read.map_err(|error| format!("cannot be read: {error}"))?;
    Ok(wasm)
}

/// A module's name, if it may be given to a loaded one.
pub(super) fn checked_name(name: &str) -> Result<(), ModuleError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        let text = format!("a module's name has 1 to {NAME_BYTES_MAX} bytes");
        return Err(ModuleError::Name(text));
    }
    if name == INTERPRETER {
        let text = format!("the name {INTERPRETER} is the interpreter's");
        return Err(ModuleError::Name(text));
    }
    Ok(())
}

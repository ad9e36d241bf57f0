//! What was typed, kept between runs: in the user's state folder, readable by the user alone.

use std::env;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustyline::history::{FileHistory, History};

/// Inputs that are kept.
pub const ENTRIES_MAX: usize = 5000;

/// A longer input, pasted data most likely, is not kept.
const ENTRY_BYTES_MAX: usize = 16 << 10;

/// Where the history is: `$XDG_STATE_HOME/okernel/history`, or the same below `~/.local/state`.
fn path() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(env::home_dir()?.join(".local/state")))?;
    Some(state.join("okernel/history"))
}

/// The file of a history, once it was found usable.
#[derive(Debug)]
pub struct Kept(Option<PathBuf>);

impl Kept {
    /// Reads what was kept. Without a usable file nothing is kept; the log says why.
    pub fn load(history: &mut FileHistory) -> Kept {
        let Some(path) = path() else {
            tracing::debug!("no history: there is no home folder");
            return Kept(None);
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let loaded = made.and_then(|()| match history.load(&path) {
            Ok(()) => Ok(()),
            Err(rustyline::error::ReadlineError::Io(error)) => match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            },
            Err(error) => Err(io::Error::other(error)),
        });
        match loaded {
            Ok(()) => Kept(Some(path)),
            Err(error) => {
                tracing::warn!("no history: {}: {error}", path.display());
                Kept(None)
            }
        }
    }

    /// Adds an input, and keeps it.
    pub fn add(&mut self, history: &mut FileHistory, input: &str) {
        if input.trim().is_empty() || input.len() > ENTRY_BYTES_MAX {
            return;
        }
        let kept = match (history.add(input), &self.0) {
            (Ok(true), Some(path)) => history.append(path),
            _ => Ok(()),
        };
        if let Err(error) = kept {
            let path = self.0.take().unwrap_or_default();
            tracing::warn!("no more history: {}: {error}", path.display());
        }
    }
}

//! What a core has done aside, on threads that are no schedulers: loads, files.
//!
//! Each errand ends with a post to the core that asked for it, which then answers whoever asked the core.

use crate::aside;
use crate::core::Core;
use crate::files::Writing;
use crate::inbox::{Asker, Post};
use crate::limits::READ_BYTES_MAX;
use crate::message::Message;
use crate::program::Class;
use crate::refusal::Refusal;
use okernel_abi::Errno;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Core {
    /// Compiles a module aside.
    pub(crate) fn load(&mut self, asker: Asker, name: &str, path: &Path, class: Class) {
        let signal = Arc::clone(&self.signal);
        let done = Box::new(move |result| signal.post(Post::Loaded { asker, result }));
        self.shared.modules.load(name, path, class, done);
    }

    /// Reads a file aside; a slow disk holds no core up.
    pub(crate) fn read(&mut self, asker: Asker, path: PathBuf) {
        let signal = Arc::clone(&self.signal);
        let reader = aside::spawn("okernel-read", move || {
            let result = read_file(&path);
            signal.post(Post::Read { asker, result });
        });
        if let Err(error) = reader {
            let text = format!("read: no thread: {error}");
            self.answer(asker, Message::Error(Refusal::new(Errno::Io, text)));
        }
    }

    /// Writes a file aside.
    pub(crate) fn write(&mut self, asker: Asker, writing: Writing) {
        let signal = Arc::clone(&self.signal);
        let writer = aside::spawn("okernel-write", move || {
            let result = writing.carry_out();
            signal.post(Post::Wrote { asker, result });
        });
        if let Err(error) = writer {
            let text = format!("write: no thread: {error}");
            self.answer(asker, Message::Error(Refusal::new(Errno::Io, text)));
        }
    }
}

/// The bytes of a file that is not too large to be a value.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let failed = |error: std::io::Error| format!("cannot read {shown}: {error}");
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > READ_BYTES_MAX {
        return Err(format!(
            "cannot read {shown}: larger than {READ_BYTES_MAX} bytes"
        ));
    }
    Ok(bytes)
}

//! Files that appear under their name only when they are complete.
//!
//! What is written is written beside, under a name of this process's own, and then published under the right one: by a
//! rename, or by a link where what is there already must stay. Whoever reads meanwhile finds the old file or the new
//! one, and never half of it.
//!
//! Invariant: nothing is written through a file or link that somebody else has put in the way.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The end of the names of what is still being written.
pub(super) const TEMPORARY_SUFFIX: &str = "tmp";

/// Writes a file beside `path`, with this mode less the process's mask, then calls `publish` with its path.
///
/// # Errors
/// It cannot be written, or not be published; nothing is left then.
pub fn write_beside(
    path: &Path,
    mode: u32,
    parts: &[&[u8]],
    publish: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}-{number}.{TEMPORARY_SUFFIX}", std::process::id());
    let temporary = path.with_file_name(name);
    // A process that died with our number may have left its file.
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)?;
    let written = parts.iter().try_for_each(|part| file.write_all(part));
    let published = written.and_then(|()| publish(&temporary));
    if published.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    published
}

#[cfg(test)]
mod tests {
    use super::write_beside;
    use std::fs;
    use std::io;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_there_when_it_is_complete_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let refused = write_beside(&path, 0o600, &[b"one"], |temporary| {
            assert_eq!(fs::read(temporary).unwrap(), b"one");
            Err(io::Error::other("on purpose"))
        });
        assert!(refused.is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let publish = |temporary: &std::path::Path| fs::rename(temporary, &path);
        write_beside(&path, 0o600, &[b"one", b"two"], publish).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onetwo");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

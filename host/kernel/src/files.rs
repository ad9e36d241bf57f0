//! Files: granted to tasks, and written whole for those who may make every request.
//!
//! A granted file is opened when the task is spawned, so that a path that is wrong is the spawner's
//! error and a file that is moved later stays the one that was meant.

use okernel_abi::Errno;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What may be done with a file.
pub use okernel_abi::want::FileUse as Access;

/// A file that a task may read, and perhaps write.
#[derive(Debug)]
pub struct FileGrant {
    file: File,
    path: PathBuf,
    access: Access,
}

impl FileGrant {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// One line that says what is wrong with which path.
    pub fn open(path: &Path) -> Result<FileGrant, String> {
        FileGrant::open_for(path, Access::Read)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// One line that says what is wrong with which path.
    pub fn open_for(path: &Path, access: Access) -> Result<FileGrant, String> {
        let shown = path.display();
        let mut options = OpenOptions::new();
        options.read(true);
        match access {
            Access::Read => {}
            Access::Write => {
                options.write(true).create(true).truncate(false);
            }
            Access::Append => {
                options.append(true).create(true);
            }
        }
        let file = open_at_once(&mut options, path)
            .map_err(|error| format!("cannot open {shown}: {error}"))?;
        match kind(&file).map_err(|error| format!("cannot read {shown}: {error}"))? {
            FileType::Directory => Err(format!("cannot read {shown}: it is a directory")),
            FileType::Fifo => Err(format!(
                "cannot read {shown}: it is a pipe, which has no positions; a selector appends to one"
            )),
            _ => Ok(()),
        }?;
        Ok(FileGrant {
            file,
            path: path.to_path_buf(),
            access,
        })
    }

    /// The open file; read and write it with positions (`read_at`), other tasks may hold it too. A file
    /// for appending is written at its end whatever the position.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The file, to write to it.
    ///
    /// # Errors
    /// NotGranted when it may only be read.
    pub fn writable(&self) -> Result<&File, Errno> {
        match self.access {
            Access::Read => Err(Errno::NotGranted),
            Access::Write | Access::Append => Ok(&self.file),
        }
    }

    /// Changes the file's length.
    ///
    /// # Errors
    /// NotGranted when it may only be read or appended to, and what the operating system says.
    pub fn resize(&self, bytes: u64) -> Result<(), Errno> {
        match self.access {
            Access::Write => self
                .file
                .set_len(bytes)
                .map_err(|error| write_errno(&error)),
            Access::Read | Access::Append => Err(Errno::NotGranted),
        }
    }

    /// The same open file, to be read only.
    ///
    /// # Errors
    /// One line that says what is wrong with which path.
    pub fn read_only(&self) -> Result<FileGrant, String> {
        let shown = self.path.display();
        let file = self.file.try_clone();
        Ok(FileGrant {
            file: file.map_err(|error| format!("cannot open {shown} again: {error}"))?,
            path: self.path.clone(),
            access: Access::Read,
        })
    }

    /// What may be done with it.
    pub fn access(&self) -> Access {
        self.access
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Opens a file without waiting: a pipe would otherwise hold its opener up until somebody opens its other end.
/// Later reads and writes wait as usual.
///
/// # Errors
/// As for every opening; a pipe that nobody reads cannot be opened for writing.
pub(crate) fn open_at_once(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// What kind of file this is.
pub(crate) fn kind(file: &File) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode))
}

/// What a task is told when a write fails.
pub fn write_errno(error: &io::Error) -> Errno {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Errno::NoSpace
        }
        _ => Errno::Io,
    }
}

/// A file that is to be written in one go.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Writing {
    pub(crate) path: PathBuf,
    /// Append adds at the end; Write replaces what is there.
    pub(crate) access: Access,
    pub(crate) bytes: Vec<u8>,
}

impl Writing {
    /// Writes.
    ///
    /// # Errors
    /// One line that says what is wrong with which path; a part may have been written.
    pub(crate) fn carry_out(&self) -> Result<(), String> {
        let shown = self.path.display();
        let failed = |error: io::Error| format!("cannot write {shown}: {error}");
        let mut options = OpenOptions::new();
        match self.access {
            Access::Append => options.append(true).create(true),
            _ => options.write(true).create(true).truncate(true),
        };
        let mut file = options.open(&self.path).map_err(failed)?;
        file.write_all(&self.bytes).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, FileGrant, Writing, write_errno};
    use okernel_abi::Errno;
    use rustix::fs::{CWD, Mode};
    use std::io::{Error, ErrorKind};
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_pipe_is_refused_at_once() {
        let path = std::env::temp_dir().join(format!("okernel-pipe-{}", std::process::id()));
        rustix::fs::mkfifoat(CWD, &path, Mode::from(0o600)).unwrap();
        for access in [Access::Read, Access::Write, Access::Append] {
            let refused = FileGrant::open_for(&path, access).unwrap_err();
            assert!(refused.contains("it is a pipe"), "{refused}");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_grant_allows_what_it_says() {
        let folder = std::env::temp_dir().join(format!("okernel-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("file");
        assert!(FileGrant::open(&path).unwrap_err().contains("cannot open"));
        let grant = |access| FileGrant::open_for(&path, access).unwrap();
        let writer = grant(Access::Write);
        writer
            .writable()
            .unwrap()
            .write_all_at(b"some text", 0)
            .unwrap();
        writer.resize(4).unwrap();
        let log = grant(Access::Append);
        log.writable().unwrap().write_all_at(b"times", 0).unwrap();
        assert_eq!(log.resize(0), Err(Errno::NotGranted));
        assert_eq!(std::fs::read(&path).unwrap(), b"sometimes");
        let reader = grant(Access::Read);
        assert_eq!(reader.writable().unwrap_err(), Errno::NotGranted);
        assert_eq!(reader.resize(0), Err(Errno::NotGranted));
        let reduced = writer.read_only().unwrap();
        assert_eq!(reduced.writable().unwrap_err(), Errno::NotGranted);
        assert_eq!(reduced.file().metadata().unwrap().len(), 9);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_full_device_is_told_from_other_failures() {
        let full = Error::from(ErrorKind::StorageFull);
        assert_eq!(write_errno(&full), Errno::NoSpace);
        let other = Error::from(ErrorKind::PermissionDenied);
        assert_eq!(write_errno(&other), Errno::Io);
        let full = Writing {
            path: "/dev/full".into(),
            access: Access::Write,
            bytes: vec![0; 10],
        };
        assert!(full.carry_out().unwrap_err().contains("No space left"));
    }
}

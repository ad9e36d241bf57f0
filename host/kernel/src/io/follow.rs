//! Reading a file as a selector: to its end, or for ever, as others write to it.
//!
//! A thread aside reads, one piece for each permit, so that a slow disk holds no core up and a slow reader of
//! the ring stops the reading. A file that is followed is watched (inotify), not looked at again and again.
//! When it is cut short or another file takes its place, its connection is closed with that reason and a
//! new one is opened: nobody mistakes the new bytes for more of the old ones.

use crate::aside;
use crate::io::file::{Piece, failed};
use crate::io::link::Link;
use crate::io::select::SelectorEntry;
use crate::io::selector::{Door, Effect, Effects, Notice, Ready, Selector};
use crate::io::target::Mode;
use mio::Interest;
use mio::unix::SourceFd;
use okernel_abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_END, FRAME_OPEN};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Permits the reader to read one piece.
struct Permit;

/// Whether the reader is at work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    /// And the file has changed since.
    Outdated,
    No,
    /// There is nothing more until the file changes.
    AtEnd,
}

/// The selector.
pub(crate) struct FileReader {
    link: Link,
    _entry: SelectorEntry,
    path: PathBuf,
    mode: Mode,
    piece_bytes: usize,
    file: Option<File>,
    watch: Option<OwnedFd>,
    permits: Option<Sender<Permit>>,
    asked: Asked,
    /// The number of the connection: which file it is.
    number: u64,
    /// Frames for which there was no room yet.
    outbox: VecDeque<(u32, u64, Vec<u8>)>,
    /// Set when the last frame is in the outbox.
    over: Option<String>,
}

impl FileReader {
    pub(crate) fn new(
        file: File,
        path: PathBuf,
        mode: Mode,
        piece_bytes: usize,
        link: Link,
        entry: SelectorEntry,
    ) -> FileReader {
        FileReader {
            link,
            _entry: entry,
            path,
            mode,
            piece_bytes,
            file: Some(file),
            watch: None,
            permits: None,
            asked: Asked::No,
            number: 1,
            outbox: VecDeque::new(),
            over: None,
        }
    }

    fn turn(&mut self, effects: &mut Effects<'_>) {
        if self.link.is_deserted() {
            return effects.push(Effect::Remove);
        }
        while let Some((kind, number, bytes)) = self.outbox.front() {
            if self.link.send(*kind, *number, bytes, effects).is_err() {
                return;
            }
            self.outbox.pop_front();
        }
        if self.over.is_some() {
            return effects.push(Effect::Remove);
        }
        if self.asked == Asked::No && self.link.reserve(self.piece_bytes, effects).is_ok() {
            self.asked = Asked::Yes;
            if let Some(permits) = &self.permits {
                // The reader lives as long as its permits.
                let _ = permits.send(Permit);
            }
        }
    }

    fn push(&mut self, kind: u32, bytes: impl Into<Vec<u8>>) {
        self.outbox.push_back((kind, self.number, bytes.into()));
    }

    fn open(&mut self) {
        let path = self.path.display().to_string();
        self.push(FRAME_OPEN, path);
        self.link.stats.opened.add(1);
        self.link.stats.connections.set(1);
    }

    fn close(&mut self, why: &str) {
        self.push(FRAME_CLOSE, why);
        self.link.stats.connections.set(0);
    }

    fn read(&mut self, piece: Piece) {
        let asked = std::mem::replace(&mut self.asked, Asked::No);
        match piece {
            Piece::Bytes(bytes) => self.push(FRAME_DATA, bytes),
            Piece::End if self.mode == Mode::Read => {
                self.push(FRAME_END, "");
                self.close("end of the file");
                self.over = Some("end of the file".to_string());
            }
            Piece::End if asked == Asked::Outdated => {}
            Piece::End => self.asked = Asked::AtEnd,
            Piece::Truncated => self.begin_anew("truncated"),
            Piece::Replaced => {
                self.begin_anew("replaced");
                if let Some(watch) = &self.watch {
                    // What cannot be watched is seen by the watch on its folder, if later.
                    let _ = add_watch(watch, &self.path, file_events());
                }
            }
            Piece::Failed(why) => {
                self.close(&why);
                self.over = Some(why);
            }
        }
    }

    fn begin_anew(&mut self, why: &str) {
        self.close(why);
        self.number += 1;
        self.open();
    }
}

impl Selector for FileReader {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        let Some(mut file) = self.file.take() else {
            return Err(io::Error::other("the file is not open"));
        };
        if self.mode == Mode::Tail {
            file.seek(SeekFrom::End(0))?;
        }
        if self.mode != Mode::Read {
            let watch = watch(&self.path)?;
            effects.registry().register(
                &mut SourceFd(&watch.as_raw_fd()),
                effects.token(0),
                Interest::READABLE,
            )?;
            self.watch = Some(watch);
        }
        let offset = file.stream_position()?;
        let reading = Reading {
            path: self.path.clone(),
            file,
            offset,
            mode: self.mode,
            piece_bytes: self.piece_bytes,
        };
        let (permits, permitted) = channel();
        let door = effects.door();
        aside::spawn("okernel-file", move || {
            read_pieces(reading, &permitted, &door)
        })?;
        self.permits = Some(permits);
        self.open();
        self.turn(effects);
        Ok(())
    }

    fn ready(&mut self, ready: Ready<'_>, effects: &mut Effects<'_>) {
        if let (Ready::Event(..), Some(watch)) = (ready, &self.watch) {
            let mut events = [0; 4096];
            while rustix::io::read(watch, &mut events).is_ok_and(|count| count > 0) {}
            self.asked = match self.asked {
                Asked::Yes | Asked::Outdated => Asked::Outdated,
                Asked::No | Asked::AtEnd => Asked::No,
            };
        }
        self.turn(effects);
    }

    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        if let Notice::File(piece) = notice {
            self.read(piece);
            self.turn(effects);
        }
    }

    fn finalise(&mut self, effects: &mut Effects<'_>) {
        if let Some(watch) = self.watch.take() {
            let _ = effects
                .registry()
                .deregister(&mut SourceFd(&watch.as_raw_fd()));
        }
        if self.over.is_none() {
            self.close("dropped");
        }
        self.over = Some("dropped".to_string());
        self.turn(effects);
    }
}

fn file_events() -> WatchFlags {
    WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF
}

/// Watches a file, and its folder for another file that takes its place.
fn watch(path: &Path) -> io::Result<OwnedFd> {
    let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    add_watch(&watch, path, file_events())?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let events = WatchFlags::CREATE | WatchFlags::MOVED_TO;
    add_watch(&watch, folder.unwrap_or(Path::new(".")), events)?;
    Ok(watch)
}

/// What the reader's thread has.
struct Reading {
    path: PathBuf,
    file: File,
    offset: u64,
    mode: Mode,
    piece_bytes: usize,
}

fn read_pieces(mut reading: Reading, permitted: &Receiver<Permit>, door: &Door) {
    while permitted.recv().is_ok() {
        let piece = reading.next();
        door.notice(Notice::File(piece));
    }
}

impl Reading {
    fn next(&mut self) -> Piece {
        let mut bytes = vec![0; self.piece_bytes];
        loop {
            match self.file.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => {
                    bytes.truncate(count);
                    self.offset += count as u64;
                    return Piece::Bytes(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return failed("read", &self.path, &error),
            }
        }
        if self.mode == Mode::Read {
            return Piece::End;
        }
        self.look_at_the_file()
            .unwrap_or_else(|error| failed("follow", &self.path, &error))
    }

    /// At the end of a file that is followed: whether it is still the one.
    fn look_at_the_file(&mut self) -> io::Result<Piece> {
        let held = self.file.metadata()?;
        if held.len() < self.offset {
            self.offset = self.file.seek(SeekFrom::Start(0))?;
            return Ok(Piece::Truncated);
        }
        let there = match std::fs::metadata(&self.path) {
            Ok(there) => there,
            // It was moved away; its successor is not there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Piece::End),
            Err(error) => return Err(error),
        };
        if (there.dev(), there.ino()) == (held.dev(), held.ino()) {
            return Ok(Piece::End);
        }
        match File::open(&self.path) {
            Ok(file) => {
                (self.file, self.offset) = (file, 0);
                Ok(Piece::Replaced)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Piece::End),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reading;
    use crate::io::file::Piece;
    use crate::io::target::Mode;
    use std::fs::{self, File};
    use std::io::Write;

    #[test]
    fn a_file_that_is_followed_grows_is_cut_and_is_replaced() {
        let folder = std::env::temp_dir().join(format!("okernel-follow-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("log");
        fs::write(&path, b"one").unwrap();
        let mut reading = Reading {
            path: path.clone(),
            file: File::open(&path).unwrap(),
            offset: 0,
            mode: Mode::Follow,
            piece_bytes: 4,
        };
        let bytes = |text: &[u8]| Piece::Bytes(text.to_vec());
        assert_eq!(
            (reading.next(), reading.next()),
            (bytes(b"one"), Piece::End)
        );
        let mut append = fs::OpenOptions::new().append(true).open(&path).unwrap();
        append.write_all(b"two three").unwrap();
        assert_eq!(
            (reading.next(), reading.next()),
            (bytes(b"two "), bytes(b"thre"))
        );
        fs::rename(&path, folder.join("log.1")).unwrap();
        append.write_all(b"!").unwrap();
        assert_eq!((reading.next(), reading.next()), (bytes(b"e!"), Piece::End));
        fs::write(&path, b"new").unwrap();
        assert_eq!(
            (reading.next(), reading.next()),
            (Piece::Replaced, bytes(b"new"))
        );
        fs::write(&path, b"x").unwrap();
        assert_eq!(
            (reading.next(), reading.next()),
            (Piece::Truncated, bytes(b"x"))
        );
        reading.mode = Mode::Read;
        assert_eq!(reading.next(), Piece::End);
        fs::remove_dir_all(&folder).unwrap();
    }
}

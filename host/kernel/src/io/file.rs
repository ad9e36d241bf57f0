//! Appending to a file as a selector: what comes over the ring is written by a thread aside.
//!
//! While a batch is being written the next one gathers, and no more is taken from the ring: a slow disk stops
//! whoever publishes, and nobody else. A failure (a full disk) closes with its reason.

use crate::aside;
use crate::io::link::{Link, NoCommand};
use crate::io::select::SelectorEntry;
use crate::io::selector::{Effect, Effects, Notice, Ready, Selector};
use okernel_abi::connection::{CLOSED_BY_TASK, FRAME_CLOSE, FRAME_DATA, FRAME_OPEN, FRAME_TEXT};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// Bytes that are gathered for one write.
const BATCH_BYTES: usize = 64 << 10;

/// The only connection of a file that is appended to.
const NUMBER: u64 = 1;

/// What a thread aside has done with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Bytes that were read, or all that were to be written (none).
    Bytes(Vec<u8>),
    /// There is nothing more, for now or at all.
    End,
    /// The file is shorter than what was read of it; reading begins anew.
    Truncated,
    /// Another file has taken its place; reading begins anew.
    Replaced,
    /// It cannot be read or written.
    Failed(String),
}

/// A failure with its file, in one line.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> Piece {
    Piece::Failed(format!("cannot {what} {}: {error}", path.display()))
}

/// Whether the writer is at work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Yes,
    No,
}

/// The selector.
pub(crate) struct FileAppender {
    link: Link,
    _entry: SelectorEntry,
    path: PathBuf,
    file: Option<File>,
    batches: Option<Sender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    writing: Writing,
    batch: Vec<u8>,
    /// Frames for which there was no room yet.
    news: Vec<(u32, String)>,
    over: Option<String>,
}

impl FileAppender {
    pub(crate) fn new(file: File, path: PathBuf, link: Link, entry: SelectorEntry) -> FileAppender {
        FileAppender {
            link,
            _entry: entry,
            path,
            file: Some(file),
            batches: None,
            writer: None,
            writing: Writing::No,
            batch: Vec::new(),
            news: Vec::new(),
            over: None,
        }
    }

    /// Gathers what has come, until there are so many bytes to be written.
    fn gather(&mut self, enough_bytes: usize, effects: &Effects<'_>) {
        while self.over.is_none() && self.batch.len() < enough_bytes {
            match self.link.recv(effects) {
                Ok(command) if command.connection > NUMBER => self.link.stats.ignored.add(1),
                Ok(command) => match command.kind {
                    FRAME_DATA | FRAME_TEXT => {
                        let bytes = self.link.bytes(command);
                        self.batch.extend_from_slice(bytes);
                        self.link.stats.out_bytes.add(bytes.len() as u64);
                    }
                    _ => self.over = Some(CLOSED_BY_TASK.to_string()),
                },
                Err(NoCommand::Empty) => return,
                Err(NoCommand::Over(why)) => self.over = Some(why),
            }
        }
    }

    /// Gathers what was published until now, and takes no more.
    fn gather_all(&mut self, effects: &Effects<'_>) {
        let all_bytes = self.batch.len() + self.link.waiting_bytes();
        self.gather(all_bytes, effects);
        self.over.get_or_insert("dropped".to_string());
    }

    fn turn(&mut self, effects: &mut Effects<'_>) {
        self.tell(effects);
        if self.writing == Writing::Yes {
            return;
        }
        self.gather(BATCH_BYTES, effects);
        if !self.batch.is_empty() {
            self.write();
        } else if self.over.is_some() {
            self.say_over();
            self.tell(effects);
            effects.push(Effect::Remove);
        }
        self.link.stats.queued_bytes.set(self.batch.len() as u64);
    }

    fn write(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if let Some(batches) = &self.batches {
            // The writer lives as long as its batches.
            let _ = batches.send(batch);
            self.writing = Writing::Yes;
        }
    }

    /// The close, once.
    fn say_over(&mut self) {
        if let Some(why) = &self.over
            && self.link.stats.connections.get() > 0
        {
            self.link.stats.connections.set(0);
            self.news.push((FRAME_CLOSE, why.clone()));
        }
    }

    /// Tells what there is to be told, as far as there is room: nobody has to read it.
    fn tell(&mut self, effects: &Effects<'_>) {
        while let Some((kind, text)) = self.news.first() {
            if self
                .link
                .send(*kind, NUMBER, text.as_bytes(), effects)
                .is_err()
            {
                return;
            }
            self.news.remove(0);
        }
    }
}

impl Selector for FileAppender {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        let Some(mut file) = self.file.take() else {
            return Err(io::Error::other("the file is not open"));
        };
        let (batches, todo) = channel::<Vec<u8>>();
        let (door, path) = (effects.door(), self.path.clone());
        self.writer = Some(aside::spawn("okernel-file", move || {
            while let Ok(batch) = todo.recv() {
                let piece = match file.write_all(&batch) {
                    Ok(()) => Piece::Bytes(Vec::new()),
                    Err(error) => failed("append to", &path, &error),
                };
                door.notice(Notice::File(piece));
            }
        })?);
        self.batches = Some(batches);
        self.news
            .push((FRAME_OPEN, self.path.display().to_string()));
        self.link.stats.opened.add(1);
        self.link.stats.connections.set(1);
        self.turn(effects);
        Ok(())
    }

    fn ready(&mut self, _: Ready<'_>, effects: &mut Effects<'_>) {
        self.turn(effects);
    }

    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        if let Notice::File(piece) = notice {
            self.writing = Writing::No;
            if let Piece::Failed(why) = piece {
                tracing::error!("{why}");
                self.batch.clear();
                self.over = Some(why);
            }
            self.turn(effects);
        }
    }

    /// Everything that was published until now is written before the file is let go; what comes later is not, or
    /// a publisher that goes on could hold it for ever.
    fn leave(&mut self, effects: &mut Effects<'_>) {
        self.gather_all(effects);
        self.turn(effects);
    }

    /// When the core halts, it waits for the writer. A selector that was dropped has nothing left to write.
    fn finalise(&mut self, effects: &mut Effects<'_>) {
        self.gather_all(effects);
        if !self.batch.is_empty() {
            self.write();
        }
        self.batches = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of {} panicked", self.path.display());
        }
        self.say_over();
        self.tell(effects);
    }
}

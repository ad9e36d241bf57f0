//! The console's output: a queue, and a thread that writes it.
//!
//! A slow or blocked stdout must never hold a core up, so the core only appends here and a thread
//! aside writes. Each piece is acknowledged to its sender when it is written; a task may have only
//! so many bytes on their way, and that bounds the queue.

use crate::aside;
use crate::inbox::{Asker, Post};
use crate::io::selector::Door;
use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Where output goes.
pub type Sink = Box<dyn Write + Send>;

/// Which of a console's two sinks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// What programs print: standard output.
    Out,
    /// What went wrong: standard error.
    Errors,
}

/// A console's sinks. One thread writes both, so that what is written keeps its order.
pub(crate) struct Sinks {
    pub(crate) out: Sink,
    pub(crate) errors: Sink,
}

struct Piece {
    stream: Stream,
    bytes: Vec<u8>,
    asker: Option<Asker>,
    /// Called when this piece and all before it are written.
    then: Option<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("stream", &self.stream)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<Piece>,
    closed: bool,
    health: Health,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// The core's end of the queue.
#[derive(Debug, Default)]
pub(crate) struct Output {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl Output {
    /// Starts the writer.
    pub(crate) fn start(sinks: Sinks, door: Door) -> std::io::Result<Output> {
        let shared = Arc::new(Shared::default());
        let queue = Arc::clone(&shared);
        let writer = aside::spawn("okernel-output", move || write_all(&queue, sinks, &door))?;
        Ok(Output {
            shared,
            writer: Some(writer),
        })
    }

    /// Appends; `asker` is told when it is written.
    pub(crate) fn push(&self, stream: Stream, bytes: Vec<u8>, asker: Option<Asker>) {
        self.append(Piece {
            stream,
            bytes,
            asker,
            then: None,
        });
    }

    /// Calls `then` on the writer's thread when all is written that was pushed so far. It must return
    /// at once.
    pub(crate) fn when_written(&self, then: impl FnOnce() + Send + 'static) {
        self.append(Piece {
            stream: Stream::Out,
            bytes: Vec::new(),
            asker: None,
            then: Some(Box::new(then)),
        });
    }

    fn append(&self, piece: Piece) {
        let queue = self.shared.queue.lock();
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        queue.pieces.push_back(piece);
        self.shared.changed.notify_one();
    }

    /// Waits until all is written, and answers whether it was. Nothing may be pushed any more.
    pub(crate) fn finish(&mut self) -> Health {
        self.shared
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.shared.changed.notify_one();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the console's writer panicked");
        }
        let queue = self.shared.queue.lock();
        queue.unwrap_or_else(PoisonError::into_inner).health
    }
}

/// Whether the sink still takes output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Health {
    #[default]
    Good,
    Broken,
}

fn write_all(shared: &Shared, mut sinks: Sinks, door: &Door) {
    let mut health = Health::Good;
    loop {
        let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.pieces.is_empty() && !queue.closed {
            queue = shared
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let pieces = std::mem::take(&mut queue.pieces);
        drop(queue);
        if pieces.is_empty() {
            return;
        }
        if health == Health::Good
            && let Err(error) = write_pieces(&mut sinks, &pieces)
        {
            health = Health::Broken;
            if error.kind() != ErrorKind::BrokenPipe {
                tracing::error!(%error, "output cannot be written");
            }
            let queue = shared.queue.lock();
            queue.unwrap_or_else(PoisonError::into_inner).health = health;
            door.post(Post::Halt(1));
        }
        let askers: Vec<Asker> = pieces.iter().filter_map(|piece| piece.asker).collect();
        if !askers.is_empty() {
            door.post(Post::Written(askers));
        }
        pieces
            .into_iter()
            .filter_map(|piece| piece.then)
            .for_each(|then| then());
    }
}

fn write_pieces(sinks: &mut Sinks, pieces: &VecDeque<Piece>) -> std::io::Result<()> {
    let mut last = None;
    for piece in pieces.iter().filter(|piece| !piece.bytes.is_empty()) {
        if last.is_some_and(|last| last != piece.stream) {
            sinks.of(last).flush()?;
        }
        last = Some(piece.stream);
        sinks.of(last).write_all(&piece.bytes)?;
    }
    sinks.of(last).flush()
}

impl Sinks {
    fn of(&mut self, stream: Option<Stream>) -> &mut Sink {
        match stream {
            Some(Stream::Errors) => &mut self.errors,
            _ => &mut self.out,
        }
    }
}

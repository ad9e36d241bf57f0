//! What all connections of a listener share: the rings, and what has come for whom.

use crate::error::{Error, RecvError, Result, SendError};
use crate::executor;
use crate::frame_publisher::FramePublisher;
use crate::frame_subscriber::FrameSubscriber;
use crate::readiness::Readiness;
use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use okernel_abi::connection::{
    FRAME_CLOSE, FRAME_DATA, FRAME_END, FRAME_OPEN, FRAME_TEXT, join, split,
};
use std::collections::{HashMap, VecDeque};

/// Why a connection is over whose selector is.
pub(super) const GONE: &str = "the selector is gone";

/// Bytes that wait for a connection's reader before something is done about it.
const INBOX_BYTES_MAX: usize = 256 * 1024;

/// What is done about a connection that is not read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// It is closed: nobody else might ever get to read.
    Close,
    /// The ring is not read on until it is: its reader is about to.
    Hold,
}

/// What has come for one connection and was not read yet.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) peer: String,
    pub(super) messages: VecDeque<(u32, Vec<u8>)>,
    bytes: usize,
    pub(super) ended: bool,
    pub(super) closed: Option<String>,
    waker: Option<Waker>,
}

/// What taking a frame from the ring has brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pumped {
    Frame,
    Empty,
    /// A connection has to be read first.
    Held,
    /// Nothing will come.
    Over,
}

/// The shared part.
pub(super) struct Hub {
    input: RefCell<FrameSubscriber>,
    output: RefCell<FramePublisher>,
    pub(super) inboxes: RefCell<HashMap<u64, Inbox>>,
    pub(super) accepted: RefCell<VecDeque<u64>>,
    /// Why the last connection was closed that is not open here: one that could not be made, if there is
    /// to be only one.
    pub(super) refused: RefCell<Option<String>>,
    /// Closes for which there was no room.
    closes: RefCell<VecDeque<u64>>,
    full: Cell<usize>,
    pub(super) care: Cell<Care>,
    over: Cell<bool>,
}

impl Hub {
    pub(super) fn new(input: FrameSubscriber, output: FramePublisher) -> Hub {
        Hub {
            input: RefCell::new(input),
            output: RefCell::new(output),
            inboxes: RefCell::new(HashMap::new()),
            accepted: RefCell::new(VecDeque::new()),
            refused: RefCell::new(None),
            closes: RefCell::new(VecDeque::new()),
            full: Cell::new(0),
            care: Cell::new(Care::Close),
            over: Cell::new(false),
        }
    }

    /// Takes one frame from the ring and puts it where it belongs.
    pub(super) fn pump(&self) -> Result<Pumped> {
        self.flush_closes()?;
        if self.over.get() {
            return Ok(Pumped::Over);
        }
        if self.full.get() > 0 && self.care.get() == Care::Hold {
            return Ok(Pumped::Held);
        }
        let mut input = self.input.borrow_mut();
        match input.try_recv() {
            Ok(frame) => {
                if let Some((number, bytes)) = split(frame.payload) {
                    self.dispatch(frame.kind, number, bytes);
                }
                Ok(Pumped::Frame)
            }
            Err(RecvError::Empty) => Ok(Pumped::Empty),
            Err(RecvError::Closed) => {
                self.over.set(true);
                for inbox in self.inboxes.borrow_mut().values_mut() {
                    inbox.closed.get_or_insert(GONE.to_string());
                    inbox.wake();
                }
                Ok(Pumped::Over)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn dispatch(&self, kind: u32, number: u64, bytes: &[u8]) {
        let mut inboxes = self.inboxes.borrow_mut();
        if kind == FRAME_OPEN {
            let inbox = Inbox {
                peer: String::from_utf8_lossy(bytes).into_owned(),
                ..Inbox::default()
            };
            inboxes.insert(number, inbox);
            self.accepted.borrow_mut().push_back(number);
            return;
        }
        let Some(inbox) = inboxes.get_mut(&number) else {
            // What comes for a connection that was closed here is for nobody.
            if kind == FRAME_CLOSE {
                let why = String::from_utf8_lossy(bytes).into_owned();
                *self.refused.borrow_mut() = Some(why);
            }
            return;
        };
        match kind {
            FRAME_DATA | FRAME_TEXT => {
                let was_full = inbox.is_full();
                inbox.bytes += bytes.len();
                inbox.messages.push_back((kind, bytes.to_vec()));
                if inbox.is_full() && self.care.get() == Care::Close {
                    let text = format!("{} bytes were not read", inbox.bytes);
                    inbox.messages.clear();
                    inbox.bytes = 0;
                    inbox.closed = Some(text);
                    self.closes.borrow_mut().push_back(number);
                } else if inbox.is_full() && !was_full {
                    self.full.set(self.full.get() + 1);
                }
            }
            FRAME_END => inbox.ended = true,
            FRAME_CLOSE => {
                let why = String::from_utf8_lossy(bytes).into_owned();
                inbox.closed.get_or_insert(why);
            }
            _ => return,
        }
        inbox.wake();
    }

    /// Takes a message of a connection.
    pub(super) fn take(&self, number: u64) -> Option<(u32, Vec<u8>)> {
        let mut inboxes = self.inboxes.borrow_mut();
        let inbox = inboxes.get_mut(&number)?;
        let was_full = inbox.is_full();
        let (kind, bytes) = inbox.messages.pop_front()?;
        inbox.bytes -= bytes.len();
        if was_full && !inbox.is_full() {
            self.full.set(self.full.get().saturating_sub(1));
        }
        Some((kind, bytes))
    }

    /// Waits until something has come for this connection, or a new one has (None).
    pub(super) fn poll_news(&self, number: Option<u64>, cx: &Context<'_>) -> Poll<Result<Pumped>> {
        if self.care.get() == Care::Hold
            && let Some(number) = number
        {
            // Whoever serves the listener takes the frames and wakes this one.
            if let Some(inbox) = self.inboxes.borrow_mut().get_mut(&number) {
                inbox.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        loop {
            match self.pump()? {
                Pumped::Empty => {}
                pumped => return Poll::Ready(Ok(pumped)),
            }
            if self.poll_armed(cx)?.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Arms the task for the next frame; ready if it is there already.
    pub(super) fn poll_armed(&self, cx: &Context<'_>) -> Result<Poll<()>> {
        match self.input.borrow_mut().arm() {
            Ok(Readiness::Ready) => Ok(Poll::Ready(())),
            Ok(Readiness::Armed) => {
                executor::park(cx);
                Ok(Poll::Pending)
            }
            // The next look says so.
            Err(RecvError::Closed) => Ok(Poll::Ready(())),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a frame of a connection, waiting for room.
    pub(super) async fn send(&self, kind: u32, number: u64, bytes: &[u8]) -> Result<()> {
        let payload = join(number, bytes);
        poll_fn(|cx| {
            let mut output = self.output.borrow_mut();
            loop {
                match output.try_send(kind, &payload) {
                    Err(SendError::Full(())) => {}
                    sent => return Poll::Ready(sent.map_err(Error::from)),
                }
                match output.arm(payload.len()) {
                    Ok(Readiness::Ready) => {}
                    Ok(Readiness::Armed) => {
                        executor::park(cx);
                        return Poll::Pending;
                    }
                    Err(error) => return Poll::Ready(Err(error.into())),
                }
            }
        })
        .await
    }

    /// The longest piece that is sent at a time, in bytes: several find room in the ring.
    pub(super) fn piece_bytes(&self) -> usize {
        (self.output.borrow().payload_bytes_max() / 4).min(16 * 1024)
    }

    /// Forgets a connection, and has it closed if it is not.
    pub(super) fn forget(&self, number: u64) {
        let Some(inbox) = self.inboxes.borrow_mut().remove(&number) else {
            return;
        };
        if inbox.is_full() {
            self.full.set(self.full.get().saturating_sub(1));
        }
        if inbox.closed.is_none() {
            self.closes.borrow_mut().push_back(number);
            // A ring that refuses is seen by the next call that can say so.
            let _ = self.flush_closes();
        }
    }

    /// Waits until the closes that found no room have gone.
    pub(super) async fn flush(&self) -> Result<()> {
        poll_fn(|cx| {
            loop {
                self.flush_closes()?;
                if self.closes.borrow().is_empty() {
                    return Poll::Ready(Ok(()));
                }
                match self.output.borrow_mut().arm(join(0, b"").len())? {
                    Readiness::Ready => {}
                    Readiness::Armed => {
                        executor::park(cx);
                        return Poll::Pending;
                    }
                }
            }
        })
        .await
    }

    fn flush_closes(&self) -> Result<()> {
        let mut closes = self.closes.borrow_mut();
        while let Some(number) = closes.front() {
            match self
                .output
                .borrow_mut()
                .try_send(FRAME_CLOSE, &join(*number, b""))
            {
                Ok(()) => drop(closes.pop_front()),
                Err(SendError::Full(())) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Inbox {
    fn is_full(&self) -> bool {
        self.bytes > INBOX_BYTES_MAX
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

//! A reader's end of a ring in bytes: what `Subscriber` and `FrameSubscriber` stand on.
//!
//! The kernel is asked what there is when all that is known of was taken, and told of what was taken when the
//! owner says so or when the task's `poll` returns.
//!
//! Invariant: what the kernel counts as released plus what was taken from the run is what the user
//! has received.

use crate::error::{OpenError, RecvError};
use crate::executor;
use crate::open;
use crate::readiness::{Readiness, readiness};
use crate::refused;
use crate::settle::{self, Opened, Settle};
use crate::sys;
use crate::window::{Lent, Place, Window};
use core::cell::Cell;
use core::task::{Context, Poll};
use okernel_abi::Errno;
use okernel_abi::layout::HandleKind;
use std::rc::Rc;

/// The most bytes that are copied at a time for single messages of a ring without a window.
const COPY_BYTES_MAX: usize = 64 * 1024;

/// What is taken at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Take {
    /// What single messages are handed out of.
    Block,
    /// All there is.
    All,
}

/// A reader's end in bytes, shared with the list of what is to be settled.
pub(crate) struct ReadLane {
    window: Window,
    opened: Opened,
    position: Cell<u64>,
    missed: Cell<u64>,
    capacity: usize,
    message_bytes: usize,
    /// Whether this is on the list of what is to be settled.
    listed: Cell<bool>,
}

impl Settle for ReadLane {
    fn settle(&self) {
        self.listed.set(false);
        self.release();
    }
}

impl ReadLane {
    /// Tells the kernel of what was taken, unless a guard has the run.
    pub(crate) fn release(&self) {
        if self.window.is_lent() {
            return;
        }
        let bytes = self.window.taken_bytes();
        if bytes > 0 {
            // A refusal shows in the next call that asks for something to read.
            let _ = sys::sub_release(self.opened.handle(), bytes as u32);
            self.position.set(self.position.get() + bytes as u64);
            self.window.rebase();
        }
        self.window.set_aside();
    }

    pub(crate) fn open(
        name: &str,
        handle: u32,
        message_bytes: usize,
    ) -> Result<ReadLane, OpenError> {
        let end = open::ring(name, handle, HandleKind::Subscriber, message_bytes)?;
        Ok(ReadLane {
            window: end.window,
            position: Cell::new(end.info.position),
            missed: Cell::new(sys::sub_missed(handle).unwrap_or(0)),
            opened: end.opened,
            capacity: end.info.capacity_bytes as usize,
            message_bytes,
            listed: Cell::new(false),
        })
    }

    #[inline]
    pub(crate) fn handle(&self) -> u32 {
        self.opened.handle()
    }

    #[inline]
    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Releases what was taken and gives the ring up.
    pub(crate) fn close(&self) {
        self.window.lend(Lent::No);
        self.release();
        self.window.clear();
        self.opened.close();
    }

    pub(crate) fn too_large(&self, bytes: usize) -> RecvError {
        RecvError::TooLarge {
            asked_bytes: bytes as u64,
            capacity_bytes: self.capacity as u64,
        }
    }

    /// At most so many bytes are taken at a time.
    fn bytes_max(&self, min: usize, what: Take) -> usize {
        let most = match (self.window.place(), what) {
            (Place::Ring, Take::All) => self.capacity,
            (Place::Ring, Take::Block) => self.capacity / 2,
            (Place::Buffer, _) => self.capacity.min(COPY_BYTES_MAX),
        };
        most.max(min)
    }

    /// Settles, then opens a run of at least `min` bytes, in whole messages.
    ///
    /// For the owner alone: whoever calls this knows that there is no guard (or has forgotten it).
    pub(crate) fn take(&self, min: usize, what: Take) -> Result<usize, RecvError> {
        self.window.lend(Lent::No);
        self.release();
        if min > self.capacity {
            return Err(self.too_large(min));
        }
        if self.opened.is_revoked() {
            self.window.clear();
        }
        if what == Take::Block || self.window.place() == Place::Buffer {
            let set_aside = self.window.take_up();
            if set_aside >= min && set_aside > 0 {
                return Ok(set_aside);
            }
        }
        self.window.clear();
        // Whoever waits for an answer gets it before this task looks for more to do.
        settle::publish_all();
        let readable = match sys::sub_readable(self.handle()) {
            Ok(readable) => usize::try_from(readable).unwrap_or(usize::MAX),
            Err(errno) => return Err(self.refused(errno)),
        };
        if readable < min || readable == 0 {
            return Err(RecvError::Empty);
        }
        let bytes = readable.min(self.bytes_max(min, what));
        let bytes = bytes - bytes % self.message_bytes;
        match self.window.place() {
            Place::Ring => self.window.begin(self.position.get(), bytes),
            Place::Buffer => self
                .window
                .begin_copy(self.handle(), bytes)
                .map_err(|errno| self.refused(errno))?,
        }
        Ok(self.window.left_bytes())
    }

    /// Takes up what was set aside when the task's `poll` returned.
    pub(crate) fn resume(self: &Rc<Self>) {
        if self.opened.is_revoked() {
            self.window.clear();
        }
        self.window.take_up();
        self.list();
    }

    /// What is taken from now on is released when the task's `poll` returns.
    fn list(self: &Rc<Self>) {
        if !self.listed.replace(true) {
            settle::subscriber_holds(Rc::clone(self) as Rc<dyn Settle>);
        }
    }

    /// Opens a run for single messages, the next of which has `min` bytes.
    #[cold]
    #[inline(never)]
    pub(crate) fn refill(self: &Rc<Self>, min: usize) -> Result<usize, RecvError> {
        let bytes = self.take(min, Take::Block)?;
        self.list();
        Ok(bytes)
    }

    fn refused(&self, errno: Errno) -> RecvError {
        match errno {
            Errno::Again | Errno::Throttled => RecvError::Empty,
            Errno::Closed => RecvError::Closed,
            Errno::Lapped => RecvError::Lapped {
                missed_bytes: self.catch_up(),
            },
            Errno::Kicked => RecvError::Kicked {
                missed_bytes: self.newly_missed(),
            },
            errno => RecvError::Refused(refused::note(self.handle(), errno)),
        }
    }

    fn newly_missed(&self) -> u64 {
        let missed = sys::sub_missed(self.handle()).unwrap_or(self.missed.get());
        missed - self.missed.replace(missed).min(missed)
    }

    /// The kernel has moved this reader on: finds out where it stands, and goes on at a whole message.
    fn catch_up(&self) -> u64 {
        let mut missed = self.newly_missed();
        if let Ok(info) = sys::ring_info(self.handle()) {
            self.position.set(info.position);
            let message_bytes = self.message_bytes as u64;
            let rest = (message_bytes - info.position % message_bytes) % message_bytes;
            if rest > 0 && sys::sub_release(self.handle(), rest as u32).is_ok() {
                self.position.set(info.position + rest);
                missed += rest;
            }
        }
        missed
    }

    /// Waits for `attempt` to be given at least `min` bytes.
    pub(crate) fn poll_take(
        self: &Rc<Self>,
        min: usize,
        cx: &mut Context<'_>,
        attempt: impl Fn(&Rc<Self>) -> Result<usize, RecvError>,
    ) -> Poll<Result<usize, RecvError>> {
        match attempt(self) {
            Err(RecvError::Empty) => {}
            result => return Poll::Ready(result),
        }
        match readiness(self.handle(), min) {
            Ok(Readiness::Armed) => {
                executor::park(cx);
                return Poll::Pending;
            }
            Ok(Readiness::Ready) => {}
            Err(errno) => return Poll::Ready(Err(self.refused(errno))),
        }
        match attempt(self) {
            Err(RecvError::Empty) => match readiness(self.handle(), min) {
                // Another task that shares the limits of this grant has used them up in between.
                Ok(Readiness::Armed) => {
                    executor::park(cx);
                    Poll::Pending
                }
                // Ready, and yet too little: the ring was closed, and this is all that will come.
                _ => Poll::Ready(Err(RecvError::Truncated {
                    left_bytes: sys::sub_readable(self.handle()).unwrap_or(0) as usize,
                })),
            },
            result => Poll::Ready(result),
        }
    }

    pub(crate) fn poll_refill(
        self: &Rc<Self>,
        min: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, RecvError>> {
        self.poll_take(min, cx, |lane| lane.refill(min))
    }
}

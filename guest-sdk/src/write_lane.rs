//! The writer's end of a ring in bytes: what `Publisher` and `FramePublisher` stand on.
//!
//! The kernel is asked for room ahead of need, and told of what was written when the owner says so or when the
//! task's `poll` returns.
//!
//! Invariant: what the kernel counts as published plus what was taken from the run is what the
//! user has sent; what is left of the run is what the kernel has granted beyond that.

use crate::error::{ClaimError, OpenError};
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

/// The most bytes that are claimed ahead for single messages.
const BLOCK_BYTES_MAX: usize = 16 * 1024;

/// A block is at most this part of the ring, so that readers have something to read meanwhile.
const BLOCKS_PER_RING: usize = 4;

/// The writer's end in bytes, shared with the list of what is to be settled.
pub(crate) struct WriteLane {
    window: Window,
    opened: Opened,
    position: Cell<u64>,
    capacity: usize,
    block_bytes: usize,
    failed: Cell<Option<Errno>>,
    /// Whether this is on the list of what is to be settled: then the run may stay open.
    listed: Cell<bool>,
}

impl Settle for WriteLane {
    fn settle(&self) {
        self.listed.set(false);
        if self.window.is_lent() {
            return;
        }
        self.publish();
        self.window.set_aside();
    }
}

impl WriteLane {
    /// Tells the kernel of what was written.
    #[inline]
    fn publish(&self) {
        let bytes = self.window.taken_bytes();
        if bytes > 0 {
            let result = match self.window.place() {
                Place::Ring => sys::pub_commit(self.opened.handle(), bytes as u32),
                Place::Buffer => sys::pub_write(self.opened.handle(), self.window.taken()),
            };
            match result {
                Ok(()) => self.position.set(self.position.get() + bytes as u64),
                Err(errno) => {
                    self.failed
                        .set(Some(refused::note(self.opened.handle(), errno)));
                    self.window.clear();
                }
            }
            self.window.rebase();
        }
    }

    pub(crate) fn open(
        name: &str,
        handle: u32,
        message_bytes: usize,
    ) -> Result<WriteLane, OpenError> {
        let end = open::ring(name, handle, HandleKind::Publisher, message_bytes)?;
        let capacity = end.info.capacity_bytes as usize;
        let block_bytes = (capacity / BLOCKS_PER_RING).min(BLOCK_BYTES_MAX);
        Ok(WriteLane {
            window: end.window,
            opened: end.opened,
            position: Cell::new(end.info.position),
            capacity,
            block_bytes: block_bytes.max(message_bytes),
            failed: Cell::new(None),
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

    /// Settles, then opens a run of at least `min` and preferably `wanted` bytes. What was granted before
    /// and not used is used first; the kernel is asked for more than is wanted, so that it is asked less often.
    ///
    /// For the owner alone: whoever calls this knows that there is no guard (or has forgotten it).
    pub(crate) fn claim(&self, min: usize, wanted: usize) -> Result<usize, ClaimError> {
        self.flush()?;
        if self.opened.is_revoked() {
            self.window.clear();
        }
        let left = self.window.take_up();
        if left >= wanted {
            return Ok(left);
        }
        self.window.clear();
        if min > self.capacity {
            return Err(self.too_large(min));
        }
        let max = wanted.max(self.block_bytes).clamp(min, self.capacity);
        let granted = match sys::pub_claim(self.opened.handle(), min as u32, max as u32) {
            Ok(granted) => (granted as usize).min(max),
            Err(Errno::Again | Errno::Throttled) => return Err(ClaimError::Full),
            // The ring is large enough, but what the grant allows at once is not.
            Err(errno) => {
                let errno = refused::note(self.opened.handle(), errno);
                return Err(ClaimError::Refused(errno));
            }
        };
        self.window.begin(self.position.get(), granted);
        Ok(granted)
    }

    pub(crate) fn too_large(&self, bytes: usize) -> ClaimError {
        ClaimError::TooLarge {
            asked_bytes: bytes as u64,
            capacity_bytes: self.capacity as u64,
        }
    }

    /// Opens a run for single messages, the next of which has `min` bytes.
    #[cold]
    #[inline(never)]
    pub(crate) fn refill(self: &Rc<Self>, min: usize) -> Result<(), ClaimError> {
        self.claim(min, min)?;
        if !self.listed.replace(true) {
            settle::publisher_holds(Rc::clone(self) as Rc<dyn Settle>);
        }
        Ok(())
    }

    /// Waits for `attempt` to be given at least `min` bytes.
    pub(crate) fn poll_room<R>(
        self: &Rc<Self>,
        min: usize,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&Rc<Self>) -> Result<R, ClaimError>,
    ) -> Poll<Result<R, ClaimError>> {
        loop {
            match attempt(self) {
                Err(ClaimError::Full) => {}
                result => return Poll::Ready(result),
            }
            match readiness(self.handle(), min) {
                Ok(Readiness::Ready) => {}
                Ok(Readiness::Armed) => {
                    executor::park(cx);
                    return Poll::Pending;
                }
                Err(errno) => return Poll::Ready(Err(ClaimError::Refused(errno))),
            }
        }
    }

    /// Publishes what was written, and tells whether that and everything before it went well. The run of an end
    /// that will be settled stays open: whoever flushes each message pays one system call for it.
    ///
    /// For the owner alone: whoever calls this knows that there is no guard (or has forgotten it).
    #[inline]
    pub(crate) fn flush(&self) -> Result<(), ClaimError> {
        self.window.lend(Lent::No);
        self.publish();
        if !self.listed.get() {
            self.window.set_aside();
        }
        match self.failed.get() {
            Some(errno) => Err(ClaimError::Refused(errno)),
            None => Ok(()),
        }
    }

    /// Publishes what was written and gives the ring up.
    pub(crate) fn close(&self) {
        self.window.lend(Lent::No);
        self.publish();
        self.window.set_aside();
        self.opened.close();
    }

    /// Publishes what was written and gives back what was granted: the kernel is about to write to the
    /// ring by itself.
    pub(crate) fn stand_aside(&self) -> Result<(), ClaimError> {
        self.flush()?;
        self.window.clear();
        Ok(())
    }

    /// The kernel has published bytes by itself.
    pub(crate) fn published_elsewhere(&self, bytes: u64) {
        self.position.set(self.position.get() + bytes);
    }
}

//! The bytes of a ring that one end writes or reads in place: every access to a window is here.
//!
//! A window is the ring itself, mapped into the task's memory twice in a row, so that any stretch of up
//! to the capacity lies in one piece. Small rings, and readers that may be overtaken, have a buffer of their
//! own instead, which is filled and emptied by copying calls; above this file there is no difference.
//!
//! At any time one *run* of bytes is open: what the kernel granted to a publisher, or what it said a
//! subscriber may read. Messages are taken from its front by moving a pointer, which is all that
//! a single message costs.
//!
//! One of the few files with `unsafe`. What makes it right:
//! * A run is opened only over bytes that the kernel granted (`pub_claim`) or declared readable and holds for
//!   this reader (`sub_readable`), or over this window's own buffer; its three pointers
//!   satisfy base ≤ next ≤ end.
//! * The memory stays for as long as the window does: the buffer is owned, the mapping stays until the
//!   handle is closed, and the handle is closed after the window's last use.
//! * References into a run are made only for guards (`Claim`, `Batch`, `Frame`) that borrow the publisher or
//!   subscriber mutably, and nothing opens another run or grows the buffer meanwhile: that takes
//!   the same mutable borrow. What the executor settles without it leaves a run that is lent as it is.
//! * Everything in a ring is [`Pod`], so whatever bits another task has written are values. (In a
//!   sandbox a task that scribbles over its own ring harms nothing but the numbers in it.)

use crate::pod::{POD_ALIGN_BYTES_MAX, Pod};
use crate::sys;
use core::cell::{Cell, RefCell, UnsafeCell};
use core::ptr::{self, NonNull};
use okernel_abi::Errno;
use okernel_abi::layout::{RingInfo, Window as Access};

/// Memory of a buffer, aligned for every message.
#[repr(C, align(16))]
struct Cell16([u8; POD_ALIGN_BYTES_MAX]);

enum Memory {
    /// The ring itself.
    Mapped(sys::Mapping),
    /// A buffer beside the ring.
    Buffer(RefCell<Box<[UnsafeCell<Cell16>]>>),
}

/// Whether messages lie in the ring itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In place.
    Ring,
    /// In a buffer, to be copied.
    Buffer,
}

/// Whether a guard has the run of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lent {
    /// A `Claim` or a `Batch` lives.
    Yes,
    /// None does.
    No,
}

/// The bytes at one end of a ring.
pub(crate) struct Window {
    next: Cell<*mut u8>,
    end: Cell<*mut u8>,
    base: Cell<*mut u8>,
    set_aside: Cell<*mut u8>,
    lent: Cell<bool>,
    memory: Memory,
    capacity: usize,
}

impl Window {
    /// The window of a ring, mapped if the kernel gives one.
    pub(crate) fn open(handle: u32, info: &RingInfo) -> Result<Window, Errno> {
        let capacity = usize::try_from(info.capacity_bytes).map_err(|_| Errno::TooLarge)?;
        let memory = match info.window {
            Access::Map => Memory::Mapped(sys::ring_map(handle)?),
            Access::Copy => Memory::Buffer(RefCell::default()),
        };
        Ok(Window {
            next: Cell::new(ptr::null_mut()),
            end: Cell::new(ptr::null_mut()),
            base: Cell::new(ptr::null_mut()),
            set_aside: Cell::new(ptr::null_mut()),
            lent: Cell::new(false),
            memory,
            capacity,
        })
    }

    pub(crate) fn place(&self) -> Place {
        match self.memory {
            Memory::Mapped(_) => Place::Ring,
            Memory::Buffer(_) => Place::Buffer,
        }
    }

    /// A guard has the run, or has given it back.
    pub(crate) fn lend(&self, lent: Lent) {
        self.lent.set(lent == Lent::Yes);
    }

    /// Whether a guard has the run: it is then left as it is.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent.get()
    }

    /// Closes the run: there is nothing to take.
    pub(crate) fn clear(&self) {
        self.base.set(self.end.get());
        self.next.set(self.end.get());
        self.set_aside.set(ptr::null_mut());
    }

    /// Opens a run of `bytes` of the ring from `position`, or of the buffer.
    ///
    /// The kernel has granted these bytes, or said that they can be read.
    pub(crate) fn begin(&self, position: u64, bytes: usize) {
        assert!(bytes <= self.capacity, "a run is no longer than its ring");
        let base = match &self.memory {
            Memory::Mapped(mapping) => {
                let offset = (position % self.capacity as u64) as usize;
                mapping.start().as_ptr().wrapping_add(offset)
            }
            Memory::Buffer(buffer) => self.buffer_of(buffer, bytes).as_ptr(),
        };
        self.base.set(base);
        self.next.set(base);
        self.end.set(base.wrapping_add(bytes));
        self.set_aside.set(ptr::null_mut());
    }

    /// The buffer, of at least so many bytes. What was in it is lost when it grows.
    fn buffer_of(&self, buffer: &RefCell<Box<[UnsafeCell<Cell16>]>>, bytes: usize) -> NonNull<u8> {
        let cells = bytes.div_ceil(size_of::<Cell16>());
        let mut buffer = buffer.borrow_mut();
        if buffer.len() < cells {
            *buffer = (0..cells.next_power_of_two())
                .map(|_| UnsafeCell::new(Cell16([0; POD_ALIGN_BYTES_MAX])))
                .collect();
        }
        NonNull::from(&**buffer).cast()
    }

    /// Opens a run that is a copy of up to `bytes` of what a subscriber can read.
    pub(crate) fn begin_copy(&self, handle: u32, bytes: usize) -> Result<(), Errno> {
        self.begin(0, bytes);
        // SAFETY: the run that was just opened lies in the buffer, which nothing else refers to.
        let into = unsafe { core::slice::from_raw_parts_mut(self.base.get(), bytes) };
        let copied = match sys::sub_peek(handle, 0, into) {
            Ok(copied) => (copied as usize).min(bytes),
            Err(errno) => {
                self.clear();
                return Err(errno);
            }
        };
        self.end.set(self.base.get().wrapping_add(copied));
        Ok(())
    }

    /// Bytes that were taken from the front of the run.
    pub(crate) fn taken_bytes(&self) -> usize {
        self.next.get() as usize - self.base.get() as usize
    }

    /// Bytes that can still be taken.
    #[inline]
    pub(crate) fn left_bytes(&self) -> usize {
        self.end.get() as usize - self.next.get() as usize
    }

    /// Takes bytes from the front.
    pub(crate) fn advance(&self, bytes: usize) {
        assert!(bytes <= self.left_bytes());
        self.next.set(self.next.get().wrapping_add(bytes));
    }

    /// Forgets what was taken: the run begins where it stands.
    pub(crate) fn rebase(&self) {
        self.base.set(self.next.get());
    }

    /// Puts what is left aside, so that taking more asks the owner first, who then knows of it.
    pub(crate) fn set_aside(&self) {
        if self.left_bytes() > 0 {
            self.set_aside.set(self.end.get());
            self.end.set(self.next.get());
        }
    }

    /// Takes up again what was set aside; answers how many bytes can be taken.
    pub(crate) fn take_up(&self) -> usize {
        let end = self.set_aside.replace(ptr::null_mut());
        if !end.is_null() {
            self.end.set(end);
        }
        self.left_bytes()
    }

    /// Writes a message to the front of the run.
    #[inline]
    pub(crate) fn push<T: Pod>(&self, message: T) -> Result<(), T> {
        let next = self.next.get();
        if self.left_bytes() < size_of::<T>() {
            return Err(message);
        }
        // SAFETY: the run has room for a `T` at `next`, and no reference into a run exists while messages
        // are pushed. The write does not assume alignment.
        unsafe { next.cast::<T>().write_unaligned(message) };
        self.next.set(next.wrapping_add(size_of::<T>()));
        Ok(())
    }

    /// Reads a message from the front of the run.
    #[inline]
    pub(crate) fn pop<T: Pod>(&self) -> Option<T> {
        let message = self.peek::<T>()?;
        self.next.set(self.next.get().wrapping_add(size_of::<T>()));
        Some(message)
    }

    /// The message at the front of the run, which stays there.
    #[inline]
    pub(crate) fn peek<T: Pod>(&self) -> Option<T> {
        if self.left_bytes() < size_of::<T>() {
            return None;
        }
        // SAFETY: the run holds at least the bytes of a `T` at `next`, any bits are one, and the read
        // does not assume alignment.
        Some(unsafe { self.next.get().cast::<T>().read_unaligned() })
    }

    /// Copies bytes to the front of the run and takes them.
    pub(crate) fn push_bytes(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.left_bytes());
        // SAFETY: the run has room for all of them at `next`. `bytes` may lie in another
        // run of the same ring's other end, never in this one: guards of this one borrow it.
        unsafe { self.next.get().copy_from(bytes.as_ptr(), bytes.len()) };
        self.next.set(self.next.get().wrapping_add(bytes.len()));
    }

    /// The messages from `skip` bytes after the front of the run. For guards.
    pub(crate) fn items<T: Pod>(&self, skip: usize, count: usize) -> &[T] {
        let start = self.check::<T>(skip, count);
        // SAFETY: `check` has seen that so many messages lie there, aligned; the guard that this
        // is for keeps the run open, and any bits are values.
        unsafe { core::slice::from_raw_parts(start, count) }
    }

    /// The messages at the front of the run, to be written. For guards that are the only one.
    #[expect(
        clippy::mut_from_ref,
        reason = "the guard borrows the publisher mutably"
    )]
    pub(crate) fn items_mut<T: Pod>(&self, count: usize) -> &mut [T] {
        let start = self.check::<T>(0, count);
        // SAFETY: as in `items`; and the publisher, which alone may write here, is borrowed
        // mutably by the one guard that calls this.
        unsafe { core::slice::from_raw_parts_mut(start, count) }
    }

    /// What was taken so far, to be copied into the ring.
    pub(crate) fn taken(&self) -> &[u8] {
        let bytes = self.taken_bytes();
        if bytes == 0 {
            return &[];
        }
        // SAFETY: the bytes from base to next lie in the run and were written.
        unsafe { core::slice::from_raw_parts(self.base.get(), bytes) }
    }

    fn check<T: Pod>(&self, skip: usize, count: usize) -> *mut T {
        if self.next.get().is_null() && count == 0 {
            return NonNull::dangling().as_ptr();
        }
        let left = self.left_bytes();
        assert!(skip <= left && count <= (left - skip) / size_of::<T>());
        let start = self.next.get().wrapping_add(skip).cast::<T>();
        assert!(
            start.is_aligned(),
            "messages begin at multiples of their alignment"
        );
        start
    }
}

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
//!   this reader (`sub_readable`), or over this window's own buffer; its four pointers
//!   satisfy base ≤ next ≤ end ≤ limit.
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
    /// Where the run begins that the kernel does not know to be taken.
    base: Cell<*mut u8>,
    /// The first byte that was not taken.
    next: Cell<*mut u8>,
    /// Where taking ends: at the limit, or right here when the rest was set aside.
    end: Cell<*mut u8>,
    /// Where the run ends.
    limit: Cell<*mut u8>,
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
            base: Cell::new(ptr::null_mut()),
            next: Cell::new(ptr::null_mut()),
            end: Cell::new(ptr::null_mut()),
            limit: Cell::new(ptr::null_mut()),
            lent: Cell::new(false),
            memory,
            capacity,
        })
    }

    #[inline]
    pub(crate) fn place(&self) -> Place {
        match self.memory {
            Memory::Mapped(_) => Place::Ring,
            Memory::Buffer(_) => Place::Buffer,
        }
    }

    /// A guard has the run, or has given it back.
    #[inline]
    pub(crate) fn lend(&self, lent: Lent) {
        self.lent.set(lent == Lent::Yes);
    }

    /// Whether a guard has the run: it is then left as it is.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent.get()
    }

    /// Closes the run: there is nothing to take.
    pub(crate) fn clear(&self) {
        self.base.set(self.next.get());
        self.end.set(self.next.get());
        self.limit.set(self.next.get());
    }

    /// Opens a run of `bytes` of the ring from `position`, or of the buffer.
    ///
    /// The kernel has granted these bytes, or said that they can be read.
    pub(crate) fn begin(&self, position: u64, bytes: usize) {
        assert!(bytes <= self.capacity, "a run is no longer than its ring");
        let base = match &self.memory {
            Memory::Mapped(mapping) => {
                // The capacity is a power of two.
                let offset = position as usize & (self.capacity - 1);
                mapping.start().as_ptr().wrapping_add(offset)
            }
            Memory::Buffer(buffer) => self.buffer_of(buffer, bytes).as_ptr(),
        };
        self.base.set(base);
        self.next.set(base);
        self.end.set(base.wrapping_add(bytes));
        self.limit.set(self.end.get());
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
        self.limit.set(self.end.get());
        Ok(())
    }

    /// Bytes that were taken from the front of the run.
    #[inline]
    pub(crate) fn taken_bytes(&self) -> usize {
        self.next.get() as usize - self.base.get() as usize
    }

    /// Bytes that can still be taken.
    #[inline]
    pub(crate) fn left_bytes(&self) -> usize {
        self.end.get() as usize - self.next.get() as usize
    }

    /// Whether nothing was taken, and so many bytes can be, set aside or not.
    #[inline]
    pub(crate) fn is_ready(&self, bytes: usize) -> bool {
        self.base == self.next && bytes <= self.limit.get() as usize - self.next.get() as usize
    }

    /// Takes bytes from the front.
    #[inline]
    pub(crate) fn advance(&self, bytes: usize) {
        assert!(bytes <= self.left_bytes());
        self.next.set(self.next.get().wrapping_add(bytes));
    }

    /// Forgets what was taken: the run begins where it stands.
    #[inline]
    pub(crate) fn rebase(&self) {
        self.base.set(self.next.get());
    }

    /// Puts what is left aside, so that taking more asks the owner first, who then knows of it.
    #[inline]
    pub(crate) fn set_aside(&self) {
        self.end.set(self.next.get());
    }

    /// Takes up again what was set aside; answers how many bytes can be taken.
    #[inline]
    pub(crate) fn take_up(&self) -> usize {
        self.end.set(self.limit.get());
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

    /// The messages from `skip` bytes after the front of the run, for a guard.
    #[inline]
    pub(crate) fn run<T: Pod>(&self, skip: usize, count: usize) -> Run<T> {
        if self.next.get().is_null() && count == 0 {
            return Run {
                start: NonNull::dangling(),
                count,
            };
        }
        let left = self.left_bytes();
        assert!(skip <= left && count <= (left - skip) / size_of::<T>());
        let start = self.next.get().wrapping_add(skip).cast::<T>();
        assert!(
            start.is_aligned(),
            "messages begin at multiples of their alignment"
        );
        Run {
            start: NonNull::new(start).unwrap_or(NonNull::dangling()),
            count,
        }
    }

    /// The same as a slice, for a frame, which borrows the subscriber.
    pub(crate) fn items<T: Pod>(&self, skip: usize, count: usize) -> &[T] {
        let run = self.run::<T>(skip, count);
        // SAFETY: so many messages lie there, aligned; the frame that this is for keeps the run
        // open, and any bits are values.
        unsafe { core::slice::from_raw_parts(run.start.as_ptr(), run.count) }
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
}

/// Messages in a run, as a guard holds them: the guard keeps the run open for as long as it
/// lives, by its mutable borrow of the end of the ring.
#[derive(Debug)]
pub(crate) struct Run<T> {
    start: NonNull<T>,
    count: usize,
}

impl<T: Pod> Run<T> {
    /// How many messages.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn items(&self) -> &[T] {
        // SAFETY: so many messages lie there, aligned, when the run was made; the guard that holds it
        // keeps it open, and any bits are values.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }

    /// For guards of publishers.
    #[inline]
    pub(crate) fn items_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `items`; and the publisher, which alone may write here, is borrowed
        // mutably by the one guard that holds this.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.count) }
    }
}

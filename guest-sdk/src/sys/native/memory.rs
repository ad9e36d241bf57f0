//! The memory of a ring in a native program: two halves with the same bytes, one after the other.
//!
//! The kernel maps a ring's pages twice in a row, so that whatever begins inside of the ring lies in
//! one piece. Without a mapping, here the bytes are kept twice, and each write is repeated in the other
//! half when it is published. One thread owns all of it.
//!
//! One of the few files with `unsafe`: tasks hold the address of this memory, as they hold a window's,
//! so it is reached through raw pointers only and never through a reference to the whole.

use core::cell::UnsafeCell;
use core::ptr::NonNull;

/// Rings begin at multiples of so many bytes.
#[repr(C, align(16))]
struct Cell16([u8; 16]);

/// The bytes of one ring, twice.
pub(crate) struct Mirror {
    cells: Box<[UnsafeCell<Cell16>]>,
    capacity: usize,
}

impl Mirror {
    /// Memory for a ring of `capacity` bytes: a multiple of 16.
    pub(crate) fn new(capacity: usize) -> Mirror {
        let cells = (0..capacity * 2 / size_of::<Cell16>())
            .map(|_| UnsafeCell::new(Cell16([0; 16])))
            .collect();
        Mirror { cells, capacity }
    }

    /// Where the first half begins. Valid for twice the capacity, as long as the ring lives.
    pub(crate) fn address(&self) -> NonNull<u8> {
        NonNull::from(&*self.cells).cast()
    }

    fn at(&self, offset: usize, bytes: usize) -> *mut u8 {
        assert!(offset + bytes <= self.capacity * 2);
        self.address().as_ptr().wrapping_add(offset)
    }

    fn offset(&self, position: u64) -> usize {
        (position % self.capacity as u64) as usize
    }

    /// Repeats in the other half `bytes` that were written from `position` on, in a run that began at `from`:
    /// the run lies in one piece, so what comes after the seam was written to the second half.
    pub(crate) fn repeat(&self, from: u64, position: u64, bytes: usize) {
        let start = self.offset(from) + (position - from) as usize;
        let end = start + bytes;
        assert!(bytes <= self.capacity && end <= self.capacity * 2);
        let seam = self.capacity.clamp(start, end);
        if seam > start {
            let length = seam - start;
            let (near, far) = (
                self.at(start, length),
                self.at(start + self.capacity, length),
            );
            // SAFETY: both ranges were checked to lie in the memory, they are a capacity apart, and
            // nobody else touches it while this thread is here.
            unsafe { near.copy_to_nonoverlapping(far, length) };
        }
        if end > seam {
            let length = end - seam;
            let (far, near) = (self.at(seam, length), self.at(seam - self.capacity, length));
            // SAFETY: as above.
            unsafe { far.copy_to_nonoverlapping(near, length) };
        }
    }

    /// Writes bytes at `position`, in both halves.
    pub(crate) fn write(&self, position: u64, bytes: &[u8]) {
        let to = self.at(self.offset(position), bytes.len());
        // SAFETY: the range was checked; `bytes` cannot lie in it, since no reference to this
        // memory is made except by the guards of the end that is being written.
        unsafe { to.copy_from(bytes.as_ptr(), bytes.len()) };
        self.repeat(position, position, bytes.len());
    }

    /// Copies the bytes at `position` out.
    pub(crate) fn read(&self, position: u64, into: &mut [u8]) {
        let from = self.at(self.offset(position), into.len());
        // SAFETY: the range was checked; `into` is borrowed mutably, so it does not lie in it.
        unsafe { from.copy_to(into.as_mut_ptr(), into.len()) };
    }
}

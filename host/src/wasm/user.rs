//! Addresses from guests are allegations: this is the one place that checks them.
//!
//! A system call splits its caller into the guest's memory and the store's data, turns each alleged
//! address and length into a [`UserRange`], and copies through that. Nothing else of the host reads
//! or writes linear memory.
//!
//! Invariants: a range lies within the memory's size as it is now, and shares no byte with a
//! window, since the other end of that ring may be writing there at the same moment (a call can make
//! an exception for the task's own publishers, when it is the kernel and not our code that writes). Bytes
//! are copied through raw pointers: no Rust reference to linear memory is ever made. A range cannot
//! outlive the call: it borrows the caller, whose memory can neither move nor go away meanwhile.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;

use okernel_abi::Errno;
use wasmtime::Caller;

use super::state::{State, memory_of};
use super::window::{Access, Windows};

/// The linear memory of the guest whose call is being carried out.
#[derive(Clone, Copy)]
pub(super) struct UserMemory<'a> {
    base: *mut u8,
    bytes: usize,
    borrow: PhantomData<&'a ()>,
}

/// Which windows a range may lie in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Windowed {
    /// None.
    Refused,
    /// Those of the task's own publishers.
    OwnPublisher,
}

/// A checked range of a guest's memory.
#[derive(Clone, Copy)]
pub(super) struct UserRange<'a> {
    start: *mut u8,
    bytes: usize,
    borrow: PhantomData<&'a ()>,
}

/// Splits a caller into its memory and its data.
pub(super) fn split<'a>(
    caller: &'a mut Caller<'_, State>,
) -> Result<(UserMemory<'a>, &'a mut State), Errno> {
    let memory = memory_of(caller)?;
    let base = memory.data_ptr(&*caller);
    let bytes = memory.data_size(&*caller);
    Ok((
        UserMemory {
            base,
            bytes,
            borrow: PhantomData,
        },
        caller.data_mut(),
    ))
}

impl<'a> UserMemory<'a> {
    /// Checks an alleged range.
    ///
    /// # Errors
    /// BadAddress: it is not all within the memory, or it touches a window.
    pub(super) fn range(
        &self,
        windows: &Windows,
        address: u32,
        bytes: u32,
    ) -> Result<UserRange<'a>, Errno> {
        self.range_in(windows, Windowed::Refused, address, bytes)
    }

    /// Checks an alleged range that may lie in some windows.
    ///
    /// # Errors
    /// BadAddress: it is not all within the memory, or it touches a window that is not allowed.
    pub(super) fn range_in(
        &self,
        windows: &Windows,
        windowed: Windowed,
        address: u32,
        bytes: u32,
    ) -> Result<UserRange<'a>, Errno> {
        let (start, bytes) = (address as usize, bytes as usize);
        // Two 32-bit numbers: their sum does not overflow.
        let end = start + bytes;
        let allowed = |access| windowed == Windowed::OwnPublisher && access == Access::ReadWrite;
        let refused = !windows.permit(start, end, allowed);
        if end > self.bytes || refused {
            return Err(Errno::BadAddress);
        }
        // SAFETY: `start` is at most the size of the memory that begins at `base`.
        let start = unsafe { self.base.add(start) };
        Ok(UserRange {
            start,
            bytes,
            borrow: PhantomData,
        })
    }
}

impl UserRange<'_> {
    /// Its length.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its beginning, of at most so many bytes.
    pub(super) fn at_most(self, bytes: usize) -> Self {
        let bytes = self.bytes.min(bytes);
        UserRange { bytes, ..self }
    }

    /// Copies all of it out.
    pub(super) fn to_vec(self) -> Vec<u8> {
        let mut bytes = vec![0; self.bytes];
        self.copy_to(&mut bytes);
        bytes
    }

    /// Copies its beginning out: as much as there is and fits; answers how much.
    pub(super) fn copy_to(&self, into: &mut [u8]) -> usize {
        let bytes = self.bytes.min(into.len());
        // SAFETY: the range was checked and borrows its memory; the guest, the only other user of
        // these bytes, waits for this call; `into` is the host's own.
        unsafe { self.start.copy_to_nonoverlapping(into.as_mut_ptr(), bytes) };
        bytes
    }

    /// Copies to its beginning: as much as there is and fits; answers how much.
    pub(super) fn copy_from(&self, from: &[u8]) -> usize {
        let bytes = self.bytes.min(from.len());
        // SAFETY: as in `copy_to`, the other way round.
        unsafe { self.start.copy_from_nonoverlapping(from.as_ptr(), bytes) };
        bytes
    }

    /// Reads a file at `offset` straight into it; answers how many bytes, 0 at the end of the file.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn read_file(&self, file: &File, offset: u64) -> io::Result<usize> {
        let Ok(offset) = libc::off_t::try_from(offset) else {
            return Ok(0);
        };
        loop {
            // SAFETY: the range was checked and borrows its memory; the operating system writes at
            // most that many bytes to it.
            let read =
                unsafe { libc::pread(file.as_raw_fd(), self.start.cast(), self.bytes, offset) };
            match usize::try_from(read) {
                Ok(read) => return Ok(read),
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }
}

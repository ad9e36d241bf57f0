//! A ring in a native program: the kernel's semantics, on one thread.
//!
//! Positions are in bytes since the ring began. A reader that blocks holds the publisher back;
//! one that may be lapped is moved to the published position and told what it missed; one that may be kicked is
//! detached.

use super::memory::Mirror;
use okernel_abi::Errno;
use okernel_abi::layout::{COPY_RING_BYTES_MAX, Window};
use std::rc::Rc;

/// What happens to a reader that is too slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slow {
    Block,
    Lap,
    Kick,
}

pub(crate) struct Reader {
    pub(crate) cursor: u64,
    slow: Slow,
    missed: u64,
    kicked: Option<u64>,
}

pub(crate) struct Ring {
    pub(crate) memory: Rc<Mirror>,
    pub(crate) capacity: u64,
    pub(crate) published: u64,
    pub(crate) closed: bool,
    granted: u64,
    granted_from: u64,
    readers: Vec<Option<Reader>>,
    joined: bool,
}

impl Ring {
    pub(crate) fn new(capacity: usize) -> Ring {
        Ring {
            memory: Rc::new(Mirror::new(capacity)),
            capacity: capacity as u64,
            published: 0,
            closed: false,
            granted: 0,
            granted_from: 0,
            readers: Vec::new(),
            joined: false,
        }
    }

    /// The first reader gets everything; a later one what comes from now on.
    pub(crate) fn join(&mut self, slow: Slow) -> usize {
        let cursor = if self.joined { self.published } else { 0 };
        self.joined = true;
        self.readers.push(Some(Reader {
            cursor,
            slow,
            missed: 0,
            kicked: None,
        }));
        self.readers.len() - 1
    }

    pub(crate) fn leave(&mut self, reader: usize) {
        self.readers[reader] = None;
    }

    pub(crate) fn reader(&self, reader: usize) -> Result<&Reader, Errno> {
        self.readers[reader].as_ref().ok_or(Errno::BadHandle)
    }

    fn reader_mut(&mut self, reader: usize) -> Result<&mut Reader, Errno> {
        self.readers[reader].as_mut().ok_or(Errno::BadHandle)
    }

    /// Whether this end gets a window, as the kernel decides it.
    pub(crate) fn window(&self, reader: Option<usize>) -> Window {
        let blocks = reader.is_none_or(|reader| {
            self.reader(reader)
                .is_ok_and(|reader| reader.slow == Slow::Block)
        });
        if blocks && self.capacity > COPY_RING_BYTES_MAX {
            Window::Map
        } else {
            Window::Copy
        }
    }

    /// How many bytes may be written now.
    pub(crate) fn free(&self) -> u64 {
        let readers = self.readers.iter().flatten();
        let held = readers
            .filter(|reader| reader.slow == Slow::Block)
            .map(|reader| reader.cursor)
            .min();
        let held = if self.joined { held } else { Some(0) };
        held.map_or(self.capacity, |held| {
            self.capacity - (self.published - held)
        })
    }

    pub(crate) fn claim(&mut self, min: u64, max: u64) -> Result<u64, Errno> {
        if self.closed {
            return Err(Errno::Closed);
        }
        if min > self.capacity {
            return Err(Errno::TooLarge);
        }
        let free = self.free();
        if free == 0 || free < min {
            return Err(Errno::Again);
        }
        self.granted = free.min(max.max(min));
        self.granted_from = self.published;
        Ok(self.granted)
    }

    pub(crate) fn commit(&mut self, bytes: u64) -> Result<(), Errno> {
        if bytes > self.granted {
            return Err(Errno::Invalid);
        }
        let from = self.granted_from;
        self.memory.repeat(from, self.published, bytes as usize);
        self.granted -= bytes;
        self.publish(bytes);
        Ok(())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let length = bytes.len() as u64;
        if self.claim(length, length)? < length {
            return Err(Errno::Again);
        }
        self.memory.write(self.published, bytes);
        self.granted = 0;
        self.publish(length);
        Ok(())
    }

    fn publish(&mut self, bytes: u64) {
        self.published += bytes;
        for reader in self.readers.iter_mut().flatten() {
            let lag = self.published - reader.cursor;
            if reader.slow == Slow::Kick && reader.kicked.is_none() && lag > self.capacity {
                reader.kicked = Some(lag);
                reader.missed = lag;
            }
        }
    }

    pub(crate) fn readable(&mut self, reader: usize) -> Result<u64, Errno> {
        let (published, capacity, closed) = (self.published, self.capacity, self.closed);
        let reader = self.reader_mut(reader)?;
        if reader.kicked.is_some() {
            return Err(Errno::Kicked);
        }
        let lag = published - reader.cursor;
        if lag > capacity {
            reader.cursor = published;
            reader.missed += lag;
            return Err(Errno::Lapped);
        }
        match lag {
            0 if closed => Err(Errno::Closed),
            0 => Err(Errno::Again),
            lag => Ok(lag),
        }
    }

    pub(crate) fn peek(&mut self, reader: usize, skip: u64, into: &mut [u8]) -> Result<u64, Errno> {
        let readable = self.readable(reader)?.saturating_sub(skip);
        let length = readable.min(into.len() as u64);
        let cursor = self.reader(reader)?.cursor;
        self.memory
            .read(cursor + skip, &mut into[..length as usize]);
        Ok(length)
    }

    pub(crate) fn release(&mut self, reader: usize, bytes: u64) -> Result<(), Errno> {
        let published = self.published;
        let reader = self.reader_mut(reader)?;
        if bytes > published - reader.cursor {
            return Err(Errno::Invalid);
        }
        reader.cursor += bytes;
        Ok(())
    }

    pub(crate) fn missed(&self, reader: usize) -> Result<u64, Errno> {
        Ok(self.reader(reader)?.missed)
    }

    /// Whether a reader that waits for `bytes` need not wait.
    pub(crate) fn is_ready(&self, reader: usize, bytes: u64) -> Result<bool, Errno> {
        let closed = self.closed;
        let reader = self.reader(reader)?;
        let lag = self.published - reader.cursor;
        Ok(closed || reader.kicked.is_some() || lag >= bytes.clamp(1, self.capacity))
    }
}

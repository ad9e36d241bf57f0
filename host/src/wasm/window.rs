//! Windows: rings seen from inside of a sandbox.
//!
//! The host grows the task's linear memory by twice the ring's capacity and maps the ring over the
//! new pages twice in a row, so that the guest reads and writes messages where they lie and every
//! claim and batch is one piece. A subscriber's window can only be read. When the handle is closed
//! or taken away, private pages that cannot be touched are put there, so that a stale pointer is a
//! trap and the place is no memory beyond the task's limit; it is kept as a hole for the next window,
//! since linear memory never shrinks. When the task ends, windows and holes become ordinary private
//! pages again.
//!
//! Invariants: no window outlives its instance, because the memory's slot is used again by other
//! tasks: [`Windows`] puts pages back when it is dropped, before the instance is, and where that
//! fails the slot is never used again ([`Windows::is_poisoned`]). The host itself never touches a
//! window through a reference: the ring's other end may be writing.

use std::ptr;
use std::sync::Arc;

use okernel_abi::Errno;
use okernel_ring::{Backing, Ring};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use wasmtime::{Caller, Memory};

use super::limits::{WASM_PAGE_BYTES, WINDOW_BYTES_MAX, WINDOWS_MAX};
use super::scribble::Scribbles;
use super::state::State;

/// What a guest may do with a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// A subscriber's.
    Read,
    /// A publisher's.
    ReadWrite,
}

/// Whose an address of linear memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    /// The task's own memory, or none at all.
    Task,
    /// A window of the ring with this handle.
    Ring(u32),
    /// A hole: a ring was there.
    Nobody,
}

/// A ring that is mapped.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// The guest's handle of the ring.
    handle: u32,
    /// What the guest may do with it.
    access: Access,
    place: Place,
}

/// Bytes of linear memory, as offsets; both are multiples of a page of linear memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    start: usize,
    bytes: usize,
}

impl Place {
    fn end(self) -> usize {
        self.start + self.bytes
    }

    fn touches(self, start: usize, end: usize) -> bool {
        start < end && self.start < end && start < self.end()
    }
}

/// All windows of one task.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Address of linear memory, which does not move; 0 before the first window.
    base: usize,
    open: Vec<Window>,
    holes: Vec<Place>,
    reserved_bytes: usize,
    poisoned: bool,
    scribbles: Arc<Scribbles>,
}

impl Windows {
    /// Linear memory that was grown for windows, in bytes: it does not count as the task's own.
    pub(super) fn reserved_bytes(&self) -> usize {
        self.reserved_bytes
    }

    /// What the signal handler knows.
    pub(super) fn scribbles(&self) -> &Arc<Scribbles> {
        &self.scribbles
    }

    /// Whether a window could not be taken away. The task must end and its memory must never be used
    /// again.
    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// The address in linear memory of the window of this handle.
    pub(super) fn address_of(&self, handle: u32) -> Option<u32> {
        let window = self.open.iter().find(|window| window.handle == handle)?;
        u32::try_from(window.place.start).ok()
    }

    /// Whether the range of linear memory from `start` to `end` shares no byte with a hole, and with
    /// no window but those that `allowed` takes.
    pub(super) fn permit(
        &self,
        start: usize,
        end: usize,
        allowed: impl Fn(Access) -> bool,
    ) -> bool {
        let window = |window: &Window| window.place.touches(start, end) && !allowed(window.access);
        let hole = |hole: &Place| hole.touches(start, end);
        !self.open.iter().any(window) && !self.holes.iter().any(hole)
    }

    /// What is at this address of linear memory.
    pub(super) fn at(&self, address: usize) -> Whose {
        let end = address.saturating_add(1);
        if let Some(window) = self
            .open
            .iter()
            .find(|window| window.place.touches(address, end))
        {
            return Whose::Ring(window.handle);
        }
        let hole = self.holes.iter().any(|hole| hole.touches(address, end));
        if hole { Whose::Nobody } else { Whose::Task }
    }

    /// Handles and access of all windows.
    pub(super) fn open(&self) -> impl Iterator<Item = (u32, Access)> + '_ {
        self.open
            .iter()
            .map(|window| (window.handle, window.access))
    }

    /// Takes the window of this handle away, if there is one.
    pub(super) fn unmap(&mut self, handle: u32) {
        let Some(index) = self.open.iter().position(|window| window.handle == handle) else {
            return;
        };
        let place = self.open[index].place;
        if self.replace(place, ProtFlags::empty()) {
            self.open.swap_remove(index);
            self.add_hole(place);
        }
    }

    /// Makes ordinary private memory of everything. For the end of the task.
    pub(super) fn put_back(&mut self) {
        for place in std::mem::take(&mut self.holes) {
            self.replace(place, ProtFlags::READ | ProtFlags::WRITE);
        }
        for window in std::mem::take(&mut self.open) {
            self.replace(window.place, ProtFlags::READ | ProtFlags::WRITE);
        }
    }

    /// Takes the first hole that is large enough.
    fn take_hole(&mut self, bytes: usize) -> Option<Place> {
        let index = self.holes.iter().position(|hole| hole.bytes >= bytes)?;
        let hole = self.holes.swap_remove(index);
        if hole.bytes > bytes {
            self.holes.push(Place {
                start: hole.start + bytes,
                bytes: hole.bytes - bytes,
            });
        }
        Some(Place {
            start: hole.start,
            bytes,
        })
    }

    /// Remembers a free place, joined with the free places beside it.
    fn add_hole(&mut self, hole: Place) {
        self.holes.push(hole);
        self.holes.sort_unstable();
        self.holes.dedup_by(|next, hole| {
            let beside = hole.end() == next.start;
            if beside {
                hole.bytes += next.bytes;
            }
            beside
        });
    }

    /// Maps a ring over a place of linear memory, twice in a row.
    fn map(
        &mut self,
        place: Place,
        backing: Backing<'_>,
        access: Access,
    ) -> rustix::io::Result<()> {
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        for start in [place.start, place.start + backing.bytes] {
            // SAFETY: the place was grown for windows alone, so it lies in this task's linear memory
            // and nothing of the host's is there; the file is at least as long as the ring.
            let mapped = unsafe {
                rustix::mm::mmap(
                    ptr::with_exposed_provenance_mut(self.base + start),
                    backing.bytes,
                    protection,
                    MapFlags::SHARED | MapFlags::FIXED,
                    backing.fd,
                    0,
                )
            };
            if let Err(errno) = mapped {
                if self.replace(place, ProtFlags::empty()) {
                    self.add_hole(place);
                }
                return Err(errno);
            }
        }
        Ok(())
    }

    /// Replaces what is mapped at a place by zeroed private pages.
    fn replace(&mut self, place: Place, protection: ProtFlags) -> bool {
        let start = ptr::with_exposed_provenance_mut(self.base + place.start);
        // SAFETY: as in `map`: the place belongs to this task's windows, and no reference points there.
        let replaced = unsafe {
            rustix::mm::mmap_anonymous(
                start,
                place.bytes,
                protection,
                MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
            )
        };
        if let Err(errno) = replaced {
            self.poisoned = true;
            tracing::error!(%errno, "a window cannot be taken away: its task ends");
            // SAFETY: as above; taking rights away from whole mappings needs no new ones.
            let _ = unsafe { rustix::mm::mprotect(start, place.bytes, MprotectFlags::empty()) };
        }
        replaced.is_ok()
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// Maps a ring into the memory of the calling guest; answers the address there.
///
/// # Errors
/// Limit: too many windows, or too many bytes of them, or the memory cannot grow, or the operating
/// system refuses the mapping. Unsupported: the ring is too small for a window.
pub(super) fn map_ring(
    caller: &mut Caller<'_, State>,
    memory: Memory,
    handle: u32,
    ring: &Ring,
    access: Access,
) -> Result<u32, Errno> {
    let backing = ring.backing().ok_or(Errno::Unsupported)?;
    let bytes = backing.bytes.checked_mul(2).ok_or(Errno::TooLarge)?;
    if bytes % WASM_PAGE_BYTES != 0 {
        return Err(Errno::Unsupported);
    }
    if caller.data().windows.open.len() >= WINDOWS_MAX {
        return Err(Errno::Limit);
    }
    let place = match caller.data_mut().windows.take_hole(bytes) {
        Some(place) => place,
        None => grow(caller, memory, bytes)?,
    };
    let base = memory.data_ptr(&*caller).expose_provenance();
    let windows = &mut caller.data_mut().windows;
    windows.base = base;
    windows.map(place, backing, access).map_err(|errno| {
        tracing::warn!(%errno, bytes, "a ring cannot be mapped: is vm.max_map_count reached?");
        Errno::Limit
    })?;
    windows.scribbles.attach(base);
    windows
        .scribbles
        .watch(base + place.start..base + place.end());
    windows.open.push(Window {
        handle,
        access,
        place,
    });
    u32::try_from(place.start).map_err(|_| Errno::Limit)
}

/// Adds `bytes` to the guest's memory for windows.
fn grow(caller: &mut Caller<'_, State>, memory: Memory, bytes: usize) -> Result<Place, Errno> {
    let state = caller.data_mut();
    let window_bytes = state.limits().window_bytes.min(WINDOW_BYTES_MAX as u64) as usize;
    let windows = &mut state.windows;
    if bytes > window_bytes.saturating_sub(windows.reserved_bytes) {
        return Err(Errno::Limit);
    }
    // Counted before the memory grows, so that the task's own limit does not apply.
    windows.reserved_bytes += bytes;
    match memory.grow(&mut *caller, (bytes / WASM_PAGE_BYTES) as u64) {
        Ok(pages) => Ok(Place {
            start: pages as usize * WASM_PAGE_BYTES,
            bytes,
        }),
        Err(_) => {
            caller.data_mut().windows.reserved_bytes -= bytes;
            Err(Errno::Limit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Windows};

    fn place(start: usize, bytes: usize) -> Place {
        Place { start, bytes }
    }

    #[test]
    fn holes_are_split_and_joined() {
        let mut windows = Windows::default();
        assert_eq!(windows.take_hole(1), None);
        windows.add_hole(place(100, 50));
        windows.add_hole(place(200, 50));
        assert_eq!(windows.take_hole(60), None);
        windows.add_hole(place(150, 50));
        assert_eq!(windows.holes, [place(100, 150)]);
        assert_eq!(windows.take_hole(60), Some(place(100, 60)));
        assert_eq!(windows.take_hole(90), Some(place(160, 90)));
        assert!(windows.holes.is_empty());
    }

    #[test]
    fn places_touch_when_they_share_a_byte() {
        let window = place(100, 50);
        assert!(window.touches(149, 150) && window.touches(0, 101) && window.touches(120, 121));
        assert!(!window.touches(150, 200) && !window.touches(0, 100));
        assert!(!window.touches(120, 120), "an empty range touches nothing");
    }
}

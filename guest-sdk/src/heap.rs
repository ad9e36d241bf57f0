//! A task's heap: what is left of the memory that its module begins with, page by page, and more from the kernel
//! when that is used up.
//!
//! The allocator is `talc`; here is only where its memory comes from. A module's static data ends somewhere within its
//! last 64 KiB, and what is left of these is there from the start. The allocator of the standard library
//! does not use it: it asks for another 64 KiB with the first `Box`, and touches both of its ends. For a small task
//! that costs more than the rest of its life: the memory's protection changes twice, and most of its pages are for nothing.
//!
//! Invariant: memory is claimed once, and only what lay behind the module's data or what `memory.grow` gave to this file:
//! what the kernel puts behind a task's memory in between, such as windows, is never taken for free.

/// The unit in which the operating system gives memory, in bytes.
const PAGE_BYTES: usize = 4096;

/// Where memory that lies ready from `start` up to `limit` is claimed up to, so that `wanted_bytes` more fit: whole
/// pages, and no more than there is.
fn claim_up_to(start: usize, limit: usize, wanted_bytes: usize) -> usize {
    match start.saturating_add(wanted_bytes) {
        end if end < limit => end.next_multiple_of(PAGE_BYTES).min(limit),
        _ => limit,
    }
}

/// How many of the bytes from `start` on can be used: the last one of the address space never is, or the end of a heap
/// that reaches so far would be the address 0.
fn usable_bytes(start: usize, bytes: usize) -> usize {
    bytes.min(usize::MAX - start)
}

#[cfg(target_arch = "wasm32")]
pub use in_the_sandbox::{Heap, Memory, new};

#[cfg(target_arch = "wasm32")]
mod in_the_sandbox {
    use super::{claim_up_to, usable_bytes};
    use core::alloc::Layout;
    use core::arch::wasm32::memory_grow;
    use core::ptr::{NonNull, with_exposed_provenance_mut};
    use talc::base::Talc;
    use talc::base::binning::Binning;
    use talc::cell::TalcSyncCell;
    use talc::source::Source;
    use talc::wasm::WasmBinning;

    /// The unit in which a module's memory grows, in bytes.
    const WASM_PAGE_BYTES: usize = 65536;
    /// What the allocator needs beside a block, in bytes: its tags, and once the heads of its lists.
    const OVERHEAD_BYTES: usize = 512;

    unsafe extern "C" {
        /// Where the module's static data ends, as the linker says.
        static __heap_base: u8;
        /// Where the memory that the module begins with ends.
        static __heap_end: u8;
    }

    /// The allocator of a task. The attribute `task` makes one the global one.
    pub type Heap = TalcSyncCell<Memory, WasmBinning>;

    /// A heap that has claimed nothing yet.
    pub const fn new() -> Heap {
        TalcSyncCell::new_wasm(Memory::Untouched)
    }

    /// How far a heap's memory is claimed.
    #[derive(Debug)]
    pub enum Memory {
        /// Nothing is.
        Untouched,
        /// What the module began with is, up to `end`.
        Initial {
            /// Where the next claim begins.
            end: NonNull<u8>,
        },
        /// All of that is, and whatever the kernel gave, the last of it up to `end`; `None` if none of it could be used.
        Grown {
            /// Where memory that is given next may go on.
            end: Option<NonNull<u8>>,
        },
    }

    // SAFETY: nothing here allocates.
    unsafe impl Source for Memory {
        fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
            let wanted_bytes = (layout.size())
                .checked_add(layout.align())
                .and_then(|bytes| bytes.checked_add(OVERHEAD_BYTES))
                .ok_or(())?;
            let (base, limit) = (
                (&raw const __heap_base).addr(),
                (&raw const __heap_end).addr(),
            );
            let last = match talc.source {
                Memory::Untouched => {
                    let bytes = claim_up_to(base, limit, wanted_bytes).saturating_sub(base);
                    let start = (&raw const __heap_base).cast_mut();
                    // SAFETY: the linker leaves what is behind the data to the heap, and it is claimed this once.
                    match unsafe { talc.claim(start, bytes) } {
                        Some(end) => {
                            talc.source = Memory::Initial { end };
                            return Ok(());
                        }
                        None => None,
                    }
                }
                Memory::Initial { end } if end.addr().get() < limit => {
                    let start = end.addr().get();
                    let up_to = claim_up_to(start, limit, wanted_bytes);
                    let up_to = end.as_ptr().wrapping_add(up_to - start);
                    // SAFETY: the heap ends at `end`, and what is behind it up to `limit` is not claimed yet.
                    let end = unsafe { talc.extend(end, up_to) };
                    talc.source = Memory::Initial { end };
                    return Ok(());
                }
                Memory::Initial { end } => Some(end),
                Memory::Grown { end } => end,
            };
            let pages = wanted_bytes.div_ceil(WASM_PAGE_BYTES);
            let grown = memory_grow::<0>(pages);
            if grown == usize::MAX {
                return Err(());
            }
            let start: *mut u8 = with_exposed_provenance_mut(grown * WASM_PAGE_BYTES);
            let bytes = usable_bytes(start.addr(), pages * WASM_PAGE_BYTES);
            let end = match last {
                // SAFETY: what was given lies right behind the heap that ends at `end`, and nothing else has it.
                Some(end) if end.as_ptr() == start => {
                    Some(unsafe { talc.extend(end, start.wrapping_add(bytes)) })
                }
                // SAFETY: the memory was just given, and nothing else has it.
                _ => unsafe { talc.claim(start, bytes) },
            };
            talc.source = Memory::Grown { end };
            end.map(|_| ()).ok_or(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PAGE_BYTES, claim_up_to, usable_bytes};

    #[test]
    fn what_lies_ready_is_claimed_by_pages() {
        let base = 16 * PAGE_BYTES + 100;
        let limit = 32 * PAGE_BYTES;
        assert_eq!(claim_up_to(base, limit, 10), 17 * PAGE_BYTES);
        assert_eq!(claim_up_to(17 * PAGE_BYTES, limit, 10), 18 * PAGE_BYTES);
        assert_eq!(claim_up_to(base, limit, PAGE_BYTES), 18 * PAGE_BYTES);
        for all in [16 * PAGE_BYTES - 100, 16 * PAGE_BYTES, usize::MAX] {
            assert_eq!(claim_up_to(base, limit, all), limit, "{all}");
        }
        assert_eq!(claim_up_to(limit, limit, 1), limit);
    }

    #[test]
    fn a_heap_that_reaches_the_last_page_has_an_end() {
        let last = 0usize.wrapping_sub(PAGE_BYTES);
        assert_eq!(usable_bytes(last, PAGE_BYTES), PAGE_BYTES - 1);
        assert_eq!(usable_bytes(last - PAGE_BYTES, PAGE_BYTES), PAGE_BYTES);
        let bytes = usable_bytes(last - PAGE_BYTES, 2 * PAGE_BYTES);
        assert_eq!(last.checked_add(bytes - PAGE_BYTES), Some(usize::MAX));
        assert_eq!(usable_bytes(0, usize::MAX), usize::MAX);
    }
}

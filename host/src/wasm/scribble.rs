//! Accesses to windows that the task may not make and the engine itself cannot turn into a trap.
//!
//! An ordinary store to a subscriber's window faults at an instruction that the engine knows may fault:
//! it becomes the usual out-of-bounds trap. The bulk instructions (`memory.copy`, `memory.fill`,
//! `memory.init`) are different: after one check of their bounds the engine copies with code of its
//! own, where a fault is a fault of the process and would end it. So a signal handler looks first: a
//! fault inside of the task's windows (or where one was) at an instruction that is not known to trap
//! gets a private page under its feet. The write lands in memory that nobody else sees, the ring is
//! untouched, and the task, which now sees a torn window, is ended at its next boundary: a tick, or
//! the end of the call.
//!
//! The handler runs in the middle of anything, so it allocates nothing and takes no lock: it reads
//! atomics, searches a sorted section of the compiled module, and makes one `mmap` call.
//!
//! Invariant: between the lowest and the highest address of a task's windows there are only its own
//! memory, which can be written, its windows, and holes where windows were. So a fault there is an
//! access that the task may not make, and nothing else is ever papered over.

use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection};
use rustix::mm::{MapFlags, ProtFlags};
use wasmtime::unix::StoreExt;
use wasmtime::{Module, Store};

use super::limits::WASM_PAGE_BYTES;

/// The section of a compiled module that lists its instructions that may trap.
const TRAP_SECTION: &str = ".wasmtime.traps";

/// What the signal handler of one task reads and notes.
#[derive(Debug, Default)]
pub(super) struct Scribbles {
    /// Address of linear memory; pages of windows are counted from it.
    base: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    fault_address: AtomicUsize,
    scribbled: AtomicBool,
}

impl Scribbles {
    /// Tells where linear memory is.
    pub(super) fn attach(&self, base: usize) {
        self.base.store(base, Ordering::Relaxed);
    }

    /// Takes a window, a range of addresses, into care.
    pub(super) fn watch(&self, range: Range<usize>) {
        let start = match self.start.load(Ordering::Relaxed) {
            0 => range.start,
            start => start.min(range.start),
        };
        self.start.store(start, Ordering::Relaxed);
        self.end.fetch_max(range.end, Ordering::Relaxed);
    }

    /// Whether the task has touched a window in a way that it may not, by a bulk instruction.
    pub(super) fn happened(&self) -> bool {
        self.scribbled.load(Ordering::Relaxed)
    }

    /// Where in linear memory the last fault was, as an offset, if one was at or above its base.
    pub(super) fn fault_offset(&self) -> Option<usize> {
        let base = self.base.load(Ordering::Relaxed);
        let address = self.fault_address.load(Ordering::Relaxed);
        if base == 0 {
            None
        } else {
            address.checked_sub(base)
        }
    }

    /// The window page around a fault at `address`, as an address.
    fn page(&self, address: usize) -> Option<usize> {
        let span = self.start.load(Ordering::Relaxed)..self.end.load(Ordering::Relaxed);
        if !span.contains(&address) {
            return None;
        }
        let base = self.base.load(Ordering::Relaxed);
        Some(base + (address.checked_sub(base)? & !(WASM_PAGE_BYTES - 1)))
    }
}

/// The instructions of a module that are known to trap.
#[derive(Clone)]
pub(super) struct TrapTable {
    module: Module,
    section: Range<usize>,
}

impl TrapTable {
    /// Finds the table in the module's compiled image. None: the image is not of the form that
    /// this version of the engine writes.
    pub(super) fn of(module: &Module) -> Option<TrapTable> {
        let file = ElfFile64::<Endianness>::parse(image(module)).ok()?;
        let (offset, size) = file.section_by_name(TRAP_SECTION)?.file_range()?;
        let section = offset as usize..offset as usize + size as usize;
        image(module).get(section.clone())?;
        Some(TrapTable {
            module: module.clone(),
            section,
        })
    }

    /// Whether the engine turns a fault of the instruction at `pc` into a trap.
    fn traps_at(&self, pc: usize) -> bool {
        let text = self.module.text().as_ptr_range();
        let Some(offset) = pc.checked_sub(text.start as usize) else {
            return false;
        };
        let Some(section) = image(&self.module).get(self.section.clone()) else {
            return false;
        };
        pc < text.end as usize && wasmtime_environ::lookup_trap_code(section, offset).is_some()
    }
}

fn image(module: &Module) -> &[u8] {
    let range = module.image_range();
    // SAFETY: the engine says that the compiled image lies there; it is readable and unchanged for
    // as long as the module lives, and the slice borrows the module.
    unsafe { std::slice::from_raw_parts(range.start, range.end as usize - range.start as usize) }
}

/// Lets `scribbles` care for the faults of this store.
pub(super) fn install<T>(store: &mut Store<T>, scribbles: Arc<Scribbles>, traps: TrapTable) {
    // SAFETY: `handle` is async-signal-safe: no allocation, no lock, no panic, one system call.
    unsafe {
        store.set_signal_handler(move |signal, info, context| {
            if signal != libc::SIGSEGV {
                return false;
            }
            // The kernel hands valid pointers to a handler of this kind.
            handle(
                &scribbles,
                &traps,
                (*info).si_addr() as usize,
                program_counter(context),
            )
        });
    }
}

/// Whether the fault is dealt with, so that the instruction is to be executed again.
fn handle(scribbles: &Scribbles, traps: &TrapTable, address: usize, pc: Option<usize>) -> bool {
    scribbles.fault_address.store(address, Ordering::Relaxed);
    let Some(page) = scribbles.page(address) else {
        return false;
    };
    if pc.is_some_and(|pc| traps.traps_at(pc)) {
        return false;
    }
    // SAFETY: the page is one of a window or a hole in this task's linear memory (see the invariant):
    // no Rust reference points into it, and only this task uses the mapping.
    let mapped = unsafe {
        rustix::mm::mmap_anonymous(
            ptr::with_exposed_provenance_mut(page),
            WASM_PAGE_BYTES,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
        )
    };
    if mapped.is_ok() {
        scribbles.scribbled.store(true, Ordering::Relaxed);
    }
    mapped.is_ok()
}

/// The instruction that faulted. None where this is not known; then a plain store is treated as a
/// bulk instruction: the task ends a little later.
///
/// # Safety
/// `context` is what the kernel hands to a signal handler.
unsafe fn program_counter(context: *const libc::c_void) -> Option<usize> {
    let context = context.cast::<libc::ucontext_t>();
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    // SAFETY: as the caller promises.
    let pc = unsafe { Some((*context).uc_mcontext.gregs[libc::REG_RIP as usize] as usize) };
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    // SAFETY: as the caller promises.
    let pc = unsafe { Some((*context).uc_mcontext.pc as usize) };
    #[cfg(not(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )))]
    let pc = {
        let _ = context;
        None
    };
    pc
}

#[cfg(test)]
mod tests {
    use super::{Scribbles, TrapTable};
    use crate::wasm::engine::{Engines, Metering};
    use crate::wasm::limits;
    use wasmtime::Module;

    #[test]
    fn the_engine_lists_its_trapping_instructions_where_we_look() {
        let engines = Engines::new(limits::INSTANCES_MIN).unwrap();
        let text = r#"(module (memory (export "memory") 1)
            (func (export "store") (param i32) (i32.store (local.get 0) (i32.const 1))))"#;
        for metering in [Metering::Epoch, Metering::Trusted] {
            let module = Module::new(engines.get(metering), wat::parse_str(text).unwrap()).unwrap();
            let table = TrapTable::of(&module).expect("the section is there");
            let start = module.text().as_ptr() as usize;
            let known = (0..module.text().len())
                .filter(|at| table.traps_at(start + at))
                .count();
            assert!(
                known > 0 && known < module.text().len() / 4,
                "{known} trapping instructions"
            );
            assert!(!table.traps_at(0) && !table.traps_at(usize::MAX));
        }
    }

    #[test]
    fn only_faults_within_the_windows_are_cared_for() {
        let scribbles = Scribbles::default();
        assert_eq!(scribbles.page(0x5000_1234), None);
        let base = 0x5000_1000;
        scribbles.attach(base);
        scribbles.watch(base + 0x3_0000..base + 0x5_0000);
        scribbles.watch(base + 0x1_0000..base + 0x2_0000);
        assert_eq!(scribbles.page(base + 0xffff), None);
        assert_eq!(scribbles.page(base + 0x1_0000), Some(base + 0x1_0000));
        assert_eq!(scribbles.page(base + 0x4_ffff), Some(base + 0x4_0000));
        assert_eq!(scribbles.page(base + 0x5_0000), None);
        assert!(!scribbles.happened());
    }
}

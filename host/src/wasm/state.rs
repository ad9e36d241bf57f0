//! What the engine keeps for one guest while it runs: the store's data.
//!
//! During a call the guest's store owns the kernel's [`Context`], so a system call finds everything
//! behind one pointer: no thread-local, no lock, no table of tasks.
//!
//! Invariant: the context is here exactly while a call into the guest runs, and empty otherwise.

use std::sync::Arc;

use okernel_abi::{Errno, Handle};
use okernel_core::{Class, Context, Limits, SavedState};
use wasmtime::{Caller, Extern, Memory, ResourceLimiter};

use super::contract::MEMORY_EXPORT;
use super::limits::{DENSE_MEMORY_BYTES, TABLE_ELEMENTS_MAX};
use super::lines::SourceLines;
use super::window::{Access, Windows};

/// How many times its memory a task may take while it writes its state.
const SAVING_PART: u64 = 2;

/// Why a guest got no more memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MemoryRefused {
    /// It has as much as it may.
    Task,
    /// All guests together have as much as they may.
    Kernel,
}

/// The data of a guest's store.
pub(super) struct State {
    /// The kernel, during a call.
    pub(super) cx: Context,
    /// The rings that are mapped: none in a dense task.
    pub(super) windows: Windows,
    /// How the task lies in memory.
    pub(super) class: Class,
    /// The input of the running `exec`; otherwise the program that the task was spawned with.
    pub(super) input: Vec<u8>,
    /// What the guest said by `fault`.
    pub(super) reason: String,
    /// While `save` runs: what the guest has handed over by `state`.
    pub(super) saving: Option<Option<SavedState>>,
    /// Where its code is in its sources, if that is known.
    pub(super) lines: Option<Arc<SourceLines>>,
    /// Handles of windows that were taken away and of which the guest has not been told.
    pub(super) lost_windows: Vec<u32>,
    /// Set when the guest asked for more memory than there is for it.
    pub(super) memory_refused: Option<MemoryRefused>,
    memory: Option<Memory>,
    limits: Limits,
    revocations: u64,
}

impl State {
    /// For a guest of this class, with these limits.
    pub(super) fn new(class: Class, limits: &Limits) -> State {
        let memory_bytes = match class {
            Class::Ordinary => limits.memory_bytes,
            Class::Dense => limits.memory_bytes.min(DENSE_MEMORY_BYTES as u64),
        };
        let limits = Limits {
            memory_bytes,
            ..*limits
        };
        State {
            class,
            cx: Context::empty(),
            windows: Windows::default(),
            input: Vec::new(),
            reason: String::new(),
            saving: None,
            lines: None,
            lost_windows: Vec::new(),
            memory_refused: None,
            memory: None,
            limits,
            revocations: 0,
        }
    }

    /// Tells where the instance's memory is: at `base`, for good.
    pub(super) fn attach(&mut self, memory: Memory, base: *mut u8) {
        self.memory = Some(memory);
        self.windows.scribbles().attach(base.expose_provenance());
    }

    /// What the guest may use at most.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes away the windows of endpoints that the kernel has taken from the task. To be called
    /// before the guest goes on after anything that may have done so.
    pub(super) fn drop_revoked_windows(&mut self) {
        let revocations = self.cx.revocations();
        if revocations == self.revocations {
            return;
        }
        self.revocations = revocations;
        let open: Vec<(u32, Access)> = self.windows.open().collect();
        for (handle, access) in open {
            let end = self.cx.ring_end(Handle(handle));
            let held = end.is_ok_and(|end| end.reads.is_some() == (access == Access::Read));
            if !held {
                self.windows.unmap(handle);
                self.lost_windows.push(handle);
            }
        }
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let own_bytes = desired.saturating_sub(self.windows.reserved_bytes()) as u64;
        // A task that is nearly as large as it may be can be saved too: its state is there twice for a moment.
        let counted = match self.saving {
            None => own_bytes,
            Some(_) => own_bytes / SAVING_PART,
        };
        if counted > self.limits.memory_bytes {
            self.memory_refused = Some(MemoryRefused::Task);
            return Ok(false);
        }
        if !self.cx.is_empty() && self.cx.memory_used(own_bytes).is_err() {
            self.memory_refused = Some(MemoryRefused::Kernel);
            return Ok(false);
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired as u64 <= self.limits.table_elements.min(TABLE_ELEMENTS_MAX as u64))
    }
}

/// The memory of the calling guest.
pub(super) fn memory_of(caller: &mut Caller<'_, State>) -> Result<Memory, Errno> {
    if let Some(memory) = caller.data().memory {
        return Ok(memory);
    }
    let Some(Extern::Memory(memory)) = caller.get_export(MEMORY_EXPORT) else {
        // A module without it is refused when it is loaded.
        return Err(Errno::Unsupported);
    };
    caller.data_mut().memory = Some(memory);
    Ok(memory)
}

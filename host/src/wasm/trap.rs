//! Why a guest ended, in words for a person.
//!
//! An engine's error becomes a [`Fault`]: who is to blame, one line, and where in the guest. What the
//! guest itself said by `fault` (a panic's message, mostly) goes before what the engine saw.

use okernel_core::{Class, Fault, FaultKind};
use wasmtime::{FrameInfo, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::engine::one_line;
use super::limits::{DENSE_INSTANCES_MAX, GUEST_STACK_BYTES};
use super::lines::SourceLines;
use super::preempt::Ended;
use super::printable::{escaped, printable, printable_form};
use super::state::{MemoryRefused, State};
use super::window::Whose;

/// The fault that this error of a call into the guest stands for.
pub(super) fn fault(error: &wasmtime::Error, state: &mut State) -> Fault {
    let reason = take_reason(state);
    let (kind, message) = if let Some(ended) = error.downcast_ref::<Ended>() {
        (ended_kind(*ended), ended.to_string())
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        trapped(*trap, reason, state)
    } else if error.is::<PoolConcurrencyLimitError>() {
        (FaultKind::Limit, no_slot(state.class))
    } else if state.memory_refused.is_some() {
        (FaultKind::Limit, memory_limit(state))
    } else {
        (FaultKind::Refused, one_line(error))
    };
    Fault {
        kind,
        message,
        backtrace: backtrace(error, state.lines.as_deref()),
    }
}

/// The fault of a guest that answered that it failed.
pub(super) fn answered(state: &mut State, call: &str) -> Fault {
    // In lines, as the guest wrote it: a caret would have nothing to point at.
    let reason = std::mem::take(&mut state.reason);
    let lines: Vec<String> = reason.trim().lines().map(escaped).collect();
    if lines.is_empty() {
        return Fault::new(FaultKind::Err, format!("{call} failed and did not say why"));
    }
    Fault::new(FaultKind::Err, lines.join("\n"))
}

/// The fault of a guest that must end though its call came back.
pub(super) fn ended(ended: Ended) -> Fault {
    Fault::new(ended_kind(ended), ended.to_string())
}

/// What the guest said by `fault`, as one line.
fn take_reason(state: &mut State) -> String {
    let text = std::mem::take(&mut state.reason);
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty()).map(escaped);
    lines.collect::<Vec<_>>().join(" ")
}

fn ended_kind(ended: Ended) -> FaultKind {
    match ended {
        Ended::Killed => FaultKind::Refused,
        Ended::Overdue => FaultKind::Limit,
        Ended::Scribbled => FaultKind::Trap,
        Ended::Poisoned => FaultKind::Host,
    }
}

fn trapped(trap: Trap, reason: String, state: &State) -> (FaultKind, String) {
    let said = |text: String| {
        if reason.is_empty() {
            text
        } else {
            format!("{reason}: {text}")
        }
    };
    match trap {
        // This is how a guest stops itself: it has told why, or ran out of memory.
        Trap::UnreachableCodeReached if state.memory_refused.is_some() => {
            (FaultKind::Limit, said(memory_limit(state)))
        }
        Trap::UnreachableCodeReached if !reason.is_empty() => (FaultKind::Panic, reason),
        Trap::UnreachableCodeReached => (
            FaultKind::Trap,
            "unreachable code reached: the task aborted".to_string(),
        ),
        Trap::StackOverflow => {
            let text = format!("the stack of {} KiB overflowed", GUEST_STACK_BYTES / 1024);
            (FaultKind::Trap, said(text))
        }
        Trap::MemoryOutOfBounds => (FaultKind::Trap, said(memory_access(state))),
        other => (FaultKind::Trap, said(without_prefix(&other.to_string()))),
    }
}

/// That all slots of a class are taken. A scheduler says so: it does not look at the machine for it.
fn no_slot(class: Class) -> String {
    match class {
        Class::Ordinary => {
            "no room for another task: 'okernel doctor' says what bounds them, and what to change; dense ones \
             (load with `dense) have room of their own"
                .to_string()
        }
        Class::Dense => format!(
            "no room for another dense task: there are {DENSE_INSTANCES_MAX} at most, and fewer where 'ulimit -v' \
             bounds them"
        ),
    }
}

fn memory_limit(state: &State) -> String {
    match state.memory_refused {
        None | Some(MemoryRefused::Task) => format!(
            "the memory limit of {} bytes is reached",
            state.limits().memory_bytes
        ),
        Some(MemoryRefused::Kernel) => {
            "all tasks together have as much memory as they may: boot with a larger --limit all_memory"
                .to_string()
        }
    }
}

/// What a bad access hit: most often the end of memory, sometimes a ring that can only be read.
fn memory_access(state: &State) -> String {
    let Some(offset) = state.windows.scribbles().fault_offset() else {
        return "memory access out of bounds".to_string();
    };
    let handle = match state.windows.at(offset) {
        Whose::Task => return format!("memory access out of bounds at address {offset:#x}"),
        Whose::Nobody => {
            return "touched a ring that was closed, given away or taken back".to_string();
        }
        Whose::Ring(handle) => handle,
    };
    let grants = if state.cx.is_empty() {
        &[]
    } else {
        state.cx.grants()
    };
    let name = grants.iter().find(|(_, known)| known.0 == handle);
    match name {
        Some((name, _)) => format!("wrote to the ring '{name}', which the task can only read"),
        None => "wrote to a ring that the task can only read".to_string(),
    }
}

fn without_prefix(text: &str) -> String {
    text.strip_prefix("wasm trap: ").unwrap_or(text).to_string()
}

/// One frame per line, innermost first, with its place in the sources where that is known.
fn backtrace(error: &wasmtime::Error, lines: Option<&SourceLines>) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let frames = backtrace.frames();
    let offsets: Vec<_> = frames.iter().map(FrameInfo::module_offset).collect();
    let places = lines.map_or(Vec::new(), |lines| lines.places(&offsets));
    let mut places = places.into_iter();
    let frames = frames.iter().enumerate().map(|(index, info)| {
        let line = frame(index, info);
        match places.next().flatten() {
            Some(place) => format!("{line} at {}", printable(&place)),
            None => line,
        }
    });
    frames.collect::<Vec<_>>().join("\n")
}

/// A frame without its place in the sources. Names are the module's, which may choose any; those of Rust are
/// shown as their programmer wrote them, without the hash.
fn frame(index: usize, frame: &FrameInfo) -> String {
    let function = match frame.func_name() {
        Some(name) => printable_form(&format_args!("{:#}", rustc_demangle::demangle(name))),
        None => format!("<wasm function {}>", frame.func_index()),
    };
    let module = frame.module().name();
    let module = module.map_or(String::new(), |name| format!("{}!", printable(name)));
    let offset = frame.module_offset().unwrap_or(0);
    format!("{index}: {offset:#8x} - {module}{function}")
}

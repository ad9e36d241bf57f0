//! What concerns the task itself: its input and arguments, its requests of the kernel, its end.

use okernel_abi::layout::{Executed, REPORT_BYTES_MAX};
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use okernel_core::limits::REQUEST_BYTES_MAX;
use okernel_core::{Resumed, SavedState};

use super::Guest;
use crate::wasm::limits::FAULT_BYTES_MAX;
use crate::wasm::user::split;

pub(in crate::wasm) fn input(guest: Guest<'_, '_>, address: u32, bytes: u32) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    range.copy_from(&state.input);
    Ok(state.input.len() as u64)
}

pub(in crate::wasm) fn args(guest: Guest<'_, '_>, address: u32, bytes: u32) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let args = state.cx.args().iter().map(|arg| Value::text(arg)).collect();
    let encoded = Value::List(args).to_bytes();
    range.copy_from(&encoded);
    Ok(encoded.len() as u64)
}

pub(in crate::wasm) fn request(
    guest: Guest<'_, '_>,
    right: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    state.cx.kind(Handle(right))?;
    if range.bytes() > REQUEST_BYTES_MAX {
        return Err(Errno::TooLarge);
    }
    let reply = state.cx.request(Handle(right), &range.to_vec());
    // The request may have given one of the task's own endpoints away.
    state.drop_revoked_windows();
    Ok(reply?.0.into())
}

pub(in crate::wasm) fn reply(
    guest: Guest<'_, '_>,
    reply: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let value = state.cx.reply(Handle(reply))?;
    range.copy_from(value);
    Ok(value.len() as u64)
}

pub(in crate::wasm) fn executed(guest: Guest<'_, '_>, status: u32) -> Result<u64, Errno> {
    let executed = Executed::from_number(status).ok_or(Errno::Invalid)?;
    guest.data_mut().cx.executed(executed)?;
    Ok(0)
}

pub(in crate::wasm) fn pause(guest: Guest<'_, '_>) -> Result<u64, Errno> {
    let state = guest.data_mut();
    if state.cx.slice_expired() && state.cx.preempt() == Resumed::Continue {
        state.drop_revoked_windows();
    }
    let unwanted = state.cx.is_killed() || state.cx.is_interrupted();
    Ok(u64::from(unwanted))
}

pub(in crate::wasm) fn memory(guest: Guest<'_, '_>) -> Result<u64, Errno> {
    Ok(guest.data().limits().memory_bytes)
}

pub(in crate::wasm) fn state(
    guest: Guest<'_, '_>,
    version: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let saved = state.saving.as_mut().ok_or(Errno::Invalid)?;
    *saved = Some(SavedState {
        version,
        bytes: range.to_vec(),
    });
    Ok(0)
}

pub(in crate::wasm) fn report(
    guest: Guest<'_, '_>,
    status: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let executed = Executed::from_number(status).ok_or(Errno::Invalid)?;
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    if range.bytes() > REPORT_BYTES_MAX {
        return Err(Errno::TooLarge);
    }
    state.cx.report(executed, range.to_vec())?;
    Ok(0)
}

pub(in crate::wasm) fn fault(guest: Guest<'_, '_>, address: u32, bytes: u32) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let mut text = vec![0; range.bytes().min(FAULT_BYTES_MAX)];
    range.copy_to(&mut text);
    state.reason = String::from_utf8_lossy(&text).into_owned();
    Ok(0)
}

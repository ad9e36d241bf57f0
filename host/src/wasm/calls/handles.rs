//! What a task holds: grants by name, handles, and waiting for them.

use okernel_abi::layout::GrantInfo;
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use okernel_core::Wait;

use super::Guest;
use crate::wasm::limits::NAME_BYTES_MAX;
use crate::wasm::user::split;

pub(in crate::wasm) fn grant(
    guest: Guest<'_, '_>,
    name: u32,
    name_bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, name, name_bytes)?;
    if range.bytes() > NAME_BYTES_MAX {
        return Err(Errno::NotGranted);
    }
    let name = range.to_vec();
    let name = std::str::from_utf8(&name).map_err(|_| Errno::Malformed)?;
    Ok(state.cx.grant(name)?.0.into())
}

pub(in crate::wasm) fn handle_kind(guest: Guest<'_, '_>, handle: u32) -> Result<u64, Errno> {
    let kind = guest.data().cx.kind(Handle(handle))?;
    Ok(u64::from(kind as u32))
}

pub(in crate::wasm) fn grants(
    guest: Guest<'_, '_>,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let names = state.cx.grants().iter().map(|(name, _)| name.clone());
    let encoded = Value::Symbols(names.collect()).to_bytes();
    range.copy_from(&encoded);
    Ok(encoded.len() as u64)
}

pub(in crate::wasm) fn grant_info(
    guest: Guest<'_, '_>,
    handle: u32,
    info: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, info, GrantInfo::BYTES as u32)?;
    range.copy_from(&state.cx.grant_info(Handle(handle))?.encode());
    Ok(0)
}

pub(in crate::wasm) fn close(guest: Guest<'_, '_>, handle: u32) -> Result<u64, Errno> {
    let state = guest.data_mut();
    state.windows.unmap(handle);
    state.cx.close(Handle(handle))?;
    Ok(0)
}

pub(in crate::wasm) fn wait(guest: Guest<'_, '_>, handle: u32, bytes: u32) -> Result<u64, Errno> {
    match guest.data_mut().cx.wait(Handle(handle), bytes as usize)? {
        Wait::Ready => Ok(1),
        Wait::Armed => Ok(0),
    }
}

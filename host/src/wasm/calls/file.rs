//! Files, read into the task's own memory and written from it.

use std::os::unix::fs::FileExt;

use okernel_abi::{Errno, Handle};
use okernel_core::write_errno;

use super::Guest;
use crate::wasm::limits::COPY_BYTES_MAX;
use crate::wasm::user::{Windowed, split};

pub(in crate::wasm) fn file_size(guest: Guest<'_, '_>, file: u32) -> Result<u64, Errno> {
    let file = guest.data().cx.file(Handle(file))?;
    Ok(file.file().metadata().map_err(|_| Errno::Io)?.len())
}

pub(in crate::wasm) fn file_read(
    guest: Guest<'_, '_>,
    file: u32,
    offset: u64,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    // The operating system writes, not our code, so a claimed part of the task's own ring will do.
    let range = memory.range_in(&state.windows, Windowed::OwnPublisher, address, bytes)?;
    let file = state.cx.file(Handle(file))?;
    let read = range
        .at_most(COPY_BYTES_MAX)
        .read_file(file.file(), offset)
        .map_err(|_| Errno::Io)?;
    Ok(read as u64)
}

pub(in crate::wasm) fn file_write(
    guest: Guest<'_, '_>,
    file: u32,
    offset: u64,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let file = state.cx.file(Handle(file))?.writable()?;
    let bytes = range.at_most(COPY_BYTES_MAX).to_vec();
    file.write_at(&bytes, offset)
        .map(|written| written as u64)
        .map_err(|error| write_errno(&error))
}

pub(in crate::wasm) fn file_resize(
    guest: Guest<'_, '_>,
    file: u32,
    bytes: u64,
) -> Result<u64, Errno> {
    guest.data().cx.file(Handle(file))?.resize(bytes)?;
    Ok(0)
}

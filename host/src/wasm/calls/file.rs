//! Files, read into the task's own memory and written from it.

use std::os::unix::fs::FileExt;

use okernel_abi::{Errno, Handle};
use okernel_core::{Meter, write_errno};

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
    let meter = state.cx.meter(Handle(file));
    let file = state.cx.file(Handle(file))?;
    let range = range.at_most(bytes_now(meter.as_ref())?);
    let read = range
        .read_file(file.file(), offset)
        .map_err(|_| Errno::Io)?;
    if let Some(meter) = meter {
        meter.settle(read as u64);
    }
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
    let meter = state.cx.meter(Handle(file));
    let file = state.cx.file(Handle(file))?.writable()?;
    let bytes = range.at_most(bytes_now(meter.as_ref())?).to_vec();
    if let Some(meter) = meter {
        // Counted beforehand, whatever comes of it: others may write by the same grant.
        meter.charge(bytes.len() as u64)?;
    }
    file.write_at(&bytes, offset)
        .map(|written| written as u64)
        .map_err(|error| write_errno(&error))
}

/// How many bytes a call may read or write.
fn bytes_now(meter: Option<&Meter>) -> Result<usize, Errno> {
    match meter {
        None => Ok(COPY_BYTES_MAX),
        Some(meter) => Ok(meter.room(1, COPY_BYTES_MAX as u64)? as usize),
    }
}

pub(in crate::wasm) fn file_resize(
    guest: Guest<'_, '_>,
    file: u32,
    bytes: u64,
) -> Result<u64, Errno> {
    let cx = &guest.data().cx;
    let meter = cx.meter(Handle(file));
    let file = cx.file(Handle(file))?;
    if let Some(meter) = meter {
        // What it grows by counts as written.
        let size = file.file().metadata().map_err(|_| Errno::Io)?.len();
        let grown = bytes.saturating_sub(size);
        if grown > 0 {
            meter.room(grown, grown)?;
            meter.charge(grown)?;
        }
    }
    file.resize(bytes)?;
    Ok(0)
}

//! Time, the console and the log.

use okernel_abi::layout::LogLevel;
use okernel_abi::{Errno, Handle};

use super::Guest;
use crate::wasm::limits::{COPY_BYTES_MAX, LOG_BYTES_MAX};
use crate::wasm::user::split;

pub(in crate::wasm) fn timer_set(
    guest: Guest<'_, '_>,
    timers: u32,
    delay_ns: u64,
    period_ns: u64,
) -> Result<u64, Errno> {
    let timer = guest
        .data_mut()
        .cx
        .timer_set(Handle(timers), delay_ns, period_ns)?;
    Ok(timer.0.into())
}

pub(in crate::wasm) fn timer_take(guest: Guest<'_, '_>, timer: u32) -> Result<u64, Errno> {
    match guest.data_mut().cx.timer_take(Handle(timer))? {
        0 => Err(Errno::Again),
        fired => Ok(fired),
    }
}

pub(in crate::wasm) fn clock(guest: Guest<'_, '_>, clock: u32) -> Result<u64, Errno> {
    guest.data().cx.now_ns(Handle(clock))
}

pub(in crate::wasm) fn clock_utc(guest: Guest<'_, '_>, clock: u32) -> Result<u64, Errno> {
    guest.data().cx.utc_ns(Handle(clock))
}

pub(in crate::wasm) fn seed(guest: Guest<'_, '_>) -> Result<u64, Errno> {
    Ok(guest.data().cx.seed())
}

pub(in crate::wasm) fn console_write(
    guest: Guest<'_, '_>,
    console: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    // The right is checked before a large text is copied for nothing.
    state.cx.kind(Handle(console))?;
    if range.bytes() > COPY_BYTES_MAX {
        return Err(Errno::TooLarge);
    }
    state.cx.print(Handle(console), &range.to_vec())?;
    Ok(bytes.into())
}

pub(in crate::wasm) fn console_offer(
    guest: Guest<'_, '_>,
    console: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    state.cx.kind(Handle(console))?;
    if range.bytes() > COPY_BYTES_MAX {
        return Err(Errno::TooLarge);
    }
    state.cx.offer(Handle(console), &range.to_vec())?;
    Ok(0)
}

pub(in crate::wasm) fn log(
    guest: Guest<'_, '_>,
    level: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let level = LogLevel::from_number(level).ok_or(Errno::Invalid)?;
    let mut line = vec![0; range.bytes().min(LOG_BYTES_MAX)];
    range.copy_to(&mut line);
    state.cx.log(level, &String::from_utf8_lossy(&line))?;
    Ok(0)
}

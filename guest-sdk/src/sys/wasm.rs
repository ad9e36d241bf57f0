//! The system calls in the sandbox: imports made from the table, and a safe function for each.
//!
//! Guest addresses are 32 bits wide here, so every slice fits. The kernel refuses addresses that
//! lie in a window of a ring; where a slice is the user's (it may well be a batch), the call is
//! repeated with a copy.
//!
//! One of the few files with `unsafe`: calling an import is. Every import takes plain numbers, and the
//! kernel checks each of them; those that write to the task's memory are given a slice that is
//! borrowed mutably for as long as the call lasts.

use core::ptr::NonNull;
use okernel_abi::Errno;
use okernel_abi::layout::{GrantInfo, RingInfo};

/// What the kernel provides, by the names of the table.
mod import {
    macro_rules! imports {
        ($($(#[doc = $doc:literal])* fn $name:ident($($param:ident: $type:ident),*);)*) => {
            #[link(wasm_import_module = "okernel")]
            unsafe extern "C" {
                $($(#[doc = $doc])* pub fn $name($($param: $type),*) -> i64;)*
            }
        };
    }

    okernel_abi::syscalls!(imports);
}

/// Calls an import with plain numbers and checks the result.
macro_rules! call {
    ($name:ident($($argument:expr),*)) => {{
        // SAFETY: the import takes numbers; those that are addresses come from slices that are
        // borrowed for the duration of the call, mutably where the kernel writes.
        Errno::check(unsafe { import::$name($($argument),*) })
    }};
}

fn address(bytes: &[u8]) -> u32 {
    bytes.as_ptr() as usize as u32
}

fn address_mut(bytes: &mut [u8]) -> u32 {
    bytes.as_mut_ptr() as usize as u32
}

/// Repeats a call that reads `bytes` with a copy of them, if they lie in a window.
fn reading(bytes: &[u8], call: impl Fn(&[u8]) -> Result<u64, Errno>) -> Result<u64, Errno> {
    match call(bytes) {
        Err(Errno::BadAddress) => {
            let beside = bytes.to_vec();
            call(&beside)
        }
        result => result,
    }
}

/// Repeats a call that writes to `bytes` with a buffer beside, if they lie in a window.
fn writing(bytes: &mut [u8], call: impl Fn(&mut [u8]) -> Result<u64, Errno>) -> Result<u64, Errno> {
    match call(bytes) {
        Err(Errno::BadAddress) => {
            let mut beside = vec![0; bytes.len()];
            let written = call(&mut beside)?;
            let length = bytes.len().min(written as usize);
            bytes[..length].copy_from_slice(&beside[..length]);
            Ok(written)
        }
        result => result,
    }
}

pub(crate) fn grant(name: &str) -> Result<u32, Errno> {
    Ok(call!(grant(address(name.as_bytes()), name.len() as u32))? as u32)
}

pub(crate) fn handle_kind(handle: u32) -> Result<u32, Errno> {
    Ok(call!(handle_kind(handle))? as u32)
}

pub(crate) fn close(handle: u32) -> Result<(), Errno> {
    call!(close(handle)).map(drop)
}

pub(crate) fn wait(handle: u32, bytes: u32) -> Result<u64, Errno> {
    call!(wait(handle, bytes))
}

pub(crate) fn ring_info(handle: u32) -> Result<RingInfo, Errno> {
    let mut bytes = [0; RingInfo::BYTES];
    call!(ring_info(handle, address_mut(&mut bytes)))?;
    RingInfo::decode(&bytes).ok_or(Errno::Unsupported)
}

pub(crate) fn grant_info(handle: u32) -> Result<GrantInfo, Errno> {
    let mut bytes = [0; GrantInfo::BYTES];
    call!(grant_info(handle, address_mut(&mut bytes)))?;
    Ok(GrantInfo::decode(&bytes))
}

/// Where a ring lies in the task's memory, for as long as its handle is open.
pub(crate) struct Mapping(NonNull<u8>);

impl Mapping {
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.0
    }
}

pub(crate) fn ring_map(handle: u32) -> Result<Mapping, Errno> {
    let address = call!(ring_map(handle))? as usize;
    NonNull::new(address as *mut u8)
        .map(Mapping)
        .ok_or(Errno::Unsupported)
}

/// Which task this is, where several share a program: there is one in a sandbox.
pub(crate) fn task_number() -> usize {
    0
}

#[inline]
pub(crate) fn pub_claim(handle: u32, min: u32, max: u32) -> Result<u64, Errno> {
    call!(pub_claim(handle, min, max))
}

#[inline]
pub(crate) fn pub_commit(handle: u32, bytes: u32) -> Result<(), Errno> {
    call!(pub_commit(handle, bytes)).map(drop)
}

pub(crate) fn pub_write(handle: u32, bytes: &[u8]) -> Result<(), Errno> {
    reading(bytes, |bytes| {
        call!(pub_write(handle, address(bytes), bytes.len() as u32))
    })
    .map(drop)
}

#[inline]
pub(crate) fn sub_readable(handle: u32) -> Result<u64, Errno> {
    call!(sub_readable(handle))
}

#[inline]
pub(crate) fn sub_release(handle: u32, bytes: u32) -> Result<(), Errno> {
    call!(sub_release(handle, bytes)).map(drop)
}

pub(crate) fn sub_peek(handle: u32, skip: u32, into: &mut [u8]) -> Result<u64, Errno> {
    let length = into.len() as u32;
    call!(sub_peek(handle, skip, address_mut(into), length))
}

pub(crate) fn sub_missed(handle: u32) -> Result<u64, Errno> {
    call!(sub_missed(handle))
}

pub(crate) fn timer_set(timers: u32, delay_ns: u64, period_ns: u64) -> Result<u32, Errno> {
    Ok(call!(timer_set(timers, delay_ns, period_ns))? as u32)
}

pub(crate) fn timer_take(timer: u32) -> Result<u64, Errno> {
    call!(timer_take(timer))
}

pub(crate) fn clock(clock: u32) -> Result<u64, Errno> {
    call!(clock(clock))
}

pub(crate) fn clock_utc(clock: u32) -> Result<u64, Errno> {
    call!(clock_utc(clock))
}

pub(crate) fn seed() -> Result<u64, Errno> {
    call!(seed())
}

pub(crate) fn console_write(console: u32, bytes: &[u8]) -> Result<(), Errno> {
    reading(bytes, |bytes| {
        call!(console_write(console, address(bytes), bytes.len() as u32))
    })
    .map(drop)
}

pub(crate) fn console_offer(console: u32, names: &[u8]) -> Result<(), Errno> {
    reading(names, |names| {
        call!(console_offer(console, address(names), names.len() as u32))
    })
    .map(drop)
}

pub(crate) fn log(level: u32, text: &str) -> Result<(), Errno> {
    reading(text.as_bytes(), |bytes| {
        call!(log(level, address(bytes), bytes.len() as u32))
    })
    .map(drop)
}

pub(crate) fn input(into: &mut [u8]) -> Result<u64, Errno> {
    let length = into.len() as u32;
    call!(input(address_mut(into), length))
}

pub(crate) fn args(into: &mut [u8]) -> Result<u64, Errno> {
    let length = into.len() as u32;
    call!(args(address_mut(into), length))
}

pub(crate) fn grants(into: &mut [u8]) -> Result<u64, Errno> {
    let length = into.len() as u32;
    call!(grants(address_mut(into), length))
}

pub(crate) fn file_size(file: u32) -> Result<u64, Errno> {
    call!(file_size(file))
}

pub(crate) fn file_read(file: u32, offset: u64, into: &mut [u8]) -> Result<u64, Errno> {
    writing(into, |into| {
        let length = into.len() as u32;
        call!(file_read(file, offset, address_mut(into), length))
    })
}

pub(crate) fn file_write(file: u32, offset: u64, bytes: &[u8]) -> Result<u64, Errno> {
    reading(bytes, |bytes| {
        call!(file_write(file, offset, address(bytes), bytes.len() as u32))
    })
}

pub(crate) fn file_resize(file: u32, bytes: u64) -> Result<(), Errno> {
    call!(file_resize(file, bytes)).map(drop)
}

pub(crate) fn file_publish(file: u32, offset: u64, publisher: u32, max: u32) -> Result<u64, Errno> {
    call!(file_publish(file, offset, publisher, max))
}

pub(crate) fn request(right: u32, bytes: &[u8]) -> Result<u32, Errno> {
    let handle = reading(bytes, |bytes| {
        call!(request(right, address(bytes), bytes.len() as u32))
    })?;
    Ok(handle as u32)
}

pub(crate) fn reply(reply: u32, into: &mut [u8]) -> Result<u64, Errno> {
    let length = into.len() as u32;
    call!(reply(reply, address_mut(into), length))
}

pub(crate) fn executed(status: u32) -> Result<(), Errno> {
    call!(executed(status)).map(drop)
}

pub(crate) fn pause() -> Result<u64, Errno> {
    call!(pause())
}

pub(crate) fn memory() -> Result<u64, Errno> {
    call!(memory())
}

pub(crate) fn state(version: u32, bytes: &[u8]) -> Result<(), Errno> {
    reading(bytes, |bytes| {
        call!(state(version, address(bytes), bytes.len() as u32))
    })
    .map(drop)
}

pub(crate) fn report(status: u32, outcome: &[u8]) -> Result<(), Errno> {
    reading(outcome, |bytes| {
        call!(report(status, address(bytes), bytes.len() as u32))
    })
    .map(drop)
}

pub(crate) fn fault(text: &str) -> Result<(), Errno> {
    reading(text.as_bytes(), |bytes| {
        call!(fault(address(bytes), bytes.len() as u32))
    })
    .map(drop)
}

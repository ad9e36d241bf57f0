//! Both ends of a ring: in place through a window, or by copying.
//!
//! The kernel answers a grant without limits at once; one that it refuses is looked at again by
//! [`super::metered`], which counts. So a grant without limits pays nothing for those that have some.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use okernel_abi::layout::{COPY_RING_BYTES_MAX, HandleKind, RingInfo, Window};
use okernel_abi::{Errno, Handle};
use okernel_core::Class;
use okernel_ring::{ClaimError, Policy, Publisher, RecvError, Ring, Subscriber};

use super::{Guest, metered};
use crate::wasm::limits::COPY_BYTES_MAX;
use crate::wasm::state::{State, memory_of};
use crate::wasm::user::{UserRange, split};
use crate::wasm::window::{Access, map_ring};

pub(in crate::wasm) fn ring_info(
    guest: Guest<'_, '_>,
    handle: u32,
    info: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, info, RingInfo::BYTES as u32)?;
    let end = ring_end(state, Handle(handle))?;
    let info = RingInfo {
        capacity_bytes: end.ring.capacity_bytes() as u64,
        position: end.position,
        kind: end.kind,
        window: if end.access.is_some() {
            Window::Map
        } else {
            Window::Copy
        },
    };
    range.copy_from(&info.encode());
    Ok(0)
}

pub(in crate::wasm) fn ring_map(guest: Guest<'_, '_>, handle: u32) -> Result<u64, Errno> {
    let end = ring_end(guest.data_mut(), Handle(handle))?;
    if let Some(address) = guest.data().windows.address_of(handle) {
        return Ok(address.into());
    }
    let access = end.access.ok_or(Errno::Unsupported)?;
    let memory = memory_of(guest)?;
    map_ring(guest, memory, handle, &end.ring, access).map(u64::from)
}

/// One end of a ring, as a guest may know it.
struct RingEnd {
    ring: Ring,
    position: u64,
    kind: HandleKind,
    /// How it can be mapped, if it can: small rings are not worth it, dense tasks have no room for
    /// windows, a reader that may be overtaken must not look at bytes that the publisher is writing, and what is
    /// counted goes through calls.
    access: Option<Access>,
}

fn ring_end(state: &mut State, handle: Handle) -> Result<RingEnd, Errno> {
    let end = state.cx.ring_end(handle)?;
    let (kind, access) = match end.reads {
        None => (HandleKind::Publisher, Some(Access::ReadWrite)),
        Some(Policy::Block) => (HandleKind::Subscriber, Some(Access::Read)),
        Some(Policy::Lap | Policy::Kick) => (HandleKind::Subscriber, None),
    };
    let small = end.ring.capacity_bytes() as u64 <= COPY_RING_BYTES_MAX;
    let counted = state.cx.meter(handle).is_some();
    let mapped = !small && !counted && state.class == Class::Ordinary;
    Ok(RingEnd {
        ring: end.ring,
        position: end.position,
        kind,
        access: access.filter(|_| mapped),
    })
}

pub(super) fn claim_errno(error: ClaimError) -> Errno {
    match error {
        ClaimError::Full => Errno::Again,
        ClaimError::Closed => Errno::Closed,
        ClaimError::TooLarge => Errno::TooLarge,
    }
}

pub(super) fn recv_errno(error: RecvError) -> Errno {
    match error {
        RecvError::Empty => Errno::Again,
        RecvError::Closed => Errno::Closed,
        RecvError::Lapped { .. } => Errno::Lapped,
        RecvError::Kicked { .. } => Errno::Kicked,
    }
}

pub(in crate::wasm) fn pub_claim(
    guest: Guest<'_, '_>,
    handle: u32,
    min: u32,
    max: u32,
) -> Result<u64, Errno> {
    if min > max {
        return Err(Errno::Invalid);
    }
    let state = guest.data_mut();
    let message_bytes = u32::try_from(state.limits().message_bytes).unwrap_or(u32::MAX);
    if min > message_bytes {
        return Err(Errno::TooLarge);
    }
    let max = max.min(message_bytes);
    let cx = &mut state.cx;
    let publisher = match cx.publisher(Handle(handle)) {
        Ok(publisher) => publisher,
        Err(errno) => return metered::claim(cx, Handle(handle), min, max, errno),
    };
    let granted = publisher
        .grant(min as usize, max as usize)
        .map_err(claim_errno)?;
    Ok(granted as u64)
}

pub(in crate::wasm) fn pub_commit(
    guest: Guest<'_, '_>,
    handle: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let cx = &mut guest.data_mut().cx;
    let publisher = match cx.publisher(Handle(handle)) {
        Ok(publisher) => publisher,
        Err(errno) => return metered::commit(cx, Handle(handle), bytes, errno),
    };
    publisher
        .commit(bytes as usize)
        .map_err(|_| Errno::Invalid)?;
    Ok(bytes.into())
}

pub(in crate::wasm) fn pub_write(
    guest: Guest<'_, '_>,
    handle: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let message_bytes = state.limits().message_bytes;
    if range.bytes() > COPY_BYTES_MAX || u64::from(bytes) > message_bytes {
        return Err(Errno::TooLarge);
    }
    let cx = &mut state.cx;
    let publisher = match cx.publisher(Handle(handle)) {
        Ok(publisher) => publisher,
        Err(errno) => return metered::write(cx, Handle(handle), range, errno),
    };
    write(publisher, range, || Ok(()))
}

/// Publishes a copy of the range, if `charge` lets it pass.
#[inline]
pub(super) fn write(
    publisher: &mut Publisher,
    range: UserRange<'_>,
    charge: impl FnOnce() -> Result<(), Errno>,
) -> Result<u64, Errno> {
    if range.bytes() == 0 {
        return Ok(0);
    }
    let mut claim = publisher.claim(range.bytes()).map_err(claim_errno)?;
    range.copy_to(&mut claim);
    charge()?;
    claim.commit(range.bytes()).map_err(|_| Errno::Invalid)?;
    Ok(range.bytes() as u64)
}

pub(in crate::wasm) fn sub_readable(guest: Guest<'_, '_>, handle: u32) -> Result<u64, Errno> {
    let cx = &mut guest.data_mut().cx;
    let subscriber = match cx.subscriber(Handle(handle)) {
        Ok(subscriber) => subscriber,
        Err(errno) => return metered::readable(cx, Handle(handle), errno),
    };
    subscriber
        .readable()
        .map(|bytes| bytes as u64)
        .map_err(recv_errno)
}

pub(in crate::wasm) fn sub_release(
    guest: Guest<'_, '_>,
    handle: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let cx = &mut guest.data_mut().cx;
    let subscriber = match cx.subscriber(Handle(handle)) {
        Ok(subscriber) => subscriber,
        Err(errno) => return metered::release(cx, Handle(handle), bytes, errno),
    };
    subscriber
        .release(bytes as usize)
        .map_err(|_| Errno::Invalid)?;
    Ok(bytes.into())
}

pub(in crate::wasm) fn sub_peek(
    guest: Guest<'_, '_>,
    handle: u32,
    skip: u32,
    address: u32,
    bytes: u32,
) -> Result<u64, Errno> {
    let (memory, state) = split(guest)?;
    let range = memory.range(&state.windows, address, bytes)?;
    let range = range.at_most(COPY_BYTES_MAX);
    let cx = &mut state.cx;
    let subscriber = match cx.subscriber(Handle(handle)) {
        Ok(subscriber) => subscriber,
        Err(errno) => return metered::peek(cx, Handle(handle), skip as usize, range, errno),
    };
    peek(subscriber, skip as usize, range)
}

/// Copies what lies behind the next `skip` bytes to the range; answers how much.
#[inline]
pub(super) fn peek(
    subscriber: &mut Subscriber,
    skip: usize,
    range: UserRange<'_>,
) -> Result<u64, Errno> {
    if subscriber.policy() == Policy::Block {
        let end = skip.saturating_add(range.bytes());
        let batch = subscriber.batch(end).map_err(recv_errno)?;
        return Ok(batch.get(skip..).map_or(0, |rest| range.copy_from(rest)) as u64);
    }
    // What may be overwritten meanwhile is copied beside first, and counts only if it was whole.
    let readable = subscriber.readable().map_err(recv_errno)?;
    let mut copy = vec![0; range.bytes().min(readable.saturating_sub(skip))];
    let copied = subscriber.peek(skip, &mut copy).map_err(recv_errno)?;
    Ok(range.copy_from(&copy[..copied]) as u64)
}

pub(in crate::wasm) fn sub_missed(guest: Guest<'_, '_>, handle: u32) -> Result<u64, Errno> {
    let end = guest.data_mut().cx.ring_end(Handle(handle))?;
    match end.reads {
        Some(_) => Ok(end.missed_bytes),
        None => Err(Errno::WrongKind),
    }
}

pub(in crate::wasm) fn file_publish(
    guest: Guest<'_, '_>,
    file: u32,
    offset: u64,
    publisher: u32,
    max: u32,
) -> Result<u64, Errno> {
    let state = guest.data_mut();
    let message_bytes = state.limits().message_bytes;
    let cx = &mut state.cx;
    let meters = [cx.meter(Handle(file)), cx.meter(Handle(publisher))];
    let meters = || meters.iter().flatten();
    let (file, publisher) = cx.file_and_publisher(Handle(file), Handle(publisher))?;
    if max == 0 {
        return Err(Errno::Invalid);
    }
    let most = u64::from(max).min(message_bytes).min(COPY_BYTES_MAX as u64);
    let most = meters().try_fold(most, |most, meter| meter.room(1, most))?;
    let granted = publisher.grant(1, most as usize).map_err(claim_errno)?;
    let mut claim = publisher.claim(granted).map_err(claim_errno)?;
    let read = read_at(file.file(), offset, &mut claim).map_err(|_| Errno::Io)?;
    meters().try_for_each(|meter| meter.charge(read as u64))?;
    claim.commit(read).map_err(|_| Errno::Invalid)?;
    Ok(read as u64)
}

fn read_at(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    if i64::try_from(offset).is_err() {
        return Ok(0);
    }
    loop {
        match file.read_at(into, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

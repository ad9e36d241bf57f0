//! Both ends of a ring whose grant is limited: what is used is counted.
//!
//! A publisher is given no more room than its rate and quota allow, and a subscriber is shown no more bytes; what
//! is committed and released is what counts. A subscriber that releases bytes without having read them has used
//! them all the same.

use okernel_abi::{Errno, Handle};
use okernel_core::{Context, Meter};
use okernel_ring::{Publisher, Subscriber};

use super::ring::{self, claim_errno, recv_errno};
use crate::wasm::user::UserRange;

/// The publisher with limits behind a handle that the kernel has refused with `errno` as one without.
fn publisher(
    cx: &mut Context,
    handle: Handle,
    errno: Errno,
) -> Result<(Meter, &mut Publisher), Errno> {
    cx.meter(handle).ok_or(errno)?;
    cx.metered_publisher(handle)
}

/// The subscriber with limits, likewise.
fn subscriber(
    cx: &mut Context,
    handle: Handle,
    errno: Errno,
) -> Result<(Meter, &mut Subscriber), Errno> {
    cx.meter(handle).ok_or(errno)?;
    cx.metered_subscriber(handle)
}

#[cold]
pub(super) fn claim(
    cx: &mut Context,
    handle: Handle,
    min: u32,
    max: u32,
    errno: Errno,
) -> Result<u64, Errno> {
    let (meter, publisher) = publisher(cx, handle, errno)?;
    let most = meter.room(min.into(), max.into())?;
    let granted = publisher
        .grant(min as usize, most as usize)
        .map_err(claim_errno)?;
    Ok(granted as u64)
}

#[cold]
pub(super) fn commit(
    cx: &mut Context,
    handle: Handle,
    bytes: u32,
    errno: Errno,
) -> Result<u64, Errno> {
    let (meter, publisher) = publisher(cx, handle, errno)?;
    if bytes as usize > publisher.granted_bytes() {
        return Err(Errno::Invalid);
    }
    meter.charge(bytes.into())?;
    publisher
        .commit(bytes as usize)
        .map_err(|_| Errno::Invalid)?;
    Ok(bytes.into())
}

#[cold]
pub(super) fn write(
    cx: &mut Context,
    handle: Handle,
    range: UserRange<'_>,
    errno: Errno,
) -> Result<u64, Errno> {
    let (meter, publisher) = publisher(cx, handle, errno)?;
    let bytes = range.bytes() as u64;
    // What `pub_claim` has promised holds.
    if range.bytes() > publisher.granted_bytes() {
        meter.room(bytes, bytes)?;
    }
    ring::write(publisher, range, || meter.charge(bytes))
}

#[cold]
pub(super) fn readable(cx: &mut Context, handle: Handle, errno: Errno) -> Result<u64, Errno> {
    let (meter, subscriber) = subscriber(cx, handle, errno)?;
    // The end of a ring is told whatever the limits are.
    let readable = subscriber.readable().map_err(recv_errno)?;
    meter.room(1, readable as u64)
}

#[cold]
pub(super) fn release(
    cx: &mut Context,
    handle: Handle,
    bytes: u32,
    errno: Errno,
) -> Result<u64, Errno> {
    let (meter, subscriber) = subscriber(cx, handle, errno)?;
    subscriber
        .release(bytes as usize)
        .map_err(|_| Errno::Invalid)?;
    meter.settle(bytes.into());
    Ok(bytes.into())
}

#[cold]
pub(super) fn peek(
    cx: &mut Context,
    handle: Handle,
    skip: usize,
    range: UserRange<'_>,
    errno: Errno,
) -> Result<u64, Errno> {
    let (meter, subscriber) = subscriber(cx, handle, errno)?;
    // What is shown is not more than may be taken.
    let room = meter.room(1, u64::MAX)?;
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    ring::peek(subscriber, skip, range.at_most(room.saturating_sub(skip)))
}

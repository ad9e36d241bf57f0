//! Both ends of a ring whose grant is limited: what is used is counted.
//!
//! A publisher is given no more room than its rate and quota allow, and a subscriber is shown no more bytes; what
//! is committed and released is what counts. A subscriber that releases bytes without having read them has used
//! them all the same.

use okernel_abi::{Errno, Handle};
use okernel_core::{Context, Meter};

use super::ring::{claim_errno, recv_errno};

/// A handle that the kernel has refused with `errno` as one without limits: it may be one with limits.
fn is_metered(cx: &Context, handle: Handle, errno: Errno) -> Result<(), Errno> {
    cx.meter(handle).map(drop).ok_or(errno)
}

#[cold]
pub(super) fn claim(
    cx: &mut Context,
    handle: Handle,
    min: u32,
    max: u32,
    errno: Errno,
) -> Result<u64, Errno> {
    is_metered(cx, handle, errno)?;
    let (meter, publisher) = cx.metered_publisher(handle)?;
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
    is_metered(cx, handle, errno)?;
    let (meter, publisher) = cx.metered_publisher(handle)?;
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
pub(super) fn readable(cx: &mut Context, handle: Handle, errno: Errno) -> Result<u64, Errno> {
    is_metered(cx, handle, errno)?;
    let (meter, subscriber) = cx.metered_subscriber(handle)?;
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
    is_metered(cx, handle, errno)?;
    let (meter, subscriber) = cx.metered_subscriber(handle)?;
    subscriber
        .release(bytes as usize)
        .map_err(|_| Errno::Invalid)?;
    meter.settle(bytes.into());
    Ok(bytes.into())
}

/// How many bytes may be looked at behind the next `skip`.
pub(super) fn units_after(meter: &Meter, skip: usize) -> Result<usize, Errno> {
    let room = meter.room(1, u64::MAX)?;
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    Ok(room.saturating_sub(skip))
}

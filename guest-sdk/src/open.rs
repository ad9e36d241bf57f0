//! From the name of a grant to something that can be used.

use crate::error::OpenError;
use crate::refused;
use crate::settle::Opened;
use crate::sys;
use crate::window::Window;
use okernel_abi::Errno;
use okernel_abi::layout::{HandleKind, RingInfo};

fn refused(name: &str, errno: Errno) -> OpenError {
    OpenError::Refused {
        name: name.to_string(),
        errno,
    }
}

/// The handle of the grant with this name, if it is of the kind that is wanted.
pub(crate) fn grant(name: &str, wanted: HandleKind) -> Result<u32, OpenError> {
    let handle = match sys::grant(name) {
        Ok(handle) => handle,
        Err(Errno::NotGranted) => {
            return Err(OpenError::NotGranted {
                name: name.to_string(),
                kind: wanted,
            });
        }
        Err(errno) => return Err(refused(name, errno)),
    };
    check_kind(name, handle, wanted)?;
    refused::name(handle, name);
    Ok(handle)
}

/// How many bytes one use of a grant takes: at most so many, and no more than its limits ever allow at once.
pub(crate) fn piece_bytes(handle: u32, most: usize) -> usize {
    let burst = sys::grant_info(handle).map_or(0, |info| info.burst);
    match usize::try_from(burst) {
        Ok(burst) if burst > 0 => most.min(burst),
        _ => most,
    }
}

/// What was granted under this name.
pub(crate) fn kind(name: &str) -> Result<HandleKind, OpenError> {
    let handle = sys::grant(name).map_err(|errno| refused(name, errno))?;
    kind_of(name, handle)
}

fn kind_of(name: &str, handle: u32) -> Result<HandleKind, OpenError> {
    let kind = sys::handle_kind(handle).map_err(|errno| refused(name, errno))?;
    HandleKind::from_number(kind).ok_or_else(|| refused(name, Errno::Unsupported))
}

fn check_kind(name: &str, handle: u32, wanted: HandleKind) -> Result<(), OpenError> {
    match kind_of(name, handle)? {
        found if found == wanted => Ok(()),
        found => Err(OpenError::WrongKind {
            name: name.to_string(),
            wanted,
            found,
        }),
    }
}

/// One end of a ring, opened.
pub(crate) struct RingEnd {
    pub(crate) opened: Opened,
    pub(crate) info: RingInfo,
    pub(crate) window: Window,
}

/// Opens an end of a ring for messages of `message_bytes`.
pub(crate) fn ring(
    name: &str,
    handle: u32,
    wanted: HandleKind,
    message_bytes: usize,
) -> Result<RingEnd, OpenError> {
    check_kind(name, handle, wanted)?;
    let info = sys::ring_info(handle).map_err(|errno| refused(name, errno))?;
    if message_bytes as u64 > info.capacity_bytes {
        return Err(OpenError::MessageTooLarge {
            name: name.to_string(),
            message_bytes,
            capacity_bytes: info.capacity_bytes,
        });
    }
    if info.position % message_bytes as u64 != 0 {
        return Err(OpenError::Unaligned {
            name: name.to_string(),
            position: info.position,
            message_bytes,
        });
    }
    let window = Window::open(handle, &info).map_err(|errno| refused(name, errno))?;
    let opened = Opened::new(handle).ok_or_else(|| OpenError::InUse {
        name: name.to_string(),
    })?;
    Ok(RingEnd {
        opened,
        info,
        window,
    })
}

/// What a handle without a name is called in errors.
pub(crate) fn handle_name(handle: u32) -> String {
    format!("handle {handle}")
}

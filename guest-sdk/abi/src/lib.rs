//! What the host and its guests agree on. The one crate that both sides of the sandbox see.
//!
//! Nothing here does anything: it names error codes, handles, system calls, memory layouts and
//! the encoding of values, so that the linker, the SDK and the reference page are made from one
//! source and cannot disagree.
//!
//! Invariants: no dependencies, no `unsafe`, `no_std`; every number in it is part of the contract,
//! so a number is never reused and [`ABI_VERSION`] grows when a meaning changes.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod connection;
pub mod errno;
pub mod frame;
pub mod handle;
pub mod layout;
pub mod setting;
pub mod syscalls;
pub mod value;
pub mod want;

pub use errno::Errno;
pub use handle::Handle;
pub use setting::Setting;
pub use want::Want;

/// The version of the contract. A module carries it in its custom section [`ABI_SECTION`]; the
/// host refuses a module whose version differs.
pub const ABI_VERSION: u32 = 1;

/// The name of the one import module that guests may import from.
pub const IMPORT_MODULE: &str = "okernel";

/// Custom section of a guest module: [`ABI_VERSION`] as four little-endian bytes.
pub const ABI_SECTION: &str = "okernel.abi";

/// Custom section of a guest module: the grants that it wants, as lines of UTF-8
/// (see [`Want`], for example `in subscriber`), one after another.
pub const WANTS_SECTION: &str = "okernel.wants";

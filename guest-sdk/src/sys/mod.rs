//! The system calls in one Rust shape, whatever carries them out.
//!
//! In a sandbox they are the imports made from the `syscalls!` table (`wasm.rs`); in a native
//! program, such as a unit test, a small stand-in for the kernel answers them (`native/`). Above
//! this module nothing knows the difference. Addresses appear as slices here, and results are
//! checked: [`Errno`](okernel_abi::Errno) or a number.

#[cfg(target_arch = "wasm32")]
mod wasm;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::*;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod native;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::calls::*;

//! A stand-in for the kernel, so that tasks compile, document and test natively.
//!
//! One thread is one world: its rings, its tasks and their grants, a clock that jumps to the next
//! timer when every task sleeps, a console and a log that are kept. It answers every call of the table,
//! with the same errors as the kernel. What it does not have is other threads.

pub(crate) mod calls;
pub(crate) mod memory;
pub(crate) mod ring;
pub(crate) mod world;

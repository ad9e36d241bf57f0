//! Wasm as our CPU: nothing else in the system names the engine that executes guests.
//!
//! In reading order: what bounds everything; the engines and their clock; what a module is, how it
//! is checked, compiled and kept on disk; the registry of modules; a running instance and the
//! memory it shares with rings; how calls from guests reach the kernel; how a guest is suspended or
//! ends.

pub mod limits;

pub mod engine;
pub mod ticker;

pub mod inspect;
pub mod cache;

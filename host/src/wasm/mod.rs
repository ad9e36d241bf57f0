//! Wasm as our CPU: nothing else in the system names the engine that executes guests.
//!
//! In reading order: what bounds everything; the engines and their clock; what a module is, how it
//! is kept on disk, compiled and found by name; what belongs to a running guest, the windows on its
//! rings, the check of its pointers; how its calls reach the kernel; how it runs, is suspended and
//! ends.

pub mod limits;

pub mod capacity;
mod dense;
pub mod engine;
pub mod ticker;

pub mod beside;
pub mod cache;
pub mod compile;
pub mod contract;
mod entry;
pub mod inspect;
mod lines;
mod loading;
pub mod module;
mod printable;
pub mod registry;
mod semaphore;
pub mod signature;
pub mod trust;

mod scribble;
mod state;
mod user;
mod window;

mod calls;
mod linker;

pub mod floor;
pub mod instance;
mod preempt;
pub mod price;
mod trap;

#[cfg(test)]
mod tests;

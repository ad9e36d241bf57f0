//! A core's input and output: what its poll waits for, and the pieces of the outside world.
//!
//! In reading order: the poll and its slots; the console; what `select` gives to tasks (sockets, files,
//! timers), each over a pair of rings.

pub(crate) mod alarm;
pub(crate) mod poll;
pub mod rings;
pub mod selector;
pub mod source;

pub mod console;
pub mod output;
pub mod script;

pub(crate) mod limits;
pub(crate) mod link;
pub(crate) mod select;
pub(crate) mod target;

mod connection;
mod file;
mod follow;
mod network;
mod ticks;
mod transport;

//! A core's input and output: what its poll waits for, and the pieces of the outside world.

pub(crate) mod alarm;
pub mod console;
pub mod output;
pub(crate) mod poll;
pub(crate) mod rings;
pub mod script;
pub(crate) mod selector;
pub mod source;

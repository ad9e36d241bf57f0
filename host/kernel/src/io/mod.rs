//! A core's input and output: what its poll waits for.

pub mod console;

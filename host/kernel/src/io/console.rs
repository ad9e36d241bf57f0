//! Skeleton of the console.

use std::io::{Read, Write};

/// What is written before each line is read, when a person types.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Before a new input, `o) `.
    pub ready: String,
    /// Before a further line of an incomplete input.
    pub more: String,
}

/// Where lines come from and output goes.
pub struct ConsoleConfig {
    /// Lines are read from here.
    pub source: Box<dyn Read + Send>,
    /// None: no prompt.
    pub prompt: Option<Prompt>,
}

/// Where output goes: given to the kernel before boot.
pub type Sink = Box<dyn Write + Send>;

//! The state of a machine as bytes, and a machine from such bytes.
//!
//! All that a computation is made of is data, so it can be written down between any two steps and go on
//! in another instance: on another core, with other symbol numbers, in a later process. What is
//! shared is written once and is shared again; what holds itself in a circle does so again. Code is
//! written as the text that it was compiled from, and compiled again: so no bytes can make code
//! that the compiler would not have made.
//!
//! | part | content |
//! |---|---|
//! | head | the four bytes `OKST`, the version as a word |
//! | symbols | their texts |
//! | sources | origin, first line, text, and the names that it could read beside globals |
//! | codes | which part of which source, and a sum over its operations |
//! | objects | what is shared, each after the objects that it refers to |
//! | cells | what the cells among the objects hold: only cells can close a circle |
//! | globals | names, bindings, views and who depends on what |
//! | machine | random numbers, stack, frames, and what comes next |
//!
//! Reading order: bytes, objects written, objects read, code found again, frames, the machine.
//!
//! Invariants: neither direction recurses; reading takes memory in proportion to the bytes, and
//! answers an error for any bytes that no machine wrote, but for values that make no sense together,
//! which give errors when they are used.

mod bytes;
mod codes;
mod error_form;
mod frames;
mod load;
mod objects;
mod save;
mod session;
mod whole;

use std::fmt;

/// The version of the form. States of other versions are refused.
pub const STATE_VERSION: u32 = 1;

/// Why a state cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// It is of another version of the interpreter.
    Version {
        /// Which.
        found: u32,
    },
    /// It is no state, or not whole.
    Damaged(&'static str),
    /// Memory does not suffice.
    Memory,
    /// Something is under way that cannot be written down; it will be over soon.
    Busy,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Version { found } => write!(
                f,
                "a state of version {found}, and this interpreter reads version {STATE_VERSION}"
            ),
            StateError::Damaged(what) => write!(f, "the state is damaged: {what}"),
            StateError::Memory => f.write_str("no memory for the state"),
            StateError::Busy => {
                f.write_str("a request is under way: try again when it is answered")
            }
        }
    }
}

impl std::error::Error for StateError {}

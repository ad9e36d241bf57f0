//! Why the kernel did not do what it was asked: a number for programs, a sentence for people.

use okernel_abi::Errno;
use okernel_abi::value::Value;
use std::fmt;

/// A request that was refused. The text names what was asked for and what would have been right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The kind of error.
    pub errno: Errno,
    /// One line: `operation: what is wrong`.
    pub text: String,
}

impl Refusal {
    /// A refusal with its text.
    pub fn new(errno: Errno, text: impl Into<String>) -> Refusal {
        Refusal {
            errno,
            text: text.into(),
        }
    }

    /// As the reply to a request.
    pub fn to_value(&self) -> Value {
        Value::Error(self.text.clone())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

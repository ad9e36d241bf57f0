//! The verbs: what they are called, then what they do to values, one file for each idea.

mod name;

pub use name::Verb;

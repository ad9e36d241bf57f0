//! The O language: a small array language of the K family, as a library without a host.
//!
//! Reading order: what values are, how they are written and read, what the verbs do, and what
//! goes wrong; then the machine that runs programs.

pub mod symbol;

pub mod value;

pub mod number;

pub mod calendar;

pub mod format;

pub mod verb;

pub mod pace;

pub mod random;

pub mod json;

pub mod encode;

pub mod error;

pub mod lexer;

pub mod brackets;

pub mod ast;

pub mod parser;

pub mod code;

pub mod env;

pub mod compile;

mod adverb;

mod amend;

mod apply;

mod native;

mod train;

mod frame;

pub mod effect;

pub mod help;

mod hint;

pub mod machine;

pub mod state;

pub mod command;

mod show;

pub mod outcome;

pub mod host;
mod script;
pub mod session;

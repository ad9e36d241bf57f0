//! The tests of the language as a whole, in one program.

mod state;
mod support;

mod conformance;
mod corpus;
mod deep;
mod docs;
mod laws;
mod machine;
mod properties;
mod reading;
mod session;
mod tables;
mod temporal;

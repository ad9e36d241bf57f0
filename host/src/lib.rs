//! The host: boots the kernel, runs guests, speaks with its user.
//!
//! Reading order: the CPU, the bring-up, the command line.

pub mod wasm;

pub mod boot;

pub mod cli;

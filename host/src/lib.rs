//! The host: boots the kernel, runs guests, speaks with its user.
//!
//! Reading order: the CPU, the console, the network, the bring-up, the command line.

pub mod wasm;

pub mod console;
pub mod web;

pub mod boot;

pub mod cli;

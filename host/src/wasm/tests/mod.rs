//! Tests of the Wasm side with small guests: hostile ones, mostly.

mod probe;
mod system;

mod calls;
mod dense;
mod limited;
mod pointers;
mod registry;
mod tasks;
mod upgrade;
mod windows;

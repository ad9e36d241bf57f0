//! Tests of the Wasm side with small guests: hostile ones, mostly.

mod probe;

mod windows;

//! The shell guest: the O language as a task of the kernel.
//!
//! One module, two roles. With the `system` right it is the shell: it takes inputs by `exec` and
//! may ask the kernel for everything. Without, it is a task that runs the O program that it was
//! spawned with, and has nothing but its grants, which the program finds as names.
#![cfg_attr(target_arch = "wasm32", no_main)]

#[path = "guest/answer.rs"]
mod answer;
#[path = "guest/files.rs"]
mod files;
#[path = "guest/heap.rs"]
mod heap;
#[path = "guest/kernel.rs"]
mod kernel;
#[path = "guest/ports.rs"]
mod ports;
#[path = "guest/task.rs"]
mod task;
#[path = "guest/tasks.rs"]
mod tasks;

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    // Natively there is nothing to run: `okernel` embeds this program's Wasm form.
}

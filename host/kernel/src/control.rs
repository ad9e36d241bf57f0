//! A door for foreign threads: whoever is no task asks the kernel here.

use crate::ids::{CoreId, TaskId};
use crate::inbox::Post;
use crate::kernel::Status;
use crate::spawn::Spawn;
use crate::wake::Signal;
use okernel_abi::layout::Executed;
use okernel_abi::value::Value;
use std::sync::Arc;

/// Asks the boot core on behalf of a foreign thread, with all rights. What is passed as `done` is
/// called on the boot core and must return at once; it is dropped unused if the kernel halts first.
#[derive(Clone, Debug)]
pub struct Control {
    signal: Arc<Signal>,
}

impl Control {
    pub(crate) fn new(signal: Arc<Signal>) -> Control {
        Control { signal }
    }

    /// Halts the kernel with this exit status, unless it halts already.
    pub fn halt(&self, status: Status) {
        self.signal.post(Post::Halt(status));
    }

    /// Makes a request, as a task with the system's right would; the answer may be an error value.
    pub fn request(&self, request: Value, done: impl FnOnce(Value) + Send + 'static) {
        let done = Box::new(done);
        self.signal.post(Post::Request { request, done });
    }

    /// Gives a task an input; `done` is told how it went, or why it never ran.
    pub fn exec(
        &self,
        task: TaskId,
        input: Vec<u8>,
        done: impl FnOnce(Result<Executed, String>) + Send + 'static,
    ) {
        let done = Box::new(done);
        self.signal.post(Post::Exec { task, input, done });
    }

    /// Lets a task give up the input that it works on: it fails with an error, and the next one comes. A
    /// task that has no input to work on goes on as if nothing had happened.
    pub fn interrupt(&self, task: TaskId) {
        self.signal.post(Post::Interrupt(task));
    }

    /// The person at the terminal interrupts: the input that runs is given up. Where a person is prompted
    /// the console goes on with a new prompt; otherwise the kernel halts with status
    /// [`INTERRUPTED`](crate::INTERRUPTED).
    pub fn interrupt_input(&self) {
        self.signal.post(Post::InterruptInput);
    }

    /// Spawns a task; the answer is its number, or an error value.
    pub fn spawn(&self, core: CoreId, spawn: Spawn, done: impl FnOnce(Value) + Send + 'static) {
        let (spawn, done) = (Box::new(spawn), Box::new(done));
        self.signal.post(Post::Spawn { core, spawn, done });
    }
}

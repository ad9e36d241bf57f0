//! Skeleton of the context: signatures are final, bodies follow.
#![allow(clippy::todo, unused_variables, missing_docs)]

use crate::capability::FileGrant;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::program::Limits;
use crate::task::{Resumed, Wait};
use okernel_abi::layout::{Executed, HandleKind, LogLevel};
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use okernel_ring::{Publisher, Subscriber};

/// What a task sees of the kernel while one of its calls runs. Owns the core during that call.
#[derive(Debug)]
pub struct Context {}

impl Context {
    /// Moves the context out, leaving an empty one (so that a Wasm store can own it during a call).
    pub fn take(&mut self) -> Context { todo!() }
    /// A context that holds nothing.
    pub fn empty() -> Context { todo!() }
    pub fn is_empty(&self) -> bool { todo!() }

    pub fn task(&self) -> TaskId { todo!() }
    pub fn core(&self) -> CoreId { todo!() }
    pub fn name(&self) -> &str { todo!() }
    pub fn args(&self) -> &[String] { todo!() }
    pub fn limits(&self) -> Limits { todo!() }
    /// Tells `ps` how much memory the task uses.
    pub fn memory_used(&mut self, bytes: u64) { todo!() }

    pub fn grant(&self, name: &str) -> Result<Handle, Errno> { todo!() }
    /// Names and handles of all grants.
    pub fn grants(&self) -> &[(String, Handle)] { todo!() }
    pub fn kind(&self, handle: Handle) -> Result<HandleKind, Errno> { todo!() }
    /// Number of an endpoint handle.
    pub fn endpoint(&self, handle: Handle) -> Result<EndpointId, Errno> { todo!() }
    pub fn publisher(&mut self, handle: Handle) -> Result<&mut Publisher, Errno> { todo!() }
    pub fn subscriber(&mut self, handle: Handle) -> Result<&mut Subscriber, Errno> { todo!() }
    pub fn file(&self, handle: Handle) -> Result<&FileGrant, Errno> { todo!() }
    /// Both at once, for `file_publish`.
    pub fn file_and_publisher(&mut self, file: Handle, publisher: Handle)
        -> Result<(&FileGrant, &mut Publisher), Errno> { todo!() }
    pub fn close(&mut self, handle: Handle) -> Result<(), Errno> { todo!() }
    /// Grows whenever the kernel took an endpoint away from this task (its handle answers Revoked from
    /// then on). Compare after `request` and on resume from `preempt`; then unmap the windows
    /// whose handles answer Revoked.
    pub fn revocations(&self) -> u64 { todo!() }

    pub fn wait(&mut self, handle: Handle, min_bytes: usize) -> Result<Wait, Errno> { todo!() }
    pub fn timer_set(&mut self, timers: Handle, delay_ns: u64, period_ns: u64) -> Result<Handle, Errno> { todo!() }
    pub fn timer_take(&mut self, timer: Handle) -> Result<u64, Errno> { todo!() }
    pub fn now_ns(&self, clock: Handle) -> Result<u64, Errno> { todo!() }
    pub fn log(&self, level: LogLevel, text: &str) { todo!() }
    /// All of the bytes, or Again.
    pub fn print(&mut self, console: Handle, bytes: &[u8]) -> Result<(), Errno> { todo!() }

    /// `request` is an encoded value. Malformed when it is not; a request that makes no sense is answered by
    /// an error value in the reply.
    pub fn request(&mut self, right: Handle, request: &[u8]) -> Result<Handle, Errno> { todo!() }
    /// The same for native tasks.
    pub fn request_value(&mut self, right: Handle, request: &Value) -> Result<Handle, Errno> { todo!() }
    /// The reply as an encoded value. Again while there is none. Close the handle when it was read.
    pub fn reply(&self, reply: Handle) -> Result<&[u8], Errno> { todo!() }
    /// Reports the end of the running exec.
    pub fn executed(&mut self, executed: Executed) -> Result<(), Errno> { todo!() }

    /// Whether this turn is over and somebody else has something to do. Call it from the epoch callback
    /// first; false = go on for another tick (the turn is prolonged when nobody waits).
    pub fn slice_expired(&mut self) -> bool { todo!() }
    /// Whether the task is to unwind as soon as possible.
    pub fn is_killed(&self) -> bool { todo!() }
    /// Gives the core away until this task's next turn. Parks this thread.
    pub fn preempt(&mut self) -> Resumed { todo!() }
}

//! What a task sees of the kernel while one of its calls runs.
//!
//! The context owns the core and the task's cell during the call, so a system call on a ring is two
//! bounds checks and no look-up, no lock, no counter. A CPU that keeps its own idea of ownership
//! (a Wasm store) may [`take`](Context::take) the context for the duration of the call and must give
//! it back before the call returns; meanwhile the one that was left behind is empty.
//!
//! Everything that enters a task goes through here: rings, timers, the clock, replies, inputs.

use crate::capability::{Armed, Object, ReplyState};
use crate::cell::{Cell, Interrupt, Kill, Stage};
use crate::core::Core;
use crate::files::FileGrant;
use crate::ids::{CoreId, EndpointId, TaskId};
use crate::limits::{REQUEST_BYTES_MAX, REQUESTS_OUTSTANDING_MAX};
use crate::message::Message;
use crate::task_limits::Limits;
use okernel_abi::layout::{Executed, HandleKind, REPORT_BYTES_MAX};
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use okernel_ring::{Publisher, Subscriber};

/// The kernel, as one task may see it. Empty after [`Context::take`].
#[derive(Debug)]
pub struct Context {
    inner: Option<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) core: Box<Core>,
    pub(crate) cell: Box<Cell>,
}

/// Using a context that was given away is a fault of the host's code, not of any task.
#[cold]
fn empty() -> ! {
    panic!("a context was used after it had been taken")
}

impl Context {
    pub(crate) fn new(core: Box<Core>, cell: Box<Cell>) -> Context {
        Context {
            inner: Some(Inner { core, cell }),
        }
    }

    /// A context that holds nothing, to be replaced by one that does.
    pub fn empty() -> Context {
        Context { inner: None }
    }

    /// Moves the context out and leaves an empty one. Whoever takes it puts it back before the
    /// task's call returns. Any other use of an empty context panics.
    pub fn take(&mut self) -> Context {
        Context {
            inner: self.inner.take(),
        }
    }

    /// Whether the context was taken.
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }

    #[inline]
    pub(crate) fn inner(&self) -> &Inner {
        match &self.inner {
            Some(inner) => inner,
            None => empty(),
        }
    }

    #[inline]
    pub(crate) fn inner_mut(&mut self) -> &mut Inner {
        match &mut self.inner {
            Some(inner) => inner,
            None => empty(),
        }
    }

    pub(crate) fn into_parts(self) -> (Box<Core>, Box<Cell>) {
        match self.inner {
            Some(inner) => (inner.core, inner.cell),
            None => empty(),
        }
    }

    pub(crate) fn set_parts(&mut self, core: Box<Core>, cell: Box<Cell>) {
        self.inner = Some(Inner { core, cell });
    }

    /// The task's id.
    pub fn task(&self) -> TaskId {
        self.inner().cell.id
    }

    /// The core that it runs on.
    pub fn core(&self) -> CoreId {
        self.inner().core.id
    }

    /// The task's name.
    pub fn name(&self) -> &str {
        &self.inner().cell.name
    }

    /// The task's arguments.
    pub fn args(&self) -> &[String] {
        &self.inner().cell.args
    }

    /// What the task may use at most.
    pub fn limits(&self) -> Limits {
        self.inner().cell.limits
    }

    /// Counts the bytes of memory that the task has from now on.
    ///
    /// # Errors
    /// Limit: all tasks together have as much as they may; nothing is counted then. A task with the system right is
    /// not refused, so that the shell goes on when others have taken everything.
    pub fn memory_used(&mut self, bytes: u64) -> Result<(), Errno> {
        let Inner { core, cell } = self.inner();
        let counted = &cell.stats.memory_bytes;
        let memory = &core.shared.guest_memory;
        match cell.has(HandleKind::System) {
            true => memory.set(counted.get(), bytes),
            false => memory.change(counted.get(), bytes).ok_or(Errno::Limit)?,
        }
        counted.set(bytes);
        Ok(())
    }

    /// The handle of the grant with this name.
    ///
    /// # Errors
    /// NotGranted: the spawner gave nothing of this name.
    pub fn grant(&self, name: &str) -> Result<Handle, Errno> {
        let handles = &self.inner().cell.handles;
        handles.named(name).ok_or(Errno::NotGranted)
    }

    /// The seed of the task's random numbers, 63 bits.
    pub fn seed(&self) -> u64 {
        self.inner().cell.seed >> 1
    }

    /// Names and handles of all grants.
    pub fn grants(&self) -> &[(String, Handle)] {
        self.inner().cell.handles.names()
    }

    /// What a handle stands for.
    ///
    /// # Errors
    /// BadHandle.
    pub fn kind(&self, handle: Handle) -> Result<HandleKind, Errno> {
        Ok(self.inner().cell.handles.get(handle)?.kind())
    }

    /// The id of the endpoint behind a handle.
    ///
    /// # Errors
    /// BadHandle, WrongKind, Revoked.
    pub fn endpoint(&self, handle: Handle) -> Result<EndpointId, Errno> {
        match self.inner().cell.handles.get(handle)?.plain() {
            Object::Publisher(_, id) | Object::Subscriber(_, id) => Ok(*id),
            other => Err(wrong(other)),
        }
    }

    /// The publisher behind a handle, if its uses are not counted; see [`Context::metered_publisher`].
    ///
    /// # Errors
    /// BadHandle, WrongKind, Revoked, Expired. NotNow: the task is being restored.
    #[inline]
    pub fn publisher(&mut self, handle: Handle) -> Result<&mut Publisher, Errno> {
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        match cell.handles.get(handle)? {
            Object::Publisher(key, _) => core.memory.publisher(*key).ok_or(Errno::Revoked),
            other => Err(wrong(other)),
        }
    }

    /// The subscriber behind a handle, if its uses are not counted; see [`Context::metered_subscriber`].
    ///
    /// # Errors
    /// BadHandle, WrongKind, Revoked, Expired. NotNow: the task is being restored.
    #[inline]
    pub fn subscriber(&mut self, handle: Handle) -> Result<&mut Subscriber, Errno> {
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        match cell.handles.get(handle)? {
            Object::Subscriber(key, _) => core.memory.subscriber(*key).ok_or(Errno::Revoked),
            other => Err(wrong(other)),
        }
    }

    /// The file behind a handle. Whoever uses it counts the bytes by [`Context::meter`].
    ///
    /// # Errors
    /// BadHandle, WrongKind, Revoked, Expired.
    pub fn file(&self, handle: Handle) -> Result<&FileGrant, Errno> {
        match self.inner().cell.handles.get(handle)?.plain() {
            Object::File(file) => Ok(file),
            other => Err(wrong(other)),
        }
    }

    /// A file and a publisher at once, to read from the one into the other. Whoever uses them counts the
    /// bytes by [`Context::meter`] of both.
    ///
    /// # Errors
    /// As [`Context::file`] and [`Context::publisher`].
    pub fn file_and_publisher(
        &mut self,
        file: Handle,
        publisher: Handle,
    ) -> Result<(&FileGrant, &mut Publisher), Errno> {
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        let file = match cell.handles.get(file)?.plain() {
            Object::File(file) => file,
            other => return Err(wrong(other)),
        };
        match cell.handles.get(publisher)?.plain() {
            Object::Publisher(key, _) => {
                let publisher = core.memory.publisher(*key).ok_or(Errno::Revoked)?;
                Ok((file, publisher))
            }
            other => Err(wrong(other)),
        }
    }

    /// Gives a handle up: a publisher closes its ring, a subscriber leaves it, a timer is cancelled,
    /// a reply is no longer expected. A grant's name finds nothing afterwards. While the task is restored
    /// that is only noted: it is done if all goes well.
    ///
    /// # Errors
    /// BadHandle.
    pub fn close(&mut self, handle: Handle) -> Result<(), Errno> {
        let Inner { core, cell } = self.inner_mut();
        if let Some(trial) = &mut cell.trial {
            cell.handles.get(handle)?;
            trial.close(handle);
            return Ok(());
        }
        let object = cell.handles.remove(handle)?;
        core.forget_wait(&object);
        let object = object.into_plain();
        if let Some(capability) = cell.handles.unbind(handle) {
            core.forget_grant(capability);
        }
        match object {
            Object::Publisher(_, id) | Object::Subscriber(_, id) if cell.outlives(id) => {
                cell.let_go.push(id);
            }
            Object::Publisher(_, id) | Object::Subscriber(_, id) => core.drop_endpoint(id),
            Object::Timer(timer) => {
                cell.timers_count -= 1;
                if let Some(key) = timer.key {
                    core.timers.cancel(key);
                    core.stats.timers.set(core.timers.len() as u64);
                }
            }
            Object::Reply(reply) if reply.reply.is_none() && reply.waits.is_some() => {
                cell.requests_count = cell.requests_count.saturating_sub(1);
                core.forget(reply.waits);
            }
            _ => {}
        }
        Ok(())
    }

    /// A number that grows whenever the kernel takes an endpoint away from this task, whose handle
    /// answers Revoked from then on. A CPU that maps rings compares it after a request and after
    /// it was resumed, and unmaps the windows of revoked handles.
    pub fn revocations(&self) -> u64 {
        self.inner().cell.revocations
    }

    /// Sends a request, an encoded value; answers the handle of its reply. A request that makes no sense
    /// is answered by an error value.
    ///
    /// # Errors
    /// NotGranted: `right` is neither the right to make requests nor the right to spawn. Malformed:
    /// the bytes are no value. TooLarge. Limit: too many requests are under way. Revoked, Expired, Quota,
    /// Throttled: the right is limited or was taken back.
    pub fn request(&mut self, right: Handle, request: &[u8]) -> Result<Handle, Errno> {
        self.may_request(right)?;
        let bytes_max = self.limits().message_bytes.min(REQUEST_BYTES_MAX as u64);
        if request.len() as u64 > bytes_max {
            return Err(Errno::TooLarge);
        }
        let request = Value::decode(request).map_err(|_| Errno::Malformed)?;
        self.request_value(right, &request)
    }

    /// Sends a request that is not encoded.
    ///
    /// # Errors
    /// As [`Context::request`].
    pub fn request_value(&mut self, right: Handle, request: &Value) -> Result<Handle, Errno> {
        let rights = self.may_request(right)?;
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        cell.handles
            .get(right)?
            .used_once(|| core.shared.clock.now_ns())?;
        if cell.requests_count >= REQUESTS_OUTSTANDING_MAX {
            return Err(Errno::Limit);
        }
        let handle = cell.handles.insert(Object::Reply(ReplyState {
            reply: None,
            armed: Armed::No,
            waits: None,
        }))?;
        cell.requests_count += 1;
        core.begin_request(cell, rights, handle, request);
        Ok(handle)
    }

    fn may_request(&self, right: Handle) -> Result<HandleKind, Errno> {
        match self.inner().cell.handles.get(right)?.plain() {
            Object::System => Ok(HandleKind::System),
            Object::Spawn => Ok(HandleKind::Spawn),
            Object::Revoked(HandleKind::System | HandleKind::Spawn, errno) => Err(*errno),
            _ => Err(Errno::NotGranted),
        }
    }

    /// The reply to a request, as an encoded value. It stays until its handle is closed.
    ///
    /// # Errors
    /// Again: not yet. BadHandle, WrongKind.
    pub fn reply(&self, reply: Handle) -> Result<&[u8], Errno> {
        match self.inner().cell.handles.get(reply)? {
            Object::Reply(state) => state.reply.as_deref().ok_or(Errno::Again),
            other => Err(wrong(other)),
        }
    }

    /// Reports how the input of the running exec went. The next one may come in the next turn.
    ///
    /// # Errors
    /// Invalid: there is no input to report about.
    pub fn executed(&mut self, executed: Executed) -> Result<(), Errno> {
        self.report(executed, Vec::new())
    }

    /// As [`Context::executed`], with the outcome (an encoded value) for whoever gave the input.
    ///
    /// # Errors
    /// Invalid: there is no input to report about. TooLarge: more than
    /// [`REPORT_BYTES_MAX`](okernel_abi::layout::REPORT_BYTES_MAX).
    pub fn report(&mut self, executed: Executed, outcome: Vec<u8>) -> Result<(), Errno> {
        if outcome.len() > REPORT_BYTES_MAX {
            return Err(Errno::TooLarge);
        }
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        let asker = cell.executing.take().ok_or(Errno::Invalid)?;
        cell.interrupt = Interrupt::No;
        core.answer(asker, Message::AckExec(executed, outcome));
        Ok(())
    }

    /// Whether the task is to give up the input that it works on. Holds until it has reported about
    /// that input.
    pub fn is_interrupted(&self) -> bool {
        self.inner().cell.interrupt == Interrupt::Asked
    }

    pub(crate) fn kill(&self) -> Option<&Kill> {
        self.inner().cell.kill.as_ref()
    }

    pub(crate) fn stage(&self) -> Stage {
        self.inner().cell.stage
    }

    pub(crate) fn set_stage(&mut self, stage: Stage) {
        self.inner_mut().cell.stage = stage;
    }

    /// The next input, if the task has reported about the last one.
    pub(crate) fn next_exec(&mut self) -> Option<Vec<u8>> {
        let cell = &mut self.inner_mut().cell;
        if cell.executing.is_some() {
            return None;
        }
        let job = cell.execs.pop_front()?;
        cell.executing = Some(job.asker);
        Some(job.input)
    }
}

/// What is wrong with using an object as something that it is not.
#[cold]
pub(crate) fn wrong(object: &Object) -> Errno {
    match object {
        Object::Revoked(_, errno) => *errno,
        _ => Errno::WrongKind,
    }
}

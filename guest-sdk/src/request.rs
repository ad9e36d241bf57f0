//! Requests to the kernel: what the shell is made of, and what a task that may spawn uses.
//!
//! A request is a list of a name and arguments, an answer is a value. Which requests are allowed
//! depends on the right: `System` allows all, `Spawn` allows to spawn.

use crate::error::RequestError;
use crate::executor;
use crate::made::{Kind, Made};
use crate::readiness::{Readiness, readiness};
use crate::sys;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use okernel_abi::Errno;
use okernel_abi::value::Value;

/// The right to make requests of the kernel.
///
/// ```
/// use okernel_sdk::Value;
/// use okernel_sdk::testing::Harness;
///
/// let harness = Harness::new().answer("system", |_| Value::Int(42));
/// let done = harness.run(async |ctx| {
///     let rights = ctx.rights()?;
///     let reply = rights.request(&Value::List(vec![Value::Symbol("ps".into())]))?;
///     assert_eq!(reply.await?, Value::Int(42));
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
#[derive(Debug)]
pub struct Rights {
    handle: u32,
}

impl Rights {
    pub(crate) fn new(handle: u32) -> Rights {
        Rights { handle }
    }

    /// Sends a request. Several may be on their way.
    ///
    /// # Errors
    /// The kernel refused it: too many are on their way, for example.
    ///
    /// ```
    /// # use okernel_sdk::Value;
    /// # use okernel_sdk::testing::Harness;
    /// # let harness = Harness::new().answer("system", |_| Value::Error("task: no such task".into()));
    /// # let done = harness.run(async |ctx| {
    /// let kill = Value::List(vec![Value::Symbol("kill".into()), Value::Int(3)]);
    /// let error = ctx.rights()?.request(&kill)?.await.unwrap_err();
    /// assert_eq!(error.to_string(), "task: no such task");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn request(&self, request: &Value) -> Result<Reply, RequestError> {
        self.request_bytes(&request.to_bytes())
    }

    /// Sends a request that is encoded already.
    ///
    /// # Errors
    /// As for [`Rights::request`].
    ///
    /// ```
    /// # use okernel_sdk::Value;
    /// # use okernel_sdk::testing::Harness;
    /// # let harness = Harness::new().answer("system", |_| Value::Nil);
    /// # let done = harness.run(async |ctx| {
    /// let request = Value::List(vec![Value::Symbol("ps".into())]).to_bytes();
    /// let mut reply = ctx.rights()?.request_bytes(&request)?;
    /// assert_eq!(reply.try_take()?, Some(Value::Nil.to_bytes()));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn request_bytes(&self, request: &[u8]) -> Result<Reply, RequestError> {
        match sys::request(self.handle, request) {
            Ok(handle) => Ok(Reply(Made::new(Kind::Reply, handle))),
            Err(errno) => Err(RequestError::Refused(errno)),
        }
    }

    /// Arms the task for its next input, the next call of `exec`: for a task that works by inputs and sleeps between
    /// them.
    ///
    /// # Errors
    /// The kernel refused: only the right `system` waits for inputs.
    ///
    /// ```
    /// # use okernel_sdk::{Readiness, Value};
    /// # use okernel_sdk::testing::Harness;
    /// # let harness = Harness::new().answer("system", |_| Value::Nil);
    /// # let done = harness.run(async |ctx| {
    /// assert_eq!(ctx.rights()?.arm()?, Readiness::Armed);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn arm(&self) -> Result<Readiness, RequestError> {
        readiness(self.handle, 0).map_err(RequestError::Refused)
    }
}

/// An answer that is expected: a future. Dropping it means that nobody wants to know; the request is carried
/// out all the same.
#[derive(Debug)]
#[must_use = "a request is sent, and its answer is lost, if the reply is dropped"]
pub struct Reply(Made);

impl Reply {
    /// The answer as it was encoded, if it has come.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::Value;
    /// # use okernel_sdk::testing::Harness;
    /// # let harness = Harness::new().answer("system", |_| Value::Int(7));
    /// # let done = harness.run(async |ctx| {
    /// let mut reply = ctx.rights()?.request(&Value::Nil)?;
    /// assert_eq!(reply.try_take()?, Some(Value::Int(7).to_bytes()));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn try_take(&mut self) -> Result<Option<Vec<u8>>, RequestError> {
        let length = match sys::reply(self.0.handle(), &mut []) {
            Ok(length) => usize::try_from(length).unwrap_or(0),
            Err(Errno::Again) => return Ok(None),
            Err(errno) => return Err(RequestError::Refused(errno)),
        };
        let mut bytes = vec![0; length];
        sys::reply(self.0.handle(), &mut bytes).map_err(RequestError::Refused)?;
        Ok(Some(bytes))
    }

    /// Arms the task for the answer: for tasks that write their own `poll`.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::{Readiness, Value};
    /// # use okernel_sdk::testing::Harness;
    /// # let harness = Harness::new().answer("system", |_| Value::Int(7));
    /// # let done = harness.run(async |ctx| {
    /// let mut reply = ctx.rights()?.request(&Value::Nil)?;
    /// assert_eq!(reply.arm()?, Readiness::Ready);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn arm(&mut self) -> Result<Readiness, RequestError> {
        readiness(self.0.handle(), 0).map_err(RequestError::Refused)
    }
}

impl Future for Reply {
    type Output = Result<Value, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Some(bytes) = self.try_take()? {
                return Poll::Ready(match Value::decode(&bytes)? {
                    Value::Error(text) => Err(RequestError::Failed(text)),
                    value => Ok(value),
                });
            }
            if self.arm()? == Readiness::Armed {
                executor::park(cx);
                return Poll::Pending;
            }
        }
    }
}

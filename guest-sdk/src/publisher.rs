//! Writing messages of one type to a ring.
//!
//! Two ways, which may be mixed. Single messages (`send`, `try_send`) are written one after another into a
//! block that was claimed ahead; the block is published when it is full, when the task's `poll` returns
//! or asks for more input, and by `flush`. Batches (`claim`, `try_claim`) give a slice of the ring itself, to
//! be filled and committed as a whole.

use crate::error::{ClaimError, OpenError, SendError};
use crate::executor;
use crate::open;
use crate::pod::{Pod, item_bytes};
use crate::readiness::{Readiness, readiness};
use crate::window::{Lent, Run};
use crate::write_lane::WriteLane;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::task::Poll;
use okernel_abi::Errno;
use std::rc::Rc;

/// The writer's end of a ring of messages of type `T`. Dropping it publishes what is left and closes
/// the ring.
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new().collect("out", 4096).run(async |ctx| {
///     let mut numbers = ctx.publisher::<u64>("out")?;
///     for number in 0..1000 {
///         numbers.send(number).await?;
///     }
///     Ok(())
/// });
/// assert_eq!(done.sent::<u64>("out").len(), 1000);
/// ```
pub struct Publisher<T: Pod> {
    lane: Rc<WriteLane>,
    messages: PhantomData<T>,
}

impl<T: Pod> Publisher<T> {
    pub(crate) fn open(name: &str, handle: u32) -> Result<Publisher<T>, OpenError> {
        Ok(Publisher {
            lane: Rc::new(WriteLane::open(name, handle, item_bytes::<T>())?),
            messages: PhantomData,
        })
    }

    /// The publisher with this handle, for a task that was given a handle instead of a name.
    ///
    /// # Errors
    /// The handle is closed, not a publisher's, or open already; or `T` does not suit the ring.
    ///
    /// ```
    /// use okernel_sdk::Publisher;
    /// assert!(Publisher::<u64>::from_handle(77).is_err());
    /// ```
    pub fn from_handle(handle: u32) -> Result<Publisher<T>, OpenError> {
        Publisher::open(&open::handle_name(handle), handle)
    }

    /// The kernel's number for this end.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let numbers = ctx.publisher::<u64>("out")?;
    /// let handle = numbers.handle();
    /// drop(numbers);
    /// assert!(okernel_sdk::Publisher::<u64>::from_handle(handle).is_err());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn handle(&self) -> u32 {
        self.lane.handle()
    }

    /// How many messages the ring holds.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// assert_eq!(ctx.publisher::<u64>("out")?.capacity(), 512);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn capacity(&self) -> usize {
        self.lane.capacity() / item_bytes::<T>()
    }

    /// Sends a message if there is room now. It is published later: see [`Publisher::flush`].
    ///
    /// # Errors
    /// The ring is full, or the kernel refused; the message comes back.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::SendError;
    /// # let done = Harness::new().ring("ring", 4096).publisher("out", "ring").run(async |ctx| {
    /// let mut numbers = ctx.publisher::<u64>("out")?;
    /// for number in 0..512 {
    ///     numbers.try_send(number)?;
    /// }
    /// assert_eq!(numbers.try_send(512), Err(SendError::Full(512)));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    #[inline]
    pub fn try_send(&mut self, message: T) -> Result<(), SendError<T>> {
        match self.lane.window().push(message) {
            Ok(()) => Ok(()),
            Err(message) => self.send_slowly(message),
        }
    }

    fn send_slowly(&mut self, message: T) -> Result<(), SendError<T>> {
        match self.lane.refill(item_bytes::<T>()) {
            Ok(()) => self
                .lane
                .window()
                .push(message)
                .map_err(|message| SendError::Refused(message, Errno::TooLarge)),
            Err(ClaimError::Full) => Err(SendError::Full(message)),
            Err(ClaimError::TooLarge { .. }) => Err(SendError::Refused(message, Errno::TooLarge)),
            Err(ClaimError::Refused(errno)) => Err(SendError::Refused(message, errno)),
        }
    }

    /// Sends a message, waiting for room. It is published later: see [`Publisher::flush`].
    ///
    /// # Errors
    /// The kernel refused; the message comes back.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut numbers = ctx.publisher::<f64>("out")?;
    /// numbers.send(2.5).await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.sent::<f64>("out"), [2.5]);
    /// ```
    pub fn send(&mut self, message: T) -> impl Future<Output = Result<(), SendError<T>>> {
        poll_fn(move |cx| {
            let mut refused = match self.try_send(message) {
                Err(SendError::Full(message)) => message,
                result => return Poll::Ready(result),
            };
            loop {
                match readiness(self.lane.handle(), item_bytes::<T>()) {
                    Ok(Readiness::Ready) => {}
                    Ok(Readiness::Armed) => {
                        executor::park(cx);
                        return Poll::Pending;
                    }
                    Err(errno) => return Poll::Ready(Err(SendError::Refused(refused, errno))),
                }
                refused = match self.try_send(refused) {
                    Err(SendError::Full(message)) => message,
                    result => return Poll::Ready(result),
                };
            }
        })
    }

    /// Sends all messages, waiting for room as often as it takes.
    ///
    /// # Errors
    /// The kernel refused; those before may have been sent.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut text = ctx.publisher::<u8>("out")?;
    /// text.send_all(b"hello").await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.bytes("out"), b"hello");
    /// ```
    pub async fn send_all(&mut self, messages: &[T]) -> Result<(), ClaimError> {
        let mut rest = messages;
        while !rest.is_empty() {
            let mut claim = self.claim_some(rest.len()).await?;
            let (now, later) = rest.split_at(claim.len());
            claim.copy_from_slice(now);
            claim.commit()?;
            rest = later;
        }
        Ok(())
    }

    /// A slice of the ring for exactly `count` messages, if there is room now.
    ///
    /// # Errors
    /// There is less room, or there never can be so much, or the kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut numbers = ctx.publisher::<u64>("out")?;
    /// let mut claim = numbers.try_claim(3)?;
    /// claim.copy_from_slice(&[1, 2, 3]);
    /// claim.commit()?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.sent::<u64>("out"), [1, 2, 3]);
    /// ```
    #[inline]
    pub fn try_claim(&mut self, count: usize) -> Result<Claim<'_, T>, ClaimError> {
        let bytes = count.saturating_mul(item_bytes::<T>());
        if !self.lane.window().is_ready(bytes) {
            self.lane.claim(bytes, bytes)?;
        }
        Ok(self.guard(count))
    }

    /// A slice of the ring for exactly `count` messages, waiting for room.
    ///
    /// # Errors
    /// There never can be so much room, or the kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut numbers = ctx.publisher::<u64>("out")?;
    /// for round in 0..10 {
    ///     let mut claim = numbers.claim(100).await?;
    ///     claim.fill(round);
    ///     claim.commit()?;
    /// }
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.sent::<u64>("out").len(), 1000);
    /// ```
    pub async fn claim(&mut self, count: usize) -> Result<Claim<'_, T>, ClaimError> {
        let bytes = count.saturating_mul(item_bytes::<T>());
        let lane = &self.lane;
        if !lane.window().is_ready(bytes) {
            poll_fn(|cx| lane.poll_room(bytes, cx, |lane| lane.claim(bytes, bytes))).await?;
        }
        Ok(self.guard(count))
    }

    /// A slice of the ring for at least one and at most `count` messages, waiting for room.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut numbers = ctx.publisher::<u64>("out")?;
    /// let claim = numbers.claim_some(1_000_000).await?;
    /// assert_eq!(claim.len(), 512);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn claim_some(&mut self, count: usize) -> Result<Claim<'_, T>, ClaimError> {
        let one = item_bytes::<T>();
        let most = count.saturating_mul(one).max(one);
        let lane = &self.lane;
        let granted = poll_fn(|cx| lane.poll_room(one, cx, |lane| lane.claim(one, most))).await?;
        Ok(self.guard((granted / one).min(count.max(1))))
    }

    #[inline]
    fn guard(&mut self, count: usize) -> Claim<'_, T> {
        let window = self.lane.window();
        window.lend(Lent::Yes);
        window.take_up();
        Claim {
            run: window.run(0, count),
            publisher: self,
        }
    }

    /// Publishes what was sent so far. Not needed for delivery: it happens by itself when the task's `poll`
    /// returns.
    ///
    /// # Errors
    /// The kernel refused, now or since the last call.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().ring("r", 4096).publisher("out", "r").subscriber("in", "r").run(async |ctx| {
    /// let mut out = ctx.publisher::<u64>("out")?;
    /// let mut input = ctx.subscriber::<u64>("in")?;
    /// out.try_send(5)?;
    /// out.flush()?;
    /// assert_eq!(input.try_recv()?, 5);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn flush(&mut self) -> Result<(), ClaimError> {
        self.lane.flush()
    }

    /// Arms the task for room for `count` messages: for tasks that write their own `poll`.
    ///
    /// # Errors
    /// There never can be so much room, or the kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Readiness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut numbers = ctx.publisher::<u64>("out")?;
    /// assert_eq!(numbers.arm(10)?, Readiness::Ready);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn arm(&mut self, count: usize) -> Result<Readiness, ClaimError> {
        let bytes = count.saturating_mul(item_bytes::<T>());
        if bytes > self.lane.capacity() {
            return Err(self.lane.too_large(bytes));
        }
        readiness(self.lane.handle(), bytes).map_err(ClaimError::Refused)
    }

    pub(crate) fn lane(&self) -> &Rc<WriteLane> {
        &self.lane
    }
}

impl<T: Pod> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.lane.close();
    }
}

/// Room for messages in the ring itself. Dropping it without [`Claim::commit`] publishes nothing.
///
/// ```
/// # use okernel_sdk::testing::Harness;
/// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
/// let mut numbers = ctx.publisher::<u64>("out")?;
/// drop(numbers.try_claim(3)?);
/// # Ok(())
/// # });
/// # assert!(done.sent::<u64>("out").is_empty());
/// ```
pub struct Claim<'a, T: Pod> {
    publisher: &'a mut Publisher<T>,
    run: Run<T>,
}

impl<T: Pod> Deref for Claim<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.run.items()
    }
}

impl<T: Pod> DerefMut for Claim<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.run.items_mut()
    }
}

impl<T: Pod> Claim<'_, T> {
    /// Publishes all messages of the claim.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut numbers = ctx.publisher::<u64>("out")?;
    /// let mut claim = numbers.claim(2).await?;
    /// claim[0] = 7;
    /// claim[1] = 8;
    /// claim.commit()?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.sent::<u64>("out"), [7, 8]);
    /// ```
    #[inline]
    pub fn commit(self) -> Result<(), ClaimError> {
        let count = self.run.count();
        self.commit_first(count)
    }

    /// Publishes the first `count` messages of the claim (all, if it has fewer) and gives the rest back.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut numbers = ctx.publisher::<u64>("out")?;
    /// let mut claim = numbers.claim(100).await?;
    /// claim[0] = 7;
    /// claim.commit_first(1)?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.sent::<u64>("out"), [7]);
    /// ```
    #[inline]
    pub fn commit_first(self, count: usize) -> Result<(), ClaimError> {
        let count = count.min(self.run.count());
        let lane = &self.publisher.lane;
        lane.window().advance(count * item_bytes::<T>());
        lane.flush()
    }
}

impl<T: Pod> Drop for Claim<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let window = self.publisher.lane.window();
        window.lend(Lent::No);
        window.set_aside();
    }
}

//! Reading messages of one type from a ring.
//!
//! Two ways, which may be mixed. Single messages (`recv`, `try_recv`) are handed out of everything that can
//! be read, and released when that is used up, when the task's `poll` returns, or after half a ring.
//! Batches (`batch`, `try_batch`) are slices of the ring itself, released as a whole.

use crate::error::{OpenError, RecvError};
use crate::open;
use crate::pod::{Pod, item_bytes};
use crate::read_lane::{ReadLane, Take};
use crate::readiness::{Readiness, readiness};
use crate::window::{Lent, Run};
use core::future::poll_fn;
use core::marker::PhantomData;
use core::ops::Deref;
use core::task::{Poll, ready};
use std::rc::Rc;

/// A reader's end of a ring of messages of type `T`. Dropping it leaves the ring.
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new().feed("in", &[1u64, 2, 3]).run(async |ctx| {
///     let mut numbers = ctx.subscriber::<u64>("in")?;
///     let mut sum = 0;
///     while let Some(number) = numbers.next().await? {
///         sum += number;
///     }
///     assert_eq!(sum, 6);
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
pub struct Subscriber<T: Pod> {
    lane: Rc<ReadLane>,
    messages: PhantomData<T>,
}

impl<T: Pod> Subscriber<T> {
    pub(crate) fn open(name: &str, handle: u32) -> Result<Subscriber<T>, OpenError> {
        Ok(Subscriber {
            lane: Rc::new(ReadLane::open(name, handle, item_bytes::<T>())?),
            messages: PhantomData,
        })
    }

    /// The subscriber with this handle, for a task that was given a handle instead of a name.
    ///
    /// # Errors
    /// The handle is closed, not a subscriber's, or open already; or `T` does not suit the ring.
    ///
    /// ```
    /// use okernel_sdk::Subscriber;
    /// assert!(Subscriber::<u64>::from_handle(77).is_err());
    /// ```
    pub fn from_handle(handle: u32) -> Result<Subscriber<T>, OpenError> {
        Subscriber::open(&open::handle_name(handle), handle)
    }

    /// The kernel's number for this end.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[1u64]).run(async |ctx| {
    /// let numbers = ctx.subscriber::<u64>("in")?;
    /// let handle = numbers.handle();
    /// drop(numbers);
    /// assert!(okernel_sdk::Subscriber::<u64>::from_handle(handle).is_err());
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
    /// # let done = Harness::new().feed("in", &[1u64]).run(async |ctx| {
    /// assert!(ctx.subscriber::<u64>("in")?.capacity() >= 512);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn capacity(&self) -> usize {
        self.lane.capacity() / item_bytes::<T>()
    }

    /// The next message, if one is there.
    ///
    /// # Errors
    /// `Empty`: nothing there yet. `Closed`: nothing will come. `Lapped`: data was lost, the next call
    /// goes on. `Kicked`: data was lost, and nothing will come.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::RecvError;
    /// # let done = Harness::new().feed("in", &[7u64]).run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// assert_eq!(numbers.recv().await?, 7);
    /// assert!(matches!(numbers.try_recv(), Err(RecvError::Empty | RecvError::Closed)));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, RecvError> {
        match self.lane.window().pop() {
            Some(message) => Ok(message),
            None => self.recv_slowly(),
        }
    }

    fn recv_slowly(&mut self) -> Result<T, RecvError> {
        self.lane.refill(item_bytes::<T>())?;
        self.lane.window().pop().ok_or(RecvError::Empty)
    }

    /// The next message, waiting for it.
    ///
    /// # Errors
    /// As for [`Subscriber::try_recv`], never `Empty`; and `Truncated` when the ring was closed within
    /// a message.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[7u64]).run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// assert_eq!(numbers.recv().await, Ok(7));
    /// assert_eq!(numbers.recv().await, Err(okernel_sdk::RecvError::Closed));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        poll_fn(move |cx| {
            if let Some(message) = self.lane.window().pop() {
                return Poll::Ready(Ok(message));
            }
            ready!(self.lane.poll_refill(item_bytes::<T>(), cx))?;
            Poll::Ready(self.lane.window().pop().ok_or(RecvError::Empty))
        })
    }

    /// The next message, or nothing when the ring was closed.
    ///
    /// # Errors
    /// As for [`Subscriber::recv`], never `Closed`.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[7u64, 8]).run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// while let Some(number) = numbers.next().await? {
    ///     assert!(number > 6);
    /// }
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    #[inline]
    pub async fn next(&mut self) -> Result<Option<T>, RecvError> {
        match self.recv().await {
            Ok(message) => Ok(Some(message)),
            Err(RecvError::Closed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everything that is there, as a slice of the ring.
    ///
    /// # Errors
    /// As for [`Subscriber::try_recv`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::RecvError;
    /// # let done = Harness::new().ring("r", 4096).subscriber("in", "r").run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// assert!(matches!(numbers.try_batch(), Err(RecvError::Empty)));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn try_batch(&mut self) -> Result<Batch<'_, T>, RecvError> {
        let bytes = self.lane.take(item_bytes::<T>(), Take::All)?;
        Ok(self.guard(bytes))
    }

    /// Everything that is there, as a slice of the ring, waiting for at least one message.
    ///
    /// # Errors
    /// As for [`Subscriber::recv`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[1u64, 2, 3]).run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// let batch = numbers.batch().await?;
    /// assert_eq!(batch[0], 1);
    /// batch.release();
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn batch(&mut self) -> Result<Batch<'_, T>, RecvError> {
        self.batch_of(1).await
    }

    /// Everything that is there, waiting for at least `count` messages.
    ///
    /// # Errors
    /// As for [`Subscriber::recv`]; `Truncated` also when the ring was closed before so many came (they
    /// can still be read), and `TooLarge` when the ring does not hold so many.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[1u64, 2, 3]).run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// let batch = numbers.batch_of(2).await?;
    /// assert_eq!(batch[..2], [1, 2]);
    /// batch.release_first(2);
    /// assert_eq!(numbers.recv().await?, 3);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn batch_of(&mut self, count: usize) -> Result<Batch<'_, T>, RecvError> {
        let bytes = count.max(1).saturating_mul(item_bytes::<T>());
        let lane = &self.lane;
        let attempt = |lane: &Rc<ReadLane>| lane.take(bytes, Take::All);
        let taken = poll_fn(|cx| lane.poll_take(bytes, cx, attempt)).await?;
        Ok(self.guard(taken))
    }

    /// The next batch, or nothing when the ring was closed.
    ///
    /// # Errors
    /// As for [`Subscriber::batch`], never `Closed`.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", b"some text").run(async |ctx| {
    /// let mut text = ctx.subscriber::<u8>("in")?;
    /// let mut bytes = 0;
    /// while let Some(batch) = text.next_batch().await? {
    ///     bytes += batch.len();
    ///     batch.release();
    /// }
    /// assert_eq!(bytes, 9);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn next_batch(&mut self) -> Result<Option<Batch<'_, T>>, RecvError> {
        match self.batch().await {
            Ok(batch) => Ok(Some(batch)),
            Err(RecvError::Closed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn guard(&mut self, bytes: usize) -> Batch<'_, T> {
        let window = self.lane.window();
        window.lend(Lent::Yes);
        Batch {
            run: window.run(0, bytes / item_bytes::<T>()),
            subscriber: self,
        }
    }

    /// Arms the task for `count` messages: for tasks that write their own `poll`.
    ///
    /// # Errors
    /// The ring does not hold so many, or the kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Readiness;
    /// # let done = Harness::new().ring("r", 4096).subscriber("in", "r").run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// assert_eq!(numbers.arm(1)?, Readiness::Armed);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn arm(&mut self, count: usize) -> Result<Readiness, RecvError> {
        let bytes = count.max(1).saturating_mul(item_bytes::<T>());
        if self.lane.window().left_bytes() >= bytes {
            return Ok(Readiness::Ready);
        }
        if bytes > self.lane.capacity() {
            return Err(self.lane.too_large(bytes));
        }
        readiness(self.lane.handle(), bytes).map_err(RecvError::Refused)
    }
}

impl<T: Pod> Drop for Subscriber<T> {
    fn drop(&mut self) {
        self.lane.close();
    }
}

/// Messages in the ring itself. Dropping it without [`Batch::release`] leaves them there: they come again.
///
/// ```
/// # use okernel_sdk::testing::Harness;
/// # let done = Harness::new().feed("in", &[7u64]).run(async |ctx| {
/// let mut numbers = ctx.subscriber::<u64>("in")?;
/// drop(numbers.batch().await?);
/// assert_eq!(numbers.recv().await?, 7);
/// # Ok(())
/// # });
/// # done.result.unwrap();
/// ```
pub struct Batch<'a, T: Pod> {
    subscriber: &'a mut Subscriber<T>,
    run: Run<T>,
}

impl<T: Pod> Deref for Batch<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.run.items()
    }
}

impl<T: Pod> Batch<'_, T> {
    /// Gives all messages of the batch back to the publisher as room.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[7u64]).run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// numbers.batch().await?.release();
    /// assert_eq!(numbers.recv().await, Err(okernel_sdk::RecvError::Closed));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn release(self) {
        let count = self.run.count();
        self.release_first(count);
    }

    /// Gives the first `count` messages back (all, if it has fewer); the others come again.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[7u64, 8]).run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// numbers.batch_of(2).await?.release_first(1);
    /// assert_eq!(numbers.recv().await?, 8);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn release_first(self, count: usize) {
        let lane = &self.subscriber.lane;
        lane.window().lend(Lent::No);
        lane.window()
            .advance(count.min(self.run.count()) * item_bytes::<T>());
        lane.release();
    }
}

impl<T: Pod> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        let window = self.subscriber.lane.window();
        window.lend(Lent::No);
        window.set_aside();
    }
}

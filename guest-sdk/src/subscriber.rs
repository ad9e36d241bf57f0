//! Reading messages of one type from a ring.
//!
//! Two ways, which may be mixed. Single messages (`recv`, `try_recv`) are handed out of everything that can
//! be read, and released when that is used up, when the task's `poll` returns, or after half a ring.
//! Batches (`batch`, `try_batch`) are slices of the ring itself, released as a whole.
//!
//! Invariant: what the kernel counts as released plus what was taken from the run is what the user
//! has received.

use crate::error::{OpenError, RecvError};
use crate::executor;
use crate::open;
use crate::pod::{Pod, item_bytes};
use crate::publisher::{Readiness, readiness};
use crate::settle::{self, Opened, Settle};
use crate::sys;
use crate::window::{Lent, Place, Window};
use core::cell::Cell;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::ops::Deref;
use core::task::{Context, Poll, ready};
use okernel_abi::Errno;
use okernel_abi::layout::HandleKind;
use std::rc::Rc;

/// The most bytes that are copied at a time for single messages of a ring without a window.
const COPY_BYTES_MAX: usize = 64 * 1024;

/// What is taken at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Take {
    /// What single messages are handed out of.
    Block,
    /// All there is.
    All,
}

/// A reader's end in bytes, shared with the list of what is to be settled.
pub(crate) struct Lane {
    window: Window,
    opened: Opened,
    position: Cell<u64>,
    missed: Cell<u64>,
    capacity: usize,
    message_bytes: usize,
}

impl Settle for Lane {
    fn settle(&self) {
        if self.window.is_lent() {
            return;
        }
        let bytes = self.window.taken_bytes();
        if bytes > 0 {
            // A refusal shows in the next call that asks for something to read.
            let _ = sys::sub_release(self.opened.handle(), bytes as u32);
            self.position.set(self.position.get() + bytes as u64);
            self.window.rebase();
        }
        self.window.set_aside();
    }
}

impl Lane {
    pub(crate) fn open(name: &str, handle: u32, message_bytes: usize) -> Result<Lane, OpenError> {
        let end = open::ring(name, handle, HandleKind::Subscriber, message_bytes)?;
        Ok(Lane {
            window: end.window,
            position: Cell::new(end.info.position),
            missed: Cell::new(sys::sub_missed(handle).unwrap_or(0)),
            opened: end.opened,
            capacity: end.info.capacity_bytes as usize,
            message_bytes,
        })
    }

    pub(crate) fn handle(&self) -> u32 {
        self.opened.handle()
    }

    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Releases what was taken and gives the ring up.
    pub(crate) fn close(&self) {
        self.window.lend(Lent::No);
        self.settle();
        self.window.clear();
        self.opened.close();
    }

    /// At most so many bytes are taken at a time.
    fn bytes_max(&self, min: usize, what: Take) -> usize {
        let most = match (self.window.place(), what) {
            (Place::Ring, Take::All) => self.capacity,
            (Place::Ring, Take::Block) => self.capacity / 2,
            (Place::Buffer, _) => self.capacity.min(COPY_BYTES_MAX),
        };
        most.max(min)
    }

    /// Settles, then opens a run of at least `min` bytes, in whole messages.
    ///
    /// For the owner alone: whoever calls this knows that there is no guard (or has forgotten it).
    fn take(&self, min: usize, what: Take) -> Result<usize, RecvError> {
        self.window.lend(Lent::No);
        self.settle();
        if min > self.capacity {
            return Err(RecvError::TooLarge {
                asked_bytes: min as u64,
                capacity_bytes: self.capacity as u64,
            });
        }
        if what == Take::Block || self.window.place() == Place::Buffer {
            let set_aside = self.window.take_up();
            if set_aside >= min && set_aside > 0 {
                return Ok(set_aside);
            }
        }
        self.window.clear();
        // Whoever waits for an answer gets it before this task looks for more to do.
        settle::publish_all();
        let readable = match sys::sub_readable(self.handle()) {
            Ok(readable) => usize::try_from(readable).unwrap_or(usize::MAX),
            Err(errno) => return Err(self.refused(errno)),
        };
        if readable < min || readable == 0 {
            return Err(RecvError::Empty);
        }
        let bytes = readable.min(self.bytes_max(min, what));
        let bytes = bytes - bytes % self.message_bytes;
        match self.window.place() {
            Place::Ring => self.window.begin(self.position.get(), bytes),
            Place::Buffer => self
                .window
                .begin_copy(self.handle(), bytes)
                .map_err(|errno| self.refused(errno))?,
        }
        Ok(self.window.left_bytes())
    }

    /// Takes up what was set aside when the task's `poll` returned.
    pub(crate) fn resume(self: &Rc<Self>) {
        self.window.take_up();
        settle::subscriber_holds(Rc::clone(self) as Rc<dyn Settle>);
    }

    /// Opens a run for single messages, the next of which has `min` bytes.
    #[cold]
    #[inline(never)]
    pub(crate) fn refill(self: &Rc<Self>, min: usize) -> Result<usize, RecvError> {
        let bytes = self.take(min, Take::Block)?;
        settle::subscriber_holds(Rc::clone(self) as Rc<dyn Settle>);
        Ok(bytes)
    }

    fn refused(&self, errno: Errno) -> RecvError {
        match errno {
            Errno::Again => RecvError::Empty,
            Errno::Closed => RecvError::Closed,
            Errno::Lapped => RecvError::Lapped {
                missed_bytes: self.catch_up(),
            },
            Errno::Kicked => RecvError::Kicked {
                missed_bytes: self.newly_missed(),
            },
            errno => RecvError::Refused(errno),
        }
    }

    fn newly_missed(&self) -> u64 {
        let missed = sys::sub_missed(self.handle()).unwrap_or(self.missed.get());
        missed - self.missed.replace(missed).min(missed)
    }

    /// The kernel has moved this reader on: finds out where it stands, and goes on at a whole message.
    fn catch_up(&self) -> u64 {
        let mut missed = self.newly_missed();
        if let Ok(info) = sys::ring_info(self.handle()) {
            self.position.set(info.position);
            let message_bytes = self.message_bytes as u64;
            let rest = (message_bytes - info.position % message_bytes) % message_bytes;
            if rest > 0 && sys::sub_release(self.handle(), rest as u32).is_ok() {
                self.position.set(info.position + rest);
                missed += rest;
            }
        }
        missed
    }

    /// Waits for `attempt` to be given at least `min` bytes.
    pub(crate) fn poll_take(
        self: &Rc<Self>,
        min: usize,
        cx: &mut Context<'_>,
        attempt: impl Fn(&Rc<Self>) -> Result<usize, RecvError>,
    ) -> Poll<Result<usize, RecvError>> {
        match attempt(self) {
            Err(RecvError::Empty) => {}
            result => return Poll::Ready(result),
        }
        match readiness(self.handle(), min) {
            Ok(Readiness::Armed) => {
                executor::park(cx);
                return Poll::Pending;
            }
            Ok(Readiness::Ready) => {}
            Err(errno) => return Poll::Ready(Err(RecvError::Refused(errno))),
        }
        match attempt(self) {
            // Ready, and yet too little: the ring was closed, and this is all that will come.
            Err(RecvError::Empty) => Poll::Ready(Err(RecvError::Truncated {
                left_bytes: sys::sub_readable(self.handle()).unwrap_or(0) as usize,
            })),
            result => Poll::Ready(result),
        }
    }

    pub(crate) fn poll_refill(
        self: &Rc<Self>,
        min: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, RecvError>> {
        self.poll_take(min, cx, |lane| lane.refill(min))
    }
}

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
    lane: Rc<Lane>,
    messages: PhantomData<T>,
}

impl<T: Pod> Subscriber<T> {
    pub(crate) fn open(name: &str, handle: u32) -> Result<Subscriber<T>, OpenError> {
        Ok(Subscriber {
            lane: Rc::new(Lane::open(name, handle, item_bytes::<T>())?),
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
        let lane = Rc::clone(&self.lane);
        let attempt = |lane: &Rc<Lane>| lane.take(bytes, Take::All);
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

    fn guard(&mut self, bytes: usize) -> Batch<'_, T> {
        self.lane.window().lend(Lent::Yes);
        Batch {
            count: bytes / item_bytes::<T>(),
            subscriber: self,
        }
    }

    /// Arms the task for `count` messages: for tasks that write their own `poll`.
    ///
    /// # Errors
    /// The kernel refused.
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
    count: usize,
}

impl<T: Pod> Deref for Batch<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.subscriber.lane.window().items(0, self.count)
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
        let count = self.count;
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
            .advance(count.min(self.count) * item_bytes::<T>());
        lane.settle();
    }
}

impl<T: Pod> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        let window = self.subscriber.lane.window();
        window.lend(Lent::No);
        window.set_aside();
    }
}

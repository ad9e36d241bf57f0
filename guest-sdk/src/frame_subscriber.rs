//! Reading frames, messages of any length and kind, from a ring.
//!
//! A frame is lent where it lies and counts as received when the next one is asked for. Whoever writes
//! the ring may write anything: a length that no frame can have is an error, and what a frame holds is
//! the reader's to check.

use crate::error::{OpenError, RecvError, ValueError};
use crate::open;
use crate::read_lane::ReadLane;
use crate::readiness::{Readiness, is_revoked, readiness};
use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use okernel_abi::frame::{FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, FRAME_VALUE, FrameHeader};
use okernel_abi::value::Value;
use std::rc::Rc;

/// One message of a ring of frames, where it lies. Its payload begins at a multiple of eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// What the payload is: bytes (0), a value (1), or a number of the user's from 256 up.
    pub kind: u32,
    /// The bytes of the message.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// The value that the frame holds.
    ///
    /// # Errors
    /// The frame is of another kind, or its bytes are no value.
    ///
    /// ```
    /// use okernel_sdk::{Frame, Value};
    /// let payload = Value::Int(7).to_bytes();
    /// let frame = Frame { kind: 1, payload: &payload };
    /// assert_eq!(frame.value(), Ok(Value::Int(7)));
    /// assert!(Frame { kind: 0, payload: &payload }.value().is_err());
    /// ```
    pub fn value(&self) -> Result<Value, ValueError> {
        if self.kind != FRAME_VALUE {
            return Err(ValueError::Kind(self.kind));
        }
        Ok(Value::decode(self.payload)?)
    }
}

/// A reader's end of a ring of frames. Dropping it leaves the ring.
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new().feed_frames("in", &[(300, b"one"), (301, b"two")]).run(async |ctx| {
///     let mut input = ctx.frame_subscriber("in")?;
///     assert_eq!(input.recv().await?.payload, b"one");
///     let frame = input.recv().await?;
///     assert_eq!((frame.kind, frame.payload), (301, &b"two"[..]));
///     assert!(input.next().await?.is_none());
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
pub struct FrameSubscriber {
    lane: Rc<ReadLane>,
    lent_bytes: usize,
}

/// Where a frame lies at the front of the run.
#[derive(Clone, Copy)]
struct Found {
    header: FrameHeader,
}

impl FrameSubscriber {
    pub(crate) fn open(name: &str, handle: u32) -> Result<FrameSubscriber, OpenError> {
        Ok(FrameSubscriber {
            lane: Rc::new(ReadLane::open(name, handle, FRAME_ALIGN_BYTES)?),
            lent_bytes: 0,
        })
    }

    /// The subscriber with this handle, for a task that was given a handle instead of a name.
    ///
    /// # Errors
    /// The handle is closed, not a subscriber's, or open already; or no frame can begin where it stands.
    ///
    /// ```
    /// assert!(okernel_sdk::FrameSubscriber::from_handle(77).is_err());
    /// ```
    pub fn from_handle(handle: u32) -> Result<FrameSubscriber, OpenError> {
        FrameSubscriber::open(&open::handle_name(handle), handle)
    }

    /// The kernel's number for this end.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed_frames("in", &[]).run(async |ctx| {
    /// let input = ctx.frame_subscriber("in")?;
    /// assert!(okernel_sdk::FrameSubscriber::from_handle(input.handle()).is_err(), "it is open");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn handle(&self) -> u32 {
        self.lane.handle()
    }

    /// The next frame, if all of it is there.
    ///
    /// # Errors
    /// `Empty`: not there yet. `Closed`: nothing will come. `NotAFrame`: the bytes are no frame, and the
    /// ring cannot be read on. `Lapped`: frames were lost, the next call goes on. `Kicked`: frames were lost,
    /// and nothing will come.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::RecvError;
    /// # let done = Harness::new().ring("r", 4096).subscriber("in", "r").run(async |ctx| {
    /// let mut input = ctx.frame_subscriber("in")?;
    /// assert_eq!(input.try_recv(), Err(RecvError::Empty));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn try_recv(&mut self) -> Result<Frame<'_>, RecvError> {
        self.pass_lent();
        loop {
            match self.look()? {
                Ok(found) => return Ok(self.lend(found)),
                Err(need_bytes) => self.lane.refill(need_bytes)?,
            };
        }
    }

    /// The next frame, waiting for it.
    ///
    /// # Errors
    /// As for [`FrameSubscriber::try_recv`], never `Empty`; and `Truncated` when the ring was closed within
    /// a frame.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed_frames("in", &[(300, b"one")]).run(async |ctx| {
    /// let mut input = ctx.frame_subscriber("in")?;
    /// assert_eq!(input.recv().await?.payload, b"one");
    /// assert_eq!(input.recv().await, Err(okernel_sdk::RecvError::Closed));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn recv(&mut self) -> Result<Frame<'_>, RecvError> {
        self.pass_lent();
        let found = poll_fn(|cx| self.poll_find(cx)).await?;
        Ok(self.lend(found))
    }

    /// The next frame, or nothing when the ring was closed.
    ///
    /// # Errors
    /// As for [`FrameSubscriber::recv`], never `Closed`.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed_frames("in", &[(300, b"one")]).run(async |ctx| {
    /// let mut input = ctx.frame_subscriber("in")?;
    /// while let Some(frame) = input.next().await? {
    ///     assert_eq!(frame.kind, 300);
    /// }
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn next(&mut self) -> Result<Option<Frame<'_>>, RecvError> {
        match self.recv().await {
            Ok(frame) => Ok(Some(frame)),
            Err(RecvError::Closed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next value, waiting for it.
    ///
    /// # Errors
    /// As for [`FrameSubscriber::recv`]; and `NotAValue` for a frame that holds something else, which is
    /// passed over.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Value;
    /// let payload = Value::text("hi").to_bytes();
    /// let done = Harness::new().feed_frames("in", &[(1, &payload)]).run(async |ctx| {
    ///     let mut input = ctx.frame_subscriber("in")?;
    ///     assert_eq!(input.recv_value().await?, Value::text("hi"));
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub async fn recv_value(&mut self) -> Result<Value, RecvError> {
        self.recv().await?.value().map_err(RecvError::NotAValue)
    }

    /// Whether the grant was taken back, or the end was passed on: nothing will come of using it.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed_frames("in", &[(300, b"one")]).run(async |ctx| {
    /// assert!(!ctx.frame_subscriber("in")?.is_revoked());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn is_revoked(&self) -> bool {
        is_revoked(self.lane.handle())
    }

    /// Arms the task for something to read: for tasks that write their own `poll`.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Readiness;
    /// # let done = Harness::new().ring("r", 4096).subscriber("in", "r").run(async |ctx| {
    /// let mut input = ctx.frame_subscriber("in")?;
    /// assert_eq!(input.arm()?, Readiness::Armed);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn arm(&mut self) -> Result<Readiness, RecvError> {
        self.pass_lent();
        loop {
            let need_bytes = match self.look()? {
                Ok(_) => return Ok(Readiness::Ready),
                Err(need_bytes) => need_bytes,
            };
            match self.lane.refill(need_bytes) {
                Ok(_) => {}
                // A part of a frame is not what is waited for.
                Err(RecvError::Empty) => {
                    return readiness(self.lane.handle(), need_bytes).map_err(RecvError::Refused);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the last frame's room back when the turn ends, without asking for the next one.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed_frames("in", &[(300, b"one")]).run(async |ctx| {
    /// let mut input = ctx.frame_subscriber("in")?;
    /// let length = input.recv().await?.payload.len();
    /// input.release();
    /// # assert_eq!(length, 3);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn release(&mut self) {
        self.pass_lent();
    }

    /// The frame that was lent has been used.
    fn pass_lent(&mut self) {
        let bytes = core::mem::take(&mut self.lent_bytes);
        if bytes == 0 {
            return;
        }
        if self.lane.window().left_bytes() < bytes {
            self.lane.resume();
        }
        self.lane.window().advance(bytes);
    }

    /// The frame at the front of the run, or how many bytes it takes to see it.
    fn look(&self) -> Result<Result<Found, usize>, RecvError> {
        let window = self.lane.window();
        let Some(header) = window.peek::<[u8; FRAME_HEADER_BYTES]>() else {
            return Ok(Err(FRAME_HEADER_BYTES));
        };
        let header = FrameHeader::decode(header);
        let frame_bytes = header.frame_bytes();
        if frame_bytes > self.lane.capacity() as u64 {
            return Err(RecvError::NotAFrame {
                frame_bytes,
                capacity_bytes: self.lane.capacity() as u64,
            });
        }
        if (window.left_bytes() as u64) < frame_bytes {
            return Ok(Err(frame_bytes as usize));
        }
        Ok(Ok(Found { header }))
    }

    fn poll_find(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, RecvError>> {
        loop {
            match self.look()? {
                Ok(found) => return Poll::Ready(Ok(found)),
                Err(need_bytes) => ready!(self.lane.poll_refill(need_bytes, cx))?,
            };
        }
    }

    fn lend(&mut self, found: Found) -> Frame<'_> {
        self.lent_bytes = found.header.frame_bytes() as usize;
        let length = found.header.payload_bytes as usize;
        Frame {
            kind: found.header.kind,
            payload: self.lane.window().items(FRAME_HEADER_BYTES, length),
        }
    }
}

impl Drop for FrameSubscriber {
    /// The message that was lent last is not released by that: a task that fails over it receives it again in
    /// its next life.
    fn drop(&mut self) {
        self.lane.close();
    }
}

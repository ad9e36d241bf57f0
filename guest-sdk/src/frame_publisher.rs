//! Writing frames, messages of any length and kind, to a ring.
//!
//! As with single messages of one type, a block is claimed ahead and frame after frame is written into it; a
//! frame that needs more than the block gets a claim of its own.

use crate::error::{ClaimError, OpenError, SendError};
use crate::executor;
use crate::open;
use crate::readiness::{Readiness, is_revoked, readiness};
use crate::write_lane::WriteLane;
use core::future::poll_fn;
use core::task::Poll;
use okernel_abi::Errno;
use okernel_abi::frame::{FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, FRAME_VALUE, FrameHeader};
use okernel_abi::value::Value;
use std::rc::Rc;

/// The writer's end of a ring of frames. Dropping it publishes what is left and closes the ring.
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new().collect("out", 4096).run(async |ctx| {
///     let mut out = ctx.frame_publisher("out")?;
///     out.send(300, b"any length").await?;
///     Ok(())
/// });
/// assert_eq!(done.frames("out"), [(300, b"any length".to_vec())]);
/// ```
pub struct FramePublisher {
    lane: Rc<WriteLane>,
}

impl FramePublisher {
    pub(crate) fn open(name: &str, handle: u32) -> Result<FramePublisher, OpenError> {
        Ok(FramePublisher {
            lane: Rc::new(WriteLane::open(name, handle, FRAME_ALIGN_BYTES)?),
        })
    }

    /// The publisher with this handle, for a task that was given a handle instead of a name.
    ///
    /// # Errors
    /// The handle is closed, not a publisher's, or open already; or no frame can begin where it stands.
    ///
    /// ```
    /// assert!(okernel_sdk::FramePublisher::from_handle(77).is_err());
    /// ```
    pub fn from_handle(handle: u32) -> Result<FramePublisher, OpenError> {
        FramePublisher::open(&open::handle_name(handle), handle)
    }

    /// The kernel's number for this end.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let out = ctx.frame_publisher("out")?;
    /// assert!(okernel_sdk::FramePublisher::from_handle(out.handle()).is_err(), "it is open");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn handle(&self) -> u32 {
        self.lane.handle()
    }

    /// The longest payload that the ring can hold, in bytes.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// assert_eq!(ctx.frame_publisher("out")?.payload_bytes_max(), 4088);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn payload_bytes_max(&self) -> usize {
        self.lane.capacity() - FRAME_HEADER_BYTES
    }

    /// Sends a frame if there is room now. Kinds from 256 up are the user's.
    ///
    /// # Errors
    /// The ring is full; or refused: `TooLarge` for a payload above
    /// [`payload_bytes_max`](FramePublisher::payload_bytes_max).
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut out = ctx.frame_publisher("out")?;
    /// out.try_send(300, b"short")?;
    /// assert!(out.try_send(300, &[0; 5000]).is_err());
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out").len(), 1);
    /// ```
    pub fn try_send(&mut self, kind: u32, payload: &[u8]) -> Result<(), SendError<()>> {
        let bytes = self.frame_bytes(payload)?;
        let window = self.lane.window();
        if window.left_bytes() < bytes {
            self.lane.refill(bytes).map_err(|error| match error {
                ClaimError::Full => SendError::Full(()),
                ClaimError::TooLarge { .. } => SendError::Refused((), Errno::TooLarge),
                ClaimError::Refused(errno) => SendError::Refused((), errno),
            })?;
        }
        let header = FrameHeader {
            payload_bytes: payload.len() as u32,
            kind,
        };
        let padding = bytes - FRAME_HEADER_BYTES - payload.len();
        window.push_bytes(&header.encode());
        window.push_bytes(payload);
        window.push_bytes(&[0; FRAME_ALIGN_BYTES][..padding]);
        Ok(())
    }

    /// Sends a frame, waiting for room. Kinds from 256 up are the user's.
    ///
    /// # Errors
    /// Refused: `TooLarge` for a payload above [`payload_bytes_max`](FramePublisher::payload_bytes_max).
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut out = ctx.frame_publisher("out")?;
    /// for length in 0..100 {
    ///     out.send(300, &[1; 100][..length]).await?;
    /// }
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out").len(), 100);
    /// ```
    pub async fn send(&mut self, kind: u32, payload: &[u8]) -> Result<(), SendError<()>> {
        let bytes = self.frame_bytes(payload)?;
        poll_fn(|cx| {
            loop {
                match self.try_send(kind, payload) {
                    Err(SendError::Full(())) => {}
                    result => return Poll::Ready(result),
                }
                match readiness(self.lane.handle(), bytes) {
                    Ok(Readiness::Ready) => {}
                    Ok(Readiness::Armed) => {
                        executor::park(cx);
                        return Poll::Pending;
                    }
                    Err(errno) => return Poll::Ready(Err(SendError::Refused((), errno))),
                }
            }
        })
        .await
    }

    /// Sends a value, waiting for room.
    ///
    /// # Errors
    /// As for [`FramePublisher::send`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Value;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut out = ctx.frame_publisher("out")?;
    /// out.send_value(&Value::Ints(vec![1, 2, 3])).await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.values("out"), [Value::Ints(vec![1, 2, 3])]);
    /// ```
    pub async fn send_value(&mut self, value: &Value) -> Result<(), SendError<()>> {
        self.send(FRAME_VALUE, &value.to_bytes()).await
    }

    /// Publishes what was sent so far. Not needed for delivery: it happens by itself when the task's `poll`
    /// returns.
    ///
    /// # Errors
    /// The kernel refused, now or since the last call.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut out = ctx.frame_publisher("out")?;
    /// out.send(300, b"now").await?;
    /// out.flush()?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out").len(), 1);
    /// ```
    pub fn flush(&mut self) -> Result<(), ClaimError> {
        self.lane.flush()
    }

    /// Whether the grant was taken back, or the end was passed on: nothing will come of using it.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// assert!(!ctx.frame_publisher("out")?.is_revoked());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn is_revoked(&self) -> bool {
        is_revoked(self.lane.handle())
    }

    /// Arms the task for room for a payload of so many bytes: for tasks that write their own `poll`.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Readiness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// assert_eq!(ctx.frame_publisher("out")?.arm(100)?, Readiness::Ready);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn arm(&mut self, payload_bytes: usize) -> Result<Readiness, ClaimError> {
        // Exactly a frame: the rate of a limited grant may allow no more at once.
        let padded = payload_bytes.checked_next_multiple_of(FRAME_ALIGN_BYTES);
        let bytes = padded.map_or(usize::MAX, |bytes| bytes.saturating_add(FRAME_HEADER_BYTES));
        let bytes = bytes.min(self.lane.capacity());
        readiness(self.lane.handle(), bytes).map_err(ClaimError::Refused)
    }

    fn frame_bytes(&self, payload: &[u8]) -> Result<usize, SendError<()>> {
        if payload.len() > self.payload_bytes_max() {
            return Err(SendError::Refused((), Errno::TooLarge));
        }
        Ok(FRAME_HEADER_BYTES + payload.len().next_multiple_of(FRAME_ALIGN_BYTES))
    }
}

impl Drop for FramePublisher {
    fn drop(&mut self) {
        self.lane.close();
    }
}

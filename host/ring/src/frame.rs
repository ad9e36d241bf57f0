//! A ring of messages of any length: each payload behind a header of 8 bytes.
//!
//! ```text
//! 0        4        8                    8 + length       padded to 8
//! | length | kind   | payload ...        | unspecified    | next frame
//! ```
//!
//! Length (of the payload, without header and padding) and kind are little-endian `u32`s. A frame is
//! committed whole, so a position between two commits is one between two frames.
//!
//! The reader trusts nothing: the publisher's guest may write whatever it likes, at any time. Headers and
//! payloads are copied out first, a length is then checked against what is there, and a
//! frame that cannot be is an error that leaves the reader where it is.

use crate::error::{ClaimError, FrameError, RecvError, ViewError};
use crate::limits::{FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES};
use crate::policy::Registered;
use crate::publisher::{Claim, Publisher};
use crate::subscriber::Subscriber;
use std::ops::{Deref, DerefMut};
use std::task::Waker;

/// The publisher of a ring of frames.
#[derive(Debug)]
pub struct FramePublisher {
    publisher: Publisher,
}

impl FramePublisher {
    /// Sees a publisher as one of frames.
    ///
    /// # Errors
    ///
    /// It does not stand at a multiple of 8 bytes.
    pub fn new(publisher: Publisher) -> Result<Self, ViewError> {
        check_position(publisher.position())?;
        Ok(Self { publisher })
    }

    /// The publisher of bytes underneath.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// The publisher of bytes underneath, from now on as such.
    pub fn into_inner(self) -> Publisher {
        self.publisher
    }

    /// The longest payload that fits into the ring, in bytes.
    pub fn payload_bytes_max(&self) -> usize {
        self.publisher.ring().capacity_bytes() - FRAME_HEADER_BYTES
    }

    /// Publishes one frame with a copy of `payload`, which may be empty.
    ///
    /// # Errors
    ///
    /// `Full`, `Closed`, or `TooLarge` for the ring.
    #[inline]
    pub fn send(&mut self, kind: u32, payload: &[u8]) -> Result<(), ClaimError> {
        let mut claim = self.claim(kind, payload.len())?;
        claim.copy_from_slice(payload);
        claim.commit();
        Ok(())
    }

    /// Asks for a frame whose payload, of exactly `payload_bytes` bytes, is then filled in place.
    ///
    /// # Errors
    ///
    /// `Full`, `Closed`, or `TooLarge` for the ring.
    #[inline]
    pub fn claim(&mut self, kind: u32, payload_bytes: usize) -> Result<FrameClaim<'_>, ClaimError> {
        let frame_bytes = frame_bytes(payload_bytes).ok_or(ClaimError::TooLarge)?;
        // Every length up to the largest capacity fits; a longer one is refused by the claim.
        let length = u32::try_from(payload_bytes).map_err(|_| ClaimError::TooLarge)?;
        let mut claim = self.publisher.claim(frame_bytes)?;
        claim[..4].copy_from_slice(&length.to_le_bytes());
        claim[4..FRAME_HEADER_BYTES].copy_from_slice(&kind.to_le_bytes());
        Ok(FrameClaim {
            claim,
            payload_bytes,
        })
    }

    /// Arms `waker` for when a frame of so many bytes of payload can be sent.
    pub fn register(&mut self, waker: &Waker, payload_bytes: usize) -> Registered {
        self.publisher
            .register(waker, frame_bytes(payload_bytes).unwrap_or(usize::MAX))
    }

    /// Closes the ring; subscribers drain what there is, and are then told.
    pub fn close(&mut self) {
        self.publisher.close();
    }
}

/// Room for one frame's payload. Dropped without commit it publishes nothing.
#[derive(Debug)]
#[must_use = "a claim that is dropped publishes nothing"]
pub struct FrameClaim<'a> {
    claim: Claim<'a>,
    payload_bytes: usize,
}

impl FrameClaim<'_> {
    /// Publishes the frame.
    #[inline]
    pub fn commit(self) {
        self.claim.commit_all();
    }
}

impl Deref for FrameClaim<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.claim[FRAME_HEADER_BYTES..][..self.payload_bytes]
    }
}

impl DerefMut for FrameClaim<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.claim[FRAME_HEADER_BYTES..][..self.payload_bytes]
    }
}

/// What is known of a frame that was read, apart from its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is; the publisher and its subscribers agree on it.
    pub kind: u32,
    /// The payload's length, in bytes, without padding.
    pub payload_bytes: usize,
}

/// A subscriber of a ring of frames.
#[derive(Debug)]
pub struct FrameSubscriber {
    subscriber: Subscriber,
}

impl FrameSubscriber {
    /// Sees a subscriber as one of frames.
    ///
    /// # Errors
    ///
    /// It does not stand at a multiple of 8 bytes.
    pub fn new(subscriber: Subscriber) -> Result<Self, ViewError> {
        check_position(subscriber.position())?;
        Ok(Self { subscriber })
    }

    /// The subscriber of bytes underneath.
    pub fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    /// The subscriber of bytes underneath, from now on as such.
    pub fn into_inner(self) -> Subscriber {
        self.subscriber
    }

    /// Takes one frame; `payload`'s content is replaced by the frame's.
    ///
    /// # Errors
    ///
    /// As for [`Subscriber::readable`], or `Corrupt`: what is there is no frame. The reader then stays
    /// where it is. What `payload` holds after an error is unspecified.
    pub fn recv(&mut self, payload: &mut Vec<u8>) -> Result<Frame, FrameError> {
        let (frame, frame_bytes) = self.next()?;
        payload.clear();
        payload.reserve(frame.payload_bytes);
        let into = &mut payload.spare_capacity_mut()[..frame.payload_bytes];
        // The whole frame was readable, so either all of it is copied, or the reader was overtaken.
        let copied_bytes = self.subscriber.peek_uninit(FRAME_HEADER_BYTES, into)?;
        // SAFETY: that many bytes are initialised now, within the capacity.
        unsafe { payload.set_len(copied_bytes) };
        let released = self.subscriber.release(frame_bytes);
        debug_assert!(released.is_ok(), "a frame that was read is readable");
        Ok(frame)
    }

    /// What the next frame is, without taking it.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn peek(&mut self) -> Result<Frame, FrameError> {
        Ok(self.next()?.0)
    }

    /// Skips all that is published, frames or not. Returns how many bytes.
    ///
    /// # Errors
    ///
    /// As for [`Subscriber::readable`].
    pub fn skip_all(&mut self) -> Result<u64, RecvError> {
        self.subscriber.release_all()
    }

    /// Arms `waker` for when there is a frame, or the ring is closed.
    pub fn register(&mut self, waker: &Waker) -> Registered {
        self.subscriber.register(waker, FRAME_HEADER_BYTES)
    }

    /// The next frame's header, checked, and the length of the whole frame.
    fn next(&mut self) -> Result<(Frame, usize), FrameError> {
        let position = self.subscriber.position();
        let readable_bytes = self.subscriber.readable()?;
        let mut header = [0; FRAME_HEADER_BYTES];
        let copied_bytes = self.subscriber.peek(0, &mut header)?;
        let [l0, l1, l2, l3, k0, k1, k2, k3] = header;
        let payload_bytes = u32::from_le_bytes([l0, l1, l2, l3]);
        let kind = u32::from_le_bytes([k0, k1, k2, k3]);
        match frame_bytes(payload_bytes as usize) {
            Some(frame_bytes) if copied_bytes == header.len() && frame_bytes <= readable_bytes => {
                Ok((
                    Frame {
                        kind,
                        payload_bytes: payload_bytes as usize,
                    },
                    frame_bytes,
                ))
            }
            _ => Err(FrameError::Corrupt {
                position,
                payload_bytes,
                readable_bytes,
            }),
        }
    }
}

/// The length of a whole frame; `None` if it is beyond any ring.
#[inline]
fn frame_bytes(payload_bytes: usize) -> Option<usize> {
    payload_bytes
        .checked_next_multiple_of(FRAME_ALIGN_BYTES)?
        .checked_add(FRAME_HEADER_BYTES)
}

fn check_position(position: u64) -> Result<(), ViewError> {
    if position.is_multiple_of(FRAME_ALIGN_BYTES as u64) {
        Ok(())
    } else {
        Err(ViewError {
            position,
            element_bytes: FRAME_ALIGN_BYTES,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Frame, FramePublisher, FrameSubscriber};
    use crate::{ClaimError, FrameError, Policy, RecvError, Ring, Start};

    #[test]
    fn frames_come_as_they_went() {
        let publisher = Ring::create(4096, Start::Live).unwrap();
        let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        let mut publisher = FramePublisher::new(publisher).unwrap();
        let mut subscriber = FrameSubscriber::new(subscriber).unwrap();
        publisher.send(1, b"").unwrap();
        publisher.send(u32::MAX, b"hello").unwrap();
        let mut claim = publisher.claim(3, 16).unwrap();
        claim.copy_from_slice(&[9; 16]);
        claim.commit();
        assert_eq!(publisher.publisher().position(), 8 + 16 + 24);
        let mut payload = vec![1, 2, 3];
        assert_eq!(
            subscriber.recv(&mut payload),
            Ok(Frame {
                kind: 1,
                payload_bytes: 0
            })
        );
        assert_eq!(payload, b"");
        assert_eq!(
            subscriber.peek(),
            Ok(Frame {
                kind: u32::MAX,
                payload_bytes: 5
            })
        );
        assert_eq!(
            subscriber.recv(&mut payload),
            Ok(Frame {
                kind: u32::MAX,
                payload_bytes: 5
            })
        );
        assert_eq!(payload, b"hello");
        assert_eq!(
            subscriber.recv(&mut payload),
            Ok(Frame {
                kind: 3,
                payload_bytes: 16
            })
        );
        assert_eq!(payload, [9; 16]);
        publisher.close();
        assert_eq!(subscriber.recv(&mut payload), Err(RecvError::Closed.into()));
    }

    #[test]
    fn the_longest_frame_fills_the_ring() {
        let publisher = Ring::create(4096, Start::Hold).unwrap();
        let mut publisher = FramePublisher::new(publisher).unwrap();
        assert_eq!(publisher.payload_bytes_max(), 4088);
        assert_eq!(publisher.send(0, &[0; 4089]), Err(ClaimError::TooLarge));
        assert_eq!(
            publisher.claim(0, usize::MAX).unwrap_err(),
            ClaimError::TooLarge
        );
        publisher.send(0, &[5; 4088]).unwrap();
        assert_eq!(publisher.send(0, b""), Err(ClaimError::Full));
    }

    #[test]
    fn a_length_that_cannot_be_is_an_error_and_the_reader_stays() {
        for length in [9_u32, 4096, u32::MAX - 7, u32::MAX] {
            let mut publisher = Ring::create(4096, Start::Hold).unwrap();
            let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
            let mut subscriber = FrameSubscriber::new(subscriber).unwrap();
            publisher.write(&length.to_le_bytes()).unwrap();
            publisher.write(&[0; 12]).unwrap();
            let corrupt = FrameError::Corrupt {
                position: 0,
                payload_bytes: length,
                readable_bytes: 16,
            };
            let mut payload = Vec::new();
            assert_eq!(subscriber.recv(&mut payload), Err(corrupt));
            assert_eq!(subscriber.peek(), Err(corrupt));
            assert_eq!(subscriber.skip_all(), Ok(16));
            assert_eq!(subscriber.recv(&mut payload), Err(RecvError::Empty.into()));
        }
    }

    #[test]
    fn half_a_header_is_no_frame() {
        let mut publisher = Ring::create(4096, Start::Hold).unwrap();
        let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        let mut subscriber = FrameSubscriber::new(subscriber).unwrap();
        publisher.write(&[0; 4]).unwrap();
        let error = subscriber.recv(&mut Vec::new()).unwrap_err();
        assert!(
            matches!(
                error,
                FrameError::Corrupt {
                    readable_bytes: 4,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_view_begins_at_a_multiple_of_eight() {
        let mut publisher = Ring::create(4096, Start::Live).unwrap();
        publisher.write(&[0; 4]).unwrap();
        let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
        assert!(FrameSubscriber::new(subscriber).is_err());
        assert!(FramePublisher::new(publisher).is_err());
    }
}

//! Ring buffers with one writer and up to 64 readers, over memory that is mapped twice in a row.
//!
//! Skeleton.

mod error;
mod frame;
mod limits;
mod pod;
mod policy;
mod publisher;
mod ring;
mod subscriber;
mod typed;

pub use error::{
    ClaimError, CommitError, CreateError, FrameError, RecvError, ReleaseError, SendError,
    SubscribeError, ViewError,
};
pub use frame::{Frame, FrameClaim, FramePublisher, FrameSubscriber};
pub use limits::{
    CAPACITY_BYTES_MAX, CAPACITY_BYTES_MIN, FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, MAX_READERS,
};
pub use pod::Pod;
pub use policy::{Policy, ReaderLag, Registered, Start};
pub use publisher::{Claim, Publisher};
pub use ring::{Backing, Ring, Sequence};
pub use subscriber::{Batch, Subscriber};
pub use typed::{TypedBatch, TypedClaim, TypedPublisher, TypedSubscriber};

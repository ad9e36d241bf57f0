//! The data plane: ring buffers with one writer and up to 64 readers, in memory mapped twice in a row.
//!
//! In reading order: the vocabulary, the protocol (positions only, no memory), the memory, the
//! endpoints that join the two, and the views of the bytes as elements or messages.
//!
//! ```
//! # #[cfg(not(miri))] {
//! use okernel_ring::{Policy, RecvError, Ring, Start, TypedPublisher, TypedSubscriber};
//!
//! let publisher = Ring::create(4096, Start::Hold)?;
//! let subscriber = publisher.ring().subscribe(Policy::Block)?;
//! let mut prices = TypedPublisher::<f64>::new(publisher)?;
//! let mut view = TypedSubscriber::<f64>::new(subscriber)?;
//!
//! prices.try_send(1.5)?;
//! let mut claim = prices.claim_n(3)?;
//! claim.copy_from_slice(&[2.0, 2.5, 3.0]);
//! claim.commit_all();
//! drop(prices);
//!
//! let batch = view.batch_n(usize::MAX)?;
//! assert_eq!(*batch, [1.5, 2.0, 2.5, 3.0]);
//! batch.release_all();
//! assert_eq!(view.recv(), Err(RecvError::Closed));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod limits;
mod policy;
mod sync;

mod cursor;
mod read_side;
mod sequencer;
mod waiter;
mod write_side;

mod copy;
mod memory;

mod publisher;
mod ring;
mod subscriber;

mod frame;
mod pod;
mod typed;

pub use cursor::Sequence;
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
pub use read_side::ReadSide;
#[cfg(not(any(miri, loom)))]
pub use ring::Backing;
pub use ring::Ring;
pub use sequencer::Sequencer;
pub use subscriber::{Batch, Subscriber};
#[cfg(loom)]
pub use sync::nobody_sleeps;
pub use typed::{TypedBatch, TypedClaim, TypedPublisher, TypedSubscriber};
pub use write_side::WriteSide;

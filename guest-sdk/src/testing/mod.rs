//! Running tasks in a unit test, without a sandbox: rings in the process, a clock that jumps, a console that
//! is kept.
//!
//! The same task code runs here and in the kernel. What the harness decides by itself (how much is fed at a
//! time, who is polled first) is the same in every run; [`Harness::seams`] varies it by a seed.

mod done;
mod harness;
mod run;

pub use done::Done;
pub use harness::Harness;

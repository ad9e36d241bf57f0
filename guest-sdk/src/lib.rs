//! Write okernel tasks in Rust.
//!
//! A task is a WebAssembly module that the kernel runs in a sandbox. It talks to other tasks through rings
//! of messages that lie in its own memory, without copies, and it can do nothing that its spawner did not
//! grant it by name.
//!
//! ```
//! use okernel_sdk::testing::Harness;
//! use okernel_sdk::{Context, Result};
//!
//! /// Passes on what is greater than ten.
//! #[okernel_sdk::task(wants("in: subscriber", "out: publisher"))]
//! async fn large(ctx: Context) -> Result<()> {
//!     let mut input = ctx.subscriber::<u64>("in")?;
//!     let mut output = ctx.publisher::<u64>("out")?;
//!     while let Some(number) = input.next().await? {
//!         if number > 10 {
//!             output.send(number).await?;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! // The same task in a unit test: no sandbox, rings in the process.
//! let done = Harness::new().feed("in", &[5u64, 15, 25]).collect("out", 4096).run(large);
//! assert_eq!(done.sent::<u64>("out"), [15, 25]);
//! ```
//!
//! In reading order: what a task is (`task`), what it keeps over an upgrade (`state`), what it has (`context`), how it reads and writes rings
//! (`publisher`, `subscriber`, `frame_publisher`, `frame_subscriber`), what else it can be granted (`timer`,
//! `clock`, `console`, `file`, `request`, `spawn`, `supervise`), what selectors give it (`net`, `file_stream`), how it waits (`select`,
//! `executor`), what goes wrong (`error`), how it is tested (`testing`); and beneath, how all that reaches the
//! kernel (`sys`, `open`, `window`, `settle`, `read_lane`, `write_lane`, `readiness`, `refused`) and where the memory
//! comes from (`heap`).
//!
//! Invariants: no system call outside of `sys`; no pointer into a ring outside of `window`; a task that does
//! nothing costs no system call.

pub mod entry;
#[cfg(any(test, target_arch = "wasm32"))]
pub mod heap;
pub mod log;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

mod state;
mod task;

mod context;

mod pod;

mod frame_publisher;
mod frame_subscriber;
mod publisher;
mod subscriber;

mod clock;
mod console;
mod file;
mod file_stream;
mod limits;
mod net;
mod request;
mod spawn;
mod supervise;
mod timer;

mod executor;
mod made;
mod select;

mod error;

mod open;
mod read_lane;
mod readiness;
mod refused;
mod settle;
mod sys;
mod window;
mod write_lane;

pub use okernel_abi as abi;
pub use okernel_abi::Errno;
pub use okernel_abi::value::Value;
pub use okernel_macros::{Pod, task};
pub use serde;

pub use clock::Clock;
pub use console::{Console, Output};
pub use context::{CONSOLE_GRANT, Context, Pause};
pub use error::{
    ClaimError, Error, OpenError, RecvError, RequestError, Result, SendError, ValueError,
};
pub use executor::yield_now;
pub use file::File;
pub use file_stream::{FilePiece, FileStream};
pub use frame_publisher::FramePublisher;
pub use frame_subscriber::{Frame, FrameSubscriber};
pub use limits::Limits;
pub use net::{FileAppender, TcpListener, TcpStream};
pub use pod::{POD_ALIGN_BYTES_MAX, Pod, as_bytes, from_bytes};
pub use publisher::{Claim, Publisher};
pub use readiness::Readiness;
pub use request::{Reply, Rights};
pub use select::{Either, Either3, join2, select2, select3};
pub use spawn::{Grant, Spawn};
pub use state::{Persist, Saved, State, StateMut, StateRef};
pub use subscriber::{Batch, Subscriber};
pub use supervise::{Child, Ended, Restart, Strategy, Supervisor};
pub use task::{Poll, Task, TaskResult};
pub use timer::{Interval, Sleep, Timers};

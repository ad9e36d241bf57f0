//! What a test grants its tasks, as a builder.

use super::done::Done;
use super::run::{self, Feed, Grants};
use crate::context::Context;
use crate::error::Result;
use crate::executor::AsyncTask;
use crate::pod::{Pod, as_bytes};
use crate::sys::native::ring::Slow;
use crate::sys::native::world::{Answer, Grant, Source};
use crate::task::Task;
use okernel_abi::frame::FrameHeader;
use okernel_abi::layout::HandleKind;
use okernel_abi::value::Value;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// Capacity of the rings that [`Harness::feed`] makes, in bytes.
const FEED_RING_BYTES: usize = 64 * 1024;

/// How often tasks are polled in all before the harness gives up.
const POLLS_MAX: u64 = 10_000_000;

/// A world for one test: grants are added, then the task is run.
///
/// What is granted is granted to the task that is given next, by [`Harness::task`] or by
/// [`Harness::run`].
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new()
///     .feed("in", &[1u64, 2, 3])
///     .collect("out", 4096)
///     .run(async |ctx| {
///         let mut input = ctx.subscriber::<u64>("in")?;
///         let mut output = ctx.publisher::<u64>("out")?;
///         while let Some(number) = input.next().await? {
///             output.send(number * number).await?;
///         }
///         Ok(())
///     });
/// assert_eq!(done.sent::<u64>("out"), [1, 4, 9]);
/// ```
pub struct Harness<'a> {
    pub(super) next: Grants,
    pub(super) tasks: Vec<(Grants, Box<dyn Task + 'a>)>,
    pub(super) rings: Vec<(String, usize)>,
    pub(super) feeds: Vec<Feed>,
    pub(super) collected: Vec<(String, String)>,
    pub(super) files: Vec<(String, Rc<RefCell<Vec<u8>>>)>,
    pub(super) answer: Option<Answer>,
    pub(super) seed: Option<u64>,
    pub(super) feed_ring_bytes: usize,
    pub(super) polls_max: u64,
}

impl Default for Harness<'_> {
    fn default() -> Self {
        Harness {
            next: Grants::default(),
            tasks: Vec::new(),
            rings: Vec::new(),
            feeds: Vec::new(),
            collected: Vec::new(),
            files: Vec::new(),
            answer: None,
            seed: None,
            feed_ring_bytes: FEED_RING_BYTES,
            polls_max: POLLS_MAX,
        }
    }
}

impl<'a> Harness<'a> {
    /// A world with nothing in it.
    ///
    /// ```
    /// use okernel_sdk::testing::Harness;
    /// let done = Harness::new().run(async |_| Ok(()));
    /// assert_eq!(done.result, Ok(()));
    /// ```
    pub fn new() -> Harness<'a> {
        Harness::default()
    }

    fn grant(mut self, name: &str, grant: Grant) -> Harness<'a> {
        self.next.grants.push((name.to_string(), grant));
        self
    }

    /// Makes a ring of so many bytes: a power of two, at least 4096. Rings of at most 16 KiB are copied, larger ones are
    /// windows, as in the kernel.
    ///
    /// # Panics
    /// The capacity is no such number.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().ring("r", 4096).publisher("out", "r").subscriber("in", "r").run(async |ctx| {
    ///     ctx.publisher::<u64>("out")?.send(7).await?;
    ///     assert_eq!(ctx.subscriber::<u64>("in")?.recv().await?, 7);
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn ring(mut self, ring: &str, capacity_bytes: usize) -> Harness<'a> {
        assert!(
            capacity_bytes.is_power_of_two() && capacity_bytes >= 4096,
            "the capacity of a ring is a power of two, at least 4096"
        );
        self.rings.push((ring.to_string(), capacity_bytes));
        self
    }

    /// Grants the writer's end of a ring.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().ring("r", 4096).publisher("out", "r").run(async |ctx| {
    ///     ctx.publisher::<u64>("out")?.send(7).await?;
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn publisher(self, name: &str, ring: &str) -> Harness<'a> {
        self.grant(name, Grant::Publisher(ring.to_string()))
    }

    /// Grants a reader's end of a ring: one that the publisher waits for.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().ring("r", 4096).subscriber("in", "r").run(async |ctx| {
    ///     assert!(ctx.subscriber::<u64>("in")?.try_recv().is_err());
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn subscriber(self, name: &str, ring: &str) -> Harness<'a> {
        self.grant(name, Grant::Subscriber(ring.to_string(), Slow::Block))
    }

    /// Grants a reader's end of a ring: one that may be overtaken.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::RecvError;
    /// let harness = Harness::new().ring("r", 4096).publisher("out", "r").lapped_subscriber("in", "r");
    /// let done = harness.run(async |ctx| {
    ///     let mut input = ctx.subscriber::<u64>("in")?;
    ///     ctx.publisher::<u64>("out")?.send_all(&[0; 1000]).await?;
    ///     assert_eq!(input.recv().await, Err(RecvError::Lapped { missed_bytes: 8000 }));
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn lapped_subscriber(self, name: &str, ring: &str) -> Harness<'a> {
        self.grant(name, Grant::Subscriber(ring.to_string(), Slow::Lap))
    }

    /// Grants a reader's end of a ring: one that is detached when it is too slow.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::RecvError;
    /// let harness = Harness::new().ring("r", 4096).publisher("out", "r").kicked_subscriber("in", "r");
    /// let done = harness.run(async |ctx| {
    ///     let mut input = ctx.subscriber::<u64>("in")?;
    ///     ctx.publisher::<u64>("out")?.send_all(&[0; 1000]).await?;
    ///     assert!(matches!(input.recv().await, Err(RecvError::Kicked { .. })));
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn kicked_subscriber(self, name: &str, ring: &str) -> Harness<'a> {
        self.grant(name, Grant::Subscriber(ring.to_string(), Slow::Kick))
    }

    /// Grants a reader's end of a ring that is fed with messages and then closed.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().feed("in", b"some text").run(async |ctx| {
    ///     let mut text = ctx.subscriber::<u8>("in")?;
    ///     assert_eq!(text.recv().await?, b's');
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn feed<T: Pod>(self, name: &str, messages: &[T]) -> Harness<'a> {
        let bytes = as_bytes(messages).to_vec();
        self.feed_bytes(name, bytes)
    }

    /// Grants a reader's end of a ring that is fed with frames, kind and payload, and then closed.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().feed_frames("in", &[(300, b"one")]).run(async |ctx| {
    ///     assert_eq!(ctx.frame_subscriber("in")?.recv().await?.kind, 300);
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn feed_frames(self, name: &str, frames: &[(u32, &[u8])]) -> Harness<'a> {
        let mut bytes = Vec::new();
        for (kind, payload) in frames {
            let header = FrameHeader {
                payload_bytes: payload.len() as u32,
                kind: *kind,
            };
            let end = bytes.len() + header.frame_bytes() as usize;
            bytes.extend_from_slice(&header.encode());
            bytes.extend_from_slice(payload);
            bytes.resize(end, 0);
        }
        self.feed_bytes(name, bytes)
    }

    fn feed_bytes(self, name: &str, bytes: Vec<u8>) -> Harness<'a> {
        let ring = format!("feed {} {name}", self.feeds.len());
        let capacity_bytes = self.feed_ring_bytes;
        let mut harness = self.ring(&ring, capacity_bytes).subscriber(name, &ring);
        harness.feeds.push(Feed { ring, bytes });
        harness
    }

    /// Sets the capacity of the rings that later [`Harness::feed`]s make, in bytes.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().feed_ring(4096).feed("in", &[7u64]).run(async |ctx| {
    ///     assert_eq!(ctx.subscriber::<u64>("in")?.capacity(), 512);
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn feed_ring(mut self, capacity_bytes: usize) -> Harness<'a> {
        self.feed_ring_bytes = capacity_bytes;
        self
    }

    /// Grants the writer's end of a ring of so many bytes, and keeps all that is written to it.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().collect("out", 4096).run(async |ctx| {
    ///     ctx.publisher::<u64>("out")?.send(7).await?;
    ///     Ok(())
    /// });
    /// assert_eq!(done.sent::<u64>("out"), [7]);
    /// ```
    pub fn collect(self, name: &str, capacity_bytes: usize) -> Harness<'a> {
        let ring = format!("collect {} {name}", self.collected.len());
        let mut harness = self.ring(&ring, capacity_bytes).publisher(name, &ring);
        harness.collected.push((name.to_string(), ring));
        harness
    }

    /// Grants a file with these bytes.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().file("file", b"some text").run(async |ctx| {
    ///     assert_eq!(ctx.file("file")?.size()?, 9);
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn file(self, name: &str, bytes: &[u8]) -> Harness<'a> {
        self.grant(name, Grant::File(Source::Bytes(Rc::from(bytes))))
    }

    /// Grants an empty file that may be written; what is in it in the end is kept.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().file_to_write("log").run(async |ctx| {
    ///     ctx.file("log")?.write_at(0, b"some text")
    /// });
    /// assert_eq!(done.file("log"), b"some text");
    /// ```
    pub fn file_to_write(self, name: &str) -> Harness<'a> {
        let bytes = Rc::new(RefCell::new(Vec::new()));
        let source = Source::Memory(Rc::clone(&bytes));
        let mut harness = self.grant(name, Grant::File(source));
        harness.files.push((name.to_string(), bytes));
        harness
    }

    /// Grants the file at this path.
    ///
    /// # Errors
    /// The file cannot be opened.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// assert!(Harness::new().file_at("file", "/no such file".as_ref()).is_err());
    /// ```
    pub fn file_at(self, name: &str, path: &Path) -> std::io::Result<Harness<'a>> {
        let file = std::fs::File::open(path)?;
        Ok(self.grant(name, Grant::File(Source::File(Rc::new(file)))))
    }

    /// Grants the right to set timers. When every task sleeps, the clock jumps to the next timer.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// let done = Harness::new().timers("timer").run(async |ctx| {
    ///     ctx.timers("timer")?.sleep(Duration::from_secs(3600)).await
    /// });
    /// assert_eq!(done.now_ns, 3_600_000_000_000);
    /// ```
    pub fn timers(self, name: &str) -> Harness<'a> {
        self.grant(name, Grant::Right(HandleKind::Timers))
    }

    /// Grants the clock.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().clock("clock").run(async |ctx| {
    ///     assert_eq!(ctx.clock("clock")?.now_ns()?, 0);
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn clock(self, name: &str) -> Harness<'a> {
        self.grant(name, Grant::Right(HandleKind::Clock))
    }

    /// Grants the console; what is printed is kept.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().console("console").run(async |ctx| {
    ///     ctx.console()?.print("hello").await
    /// });
    /// assert_eq!(done.console, b"hello");
    /// ```
    pub fn console(self, name: &str) -> Harness<'a> {
        self.grant(name, Grant::Right(HandleKind::Console))
    }

    /// Grants the right to make requests, which this function answers.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Value;
    /// let done = Harness::new().answer("system", |_| Value::Int(7)).run(async |ctx| {
    ///     assert_eq!(ctx.request(&Value::Nil).await?, Value::Int(7));
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn answer(
        mut self,
        name: &str,
        answer: impl FnMut(&Value) -> Value + 'static,
    ) -> Harness<'a> {
        self.answer = Some(Box::new(answer));
        self.grant(name, Grant::Right(HandleKind::System))
    }

    /// Grants the right to spawn, whose requests this function answers.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::{Spawn, Value};
    /// let done = Harness::new().answer_spawn("spawn", |_| Value::Int(12)).run(async |ctx| {
    ///     assert_eq!(ctx.rights()?.spawn(Spawn::module(0, "words")).await?, 12);
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn answer_spawn(
        mut self,
        name: &str,
        answer: impl FnMut(&Value) -> Value + 'static,
    ) -> Harness<'a> {
        self.answer = Some(Box::new(answer));
        self.grant(name, Grant::Right(HandleKind::Spawn))
    }

    /// Sets the arguments.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().args(["10"]).run(async |ctx| {
    ///     assert_eq!(ctx.args()?, ["10"]);
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Harness<'a> {
        self.next.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Calls the task's `exec` with this input, before it is polled first.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().exec(b"line").run(async |_| Ok(()));
    /// assert_eq!(done.result.unwrap_err().to_string(), "this task takes no input");
    /// ```
    pub fn exec(mut self, input: &[u8]) -> Harness<'a> {
        self.next.inputs.push(input.to_vec());
        self
    }

    /// Feeds in pieces whose lengths this seed decides, instead of as much as there is room for.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().seams(7).feed("in", &[1; 10_000]).run(async |ctx| {
    ///     let mut text = ctx.subscriber::<u8>("in")?;
    ///     assert!(text.batch().await?.len() < 10_000);
    ///     Ok(())
    /// });
    /// # done.result.unwrap();
    /// ```
    pub fn seams(mut self, seed: u64) -> Harness<'a> {
        self.seed = Some(seed);
        self
    }

    /// Gives up after so many polls in all: for tasks that never end.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().polls_max(5).run(async |_| loop {
    ///     okernel_sdk::yield_now().await;
    /// });
    /// assert_eq!(done.polls, 5);
    /// ```
    pub fn polls_max(mut self, polls: u64) -> Harness<'a> {
        self.polls_max = polls;
        self
    }

    /// Adds a task that has been granted everything since the last. It runs beside the one that
    /// [`Harness::run`] runs.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new()
    ///     .ring("r", 4096)
    ///     .publisher("out", "r")
    ///     .task(async |ctx| Ok(ctx.publisher::<u64>("out")?.send(7).await?))
    ///     .subscriber("in", "r")
    ///     .run(async |ctx| {
    ///         assert_eq!(ctx.subscriber::<u64>("in")?.recv().await?, 7);
    ///         Ok(())
    ///     });
    /// # done.result.unwrap();
    /// ```
    pub fn task(mut self, main: impl AsyncFnOnce(Context) -> Result<()> + 'a) -> Harness<'a> {
        let grants = std::mem::take(&mut self.next);
        let task = AsyncTask::new(async move { main(Context::new()).await });
        self.tasks.push((grants, Box::new(task)));
        self
    }

    /// Runs an `async fn`, and the tasks that were added, until all have ended or wait for what never comes.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().run(async |_| Err(okernel_sdk::Error::message("no")));
    /// assert_eq!(done.result.unwrap_err().to_string(), "no");
    /// ```
    pub fn run(self, main: impl AsyncFnOnce(Context) -> Result<()> + 'a) -> Done {
        run::run(self.task(main))
    }

    /// Runs a task that is a type, as [`Harness::run`] does.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::{Context, Poll, Task};
    /// struct Once;
    /// impl Task for Once {
    ///     fn poll(&mut self, _: &mut Context) -> Poll {
    ///         Poll::End
    ///     }
    /// }
    /// assert_eq!(Harness::new().run_task(Once).polls, 1);
    /// ```
    pub fn run_task(mut self, task: impl Task + 'a) -> Done {
        let grants = std::mem::take(&mut self.next);
        self.tasks.push((grants, Box::new(task)));
        run::run(self)
    }
}

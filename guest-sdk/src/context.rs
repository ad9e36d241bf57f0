//! What a task has: nothing but what its spawner granted, by name.

use crate::clock::Clock;
use crate::console::Console;
use crate::error::{Error, OpenError, RequestError, Result};
use crate::file::File;
use crate::frame_publisher::FramePublisher;
use crate::frame_subscriber::FrameSubscriber;
use crate::open;
use crate::pod::Pod;
use crate::publisher::Publisher;
use crate::request::Rights;
use crate::subscriber::Subscriber;
use crate::sys;
use crate::timer::Timers;
use okernel_abi::Errno;
use okernel_abi::layout::{Executed, HandleKind};
use okernel_abi::value::Value;

/// The name under which [`Context::console`] looks for its grant.
pub const CONSOLE_GRANT: &str = "console";

/// What [`Context::pause`] answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Pause {
    /// Go on with what you do.
    GoOn,
    /// Give the input that you work on up, and report about it as soon as you can.
    Interrupted,
}

/// A task's door to the kernel.
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new().run(async |ctx| {
///     let error = ctx.subscriber::<u64>("in").err().unwrap();
///     assert_eq!(error.to_string(), "not granted: \"in\" (subscriber)");
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
#[derive(Debug)]
pub struct Context {
    /// Not to be made or sent elsewhere.
    _thread: core::marker::PhantomData<*const ()>,
}

impl Context {
    pub(crate) fn new() -> Context {
        Context {
            _thread: core::marker::PhantomData,
        }
    }

    /// The reader's end of the ring that was granted under this name, for messages of type `T`.
    ///
    /// # Errors
    /// Not granted, granted as something else, open already, or `T` does not suit the ring.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[7u64]).run(async |ctx| {
    /// let mut numbers = ctx.subscriber::<u64>("in")?;
    /// assert_eq!(numbers.recv().await?, 7);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn subscriber<T: Pod>(&self, name: &str) -> Result<Subscriber<T>, OpenError> {
        Subscriber::open(name, open::grant(name, HandleKind::Subscriber)?)
    }

    /// The writer's end of the ring that was granted under this name, for messages of type `T`.
    ///
    /// # Errors
    /// As for [`Context::subscriber`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut numbers = ctx.publisher::<u64>("out")?;
    /// numbers.send(7).await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.sent::<u64>("out"), [7]);
    /// ```
    pub fn publisher<T: Pod>(&self, name: &str) -> Result<Publisher<T>, OpenError> {
        Publisher::open(name, open::grant(name, HandleKind::Publisher)?)
    }

    /// The reader's end of the ring of frames that was granted under this name.
    ///
    /// # Errors
    /// Not granted, granted as something else, or open already.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed_frames("in", &[(300, b"one")]).run(async |ctx| {
    /// let mut input = ctx.frame_subscriber("in")?;
    /// assert_eq!(input.recv().await?.kind, 300);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn frame_subscriber(&self, name: &str) -> Result<FrameSubscriber, OpenError> {
        FrameSubscriber::open(name, open::grant(name, HandleKind::Subscriber)?)
    }

    /// The writer's end of the ring of frames that was granted under this name.
    ///
    /// # Errors
    /// As for [`Context::frame_subscriber`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().collect("out", 4096).run(async |ctx| {
    /// let mut out = ctx.frame_publisher("out")?;
    /// out.send(300, b"one").await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out"), [(300, b"one".to_vec())]);
    /// ```
    pub fn frame_publisher(&self, name: &str) -> Result<FramePublisher, OpenError> {
        FramePublisher::open(name, open::grant(name, HandleKind::Publisher)?)
    }

    /// The right to set timers that was granted under this name.
    ///
    /// # Errors
    /// Not granted, or granted as something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use std::time::Duration;
    /// # let done = Harness::new().timers("timer").run(async |ctx| {
    /// ctx.timers("timer")?.sleep(Duration::from_millis(3)).await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.now_ns, 3_000_000);
    /// ```
    pub fn timers(&self, name: &str) -> Result<Timers, OpenError> {
        Ok(Timers::new(open::grant(name, HandleKind::Timers)?))
    }

    /// The right to read the clock that was granted under this name.
    ///
    /// # Errors
    /// Not granted, or granted as something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().clock("clock").run(async |ctx| {
    /// let since_boot = ctx.clock("clock")?.now()?;
    /// # assert!(since_boot.is_zero());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn clock(&self, name: &str) -> Result<Clock, OpenError> {
        Ok(Clock::new(open::grant(name, HandleKind::Clock)?))
    }

    /// The console, if it was granted under the name `console`.
    ///
    /// # Errors
    /// Not granted, or granted as something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().console("console").run(async |ctx| {
    /// ctx.console()?.print("hello\n").await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.console, b"hello\n");
    /// ```
    pub fn console(&self) -> Result<Console, OpenError> {
        self.console_named(CONSOLE_GRANT)
    }

    /// The console, if it was granted under this name.
    ///
    /// # Errors
    /// Not granted, or granted as something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().console("screen").run(async |ctx| {
    /// ctx.console_named("screen")?.print("hello\n").await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.console, b"hello\n");
    /// ```
    pub fn console_named(&self, name: &str) -> Result<Console, OpenError> {
        Ok(Console::new(open::grant(name, HandleKind::Console)?))
    }

    /// The seed for the task's random numbers, 63 bits: what its spawner set, else one made from the task's
    /// number. The same task in a kernel that does the same again gets the same.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().run(async |ctx| {
    /// let seed = ctx.seed();
    /// # let _ = seed;
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn seed(&self) -> u64 {
        // The call has no reason to refuse; a kernel that doesn't know it gives everyone the same.
        sys::seed().unwrap_or_default()
    }

    /// The file that was granted under this name.
    ///
    /// # Errors
    /// Not granted, or granted as something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().file("file", b"some text").run(async |ctx| {
    /// let file = ctx.file("file")?;
    /// assert_eq!(file.size()?, 9);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn file(&self, name: &str) -> Result<File, OpenError> {
        Ok(File::new(open::grant(name, HandleKind::File)?))
    }

    /// What the task was spawned with under the name `args`. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().args(["10", "fast"]).run(async |ctx| {
    /// assert_eq!(ctx.args()?, ["10", "fast"]);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn args(&self) -> Result<Vec<String>> {
        let text = |value: Value| match value {
            Value::Chars(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Value::Symbol(name) => name,
            Value::Char(byte) => char::from(byte).to_string(),
            Value::Int(int) => int.to_string(),
            Value::Float(float) => float.to_string(),
            other => format!("{other:?}"),
        };
        Ok(match fetch("read the arguments", sys::args)? {
            Value::List(items) => items.into_iter().map(text).collect(),
            Value::Symbols(names) => names,
            Value::Nil => Vec::new(),
            single => vec![text(single)],
        })
    }

    /// The right to make requests of the kernel: the one granted as `system`, or else as `spawn`.
    ///
    /// # Errors
    /// Neither was granted.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().run(async |ctx| {
    /// assert!(ctx.rights().is_err());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn rights(&self) -> Result<Rights, OpenError> {
        match open::grant("system", HandleKind::System) {
            Ok(handle) => Ok(Rights::new(handle)),
            Err(OpenError::NotGranted { .. }) => self.rights_named("spawn", HandleKind::Spawn),
            Err(error) => Err(error),
        }
    }

    /// The right to make requests of the kernel that was granted under this name: a `System` right
    /// or a `Spawn` right.
    ///
    /// # Errors
    /// Not granted, or granted as something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::abi::layout::HandleKind;
    /// # let done = Harness::new().run(async |ctx| {
    /// assert!(ctx.rights_named("workers", HandleKind::Spawn).is_err());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn rights_named(&self, name: &str, kind: HandleKind) -> Result<Rights, OpenError> {
        Ok(Rights::new(open::grant(name, kind)?))
    }

    /// Makes a request of the kernel, a list of its name and its arguments, and waits for the answer.
    ///
    /// # Errors
    /// The task has no right to, or the request failed; the text says why.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Value;
    /// # let harness = Harness::new().answer("system", |request| match request {
    /// #     Value::List(items) => items[1].clone(),
    /// #     _ => Value::Error("type: a list".into()),
    /// # });
    /// # let done = harness.run(async |ctx| {
    /// let request = Value::List(vec![Value::Symbol("kill".into()), Value::Int(3)]);
    /// let answer = ctx.request(&request).await?;
    /// # assert_eq!(answer, Value::Int(3));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn request(&self, request: &Value) -> Result<Value, RequestError> {
        self.rights()?.request(request)?.await
    }

    /// The names of everything that was granted.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().feed("in", &[7u64]).console("console").run(async |ctx| {
    /// assert_eq!(ctx.grants()?, ["in", "console"]);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn grants(&self) -> Result<Vec<String>> {
        match fetch("read the grants", sys::grants)? {
            Value::Symbols(names) => Ok(names),
            other => Err(Error::message(format!("read the grants: {other:?}"))),
        }
    }

    /// What was granted under this name.
    ///
    /// # Errors
    /// Nothing was.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::abi::layout::HandleKind;
    /// # let done = Harness::new().feed("in", &[7u64]).run(async |ctx| {
    /// assert_eq!(ctx.grant_kind("in")?, HandleKind::Subscriber);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn grant_kind(&self, name: &str) -> Result<HandleKind, OpenError> {
        open::kind(name)
    }

    /// The input of the running `exec`, or what the task was spawned with as its program.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::{Context, Poll, Result, Task};
    /// # #[derive(Default)]
    /// # struct Reader;
    /// impl Task for Reader {
    ///     fn exec(&mut self, ctx: &mut Context, input: &[u8]) -> Result<()> {
    ///         assert_eq!(ctx.input()?, input);
    ///         Ok(())
    ///     }
    /// #   fn poll(&mut self, _: &mut Context) -> Poll { Poll::End }
    /// }
    /// # Harness::new().exec(b"a line").run_task(Reader).result.unwrap();
    /// ```
    pub fn input(&self) -> Result<Vec<u8>> {
        fetch_bytes("read the input", sys::input)
    }

    /// Lets others have their turns in the middle of long work, if this task's turn is over, and says whether the
    /// work is still wanted: for code that the kernel does not meter, and for whoever takes inputs by `exec`.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::{Context, Pause};
    /// # let done = Harness::new().run(async |_| {
    /// assert_eq!(Context::pause(), Pause::GoOn);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn pause() -> Pause {
        match sys::pause() {
            Ok(1..) => Pause::Interrupted,
            _ => Pause::GoOn,
        }
    }

    /// The most bytes of memory that this task may have, its static data and stack among them.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Context;
    /// # let done = Harness::new().run(async |_| {
    /// assert!(Context::memory_bytes_max() > 1 << 20);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn memory_bytes_max() -> u64 {
        sys::memory().unwrap_or(0)
    }

    /// Reports how the input that `exec` brought went.
    ///
    /// # Errors
    /// The kernel refused: no input is being executed.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Context;
    /// use okernel_sdk::abi::layout::Executed;
    /// # let done = Harness::new().run(async |_| {
    /// Context::report(Executed::Done)?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.executed, [Executed::Done]);
    /// ```
    pub fn report(status: Executed) -> Result<()> {
        sys::executed(status as u32).map_err(|errno| Error::Call {
            call: "report the execution",
            errno,
        })
    }

    /// As [`Context::report`], with an encoded value for whoever gave the input: its outcome.
    ///
    /// # Errors
    /// The kernel refused: no input is being executed, or the outcome is larger than
    /// [`REPORT_BYTES_MAX`](okernel_abi::layout::REPORT_BYTES_MAX).
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Context;
    /// use okernel_sdk::abi::layout::Executed;
    /// use okernel_sdk::abi::value::Value;
    /// # let done = Harness::new().run(async |_| {
    /// Context::report_outcome(Executed::Done, &Value::Int(5).to_bytes())?;
    /// # Ok(())
    /// # });
    /// # assert_eq!((done.executed, done.outcomes), (vec![Executed::Done], vec![Value::Int(5).to_bytes()]));
    /// ```
    pub fn report_outcome(status: Executed, outcome: &[u8]) -> Result<()> {
        sys::report(status as u32, outcome).map_err(|errno| Error::Call {
            call: "report the outcome",
            errno,
        })
    }
}

/// Fetches bytes whose length is known only to the kernel.
fn fetch_bytes(
    what: &'static str,
    copy: impl Fn(&mut [u8]) -> Result<u64, Errno>,
) -> Result<Vec<u8>> {
    let failed = |errno| Error::Call { call: what, errno };
    let length = copy(&mut []).map_err(failed)?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    copy(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Fetches an encoded value.
fn fetch(what: &'static str, copy: impl Fn(&mut [u8]) -> Result<u64, Errno>) -> Result<Value> {
    let bytes = fetch_bytes(what, copy)?;
    Value::decode(&bytes).map_err(|error| Error::message(format!("{what}: {error}")))
}

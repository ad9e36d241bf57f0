//! The state of a task as bytes, so that another instance can go on from there: perhaps of a newer module.
//!
//! A task that is a type writes its state in [`Task::save`](crate::Task::save) and reads it in
//! [`Task::restore`](crate::Task::restore); [`Saved::new`] and [`Saved::read`] do that with `serde`. A task
//! that is an `async fn` cannot be written down in the middle: where it waits is the compiler's secret. It keeps
//! what must survive in a [`State`] instead, and its `main` begins anew with that.
//!
//! Invariants: a state is written only between two turns, when all that was received is released and all
//! that was sent is published; while a [`State`] is borrowed it is not whole, and is not written.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::executor::AsyncTask;
use crate::made::{self, Kind};
use crate::sys;
use crate::task::{Poll, Task, TaskResult};
use core::cell::{Ref, RefCell, RefMut};
use core::ops::{Deref, DerefMut};
use okernel_abi::layout::ExitCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::rc::Rc;

/// The state of a task, as bytes that only tasks of its kind understand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// The version of their form: a task that changes the form counts it up, and may go on reading
    /// older ones.
    pub version: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Saved {
    /// Writes a value as the state, in the compact form of the `postcard` crate: fields in their order, without
    /// names. So a change of fields, or of their order, is another version.
    ///
    /// # Errors
    /// The value cannot be written (a map of unknown length, for example).
    ///
    /// ```
    /// use okernel_sdk::Saved;
    /// let saved = Saved::new(1, &(7u64, "seven"))?;
    /// assert_eq!((saved.version, saved.bytes.len()), (1, 7));
    /// # Ok::<(), okernel_sdk::Error>(())
    /// ```
    pub fn new(version: u32, state: &impl Serialize) -> Result<Saved> {
        let bytes = postcard::to_allocvec(state)
            .map_err(|error| Error::message(format!("the state cannot be written: {error}")))?;
        Ok(Saved { version, bytes })
    }

    /// Reads the state as a value of the type that it was written from.
    ///
    /// # Errors
    /// The bytes are not a value of that type, or more than one.
    ///
    /// ```
    /// use okernel_sdk::Saved;
    /// let saved = Saved::new(1, &(7u64, "seven"))?;
    /// assert_eq!(saved.read::<(u64, String)>()?, (7, "seven".to_string()));
    /// assert!(saved.read::<u64>().is_err());
    /// # Ok::<(), okernel_sdk::Error>(())
    /// ```
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let version = self.version;
        let damaged = |error: &dyn core::fmt::Display| {
            Error::message(format!(
                "a state of version {version} cannot be read: {error}"
            ))
        };
        match postcard::take_from_bytes(&self.bytes) {
            Ok((state, [])) => Ok(state),
            Ok((_, rest)) => Err(damaged(&format_args!("{} bytes are left over", rest.len()))),
            Err(error) => Err(damaged(&error)),
        }
    }

    /// The error of a task that does not know the version of a state.
    ///
    /// ```
    /// use okernel_sdk::Saved;
    /// let error = Saved::new(3, &0)?.unknown();
    /// assert_eq!(error.to_string(), "a state of version 3, which this task does not read");
    /// # Ok::<(), okernel_sdk::Error>(())
    /// ```
    pub fn unknown(&self) -> Error {
        let version = self.version;
        Error::message(format!(
            "a state of version {version}, which this task does not read"
        ))
    }
}

/// What an `async fn` keeps over an upgrade.
///
/// ```
/// use okernel_sdk::{Persist, Result, Saved};
/// use okernel_sdk::serde::{Deserialize, Serialize};
///
/// /// As version 1 wrote it.
/// #[derive(Serialize, Deserialize)]
/// #[serde(crate = "okernel_sdk::serde")]
/// struct Old {
///     sum: u64,
/// }
///
/// #[derive(Default, Serialize, Deserialize)]
/// #[serde(crate = "okernel_sdk::serde")]
/// struct Sums {
///     sum: u64,
///     count: u64,
/// }
///
/// impl Persist for Sums {
///     const VERSION: u32 = 2;
///
///     fn from_other(saved: &Saved) -> Result<Sums> {
///         match saved.version {
///             1 => Ok(Sums { sum: saved.read::<Old>()?.sum, count: 0 }),
///             _ => Err(saved.unknown()),
///         }
///     }
/// }
///
/// let old = Saved::new(1, &Old { sum: 7 })?;
/// assert_eq!(Sums::from_other(&old)?.sum, 7);
/// # Ok::<(), okernel_sdk::Error>(())
/// ```
pub trait Persist: Serialize + DeserializeOwned + Default + 'static {
    /// The version of its form: to be counted up with every change of its fields.
    const VERSION: u32;

    /// Reads a state of another version.
    ///
    /// # Errors
    /// That version is not known; the old instance goes on.
    fn from_other(saved: &Saved) -> Result<Self> {
        Err(saved.unknown())
    }
}

/// What a task that is an `async fn` keeps over an upgrade: the second argument of its `main`.
///
/// When the task is upgraded, the new version's `main` begins anew with the state as it is between two turns. For
/// that to lose and to repeat nothing, `main` must be able to begin from it: whatever was received is in the state,
/// or was passed on, before the next `.await` at which the state is not borrowed. A borrow that is held over an
/// `.await` puts an upgrade off until it ends. Timers and replies of the old `main` are given up; while a reply is
/// waited for there is no upgrade.
///
/// ```
/// use okernel_sdk::{Context, Persist, Result, State};
/// use okernel_sdk::serde::{Deserialize, Serialize};
///
/// #[derive(Default, Serialize, Deserialize)]
/// #[serde(crate = "okernel_sdk::serde")]
/// struct Sum(u64);
///
/// impl Persist for Sum {
///     const VERSION: u32 = 1;
/// }
///
/// #[okernel_sdk::task(wants("in: subscriber", "out: publisher"))]
/// async fn sums(ctx: Context, state: State<Sum>) -> Result<()> {
///     let mut input = ctx.subscriber::<u64>("in")?;
///     let mut output = ctx.publisher::<u64>("out")?;
///     while let Some(number) = input.next().await? {
///         let mut sum = state.borrow_mut();
///         sum.0 += number;
///         output.send(sum.0).await?;
///     }
///     Ok(())
/// }
///
/// # use okernel_sdk::testing::Harness;
/// let harness = Harness::new().feed("in", &[1u64, 2, 3]).collect("out", 4096);
/// let done = harness.run(async |ctx| sums(ctx, State::default()).await);
/// assert_eq!(done.sent::<u64>("out"), [1, 3, 6]);
/// ```
#[derive(Debug, Default)]
pub struct State<S>(Rc<RefCell<S>>);

impl<S> Clone for State<S> {
    fn clone(&self) -> State<S> {
        State(Rc::clone(&self.0))
    }
}

impl<S> State<S> {
    /// A state of its own.
    ///
    /// ```
    /// let state = okernel_sdk::State::new(7u64);
    /// assert_eq!(*state.borrow(), 7);
    /// ```
    pub fn new(state: S) -> State<S> {
        State(Rc::new(RefCell::new(state)))
    }

    /// The state, to be looked at. Panics while it is borrowed to be changed.
    ///
    /// ```
    /// let state = okernel_sdk::State::new(vec![1, 2]);
    /// assert_eq!(state.borrow().len(), 2);
    /// ```
    pub fn borrow(&self) -> StateRef<'_, S> {
        StateRef(self.0.borrow())
    }

    /// The state, to be changed. Panics while it is borrowed.
    ///
    /// ```
    /// let state = okernel_sdk::State::new(vec![1, 2]);
    /// state.borrow_mut().push(3);
    /// assert_eq!(state.borrow().len(), 3);
    /// ```
    pub fn borrow_mut(&self) -> StateMut<'_, S> {
        StateMut(self.0.borrow_mut())
    }
}

/// A look at a [`State`]. There is no upgrade while it lives: it may be held over an `.await`.
#[derive(Debug)]
pub struct StateRef<'s, S>(Ref<'s, S>);

impl<S> Deref for StateRef<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

/// A change of a [`State`]. There is no upgrade while it lives: it may be held over an `.await`.
#[derive(Debug)]
pub struct StateMut<'s, S>(RefMut<'s, S>);

impl<S> Deref for StateMut<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S> DerefMut for StateMut<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.0
    }
}

/// A task that is a future with a state.
pub(crate) struct StatefulTask<S, F, M> {
    main: M,
    state: State<S>,
    running: Option<AsyncTask<F>>,
}

impl<S, F, M> StatefulTask<S, F, M>
where
    S: Persist,
    F: Future<Output: TaskResult>,
    M: Fn(Context, State<S>) -> F,
{
    pub(crate) fn new(main: M) -> StatefulTask<S, F, M> {
        StatefulTask {
            main,
            state: State::default(),
            running: None,
        }
    }

    fn start(&mut self) {
        let future = (self.main)(Context::new(), self.state.clone());
        self.running = Some(AsyncTask::new(future));
    }
}

impl<S, F, M> Task for StatefulTask<S, F, M>
where
    S: Persist,
    F: Future<Output: TaskResult>,
    M: Fn(Context, State<S>) -> F,
{
    fn init(&mut self, _: &mut Context) -> Result<()> {
        self.start();
        Ok(())
    }

    fn poll(&mut self, context: &mut Context) -> Poll {
        match &mut self.running {
            Some(running) => running.poll(context),
            None => Poll::End,
        }
    }

    fn save(&mut self, _: &mut Context) -> Result<Saved> {
        if !made::handles(Kind::Reply).is_empty() {
            return Err(Error::not_now("a request is under way"));
        }
        let Ok(state) = self.state.0.try_borrow_mut() else {
            return Err(Error::not_now("the state is being changed"));
        };
        Saved::new(S::VERSION, &(made::handles(Kind::Timer), &*state))
    }

    fn restore(&mut self, _: &mut Context, saved: &Saved) -> Result<()> {
        let Ok((timers, bytes)) = postcard::take_from_bytes::<Vec<u32>>(&saved.bytes) else {
            return Err(Error::message("the state is damaged"));
        };
        let saved = Saved {
            version: saved.version,
            bytes: bytes.to_vec(),
        };
        let state = match saved.version {
            version if version == S::VERSION => saved.read()?,
            _ => S::from_other(&saved)?,
        };
        self.state = State::new(state);
        for timer in timers {
            // The old `main` waited for it; this one sets its own.
            let _ = sys::close(timer);
        }
        self.start();
        Ok(())
    }

    fn finalize(&mut self, context: &mut Context, exit: ExitCode) {
        if let Some(running) = &mut self.running {
            running.finalize(context, exit);
        }
    }
}

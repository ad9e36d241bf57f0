//! What a task is: four calls that the kernel makes.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::state::Saved;
use core::fmt::Display;
use okernel_abi::layout::{ExitCode, PollCode};

/// What a task's `poll` answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Poll {
    /// Did what it could: sleep until something that was armed is ready; with nothing armed, poll again
    /// in the next turn.
    Yield,
    /// Finished.
    End,
    /// Failed; the text is the reason that people see.
    Err(Error),
    /// There is always more to do: poll again in the next turn.
    Infinite,
}

impl Poll {
    /// The kernel's number for the answer.
    ///
    /// ```
    /// use okernel_sdk::Poll;
    /// assert_eq!(Poll::End.code(), okernel_sdk::abi::layout::PollCode::End);
    /// ```
    pub fn code(&self) -> PollCode {
        match self {
            Poll::Yield => PollCode::Yield,
            Poll::End => PollCode::End,
            Poll::Err(_) => PollCode::Err,
            Poll::Infinite => PollCode::Infinite,
        }
    }
}

/// A task with a `poll` of its own. Most tasks are easier to write as an `async fn main`; see
/// [`task`](macro@crate::task).
///
/// ```
/// use okernel_sdk::testing::Harness;
/// use okernel_sdk::{Context, Poll, Result, Task};
///
/// #[derive(Default)]
/// struct Countdown {
///     left: u32,
/// }
///
/// impl Task for Countdown {
///     fn init(&mut self, _: &mut Context) -> Result<()> {
///         self.left = 3;
///         Ok(())
///     }
///
///     fn poll(&mut self, _: &mut Context) -> Poll {
///         match self.left {
///             0 => Poll::End,
///             _ => {
///                 self.left -= 1;
///                 Poll::Infinite
///             }
///         }
///     }
/// }
///
/// let done = Harness::new().run_task(Countdown::default());
/// assert_eq!(done.polls, 4);
/// ```
pub trait Task {
    /// Called once, before everything else.
    ///
    /// # Errors
    /// The task ends, with the error as its reason.
    fn init(&mut self, context: &mut Context) -> Result<()> {
        let _ = context;
        Ok(())
    }

    /// Called with an input that was sent to this task: a line for the shell, for example.
    ///
    /// # Errors
    /// The task ends, with the error as its reason. A task that takes no input answers an error.
    fn exec(&mut self, context: &mut Context, input: &[u8]) -> Result<()> {
        let _ = (context, input);
        Err(Error::message("this task takes no input"))
    }

    /// Called when it is this task's turn.
    fn poll(&mut self, context: &mut Context) -> Poll;

    /// Writes all that the task is made of, so that another instance can go on from there: perhaps of
    /// a newer module. Called between two turns; handles and the places in rings are the kernel's and stay.
    ///
    /// All that the task has received is released by then, and all that it has sent is published.
    ///
    /// # Errors
    /// Never, or with [`Error::not_now`] not at this moment: then it is asked again after a turn. The task goes
    /// on as if nothing had happened.
    fn save(&mut self, context: &mut Context) -> Result<Saved> {
        let _ = context;
        Err(Error::message("this task cannot be saved"))
    }

    /// Called instead of [`Task::init`]: goes on where another instance was when it was saved. The grants are
    /// there under their names. In an upgrade all handles keep their numbers, those of timers too
    /// ([`Interval::from_handle`](crate::Interval::from_handle)); elsewhere they may be others.
    ///
    /// Until this has come back nothing that it does has an effect: it may open what was granted and set timers, but
    /// neither send nor receive.
    ///
    /// # Errors
    /// The state is of a form that this task does not know, or not whole. In an upgrade the old instance goes on
    /// then, as it does when this panics, takes more than a second or more memory than the task may have.
    ///
    /// ```
    /// use okernel_sdk::{Context, Poll, Result, Saved, Task};
    ///
    /// #[derive(Default)]
    /// struct Counter {
    ///     count: u64,
    /// }
    ///
    /// impl Task for Counter {
    ///     fn poll(&mut self, _: &mut Context) -> Poll {
    ///         self.count += 1;
    ///         Poll::Infinite
    ///     }
    ///
    ///     fn save(&mut self, _: &mut Context) -> Result<Saved> {
    ///         Saved::new(1, &self.count)
    ///     }
    ///
    ///     fn restore(&mut self, _: &mut Context, saved: &Saved) -> Result<()> {
    ///         self.count = match saved.version {
    ///             1 => saved.read()?,
    ///             _ => return Err(saved.unknown()),
    ///         };
    ///         Ok(())
    ///     }
    /// }
    /// # let _ = Counter::default();
    /// ```
    fn restore(&mut self, context: &mut Context, saved: &Saved) -> Result<()> {
        let _ = (context, saved);
        Err(Error::message("this task cannot be restored"))
    }

    /// Called once, after everything else, unless the task has trapped. A task that was told to end (by `kill`, its
    /// supervisor, or the end of the kernel) has 20 ms of CPU time for it.
    fn finalize(&mut self, context: &mut Context, exit: ExitCode) {
        let _ = (context, exit);
    }
}

/// What a task's `main` may answer: nothing, or a `Result` whose error can be displayed.
pub trait TaskResult {
    /// The outcome as the kernel is told it.
    ///
    /// # Errors
    /// The task's own.
    ///
    /// ```
    /// use okernel_sdk::TaskResult;
    /// assert!("12a".parse::<u32>().map(drop).into_result().is_err());
    /// ```
    fn into_result(self) -> Result<()>;
}

impl TaskResult for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Display> TaskResult for core::result::Result<(), E> {
    fn into_result(self) -> Result<()> {
        self.map_err(|error| Error::message(error.to_string()))
    }
}

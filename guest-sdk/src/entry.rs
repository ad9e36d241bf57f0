//! What a module's exports call. Used by the code that [`task`](macro@crate::task) makes, not by tasks.
//!
//! A module holds one task. A failure to begin, an error and a panic all end in `fault`, which gives the
//! kernel the text that people will see; a panic then aborts, which is a trap with a backtrace.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::executor::{self, AsyncTask};
use crate::settle;
use crate::state::{Persist, Saved, State, StatefulTask};
use crate::sys;
use crate::task::{Poll, Task, TaskResult};
use core::cell::RefCell;
use core::fmt::Display;
use okernel_abi::layout::{CALL_NOT_NOW, CALL_OK, ExitCode};

/// What `init` and `exec` answer after a failure.
const CALL_FAILED: i32 = 1;

thread_local! {
    static TASK: RefCell<Option<Box<dyn Task>>> = const { RefCell::new(None) };
}

/// Tells the kernel why.
fn fault(error: &dyn Display) {
    // If the kernel does not even take the reason, there is nobody left to tell.
    let _ = sys::fault(&error.to_string());
}

fn begin(make: impl FnOnce(&mut Context) -> Result<Box<dyn Task>>) -> i32 {
    begin_with(make, |task, context| task.init(context))
}

fn begin_with(
    make: impl FnOnce(&mut Context) -> Result<Box<dyn Task>>,
    first: impl FnOnce(&mut dyn Task, &mut Context) -> Result<()>,
) -> i32 {
    std::panic::set_hook(Box::new(|info| fault(info)));
    let mut context = Context::new();
    let made = make(&mut context).and_then(|mut task| {
        first(task.as_mut(), &mut context)?;
        Ok(task)
    });
    settle::settle_all();
    match made {
        Ok(task) => {
            TASK.set(Some(task));
            CALL_OK
        }
        Err(error) => {
            fault(&error);
            CALL_FAILED
        }
    }
}

/// `init` of a module whose task is an `async fn`.
pub fn init_async<F>(main: impl FnOnce(Context) -> F) -> i32
where
    F: Future<Output: TaskResult> + 'static,
{
    begin(|_| Ok(Box::new(AsyncTask::new(main(Context::new())))))
}

/// `init` of a module whose task is an `async fn` with a state.
pub fn init_stateful<S, F>(main: impl Fn(Context, State<S>) -> F + 'static) -> i32
where
    S: Persist,
    F: Future<Output: TaskResult> + 'static,
{
    begin(|_| Ok(Box::new(StatefulTask::new(main))))
}

/// `restore` of a module whose task is an `async fn` with a state.
pub fn restore_stateful<S, F>(
    main: impl Fn(Context, State<S>) -> F + 'static,
    version: u32,
    bytes: u32,
) -> i32
where
    S: Persist,
    F: Future<Output: TaskResult> + 'static,
{
    restore(|_| Ok(Box::new(StatefulTask::new(main))), version, bytes)
}

/// `init` of a module whose task is a type.
pub fn init_task<T: Task + 'static>(make: impl FnOnce(&mut Context) -> Result<T>) -> i32 {
    begin(|context| Ok(Box::new(make(context)?)))
}

/// `restore` of a module whose task is a type: a state of so many bytes waits to be fetched.
pub fn restore_task<T: Task + 'static>(
    make: impl FnOnce(&mut Context) -> Result<T>,
    version: u32,
    bytes: u32,
) -> i32 {
    restore(|context| Ok(Box::new(make(context)?)), version, bytes)
}

fn restore(
    make: impl FnOnce(&mut Context) -> Result<Box<dyn Task>>,
    version: u32,
    bytes: u32,
) -> i32 {
    begin_with(make, |task, context| {
        let mut saved = Saved {
            version,
            bytes: vec![0; bytes as usize],
        };
        sys::input(&mut saved.bytes).map_err(|errno| crate::error::Error::Call {
            call: "fetch the state",
            errno,
        })?;
        task.restore(context, &saved)
    })
}

/// `save` of a module.
pub fn save() -> i32 {
    let saved = TASK.with_borrow_mut(|task| match task {
        Some(task) => task.save(&mut Context::new()),
        None => Err(crate::error::Error::message("the task has not begun")),
    });
    settle::settle_all();
    let handed = saved.and_then(|saved| {
        sys::state(saved.version, &saved.bytes).map_err(|errno| crate::error::Error::Call {
            call: "hand the state over",
            errno,
        })
    });
    match handed {
        Ok(()) => CALL_OK,
        Err(error) => {
            fault(&error);
            match error {
                Error::NotNow(_) => CALL_NOT_NOW,
                _ => CALL_FAILED,
            }
        }
    }
}

/// `exec` of a module: an input of so many bytes waits to be fetched.
pub fn exec(input_bytes: u32) -> i32 {
    let mut input = vec![0; input_bytes as usize];
    let result = match sys::input(&mut input) {
        Ok(length) => {
            input.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            TASK.with_borrow_mut(|task| match task {
                Some(task) => task.exec(&mut Context::new(), &input),
                None => Ok(()),
            })
        }
        Err(errno) => Err(crate::error::Error::Call {
            call: "fetch the input",
            errno,
        }),
    };
    settle::settle_all();
    match result {
        Ok(()) => CALL_OK,
        Err(error) => {
            fault(&error);
            CALL_FAILED
        }
    }
}

/// `poll` of a module.
pub fn poll() -> i32 {
    let poll = TASK.with_borrow_mut(|task| match task {
        Some(task) => executor::turn(task.as_mut(), &mut Context::new()),
        None => Poll::End,
    });
    if let Poll::Err(error) = &poll {
        fault(error);
    }
    poll.code() as i32
}

/// `revoked` of a module: the ring behind this handle was taken away, and its window with it.
pub fn revoked(handle: u32) {
    settle::revoked(handle);
}

/// `finalize` of a module.
pub fn finalize(exit: u32) {
    // A reason that is newer than this SDK is an end from outside like any other.
    let exit = ExitCode::from_number(exit).unwrap_or(ExitCode::Killed);
    if let Some(mut task) = TASK.take() {
        task.finalize(&mut Context::new(), exit);
    }
    settle::settle_all();
}

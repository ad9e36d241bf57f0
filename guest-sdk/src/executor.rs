//! Runs a task's one future: once for each `poll`.
//!
//! There is no queue and no run loop. A future that waits arms a handle with the kernel and is polled
//! again when the kernel calls `poll`, because something that was armed is ready. A waker is needed only within
//! the task: when something wakes it during `poll`, the task has more to do and says so.
//!
//! Combinators that poll a part only after its waker was called (`FuturesUnordered` and the like) work
//! too: wakers other than the task's own are kept when their future parks, and called before the next poll.

use crate::context::Context;
use crate::settle;
use crate::task::{Poll, Task, TaskResult};
use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context as FutureContext, Poll as FuturePoll, Waker};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

thread_local! {
    static PARKED: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
    static ROOT: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// The future has armed a handle and is about to answer Pending.
pub(crate) fn park(cx: &FutureContext<'_>) {
    let is_root =
        ROOT.with_borrow(|root| root.as_ref().is_some_and(|root| root.will_wake(cx.waker())));
    if !is_root {
        PARKED.with_borrow_mut(|parked| parked.push(cx.waker().clone()));
    }
}

/// Whether something within the task has woken it.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A task that is a future.
pub(crate) struct AsyncTask<F> {
    future: Option<Pin<Box<F>>>,
    woken: Arc<Woken>,
    waker: Waker,
}

impl<F> AsyncTask<F> {
    pub(crate) fn new(future: F) -> AsyncTask<F> {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        AsyncTask {
            future: Some(Box::pin(future)),
            waker: Waker::from(Arc::clone(&woken)),
            woken,
        }
    }
}

impl<F: Future<Output: TaskResult>> Task for AsyncTask<F> {
    fn poll(&mut self, _: &mut Context) -> Poll {
        let Some(future) = &mut self.future else {
            return Poll::End;
        };
        ROOT.with_borrow_mut(|root| {
            // Of the tasks that share a program (in tests) another may have run.
            if !root
                .as_ref()
                .is_some_and(|root| root.will_wake(&self.waker))
            {
                *root = Some(self.waker.clone());
            }
        });
        self.woken.0.store(false, Ordering::Relaxed);
        let polled = future
            .as_mut()
            .poll(&mut FutureContext::from_waker(&self.waker));
        match polled {
            FuturePoll::Pending if self.woken.0.load(Ordering::Relaxed) => Poll::Infinite,
            FuturePoll::Pending => Poll::Yield,
            FuturePoll::Ready(result) => {
                self.future = None;
                match result.into_result() {
                    Ok(()) => Poll::End,
                    Err(error) => Poll::Err(error),
                }
            }
        }
    }
}

/// Gives the other tasks of the core their turn, then goes on.
///
/// A task need not do this: one that computes for long is suspended anyway. It helps when what
/// was sent so far should be published now.
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new().run(async |_| {
///     for _ in 0..3 {
///         okernel_sdk::yield_now().await;
///     }
///     Ok(())
/// });
/// assert!(done.polls >= 4);
/// ```
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut yielded, true) {
            return FuturePoll::Ready(());
        }
        cx.waker().wake_by_ref();
        FuturePoll::Pending
    })
    .await;
}

/// One turn of a task, after which everything it has sent and received is settled.
pub(crate) fn turn(task: &mut dyn Task, context: &mut Context) -> Poll {
    PARKED.take().into_iter().for_each(Waker::wake);
    let poll = task.poll(context);
    settle::settle_all();
    poll
}

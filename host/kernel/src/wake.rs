//! Wake-ups: from a ring, a timer or a foreign thread to a task, and from anywhere to a core.
//!
//! A core has one [`Signal`]. Its state is one atomic word, so that no wake-up is lost and nobody
//! pays a system call unless the core is really asleep: whoever has news swaps `NOTIFIED` in, and
//! only who finds `SLEEPING` there kicks the core's mio waker. A core may sleep only by changing
//! `AWAKE` to `SLEEPING`, which fails when there is news.
//!
//! A task's [`Waker`] puts the task into its core's ready list: without a lock when the thread
//! that wakes is the one that runs the core (the usual case, two tasks of one core talking), else
//! under a mutex that is held for one push.
//!
//! Ordering: every swap and exchange of the state is AcqRel. What a notifier did before its swap
//! (push, commit) is seen by the core after the swap or exchange that reads it; if the notifier
//! comes later, the core finds `NOTIFIED` in its next round.

use crate::inbox::Post;
use crate::table::Key;
use crossbeam_utils::CachePadded;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

const AWAKE: u32 = 0;
const NOTIFIED: u32 = 1;
const SLEEPING: u32 = 2;

/// How others reach a core.
#[derive(Debug)]
pub struct Signal {
    /// Swapped by every sender and read by the core in each turn: on a line of its own.
    state: CachePadded<AtomicU32>,
    ready: Mutex<Vec<Key>>,
    slots: Mutex<Vec<Key>>,
    inbox: Mutex<Inbox>,
    waker: mio::Waker,
}

/// What foreign threads posted.
#[derive(Debug, Default)]
struct Inbox {
    posts: VecDeque<Post>,
    /// Set when the core is no more: nothing is taken in.
    closed: bool,
}

/// Whether there is news for a core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum News {
    Some,
    None,
}

impl Signal {
    pub(crate) fn new(waker: mio::Waker) -> Signal {
        Signal {
            state: CachePadded::new(AtomicU32::new(NOTIFIED)),
            ready: Mutex::new(Vec::new()),
            slots: Mutex::new(Vec::new()),
            inbox: Mutex::new(Inbox::default()),
            waker,
        }
    }

    /// There is news: the core looks at everything in its next round, and is woken if it sleeps.
    pub fn notify(&self) {
        if self.state.swap(NOTIFIED, Ordering::AcqRel) == SLEEPING
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a core cannot be woken");
        }
    }

    /// Hands something over from a foreign thread. It is dropped when the core is no more.
    pub(crate) fn post(&self, post: Post) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.closed {
            drop(inbox);
            drop(post);
            return;
        }
        inbox.posts.push_back(post);
        drop(inbox);
        self.notify();
    }

    /// The core is no more: what was posted and not carried out is dropped, and all that comes.
    pub(crate) fn close(&self) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.closed = true;
        let posts = std::mem::take(&mut inbox.posts);
        drop(inbox);
        drop(posts);
    }

    /// Whether there is news, without taking note of it.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// Takes note of the news: what came before is seen by the caller from now on.
    #[inline]
    pub(crate) fn take_news(&self) -> News {
        if self.has_news() {
            self.state.swap(AWAKE, Ordering::AcqRel);
            return News::Some;
        }
        News::None
    }

    /// Tries to go to sleep. With news the core stays awake.
    pub(crate) fn fall_asleep(&self) -> News {
        let slept =
            self.state
                .compare_exchange(AWAKE, SLEEPING, Ordering::AcqRel, Ordering::Acquire);
        match slept {
            Ok(_) => News::None,
            Err(_) => News::Some,
        }
    }

    /// The core is awake again, for whatever reason. News stays to be taken.
    pub(crate) fn wake_up(&self) {
        let _ = self
            .state
            .compare_exchange(SLEEPING, AWAKE, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes what foreign threads woke.
    pub(crate) fn take_ready(&self, into: &mut Vec<Key>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut ready);
    }

    /// Takes the slots of selectors that were woken, by whichever thread.
    pub(crate) fn take_slots(&self, into: &mut Vec<Key>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut slots);
    }

    /// Takes what foreign threads posted.
    pub(crate) fn take_posts(&self) -> VecDeque<Post> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut inbox.posts)
    }

    fn identity(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }
}

/// A thread's own ready list, while it holds a core.
#[derive(Debug)]
struct Local {
    /// The signal of the core that this thread holds, or 0.
    owner: usize,
    ready: Vec<Key>,
}

thread_local! {
    static LOCAL: RefCell<Local> = const {
        RefCell::new(Local { owner: 0, ready: Vec::new() })
    };
}

/// From now on this thread holds the core with this signal.
pub(crate) fn hold(signal: &Arc<Signal>) {
    LOCAL.with_borrow_mut(|local| local.owner = signal.identity());
}

/// This thread is about to give its core away; what it woke is handed over.
pub(crate) fn release(into: &mut Vec<Key>) {
    LOCAL.with_borrow_mut(|local| {
        local.owner = 0;
        into.append(&mut local.ready);
    });
}

/// Takes what this thread woke on its own core.
#[inline]
pub(crate) fn take_local(into: &mut Vec<Key>) {
    LOCAL.with_borrow_mut(|local| {
        if !local.ready.is_empty() {
            into.append(&mut local.ready);
        }
    });
}

/// Whether this thread woke something on its own core that nobody has looked at yet.
pub(crate) fn has_local() -> bool {
    LOCAL.with_borrow(|local| !local.ready.is_empty())
}

/// Wakes one task.
#[derive(Debug)]
pub(crate) struct TaskWake {
    task: Key,
    signal: Arc<Signal>,
    /// Set while the task is in a ready list, so that it is there once.
    queued: AtomicBool,
}

impl TaskWake {
    pub(crate) fn new(task: Key, signal: Arc<Signal>) -> Arc<TaskWake> {
        Arc::new(TaskWake {
            task,
            signal,
            queued: AtomicBool::new(false),
        })
    }

    /// The core has taken the task from the ready list: the next wake-up counts again.
    pub(crate) fn taken(&self) {
        self.queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for TaskWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let here = LOCAL.try_with(|local| {
            let mut local = local.borrow_mut();
            let here = local.owner == self.signal.identity();
            if here {
                local.ready.push(self.task);
            }
            here
        });
        if here == Ok(true) {
            return;
        }
        self.signal
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.task);
        self.signal.notify();
    }
}

/// Wakes one selector: its ring has data or room, or it wants another call.
#[derive(Debug)]
pub(crate) struct SlotWake {
    slot: Key,
    signal: Arc<Signal>,
    /// Set while the slot is in the list, so that it is there once.
    queued: AtomicBool,
}

impl SlotWake {
    pub(crate) fn new(slot: Key, signal: Arc<Signal>) -> Arc<SlotWake> {
        Arc::new(SlotWake {
            slot,
            signal,
            queued: AtomicBool::new(false),
        })
    }

    /// The core has taken the slot from the list: the next wake-up counts again.
    pub(crate) fn taken(&self) {
        self.queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for SlotWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        self.signal
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.slot);
        self.signal.notify();
    }
}

/// Wakes a core without naming a task: for what the core itself waits for.
#[derive(Debug)]
struct CoreWake(Arc<Signal>);

impl Wake for CoreWake {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// A waker for a core as a whole.
pub(crate) fn core_waker(signal: &Arc<Signal>) -> Waker {
    Waker::from(Arc::new(CoreWake(Arc::clone(signal))))
}

#[cfg(test)]
mod tests {
    use super::{News, Signal, SlotWake, TaskWake, hold, release, take_local};
    use crate::table::Key;
    use std::sync::Arc;
    use std::task::Waker;

    fn signal() -> (mio::Poll, Arc<Signal>) {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let signal = Arc::new(Signal::new(waker));
        signal.take_news();
        (poll, signal)
    }

    #[test]
    fn news_keeps_a_core_awake() {
        let (_poll, signal) = signal();
        signal.notify();
        assert_eq!(signal.fall_asleep(), News::Some);
        assert_eq!(signal.take_news(), News::Some);
        assert_eq!(signal.take_news(), News::None);
        assert_eq!(signal.fall_asleep(), News::None);
        signal.wake_up();
        assert_eq!(signal.take_news(), News::None);
    }

    #[test]
    fn a_sleeping_core_is_woken_by_the_first_and_not_the_second() {
        let (mut poll, signal) = signal();
        assert_eq!(signal.fall_asleep(), News::None);
        signal.notify();
        signal.notify();
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, None).unwrap();
        assert_eq!(events.iter().count(), 1);
        signal.wake_up();
        assert_eq!(signal.take_news(), News::Some);
    }

    #[test]
    fn a_slot_is_woken_once_until_it_is_taken() {
        let (_poll, signal) = signal();
        let wake = SlotWake::new(Key::new(3, 0), Arc::clone(&signal));
        let waker = Waker::from(Arc::clone(&wake));
        waker.wake_by_ref();
        waker.wake_by_ref();
        let mut slots = Vec::new();
        assert_eq!(signal.take_news(), News::Some);
        signal.take_slots(&mut slots);
        assert_eq!(slots, [Key::new(3, 0)]);
        wake.taken();
        waker.wake();
        signal.take_slots(&mut slots);
        assert_eq!((slots.len(), signal.take_news()), (2, News::Some));
    }

    #[test]
    fn the_holder_wakes_without_notifying() {
        let (_poll, signal) = signal();
        let wake = TaskWake::new(Key::new(7, 0), Arc::clone(&signal));
        let waker = Waker::from(Arc::clone(&wake));
        let mut ready = Vec::new();
        hold(&signal);
        waker.wake_by_ref();
        waker.wake_by_ref();
        take_local(&mut ready);
        assert_eq!((ready.len(), signal.take_news()), (1, News::None));
        wake.taken();
        waker.wake_by_ref();
        release(&mut ready);
        assert_eq!(ready.len(), 2);
        wake.taken();
        waker.wake();
        assert_eq!(signal.take_news(), News::Some);
        signal.take_ready(&mut ready);
        assert_eq!(ready.len(), 3);
    }
}

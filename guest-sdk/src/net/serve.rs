//! Many connections in one task: a future for each, polled only when something has come for it.

use super::hub::{Care, Hub, Pumped};
use super::stream::TcpStream;
use crate::error::Result;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

/// Frames that are taken between two looks at the futures.
const FRAMES_PER_ROUND: usize = 64;

/// The futures that were woken, by their places.
#[derive(Default)]
struct Ready(Mutex<Vec<usize>>);

impl Ready {
    fn push(&self, place: usize) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(place);
    }

    fn take(&self) -> Vec<usize> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Wakes one future.
struct ChildWake {
    place: usize,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for ChildWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.push(self.place);
        }
    }
}

/// A connection's future.
struct Child<'a> {
    future: Pin<Box<dyn Future<Output = Result<()>> + 'a>>,
    wake: Arc<ChildWake>,
    waker: Waker,
}

/// All of them.
#[derive(Default)]
struct Children<'a> {
    places: Vec<Option<Child<'a>>>,
    free: Vec<usize>,
    ready: Arc<Ready>,
}

impl<'a> Children<'a> {
    fn insert(&mut self, future: impl Future<Output = Result<()>> + 'a) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let wake = Arc::new(ChildWake {
            place,
            queued: AtomicBool::new(true),
            ready: Arc::clone(&self.ready),
        });
        self.places[place] = Some(Child {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&wake)),
            wake,
        });
        self.ready.push(place);
    }

    fn is_empty(&self) -> bool {
        self.places.len() == self.free.len()
    }

    /// Polls those that were woken. Answers whether there were any.
    fn poll(&mut self) -> bool {
        let ready = self.ready.take();
        for &place in &ready {
            let Some(child) = &mut self.places[place] else {
                continue;
            };
            child.wake.queued.store(false, Ordering::Relaxed);
            let polled = child
                .future
                .as_mut()
                .poll(&mut Context::from_waker(&child.waker));
            if let Poll::Ready(result) = polled {
                if let Err(error) = result {
                    crate::debug!("a connection ended: {error}");
                }
                self.places[place] = None;
                self.free.push(place);
            }
        }
        !ready.is_empty()
    }
}

/// Serves all connections until the selector is gone and the last future is done.
pub(super) async fn serve(
    hub: &Rc<Hub>,
    handler: impl AsyncFn(TcpStream) -> Result<()>,
) -> Result<()> {
    hub.care.set(Care::Hold);
    let mut children = Children::default();
    poll_fn(|cx| {
        loop {
            let mut pumped = Pumped::Frame;
            for _ in 0..FRAMES_PER_ROUND {
                pumped = match hub.pump() {
                    Ok(pumped) => pumped,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                if pumped != Pumped::Frame {
                    break;
                }
            }
            let accepted = std::mem::take(&mut *hub.accepted.borrow_mut());
            for number in accepted {
                children.insert(handler(TcpStream::new(hub, number)));
            }
            if children.poll() || pumped == Pumped::Frame {
                continue;
            }
            match pumped {
                Pumped::Over if children.is_empty() => return Poll::Ready(Ok(())),
                Pumped::Empty => match hub.poll_armed(cx) {
                    Ok(Poll::Ready(())) => {}
                    Ok(Poll::Pending) => return Poll::Pending,
                    Err(error) => return Poll::Ready(Err(error)),
                },
                // The futures wait for something of their own.
                _ => return Poll::Pending,
            }
        }
    })
    .await
}

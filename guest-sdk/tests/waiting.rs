//! Waiting: timers, combinators, wakers of other libraries, tasks with a `poll` of their own.

use okernel_sdk::abi::layout::{ExitCode, LogLevel};
use okernel_sdk::testing::Harness;
use okernel_sdk::{
    Context, Either, Error, Poll, Publisher, Readiness, RecvError, Result, SendError, Subscriber,
    Task, TaskResult, join2, select2, select3, yield_now,
};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as FutureContext, Poll as FuturePoll, Wake, Waker};
use std::time::Duration;

#[test]
fn timers_fire_in_order_and_at_their_time() {
    let order = RefCell::new(Vec::new());
    let done = Harness::new()
        .timers("timer")
        .clock("clock")
        .run(async |ctx| {
            let timers = ctx.timers("timer")?;
            let clock = ctx.clock("clock")?;
            let nap = async |ms: u64| {
                timers.sleep(Duration::from_millis(ms)).await?;
                order.borrow_mut().push((ms, clock.now_ns()?));
                Ok::<(), Error>(())
            };
            let (first, second) = join2(nap(20), join2(nap(5), nap(10))).await;
            first.and(second.0).and(second.1)
        });
    assert_eq!(done.result, Ok(()));
    let expected = [(5, 5_000_000), (10, 10_000_000), (20, 20_000_000)];
    assert_eq!(*order.borrow(), expected);
}

#[test]
fn a_time_limit_ends_what_takes_longer() {
    let done = Harness::new()
        .ring("ring", 4096)
        .subscriber("in", "ring")
        .timers("timer")
        .run(async |ctx| {
            let mut input = ctx.subscriber::<u64>("in")?;
            let timers = ctx.timers("timer")?;
            let second = Duration::from_secs(1);
            assert_eq!(timers.timeout(second, input.recv()).await?, None);
            let slept = timers.timeout(second, timers.sleep(second / 2)).await?;
            assert_eq!(slept, Some(Ok(())));
            assert!(timers.interval(Duration::ZERO).is_err());
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.now_ns, 1_500_000_000);
}

#[test]
fn the_first_of_several_wins_by_order() {
    let done = Harness::new().run(async |_| {
        let ready = std::future::ready::<u8>;
        assert_eq!(select2(ready(1), ready(2)).await, Either::First(1));
        let third = select3(std::future::pending::<()>(), yield_now(), ready(3)).await;
        assert!(matches!(third, okernel_sdk::Either3::Third(3)));
        Ok(())
    });
    assert_eq!(done.result, Ok(()));
}

/// A combinator of the kind that polls its future only after its own waker was called.
struct OnlyWhenWoken<F> {
    future: F,
    woken: Arc<Flag>,
}

struct Flag {
    is_set: AtomicBool,
    outer: Waker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.is_set.store(true, Ordering::Relaxed);
        self.outer.wake_by_ref();
    }
}

impl<F: Future + Unpin> Future for OnlyWhenWoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, _: &mut FutureContext<'_>) -> FuturePoll<F::Output> {
        if !self.woken.is_set.swap(false, Ordering::Relaxed) {
            return FuturePoll::Pending;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        Pin::new(&mut self.future).poll(&mut FutureContext::from_waker(&waker))
    }
}

#[test]
fn wakers_of_combinators_are_called() {
    let numbers: Vec<u64> = (0..500).collect();
    let done = Harness::new()
        .seams(5)
        .feed("in", &numbers)
        .run(async |ctx| {
            let mut input = ctx.subscriber::<u64>("in")?;
            for number in 0..500 {
                let outer = poll_fn(|cx| FuturePoll::Ready(cx.waker().clone())).await;
                let future = pin!(input.recv());
                let woken = Flag {
                    is_set: AtomicBool::new(true),
                    outer,
                };
                let received = OnlyWhenWoken {
                    future,
                    woken: Arc::new(woken),
                };
                assert_eq!(received.await, Ok(number));
            }
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
}

#[test]
fn a_task_that_waits_is_not_polled_meanwhile() {
    let done = Harness::new().timers("timer").run(async |ctx| {
        let timers = ctx.timers("timer")?;
        for _ in 0..10 {
            timers.sleep(Duration::from_secs(1)).await?;
        }
        Ok(())
    });
    assert_eq!(done.polls, 11);
}

#[test]
fn who_waits_for_what_never_comes_is_told() {
    let done = Harness::new()
        .ring("ring", 4096)
        .subscriber("in", "ring")
        .run(async |ctx| {
            ctx.subscriber::<u64>("in")?.recv().await?;
            Ok(())
        });
    let error = done.result.map_err(|error| error.to_string());
    assert_eq!(
        error,
        Err("waits for something that never comes".to_string())
    );
}

/// Copies numbers, in the style without futures.
struct Copier {
    input: Option<Subscriber<u64>>,
    output: Option<Publisher<u64>>,
    held: Option<u64>,
    calls: Rc<RefCell<Vec<String>>>,
}

impl Copier {
    fn step(&mut self) -> Result<Poll> {
        let (Some(input), Some(output)) = (&mut self.input, &mut self.output) else {
            return Err(Error::message("not begun"));
        };
        loop {
            let number = match self.held.take() {
                Some(number) => number,
                None => match input.try_recv() {
                    Ok(number) => number,
                    Err(RecvError::Closed) => return Ok(Poll::End),
                    Err(RecvError::Empty) => match input.arm(1)? {
                        Readiness::Ready => continue,
                        Readiness::Armed => return Ok(Poll::Yield),
                    },
                    Err(error) => return Err(error.into()),
                },
            };
            match output.try_send(number) {
                Ok(()) => {}
                Err(SendError::Full(number)) => {
                    self.held = Some(number);
                    if output.arm(1)? == Readiness::Armed {
                        return Ok(Poll::Yield);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Task for Copier {
    fn init(&mut self, ctx: &mut Context) -> Result<()> {
        self.calls.borrow_mut().push("init".to_string());
        self.input = Some(ctx.subscriber("in")?);
        self.output = Some(ctx.publisher("out")?);
        Ok(())
    }

    fn exec(&mut self, _: &mut Context, input: &[u8]) -> Result<()> {
        let input = String::from_utf8_lossy(input).into_owned();
        self.calls.borrow_mut().push(input);
        Ok(())
    }

    fn poll(&mut self, _: &mut Context) -> Poll {
        self.step().unwrap_or_else(Poll::Err)
    }

    fn finalize(&mut self, _: &mut Context, exit: ExitCode) {
        self.calls.borrow_mut().push(format!("{exit:?}"));
    }
}

#[test]
fn a_task_with_its_own_poll_goes_through_its_life() {
    let calls = Rc::new(RefCell::new(Vec::new()));
    let copier = |calls: &Rc<RefCell<Vec<String>>>| Copier {
        input: None,
        output: None,
        held: None,
        calls: Rc::clone(calls),
    };
    let numbers: Vec<u64> = (0..100_000).collect();
    let done = Harness::new()
        .feed("in", &numbers)
        .collect("out", 4096)
        .exec(b"a line")
        .run_task(copier(&calls));
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.sent::<u64>("out"), numbers);
    assert_eq!(*calls.borrow(), ["init", "a line", "Done"]);

    calls.borrow_mut().clear();
    let done = Harness::new().feed("in", &numbers).run_task(copier(&calls));
    let error = done.result.map_err(|error| error.to_string());
    assert_eq!(error, Err("not granted: \"out\" (publisher)".to_string()));
    assert_eq!(*calls.borrow(), ["init", "Error"]);
}

#[test]
fn a_task_that_ends_closes_its_rings() {
    let done = Harness::new()
        .ring("ring", 4096)
        .publisher("out", "ring")
        .task(async |ctx| {
            let mut out = ctx.publisher::<u64>("out")?;
            out.send(1).await?;
            Err(Error::message("enough"))
        })
        .subscriber("in", "ring")
        .run(async |ctx| {
            let mut input = ctx.subscriber::<u64>("in")?;
            assert_eq!(input.recv().await, Ok(1));
            assert_eq!(input.recv().await, Err(RecvError::Closed));
            Ok(())
        });
    assert_eq!(done.results, [Err(Error::message("enough")), Ok(())]);
}

#[test]
fn every_error_that_can_be_displayed_ends_a_task() {
    let parsed = "12a".parse::<u32>().map(drop).into_result();
    let text = parsed.map_err(|error| error.to_string());
    assert_eq!(text, Err("invalid digit found in string".to_string()));
    assert_eq!(().into_result(), Ok(()));
}

#[test]
fn a_long_line_of_the_log_is_cut_between_characters() {
    let done = Harness::new().run(async |_| {
        okernel_sdk::info!("{}", "é".repeat(5000));
        okernel_sdk::error!("short");
        Ok(())
    });
    let (level, line) = &done.log[0];
    assert_eq!((*level, line.len()), (LogLevel::Info, 4096));
    assert_eq!(done.log[1], (LogLevel::Error, "short".to_string()));
}

#[test]
fn the_console_takes_more_than_it_holds() {
    let text = vec![b'x'; 1_000_000];
    let done = Harness::new()
        .console("console")
        .run(async |ctx| ctx.console()?.print(&text).await);
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.console, text);
}

#[test]
fn a_file_goes_through_a_ring_whole() {
    let text: Vec<u8> = (0..1_000_003u32).map(|at| (at * 7) as u8).collect();
    for capacity in [4096, 65536] {
        let done = Harness::new()
            .file("file", &text)
            .collect("out", capacity)
            .run(async |ctx| {
                let file = ctx.file("file")?;
                let mut out = ctx.publisher::<u8>("out")?;
                out.send_all(b"head").await?;
                let mut offset = 0;
                loop {
                    match file
                        .publish_to(&mut out, offset, 1000 + offset as usize)
                        .await?
                    {
                        0 => break,
                        bytes => offset += bytes as u64,
                    }
                }
                out.send_all(b"tail").await?;
                Ok(())
            });
        assert_eq!(done.result, Ok(()));
        let sent = done.bytes("out");
        assert!(sent.starts_with(b"head") && sent.ends_with(b"tail"));
        assert!(sent[4..sent.len() - 4] == text[..]);
    }
}

#[test]
fn a_part_of_a_frame_arms_a_task_for_the_rest() {
    let payload = [7u8; 3000];
    let frames: &[(u32, &[u8])] = &[(300, &payload), (301, &payload)];
    let done = Harness::new()
        .feed_ring(4096)
        .seams(3)
        .feed_frames("in", frames)
        .run(async |ctx| {
            let mut input = ctx.frame_subscriber("in")?;
            let mut count = 0;
            while count < 2 {
                match input.try_recv() {
                    Ok(frame) => count += usize::from(frame.payload == payload),
                    // Were it said to be ready now, this would never end.
                    Err(RecvError::Empty) => {
                        while input.arm()? == Readiness::Armed {
                            yield_now().await;
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        });
    assert_eq!(done.result, Ok(()));
    assert!(done.polls > 10, "it came in pieces");
}

//! What a task may do with its handles, and what it is told when it may not.

use crate::support::{PATIENCE, Sleeper, kernel, polled, run};
use okernel_abi::layout::{Executed, HandleKind};
use okernel_abi::{Errno, Handle};
use okernel_core::{Config, Context, CoreId, Exit, FileGrant, Grant, Limits, Outcome, Spawn, Wait};
use okernel_ring::Policy;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// Runs a check inside of a task with all grants, on a kernel of one core.
fn inside(check: impl FnOnce(&mut Context) + Send + 'static) {
    let mut kernel = kernel(1, Config::default());
    let ring = kernel.publish(CoreId(0), 4096).unwrap();
    let reader = kernel.subscribe(CoreId(0), ring, Policy::Block).unwrap();
    let path = std::env::current_exe().unwrap();
    let file = Arc::new(FileGrant::open(&path).unwrap());
    let (tell, told) = channel();
    let mut check = Some(check);
    let task = polled("inside", move |cx| {
        if let Some(check) = check.take() {
            check(cx);
        }
        tell.send(()).unwrap();
        Outcome::End
    });
    let limits = Limits {
        handles: 20,
        ..Limits::default()
    };
    let task = task
        .grant("out", Grant::Endpoint(ring))
        .grant("in", Grant::Endpoint(reader))
        .grant("t", Grant::Timers)
        .grant("c", Grant::Clock)
        .grant("con", Grant::Console)
        .grant("file", Grant::File(file))
        .grant("s", Grant::Spawn)
        .args(vec!["one".to_string()])
        .limits(limits);
    kernel.spawn(CoreId(0), task).unwrap();
    let running = run(kernel);
    told.recv_timeout(PATIENCE).expect("the check passes");
    running.halt();
}

#[test]
fn grants_are_found_by_name_and_kind() {
    inside(|cx| {
        let kinds = [
            ("out", HandleKind::Publisher),
            ("in", HandleKind::Subscriber),
            ("t", HandleKind::Timers),
            ("c", HandleKind::Clock),
            ("con", HandleKind::Console),
            ("file", HandleKind::File),
            ("s", HandleKind::Spawn),
        ];
        for (name, kind) in kinds {
            let handle = cx.grant(name).unwrap();
            assert_eq!(cx.kind(handle), Ok(kind));
        }
        assert_eq!(cx.grants().len(), kinds.len());
        assert_eq!(cx.grant("other"), Err(Errno::NotGranted));
        assert_eq!(cx.args(), ["one"]);
        assert_eq!((cx.core(), cx.name()), (CoreId(0), "inside"));
        let file = cx.grant("file").unwrap();
        assert!(cx.file(file).unwrap().file().metadata().unwrap().len() > 0);
    });
}

#[test]
fn stale_and_wrong_handles_are_errors() {
    inside(|cx| {
        let (out, reader) = (cx.grant("out").unwrap(), cx.grant("in").unwrap());
        let clock = cx.grant("c").unwrap();
        assert_eq!(cx.publisher(reader).unwrap_err(), Errno::WrongKind);
        assert_eq!(cx.subscriber(out).unwrap_err(), Errno::WrongKind);
        assert_eq!(cx.now_ns(out), Err(Errno::WrongKind));
        assert_eq!(cx.timer_set(clock, 1, 0), Err(Errno::WrongKind));
        assert_eq!(cx.print(clock, b"x"), Err(Errno::WrongKind));
        assert_eq!(cx.reply(clock), Err(Errno::WrongKind));
        assert_eq!(cx.wait(clock, 0), Err(Errno::WrongKind));
        assert_eq!(cx.request(clock, &[]), Err(Errno::NotGranted));
        assert_eq!(cx.executed(Executed::Done), Err(Errno::Invalid));
        assert_eq!(cx.close(Handle(u32::MAX)), Err(Errno::BadHandle));
        let before = cx.now_ns(clock).unwrap();
        assert!(cx.now_ns(clock).unwrap() >= before);
        cx.close(clock).unwrap();
        assert_eq!(cx.now_ns(clock), Err(Errno::BadHandle));
        assert_eq!(cx.close(clock), Err(Errno::BadHandle));
        cx.close(out).unwrap();
        assert_eq!(cx.publisher(out).unwrap_err(), Errno::BadHandle);
        let closed = cx.subscriber(reader).unwrap().readable();
        assert_eq!(closed, Err(okernel_ring::RecvError::Closed));
        assert_eq!(cx.wait(reader, 8), Ok(Wait::Ready));
    });
}

#[test]
fn limits_are_kept() {
    inside(|cx| {
        let timers = cx.grant("t").unwrap();
        let mut set = 0;
        while let Ok(_timer) = cx.timer_set(timers, 1 << 40, 0) {
            set += 1;
        }
        assert_eq!(set, 20 - 7);
        assert_eq!(cx.timer_set(timers, 1, 0), Err(Errno::Limit));
        let console = cx.grant("con").unwrap();
        let huge = vec![b'x'; (64 << 10) + 1];
        assert_eq!(cx.print(console, &huge), Err(Errno::TooLarge));
        let half = vec![b'x'; 40 << 10];
        assert_eq!(cx.print(console, &half), Ok(()));
        assert_eq!(cx.print(console, &half), Err(Errno::Again));
    });
}

#[test]
fn a_context_that_was_taken_is_empty_until_it_is_put_back() {
    inside(|cx| {
        let task = cx.task();
        let taken = cx.take();
        assert!(cx.is_empty() && !taken.is_empty());
        *cx = taken;
        assert_eq!(cx.task(), task);
        assert!(Context::empty().is_empty());
    });
}

#[test]
fn a_panic_ends_its_task_and_nothing_else() {
    let mut kernel = kernel(1, Config::default());
    let panics = polled("panics", |_| panic!("on purpose"));
    let panics = kernel.spawn(CoreId(0), panics).unwrap();
    let running = run(kernel);
    crate::support::eventually("it ends", || {
        let exit = running.ps(panics, "exit");
        exit == Some(okernel_abi::value::Value::text("panic: on purpose"))
    });
    running.halt();
}

#[test]
fn the_end_of_a_task_is_told_to_it() {
    let kernel = kernel(1, Config::default());
    let running = run(kernel);
    let (tell, told) = channel();
    let sleeper = |tell| Spawn::native("sleeper", Box::new(Sleeper(tell)));
    let killed = running.spawn(0, sleeper(Some(tell.clone())).grant("t", Grant::Timers));
    running.kill(killed);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Exit::Killed));
    // Without its grant it fails in its first poll.
    running.spawn(0, sleeper(Some(tell.clone())));
    let Ok(Exit::Error(fault)) = told.recv_timeout(PATIENCE) else {
        panic!("a fault");
    };
    assert_eq!(fault.message, "not granted by the spawner");
    running.spawn(0, sleeper(Some(tell)).grant("t", Grant::Timers));
    running.halt();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Exit::Halted));
}

//! Grants that are cut down: quotas, rates, reading alone, on several cores.

use crate::puppets::{Stage, error_name, limit, own, symbols, write};
use crate::support::{Natives, Polled, column, eventually, grants, int, ints, sym};
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use okernel_core::{Context, Fault, FaultKind, Outcome, TaskId};
use std::time::{Duration, Instant};

#[test]
fn a_quota_is_shared_by_all_who_have_it_from_there() {
    let stage = Stage::new(Natives::default());
    let (ring, reader) = stage.ring();
    let rights = [
        ("out", limit(int(ring), [("quota", int(24))])),
        ("in", limit(int(reader), [("quota", int(16))])),
        ("spawn", sym("spawn")),
    ];
    let first = stage.puppet(stage.shell, 1, rights);
    assert_eq!(stage.publish(first, "out"), int(8));
    let child = stage.puppet(
        first,
        2,
        [("to", limit(own("out"), [("quota", int(1000))]))],
    );
    assert_eq!(stage.publish(child, "to"), int(16));
    assert_eq!(stage.publish(child, "to"), int(24));
    assert_eq!(stage.publish(child, "to"), sym("Quota"));
    assert_eq!(ints(&stage.caps(child, "quota")), [1000]);
    assert_eq!(ints(&stage.caps(child, "used")), [16]);
    assert_eq!(ints(&stage.caps(child, "left")), [0]);
    assert_eq!(ints(&stage.caps(first, "used"))[0], 24);
    // More was published than the reader may read.
    assert_eq!(stage.readable(first, "in"), int(16));
    // Another reader of the same ring counts with the first one: nothing is gained by it.
    let again = stage.number(first, [sym("sub"), int(1), int(ring)]);
    let attached = stage.number(first, [sym("attach"), int(again)]);
    let info = stage.call(first, move |cx| {
        let info = cx.grant_info(Handle(u32::try_from(attached).unwrap()));
        int(info.unwrap().quota as i64)
    });
    assert_eq!(info, int(24));
    stage.running.halt();
}

#[test]
fn a_rate_makes_its_holder_wait() {
    let natives = Natives::default().with("writer", || {
        let mut written = 0;
        Box::new(Polled(move |cx: &mut Context| {
            let handle = cx.grant("out").unwrap();
            loop {
                match write(cx, handle) {
                    Ok(_) => written += 8,
                    Err(Errno::Throttled) => break,
                    Err(errno) => {
                        return Outcome::Err(Fault::new(FaultKind::Err, errno.to_string()));
                    }
                }
                if written == 400 {
                    return Outcome::End;
                }
            }
            assert_eq!(cx.wait(handle, 8), Ok(okernel_core::Wait::Armed));
            Outcome::Yield
        }))
    });
    let stage = Stage::new(natives);
    let (ring, _) = stage.ring();
    // A burst of 80 bytes, then 800 bytes a second.
    let out = limit(int(ring), [("rate", int(800)), ("burst", int(80))]);
    let began = Instant::now();
    let order = [sym("spawn"), int(1), sym("writer"), grants([("out", out)])];
    let writer = TaskId::from_number(stage.number(stage.shell, order)).unwrap();
    eventually("it ends", || {
        stage.running.ps(writer, "exit") == Some(Value::text("done"))
    });
    assert!(
        began.elapsed() >= Duration::from_millis(395),
        "{:?}",
        began.elapsed()
    );
    let Some(Value::Int(turns)) = stage.running.ps(writer, "turns") else {
        panic!("turns");
    };
    assert!(turns <= 60, "it sleeps in between: {turns} turns");
    let cores = stage.request(stage.shell, [sym("cores")]);
    assert_eq!(ints(&column(&cores, "timers")), [0, 0, 0]);
    stage.running.halt();
}

#[test]
fn reading_alone_is_a_reader_of_its_own() {
    let stage = Stage::new(Natives::default());
    let (ring, _) = stage.ring();
    let rights = [("out", int(ring)), ("spawn", sym("spawn"))];
    let first = stage.puppet(stage.shell, 1, rights);
    let read_only = [("access", sym("read")), ("policy", sym("lap"))];
    let second = stage.puppet(first, 2, [("in", limit(own("out"), read_only))]);
    assert_eq!(stage.publish(first, "out"), int(8), "it stays where it was");
    assert_eq!(stage.readable(second, "in"), int(8));
    assert_eq!(stage.publish(second, "in"), sym("WrongKind"));
    assert_eq!(symbols(&stage.caps(second, "right")), ["read"]);
    let kinds = |stage: &Stage| {
        let rings = stage.request(stage.shell, [sym("rings")]);
        symbols(&column(&rings, "kind")).join(" ")
    };
    assert_eq!(kinds(&stage), "publisher block lap");
    // It goes with the grant, and with what that was derived from.
    stage.revoke(first, "out");
    assert_eq!(stage.readable(second, "in"), sym("Revoked"));
    assert_eq!(kinds(&stage), "publisher block");
    let no_ring = grants([("c", limit(sym("timer"), [("access", sym("read"))]))]);
    assert_eq!(
        stage.error(stage.shell, [sym("spawn"), int(0), sym("puppet"), no_ring]),
        "spawn: c: access:`read is for a ring or a file"
    );
    stage.running.halt();
}

#[test]
fn other_rights_are_limited_and_taken_back_too() {
    let stage = Stage::new(Natives::default());
    let rights = [
        ("clock", limit(sym("clock"), [("quota", int(2))])),
        (
            "timer",
            limit(sym("timer"), [("rate", int(1)), ("burst", int(2))]),
        ),
        ("spawn", limit(sym("spawn"), [("quota", int(2))])),
    ];
    let task = stage.puppet(stage.shell, 1, rights);
    let read = |stage: &Stage| {
        stage.call(task, |cx| {
            let now = cx.grant("clock").and_then(|clock| cx.now_ns(clock));
            now.map_or_else(error_name, |_| Value::Nil)
        })
    };
    assert_eq!([read(&stage), read(&stage)], [Value::Nil, Value::Nil]);
    assert_eq!(read(&stage), sym("Quota"));
    let timers = stage.call(task, |cx| {
        let timers = cx.grant("timer").unwrap();
        let set = |cx: &mut Context| cx.timer_set(timers, u64::MAX / 4, 0);
        let first = set(cx).unwrap();
        set(cx).unwrap();
        assert_eq!(set(cx), Err(Errno::Throttled));
        int(first.0.into())
    });
    assert_eq!(stage.number(task, [sym("pub"), int(0), int(8)]), 0);
    assert_eq!(stage.number(task, [sym("pub"), int(0), int(8)]), 1);
    assert_eq!(stage.error(task, [sym("pub"), int(0), int(8)]), "Quota");
    let set = |stage: &Stage| {
        let cores = stage.request(stage.shell, [sym("cores")]);
        ints(&column(&cores, "timers"))[1]
    };
    assert_eq!(set(&stage), 2);
    stage.revoke(task, "timer");
    assert_eq!(
        set(&stage),
        0,
        "timers go with the right by which they were set"
    );
    let Value::Int(timer) = timers else {
        panic!("a handle");
    };
    let told = stage.call(task, move |cx| {
        let timer = Handle(u32::try_from(timer).unwrap());
        assert_eq!(cx.timer_take(timer), Err(Errno::Revoked));
        let timers = cx.grant("timer").unwrap();
        cx.timer_set(timers, 1, 0)
            .map_or_else(error_name, |_| Value::Nil)
    });
    assert_eq!(told, sym("Revoked"));
    stage.running.halt();
}

#[test]
fn timers_that_went_with_their_right_are_not_counted_any_more() {
    let stage = Stage::new(Natives::default());
    let rights = [("one", sym("timer")), ("other", sym("timer"))];
    let task = stage.puppet(stage.shell, 1, rights);
    let used = |count: i64| {
        let limits = stage.request(stage.shell, [sym("ps"), int(task)]);
        let names = column(&limits, "limit");
        let at = symbols(&names).iter().position(|name| *name == "timers");
        ints(&column(&limits, "used"))[at.unwrap()] == count
    };
    let set = |name: &'static str, count: usize| {
        stage.call(task, move |cx| {
            let timers = cx.grant(name).unwrap();
            let set = |_| cx.timer_set(timers, u64::MAX / 4, 0).unwrap();
            let last = (0..count).map(set).last().unwrap();
            int(last.0.into())
        })
    };
    let Value::Int(lost) = set("one", 3) else {
        panic!("a handle");
    };
    set("other", 2);
    eventually("five are counted", || used(5));
    stage.revoke(task, "one");
    eventually("two are left", || used(2));
    // What is closed now was not counted before.
    stage.call(task, move |cx| {
        cx.close(Handle(u32::try_from(lost).unwrap())).unwrap();
        Value::Nil
    });
    set("other", 1);
    eventually("three are counted", || used(3));
    stage.running.halt();
}

#[test]
fn who_has_passed_a_limited_end_on_waits_for_it_no_more() {
    let stage = Stage::new(Natives::default());
    let (ring, _) = stage.ring();
    // A burst of eight bytes, then one byte a second.
    let out = limit(int(ring), [("rate", int(1)), ("burst", int(8))]);
    let task = stage.puppet(stage.shell, 1, [("out", out), ("spawn", sym("spawn"))]);
    assert!(matches!(stage.publish(task, "out"), Value::Int(_)));
    assert_eq!(stage.publish(task, "out"), sym("Throttled"));
    let waits = stage.call(task, |cx| {
        let handle = cx.grant("out").unwrap();
        cx.wait(handle, 8).map_or_else(error_name, |_| Value::Nil)
    });
    assert_eq!(waits, Value::Nil);
    let set = || {
        let cores = stage.request(stage.shell, [sym("cores")]);
        ints(&column(&cores, "timers"))
    };
    assert_eq!(set(), [0, 1, 0]);
    stage.puppet(task, 2, [("out", own("out"))]);
    assert_eq!(set(), [0, 0, 0], "no timer is left behind");
    assert_eq!(stage.publish(task, "out"), sym("Revoked"));
    stage.running.halt();
}

#[test]
fn names_are_output_and_count_with_it() {
    let stage = Stage::new(Natives::default());
    let names = Value::Symbols(vec!["one".into(), "two".into()]).to_bytes();
    let bytes = names.len() as i64;
    let console = limit(sym("console"), [("quota", int(bytes + 3))]);
    let task = stage.puppet(stage.shell, 1, [("console", console)]);
    let offer = |names: Vec<u8>| {
        stage.call(task, move |cx| {
            let console = cx.grant("console").unwrap();
            let offered = cx.offer(console, &names);
            offered.map_or_else(error_name, |()| Value::Nil)
        })
    };
    let print = |text: &'static [u8]| {
        stage.call(task, move |cx| {
            let console = cx.grant("console").unwrap();
            let printed = cx.print(console, text);
            printed.map_or_else(error_name, |()| Value::Nil)
        })
    };
    assert_eq!(offer(names.clone()), Value::Nil);
    assert_eq!(ints(&stage.caps(task, "used")), [bytes]);
    assert_eq!(offer(names), sym("Quota"));
    assert_eq!([print(b"four"), print(b"abc")], [sym("Quota"), Value::Nil]);
    assert_eq!(print(b"a"), sym("Quota"));
    assert_eq!(ints(&stage.caps(task, "left")), [0]);
    stage.running.halt();
}

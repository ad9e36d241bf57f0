//! Links, parents and children, and what the right to spawn allows of them.

use crate::supervision::field;
use crate::support::{
    Natives, PATIENCE, Running, Sleeper, column, eventually, grants, ints, item, kernel,
    kernel_with, list, polled, run, sym,
};
use okernel_abi::value::Value;
use okernel_core::{Config, Context, Fault, FaultKind, Grant, Outcome, Spawn, TaskId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn sleeper() -> Spawn {
    Spawn::native("sleeper", Box::new(Sleeper(None))).grant("t", Grant::Timers)
}

#[test]
fn linked_tasks_fail_together_and_end_apart() {
    let running = run(kernel(3, Config::default()));
    let [a, b, c] = [0, 1, 2].map(|core| running.spawn(core, sleeper()));
    let link = |op: &str, one: TaskId, other: TaskId| {
        running.request(list([
            sym(op),
            Value::Int(one.number()),
            Value::Int(other.number()),
        ]))
    };
    assert_eq!(link("link", a, b), Value::Nil);
    assert_eq!(link("link", b, c), Value::Nil);
    assert_eq!(link("unlink", c, b), Value::Nil);
    running.kill(a);
    let notice = running.request(list([sym("monitor"), Value::Int(b.number())]));
    assert_eq!(
        field(&notice, "text"),
        format!("linked: task {}: killed", a.number())
    );
    assert!(running.ps(c, "state") != Some(sym("ended")));
    // One that ends in order ends nobody.
    let over = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&over);
    let done = running.spawn(
        0,
        polled("done", move |_| match told.load(Ordering::Relaxed) {
            0 => Outcome::Infinite,
            _ => Outcome::End,
        }),
    );
    assert_eq!(link("link", done, c), Value::Nil);
    over.store(1, Ordering::Relaxed);
    let notice = running.request(list([sym("monitor"), Value::Int(done.number())]));
    assert_eq!(field(&notice, "reason"), "done");
    assert_eq!(running.ps(c, "state"), Some(sym("waiting")));
    assert_eq!(
        link("link", a, b),
        Value::Error(format!("link: task {a} has ended: killed"))
    );
    running.halt();
}

/// A task with the right to spawn that spawns a sleeper, then does as it is told.
fn parent(then: fn() -> Outcome) -> Spawn {
    let mut reply = None;
    polled("parent", move |cx: &mut Context| {
        let Some(handle) = reply else {
            let right = cx.grant("spawn").unwrap();
            let order = list([
                sym("spawn"),
                Value::Int(1),
                sym("sleeper"),
                grants([("t", sym("timer"))]),
            ]);
            let handle = cx.request_value(right, &order).unwrap();
            let _ = cx.wait(handle, 0).unwrap();
            reply = Some(handle);
            return Outcome::Yield;
        };
        match cx.reply(handle) {
            Ok(_) => then(),
            Err(_) => {
                let _ = cx.wait(handle, 0).unwrap();
                Outcome::Yield
            }
        }
    })
    .grant("spawn", Grant::Spawn)
    .grant("timer", Grant::Timers)
}

#[test]
fn children_end_with_a_parent_that_fails_and_outlive_one_that_is_done() {
    let natives = || Natives::default().with("sleeper", || Box::new(Sleeper(None)));
    let sleepers = |running: &Running| -> Vec<(i64, Value, Value)> {
        let table = running.request(sym("ps"));
        let Value::Symbols(names) = column(&table, "name") else {
            panic!("names are symbols");
        };
        let rows = (0..names.len()).filter(|row| names[*row] == "sleeper");
        rows.map(|row| {
            (
                ints(&column(&table, "parent"))[row],
                item(&column(&table, "state"), row),
                item(&column(&table, "reason"), row),
            )
        })
        .collect()
    };
    let running = run(kernel_with(2, Config::default(), natives()));
    let failed = running.spawn(
        0,
        parent(|| Outcome::Err(Fault::new(FaultKind::Err, "no more"))),
    );
    eventually(
        "the child is ended",
        || matches!(sleepers(&running).as_slice(), [(_, _, reason)] if *reason == sym("linked")),
    );
    assert_eq!(running.ps(failed, "reason"), Some(sym("error")));
    running.halt();

    let running = run(kernel_with(2, Config::default(), natives()));
    let done = running.spawn(0, parent(|| Outcome::End));
    eventually("the parent is done", || {
        running.ps(done, "reason") == Some(sym("done"))
    });
    let all = sleepers(&running);
    assert!(
        matches!(all.as_slice(), [(i64::MIN, state, _)] if *state == sym("waiting")),
        "{all:?}"
    );
    running.halt();
}

#[test]
fn the_right_to_spawn_rules_over_descendants_only() {
    let running = run(kernel(2, Config::default()));
    let stranger = running.spawn(1, sleeper());
    let (tell, told) = std::sync::mpsc::channel();
    let number = stranger.number();
    let mut replies = Vec::new();
    let nosy = polled("nosy", move |cx: &mut Context| {
        let right = cx.grant("spawn").unwrap();
        if replies.is_empty() {
            for request in [
                list([sym("monitor"), Value::Int(number)]),
                list([sym("link"), Value::Int(number)]),
                list([sym("name"), sym("task"), sym("x"), Value::Int(number)]),
                list([sym("find"), sym("x")]),
                list([sym("names")]),
            ] {
                replies.push(cx.request_value(right, &request).unwrap());
            }
        }
        for reply in replies.drain(..) {
            let text = match Value::decode(cx.reply(reply).unwrap()) {
                Ok(Value::Error(text)) => text,
                other => format!("{other:?}"),
            };
            tell.send(text).unwrap();
        }
        Outcome::End
    });
    running.spawn(0, nosy.grant("spawn", Grant::Spawn));
    let denied = |op: &str| {
        format!("{op}: the right to spawn does not allow task {number}, which another one spawned")
    };
    let texts: Vec<String> = (0..5)
        .map(|_| told.recv_timeout(PATIENCE).unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            denied("monitor"),
            denied("link"),
            "name: the right to spawn does not allow the name x for that".to_string(),
            "request: the right to spawn does not allow find".to_string(),
            "request: the right to spawn does not allow names".to_string(),
        ]
    );
    running.halt();
}

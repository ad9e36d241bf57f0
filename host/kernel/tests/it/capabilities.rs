//! Capabilities: granted, passed on, taken back, on several cores and at any moment.

use crate::puppets::{Stage, error_name, limit, own, span, symbols};
use crate::supervision::{native, policy, tree};
use crate::support::{
    Natives, PATIENCE, Polled, column, eventually, grants, int, ints, kernel_with, list, run, sym,
    work,
};
use okernel_abi::Errno;
use okernel_abi::value::{Moment, Value};
use okernel_core::limits::DERIVATIONS_MAX;
use okernel_core::restart::Strategy;
use okernel_core::{
    Attenuation, Child, Config, Context, CoreId, Fault, FaultKind, Grant, Outcome, Spawn, TaskId,
};
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn revoking_takes_back_all_that_was_derived_on_every_core() {
    let stage = Stage::new(Natives::default());
    let shell = stage.shell;
    let (ring, reader) = stage.ring();
    let rights = [
        ("in", int(reader)),
        ("out", int(ring)),
        ("spawn", sym("spawn")),
    ];
    let first = stage.puppet(shell, 1, rights);
    let second = stage.puppet(first, 2, [("to", own("out")), ("spawn", sym("spawn"))]);
    let third = stage.puppet(
        second,
        0,
        [("there", limit(own("to"), [("quota", int(800))]))],
    );
    assert_eq!(stage.publish(third, "there"), int(8));
    assert_eq!(
        stage.publish(first, "out"),
        sym("Revoked"),
        "it was passed on"
    );
    assert_eq!(
        symbols(&stage.caps(first, "state")),
        ["good", "passed", "good"]
    );
    assert_eq!(symbols(&stage.caps(third, "state")), ["good"]);
    stage.revoke(first, "out");
    assert_eq!(stage.publish(third, "there"), sym("Revoked"));
    assert_eq!(symbols(&stage.caps(third, "state")), ["revoked"]);
    assert_eq!(symbols(&stage.caps(second, "state")), ["revoked", "good"]);
    // Nobody has it any more and nobody can pass it on; the rest is as it was.
    for task in [first, second] {
        let name = if task == first { "out" } else { "to" };
        let rights = grants([("x", own(name))]);
        let refused = stage.error(task, [sym("spawn"), int(0), sym("puppet"), rights]);
        assert_eq!(refused, "spawn: x: the grant that it comes from is revoked");
        let refused = stage.error(task, [sym("attach"), int(ring)]);
        assert!(refused.contains("does not allow endpoint"), "{refused}");
    }
    assert_eq!(stage.readable(first, "in"), int(8));
    // The end lies where it was, with its position, and can be granted again.
    let next = stage.puppet(shell, 2, [("out", int(ring))]);
    assert_eq!(stage.publish(next, "out"), int(16));
    assert_eq!(stage.readable(first, "in"), int(16));
    // All grants of a task at once.
    let answer = stage.request(shell, [sym("revoke"), int(first)]);
    assert_eq!(answer, Value::Nil);
    assert_eq!(stage.readable(first, "in"), sym("Revoked"));
    assert_eq!(stage.error(first, [sym("pub"), int(0), int(8)]), "Revoked");
    stage.running.halt();
}

#[test]
fn a_reader_whose_grant_was_revoked_holds_nobody_up() {
    let stage = Stage::new(Natives::default());
    let (ring, reader) = stage.ring();
    let writer = stage.puppet(stage.shell, 1, [("out", int(ring))]);
    let slow = stage.puppet(stage.shell, 2, [("in", int(reader))]);
    // What is published before the ring is full is kept for whoever is granted the end next.
    stage.publish(writer, "out");
    stage.revoke(slow, "in");
    stage.publish(writer, "out");
    let next = stage.puppet(stage.shell, 0, [("in", int(reader))]);
    assert_eq!(stage.readable(next, "in"), int(16));
    let until_full = || (0..100_000).find(|_| stage.publish(writer, "out") == sym("Again"));
    assert!(until_full().is_some(), "it gates");
    stage.revoke(next, "in");
    assert!(matches!(stage.publish(writer, "out"), Value::Int(_)));
    let last = stage.puppet(stage.shell, 1, [("in", int(reader))]);
    assert_eq!(stage.readable(last, "in"), int(8));
    assert!(until_full().is_some(), "it gates again");
    stage.running.halt();
}

#[test]
fn a_reader_with_the_right_to_spawn_gets_no_hand_on_the_publisher() {
    let stage = Stage::new(Natives::default());
    let (ring, reader) = stage.ring();
    let rights = [("in", int(reader)), ("spawn", sym("spawn"))];
    let task = stage.puppet(stage.shell, 1, rights);
    let refused = stage.error(task, [sym("attach"), int(ring)]);
    assert_eq!(
        refused,
        format!("attach: the right to spawn does not allow endpoint {ring}")
    );
    let rights = grants([("out", int(ring))]);
    let refused = stage.error(task, [sym("spawn"), int(0), sym("puppet"), rights]);
    assert!(
        refused.contains("out, which the spawner does not have itself"),
        "{refused}"
    );
    // It may read what it can read already, by as many readers as it likes.
    let read_only = limit(int(ring), [("access", sym("read"))]);
    stage.puppet(task, 2, [("in", read_only)]);
    stage.number(task, [sym("sub"), int(1), int(ring)]);
    stage.running.halt();
}

#[test]
fn a_sleeping_holder_is_woken_and_told() {
    let natives = Natives::default().with("waiter", || {
        Box::new(Polled(|cx: &mut Context| {
            let handle = cx.grant("in").unwrap();
            match cx.wait(handle, 8) {
                Ok(_) => Outcome::Yield,
                Err(errno) => Outcome::Err(Fault::new(FaultKind::Err, errno.to_string())),
            }
        }))
    });
    let stage = Stage::new(natives);
    let (_, reader) = stage.ring();
    let rights = grants([("in", int(reader))]);
    let order = [sym("spawn"), int(2), sym("waiter"), rights];
    let waiter = stage.number(stage.shell, order);
    let id = TaskId::from_number(waiter).unwrap();
    eventually("it sleeps", || {
        stage.running.ps(id, "state") == Some(sym("waiting"))
    });
    stage.revoke(waiter, "in");
    eventually("it has ended", || {
        stage.running.ps(id, "exit") == Some(Value::text("error: the grant was revoked"))
    });
    let refused = stage.error(stage.shell, [sym("revoke"), int(waiter), sym("in")]);
    assert!(refused.starts_with("revoke: task"), "{refused}");
    stage.running.halt();
}

#[test]
fn a_holder_in_the_middle_of_its_poll_is_told_at_its_next_use() {
    let natives = Natives::default().with("busy", || {
        Box::new(Polled(|cx: &mut Context| {
            let handle = cx.grant("out").unwrap();
            loop {
                work(Duration::from_micros(20));
                if let Err(errno) = cx.publisher(handle) {
                    return Outcome::Err(Fault::new(FaultKind::Err, errno.to_string()));
                }
                if cx.slice_expired() && cx.preempt() == okernel_core::Resumed::Kill {
                    return Outcome::Err(Fault::new(FaultKind::Trap, "interrupted"));
                }
            }
        }))
    });
    let stage = Stage::new(natives);
    let (ring, _) = stage.ring();
    let order = [
        sym("spawn"),
        int(2),
        sym("busy"),
        grants([("out", int(ring))]),
    ];
    let busy = stage.number(stage.shell, order);
    let id = TaskId::from_number(busy).unwrap();
    eventually("it runs", || stage.running.ps(id, "turns") != Some(int(0)));
    stage.revoke(busy, "out");
    eventually("it has ended", || {
        stage.running.ps(id, "exit") == Some(Value::text("error: the grant was revoked"))
    });
    stage.running.halt();
}

#[test]
fn a_grant_expires_for_all_who_have_it() {
    let stage = Stage::new(Natives::default());
    let (ring, reader) = stage.ring();
    let minute = span(Duration::from_secs(60));
    let rights = [
        ("in", limit(int(reader), [("until", minute)])),
        (
            "out",
            limit(int(ring), [("until", span(Duration::from_millis(150)))]),
        ),
        ("spawn", sym("spawn")),
    ];
    let first = stage.puppet(stage.shell, 1, rights);
    let second = stage.puppet(first, 2, [("to", own("out"))]);
    let Value::Moments(Moment::Timestamp, until) = stage.caps(first, "until") else {
        panic!("timestamps");
    };
    assert!(until[0] > until[1] && until[2] == i64::MIN);
    // The one who passed it on ends; what it passed on expires all the same.
    assert_eq!(stage.publish(second, "to"), int(8));
    stage.end(first);
    eventually("it expires", || {
        stage.publish(second, "to") == sym("Expired")
    });
    assert_eq!(symbols(&stage.caps(second, "state")), ["expired"]);
    let over = limit(int(ring), [("until", Value::Moment(Moment::Timestamp, 5))]);
    let order = [sym("spawn"), int(0), sym("puppet"), grants([("out", over)])];
    assert_eq!(
        stage.error(stage.shell, order),
        "spawn: out: the moment until which it is granted has passed"
    );
    // No timer is left behind.
    assert_eq!(
        stage.request(stage.shell, [sym("kill"), int(second)]),
        Value::Nil
    );
    let cores = stage.request(stage.shell, [sym("cores")]);
    assert_eq!(ints(&column(&cores, "timers")), [0, 0, 0]);
    stage.running.halt();
}

#[test]
fn a_grant_is_passed_on_so_often_and_no_more() {
    let stage = Stage::new(Natives::default());
    let (ring, _) = stage.ring();
    let rights = [("out", int(ring)), ("spawn", sym("spawn"))];
    let mut last = stage.puppet(stage.shell, 1, rights);
    for _ in 1..DERIVATIONS_MAX {
        last = stage.puppet(last, 1, [("out", own("out")), ("spawn", sym("spawn"))]);
    }
    assert_eq!(stage.publish(last, "out"), int(8));
    let rights = grants([("out", own("out"))]);
    assert_eq!(
        stage.error(last, [sym("spawn"), int(1), sym("puppet"), rights]),
        format!("spawn: out: it was passed on {DERIVATIONS_MAX} times already")
    );
    stage.running.halt();
}

#[test]
fn only_the_spawner_and_the_shell_take_back_and_look() {
    let stage = Stage::new(Natives::default());
    let rights = || [("spawn", sym("spawn"))];
    let first = stage.puppet(stage.shell, 1, rights());
    let other = stage.puppet(stage.shell, 2, rights());
    let child = stage.puppet(first, 2, rights());
    let denied = |op: &str, task: i64| {
        format!("{op}: the right to spawn does not allow task {task}, which another one spawned")
    };
    let refused = stage.error(other, [sym("revoke"), int(child), sym("spawn")]);
    assert_eq!(refused, denied("revoke", child));
    let refused = stage.error(other, [sym("caps"), int(child)]);
    assert_eq!(refused, denied("caps", child));
    let refused = stage.error(other, [sym("caps")]);
    assert_eq!(refused, "request: the right to spawn does not allow caps");
    let table = stage.request(first, [sym("caps"), int(child)]);
    assert_eq!(ints(&column(&table, "from")), [first]);
    let own = stage.request(first, [sym("caps"), int(first)]);
    assert_eq!(ints(&column(&own, "from")), [stage.shell]);
    assert_eq!(ints(&column(&table, "parent")), ints(&column(&own, "id")));
    let refused = stage.error(first, [sym("revoke"), int(child), sym("in")]);
    assert_eq!(
        refused,
        format!("revoke: task {child} has no grant in (it has: spawn)")
    );
    let answer = stage.request(first, [sym("revoke"), int(child), sym("spawn")]);
    assert_eq!(answer, Value::Nil);
    assert_eq!(stage.error(child, [sym("pub"), int(0), int(8)]), "Revoked");
    // A right that was taken back is nothing to grant.
    stage.revoke(first, "spawn");
    assert_eq!(stage.error(first, [sym("pub"), int(0), int(8)]), "Revoked");
    let all = stage.request(stage.shell, [sym("caps")]);
    assert_eq!(
        symbols(&column(&all, "name")).join(" "),
        "system spawn spawn spawn"
    );
    stage.running.halt();
}

#[test]
fn a_module_is_not_started_without_what_it_wants() {
    let file = std::env::temp_dir().join(format!("okernel-wants-{}", std::process::id()));
    std::fs::write(&file, b"text").unwrap();
    let natives = Natives::default()
        .with("picky", || Box::new(Polled(|_: &mut Context| Outcome::End)))
        .wanting(
            "picky",
            &[
                "in subscriber",
                "out publisher",
                "log file append",
                "timer timer optional",
                "clock clock",
            ],
        );
    let stage = Stage::new(natives);
    let (ring, reader) = stage.ring();
    let spawn =
        |rights: Value| stage.request(stage.shell, [sym("spawn"), int(1), sym("picky"), rights]);
    assert_eq!(
        spawn(Value::Nil),
        Value::Error(
            "spawn: picky wants in (subscriber), out (publisher), log (file to append), clock (clock)"
                .into()
        )
    );
    let path = || Value::text(file.to_str().unwrap());
    let wrong = grants([
        ("in", int(ring)),
        ("out", limit(int(ring), [("access", sym("read"))])),
        ("log", list([sym("file"), path()])),
        ("timer", sym("clock")),
        ("clock", sym("clock")),
    ]);
    assert_eq!(
        spawn(wrong),
        Value::Error(
            "spawn: picky wants in (subscriber; granted as publisher), out (publisher; granted as subscriber), log (file to append; granted as file to read), timer (timer; granted as clock)"
                .into()
        )
    );
    let right = grants([
        ("in", int(reader)),
        ("out", int(ring)),
        ("log", list([sym("file"), path(), sym("write")])),
        ("clock", sym("clock")),
    ]);
    assert!(matches!(spawn(right), Value::Int(_)));
    std::fs::remove_file(&file).unwrap();
    stage.running.halt();
}

#[test]
fn a_task_that_is_started_again_has_what_was_left() {
    let (tell, told) = channel();
    let make = native(move || {
        let tell = tell.clone();
        Polled(move |cx: &mut Context| {
            let read = cx.grant("clock").and_then(|clock| cx.now_ns(clock));
            let _ = tell.send(read.map(drop));
            Outcome::Err(Fault::new(FaultKind::Err, "it has read the clock"))
        })
    });
    let limits = Attenuation {
        quota: Some(2),
        ..Attenuation::default()
    };
    let clock = Grant::Clock.attenuated(limits);
    let child = Child::new("reader", CoreId(1), make).grant("clock", clock);
    let mut kernel = kernel_with(2, Config::default(), Natives::default());
    let tree = tree(None, policy(Strategy::OneForOne, 3), vec![child]);
    kernel.spawn(CoreId(0), Spawn::supervisor(tree)).unwrap();
    let running = run(kernel);
    let read = || told.recv_timeout(PATIENCE).expect("it reads");
    assert_eq!([read(), read()], [Ok(()), Ok(())]);
    assert_eq!([read(), read()], [Err(Errno::Quota), Err(Errno::Quota)]);
    running.halt();
}

/// A number that looks random (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// A grant as the model of the next test has it.
struct Known {
    task: i64,
    parent: Option<usize>,
    quota: Option<u64>,
    used: u64,
    revoked: bool,
}

/// Tasks on three cores hand a right on, use it and lose it at random; a model says what each use answers.
#[test]
fn random_grants_uses_and_revocations_agree_with_a_model() {
    let stage = Stage::new(Natives::default());
    let mut random = Random(7);
    let mut known: Vec<Known> = Vec::new();
    let line = |known: &[Known], from: usize| -> Vec<usize> {
        std::iter::successors(Some(from), |at| known[*at].parent).collect()
    };
    for round in 0..400 {
        let which = random.below(known.len().max(1));
        let quota = (random.below(2) == 0).then(|| 1 + random.below(30) as u64);
        let core = (round % 3) as i64;
        let right = |whole: Value| match quota {
            None => whole,
            Some(quota) => limit(whole, [("quota", int(quota as i64))]),
        };
        let good = |known: &[Known]| line(known, which).iter().all(|at| !known[*at].revoked);
        match random.below(8) {
            0 if known.len() < 40 => {
                let rights = [("clock", right(sym("clock"))), ("spawn", sym("spawn"))];
                let task = stage.puppet(stage.shell, core, rights);
                known.push(Known {
                    task,
                    parent: None,
                    quota,
                    used: 0,
                    revoked: false,
                });
            }
            1 | 2 if !known.is_empty() && known.len() < 40 => {
                let rights = [("clock", right(own("clock"))), ("spawn", sym("spawn"))];
                let order = [sym("spawn"), int(core), sym("puppet"), grants(rights)];
                match stage.request(known[which].task, order) {
                    Value::Int(task) => {
                        assert!(good(&known));
                        known.push(Known {
                            task,
                            parent: Some(which),
                            quota,
                            used: 0,
                            revoked: false,
                        });
                    }
                    Value::Error(text) => {
                        assert!(!good(&known), "{text}");
                        assert_eq!(
                            text,
                            "spawn: clock: the grant that it comes from is revoked"
                        );
                    }
                    other => panic!("{other:?}"),
                }
            }
            3 if !known.is_empty() && random.below(3) == 0 => {
                stage.revoke(known[which].task, "clock");
                known[which].revoked = true;
            }
            _ if !known.is_empty() => {
                let read = stage.call(known[which].task, |cx| {
                    let now = cx.grant("clock").and_then(|clock| cx.now_ns(clock));
                    now.map_or_else(error_name, |_| Value::Nil)
                });
                let all = line(&known, which);
                let left =
                    |at: &usize| known[*at].quota.is_none_or(|quota| known[*at].used < quota);
                let expected = if !good(&known) {
                    sym("Revoked")
                } else if all.iter().all(left) {
                    Value::Nil
                } else {
                    sym("Quota")
                };
                assert_eq!(read, expected, "round {round}");
                if read == Value::Nil {
                    all.into_iter().for_each(|at| known[at].used += 1);
                }
            }
            _ => {}
        }
    }
    assert!(known.len() > 20);
    stage.running.halt();
}

//! Tests of [`super::Request::decode`]: each form, and what is said of each wrong one.

use super::{Order, Request, Wanted};
use crate::cell::Pinned;
use crate::config::Quanta;
use crate::files::{Access, Writing};
use crate::ids::{EndpointId, TaskId};
use crate::program::Program;
use crate::task_limits::LimitChanges;
use okernel_abi::value::Value;
use okernel_ring::Policy;

fn symbol(name: &str) -> Value {
    Value::Symbol(name.to_string())
}

fn list(items: &[Value]) -> Value {
    Value::List(items.to_vec())
}

fn endpoint(number: i64) -> EndpointId {
    EndpointId::from_number(number).unwrap()
}

fn decode(items: &[Value]) -> Result<Request, String> {
    Request::decode(&list(items)).map_err(|refusal| refusal.text)
}

#[test]
fn rings() {
    let int = Value::Int;
    assert_eq!(
        decode(&[symbol("pub"), int(1), int(8)]),
        Ok(Request::Pub {
            core: 1,
            capacity_bytes: 8
        })
    );
    for (word, policy) in [
        ("block", Policy::Block),
        ("lap", Policy::Lap),
        ("kick", Policy::Kick),
    ] {
        assert_eq!(
            decode(&[symbol("sub"), int(1), Value::Float(3.0), symbol(word)]),
            Ok(Request::Sub {
                core: 1,
                ring: endpoint(3),
                policy
            })
        );
    }
    assert_eq!(
        decode(&[symbol("attach"), int(3)]),
        Ok(Request::Attach(endpoint(3)))
    );
}

fn dictionary(items: &[(&str, Value)]) -> Value {
    let (names, values) = items.iter().cloned().unzip::<_, _, Vec<_>, Vec<_>>();
    let names = names.into_iter().map(str::to_string).collect();
    Value::Dict(Box::new((Value::Symbols(names), Value::List(values))))
}

fn limits(changes: &[(&str, f64)]) -> LimitChanges {
    let mut all = LimitChanges::default();
    for (name, number) in changes {
        all.set(name, *number).unwrap();
    }
    all
}

/// A spawn with these limits.
fn limited(limits: Value) -> Vec<Value> {
    let grants = dictionary(&[("limits", limits)]);
    vec![symbol("spawn"), Value::Int(0), symbol("m"), grants]
}

#[test]
fn a_request_without_arguments_may_be_written_in_each_way() {
    for value in [
        symbol("ps"),
        list(&[symbol("ps")]),
        Value::Symbols(vec!["ps".to_string()]),
    ] {
        assert_eq!(Request::decode(&value), Ok(Request::Ps(None)));
    }
}

#[test]
fn statistics() {
    let int = Value::Int;
    for (items, period_ms) in [
        (vec![symbol("stats")], 0),
        (vec![symbol("stats"), Value::Nil], 0),
        (vec![symbol("stats"), int(100)], 100),
    ] {
        assert_eq!(decode(&items), Ok(Request::Stats { period_ms }));
    }
    for period in [int(9), int(-1), int(60_001), Value::text("often")] {
        let text = decode(&[symbol("stats"), period]).unwrap_err();
        assert!(text.starts_with("stats: a period in "), "{text}");
    }
}

#[test]
fn spawn_with_everything() {
    let names = [
        "in", "out", "f", "log", "t", "c", "args", "weight", "memory", "limits", "seed", "pin",
    ];
    let names = names.iter().map(ToString::to_string).collect();
    let file = list(&[symbol("file"), Value::text("a.txt")]);
    let log = list(&[symbol("file"), Value::text("b.txt"), symbol("append")]);
    let values = vec![
        Value::Int(1),
        Value::Int(0),
        file,
        log,
        symbol("timer"),
        symbol("console"),
        list(&[Value::text("x"), Value::Int(3)]),
        Value::Int(300),
        Value::Int(65536),
        dictionary(&[("cpu", Value::Float(12.5)), ("timers", Value::Int(3))]),
        Value::Int(42),
        Value::Int(1),
    ];
    let grants = Value::Dict(Box::new((Value::Symbols(names), Value::List(values))));
    let Ok(Request::Spawn(order)) = decode(&[symbol("spawn"), Value::Int(2), symbol("w"), grants])
    else {
        panic!("a spawn");
    };
    let grant = |name: &str, wanted| (name.to_string(), wanted);
    assert_eq!(
        *order,
        Order {
            core: 2,
            program: Program::Module("w".to_string()),
            grants: vec![
                grant("in", Wanted::Endpoint(endpoint(1))),
                grant("out", Wanted::Endpoint(endpoint(0))),
                grant("f", Wanted::File("a.txt".into(), Access::Read)),
                grant("log", Wanted::File("b.txt".into(), Access::Append)),
                grant("t", Wanted::Timers),
                grant("c", Wanted::Console),
            ],
            args: vec!["x".to_string(), "3".to_string()],
            weight: Some(300),
            limits: limits(&[("memory", 65536.0), ("cpu", 12.5), ("timers", 3.0)]),
            seed: Some(42),
            pinned: Pinned::Yes,
        }
    );
}

#[test]
fn versions_and_moves() {
    let text = |text: &str| Value::text(text);
    assert_eq!(
        decode(&[symbol("check"), symbol("m"), text("m.wasm")]),
        Ok(Request::Check {
            name: "m".to_string(),
            path: "m.wasm".into(),
        })
    );
    assert_eq!(decode(&[symbol("versions")]), Ok(Request::Versions));
    assert_eq!(
        decode(&[symbol("rollback"), symbol("m")]),
        Ok(Request::Rollback("m".to_string()))
    );
    assert_eq!(
        decode(&[symbol("move"), Value::Int(3), Value::Int(1)]),
        Ok(Request::Move {
            task: TaskId::from_number(3).unwrap(),
            core: 1,
        })
    );
    for (items, wanted) in [
        (vec![symbol("check"), symbol("m")], "check: 2 arguments"),
        (
            vec![symbol("rollback"), Value::Int(1)],
            "rollback: a module's name",
        ),
        (
            vec![symbol("move"), Value::Int(1), text("x")],
            "move: a core",
        ),
        (
            vec![symbol("move"), Value::Int(-1), Value::Int(0)],
            "move: a task's number",
        ),
    ] {
        let error = decode(&items).unwrap_err();
        assert!(error.starts_with(wanted), "{error}");
    }
}

#[test]
fn files_are_written_whole_or_at_their_end() {
    let writing = |access, bytes: &[u8]| {
        Ok(Request::Write(Box::new(Writing {
            path: "a.txt".into(),
            access,
            bytes: bytes.to_vec(),
        })))
    };
    let write = |rest: &[Value]| decode(&[&[symbol("write"), Value::text("a.txt")], rest].concat());
    assert_eq!(write(&[Value::text("x")]), writing(Access::Write, b"x"));
    assert_eq!(write(&[Value::List(vec![])]), writing(Access::Write, b""));
    let appended = write(&[Value::text("x"), symbol("append")]);
    assert_eq!(appended, writing(Access::Append, b"x"));
    for wrong in [&[Value::Int(3)][..], &[], &[Value::text("x"), symbol("x")]] {
        assert!(write(wrong).unwrap_err().starts_with("write: "));
    }
}

#[test]
fn spawn_takes_vectors_and_single_strings() {
    let names = Value::Symbols(vec!["in".to_string(), "out".to_string()]);
    let grants = Value::Dict(Box::new((names, Value::Ints(vec![5, 6]))));
    let Ok(Request::Spawn(order)) =
        decode(&[symbol("spawn"), Value::Int(0), Value::text("1+2"), grants])
    else {
        panic!("a spawn");
    };
    assert_eq!(order.program, Program::Code("1+2".to_string()));
    assert_eq!(order.grants[1].1, Wanted::Endpoint(endpoint(6)));
    let args = Value::Dict(Box::new((symbol("args"), list(&[Value::text("a b")]))));
    let Ok(Request::Spawn(order)) = decode(&[symbol("spawn"), Value::Int(0), symbol("m"), args])
    else {
        panic!("a spawn");
    };
    assert_eq!(order.args, ["a b"]);
}

#[test]
fn code_is_not_empty() {
    let spawn = |code: &str| decode(&[symbol("spawn"), Value::Int(0), Value::text(code)]);
    assert_eq!(spawn("").unwrap_err(), "spawn: there is no code to run");
    assert!(
        matches!(spawn(" "), Ok(Request::Spawn(order)) if order.program == Program::Code(" ".to_string()))
    );
}

#[test]
fn shares() {
    let int = Value::Int;
    let quanta = Quanta {
        bus_us: 1,
        io_us: 2,
        tasks_us: 3,
    };
    assert_eq!(
        decode(&[symbol("qos"), int(1), Value::Ints(vec![1, 2, 3])]),
        Ok(Request::QosCore { core: 1, quanta })
    );
    assert_eq!(
        decode(&[symbol("qos"), symbol("task"), int(4), int(300)]),
        Ok(Request::QosTask {
            task: TaskId::from_number(4).unwrap(),
            weight: 300
        })
    );
    assert_eq!(decode(&[symbol("halt"), int(3)]), Ok(Request::Halt(3)));
    assert_eq!(decode(&[symbol("halt")]), Ok(Request::Halt(0)));
}

#[test]
fn what_is_wrong_is_said() {
    let int = Value::Int;
    let cases: Vec<(Vec<Value>, &str)> = vec![
        (
            vec![],
            "request: a list that begins with a symbol is expected, a list of 0 was given",
        ),
        (
            vec![int(3)],
            "request: a list that begins with a symbol is expected, a list of 1 was given",
        ),
        (vec![symbol("fly")], "request: there is no operation fly"),
        (
            vec![symbol("pub"), int(1)],
            "pub: 2 arguments are expected, 1 were given",
        ),
        (
            vec![symbol("pub"), int(1), int(0)],
            "pub: a capacity in bytes is expected, 0 was given",
        ),
        (
            vec![symbol("pub"), int(1), int(i64::MIN)],
            "pub: a capacity in bytes is expected, the null was given",
        ),
        (
            vec![symbol("pub"), Value::text("x"), int(8)],
            "pub: a core is expected, \"x\" was given",
        ),
        (
            vec![symbol("sub"), int(1), symbol("p")],
            "sub: a publisher's number is expected, `p was given",
        ),
        (
            vec![symbol("sub"), int(1), int(-1)],
            "sub: a publisher's number is expected, -1 was given",
        ),
        (
            vec![symbol("sub"), int(1), int(1), symbol("skip")],
            "sub: `block, `lap or `kick is expected, `skip was given",
        ),
        (
            vec![symbol("spawn"), int(0), int(3)],
            "spawn: a module's symbol or a string of code is expected, 3 was given",
        ),
        (
            vec![symbol("spawn"), int(0), symbol("m"), int(3)],
            "spawn: a dictionary of grants is expected, 3 was given",
        ),
        (
            vec![symbol("kill"), symbol("x")],
            "kill: a task's number is expected, `x was given",
        ),
        (
            vec![symbol("rings"), int(1)],
            "rings: 0 arguments are expected, 1 were given",
        ),
        (
            vec![symbol("ps"), int(-1)],
            "ps: a task's number is expected, -1 was given",
        ),
        (
            limited(int(5)),
            "spawn: limits: a dictionary is expected, 5 was given",
        ),
        (
            limited(dictionary(&[("cpus", int(5))])),
            "spawn: limits: there is no limit cpus, there are: memory, table, window, message, cpu, period, handles, timers, children, spawns, log",
        ),
        (
            limited(dictionary(&[("cpu", int(0))])),
            "spawn: limits: cpu: 0 is no percentage of a core in 0.1..6400",
        ),
        (
            limited(dictionary(&[("timers", symbol("x"))])),
            "spawn: limits: timers: a number is expected, `x was given",
        ),
        (
            vec![symbol("halt"), int(256)],
            "halt: a status in 0..255 is expected, 256 was given",
        ),
        (
            vec![symbol("qos"), symbol("core"), int(1)],
            "qos: a core or `task is expected, `core was given",
        ),
        (
            vec![symbol("qos"), symbol("task"), int(1), int(0)],
            "qos: a weight in 1..100000 is expected, 0 was given",
        ),
        (
            vec![symbol("qos"), int(1), Value::Ints(vec![1, 0, 3])],
            "qos: three times in microseconds (bus;io;tasks), each in 1..10000000, is expected, a vector of 3 integers was given",
        ),
    ];
    for (items, text) in cases {
        assert_eq!(decode(&items), Err(text.to_string()));
    }
}

#[test]
fn a_wrong_grant_is_named() {
    let grants = |value| Value::Dict(Box::new((symbol("in"), list(&[value]))));
    let refused = decode(&[
        symbol("spawn"),
        Value::Int(0),
        symbol("m"),
        grants(symbol("everything")),
    ]);
    assert_eq!(
        refused,
        Err(
            "spawn: in: an endpoint's number, `timer, `clock, `console, `spawn, `system, \
             (`file;\"path\"), (`file;\"path\";`read, `write or `append), (`own;`name) or limit[..] of one of these is expected, `everything was given"
                .to_string()
        )
    );
}

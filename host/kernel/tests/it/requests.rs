//! Requests of tasks, from a native task with the shell's rights and from one that may only spawn.

use crate::support::{
    Natives, PATIENCE, Running, Sleeper, column, eventually, grants, ints, kernel_with, list,
    polled, run, sym,
};
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};
use okernel_core::{Config, Context, CoreId, Grant, Outcome, Spawn};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A step of a test inside of a task.
type Step = Box<dyn FnOnce(&mut Context) -> Value + Send>;

/// What a task is told to do next.
enum Order {
    Request(Value),
    Call(Step),
}

/// A task that does what it is told from outside of the kernel, one order at a time.
pub struct Puppet {
    orders: Sender<Order>,
    replies: Receiver<Value>,
}

impl Puppet {
    fn spawn(kernel: &mut okernel_core::Kernel, core: u16, right: Grant) -> Puppet {
        Puppet::spawn_as(kernel, core, right, |task| task)
    }

    /// With what `more` adds to it.
    pub fn spawn_as(
        kernel: &mut okernel_core::Kernel,
        core: u16,
        right: Grant,
        more: impl FnOnce(Spawn) -> Spawn,
    ) -> Puppet {
        let (orders, ordered) = channel::<Order>();
        let (tell, replies) = channel();
        let mut waiting: Option<Handle> = None;
        let poll = move |cx: &mut Context| {
            let right = cx.grant("right").unwrap();
            if let Some(handle) = waiting {
                match cx.reply(handle) {
                    Ok(bytes) => tell.send(Value::decode(bytes).unwrap()).unwrap(),
                    Err(errno) => {
                        assert_eq!(errno, Errno::Again);
                        let _ = cx.wait(handle, 0).unwrap();
                        return Outcome::Yield;
                    }
                }
                cx.close(handle).unwrap();
                waiting = None;
            }
            match ordered.try_recv() {
                Ok(Order::Request(request)) => {
                    waiting = Some(cx.request(right, &request.to_bytes()).unwrap());
                }
                Ok(Order::Call(call)) => tell.send(call(cx)).unwrap(),
                Err(_) => {}
            }
            Outcome::Infinite
        };
        let task = polled("puppet", poll)
            .grant("right", right)
            .grant("timer", Grant::Timers);
        kernel.spawn(CoreId(core), more(task)).unwrap();
        Puppet { orders, replies }
    }

    pub fn request<const N: usize>(&self, items: [Value; N]) -> Value {
        self.orders.send(Order::Request(list(items))).unwrap();
        self.replies.recv_timeout(PATIENCE).expect("a reply")
    }

    pub fn call(&self, call: impl FnOnce(&mut Context) -> Value + Send + 'static) -> Value {
        self.orders.send(Order::Call(Box::new(call))).unwrap();
        self.replies.recv_timeout(PATIENCE).expect("it is done")
    }

    pub fn int<const N: usize>(&self, items: [Value; N]) -> i64 {
        match self.request(items) {
            Value::Int(int) => int,
            other => panic!("{other:?}"),
        }
    }

    pub fn error<const N: usize>(&self, items: [Value; N]) -> String {
        match self.request(items) {
            Value::Error(text) => text,
            other => panic!("{other:?}"),
        }
    }
}

fn int(int: i64) -> Value {
    Value::Int(int)
}

fn natives() -> Natives {
    Natives::default()
        .with("sleeper", || Box::new(Sleeper(None)))
        .with("copy", || {
            Box::new(crate::support::Polled(|cx: &mut Context| {
                let (from, to) = (cx.grant("in").unwrap(), cx.grant("out").unwrap());
                let mut bytes = [0; 8];
                match cx.subscriber(from).unwrap().peek(0, &mut bytes) {
                    Ok(8) => {
                        cx.subscriber(from).unwrap().release(8).unwrap();
                        cx.publisher(to).unwrap().write(&bytes).unwrap();
                        Outcome::Yield
                    }
                    Ok(_) | Err(okernel_ring::RecvError::Empty) => {
                        let _ = cx.wait(from, 8).unwrap();
                        Outcome::Yield
                    }
                    Err(_closed) => Outcome::End,
                }
            }))
        })
}

/// Three cores, a task with all rights on the first.
fn stage() -> (Running, Puppet) {
    let mut kernel = kernel_with(3, Config::default(), natives());
    let puppet = Puppet::spawn(&mut kernel, 0, Grant::System);
    (run(kernel), puppet)
}

fn handle(value: &Value) -> Handle {
    match value {
        Value::Int(number) => Handle(u32::try_from(*number).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn endpoints_move_to_who_needs_them() {
    let (running, shell) = stage();
    // All four ends are made on other cores than those where they are used.
    let first = shell.int([sym("pub"), int(1), int(8)]);
    let first_reader = shell.int([sym("sub"), int(2), int(first)]);
    let second = shell.int([sym("pub"), int(2), int(8)]);
    let second_reader = shell.int([sym("sub"), int(1), int(second)]);
    assert_eq!([first, first_reader, second, second_reader], [0, 1, 2, 3]);
    let rights = grants([("in", int(first_reader)), ("out", int(second))]);
    let copy = shell.int([sym("spawn"), int(1), sym("copy"), rights]);
    let out = handle(&shell.request([sym("attach"), int(first)]));
    let input = handle(&shell.request([sym("attach"), int(second_reader)]));
    assert_eq!(handle(&shell.request([sym("attach"), int(first)])), out);
    for number in 0..100u64 {
        shell.call(move |cx| {
            let publisher = cx.publisher(out).unwrap();
            publisher.write(&number.to_le_bytes()).unwrap();
            Value::Nil
        });
        let mut answer = Value::Nil;
        eventually("the copy", || {
            answer = shell.call(move |cx| {
                let subscriber = cx.subscriber(input).unwrap();
                let mut bytes = [0; 8];
                match subscriber.peek(0, &mut bytes) {
                    Ok(8) => {
                        subscriber.release(8).unwrap();
                        int(i64::from_le_bytes(bytes))
                    }
                    _ => Value::Nil,
                }
            });
            answer != Value::Nil
        });
        assert_eq!(answer, int(number as i64));
    }
    let rings = running.request(sym("rings"));
    assert_eq!(ints(&column(&rings, "core")), [0, 1, 1, 0]);
    assert_eq!(ints(&column(&rings, "task")), [0, copy, copy, 0]);
    assert_eq!(ints(&column(&rings, "position")), [800; 4]);
    running.halt();
}

#[test]
fn a_spawn_that_fails_leaves_its_endpoints_usable() {
    let (running, shell) = stage();
    let ring = shell.int([sym("pub"), int(0), int(8)]);
    let reader = shell.int([sym("sub"), int(1), int(ring)]);
    let rights = || grants([("in", int(reader)), ("out", int(ring))]);
    let refused = shell.error([sym("spawn"), int(2), sym("missing"), rights()]);
    assert_eq!(refused, "spawn: there is no module missing");
    let bad = grants([("in", int(reader)), ("out", int(99))]);
    let refused = shell.error([sym("spawn"), int(2), sym("sleeper"), bad]);
    assert_eq!(refused, "spawn: there is no endpoint 99");
    let bad = grants([("f", list([sym("file"), Value::text("/no/such/file")]))]);
    let refused = shell.error([sym("spawn"), int(2), sym("sleeper"), bad]);
    assert_eq!(
        refused,
        "spawn: f: cannot open /no/such/file: No such file or directory (os error 2)"
    );
    let out = handle(&shell.request([sym("attach"), int(ring)]));
    shell.call(move |cx| {
        cx.publisher(out).unwrap().write(b"12345678").unwrap();
        Value::Nil
    });
    let input = handle(&shell.request([sym("attach"), int(reader)]));
    let readable = shell.call(move |cx| {
        let readable = cx.subscriber(input).unwrap().readable();
        int(readable.unwrap() as i64)
    });
    assert_eq!(readable, int(8));
    running.halt();
}

#[test]
fn what_one_task_holds_another_cannot_have() {
    let (running, shell) = stage();
    let ring = shell.int([sym("pub"), int(1), int(8)]);
    let rights = || grants([("t", sym("timer")), ("out", int(ring))]);
    let holder = shell.int([sym("spawn"), int(1), sym("sleeper"), rights()]);
    let busy = format!("endpoint {ring} is in use by task {holder}");
    let refused = shell.error([sym("attach"), int(ring)]);
    assert_eq!(refused, busy);
    let refused = shell.error([sym("spawn"), int(2), sym("sleeper"), rights()]);
    assert_eq!(refused, format!("spawn: endpoint {ring}: {busy}"));
    let refused = shell.error([sym("spawn"), int(1), sym("sleeper"), rights()]);
    assert_eq!(refused, format!("spawn: {busy}"));
    assert_eq!(shell.request([sym("kill"), int(holder)]), Value::Nil);
    let refused = shell.error([sym("attach"), int(ring)]);
    assert_eq!(refused, format!("attach: there is no endpoint {ring}"));
    let refused = shell.error([sym("kill"), int(holder)]);
    assert_eq!(refused, format!("kill: task {holder} has ended: killed"));
    running.halt();
}

#[test]
fn what_a_spawner_passes_on_is_revoked() {
    let (running, shell) = stage();
    let ring = shell.int([sym("pub"), int(0), int(8)]);
    let out = handle(&shell.request([sym("attach"), int(ring)]));
    let before = shell.call(|cx| int(cx.revocations() as i64));
    let rights = grants([("t", sym("timer")), ("out", int(ring))]);
    shell.int([sym("spawn"), int(1), sym("sleeper"), rights]);
    let after = shell.call(move |cx| {
        assert_eq!(cx.publisher(out).unwrap_err(), Errno::Revoked);
        assert_eq!(cx.wait(out, 8), Err(Errno::Revoked));
        cx.close(out).unwrap();
        assert_eq!(cx.publisher(out).unwrap_err(), Errno::BadHandle);
        int(cx.revocations() as i64)
    });
    assert_eq!((before, after), (int(0), int(1)));
    running.halt();
}

#[test]
fn refusals_say_what_is_wrong() {
    let (running, shell) = stage();
    let ring = shell.int([sym("pub"), int(0), int(8)]);
    let reader = shell.int([sym("sub"), int(0), int(ring)]);
    let cases = [
        (
            shell.error([sym("sub"), int(0), int(reader)]),
            "sub: 1 is a subscriber, a publisher's number is expected (its ring is 0)",
        ),
        (
            shell.error([sym("pub"), int(3), int(8)]),
            "pub: there is no core 3, the last one is 2",
        ),
        (
            shell.error([sym("pub"), int(0), int(1 << 40)]),
            "pub: a capacity of 1099511627776 bytes: 1 to 1073741824 are possible",
        ),
        (
            shell.error([sym("select"), int(0)]),
            "select: 2 to 3 arguments are expected, 1 were given",
        ),
        (
            shell.error([sym("kill"), int(77)]),
            "kill: there is no task 77",
        ),
        (
            shell.error([sym("load"), sym("m"), Value::text("/no/such.wasm")]),
            "load: /no/such.wasm: No such file or directory (os error 2)",
        ),
        (
            shell.error([sym("read"), Value::text("/no/such.ok")]),
            "cannot read /no/such.ok: No such file or directory (os error 2)",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(text, expected);
    }
    shell.call(|cx| {
        let right = cx.grant("right").unwrap();
        assert_eq!(cx.request(right, &[1, 2, 3]), Err(Errno::Malformed));
        Value::Nil
    });
    running.halt();
}

#[test]
fn tables_shares_and_loads() {
    let (running, shell) = stage();
    let path = std::env::current_exe().unwrap();
    let path = Value::text(path.to_str().unwrap());
    assert_eq!(shell.request([sym("load"), sym("me"), path]), sym("me"));
    let quanta = Value::Ints(vec![11, 22, 33]);
    assert_eq!(shell.request([sym("qos"), int(2), quanta]), Value::Nil);
    let cores = shell.request([sym("cores")]);
    assert_eq!(column(&cores, "core"), Value::Ints(vec![0, 1, 2]));
    assert_eq!(ints(&column(&cores, "tasks_us"))[2], 33);
    let modules = shell.request([sym("modules")]);
    let Value::Symbols(names) = column(&modules, "name") else {
        panic!("names");
    };
    assert!(names.contains(&"copy".to_string()));
    let tasks = shell.request([sym("ps")]);
    assert_eq!(
        column(&tasks, "name"),
        Value::Symbols(vec!["puppet".to_string()])
    );
    assert_eq!(
        column(&tasks, "state"),
        Value::Symbols(vec!["running".to_string()])
    );
    let file = std::env::temp_dir().join(format!("okernel-read-{}", std::process::id()));
    std::fs::write(&file, b"some bytes").unwrap();
    let path = Value::text(file.to_str().unwrap());
    assert_eq!(
        shell.request([sym("read"), path]),
        Value::text("some bytes")
    );
    std::fs::remove_file(&file).unwrap();
    let lap = shell.int([sym("pub"), int(0), int(8)]);
    shell.int([sym("sub"), int(0), int(lap), sym("lap")]);
    let kinds = column(&shell.request([sym("rings")]), "kind");
    let expected = ["publisher", "lap"].map(str::to_string);
    assert_eq!(kinds, Value::Symbols(expected.to_vec()));
    let halt = list([sym("halt"), int(7)]);
    shell.orders.send(Order::Request(halt)).unwrap();
    assert_eq!(running.end(), 7);
}

#[test]
fn the_right_to_spawn_is_not_every_right() {
    let mut kernel = kernel_with(2, Config::default(), natives());
    let other = kernel.publish(CoreId(0), 4096).unwrap().number();
    let limited = Puppet::spawn(&mut kernel, 0, Grant::Spawn);
    let stranger = Spawn::native("stranger", Box::new(Sleeper(None)));
    let stranger = kernel
        .spawn(CoreId(0), stranger.grant("t", Grant::Timers))
        .unwrap()
        .number();
    let running = run(kernel);
    let own = limited.int([sym("pub"), int(1), int(8)]);
    limited.int([sym("sub"), int(1), int(own)]);
    let rights = grants([("t", sym("timer")), ("out", int(own))]);
    let child = limited.int([sym("spawn"), int(1), sym("sleeper"), rights]);
    assert_eq!(limited.request([sym("kill"), int(child)]), Value::Nil);
    let file = list([sym("file"), Value::text("Cargo.toml")]);
    let cases = [
        (
            limited.error([sym("sub"), int(0), int(other)]),
            "sub: the right to spawn does not allow the ring of 0".to_string(),
        ),
        (
            limited.error([sym("attach"), int(other)]),
            "attach: the right to spawn does not allow endpoint 0".to_string(),
        ),
        (
            limited.error([sym("kill"), int(stranger)]),
            format!(
                "kill: the right to spawn does not allow task {stranger}, which another one spawned"
            ),
        ),
        (
            limited.error([sym("ps")]),
            "request: the right to spawn does not allow ps".to_string(),
        ),
        (
            limited.error([sym("halt")]),
            "request: the right to spawn does not allow halt".to_string(),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(text, expected);
    }
    for wanted in [
        sym("clock"),
        sym("console"),
        sym("system"),
        int(other),
        file,
    ] {
        let refused = limited.error([
            sym("spawn"),
            int(0),
            sym("sleeper"),
            grants([("g", wanted)]),
        ]);
        let expected =
            "spawn: the right to spawn does not allow g, which the spawner does not have itself";
        assert_eq!(refused, expected);
    }
    running.halt();
}

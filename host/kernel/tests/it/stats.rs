//! The statistics' ring: who subscribes is told, and nobody else pays.

use crate::support::{
    PATIENCE, Running, Sleeper, column, eventually, ints, item, kernel, list, polled, run, sym,
};
use okernel_abi::frame::{FRAME_HEADER_BYTES, FRAME_VALUE, FrameHeader};
use okernel_abi::value::Value;
use okernel_core::{Config, Context, CoreId, EndpointId, Grant, Outcome, Spawn};
use okernel_ring::RecvError;
use std::sync::mpsc::{Receiver, channel};

/// Passes on each frame that it gets: its length and its value.
fn reader(subscriber: i64) -> (Spawn, Receiver<(usize, Value)>) {
    let (tell, frames) = channel();
    let poll = move |cx: &mut Context| {
        let handle = cx.grant("in").unwrap();
        let mut head = [0; FRAME_HEADER_BYTES];
        let ring = cx.subscriber(handle).unwrap();
        match ring.peek(0, &mut head) {
            Ok(FRAME_HEADER_BYTES) => {
                let header = FrameHeader::decode(head);
                assert_eq!(header.kind, FRAME_VALUE);
                let mut frame = vec![0; header.payload_bytes as usize];
                assert_eq!(ring.peek(FRAME_HEADER_BYTES, &mut frame), Ok(frame.len()));
                ring.release(header.frame_bytes() as usize).unwrap();
                let _ = tell.send((frame.len(), Value::decode(&frame).unwrap()));
                Outcome::Infinite
            }
            Ok(_) | Err(RecvError::Empty) => {
                let _ = cx.wait(handle, FRAME_HEADER_BYTES).unwrap();
                Outcome::Yield
            }
            Err(error) => panic!("{error}"),
        }
    };
    let id = EndpointId::from_number(subscriber).unwrap();
    let task = polled("reader", poll).grant("in", Grant::Endpoint(id));
    (task, frames)
}

fn get(frame: &Value, key: &str) -> Value {
    let Value::Dict(pair) = frame else {
        panic!("no dictionary: {frame:?}");
    };
    let (Value::Symbols(keys), Value::List(values)) = (&pair.0, &pair.1) else {
        panic!("no keys: {frame:?}");
    };
    values[keys.iter().position(|known| known == key).unwrap()].clone()
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(int) => *int,
        other => panic!("{other:?}"),
    }
}

fn number(running: &Running, items: Vec<Value>) -> i64 {
    int(&running.request(Value::List(items)))
}

fn subscribe(running: &Running, core: i64, ring: i64, policy: &str) -> i64 {
    let items = vec![sym("sub"), Value::Int(core), Value::Int(ring), sym(policy)];
    number(running, items)
}

fn timers(running: &Running) -> i64 {
    ints(&column(&running.request(sym("cores")), "timers"))[0]
}

#[test]
fn frames_come_while_somebody_listens_and_the_kernel_is_idle_otherwise() {
    let running = run(kernel(2, Config::default()));
    let ring = number(&running, vec![sym("stats"), Value::Int(20)]);
    assert_eq!(number(&running, vec![sym("stats")]), ring);
    assert_eq!(timers(&running), 0, "nobody listens");
    let subscriber = subscribe(&running, 1, ring, "lap");
    let (task, frames) = reader(subscriber);
    let task = running.spawn(1, task);
    let (_, first) = frames.recv_timeout(PATIENCE).unwrap();
    let (_, second) = frames.recv_timeout(PATIENCE).unwrap();
    assert_eq!(timers(&running), 1);
    for (key, expected) in [("version", 1), ("period_ms", 20), ("skipped", 0)] {
        assert_eq!(int(&get(&second, key)), expected, "{key}");
    }
    let passed_ns = int(&get(&second, "time_ns")) - int(&get(&first, "time_ns"));
    assert!(passed_ns > 0, "{passed_ns}");
    assert_eq!(
        column(&get(&second, "cores"), "core"),
        Value::Ints(vec![0, 1])
    );
    eventually("the frame shows its reader", || {
        let (_, frame) = frames.recv_timeout(PATIENCE).unwrap();
        let tasks = get(&frame, "tasks");
        let rings = get(&frame, "rings");
        assert_eq!(int(&get(&frame, "rings_count")), 1);
        assert_eq!(int(&get(&frame, "ends_count")), 2);
        assert_eq!(ints(&column(&rings, "id")), [ring, subscriber]);
        ints(&column(&tasks, "task")) == [task.number()]
            && ints(&column(&rings, "task"))[1] == task.number()
            && column(&rings, "name") == Value::Symbols(vec!["stats".into(), "in".into()])
            && ints(&column(&rings, "position"))[0] > 0
    });
    running.kill(task);
    eventually("the timer is not set again", || timers(&running) == 0);
    // Whoever comes later starts it again.
    let (task, frames) = reader(subscribe(&running, 0, ring, "block"));
    let task = running.spawn(0, task);
    frames.recv_timeout(PATIENCE).unwrap();
    running.kill(task);
    running.halt();
}

#[test]
fn a_frame_shows_the_selectors_and_whose_the_other_ends_of_their_rings_are() {
    let running = run(kernel(1, Config::default()));
    let ring = number(&running, vec![sym("stats"), Value::Int(20)]);
    let (task, frames) = reader(subscribe(&running, 0, ring, "lap"));
    running.spawn(0, task);
    let made: Vec<Value> = ["timer://1h", "tcp://127.0.0.1:0"]
        .map(|address| {
            let items = [sym("select"), Value::Int(0), Value::text(address)];
            running.request(list(items))
        })
        .into();
    let at = get(&made[1], "at");
    let Value::Chars(address) = &at else {
        panic!("{at:?}");
    };
    eventually("both are shown", || {
        let (_, frame) = frames.recv_timeout(PATIENCE).unwrap();
        let (selectors, rings) = (get(&frame, "selectors"), get(&frame, "rings"));
        let Value::Symbols(names) = column(&rings, "name") else {
            panic!("{rings:?}");
        };
        let called = |wanted: &[u8]| {
            names
                .iter()
                .filter(|name| name.as_bytes() == wanted)
                .count()
        };
        int(&get(&frame, "selectors_count")) == 2
            && column(&selectors, "kind") == Value::Symbols(vec!["timer".into(), "tcp".into()])
            && item(&column(&selectors, "in"), 1) == get(&made[1], "in")
            && (called(b"timer://1h"), called(address)) == (1, 2)
    });
    running.halt();
}

#[test]
fn a_subscriber_that_blocks_and_does_not_read_costs_frames_and_nothing_else() {
    let mut kernel = kernel(1, Config::default());
    for _ in 0..200 {
        let task = Spawn::native(&"n".repeat(200), Box::new(Sleeper(None)));
        kernel
            .spawn(CoreId(0), task.grant("t", Grant::Timers))
            .unwrap();
    }
    let running = run(kernel);
    let ring = number(&running, vec![sym("stats"), Value::Int(10)]);
    let subscriber = subscribe(&running, 0, ring, "block");
    eventually("the ring is full", || {
        let rings = running.request(sym("rings"));
        let bytes = |name: &str| ints(&column(&rings, name))[1];
        bytes("lag") > bytes("capacity") - (64 << 10)
    });
    std::thread::sleep(std::time::Duration::from_millis(50));
    let (task, frames) = reader(subscriber);
    running.spawn(0, task);
    eventually("what was left out is counted", || {
        let (_, frame) = frames.recv_timeout(PATIENCE).unwrap();
        int(&get(&frame, "skipped")) > 0
    });
    running.halt();
}

#[test]
fn a_frame_is_bounded_however_much_there_is_and_shows_who_is_busy() {
    const TASKS: usize = 10_000;
    const RINGS: usize = 600;
    let name = "é".repeat(128);
    let mut kernel = kernel(2, Config::default());
    for _ in 0..TASKS {
        let task = Spawn::native(&name, Box::new(Sleeper(None))).grant("t", Grant::Timers);
        kernel.spawn(CoreId(1), task).unwrap();
    }
    for _ in 0..RINGS {
        let ring = kernel.publish(CoreId(1), 4096).unwrap();
        let task = Spawn::native(&name, Box::new(Sleeper(None)))
            .grant("t", Grant::Timers)
            .grant(&name, Grant::Endpoint(ring));
        kernel.spawn(CoreId(1), task).unwrap();
    }
    // The busiest task and ring come last.
    let busy_ring = kernel.publish(CoreId(1), 4096).unwrap();
    let busy = polled("busy", |cx: &mut Context| {
        let out = cx.grant("out").unwrap();
        let _ = cx.publisher(out).unwrap().write(&[0; 64]);
        crate::support::work(std::time::Duration::from_micros(50));
        Outcome::Infinite
    });
    let drain = kernel
        .subscribe(CoreId(1), busy_ring, okernel_ring::Policy::Lap)
        .unwrap();
    let busy = busy
        .grant("out", Grant::Endpoint(busy_ring))
        .grant("drain", Grant::Endpoint(drain));
    let busy = kernel.spawn(CoreId(1), busy).unwrap();
    let running = run(kernel);
    for _ in 0..3 {
        let failing = polled("failing", |_: &mut Context| {
            let text = "x".repeat(100_000);
            Outcome::Err(okernel_core::Fault::new(okernel_core::FaultKind::Err, text))
        });
        running.spawn(0, failing);
    }
    let ring = number(&running, vec![sym("stats"), Value::Int(50)]);
    let (task, frames) = reader(subscribe(&running, 0, ring, "block"));
    running.spawn(0, task);
    eventually("the busy ones are shown", || {
        let (bytes, frame) = frames.recv_timeout(PATIENCE).unwrap();
        assert!(bytes < 128 << 10, "{bytes}");
        let (tasks, rings) = (get(&frame, "tasks"), get(&frame, "rings"));
        assert_eq!(int(&get(&frame, "rings_count")), RINGS as i64 + 2);
        let shown = ints(&column(&tasks, "task"));
        assert!((200..=216).contains(&shown.len()), "{}", shown.len());
        assert!(ints(&column(&rings, "id")).len() <= 400);
        let ended = column(&tasks, "exit");
        let cut = (0..shown.len()).all(|row| match item(&ended, row) {
            Value::Chars(text) => text.len() <= 240,
            other => panic!("{other:?}"),
        });
        assert!(cut);
        let count = int(&get(&frame, "tasks_count")) as usize;
        count == TASKS + RINGS + 2
            && shown.contains(&busy.number())
            && ints(&column(&rings, "id")).contains(&busy_ring.number())
    });
    running.halt();
}

#[test]
fn the_publisher_is_the_kernels_own() {
    let running = run(kernel(2, Config::default()));
    let ring = number(&running, vec![sym("stats")]);
    let id = EndpointId::from_number(ring).unwrap();
    let thief = Spawn::native("thief", Box::new(Sleeper(None))).grant("out", Grant::Endpoint(id));
    let Value::Error(text) = running.try_spawn(1, thief) else {
        panic!("refused");
    };
    let expected = "spawn: the kernel itself publishes on 0, its statistics";
    assert!(text.contains(expected), "{text}");
    let answer = running.request(list([sym("stats"), Value::Int(1)]));
    assert!(matches!(answer, Value::Error(_)), "{answer:?}");
    running.halt();
}

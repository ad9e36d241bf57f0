//! Supervisors, monitors, links and names, with native tasks on several cores.

use crate::support::{
    Natives, PATIENCE, Running, Sleeper, column, eventually, grants, ints, item, kernel,
    kernel_with, list, polled, run, sym,
};
use okernel_abi::value::Value;
use okernel_core::restart::{Policy, Restart, Strategy};
use okernel_core::{
    Child, Config, Context, CoreId, EndpointId, Exit, Fault, FaultKind, Grant, Outcome, Run, Spawn,
    Task, TaskId, Tree,
};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const MS: u64 = 1_000_000;

pub fn policy(strategy: Strategy, intensity: u32) -> Policy {
    Policy {
        strategy,
        intensity,
        period_ns: 60_000 * MS,
        backoff_ns: 0,
        backoff_max_ns: 0,
    }
}

pub fn tree(name: Option<&str>, policy: Policy, children: Vec<Child>) -> Tree {
    Tree {
        name: name.map(str::to_string),
        policy,
        children,
    }
}

pub fn native<T: Task + 'static>(make: impl Fn() -> T + Send + Sync + 'static) -> Run {
    Run::Native(Arc::new(move || Box::new(make())))
}

/// What children do, in the order in which they do it.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn write(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A child that writes its start and its end into the diary, and fails when it is told to.
struct Member {
    name: &'static str,
    diary: Diary,
    failing: Arc<Mutex<HashSet<&'static str>>>,
}

impl Task for Member {
    fn init(&mut self, _cx: &mut Context) -> Result<(), Fault> {
        self.diary.write(format!("start {}", self.name));
        Ok(())
    }

    fn poll(&mut self, _cx: &mut Context) -> Outcome {
        if self.failing.lock().unwrap().remove(self.name) {
            return Outcome::Err(Fault::new(FaultKind::Err, "as told"));
        }
        // Nothing is armed: it is polled in each of its turns.
        thread::sleep(Duration::from_micros(100));
        Outcome::Yield
    }

    fn finalize(&mut self, _cx: &mut Context, exit: &Exit) {
        self.diary.write(format!("end {} {exit}", self.name));
    }
}

/// A supervisor of members, one on each of some cores.
struct Troop {
    running: Running,
    diary: Diary,
    failing: Arc<Mutex<HashSet<&'static str>>>,
    supervisor: TaskId,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn troop(strategy: Strategy, kinds: [Restart; 4]) -> Troop {
    let (diary, failing) = (Diary::default(), Arc::default());
    let children = NAMES.iter().zip(kinds).enumerate();
    let children = children.map(|(at, (name, restart))| {
        let (diary, failing) = (Diary::clone(&diary), Arc::clone(&failing));
        let run = native(move || Member {
            name,
            diary: diary.clone(),
            failing: Arc::clone(&failing),
        });
        Child::new(name, CoreId(at as u16 % 3), run).restart(restart)
    });
    let tree = tree(None, policy(strategy, 3), children.collect());
    let running = run(kernel(3, Config::default()));
    let supervisor = running.spawn(0, Spawn::supervisor(tree));
    let troop = Troop {
        running,
        diary,
        failing,
        supervisor,
    };
    troop.expect(&["start a", "start b", "start c", "start d"]);
    troop
}

impl Troop {
    fn fail(&self, name: &'static str) {
        self.failing.lock().unwrap().insert(name);
    }

    fn expect(&self, lines: &[&str]) {
        eventually("the diary", || self.diary.len() >= lines.len());
        assert_eq!(self.diary.take(), lines);
    }

    fn monitored(&self, task: TaskId) -> Value {
        self.running
            .request(list([sym("monitor"), Value::Int(task.number())]))
    }
}

fn field(notice: &Value, name: &str) -> String {
    let Value::Dict(pair) = notice else {
        panic!("no notice: {notice:?}");
    };
    let (Value::Symbols(names), Value::List(values)) = &**pair else {
        panic!("no notice: {notice:?}");
    };
    let at = names.iter().position(|known| known == name).unwrap();
    values[at].as_text().unwrap()
}

const PERMANENT: [Restart; 4] = [Restart::Permanent; 4];

#[test]
fn one_for_one_starts_again_who_has_failed() {
    let troop = troop(Strategy::OneForOne, PERMANENT);
    troop.fail("b");
    troop.expect(&["end b error: as told", "start b"]);
}

#[test]
fn one_for_all_ends_all_in_the_opposite_order_and_starts_all_in_order() {
    let troop = troop(Strategy::OneForAll, PERMANENT);
    troop.fail("b");
    troop.expect(&[
        "end b error: as told",
        "end d shutdown",
        "end c shutdown",
        "end a shutdown",
        "start a",
        "start b",
        "start c",
        "start d",
    ]);
}

#[test]
fn rest_for_one_starts_again_what_comes_after() {
    let kinds = [
        Restart::Permanent,
        Restart::Permanent,
        Restart::Temporary,
        Restart::Transient,
    ];
    let troop = troop(Strategy::RestForOne, kinds);
    troop.fail("b");
    troop.expect(&[
        "end b error: as told",
        "end d shutdown",
        "end c shutdown",
        "start b",
        "start d",
    ]);
    troop.fail("a");
    troop.expect(&[
        "end a error: as told",
        "end d shutdown",
        "end b shutdown",
        "start a",
        "start b",
        "start d",
    ]);
}

#[test]
fn a_killed_child_comes_back_and_a_killed_supervisor_takes_all_with_it() {
    let troop = troop(Strategy::OneForOne, PERMANENT);
    let table = troop.running.request(sym("ps"));
    let Value::Symbols(names) = column(&table, "name") else {
        panic!("names are symbols");
    };
    let row = names.iter().position(|name| name == "c").unwrap();
    let supervisors = ints(&column(&table, "supervisor"));
    assert_eq!(supervisors[row], troop.supervisor.number());
    let child = TaskId::from_number(ints(&column(&table, "task"))[row]).unwrap();
    troop.running.kill(child);
    troop.expect(&["end c killed", "start c"]);
    let table = troop.running.request(sym("ps"));
    let Value::Symbols(names) = column(&table, "name") else {
        panic!("names are symbols");
    };
    let row = names.iter().rposition(|name| name == "c").unwrap();
    assert_eq!(ints(&column(&table, "restarts"))[row], 1);
    assert_eq!(item(&column(&table, "last"), row), Value::text("killed"));
    troop.running.kill(troop.supervisor);
    troop.expect(&[
        "end d shutdown",
        "end c shutdown",
        "end b shutdown",
        "end a shutdown",
    ]);
    assert_eq!(
        field(&troop.monitored(troop.supervisor), "reason"),
        "killed"
    );
}

#[test]
fn too_many_failures_end_the_supervisor_with_the_last_reason() {
    let troop = troop(Strategy::OneForOne, PERMANENT);
    for _ in 0..3 {
        troop.fail("d");
        troop.expect(&["end d error: as told", "start d"]);
    }
    troop.fail("d");
    troop.expect(&[
        "end d error: as told",
        "end c shutdown",
        "end b shutdown",
        "end a shutdown",
    ]);
    let notice = troop.monitored(troop.supervisor);
    assert_eq!(field(&notice, "reason"), "limit");
    assert_eq!(
        field(&notice, "text"),
        "limit: more than 3 restarts within 60000 ms; child d ended last: error: as told"
    );
}

#[test]
fn a_supervisor_that_gives_up_is_started_again_by_the_one_above_it() {
    let starts = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&starts);
    let worker = native(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        crate::support::Polled(|_: &mut Context| {
            Outcome::Err(Fault::new(FaultKind::Trap, "always"))
        })
    });
    let below = tree(
        None,
        policy(Strategy::OneForOne, 2),
        vec![Child::new("worker", CoreId(1), worker)],
    );
    let below = Child::new("below", CoreId(1), Run::Supervisor(Box::new(below)));
    let top = tree(None, policy(Strategy::OneForOne, 1), vec![below]);
    let running = run(kernel(2, Config::default()));
    let top = running.spawn(0, Spawn::supervisor(top));
    let notice = running.request(list([sym("monitor"), Value::Int(top.number())]));
    assert_eq!(
        field(&notice, "text"),
        "limit: more than 1 restarts within 60000 ms; child below ended last: \
         limit: more than 2 restarts within 60000 ms; child worker ended last: trap: always"
    );
    // Two lives of the supervisor below, three of the worker in each.
    assert_eq!(starts.load(Ordering::Relaxed), 6);
}

#[test]
fn a_crash_loop_waits_longer_each_time() {
    let starts: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let times = Arc::clone(&starts);
    let worker = native(move || {
        times.lock().unwrap().push(Instant::now());
        crate::support::Polled(|_: &mut Context| Outcome::Err(Fault::new(FaultKind::Err, "again")))
    });
    let patient = Policy {
        backoff_ns: 20 * MS,
        backoff_max_ns: 50 * MS,
        ..policy(Strategy::OneForOne, 5)
    };
    let tree = tree(None, patient, vec![Child::new("worker", CoreId(1), worker)]);
    let running = run(kernel(2, Config::default()));
    let supervisor = running.spawn(0, Spawn::supervisor(tree));
    let notice = running.request(list([sym("monitor"), Value::Int(supervisor.number())]));
    assert_eq!(field(&notice, "reason"), "limit");
    let starts = starts.lock().unwrap();
    let waits: Vec<u128> = starts
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_millis())
        .collect();
    assert_eq!(waits.len(), 5);
    for (wait, least) in waits.iter().zip([0, 20, 40, 50, 50]) {
        assert!(*wait >= least, "{waits:?}");
    }
}

fn request_ring(running: &Running, core: i64, bytes: i64) -> EndpointId {
    endpoint(running.request(list([sym("pub"), Value::Int(core), Value::Int(bytes)])))
}

fn request_reader(running: &Running, core: i64, ring: EndpointId) -> EndpointId {
    let ring = Value::Int(ring.number());
    endpoint(running.request(list([sym("sub"), Value::Int(core), ring])))
}

fn endpoint(answer: Value) -> EndpointId {
    match answer {
        Value::Int(number) => EndpointId::from_number(number).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Numbers that look random, the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Passes numbers on, and fails wherever it likes but between the commit of what it made and the release of what
/// it had read.
pub struct Clumsy {
    pub dice: Dice,
}

impl Clumsy {
    fn pass(&mut self, cx: &mut Context) -> Result<Outcome, String> {
        let errno = |errno| format!("{errno:?}");
        let (input, output) = (
            cx.grant("in").map_err(errno)?,
            cx.grant("out").map_err(errno)?,
        );
        let subscriber = cx.subscriber(input).map_err(errno)?;
        let mut taken = [0u8; 512];
        let bytes = match subscriber.readable() {
            Ok(bytes) => bytes.min(8 * (1 + self.dice.roll(64) as usize)) & !7,
            Err(okernel_ring::RecvError::Closed) => return Ok(Outcome::End),
            Err(_) => 0,
        };
        if bytes == 0 {
            let _ = cx.wait(input, 8).map_err(errno)?;
            return Ok(Outcome::Yield);
        }
        subscriber
            .peek(0, &mut taken[..bytes])
            .map_err(|e| e.to_string())?;
        if self.dice.roll(8) == 0 {
            return Err("after reading".to_string());
        }
        let publisher = cx.publisher(output).map_err(errno)?;
        let granted = match publisher.grant(bytes, 4096) {
            Ok(granted) => granted,
            Err(_) => {
                let _ = cx.wait(output, bytes).map_err(errno)?;
                return Ok(Outcome::Yield);
            }
        };
        if self.dice.roll(8) == 0 {
            return Err(format!("with {granted} bytes claimed"));
        }
        // A claim replaces the grant; one that is dropped is published by nobody.
        let mut claim = publisher.claim(bytes).map_err(|e| e.to_string())?;
        claim.copy_from_slice(&taken[..bytes]);
        if self.dice.roll(8) == 0 {
            return Err("having written".to_string());
        }
        claim.commit_all();
        let subscriber = cx.subscriber(input).map_err(errno)?;
        subscriber.release(bytes).map_err(|e| e.to_string())?;
        if self.dice.roll(16) == 0 {
            return Err("after the release".to_string());
        }
        Ok(Outcome::Infinite)
    }
}

impl Task for Clumsy {
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        // What an earlier life was granted and did not commit is not this one's to commit.
        let output = cx.grant("out").unwrap();
        match cx.publisher(output).unwrap().commit(1) {
            Ok(()) => Err(Fault::new(
                FaultKind::Host,
                "committed what was never claimed",
            )),
            Err(_) => Ok(()),
        }
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        match self.pass(cx) {
            Ok(outcome) => outcome,
            Err(text) => Outcome::Err(Fault::new(FaultKind::Err, text)),
        }
    }
}

/// Publishes the numbers from 0, in batches.
pub fn source(count: u64) -> impl FnMut(&mut Context) -> Outcome + Send {
    let mut next = 0;
    move |cx| {
        let out = cx.grant("out").unwrap();
        while next < count {
            if cx
                .publisher(out)
                .unwrap()
                .write(&next.to_le_bytes())
                .is_err()
            {
                let _ = cx.wait(out, 8).unwrap();
                return Outcome::Yield;
            }
            next += 1;
        }
        Outcome::End
    }
}

/// Checks that each number comes once, in order; says how many came when the ring is closed.
pub fn sink(told: std::sync::mpsc::Sender<u64>) -> impl FnMut(&mut Context) -> Outcome + Send {
    let mut next = 0u64;
    move |cx| {
        let input = cx.grant("in").unwrap();
        loop {
            let subscriber = cx.subscriber(input).unwrap();
            match subscriber.readable() {
                Ok(8..) => {}
                Err(okernel_ring::RecvError::Closed) => {
                    let _ = told.send(next);
                    return Outcome::End;
                }
                _ => break,
            }
            let mut number = [0; 8];
            subscriber.peek(0, &mut number).unwrap();
            if u64::from_le_bytes(number) != next {
                let text = format!("{} instead of {next}", u64::from_le_bytes(number));
                return Outcome::Err(Fault::new(FaultKind::Err, text));
            }
            subscriber.release(8).unwrap();
            next += 1;
        }
        let _ = cx.wait(input, 8).unwrap();
        Outcome::Yield
    }
}

#[test]
fn nothing_committed_is_lost_or_repeated_over_thousands_of_crashes() {
    const COUNT: u64 = 300_000;
    let running = run(kernel(3, Config::default()));
    let first = request_ring(&running, 0, 4096);
    let first_reader = request_reader(&running, 0, first);
    let second = request_ring(&running, 0, 4096);
    let second_reader = request_reader(&running, 0, second);
    let lives = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lives);
    let worker = native(move || Clumsy {
        dice: Dice::new(counted.fetch_add(1, Ordering::Relaxed)),
    });
    let child = Child::new("clumsy", CoreId(1), worker)
        .restart(Restart::Transient)
        .grant("in", Grant::Endpoint(first_reader))
        .grant("out", Grant::Endpoint(second));
    let tree = tree(None, policy(Strategy::OneForOne, u32::MAX), vec![child]);
    let supervisor = running.spawn(2, Spawn::supervisor(tree));
    let (tell, told) = std::sync::mpsc::channel();
    running.spawn(
        2,
        polled("sink", sink(tell)).grant("in", Grant::Endpoint(second_reader)),
    );
    running.spawn(
        0,
        polled("source", source(COUNT)).grant("out", Grant::Endpoint(first)),
    );
    assert_eq!(told.recv_timeout(PATIENCE), Ok(COUNT));
    let notice = running.request(list([sym("monitor"), Value::Int(supervisor.number())]));
    assert_eq!(field(&notice, "reason"), "done");
    let lives = lives.load(Ordering::Relaxed);
    assert!(lives > 2000, "only {lives} lives");
    eventually("all ends of rings are gone", || {
        ints(&column(&running.request(sym("rings")), "id")).is_empty()
    });
    running.halt();
}

#[test]
fn rings_of_a_tree_survive_the_supervisor_below_and_go_with_the_one_above() {
    let running = run(kernel(2, Config::default()));
    let ring = request_ring(&running, 0, 4096);
    let reader = request_reader(&running, 0, ring);
    let failing = Arc::new(AtomicU64::new(5));
    let left = Arc::clone(&failing);
    let worker = native(move || {
        let left = Arc::clone(&left);
        crate::support::Polled(move |cx: &mut Context| {
            let out = cx.grant("out").unwrap();
            if left.load(Ordering::Relaxed) == 0 {
                let _ = cx.publisher(out).unwrap().write(b"12345678");
                thread::sleep(Duration::from_millis(1));
                return Outcome::Yield;
            }
            left.fetch_sub(1, Ordering::Relaxed);
            Outcome::Err(Fault::new(FaultKind::Err, "not yet"))
        })
    });
    let worker = Child::new("worker", CoreId(1), worker).grant("out", Grant::Endpoint(ring));
    let below = tree(None, policy(Strategy::OneForOne, 1), vec![worker]);
    let below = Child::new("below", CoreId(0), Run::Supervisor(Box::new(below)));
    let top = tree(None, policy(Strategy::OneForOne, 9), vec![below]);
    let top = running.spawn(1, Spawn::supervisor(top));
    eventually("the worker writes in its sixth life", || {
        let table = running.request(sym("rings"));
        let ids = ints(&column(&table, "id"));
        let row = ids.iter().position(|id| *id == ring.number()).unwrap();
        ints(&column(&table, "position"))[row] > 0
    });
    running.kill(top);
    let (tell, told) = std::sync::mpsc::channel();
    let drain = polled("drain", move |cx: &mut Context| {
        let input = cx.grant("in").unwrap();
        match cx.subscriber(input).unwrap().release_all() {
            Err(okernel_ring::RecvError::Closed) => {
                tell.send(()).unwrap();
                Outcome::End
            }
            _ => Outcome::Infinite,
        }
    });
    running.spawn(0, drain.grant("in", Grant::Endpoint(reader)));
    assert_eq!(told.recv_timeout(PATIENCE), Ok(()));
    running.halt();
}

#[test]
fn a_child_that_cannot_be_started_is_named() {
    let running = run(kernel(1, Config::default()));
    let missing = Run::Program(okernel_core::Program::Module("ghost".to_string()));
    let child = Child::new("a", CoreId(0), missing);
    let tree = tree(None, policy(Strategy::OneForOne, 1), vec![child]);
    let supervisor = running.spawn(0, Spawn::supervisor(tree));
    let notice = running.request(list([sym("monitor"), Value::Int(supervisor.number())]));
    assert_eq!(
        field(&notice, "text"),
        "refused: child a could not be started: spawn: there is no module ghost"
    );
}

#[test]
fn a_tree_is_started_by_a_request_and_names_its_children() {
    let natives = Natives::default().with("sleeper", || Box::new(Sleeper(None)));
    let running = run(kernel_with(2, Config::default(), natives));
    let child = |core| {
        grants([
            ("run", sym("sleeper")),
            ("core", Value::Int(core)),
            ("t", sym("timer")),
        ])
    };
    let supervise = |children| {
        running.request(list([
            sym("supervise"),
            sym("all"),
            grants([("name", sym("orders")), ("intensity", Value::Int(9))]),
            children,
        ]))
    };
    let Value::Int(supervisor) = supervise(grants([("in", child(1)), ("out", child(0))])) else {
        panic!("a number");
    };
    let find = |op: &str, name: &str| running.request(list([sym(op), sym("task"), sym(name)]));
    assert_eq!(find("await", "orders"), Value::Int(supervisor));
    let Value::Int(before) = find("await", "orders.out") else {
        panic!("a number");
    };
    running.kill(TaskId::from_number(before).unwrap());
    eventually(
        "the name is given to the next life",
        || matches!(find("find", "orders.out"), Value::Int(after) if after != before),
    );
    let Value::Table(_) = running.request(sym("names")) else {
        panic!("a table");
    };
    running.kill(TaskId::from_number(supervisor).unwrap());
    assert_eq!(find("find", "orders.out"), Value::Nil);
    assert_eq!(find("find", "orders"), Value::Nil);
    let unknown = grants([("in", grants([("run", sym("ghost"))]))]);
    assert_eq!(
        supervise(unknown),
        Value::Error("supervise: child in: there is no module ghost".to_string())
    );
    running.halt();
}

#[test]
fn who_waits_for_a_name_is_told_when_it_appears() {
    let running = run(kernel(2, Config::default()));
    let (tell, told) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let tell = tell.clone();
        let wanted = list([sym("await"), sym("orders.in")]);
        running
            .control
            .request(wanted, move |value| tell.send(value).unwrap());
    }
    let ring = request_ring(&running, 1, 4096);
    assert!(told.try_recv().is_err());
    let name = list([sym("name"), sym("orders.in"), Value::Int(ring.number())]);
    assert_eq!(running.request(name.clone()), sym("orders.in"));
    for _ in 0..2 {
        assert_eq!(told.recv_timeout(PATIENCE), Ok(Value::Int(ring.number())));
    }
    let other = request_ring(&running, 1, 4096);
    let taken = list([sym("name"), sym("orders.in"), Value::Int(other.number())]);
    assert_eq!(
        running.request(taken.clone()),
        Value::Error(format!(
            "name: orders.in is the name of ring {}",
            ring.number()
        ))
    );
    assert_eq!(
        running.request(list([sym("unname"), sym("orders.in")])),
        Value::Nil
    );
    assert_eq!(running.request(taken), sym("orders.in"));
    // It goes with what it names.
    let holder = polled("holder", |_| Outcome::End).grant("r", Grant::Endpoint(other));
    running.spawn(0, holder);
    eventually("the name vanishes", || {
        running.request(list([sym("find"), sym("orders.in")])) == Value::Nil
    });
    running.halt();
}

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

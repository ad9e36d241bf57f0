//! Supervisors, monitors, links and names, with native tasks on several cores.

use crate::supervised_rings::request_ring;
use crate::support::{
    Natives, PATIENCE, Polled, Running, Sleeper, column, eventually, grants, ints, item, kernel,
    kernel_with, list, polled, run, sym,
};
use okernel_abi::value::Value;
use okernel_core::restart::{Policy, Restart, Strategy};
use okernel_core::{
    Child, Config, Context, CoreId, Exit, Fault, FaultKind, Grant, Outcome, Run, Spawn, Task,
    TaskId, Tree,
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
pub struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub fn write(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub fn len(&self) -> usize {
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
        let lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
        assert_eq!(self.diary.take(), lines);
    }

    fn monitored(&self, task: TaskId) -> Value {
        self.running
            .request(list([sym("monitor"), Value::Int(task.number())]))
    }
}

pub fn field(notice: &Value, name: &str) -> String {
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
        Polled(|_: &mut Context| Outcome::Err(Fault::new(FaultKind::Trap, "always")))
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
        Polled(|_: &mut Context| Outcome::Err(Fault::new(FaultKind::Err, "again")))
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

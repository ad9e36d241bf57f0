//! A supervisor starts its children one after another: each when the `init` of the one before it has succeeded.

use crate::supervision::{Diary, field, native, policy, tree};
use crate::support::{Running, eventually, kernel, list, run, sym, work};
use okernel_abi::value::Value;
use okernel_core::restart::{Restart, Strategy};
use okernel_core::{
    Child, Config, Context, CoreId, Exit, Fault, FaultKind, Grant, Outcome, Resumed, Run, Spawn,
    Task, TaskId, Tree,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How the `init` of a child goes.
#[derive(Clone, Copy)]
enum Init {
    Slow,
    Fails,
    NeverEnds,
}

/// A child that writes its calls into the diary.
struct Beginner {
    name: &'static str,
    diary: Diary,
    init: Init,
}

impl Task for Beginner {
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        self.diary.write(format!("init {}", self.name));
        match self.init {
            Init::Slow => work(Duration::from_millis(5)),
            Init::Fails => return Err(Fault::new(FaultKind::Err, "no luck")),
            Init::NeverEnds => loop {
                work(Duration::from_micros(20));
                if cx.slice_expired() && cx.preempt() == Resumed::Kill {
                    return Err(Fault::new(FaultKind::Err, "told to unwind"));
                }
            },
        }
        self.diary.write(format!("begun {}", self.name));
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        if self.name == "brief" {
            return Outcome::Err(Fault::new(FaultKind::Err, "brief"));
        }
        let handle = cx.grant("t").and_then(|t| cx.timer_set(t, u64::MAX / 4, 0));
        match handle.and_then(|timer| cx.wait(timer, 0)) {
            Ok(_) => Outcome::Yield,
            Err(errno) => Outcome::Err(Fault::new(FaultKind::Err, errno.to_string())),
        }
    }

    fn finalize(&mut self, _cx: &mut Context, exit: &Exit) {
        self.diary.write(format!("end {} {exit}", self.name));
    }
}

/// A child on this core; `inits` are those of its lives, the last one of all that follow.
fn child(name: &'static str, core: u16, diary: &Diary, inits: &'static [Init]) -> Child {
    let (diary, lives) = (diary.clone(), AtomicU64::new(0));
    let run = native(move || {
        let life = lives.fetch_add(1, Ordering::Relaxed) as usize;
        Beginner {
            name,
            diary: diary.clone(),
            init: inits[life.min(inits.len() - 1)],
        }
    });
    Child::new(name, CoreId(core), run).grant("t", Grant::Timers)
}

fn supervisor(strategy: Strategy, children: Vec<Child>) -> Tree {
    tree(None, policy(strategy, 3), children)
}

/// A supervisor on the first of three cores.
fn start(tree: Tree) -> (Running, TaskId) {
    let running = run(kernel(3, Config::default()));
    let supervisor = running.spawn(0, Spawn::supervisor(tree));
    (running, supervisor)
}

fn how_it_ended(running: &Running, task: TaskId) -> Value {
    running.request(list([sym("monitor"), Value::Int(task.number())]))
}

#[test]
fn each_child_waits_for_the_init_of_the_one_before_it() {
    let diary = Diary::default();
    let slow = &[Init::Slow];
    let below = vec![child("b", 2, &diary, slow), child("c", 1, &diary, slow)];
    let below = Run::Supervisor(Box::new(supervisor(Strategy::OneForOne, below)));
    // A supervisor has begun when its children have.
    let children = vec![
        child("a", 1, &diary, slow),
        Child::new("below", CoreId(2), below),
        child("d", 0, &diary, slow),
    ];
    let (running, top) = start(supervisor(Strategy::OneForAll, children));
    let begin = ["a", "b", "c", "d"].map(|name| [format!("init {name}"), format!("begun {name}")]);
    eventually("all have begun", || diary.len() >= 8);
    assert_eq!(diary.take(), begin.concat());
    running.kill(top);
    let end = ["d", "c", "b", "a"].map(|name| format!("end {name} shutdown"));
    eventually("all have ended", || diary.len() >= 4);
    assert_eq!(diary.take(), end);
    running.halt();
}

#[test]
fn a_child_that_fails_to_begin_at_first_ends_the_supervisor_and_those_before_it() {
    for kind in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let diary = Diary::default();
        let below = vec![
            child("a", 1, &diary, &[Init::Slow]),
            child("b", 2, &diary, &[Init::Fails]).restart(kind),
            child("c", 1, &diary, &[Init::Slow]),
        ];
        let below = Run::Supervisor(Box::new(supervisor(Strategy::OneForOne, below)));
        let children = vec![
            Child::new("below", CoreId(2), below).restart(kind),
            child("d", 0, &diary, &[Init::Slow]),
        ];
        let (running, top) = start(supervisor(Strategy::OneForOne, children));
        let notice = how_it_ended(&running, top);
        assert_eq!(
            field(&notice, "text"),
            "refused: child below could not be started: \
             refused: child b could not be started: error: no luck"
        );
        let lines = ["init a", "begun a", "init b", "end a shutdown"];
        assert_eq!(diary.take(), lines, "{kind:?}");
        running.halt();
    }
}

#[test]
fn a_restart_whose_init_fails_is_tried_again_and_counts() {
    let diary = Diary::default();
    let inits = &[Init::Slow, Init::Fails, Init::Fails, Init::Slow];
    let children = vec![child("brief", 1, &diary, inits)];
    let (running, top) = start(supervisor(Strategy::OneForOne, children));
    // The restarts are three that fail to begin or are brief, and one more.
    let notice = how_it_ended(&running, top);
    assert_eq!(
        field(&notice, "text"),
        "limit: more than 3 restarts within 60000 ms; child brief ended last: error: brief"
    );
    let (init, begun, end) = ("init brief", "begun brief", "end brief error: brief");
    let lines = [init, begun, end, init, init, init, begun, end];
    assert_eq!(diary.take(), lines);
    running.halt();
}

#[test]
fn a_supervisor_can_be_killed_while_a_child_never_begins() {
    let diary = Diary::default();
    let children = vec![
        child("a", 1, &diary, &[Init::Slow]),
        child("b", 2, &diary, &[Init::NeverEnds]),
        child("c", 1, &diary, &[Init::Slow]),
    ];
    let (running, top) = start(supervisor(Strategy::OneForOne, children));
    eventually("it hangs", || diary.len() >= 3);
    running.kill(top);
    let lines = diary.take();
    assert_eq!(lines, ["init a", "begun a", "init b", "end a shutdown"]);
    assert_eq!(field(&how_it_ended(&running, top), "reason"), "killed");
    running.halt();
}

#[test]
fn siblings_that_fail_meanwhile_are_started_again_afterwards() {
    let diary = Diary::default();
    let go = Arc::new(AtomicU64::new(0));
    let gate = Arc::clone(&go);
    let slow = native(move || Gate(Arc::clone(&gate)));
    let children = vec![
        child("brief", 1, &diary, &[Init::Slow]),
        Child::new("gate", CoreId(2), slow),
    ];
    let (running, top) = start(supervisor(Strategy::OneForOne, children));
    eventually("it has ended", || diary.len() >= 3);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(diary.len(), 3, "one child at a time");
    go.store(1, Ordering::Relaxed);
    assert_eq!(field(&how_it_ended(&running, top), "reason"), "limit");
    assert_eq!(diary.len(), 12, "four lives");
    running.halt();
}

/// It begins when it may.
struct Gate(Arc<AtomicU64>);

impl Task for Gate {
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        while self.0.load(Ordering::Relaxed) == 0 {
            work(Duration::from_micros(20));
            if cx.slice_expired() {
                let _ = cx.preempt();
            }
        }
        Ok(())
    }

    fn poll(&mut self, _cx: &mut Context) -> Outcome {
        std::thread::sleep(Duration::from_micros(100));
        Outcome::Yield
    }
}

//! Limits of tasks: a hard share of a core in CPU time, what a child inherits, what is refused and how.

use crate::puppets::Stage;
use crate::requests::Puppet;
use crate::support::{
    Natives, Polled, Running, Sleeper, column, endless, eventually, grants, ints, kernel,
    kernel_with, list, polled, run, sym, work,
};
use okernel_abi::Errno;
use okernel_abi::value::Value;
use okernel_core::{
    Config, Context, CoreId, CpuShare, Grant, Kernel, Limits, Outcome, Spawn, TaskId, TasksMax,
};
use std::thread;
use std::time::{Duration, Instant};

fn share(percent: f64, period_ms: u64) -> Limits {
    Limits {
        share: Some(CpuShare { percent, period_ms }),
        ..Limits::default()
    }
}

/// Computes whenever it is let.
fn busy() -> Polled<impl FnMut(&mut Context) -> Outcome + Send> {
    Polled(|_: &mut Context| {
        work(Duration::from_micros(30));
        Outcome::Infinite
    })
}

/// Shares of a core that tasks use over so long.
fn used<const N: usize>(running: &Running, tasks: [TaskId; N], span: Duration) -> [f64; N] {
    let start = Instant::now();
    let before = tasks.map(|task| running.cpu_ms(task));
    thread::sleep(span);
    let after = tasks.map(|task| running.cpu_ms(task));
    let ms = start.elapsed().as_secs_f64() * 1e3;
    std::array::from_fn(|index| (after[index] - before[index]) / ms)
}

#[test]
fn a_hard_share_is_a_bound_on_an_idle_core_and_nobody_waits_busily() {
    let mut kernel = kernel(1, Config::default());
    // Between two calls and in the middle of one that never ends.
    let limited = Spawn::native("limited", Box::new(busy())).limits(share(20.0, 50));
    let limited = kernel.spawn(CoreId(0), limited).unwrap();
    let stuck = endless("stuck").limits(share(10.0, 20));
    let stuck = kernel.spawn(CoreId(0), stuck).unwrap();
    let running = run(kernel);
    // A machine that is busy with something else gives less than the share for a while, and never more.
    let shares = (0..10).map(|_| used(&running, [limited, stuck], Duration::from_secs(3)));
    let mut shares = shares.inspect(|[limited_used, stuck_used]| {
        assert!(*limited_used < 0.21, "{limited_used}");
        assert!(*stuck_used < 0.11, "{stuck_used}");
    });
    assert!(
        shares.any(|[limited_used, stuck_used]| limited_used > 0.1 && stuck_used > 0.05),
        "the share is not given in half a minute"
    );
    // It sleeps meanwhile, and spins for nobody.
    let Value::Floats(asleep) = column(&running.request(sym("cores")), "sleep_ms") else {
        panic!("the time asleep");
    };
    assert!(asleep[0] > 1000.0, "asleep for {} ms of 3000", asleep[0]);
    eventually("it is seen to be throttled", || {
        running.ps(limited, "state") == Some(sym("throttled"))
    });
    running.kill(limited);
    running.kill(stuck);
    running.halt();
}

#[test]
fn others_have_what_a_throttled_task_leaves() {
    let mut kernel = kernel(1, Config::default());
    let limited = Spawn::native("limited", Box::new(busy())).limits(share(25.0, 20));
    let limited = kernel.spawn(CoreId(0), limited.weight(10_000)).unwrap();
    let other = Spawn::native("other", Box::new(busy())).weight(1);
    let other = kernel.spawn(CoreId(0), other).unwrap();
    let running = run(kernel);
    let [limited, other] = used(&running, [limited, other], Duration::from_secs(2));
    // Its weight would give it all; the machine may give this thread little, so that ratios are compared.
    assert!(limited < 0.26, "{limited}");
    assert!(other > limited * 1.5, "{other} beside {limited}");
    running.halt();
}

fn natives() -> Natives {
    Natives::default()
        .with("sleeper", || Box::new(Sleeper(None)))
        .with("busy", || Box::new(busy()))
}

fn spawner(kernel: &mut Kernel, right: Grant, limits: Limits) -> Puppet {
    Puppet::spawn_as(kernel, 0, right, |task| task.limits(limits).weight(50))
}

fn most(running: &Running, task: i64, limit: &str) -> Value {
    figure(running, task, limit, "most")
}

fn figure(running: &Running, task: i64, limit: &str, what: &str) -> Value {
    let table = running.request(list([sym("ps"), Value::Int(task)]));
    let Value::Symbols(names) = column(&table, "limit") else {
        panic!("{table:?}");
    };
    let row = names.iter().position(|name| name == limit).unwrap();
    crate::support::item(&column(&table, what), row)
}

#[test]
fn children_draw_on_the_share_of_their_parent_on_every_core() {
    let mut kernel = kernel_with(2, Config::default(), natives());
    let parent = spawner(&mut kernel, Grant::Spawn, share(30.0, 20));
    let running = run(kernel);
    let free = grants([("limits", grants([("cpu", Value::Int(90))]))]);
    let small = grants([("limits", grants([("cpu", Value::Float(2.5))]))]);
    let spawn = |core, options| {
        let number = parent.int([sym("spawn"), Value::Int(core), sym("busy"), options]);
        TaskId::from_number(number).unwrap()
    };
    let children = [spawn(0, free.clone()), spawn(1, free), spawn(1, small)];
    let shares = used(&running, children, Duration::from_secs(2));
    // The parent looks for orders all the time and has its part.
    assert!(shares.iter().sum::<f64>() < 0.31, "{shares:?}");
    assert!(shares[2] < 0.03, "{shares:?}");
    assert!(shares.iter().all(|share| *share > 0.0), "{shares:?}");
    running.halt();
}

#[test]
fn a_child_gets_no_more_than_its_parent_and_an_owner_gives_what_it_likes() {
    let mut kernel = kernel_with(1, Config::default(), natives());
    let own = Limits {
        memory_bytes: 1000,
        timers: 5,
        log_lines_per_second: 7,
        ..Limits::default()
    };
    let limited = spawner(&mut kernel, Grant::Spawn, own);
    let owner = spawner(&mut kernel, Grant::System, own);
    let running = run(kernel);
    let wishes = || {
        let limits = grants([
            ("memory", Value::Int(1 << 20)),
            ("timers", Value::Int(2)),
            ("log", Value::Int(100)),
        ]);
        grants([
            ("limits", limits),
            ("weight", Value::Int(300)),
            ("t", sym("timer")),
        ])
    };
    let child =
        |parent: &Puppet| parent.int([sym("spawn"), Value::Int(0), sym("sleeper"), wishes()]);
    for (parent, memory, log, weight) in [(&limited, 1000, 7, 50), (&owner, 1 << 20, 100, 300)] {
        let task = child(parent);
        for (limit, value) in [("memory", memory), ("timers", 2), ("log", log)] {
            assert_eq!(most(&running, task, limit), Value::Int(value), "{limit}");
        }
        let id = TaskId::from_number(task).unwrap();
        assert_eq!(running.ps(id, "weight"), Some(Value::Int(weight)));
    }
    running.halt();
}

#[test]
fn what_crosses_a_limit_is_refused_with_its_name() {
    let mut kernel = kernel_with(2, Config::default(), natives());
    let own = Limits {
        timers: 3,
        children: 2,
        spawns_per_second: 5,
        message_bytes: 200,
        log_lines_per_second: 0,
        ..Limits::default()
    };
    let parent = spawner(&mut kernel, Grant::Spawn, own);
    let running = run(kernel);
    let tasks = ints(&column(&running.request(sym("ps")), "task"));
    let own_number = tasks[0];
    let one = |core| {
        let rights = grants([("t", sym("timer"))]);
        [sym("spawn"), Value::Int(core), sym("sleeper"), rights]
    };
    let (first, _) = (parent.int(one(0)), parent.int(one(1)));
    let refused = parent.error(one(1));
    assert!(refused.contains("has 2 children, its limit"), "{refused}");
    assert_eq!(
        figure(&running, own_number, "children", "used"),
        Value::Int(2)
    );
    assert_eq!(parent.request([sym("kill"), Value::Int(first)]), Value::Nil);
    parent.int(one(1));
    let refusals: Vec<String> = (0..5).map(|_| parent.error(one(1))).collect();
    assert!(
        refusals[4].contains("may spawn 5 tasks a second"),
        "{refusals:?}"
    );

    let long = Value::text(&"x".repeat(300));
    parent.call(move |cx| {
        let right = cx.grant("right").unwrap();
        assert_eq!(cx.request(right, &long.to_bytes()), Err(Errno::TooLarge));
        let timers = cx.grant("timer").unwrap();
        let set: Vec<_> = (0..4)
            .map(|_| cx.timer_set(timers, u64::MAX / 4, 0))
            .collect();
        assert_eq!(set[3], Err(Errno::Limit));
        cx.close(set[0].unwrap()).unwrap();
        cx.timer_set(timers, u64::MAX / 4, 0).unwrap();
        let level = okernel_abi::layout::LogLevel::Info;
        assert_eq!(cx.log(level, "never"), Err(Errno::Limit));
        Value::Nil
    });
    eventually("its timers are counted", || {
        figure(&running, own_number, "timers", "used") == Value::Int(3)
    });
    running.halt();
}

#[test]
fn all_below_a_task_count_as_its_children() {
    let stage = Stage::new(Natives::default());
    let limited = |limits: Value| [("spawn", sym("spawn")), ("limits", limits)];
    let few = grants([("children", Value::Int(3))]);
    let first = stage.puppet(stage.shell, 1, limited(few));
    let free = || limited(grants([("children", Value::Int(100))]));
    let second = stage.puppet(first, 2, free());
    let third = stage.puppet(second, 0, free());
    let fourth = stage.puppet(third, 1, []);
    let spawn = |task| {
        let rights = grants([("spawn", sym("spawn"))]);
        stage.error(task, [sym("spawn"), Value::Int(0), sym("puppet"), rights])
    };
    for task in [first, second, third] {
        let refused = spawn(task);
        let wanted = format!("spawn: task {first} has 3 children, its limit, with all below it");
        assert!(refused.starts_with(&wanted), "{refused}");
    }
    // Who ends makes room, and so do those that end with it.
    stage.request(stage.shell, [sym("kill"), Value::Int(fourth)]);
    let fourth = stage.puppet(third, 2, []);
    stage.request(stage.shell, [sym("kill"), Value::Int(second)]);
    eventually("those below it have ended", || {
        [third, fourth].iter().all(|task| {
            let id = TaskId::from_number(*task).unwrap();
            stage.running.ps(id, "state") == Some(sym("ended"))
        })
    });
    for core in 0..3 {
        stage.puppet(first, core, []);
    }
    assert!(spawn(first).contains("has 3 children"));
    stage.running.halt();
}

#[test]
fn all_below_a_task_draw_on_its_rate_of_spawning() {
    let stage = Stage::new(Natives::default());
    let slow = grants([("spawns", Value::Int(4))]);
    let first = stage.puppet(stage.shell, 1, [("spawn", sym("spawn")), ("limits", slow)]);
    let second = stage.puppet(first, 2, [("spawn", sym("spawn"))]);
    let one = || [sym("spawn"), Value::Int(0), sym("puppet"), grants([])];
    let answers: Vec<Value> = (0..8).map(|_| stage.request(second, one())).collect();
    let wanted = format!("spawn: task {first} may spawn 4 tasks a second");
    let refused =
        |answer: &Value| matches!(answer, Value::Error(text) if text.starts_with(&wanted));
    assert!(answers.iter().any(refused), "{answers:?}");
    stage.running.halt();
}

#[test]
fn the_children_of_a_supervisor_count_as_spawned() {
    let mut kernel = kernel_with(1, Config::default(), natives());
    let own = Limits {
        spawns_per_second: 2,
        ..Limits::default()
    };
    let parent = spawner(&mut kernel, Grant::Spawn, own);
    let running = run(kernel);
    let child = || grants([("run", sym("sleeper")), ("t", sym("timer"))]);
    let names = (0..100).map(|number| format!("c{number}")).collect();
    let children = (0..100).map(|_| child()).collect();
    let many = Value::Dict(Box::new((Value::Symbols(names), Value::List(children))));
    let options = || grants([("intensity", Value::Int(1))]);
    let refused = parent.error([sym("supervise"), sym("one"), options(), many]);
    assert!(refused.contains("may spawn 2 tasks a second"), "{refused}");
    let tasks = ints(&column(&running.request(sym("ps")), "task"));
    assert_eq!(tasks.len(), 1, "nothing of a tree that is refused is there");
    running.halt();
}

#[test]
fn all_tasks_together_have_no_more_memory_than_the_kernel() {
    let config = Config {
        guest_memory_bytes_max: 1000,
        ..Config::default()
    };
    let mut kernel = kernel_with(1, config, natives());
    let first = spawner(&mut kernel, Grant::Spawn, Limits::default());
    let second = spawner(&mut kernel, Grant::Spawn, Limits::default());
    let privileged = spawner(&mut kernel, Grant::System, Limits::default());
    let running = run(kernel);
    let has = |puppet: &Puppet, bytes: u64| {
        puppet.call(move |cx| match cx.memory_used(bytes) {
            Ok(()) => Value::Nil,
            Err(errno) => Value::text(&errno.to_string()),
        })
    };
    assert_eq!(has(&first, 700), Value::Nil);
    assert_ne!(has(&second, 301), Value::Nil);
    assert_eq!(has(&second, 300), Value::Nil);
    assert_ne!(has(&first, 701), Value::Nil);
    let tasks = ints(&column(&running.request(sym("ps")), "task"));
    assert_eq!(figure(&running, tasks[0], "all", "used"), Value::Int(1000));
    assert_eq!(
        has(&privileged, 500),
        Value::Nil,
        "the shell is not refused"
    );
    assert_ne!(has(&second, 301), Value::Nil, "and what it has counts");
    assert_eq!(figure(&running, tasks[0], "all", "used"), Value::Int(1500));
    assert_eq!(has(&privileged, 0), Value::Nil);
    running.kill(TaskId::from_number(tasks[0]).unwrap());
    assert_eq!(has(&second, 1000), Value::Nil);
    running.halt();
}

#[test]
fn there_are_only_as_many_tasks_as_the_machine_holds() {
    let config = Config {
        tasks: TasksMax {
            count: 3,
            advice: "buy a larger machine".to_string(),
        },
        ..Config::default()
    };
    let mut kernel = kernel(1, config);
    let sleeper = || polled("sleeper", |_| Outcome::Infinite);
    let tasks: Vec<TaskId> = (0..3)
        .map(|_| kernel.spawn(CoreId(0), sleeper()).unwrap())
        .collect();
    let running = run(kernel);
    assert_eq!(
        running.try_spawn(0, sleeper()),
        Value::Error("spawn: there are 3 tasks already: buy a larger machine".to_string())
    );
    running.kill(tasks[0]);
    running.spawn(0, sleeper());
    running.halt();
}

//! Supervised pipelines in the simulation: whatever fails, is killed or waits in whatever order, every number comes
//! once, and nothing is left behind.

use crate::supervised_rings::{Clumsy, Dice, sink, source};
use crate::supervision::{field, native, policy, tree};
use crate::support::{Natives, Polled, list, polled, sym};
use okernel_abi::value::Value;
use okernel_core::chance::Chance;
use okernel_core::clock::VirtualClock;
use okernel_core::restart::{Policy, Restart, Strategy};
use okernel_core::simulation::{self, Remains, Rest, Simulation};
use okernel_core::{
    Attenuation, Child, Config, Context, Control, CoreId, Fault, FaultKind, Grant, Outcome, Run,
    Spawn, Until,
};
use okernel_ring::Policy as Slow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

const SEEDS: u64 = 150;
const NUMBERS: u64 = 600;
const STEPS_MAX: u64 = 2_000_000;
const NAMES: [&str; 3] = ["a", "b", "c"];

/// Kills the task that has this name now, if there is one.
fn kill(control: &Control, name: &'static str) {
    for path in ["top", "top.below"] {
        let again = control.clone();
        let path = Value::text(&format!("{path}.{name}"));
        let find = list([sym("find"), sym("task"), path]);
        control.request(find, move |found| {
            if let Value::Int(task) = found {
                again.request(list([sym("kill"), Value::Int(task)]), drop);
            }
        });
    }
}

fn run(seed: u64) -> u64 {
    let clock = VirtualClock::new(seed);
    let mut chance = Chance::new(seed);
    let cores = 1 + chance.below(4);
    let natives = Arc::new(Natives::default());
    let config = Config::default();
    let mut kernel = simulation::kernel(&clock, cores as usize, config, natives).unwrap();
    let mut core = || CoreId(chance.below(cores) as u16);
    let lives = Arc::new(AtomicU64::new(seed << 20));
    let (first, last) = (core(), core());
    let mut ring = kernel.publish(first, 4096).unwrap();
    let source = polled("source", source(NUMBERS)).grant("out", Grant::Endpoint(ring));
    let mut children = Vec::new();
    for name in NAMES {
        let input = kernel.subscribe(core(), ring, Slow::Block).unwrap();
        ring = kernel.publish(core(), 4096).unwrap();
        let lives = Arc::clone(&lives);
        let own = AtomicU64::new(0);
        let run = native(move || Clumsy {
            dice: Dice::new(1 + lives.fetch_add(1, Ordering::Relaxed)),
            life: own.fetch_add(1, Ordering::Relaxed),
        });
        let child = Child::new(name, core(), run)
            .restart(Restart::Transient)
            .grant("in", Grant::Endpoint(input))
            .grant("out", Grant::Endpoint(ring));
        children.push(child);
    }
    let read = kernel.subscribe(last, ring, Slow::Block).unwrap();
    let (tell, told) = channel();
    let sink = polled("sink", sink(tell)).grant("in", Grant::Endpoint(read));
    let top = core();
    let strategies = [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ];
    let chosen = strategies[chance.below(3) as usize];
    let patient = Policy {
        backoff_ns: chance.below(3) * 1_000_000,
        backoff_max_ns: 5_000_000,
        ..policy(chosen, u32::MAX)
    };
    // Some of the pipeline is under a supervisor of its own, which gives up now and then.
    if chance.below(2) == 0 {
        let own = Policy {
            intensity: 3,
            ..patient
        };
        let below = tree(None, own, children.split_off(1));
        let run = Run::Supervisor(Box::new(below));
        let below = Child::new("below", top, run).restart(Restart::Transient);
        children.push(below);
    }
    let spawn = Spawn::supervisor(tree(Some("top"), patient, children));
    let supervisor = kernel.spawn(top, spawn).unwrap();
    kernel.spawn(first, source).unwrap();
    kernel.spawn(last, sink).unwrap();
    let control = kernel.control();
    let mut simulation = Simulation::new(seed, kernel, clock);
    let (say, said) = channel();
    let monitor = list([sym("monitor"), Value::Int(supervisor.number())]);
    control.request(monitor, move |notice| say.send(notice).unwrap());
    let mut came = None;
    loop {
        let rest = simulation.run(1 + chance.below(400));
        came = came.or_else(|| told.try_recv().ok());
        if rest == Rest::Idle {
            break;
        }
        if chance.below(4) == 0 {
            kill(&control, NAMES[chance.below(3) as usize]);
        }
        let stuck = simulation.steps() > STEPS_MAX;
        assert!(!stuck, "stuck with {:?}", simulation.remains());
    }
    assert_eq!(field(&said.try_recv().unwrap(), "text"), "done");
    assert_eq!(came, Some(NUMBERS));
    assert_eq!(simulation.remains(), Remains::default());
    control.halt(0);
    assert_eq!(simulation.run(STEPS_MAX), Rest::Halted(0));
    simulation.trace()
}

#[test]
fn every_number_comes_once_whatever_fails() {
    for seed in 0..SEEDS {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("seed {seed} fails");
            std::panic::resume_unwind(payload);
        }
    }
}

#[test]
fn a_supervised_run_is_the_same_again() {
    let traces: Vec<u64> = (0..5).map(run).collect();
    let again: Vec<u64> = (0..5).map(run).collect();
    assert_eq!(traces, again);
}

/// What the clock answers to the lives of a child that has it for 100 ms. It is started again at once, then 300 ms
/// after it has failed.
fn lives_with_a_clock(seed: u64) -> Vec<bool> {
    let clock = VirtualClock::new(seed);
    let natives = Arc::new(Natives::default());
    let mut kernel = simulation::kernel(&clock, 2, Config::default(), natives).unwrap();
    let (tell, told) = channel();
    let run = native(move || {
        let tell = tell.clone();
        Polled(move |cx: &mut Context| {
            let read = cx.grant("clock").and_then(|clock| cx.now_ns(clock));
            let _ = tell.send(read.is_ok());
            Outcome::Err(Fault::new(FaultKind::Err, "it has looked at the clock"))
        })
    });
    let limits = Attenuation {
        until: Some(Until::Span(100_000_000)),
        ..Attenuation::default()
    };
    let grant = Grant::Clock.attenuated(limits);
    let child = Child::new("reader", CoreId(1), run).grant("clock", grant);
    let slow = Policy {
        backoff_ns: 300_000_000,
        backoff_max_ns: 300_000_000,
        ..policy(Strategy::OneForOne, 3)
    };
    let spawn = Spawn::supervisor(tree(None, slow, vec![child]));
    kernel.spawn(CoreId(0), spawn).unwrap();
    let mut simulation = Simulation::new(seed, kernel, clock);
    assert_eq!(simulation.run(STEPS_MAX), Rest::Idle);
    assert_eq!(simulation.remains(), Remains::default());
    told.try_iter().collect()
}

#[test]
fn a_grant_that_expires_between_two_lives_has_expired_for_the_next_one() {
    for seed in 0..20 {
        let read = lives_with_a_clock(seed);
        assert_eq!(read, [true, true], "seed {seed}: no third life reads it");
    }
}

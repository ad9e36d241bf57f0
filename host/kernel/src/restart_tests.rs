//! The restart policy against OTP's rules: a small world of children, a model, and laws for all runs.

use super::{Action, Ended, Event, Machine, Policy, Restart, Strategy, Verdict};
use proptest::prelude::{Just, any, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::{collection, prop_assert, prop_assert_eq};

const MS: u64 = 1_000_000;

fn policy(strategy: Strategy) -> Policy {
    Policy {
        strategy,
        intensity: 3,
        period_ns: 5000 * MS,
        backoff_ns: 10 * MS,
        backoff_max_ns: 100 * MS,
    }
}

/// A supervisor whose children start and end at once, as they are told.
struct World {
    machine: Machine,
    now_ns: u64,
    running: Vec<bool>,
    due_ns: Option<u64>,
    verdict: Option<Verdict>,
    log: Vec<Action>,
}

impl World {
    fn new(policy: Policy, children: &[Restart]) -> World {
        let mut world = World {
            machine: Machine::new(policy, children.iter().copied()),
            now_ns: 0,
            running: vec![false; children.len()],
            due_ns: None,
            verdict: None,
            log: Vec::new(),
        };
        world.tell(Event::Begin);
        world
    }

    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut actions = Vec::new();
            self.machine.event(self.now_ns, event, &mut actions);
            for action in actions {
                self.log.push(action);
                match action {
                    Action::Start(child) => {
                        assert!(!self.running[child], "a child is started once");
                        self.running[child] = true;
                        events.push(Event::Started(child));
                    }
                    Action::End(child) => {
                        assert!(self.running[child], "who does not run is not ended");
                        self.running[child] = false;
                        events.push(Event::Exited(child, Ended::Badly));
                    }
                    Action::Wait(at_ns) => self.due_ns = Some(at_ns),
                    Action::Release(_) => {}
                    Action::Finish(verdict) => self.verdict = Some(verdict),
                }
            }
        }
    }

    /// A child ends by itself; answers what was done in consequence, but for waiting.
    fn exit(&mut self, child: usize, ended: Ended) -> Vec<Action> {
        self.log.clear();
        self.running[child] = false;
        self.tell(Event::Exited(child, ended));
        let log = self.log.iter().copied();
        log.filter(|action| !matches!(action, Action::Wait(_)))
            .collect()
    }

    /// Time passes until the supervisor has no more to wait for.
    fn settle(&mut self) {
        while let Some(due_ns) = self.due_ns.take() {
            self.now_ns = self.now_ns.max(due_ns);
            self.tell(Event::Due);
        }
    }
}

const PERMANENT: [Restart; 4] = [Restart::Permanent; 4];

#[test]
fn children_start_in_order_and_end_in_the_opposite_order() {
    let mut world = World::new(policy(Strategy::OneForOne), &PERMANENT);
    let starts: Vec<Action> = (0..4).map(Action::Start).collect();
    assert_eq!(world.log, starts);
    world.log.clear();
    world.tell(Event::Stop);
    let mut ends: Vec<Action> = (0..4).rev().map(Action::End).collect();
    ends.push(Action::Finish(Verdict::Stopped));
    assert_eq!(world.log, ends);
}

#[test]
fn each_strategy_restarts_whom_it_names() {
    let failed = 1;
    let mut one = World::new(policy(Strategy::OneForOne), &PERMANENT);
    assert_eq!(one.exit(failed, Ended::Badly), [Action::Start(1)]);
    let mut all = World::new(policy(Strategy::OneForAll), &PERMANENT);
    assert_eq!(
        all.exit(failed, Ended::Badly),
        [
            Action::End(3),
            Action::End(2),
            Action::End(0),
            Action::Start(0),
            Action::Start(1),
            Action::Start(2),
            Action::Start(3)
        ]
    );
    let mut rest = World::new(policy(Strategy::RestForOne), &PERMANENT);
    assert_eq!(
        rest.exit(failed, Ended::Badly),
        [
            Action::End(3),
            Action::End(2),
            Action::Start(1),
            Action::Start(2),
            Action::Start(3)
        ]
    );
}

#[test]
fn permanent_transient_and_temporary() {
    let kinds = [Restart::Permanent, Restart::Transient, Restart::Temporary];
    let world = || World::new(policy(Strategy::OneForOne), &kinds);
    assert_eq!(world().exit(0, Ended::Well), [Action::Start(0)]);
    assert_eq!(world().exit(0, Ended::Badly), [Action::Start(0)]);
    assert_eq!(world().exit(1, Ended::Well), [Action::Release(1)]);
    assert_eq!(world().exit(1, Ended::Badly), [Action::Start(1)]);
    assert_eq!(world().exit(2, Ended::Well), [Action::Release(2)]);
    assert_eq!(world().exit(2, Ended::Badly), [Action::Release(2)]);
}

#[test]
fn a_temporary_sibling_that_is_ended_with_the_others_does_not_come_back() {
    let kinds = [Restart::Permanent, Restart::Temporary, Restart::Transient];
    let mut world = World::new(policy(Strategy::OneForAll), &kinds);
    assert_eq!(
        world.exit(0, Ended::Badly),
        [
            Action::End(2),
            Action::End(1),
            Action::Release(1),
            Action::Start(0),
            Action::Start(2)
        ]
    );
}

#[test]
fn one_failure_more_than_the_intensity_within_the_period_ends_all() {
    let mut world = World::new(policy(Strategy::OneForOne), &PERMANENT);
    for _ in 0..3 {
        world.exit(2, Ended::Badly);
        world.settle();
    }
    assert_eq!(world.machine.starts(2), 4);
    assert_eq!(
        world.exit(2, Ended::Badly),
        [
            Action::End(3),
            Action::End(1),
            Action::End(0),
            Action::Finish(Verdict::GaveUp(2))
        ]
    );
}

#[test]
fn failures_that_are_far_apart_are_borne_for_ever() {
    let mut world = World::new(policy(Strategy::OneForOne), &PERMANENT);
    for round in 0..1000 {
        world.now_ns += 1700 * MS;
        world.exit(round % 4, Ended::Badly);
        world.settle();
        assert_eq!(world.verdict, None);
        assert!(world.running.iter().all(|running| *running));
    }
}

#[test]
fn failures_in_a_row_wait_longer_each_time_up_to_the_most() {
    let patient = Policy {
        intensity: 100,
        ..policy(Strategy::OneForOne)
    };
    let mut world = World::new(patient, &PERMANENT);
    let mut waits = Vec::new();
    for _ in 0..7 {
        let failed_ns = world.now_ns;
        world.exit(1, Ended::Badly);
        world.settle();
        waits.push((world.now_ns - failed_ns) / MS);
    }
    assert_eq!(waits, [0, 10, 20, 40, 80, 100, 100]);
    // Having lived for longer than a period, it is trusted again.
    world.now_ns += 5001 * MS;
    assert_eq!(world.exit(1, Ended::Badly), [Action::Start(1)]);
}

#[test]
fn a_child_that_waits_for_its_restart_holds_no_sibling_up() {
    let patient = Policy {
        intensity: 100,
        ..policy(Strategy::OneForOne)
    };
    let mut world = World::new(patient, &PERMANENT);
    world.exit(1, Ended::Badly);
    assert_eq!(world.exit(1, Ended::Badly), []);
    assert_eq!(world.exit(3, Ended::Badly), [Action::Start(3)]);
    assert!(!world.running[1]);
    world.settle();
    assert!(world.running[1]);
}

#[test]
fn who_has_no_children_left_is_done() {
    let kinds = [Restart::Transient, Restart::Temporary];
    let mut world = World::new(policy(Strategy::OneForAll), &kinds);
    world.exit(0, Ended::Well);
    assert_eq!(
        world.exit(1, Ended::Badly),
        [Action::Release(1), Action::Finish(Verdict::Done)]
    );
    let none = World::new(policy(Strategy::OneForOne), &[]);
    assert_eq!(none.verdict, Some(Verdict::Done));
}

#[test]
fn who_was_finished_in_an_earlier_life_is_not_started() {
    let mut machine = Machine::new(policy(Strategy::OneForAll), PERMANENT);
    for child in [0, 1, 3] {
        machine.finish(child);
    }
    let mut actions = Vec::new();
    machine.event(0, Event::Begin, &mut actions);
    machine.event(1, Event::Started(2), &mut actions);
    machine.event(2, Event::Exited(2, Ended::Badly), &mut actions);
    assert_eq!(actions, [Action::Start(2), Action::Start(2)]);
}

#[test]
fn a_child_that_cannot_be_started_at_first_ends_the_supervisor() {
    let mut machine = Machine::new(policy(Strategy::OneForOne), PERMANENT);
    let mut actions = Vec::new();
    machine.event(0, Event::Begin, &mut actions);
    machine.event(1, Event::Started(0), &mut actions);
    machine.event(2, Event::NotStarted(1), &mut actions);
    machine.event(3, Event::Exited(0, Ended::Badly), &mut actions);
    assert_eq!(
        actions,
        [
            Action::Start(0),
            Action::Start(1),
            Action::End(0),
            Action::Finish(Verdict::NotStarted(1))
        ]
    );
}

#[test]
fn a_restart_that_fails_is_tried_again_and_counts() {
    let mut machine = Machine::new(policy(Strategy::OneForOne), [Restart::Permanent]);
    let mut actions = Vec::new();
    machine.event(0, Event::Begin, &mut actions);
    machine.event(0, Event::Started(0), &mut actions);
    machine.event(0, Event::Exited(0, Ended::Badly), &mut actions);
    actions.clear();
    machine.event(0, Event::NotStarted(0), &mut actions);
    assert_eq!(actions, [Action::Wait(10 * MS)]);
    actions.clear();
    machine.event(10 * MS, Event::Due, &mut actions);
    machine.event(10 * MS, Event::NotStarted(0), &mut actions);
    assert_eq!(actions, [Action::Start(0), Action::Wait(30 * MS)]);
    actions.clear();
    machine.event(30 * MS, Event::Due, &mut actions);
    machine.event(30 * MS, Event::NotStarted(0), &mut actions);
    assert_eq!(
        actions,
        [Action::Start(0), Action::Finish(Verdict::GaveUp(0))]
    );
}

/// OTP's supervisor, which does everything at once: who runs, and in which order what was done.
struct Model {
    policy: Policy,
    kinds: Vec<Restart>,
    running: Vec<bool>,
    finished: Vec<bool>,
    restarts_ns: Vec<u64>,
    log: Vec<Action>,
    over: Option<Verdict>,
}

impl Model {
    fn new(policy: Policy, kinds: &[Restart]) -> Model {
        Model {
            policy,
            kinds: kinds.to_vec(),
            running: vec![true; kinds.len()],
            finished: vec![false; kinds.len()],
            restarts_ns: Vec::new(),
            log: Vec::new(),
            over: None,
        }
    }

    fn finish(&mut self, child: usize) {
        self.finished[child] = true;
        self.log.push(Action::Release(child));
    }

    fn end(&mut self, children: &[usize]) {
        for &child in children.iter().rev() {
            if std::mem::replace(&mut self.running[child], false) {
                self.log.push(Action::End(child));
                if self.kinds[child] == Restart::Temporary {
                    self.finish(child);
                }
            }
        }
    }

    fn exit(&mut self, now_ns: u64, child: usize, ended: Ended) {
        self.running[child] = false;
        let again = match (self.kinds[child], ended) {
            (Restart::Permanent, _) | (Restart::Transient, Ended::Badly) => true,
            (Restart::Transient, Ended::Well) | (Restart::Temporary, _) => false,
        };
        let everyone: Vec<usize> = (0..self.kinds.len()).collect();
        if !again {
            self.finish(child);
            if self.finished.iter().all(|finished| *finished) {
                self.over = Some(Verdict::Done);
            }
            return;
        }
        self.restarts_ns.push(now_ns);
        let period_ns = self.policy.period_ns;
        self.restarts_ns.retain(|at_ns| at_ns + period_ns >= now_ns);
        if self.restarts_ns.len() > self.policy.intensity as usize {
            self.end(&everyone);
            self.over = Some(Verdict::GaveUp(child));
            return;
        }
        let group = match self.policy.strategy {
            Strategy::OneForOne => vec![child],
            Strategy::OneForAll => everyone,
            Strategy::RestForOne => everyone[child..].to_vec(),
        };
        self.end(&group);
        for child in group {
            if !self.finished[child] {
                self.running[child] = true;
                self.log.push(Action::Start(child));
            }
        }
    }
}

fn strategies() -> impl proptest::strategy::Strategy<Value = Strategy> {
    prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne)
    ]
}

fn kinds() -> impl proptest::strategy::Strategy<Value = Vec<Restart>> {
    let kind = prop_oneof![
        3 => Just(Restart::Permanent),
        2 => Just(Restart::Transient),
        1 => Just(Restart::Temporary)
    ];
    collection::vec(kind, 1..7)
}

proptest! {
    /// Whatever ends in whatever order, the same children run, and the same was done in the same order.
    #[test]
    fn as_otp_does_it(
        strategy in strategies(),
        kinds in kinds(),
        intensity in 0u32..8,
        exits in collection::vec((any::<Index>(), any::<bool>(), 0u64..3000), 1..60),
    ) {
        let policy = Policy { intensity, ..policy(strategy) };
        let mut world = World::new(policy, &kinds);
        let mut model = Model::new(policy, &kinds);
        for (choice, well, pause_ms) in exits {
            world.now_ns += pause_ms * MS;
            let alive: Vec<usize> = (0..kinds.len()).filter(|child| world.running[*child]).collect();
            if alive.is_empty() {
                break;
            }
            let child = alive[choice.index(alive.len())];
            let ended = if well { Ended::Well } else { Ended::Badly };
            let now_ns = world.now_ns;
            world.exit(child, ended);
            world.settle();
            let mut done = std::mem::take(&mut world.log);
            done.retain(|action| !matches!(action, Action::Wait(_) | Action::Finish(_)));
            model.exit(now_ns, child, ended);
            // Time may have passed in waiting; the model does not wait.
            prop_assert_eq!(&done, &std::mem::take(&mut model.log));
            prop_assert_eq!(world.verdict, model.over);
            if world.verdict.is_some() {
                break;
            }
            prop_assert_eq!(&world.running, &model.running);
        }
    }

    /// With answers that come late and exits in the midst of everything, the invariants hold, and a
    /// supervisor that is told to stop ends.
    #[test]
    fn whatever_comes_in_between(
        strategy in strategies(),
        kinds in kinds(),
        steps in collection::vec((any::<Index>(), any::<u8>()), 1..300),
    ) {
        let policy = Policy { intensity: 40, ..policy(strategy) };
        let mut machine = Machine::new(policy, kinds.iter().copied());
        let mut alive = vec![false; kinds.len()];
        let mut asked: Vec<Action> = Vec::new();
        let mut verdict = None;
        let mut now_ns = 0;
        let mut events = vec![Event::Begin];
        let mut steps = steps.into_iter();
        let mut stopping = false;
        while verdict.is_none() {
            let event = match events.pop() {
                Some(event) => event,
                None => {
                    let Some((choice, dice)) = steps.next() else {
                        if !stopping {
                            stopping = true;
                            events.push(Event::Stop);
                        } else if let Some(action) = asked.pop() {
                            events.push(answer(action, &mut alive, 0));
                        } else {
                            prop_assert!(false, "it waits for nothing and does not end");
                        }
                        continue;
                    };
                    let living: Vec<usize> = (0..kinds.len()).filter(|child| alive[*child]).collect();
                    match dice % 4 {
                        0 if !living.is_empty() => {
                            let child = living[choice.index(living.len())];
                            alive[child] = false;
                            asked.retain(|action| *action != Action::End(child));
                            let ended = if dice & 64 == 0 { Ended::Well } else { Ended::Badly };
                            Event::Exited(child, ended)
                        }
                        1 => {
                            now_ns += u64::from(dice) * MS;
                            Event::Due
                        }
                        _ => match asked.pop() {
                            Some(action) => answer(action, &mut alive, dice),
                            None => continue,
                        },
                    }
                }
            };
            let mut actions = Vec::new();
            machine.event(now_ns, event, &mut actions);
            for action in actions {
                match action {
                    Action::Start(child) => {
                        prop_assert!(!alive[child]);
                        asked.push(action);
                    }
                    Action::End(child) => {
                        prop_assert!(alive[child]);
                        asked.push(action);
                    }
                    Action::Finish(how) => verdict = Some(how),
                    Action::Release(child) => prop_assert!(!alive[child]),
                    Action::Wait(_) => {}
                }
            }
            prop_assert!(asked.len() <= 1, "one thing at a time: {asked:?}");
        }
        prop_assert!(alive.iter().all(|alive| !alive), "nobody is left behind");
    }
}

/// The kernel's answer to what it was asked; one start in eight fails.
fn answer(action: Action, alive: &mut [bool], dice: u8) -> Event {
    match action {
        Action::Start(child) if dice & 0b1_1100 == 0b1_1100 => Event::NotStarted(child),
        Action::Start(child) => {
            alive[child] = true;
            Event::Started(child)
        }
        Action::End(child) => {
            alive[child] = false;
            Event::Exited(child, Ended::Badly)
        }
        other => panic!("{other:?} has no answer"),
    }
}

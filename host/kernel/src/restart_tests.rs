//! The restart policy by example: a small world of children that start and end as they are told.

use super::{Action, Ended, Event, Machine, Policy, Restart, Strategy, Verdict};

pub(super) const MS: u64 = 1_000_000;

pub(super) fn policy(strategy: Strategy) -> Policy {
    Policy {
        strategy,
        intensity: 3,
        period_ns: 5000 * MS,
        backoff_ns: 10 * MS,
        backoff_max_ns: 100 * MS,
    }
}

/// A supervisor whose children start and end at once, as they are told.
pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) now_ns: u64,
    pub(super) running: Vec<bool>,
    pub(super) due_ns: Option<u64>,
    pub(super) verdict: Option<Verdict>,
    pub(super) log: Vec<Action>,
}

impl World {
    pub(super) fn new(policy: Policy, children: &[Restart]) -> World {
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

    pub(super) fn tell(&mut self, event: Event) {
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
                        events.extend([Event::Started(child), Event::Spawned(child)]);
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
    pub(super) fn exit(&mut self, child: usize, ended: Ended) -> Vec<Action> {
        self.log.clear();
        self.running[child] = false;
        self.tell(Event::Exited(child, ended));
        let log = self.log.iter().copied();
        log.filter(|action| !matches!(action, Action::Wait(_)))
            .collect()
    }

    /// Time passes until the supervisor has no more to wait for.
    pub(super) fn settle(&mut self) {
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
fn the_next_child_waits_until_the_one_before_it_has_begun() {
    let mut machine = Machine::new(policy(Strategy::OneForOne), [Restart::Permanent; 2]);
    let mut actions = Vec::new();
    machine.event(0, Event::Begin, &mut actions);
    machine.event(1, Event::Spawned(0), &mut actions);
    machine.event(2, Event::Due, &mut actions);
    assert_eq!(actions, [Action::Start(0)]);
    machine.event(3, Event::Started(0), &mut actions);
    machine.event(4, Event::Spawned(1), &mut actions);
    assert!(!machine.is_up());
    machine.event(5, Event::Started(1), &mut actions);
    assert!(machine.is_up());
    assert_eq!(actions, [Action::Start(0), Action::Start(1)]);
}

#[test]
fn a_child_that_ends_before_it_has_begun_was_not_started() {
    for kind in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let mut machine = Machine::new(policy(Strategy::OneForOne), [Restart::Permanent, kind]);
        let mut actions = Vec::new();
        machine.event(0, Event::Begin, &mut actions);
        machine.event(1, Event::Spawned(0), &mut actions);
        machine.event(2, Event::Started(0), &mut actions);
        machine.event(3, Event::Spawned(1), &mut actions);
        actions.clear();
        machine.event(4, Event::Exited(1, Ended::Badly), &mut actions);
        machine.event(5, Event::Exited(0, Ended::Badly), &mut actions);
        assert_eq!(
            actions,
            [Action::End(0), Action::Finish(Verdict::NotStarted(1))]
        );
    }
}

#[test]
fn what_ends_before_all_have_begun_is_looked_at_when_they_have() {
    let begin = || {
        let mut machine = Machine::new(policy(Strategy::OneForAll), [Restart::Permanent; 3]);
        let mut actions = Vec::new();
        for event in [
            Event::Begin,
            Event::Started(0),
            Event::Started(1),
            Event::Spawned(2),
            Event::Exited(0, Ended::Badly),
        ] {
            machine.event(0, event, &mut actions);
        }
        assert_eq!(actions, [0, 1, 2].map(Action::Start));
        (machine, Vec::new())
    };
    let (mut machine, mut actions) = begin();
    machine.event(1, Event::Started(2), &mut actions);
    machine.event(2, Event::Exited(2, Ended::Badly), &mut actions);
    machine.event(3, Event::Exited(1, Ended::Badly), &mut actions);
    assert_eq!(actions, [Action::End(2), Action::End(1), Action::Start(0)]);
    // Who is gone is not ended again.
    let (mut machine, mut actions) = begin();
    machine.event(1, Event::Exited(2, Ended::Badly), &mut actions);
    machine.event(2, Event::Exited(1, Ended::Badly), &mut actions);
    let finish = Action::Finish(Verdict::NotStarted(2));
    assert_eq!(actions, [Action::End(1), finish]);
}

#[test]
fn who_stops_does_not_wait_for_a_child_that_never_begins() {
    let mut machine = Machine::new(policy(Strategy::OneForOne), [Restart::Permanent; 2]);
    let mut actions = Vec::new();
    machine.event(0, Event::Begin, &mut actions);
    machine.event(1, Event::Started(0), &mut actions);
    machine.event(2, Event::Spawned(1), &mut actions);
    actions.clear();
    machine.event(3, Event::Stop, &mut actions);
    // Its beginning crosses the order to end it.
    machine.event(4, Event::Started(1), &mut actions);
    machine.event(5, Event::Exited(1, Ended::Well), &mut actions);
    machine.event(6, Event::Exited(0, Ended::Well), &mut actions);
    assert_eq!(
        actions,
        [
            Action::End(1),
            Action::End(0),
            Action::Finish(Verdict::Stopped)
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
    machine.event(30 * MS, Event::Spawned(0), &mut actions);
    machine.event(30 * MS, Event::Exited(0, Ended::Badly), &mut actions);
    assert_eq!(
        actions,
        [Action::Start(0), Action::Finish(Verdict::GaveUp(0))]
    );
}

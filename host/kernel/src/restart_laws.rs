//! The restart policy against OTP's rules: a model that does everything at once, and laws for all runs.

use super::tests::{MS, World, policy};
use super::{Action, Ended, Event, Machine, Policy, Restart, Strategy, Verdict};
use proptest::prelude::{Just, any, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::{collection, prop_assert, prop_assert_eq};

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
        let mut beginning = None;
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
                        2 if let Some(child) = beginning.take() => Event::Started(child),
                        _ => match asked.pop() {
                            Some(action) => answer(action, &mut alive, dice),
                            None => continue,
                        },
                    }
                }
            };
            match event {
                Event::Spawned(child) => beginning = Some(child),
                Event::Exited(child, _) => beginning = beginning.filter(|other| *other != child),
                _ => {}
            }
            let mut actions = Vec::new();
            machine.event(now_ns, event, &mut actions);
            for action in actions {
                match action {
                    Action::Start(child) => {
                        prop_assert!(!alive[child]);
                        prop_assert!(beginning.is_none(), "each begins before the next one starts");
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
            Event::Spawned(child)
        }
        Action::End(child) => {
            alive[child] = false;
            Event::Exited(child, Ended::Badly)
        }
        other => panic!("{other:?} has no answer"),
    }
}

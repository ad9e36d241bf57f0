//! Tests of [`super`]: whatever is granted, derived, used and taken back, in whatever order, a plain model agrees.

use super::{Capabilities, Capability, Derived, Standing, Thing};
use crate::attenuation::{Attenuation, Rate, Until};
use crate::clock::Clock;
use crate::ids::TaskId;
use okernel_abi::Errno;
use okernel_abi::layout::{GrantInfo, HandleKind};
use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
use std::sync::Arc;

fn task(number: usize) -> TaskId {
    TaskId::from_number(number as i64).unwrap()
}

fn derived(parent: Option<&Arc<Capability>>, quota: Option<u64>) -> Derived {
    let mut derived = Derived::whole("g", parent.cloned(), Thing::Right(HandleKind::Console));
    derived.quota = quota;
    derived
}

fn enter(all: &Capabilities, holder: usize, derived: Derived) -> Arc<Capability> {
    let clock = Clock::start();
    all.enter(task(holder), None, vec![derived], &clock)
        .remove(0)
}

#[test]
fn limits_of_a_line_hold_together() {
    let all = Capabilities::default();
    let mut first = derived(None, Some(100));
    let attenuation = Attenuation {
        rate: Some(Rate::per_second(50)),
        quota: Some(80),
        until: Some(Until::Span(1000)),
    };
    let clock = Clock::start();
    first.attenuate(&attenuation, &clock).unwrap();
    let first = enter(&all, 1, first);
    let second = enter(&all, 2, derived(Some(&first), None));
    let third = enter(&all, 3, derived(Some(&second), Some(1000)));
    assert!(third.is_metered() && second.is_metered());
    let info = third.info();
    assert_eq!(
        (info.rate, info.burst, info.quota, info.used),
        (50, 50, 80, 0)
    );
    assert_eq!(info.until_ns, first.until_ns.unwrap());
    assert_eq!(third.room(0, 1, 1000), Ok(50));
    third.charge(0, 50).unwrap();
    assert_eq!(second.room(0, 1, 1000), Err(Errno::Throttled));
    second.settle(0, 30);
    // All is used up, for whoever has it from the first.
    let later_ns = 10_000_000_000;
    for capability in [&first, &second, &third] {
        assert_eq!(capability.room(later_ns, 1, 1), Err(Errno::Quota));
        assert_eq!(capability.charge(later_ns, 1), Err(Errno::Quota));
        assert_eq!(capability.left(), Some(0));
    }
    assert_eq!((first.info().used, third.info().used), (80, 50));
    let whole = enter(&all, 4, derived(None, None));
    assert_eq!((whole.info(), whole.left()), (GrantInfo::default(), None));
    assert_eq!(whole.room(0, 0, 7), Ok(7));
}

#[test]
fn what_is_over_before_it_begins_is_nothing() {
    let mut over = derived(None, None);
    let attenuation = Attenuation {
        until: Some(Until::Moment(5)),
        ..Attenuation::default()
    };
    assert_eq!(over.attenuate(&attenuation, &Clock::start()), None);
}

#[test]
fn taking_back_reaches_over_tasks_that_have_ended() {
    let all = Capabilities::default();
    let first = enter(&all, 1, derived(None, None));
    let second = enter(&all, 2, derived(Some(&first), None));
    let third = enter(&all, 3, derived(Some(&second), None));
    assert_eq!(third.depth, 2);
    assert_eq!(all.leave(task(2)).len(), 1);
    assert_eq!(all.end(vec![second.id], Standing::Expired), [task(3)]);
    assert_eq!(third.standing(), Standing::Expired);
    assert_eq!(first.standing(), Standing::Good);
    // What has expired is not revoked as well.
    let mut holders = all.end(vec![first.id], Standing::Revoked);
    holders.sort_unstable();
    assert_eq!(holders, [task(1), task(3)]);
    assert_eq!(third.standing().errno(), Some(Errno::Expired));
    assert_eq!(first.standing().errno(), Some(Errno::Revoked));
    all.give_up(&first);
    assert!(all.of(task(1)).is_empty() && all.all().len() == 1);
}

/// One step of a test.
#[derive(Clone, Debug)]
enum Step {
    /// Grant something new.
    Grant {
        quota: Option<u64>,
    },
    /// Derive from one of those that there are.
    Derive {
        from: usize,
        quota: Option<u64>,
    },
    Revoke {
        which: usize,
    },
    Use {
        which: usize,
        units: u64,
    },
    /// The holder ends.
    Leave {
        which: usize,
    },
}

fn quotas() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![(1..200u64).prop_map(Some), any::<bool>().prop_map(|_| None)]
}

fn steps() -> impl Strategy<Value = Step> {
    let which = 0..1000usize;
    prop_oneof![
        2 => quotas().prop_map(|quota| Step::Grant { quota }),
        6 => (which.clone(), quotas()).prop_map(|(from, quota)| Step::Derive { from, quota }),
        3 => which.clone().prop_map(|which| Step::Revoke { which }),
        12 => (which.clone(), 0..80u64).prop_map(|(which, units)| Step::Use { which, units }),
        1 => which.prop_map(|which| Step::Leave { which }),
    ]
}

/// What is believed of a capability.
struct Model {
    parent: Option<usize>,
    quota: Option<u64>,
    used: u64,
    revoked: bool,
    holder_lives: bool,
}

fn line(models: &[Model], from: usize) -> Vec<usize> {
    std::iter::successors(Some(from), |at| models[*at].parent).collect()
}

fn is_good(models: &[Model], which: usize) -> bool {
    line(models, which).iter().all(|at| !models[*at].revoked)
}

proptest! {
    #[test]
    fn a_plain_model_agrees(steps in proptest::collection::vec(steps(), 1..120)) {
        let all = Capabilities::default();
        let (mut made, mut models): (Vec<Arc<Capability>>, Vec<Model>) = (Vec::new(), Vec::new());
        for step in steps {
            let count = made.len().max(1);
            let mut new = |parent: Option<usize>, quota, made: &mut Vec<Arc<Capability>>| {
                // Each is held by a task of its own.
                let source = parent.map(|parent| Arc::clone(&made[parent]));
                made.push(enter(&all, made.len(), derived(source.as_ref(), quota)));
                models.push(Model { parent, quota, used: 0, revoked: false, holder_lives: true });
            };
            match step {
                Step::Grant { quota } => new(None, quota, &mut made),
                Step::Derive { from, quota } if !made.is_empty() => {
                    new(Some(from % count), quota, &mut made);
                }
                Step::Revoke { which } if !made.is_empty() => {
                    let which = which % count;
                    let mut told = all.end(vec![made[which].id], Standing::Revoked);
                    told.sort_unstable();
                    let mut concerned: Vec<TaskId> = (0..made.len())
                        .filter(|at| models[*at].holder_lives && line(&models, *at).contains(&which))
                        .map(task)
                        .collect();
                    concerned.sort_unstable();
                    // What nobody has any more cannot be marked, and need not be.
                    models[which].revoked |= !concerned.is_empty();
                    prop_assert_eq!(told, concerned);
                }
                Step::Use { which, units } if !made.is_empty() => {
                    let which = which % count;
                    if !is_good(&models, which) {
                        continue;
                    }
                    let fits = |at: &usize| models[*at].quota.is_none_or(|quota| quota - models[*at].used >= units);
                    let line = line(&models, which);
                    let may = line.iter().all(fits);
                    prop_assert_eq!(made[which].charge(0, units).is_ok(), may);
                    if may {
                        line.iter().for_each(|at| models[*at].used += units);
                    }
                }
                Step::Leave { which } if !made.is_empty() => {
                    let which = which % count;
                    all.leave(task(which));
                    models[which].holder_lives = false;
                }
                _ => {}
            }
            for (at, capability) in made.iter().enumerate() {
                prop_assert_eq!(capability.standing() == Standing::Good, is_good(&models, at));
                let left = line(&models, at)
                    .into_iter()
                    .filter_map(|at| Some(models[at].quota? - models[at].used))
                    .min();
                prop_assert_eq!(capability.left(), left);
            }
        }
    }
}

//! When a supervisor starts its children again, and when it gives up: the policy, without a kernel.
//!
//! A machine that is told what has happened (a child has started, could not be started, has ended) and
//! what time it is, and answers what is to be done. It has no clock and no random numbers, so the same
//! events at the same times always have the same answers. The terms are those of OTP's `supervisor`:
//!
//! * a `permanent` child is always started again, a `transient` one unless it ended in order, a
//!   `temporary` one never;
//! * with `one for one` only the child that failed is started again, with `one for all` all are ended
//!   and started again, with `rest for one` those that come after it in the list;
//! * children are started one at a time in the order of the list, each when the one before it has begun
//!   ([`Event::Started`]), and ended one at a time in the opposite order;
//! * a child that cannot be started, or fails before it has begun, ends the supervisor if that was its first
//!   start, and else counts as one more restart;
//! * what ends before all children have begun for the first time is looked at when they have;
//! * more than `intensity` restarts within `period` end the supervisor, its children first.
//!
//! Beyond OTP: a restart after a failure that follows hard upon another waits, twice as long each time
//! ([`Policy::backoff_ns`]). Unlike OTP, a transient child that has ended in order is finished: when its
//! siblings are started again it is not, for its rings are closed. When no child is left
//! the supervisor has nothing to do and ends.
//!
//! Invariants: one child at most is being started or ended at a time; no child is started while a
//! sibling that is to end still lives, or has not begun; after [`Action::Finish`] nothing is answered any more.

use std::collections::VecDeque;

/// Who is started again when one child has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// That child.
    OneForOne,
    /// All children.
    OneForAll,
    /// That child and those that come after it.
    RestForOne,
}

/// Whether a child is started again when it has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// Always.
    Permanent,
    /// Unless it ended in order.
    Transient,
    /// Never.
    Temporary,
}

/// How a supervisor deals with failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Who is started again.
    pub strategy: Strategy,
    /// So many restarts within a period are borne; one more, and the supervisor gives up.
    pub intensity: u32,
    /// The period, in nanoseconds.
    pub period_ns: u64,
    /// The wait before the second restart of a child that failed again within a period, in
    /// nanoseconds. It doubles each time. The first restart does not wait.
    pub backoff_ns: u64,
    /// The longest such wait, in nanoseconds.
    pub backoff_max_ns: u64,
}

/// How a child ended, as far as restarting goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// In order: it has done what it had to do.
    Well,
    /// In any other way.
    Badly,
}

/// What has happened. Children are named by their places in the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The supervisor begins.
    Begin,
    /// The child is there, as [`Action::Start`] asked for, and has not begun.
    Spawned(usize),
    /// It has begun: its initialisation is over.
    Started(usize),
    /// It could not be started.
    NotStarted(usize),
    /// The child has ended, by itself or as [`Action::End`] asked for.
    Exited(usize, Ended),
    /// The time is here that [`Action::Wait`] named. It is no harm if this comes too early.
    Due,
    /// The supervisor is to end.
    Stop,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Start the child; NotStarted is to follow, or Spawned and then Started or Exited.
    Start(usize),
    /// End the child; Exited is to follow.
    End(usize),
    /// The child will never be started again: what was kept for it can go.
    Release(usize),
    /// Say Due at this time. It replaces what was named before.
    Wait(u64),
    /// All children are ended, and so is the supervisor.
    Finish(Verdict),
}

/// How a supervisor ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All children are finished.
    Done,
    /// This child failed once more than is borne.
    GaveUp(usize),
    /// This child could not be started at the first time, or ended before it had begun.
    NotStarted(usize),
    /// It was told to end.
    Stopped,
}

/// How far a child is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It does not run, and is to be started when its moment has come.
    Down,
    Starting,
    /// It is there, and has not begun.
    Beginning,
    Running,
    Ending,
    /// It will not be started again.
    Finished,
}

/// Whether a child that runs is to be ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doomed {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug)]
struct Child {
    restart: Restart,
    stage: Stage,
    doomed: Doomed,
    /// When it is to be started, while it is down.
    due_ns: u64,
    /// When it was started last.
    started_ns: u64,
    /// How often it has failed in a row, each time within a period of its start.
    failures: u32,
    /// How often it has begun.
    starts: u64,
}

impl Child {
    fn is_beginning(&self) -> bool {
        self.stage == Stage::Beginning
    }

    /// It is to be ended, if it lives or is about to.
    fn doom(&mut self) {
        if matches!(
            self.stage,
            Stage::Starting | Stage::Beginning | Stage::Running
        ) {
            self.doomed = Doomed::Yes;
        }
    }
}

/// The policy at work for one list of children.
#[derive(Clone, Debug)]
pub struct Machine {
    policy: Policy,
    children: Vec<Child>,
    /// The times of the restarts within the last period.
    restarts_ns: VecDeque<u64>,
    /// Children that ended by themselves before all had begun, and how.
    put_off: Vec<(usize, Ended)>,
    verdict: Option<Verdict>,
    finished: bool,
}

impl Machine {
    /// A machine for children of these kinds, none of which runs.
    pub fn new(policy: Policy, children: impl IntoIterator<Item = Restart>) -> Machine {
        let child = |restart| Child {
            restart,
            stage: Stage::Down,
            doomed: Doomed::No,
            due_ns: 0,
            started_ns: 0,
            failures: 0,
            starts: 0,
        };
        Machine {
            policy,
            children: children.into_iter().map(child).collect(),
            restarts_ns: VecDeque::new(),
            put_off: Vec::new(),
            verdict: None,
            finished: false,
        }
    }

    /// A child was finished before the supervisor began, in an earlier life of it.
    pub fn finish(&mut self, child: usize) {
        if let Some(child) = self.children.get_mut(child) {
            child.stage = Stage::Finished;
        }
    }

    /// How often a child has begun.
    pub fn starts(&self, child: usize) -> u64 {
        self.children.get(child).map_or(0, |child| child.starts)
    }

    /// Whether the start is over: every child has begun once, or will not be started.
    pub fn is_up(&self) -> bool {
        let up = |child: &Child| child.starts > 0 || child.stage == Stage::Finished;
        self.children.iter().all(up)
    }

    /// Takes note of what has happened at this time, and answers what is to be done, in order.
    pub fn event(&mut self, now_ns: u64, event: Event, actions: &mut Vec<Action>) {
        if self.finished {
            return;
        }
        match event {
            Event::Begin | Event::Due => {}
            Event::Spawned(child) => self.spawned(child),
            Event::Started(child) => self.started(child, now_ns),
            Event::NotStarted(child) => self.not_started(child, now_ns),
            Event::Exited(child, ended) if self.is_too_early(child) => {
                self.put_off.push((child, ended));
            }
            Event::Exited(child, ended) => self.exited(child, ended, now_ns, actions),
            Event::Stop => self.give_up(Verdict::Stopped),
        }
        if self.is_up() {
            for (child, ended) in std::mem::take(&mut self.put_off) {
                self.exited(child, ended, now_ns, actions);
            }
        }
        self.proceed(now_ns, actions);
    }

    /// Whether the end of a child by itself has to wait for its siblings.
    fn is_too_early(&self, child: usize) -> bool {
        let runs = |child: &Child| child.stage == Stage::Running;
        !self.is_up() && self.verdict.is_none() && self.children.get(child).is_some_and(runs)
    }

    fn spawned(&mut self, child: usize) {
        if let Some(child) = self.children.get_mut(child)
            && child.stage == Stage::Starting
        {
            child.stage = Stage::Beginning;
        }
    }

    fn started(&mut self, child: usize, now_ns: u64) {
        let Some(child) = self.children.get_mut(child) else {
            return;
        };
        if matches!(child.stage, Stage::Starting | Stage::Beginning) {
            child.stage = Stage::Running;
            child.started_ns = now_ns;
            child.starts += 1;
        }
    }

    fn not_started(&mut self, number: usize, now_ns: u64) {
        let Some(child) = self.children.get_mut(number) else {
            return;
        };
        if child.stage != Stage::Starting {
            return;
        }
        child.stage = Stage::Down;
        if std::mem::replace(&mut child.doomed, Doomed::No) == Doomed::No {
            self.start_failed(number, now_ns);
        }
    }

    fn start_failed(&mut self, number: usize, now_ns: u64) {
        match self.starts(number) {
            0 => self.give_up(Verdict::NotStarted(number)),
            _ => self.failed(number, now_ns),
        }
    }

    fn exited(&mut self, number: usize, ended: Ended, now_ns: u64, actions: &mut Vec<Action>) {
        let Some(child) = self.children.get_mut(number) else {
            return;
        };
        let stage = child.stage;
        if !matches!(stage, Stage::Beginning | Stage::Running | Stage::Ending) {
            return;
        }
        let awaited = stage == Stage::Ending || child.doomed == Doomed::Yes;
        if stage == Stage::Beginning && !awaited {
            child.stage = Stage::Down;
            return self.start_failed(number, now_ns);
        }
        let again = match child.restart {
            Restart::Permanent => true,
            // One that was ended with its siblings comes back with them.
            Restart::Transient => ended == Ended::Badly || awaited,
            Restart::Temporary => false,
        };
        (child.stage, child.doomed) = (Stage::Down, Doomed::No);
        if !again {
            child.stage = Stage::Finished;
            actions.push(Action::Release(number));
        } else if !awaited {
            self.failed(number, now_ns);
        }
    }

    /// A child that runs no more, against its supervisor's will, is to be started again.
    fn failed(&mut self, number: usize, now_ns: u64) {
        if self.verdict.is_some() {
            return;
        }
        let oldest_ns = now_ns.saturating_sub(self.policy.period_ns);
        while self.restarts_ns.front().is_some_and(|&at| at < oldest_ns) {
            self.restarts_ns.pop_front();
        }
        self.restarts_ns.push_back(now_ns);
        if self.restarts_ns.len() as u64 > u64::from(self.policy.intensity) {
            return self.give_up(Verdict::GaveUp(number));
        }
        let due_ns = now_ns.saturating_add(self.backoff_ns(number, now_ns));
        let group = match self.policy.strategy {
            Strategy::OneForOne => number..number + 1,
            Strategy::OneForAll => 0..self.children.len(),
            Strategy::RestForOne => number..self.children.len(),
        };
        for (place, child) in self.children.iter_mut().enumerate() {
            if group.contains(&place) {
                child.due_ns = child.due_ns.max(due_ns);
                child.doom();
            }
        }
    }

    /// How long the restart of a child that has just failed waits.
    fn backoff_ns(&mut self, number: usize, now_ns: u64) -> u64 {
        let Policy {
            period_ns,
            backoff_ns,
            backoff_max_ns,
            ..
        } = self.policy;
        let child = &mut self.children[number];
        if now_ns.saturating_sub(child.started_ns) > period_ns {
            child.failures = 0;
        }
        child.failures = child.failures.saturating_add(1);
        match child.failures {
            1 => 0,
            more => {
                let doubled = 1u64.checked_shl(more - 2).unwrap_or(u64::MAX);
                backoff_ns.saturating_mul(doubled).min(backoff_max_ns)
            }
        }
    }

    fn give_up(&mut self, verdict: Verdict) {
        if self.verdict.is_some() {
            return;
        }
        self.verdict = Some(verdict);
        for (child, _) in self.put_off.drain(..) {
            self.children[child].stage = Stage::Down;
        }
        self.children.iter_mut().for_each(Child::doom);
    }

    /// Asks for the next thing to be done, if nothing is under way.
    fn proceed(&mut self, now_ns: u64, actions: &mut Vec<Action>) {
        let busy = |child: &Child| matches!(child.stage, Stage::Starting | Stage::Ending);
        if self.children.iter().any(busy) {
            return;
        }
        let doomed = |child: &Child| child.doomed == Doomed::Yes;
        let last = match self.children.iter().position(Child::is_beginning) {
            // It was started last, and may never begin: it is not waited for if it is to end.
            Some(beginning) if doomed(&self.children[beginning]) => Some(beginning),
            Some(_) => return,
            None => self.children.iter().rposition(doomed),
        };
        if let Some(last) = last {
            self.children[last].stage = Stage::Ending;
            actions.push(Action::End(last));
            return;
        }
        let left = |child: &Child| child.stage != Stage::Finished;
        let verdict = match self.verdict {
            None if self.children.iter().any(left) => return self.start_next(now_ns, actions),
            None => Verdict::Done,
            Some(verdict) => verdict,
        };
        self.finished = true;
        actions.push(Action::Finish(verdict));
    }

    /// Starts the first child that is down and due, or waits for the one that is due next.
    fn start_next(&mut self, now_ns: u64, actions: &mut Vec<Action>) {
        let mut children = self.children.iter();
        let due = |child: &Child| child.stage == Stage::Down && child.due_ns <= now_ns;
        if let Some(first) = children.position(due) {
            self.children[first].stage = Stage::Starting;
            actions.push(Action::Start(first));
            return;
        }
        let down = self.children.iter();
        let down = down.filter(|child| child.stage == Stage::Down);
        if let Some(next_ns) = down.map(|child| child.due_ns).min() {
            actions.push(Action::Wait(next_ns));
        }
    }
}

#[cfg(test)]
#[path = "restart_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "restart_laws.rs"]
mod laws;

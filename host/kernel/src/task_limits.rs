//! What one task may use at most, and how that is said.
//!
//! Limits are given at spawn, by name; what is not named is the kernel's default. A task with the right to
//! spawn hands on at most what it has itself, so no tree of tasks outgrows its root.
//!
//! Invariant: what crosses a limit is refused with an error, or its task is ended with a reason that names
//! the limit; a limit is never only a figure.

use crate::limits::{
    CHILDREN_DEFAULT, HANDLES_DEFAULT, LOG_LINES_PER_SECOND, SHARE_PERCENT_MAX, SHARE_PERCENT_MIN,
    SHARE_PERIOD_MS_DEFAULT, SHARE_PERIOD_MS_MAX, SPAWNS_PER_SECOND_DEFAULT,
    TABLE_ELEMENTS_DEFAULT, TASK_MEMORY_BYTES_DEFAULT, TIMERS_DEFAULT,
};
use okernel_abi::handle::HANDLES_MAX;

/// A hard share of a core: so much CPU time in each period, and no more, even when the core is idle.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CpuShare {
    /// Percent of one core, 0.1 or more. Above 100 it bounds a task together with its children on other cores.
    pub percent: f64,
    /// The period, in milliseconds.
    pub period_ms: u64,
}

impl CpuShare {
    /// CPU time in each period, in nanoseconds.
    pub fn quota_ns(&self) -> u64 {
        ((self.percent / 100.0 * self.period_ns() as f64) as u64).max(1)
    }

    /// The period, in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        self.period_ms * 1_000_000
    }
}

/// What a task may use at most.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limits {
    /// Bytes of its memory.
    pub memory_bytes: u64,
    /// Elements of each of its tables.
    pub table_elements: u64,
    /// Linear memory that its windows on rings take, in bytes.
    pub window_bytes: u64,
    /// Bytes of one claim of a ring, of one request and of one piece of output.
    pub message_bytes: u64,
    /// Its share of a core; None: as much as fair queueing gives it.
    pub share: Option<CpuShare>,
    /// Handles that it holds at a time.
    pub handles: usize,
    /// Timers that are set at a time.
    pub timers: usize,
    /// Living tasks that it has spawned, with those that these have spawned, and so on.
    pub children: usize,
    /// Tasks that it and all below it may spawn in a second, in the long run and at once.
    pub spawns_per_second: u64,
    /// Lines that it may write to the log in a second, in the long run; four times as many at once.
    pub log_lines_per_second: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: TASK_MEMORY_BYTES_DEFAULT,
            table_elements: TABLE_ELEMENTS_DEFAULT,
            window_bytes: u32::MAX.into(),
            message_bytes: u32::MAX.into(),
            share: None,
            handles: HANDLES_DEFAULT,
            timers: TIMERS_DEFAULT,
            children: CHILDREN_DEFAULT,
            spawns_per_second: SPAWNS_PER_SECOND_DEFAULT,
            log_lines_per_second: LOG_LINES_PER_SECOND,
        }
    }
}

/// How much a limit allows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Amount {
    /// So many of what is counted.
    Count(u64),
    /// So much of a core, in percent.
    Percent(f64),
}

/// A limit as lists show it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DescribedLimit {
    /// Its name, as [`LimitChanges::set`] takes it.
    pub name: &'static str,
    /// The most that it allows; None: it is not limited.
    pub most: Option<Amount>,
    /// What it is about, and in what it is counted.
    pub means: &'static str,
}

impl DescribedLimit {
    /// A limit of what is counted; the largest number stands for none.
    pub const fn count(name: &'static str, most: u64, means: &'static str) -> DescribedLimit {
        let most = match most {
            u64::MAX => None,
            most => Some(Amount::Count(most)),
        };
        DescribedLimit { name, most, means }
    }
}

impl Limits {
    /// The names of all limits, as `limits` in a spawn takes them.
    pub const NAMES: [&str; 11] = [
        "memory", "table", "window", "message", "cpu", "period", "handles", "timers", "children",
        "spawns", "log",
    ];

    /// All of them, in the order of [`Limits::NAMES`].
    pub fn described(&self) -> [DescribedLimit; Limits::NAMES.len()] {
        let share = self.share;
        let count = DescribedLimit::count;
        [
            count("memory", self.memory_bytes, "bytes of linear memory"),
            count(
                "table",
                self.table_elements,
                "elements of each of its tables",
            ),
            count("window", self.window_bytes, "bytes of windows on rings"),
            count(
                "message",
                self.message_bytes,
                "bytes of one claim, request or piece of output",
            ),
            DescribedLimit {
                name: "cpu",
                most: share.map(|share| Amount::Percent(share.percent)),
                means: "percent of a core, also when it is idle",
            },
            DescribedLimit {
                name: "period",
                most: share.map(|share| Amount::Count(share.period_ms)),
                means: "milliseconds in which that is reckoned",
            },
            count("handles", self.handles as u64, "handles at a time"),
            count("timers", self.timers as u64, "timers at a time"),
            count(
                "children",
                self.children as u64,
                "living tasks that it has spawned, with theirs",
            ),
            count(
                "spawns",
                self.spawns_per_second,
                "tasks that it and all below it spawn in a second",
            ),
            count("log", self.log_lines_per_second, "lines of log in a second"),
        ]
    }

    /// Limits of a task that is its owner's hand, like a shell: it may spawn and log as it likes.
    #[must_use]
    pub fn of_an_owner(memory_bytes: u64) -> Limits {
        Limits {
            memory_bytes,
            children: usize::MAX,
            spawns_per_second: MILLION,
            ..Limits::default()
        }
    }

    /// The smaller of both, limit by limit.
    #[must_use]
    pub fn within(&self, outer: &Limits) -> Limits {
        Limits {
            memory_bytes: self.memory_bytes.min(outer.memory_bytes),
            table_elements: self.table_elements.min(outer.table_elements),
            window_bytes: self.window_bytes.min(outer.window_bytes),
            message_bytes: self.message_bytes.min(outer.message_bytes),
            // What is above it is counted against the outer one's account as well.
            share: self.share,
            handles: self.handles.min(outer.handles),
            timers: self.timers.min(outer.timers),
            children: self.children.min(outer.children),
            spawns_per_second: self.spawns_per_second.min(outer.spawns_per_second),
            log_lines_per_second: self.log_lines_per_second.min(outer.log_lines_per_second),
        }
    }
}

/// Of whatever is counted by the second: beyond what any core can do.
const MILLION: u64 = 1_000_000;

/// Limits that are set one by one, over whatever the others are.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LimitChanges(Vec<Change>);

#[derive(Clone, Copy, PartialEq, Debug)]
enum Change {
    Memory(u64),
    Table(u64),
    Window(u64),
    Message(u64),
    Cpu(f64),
    Period(u64),
    Handles(usize),
    Timers(usize),
    Children(usize),
    Spawns(u64),
    Log(u64),
}

impl LimitChanges {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the limit with this name.
    ///
    /// # Errors
    /// There is no such limit, or the number is out of its range; the text says what would be right.
    pub fn set(&mut self, name: &str, number: f64) -> Result<(), String> {
        let whole = |least: u64, most: u64| {
            let fits = number.fract() == 0.0 && number >= least as f64 && number <= most as f64;
            match fits {
                true => Ok(number as u64),
                false => Err(format!("{name}: {number} is not in {least}..{most}")),
            }
        };
        let count = |most: usize| whole(0, most as u64).map(|count| count as usize);
        self.0.push(match name {
            "memory" => Change::Memory(whole(0, 1 << 32)?),
            "table" => Change::Table(whole(0, u32::MAX.into())?),
            "window" => Change::Window(whole(0, u32::MAX.into())?),
            "message" => Change::Message(whole(1, u32::MAX.into())?),
            "cpu" if (SHARE_PERCENT_MIN..=SHARE_PERCENT_MAX).contains(&number) => {
                Change::Cpu(number)
            }
            "cpu" => {
                return Err(format!(
                    "cpu: {number} is no percentage of a core in {SHARE_PERCENT_MIN}..{SHARE_PERCENT_MAX}"
                ));
            }
            "period" => Change::Period(whole(1, SHARE_PERIOD_MS_MAX)?),
            "handles" => Change::Handles(count(HANDLES_MAX)?),
            "timers" => Change::Timers(count(HANDLES_MAX)?),
            "children" => Change::Children(count(u32::MAX as usize)?),
            "spawns" => Change::Spawns(whole(0, MILLION)?),
            "log" => Change::Log(whole(0, MILLION)?),
            _ => {
                let names = Limits::NAMES.join(", ");
                return Err(format!("there is no limit {name}, there are: {names}"));
            }
        });
        Ok(())
    }

    /// More changes, after these.
    pub fn append(&mut self, later: LimitChanges) {
        self.0.extend(later.0);
    }

    /// These limits with the changes.
    #[must_use]
    pub fn over(&self, limits: &Limits) -> Limits {
        let mut limits = *limits;
        let (mut percent, mut period_ms) = match limits.share {
            Some(share) => (Some(share.percent), share.period_ms),
            None => (None, SHARE_PERIOD_MS_DEFAULT),
        };
        for change in &self.0 {
            match *change {
                Change::Memory(bytes) => limits.memory_bytes = bytes,
                Change::Table(elements) => limits.table_elements = elements,
                Change::Window(bytes) => limits.window_bytes = bytes,
                Change::Message(bytes) => limits.message_bytes = bytes,
                Change::Cpu(of_a_core) => percent = Some(of_a_core),
                Change::Period(ms) => period_ms = ms,
                Change::Handles(count) => limits.handles = count,
                Change::Timers(count) => limits.timers = count,
                Change::Children(count) => limits.children = count,
                Change::Spawns(count) => limits.spawns_per_second = count,
                Change::Log(lines) => limits.log_lines_per_second = lines,
            }
        }
        limits.share = percent.map(|percent| CpuShare { percent, period_ms });
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::{Amount, LimitChanges, Limits};

    fn changed(changes: &[(&str, f64)]) -> Limits {
        let mut all = LimitChanges::default();
        for (name, number) in changes {
            all.set(name, *number).unwrap();
        }
        all.over(&Limits::default())
    }

    #[test]
    fn every_limit_can_be_set_by_its_name() {
        let described = |limits: Limits, at: usize| {
            let limit = limits.described()[at];
            (limit.name, limit.most)
        };
        for (at, name) in Limits::NAMES.into_iter().enumerate() {
            let limits = changed(&[("cpu", 50.0), (name, 2.0)]);
            assert_ne!(limits, changed(&[("cpu", 50.0)]), "{name}");
            let most = match name {
                "cpu" => Amount::Percent(2.0),
                _ => Amount::Count(2),
            };
            assert_eq!(described(limits, at), (name, Some(most)));
        }
        let unlimited = Limits::of_an_owner(1);
        assert_eq!(described(unlimited, 4), ("cpu", None));
        assert_eq!(described(unlimited, 8), ("children", None));
        let share = changed(&[("period", 10.0), ("cpu", 12.5)]).share.unwrap();
        assert_eq!(
            (share.quota_ns(), share.period_ns()),
            (1_250_000, 10_000_000)
        );
        assert_eq!(changed(&[("period", 10.0)]).share, None);
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let mut changes = LimitChanges::default();
        for (name, number) in [
            ("memory", -1.0),
            ("memory", 0.5),
            ("memory", f64::NAN),
            ("message", 0.0),
            ("cpu", 0.0),
            ("cpu", f64::NAN),
            ("cpu", f64::INFINITY),
            ("period", 0.0),
            ("handles", 1e9),
        ] {
            let refused = changes.set(name, number).unwrap_err();
            assert!(refused.starts_with(name), "{refused}");
        }
        assert!(changes.is_empty());
        let refused = changes.set("weigth", 1.0).unwrap_err();
        assert!(refused.contains("there are: memory"), "{refused}");
    }

    #[test]
    fn a_child_has_no_more_than_its_parent() {
        let parent = changed(&[("memory", 1e6), ("timers", 3.0), ("log", 0.0)]);
        let child = changed(&[("memory", 1e9), ("timers", 1.0), ("log", 9.0)]);
        let both = child.within(&parent);
        assert_eq!(
            both,
            changed(&[("memory", 1e6), ("timers", 1.0), ("log", 0.0)])
        );
    }
}

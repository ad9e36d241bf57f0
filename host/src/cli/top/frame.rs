//! A frame of the statistics' ring as `top` uses it, and what happened between two of them.
//!
//! Frames come as JSON (`docs/protocol.md`). A figure that is missing counts as 0, so that a newer
//! kernel can be looked at; another version of the frame is an error.

use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::HashMap;

/// The version of the frames that are understood.
const VERSION: u64 = 1;

/// One core.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Core {
    pub core: i64,
    pub tasks: u64,
    pub messages: u64,
    pub bus_ms: f64,
    pub io_ms: f64,
    pub tasks_ms: f64,
}

/// One task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    pub task: i64,
    pub name: String,
    pub core: i64,
    pub state: String,
    pub cpu_ms: f64,
    pub turns: u64,
    pub weight: u64,
    pub memory: u64,
    pub restarts: u64,
    pub version: u64,
    /// How it ended before it was started again; empty if it never was.
    pub last: String,
}

/// One end of a ring.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    pub id: i64,
    pub kind: String,
    pub ring: i64,
    pub core: Option<i64>,
    pub task: Option<i64>,
    pub capacity: u64,
    pub position: u64,
    pub lag: u64,
    pub missed: u64,
    pub commits: u64,
    pub name: String,
}

impl End {
    /// Whether it stands for the ring itself.
    pub fn is_publisher(&self) -> bool {
        self.id == self.ring
    }
}

/// One frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub time_ns: u64,
    pub period_ms: u64,
    pub tasks_count: u64,
    pub rings_count: u64,
    pub cores: Vec<Core>,
    pub tasks: Vec<Task>,
    pub ends: Vec<End>,
}

/// A row of a table.
struct Row<'a>(&'a Value);

impl Row<'_> {
    fn float(&self, key: &str) -> f64 {
        number(&self.0[key])
    }

    fn count(&self, key: &str) -> u64 {
        count(&self.0[key])
    }

    fn int(&self, key: &str) -> Option<i64> {
        self.0[key].as_i64()
    }

    fn text(&self, key: &str) -> String {
        self.0[key].as_str().unwrap_or_default().to_string()
    }
}

/// Numbers that JSON's readers would round travel as strings of digits.
fn count(value: &Value) -> u64 {
    match value {
        Value::String(digits) => digits.parse().unwrap_or(0),
        other => other.as_u64().unwrap_or_else(|| number(other) as u64),
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(digits) => digits.parse().unwrap_or(0.0),
        other => other.as_f64().unwrap_or(0.0),
    }
}

fn rows<'a, T>(value: &'a Value, key: &str, read: impl Fn(Row<'a>) -> T) -> anyhow::Result<Vec<T>> {
    let table = value[key].as_array();
    let table = table.with_context(|| format!("the statistics have no table {key}"))?;
    Ok(table.iter().map(|row| read(Row(row))).collect())
}

impl Frame {
    /// Reads a frame.
    ///
    /// # Errors
    /// It is none, or of another version.
    pub fn read(value: &Value) -> anyhow::Result<Frame> {
        let version = value["version"].as_u64();
        match version.context("these are no statistics: they have no version")? {
            VERSION => {}
            other => bail!(
                "the kernel's statistics are of version {other}, this okernel knows {VERSION}"
            ),
        }
        Ok(Frame {
            time_ns: count(&value["time_ns"]),
            period_ms: count(&value["period_ms"]),
            tasks_count: count(&value["tasks_count"]),
            rings_count: count(&value["rings_count"]),
            cores: rows(value, "cores", |row| Core {
                core: row.int("core").unwrap_or(-1),
                tasks: row.count("tasks"),
                messages: row.count("messages"),
                bus_ms: row.float("bus_ms"),
                io_ms: row.float("io_ms"),
                tasks_ms: row.float("tasks_ms"),
            })?,
            tasks: rows(value, "tasks", |row| Task {
                task: row.int("task").unwrap_or(-1),
                name: row.text("name"),
                core: row.int("core").unwrap_or(-1),
                state: row.text("state"),
                cpu_ms: row.float("cpu_ms"),
                turns: row.count("turns"),
                weight: row.count("weight"),
                memory: row.count("memory"),
                restarts: row.count("restarts"),
                version: row.count("version"),
                last: row.text("last"),
            })?,
            ends: rows(value, "rings", |row| End {
                id: row.int("id").unwrap_or(-1),
                kind: row.text("kind"),
                ring: row.int("ring").unwrap_or(-1),
                core: row.int("core"),
                task: row.int("task"),
                capacity: row.count("capacity"),
                position: row.count("position"),
                lag: row.count("lag"),
                missed: row.count("missed"),
                commits: row.count("commits"),
                name: row.text("name"),
            })?,
        })
    }
}

/// What a core did between two frames: shares of its time, 0 to 1, and messages per second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoreRate {
    pub bus: f64,
    pub io: f64,
    pub tasks: f64,
    pub messages: f64,
}

/// What flowed through an end between two frames, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EndRate {
    pub bytes: f64,
    pub commits: f64,
}

/// Two frames, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub now: Frame,
    cores: HashMap<i64, CoreRate>,
    tasks: HashMap<i64, f64>,
    ends: HashMap<i64, EndRate>,
}

impl Sample {
    /// What happened between two frames; what is new in the later one did nothing yet.
    pub fn between(before: &Frame, now: Frame) -> Sample {
        let passed_s = now.time_ns.saturating_sub(before.time_ns) as f64 / 1e9;
        let rate = |more: f64| {
            if passed_s > 0.0 {
                more.max(0.0) / passed_s
            } else {
                0.0
            }
        };
        let mut sample = Sample::default();
        for core in &now.cores {
            if let Some(old) = before.cores.iter().find(|old| old.core == core.core) {
                let share = |now: f64, old: f64| rate(now - old) / 1e3;
                sample.cores.insert(
                    core.core,
                    CoreRate {
                        bus: share(core.bus_ms, old.bus_ms),
                        io: share(core.io_ms, old.io_ms),
                        tasks: share(core.tasks_ms, old.tasks_ms),
                        messages: rate(core.messages as f64 - old.messages as f64),
                    },
                );
            }
        }
        let old: HashMap<i64, f64> = before.tasks.iter().map(|t| (t.task, t.cpu_ms)).collect();
        for task in &now.tasks {
            if let Some(old_ms) = old.get(&task.task) {
                sample
                    .tasks
                    .insert(task.task, rate(task.cpu_ms - old_ms) / 1e3);
            }
        }
        let old: HashMap<i64, &End> = before.ends.iter().map(|end| (end.id, end)).collect();
        for end in &now.ends {
            if let Some(old) = old.get(&end.id) {
                let rate = EndRate {
                    bytes: rate(end.position as f64 - old.position as f64),
                    commits: rate(end.commits as f64 - old.commits as f64),
                };
                sample.ends.insert(end.id, rate);
            }
        }
        sample.now = now;
        sample
    }

    /// What a core did.
    pub fn core(&self, core: i64) -> CoreRate {
        self.cores.get(&core).cloned().unwrap_or_default()
    }

    /// A task's share of a core's time, 0 to 1.
    pub fn task(&self, task: i64) -> f64 {
        self.tasks.get(&task).copied().unwrap_or(0.0)
    }

    /// What flowed through an end.
    pub fn end(&self, id: i64) -> EndRate {
        self.ends.get(&id).copied().unwrap_or_default()
    }

    /// What a ring is called: its publisher's task and the name of the grant.
    pub fn ring_name(&self, publisher: &End) -> String {
        let task = self
            .now
            .tasks
            .iter()
            .find(|task| Some(task.task) == publisher.task);
        match (task, publisher.name.as_str()) {
            (Some(task), "") => task.name.clone(),
            (Some(task), name) => format!("{}.{name}", task.name),
            (None, "") => "-".to_string(),
            (None, name) => name.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Sample};
    use serde_json::{Value, json};

    pub(super) fn frame(time_ns: u64, cpu_ms: f64, position: u64) -> Value {
        json!({
            "version": 1, "time_ns": time_ns, "period_ms": 250, "tasks_count": 1, "rings_count": 1,
            "cores": [{"core": 0, "tasks": 1, "messages": time_ns / 1_000_000, "tasks_ms": cpu_ms, "bus_ms": 0.0, "io_ms": 0}],
            "tasks": [{"task": 3, "name": "count", "core": 0, "state": "running", "cpu_ms": cpu_ms, "memory": "9007199254740993", "version": 2, "last": "trap: unreachable"}],
            "rings": [
                {"id": 7, "kind": "publisher", "ring": 7, "core": 0, "task": 3, "capacity": 4096, "position": position, "lag": 1024, "commits": position / 8, "name": "out"},
                {"id": 8, "kind": "lap", "ring": 7, "core": null, "task": null, "capacity": 4096, "position": 0, "lag": 1024, "missed": 5},
            ],
        })
    }

    #[test]
    fn rates_are_differences_over_the_time_between() {
        let before = Frame::read(&frame(1_000_000_000, 100.0, 0)).unwrap();
        let now = Frame::read(&frame(1_500_000_000, 350.0, 4000)).unwrap();
        assert_eq!(now.tasks[0].memory, 9_007_199_254_740_993);
        assert_eq!(
            (now.tasks[0].version, now.tasks[0].last.as_str()),
            (2, "trap: unreachable")
        );
        assert_eq!((now.ends[1].core, now.ends[1].missed), (None, 5));
        let sample = Sample::between(&before, now);
        assert_eq!(sample.task(3), 0.5);
        let core = sample.core(0);
        assert_eq!((core.tasks, core.bus, core.messages), (0.5, 0.0, 1000.0));
        let end = sample.end(7);
        assert_eq!((end.bytes, end.commits), (8000.0, 1000.0));
        assert_eq!(sample.ring_name(&sample.now.ends[0]), "count.out");
        assert_eq!(sample.task(99), 0.0);
    }

    #[test]
    fn figures_that_fall_and_frames_at_one_moment_give_no_rate() {
        let frame = |time, cpu, at| Frame::read(&frame(time, cpu, at)).unwrap();
        let fallen = Sample::between(&frame(1_000, 500.0, 800), frame(2_000, 1.0, 8));
        assert_eq!((fallen.task(3), fallen.end(7).bytes), (0.0, 0.0));
        let twice = Sample::between(&frame(1_000, 1.0, 0), frame(1_000, 9.0, 800));
        assert_eq!((twice.task(3), twice.end(7).bytes), (0.0, 0.0));
    }

    #[test]
    fn what_is_no_frame_is_an_error_that_says_so() {
        let read = |value: Value| Frame::read(&value).unwrap_err().to_string();
        assert!(read(json!([1, 2])).contains("no version"));
        assert!(read(json!({"version": 2})).contains("version 2"));
        let text = read(json!({"version": 1, "cores": []}));
        assert_eq!(text, "the statistics have no table tasks");
    }
}

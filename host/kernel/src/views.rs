//! Tables of what there is: tasks, rings, cores, modules.
//!
//! Made from the directory and from the figures that cores publish, on whichever core asks, so a
//! busy or stuck core is seen too. Times are in milliseconds, sizes in bytes.

use crate::core::Shared;
use crate::directory::{EndedTask, EndpointInfo, Role, TaskInfo};
use crate::ids::{EndpointId, SelectorId, TaskId};
use crate::io::link::SelectorStats;
use crate::io::select::SelectorInfo;
use crate::stats::Count;
use okernel_abi::value::{NULL, Value};
use okernel_ring::Policy;

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn ints(numbers: impl IntoIterator<Item = u64>) -> Value {
    Value::Ints(numbers.into_iter().map(|number| number as i64).collect())
}

/// One task, as a row.
#[derive(Debug)]
pub(crate) struct TaskRow {
    pub(crate) id: TaskId,
    pub(crate) info: TaskInfo,
    state: &'static str,
    /// Why it ended, in one word; empty while it lives.
    reason: &'static str,
    /// The same as one line.
    pub(crate) exit: String,
    /// Why it ended the last time, if it was started again.
    pub(crate) last: String,
}

impl TaskRow {
    pub(crate) fn alive(id: TaskId, info: TaskInfo) -> TaskRow {
        let state = info.stats.state().name();
        TaskRow {
            id,
            last: last(&info),
            info,
            state,
            reason: "",
            exit: String::new(),
        }
    }

    pub(crate) fn ended(task: EndedTask) -> TaskRow {
        TaskRow {
            id: task.id,
            last: last(&task.info),
            info: task.info,
            state: "ended",
            reason: task.exit.reason().name(),
            exit: task.exit.to_string(),
        }
    }
}

fn last(info: &TaskInfo) -> String {
    let last = info.last.as_ref();
    last.map(|exit| exit.to_string()).unwrap_or_default()
}

/// All tasks and those that ended last.
pub(crate) fn tasks(shared: &Shared) -> Value {
    let (alive, ended) = shared.directory.tasks();
    let alive = alive.into_iter().map(|(id, info)| TaskRow::alive(id, info));
    let rows: Vec<_> = ended.into_iter().map(TaskRow::ended).chain(alive).collect();
    task_table(&rows)
}

/// Tasks: `task name core state cpu_ms turns preempted weight memory parent restarts version upgrades moves pinned exit
/// reason supervisor last`.
pub(crate) fn task_table(rows: &[TaskRow]) -> Value {
    Value::table(vec![
        (
            "task",
            Value::Ints(rows.iter().map(|row| row.id.number()).collect()),
        ),
        (
            "name",
            Value::Symbols(rows.iter().map(|row| row.info.name.clone()).collect()),
        ),
        ("core", ints(rows.iter().map(|row| row.info.core.0.into()))),
        (
            "state",
            Value::Symbols(rows.iter().map(|row| row.state.to_string()).collect()),
        ),
        (
            "cpu_ms",
            Value::Floats(
                rows.iter()
                    .map(|row| ms(row.info.stats.cpu_ns.get()))
                    .collect(),
            ),
        ),
        (
            "turns",
            ints(rows.iter().map(|row| row.info.stats.turns.get())),
        ),
        (
            "preempted",
            ints(rows.iter().map(|row| row.info.stats.preemptions.get())),
        ),
        (
            "weight",
            ints(rows.iter().map(|row| row.info.stats.weight.get())),
        ),
        (
            "memory",
            ints(rows.iter().map(|row| row.info.stats.memory_bytes.get())),
        ),
        (
            "parent",
            Value::Ints(
                rows.iter()
                    .map(|row| row.info.parent.map_or(NULL, |parent| parent.number()))
                    .collect(),
            ),
        ),
        (
            "restarts",
            ints(rows.iter().map(|row| row.info.stats.restarts.get())),
        ),
        (
            "version",
            ints(rows.iter().map(|row| row.info.stats.version.get())),
        ),
        (
            "upgrades",
            ints(rows.iter().map(|row| row.info.stats.upgrades.get())),
        ),
        (
            "moves",
            ints(rows.iter().map(|row| row.info.stats.moves.get())),
        ),
        (
            "pinned",
            ints(rows.iter().map(|row| row.info.stats.pinned.get())),
        ),
        (
            "exit",
            Value::List(rows.iter().map(|row| Value::text(&row.exit)).collect()),
        ),
        (
            "reason",
            Value::Symbols(rows.iter().map(|row| row.reason.to_string()).collect()),
        ),
        (
            "supervisor",
            Value::Ints(
                rows.iter()
                    .map(|row| row.info.supervisor.map_or(NULL, |task| task.number()))
                    .collect(),
            ),
        ),
        (
            "last",
            Value::List(rows.iter().map(|row| Value::text(&row.last)).collect()),
        ),
    ])
}

/// One end of a ring, as a row.
struct RingRow {
    id: EndpointId,
    kind: &'static str,
    ring: EndpointId,
    core: i64,
    task: i64,
    capacity: u64,
    position: u64,
    lag: u64,
    missed: u64,
    commits: u64,
}

fn ring_row(id: EndpointId, info: &EndpointInfo) -> RingRow {
    let lags = info.ring.lags();
    let commits = match info.role {
        Role::Publisher { .. } => info.ring.commits(),
        Role::Subscriber { .. } => 0,
    };
    let (kind, ring, position, lag, missed) = match info.role {
        Role::Publisher { closed, .. } => {
            let kind = if closed { "closed" } else { "publisher" };
            let lag = lags.iter().map(|lag| lag.lag_bytes).max().unwrap_or(0);
            let missed = lags.iter().map(|lag| lag.missed_bytes).sum();
            (kind, id, info.ring.published(), lag, missed)
        }
        Role::Subscriber {
            ring,
            policy,
            reader,
        } => {
            let kind = match policy {
                Policy::Block => "block",
                Policy::Lap => "lap",
                Policy::Kick => "kick",
            };
            let own = lags.iter().find(|lag| Some(lag.reader) == reader);
            let (position, lag, missed) = own.map_or((0, 0, 0), |lag| {
                (lag.cursor, lag.lag_bytes, lag.missed_bytes)
            });
            (kind, ring, position, lag, missed)
        }
    };
    RingRow {
        id,
        kind,
        ring,
        core: info.home.map_or(NULL, |home| home.0.into()),
        task: info.owner.map_or(NULL, |owner| owner.number()),
        capacity: info.ring.capacity_bytes() as u64,
        position,
        lag,
        missed,
        commits,
    }
}

/// Both ends of all rings.
pub(crate) fn rings(shared: &Shared) -> Value {
    ring_table(&shared.directory.endpoints())
}

/// Ends of rings: `id kind ring core task capacity position lag missed commits
/// name`. The kind is `publisher`,
/// `closed` (its subscribers drain what is left), or a subscriber's policy. The lag of a publisher is
/// that of its slowest reader. The name is what the task calls it that was granted it.
pub(crate) fn ring_table(ends: &[(EndpointId, EndpointInfo)]) -> Value {
    let rows: Vec<RingRow> = ends.iter().map(|(id, info)| ring_row(*id, info)).collect();
    Value::table(vec![
        (
            "id",
            Value::Ints(rows.iter().map(|row| row.id.number()).collect()),
        ),
        (
            "kind",
            Value::Symbols(rows.iter().map(|row| row.kind.to_string()).collect()),
        ),
        (
            "ring",
            Value::Ints(rows.iter().map(|row| row.ring.number()).collect()),
        ),
        (
            "core",
            Value::Ints(rows.iter().map(|row| row.core).collect()),
        ),
        (
            "task",
            Value::Ints(rows.iter().map(|row| row.task).collect()),
        ),
        ("capacity", ints(rows.iter().map(|row| row.capacity))),
        ("position", ints(rows.iter().map(|row| row.position))),
        ("lag", ints(rows.iter().map(|row| row.lag))),
        ("missed", ints(rows.iter().map(|row| row.missed))),
        ("commits", ints(rows.iter().map(|row| row.commits))),
        (
            "name",
            Value::Symbols(ends.iter().map(|(_, info)| info.name.clone()).collect()),
        ),
    ])
}

/// All cores: `core tasks timers threads turns preempted messages outbox sleeps tasks_ms bus_ms
/// io_ms sleep_ms bus_us io_us tasks_us`.
pub(crate) fn cores(shared: &Shared) -> Value {
    let all = &shared.stats;
    let floats = |figure: fn(&crate::stats::CoreStats) -> u64| {
        Value::Floats(all.iter().map(|core| ms(figure(core))).collect())
    };
    Value::table(vec![
        ("core", ints(0..all.len() as u64)),
        ("tasks", ints(all.iter().map(|core| core.tasks.get()))),
        ("timers", ints(all.iter().map(|core| core.timers.get()))),
        ("threads", ints(all.iter().map(|core| core.threads.get()))),
        ("turns", ints(all.iter().map(|core| core.turns.get()))),
        (
            "preempted",
            ints(all.iter().map(|core| core.preemptions.get())),
        ),
        ("messages", ints(all.iter().map(|core| core.messages.get()))),
        ("outbox", ints(all.iter().map(|core| core.outbox.get()))),
        ("sleeps", ints(all.iter().map(|core| core.sleeps.get()))),
        ("tasks_ms", floats(|core| core.tasks_ns.get())),
        ("bus_ms", floats(|core| core.bus_ns.get())),
        ("io_ms", floats(|core| core.io_ns.get())),
        ("sleep_ms", floats(|core| core.sleep_ns.get())),
        ("bus_us", ints(all.iter().map(|core| core.bus_us.get()))),
        ("io_us", ints(all.iter().map(|core| core.io_us.get()))),
        ("tasks_us", ints(all.iter().map(|core| core.tasks_us.get()))),
    ])
}

/// All selectors.
pub(crate) fn selectors(shared: &Shared) -> Value {
    selector_table(&shared.directory.selectors())
}

/// Selectors: `selector kind at core creator in out connections opened in_bytes out_bytes queued limited
/// ignored`.
pub(crate) fn selector_table(all: &[(SelectorId, SelectorInfo)]) -> Value {
    let figures = |figure: fn(&SelectorStats) -> &Count| {
        ints(all.iter().map(|(_, info)| figure(&info.stats).get()))
    };
    let numbers = |number: fn(&SelectorInfo) -> i64| {
        Value::Ints(all.iter().map(|(_, info)| number(info)).collect())
    };
    let kinds = all.iter().map(|(_, info)| info.kind.to_string());
    let addresses = all.iter().map(|(_, info)| Value::text(&info.address));
    Value::table(vec![
        (
            "selector",
            Value::Ints(all.iter().map(|(id, _)| id.number()).collect()),
        ),
        ("kind", Value::Symbols(kinds.collect())),
        ("at", Value::List(addresses.collect())),
        ("core", numbers(|info| info.core.0.into())),
        (
            "creator",
            numbers(|info| info.creator.map_or(NULL, |creator| creator.number())),
        ),
        ("in", numbers(|info| info.input.number())),
        (
            "out",
            numbers(|info| info.output.map_or(NULL, |output| output.number())),
        ),
        ("connections", figures(|stats| &stats.connections)),
        ("opened", figures(|stats| &stats.opened)),
        ("in_bytes", figures(|stats| &stats.in_bytes)),
        ("out_bytes", figures(|stats| &stats.out_bytes)),
        ("queued", figures(|stats| &stats.queued_bytes)),
        ("limited", figures(|stats| &stats.limited)),
        ("ignored", figures(|stats| &stats.ignored)),
    ])
}

/// All names: `name kind number`.
pub(crate) fn names(shared: &Shared) -> Value {
    let all = shared.directory.names();
    let kinds = all.iter().map(|(_, named)| named.kind().word().to_string());
    let numbers = all.iter().map(|(_, named)| named.number());
    Value::table(vec![
        (
            "name",
            Value::Symbols(all.iter().map(|(name, _)| name.clone()).collect()),
        ),
        ("kind", Value::Symbols(kinds.collect())),
        ("number", Value::Ints(numbers.collect())),
    ])
}

/// All loaded modules: `name bytes wants`.
pub(crate) fn modules(shared: &Shared) -> Value {
    let all = shared.modules.list();
    let wants =
        |wants: &[String]| Value::List(wants.iter().map(|want| Value::text(want)).collect());
    Value::table(vec![
        (
            "name",
            Value::Symbols(all.iter().map(|module| module.name.clone()).collect()),
        ),
        ("bytes", ints(all.iter().map(|module| module.bytes))),
        (
            "class",
            Value::Symbols(
                all.iter()
                    .map(|module| module.class.word().to_string())
                    .collect(),
            ),
        ),
        (
            "wants",
            Value::List(all.iter().map(|module| wants(&module.wants)).collect()),
        ),
    ])
}

//! What the kernel knows of itself at one moment, as one value of bounded size.
//!
//! A dictionary: figures of the whole, then tables of cores, tasks, rings and selectors whose columns are
//! those of the requests `cores`, `ps`, `rings` and `selectors` (`docs/stats.md` has the list). However many tasks and
//! rings there are, a frame shows [`STATS_TASKS_MAX`] and [`STATS_ENDS_MAX`] of them at most: those
//! that used the most CPU, and through which the most bytes went, since the frame before. The totals
//! count all.

use crate::core::Shared;
use crate::directory::{EndpointInfo, Role, TaskInfo};
use crate::ids::{EndpointId, SelectorId, TaskId};
use crate::io::select::SelectorInfo;
use crate::limits::{
    STATS_ENDED_MAX, STATS_ENDS_MAX, STATS_MODULES_MAX, STATS_NAME_BYTES_MAX,
    STATS_REASON_BYTES_MAX, STATS_SELECTORS_MAX, STATS_TASKS_MAX,
};
use crate::views::{self, TaskRow};
use okernel_abi::value::Value;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// The version of the frame: it grows when a key or a column changes its meaning or goes. New ones may
/// come at any time.
pub(crate) const VERSION: i64 = 1;

/// What a frame says of itself.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) time_ns: u64,
    pub(crate) period_ms: u64,
    pub(crate) skipped: u64,
}

/// The figures of the frame before, from which it is seen who is busy.
#[derive(Debug, Default)]
pub(crate) struct Before {
    cpu_ns: HashMap<TaskId, u64>,
    published: HashMap<EndpointId, u64>,
}

/// One frame.
pub(crate) fn snapshot(shared: &Shared, header: &Header, before: &mut Before) -> Value {
    let (tasks, tasks_count, cpu_ns) = tasks(shared, &mut before.cpu_ns);
    let (ends, rings_count, ends_count) = ends(shared, &mut before.published);
    let (selectors, selectors_count) = selectors(shared);
    let mut modules: Vec<String> = shared.modules.list().into_iter().map(|m| m.name).collect();
    modules.sort();
    modules.truncate(STATS_MODULES_MAX);
    let count = |count: usize| Value::Int(count as i64);
    let figure = |figure: u64| Value::Int(figure as i64);
    let (keys, values): (Vec<&str>, Vec<Value>) = [
        ("version", Value::Int(VERSION)),
        ("time_ns", figure(header.time_ns)),
        ("period_ms", figure(header.period_ms)),
        ("skipped", figure(header.skipped)),
        ("tasks_count", count(tasks_count)),
        ("tasks_cpu_ms", Value::Float(cpu_ns as f64 / 1e6)),
        ("rings_count", count(rings_count)),
        ("ends_count", count(ends_count)),
        ("modules", Value::Symbols(modules)),
        ("cores", views::cores(shared)),
        ("tasks", views::task_table(&tasks)),
        ("rings", views::ring_table(&ends)),
        ("selectors_count", count(selectors_count)),
        ("selectors", views::selector_table(&selectors)),
    ]
    .into_iter()
    .unzip();
    let keys = keys.into_iter().map(str::to_string).collect();
    Value::Dict(Box::new((Value::Symbols(keys), Value::List(values))))
}

/// The busiest tasks by rising number and those that ended last, how many live, and the CPU time of all
/// that do.
fn tasks(shared: &Shared, before: &mut HashMap<TaskId, u64>) -> (Vec<TaskRow>, usize, u64) {
    let mut all: Vec<(TaskId, u64)> = Vec::new();
    shared
        .directory
        .visit_tasks(|id, info| all.push((id, info.stats.cpu_ns.get())));
    let cpu_ns = all.iter().map(|(_, cpu_ns)| cpu_ns).sum();
    let used = |id: &TaskId, cpu_ns: u64| cpu_ns - before.get(id).copied().unwrap_or(0).min(cpu_ns);
    let ranks = all
        .iter()
        .map(|(id, cpu_ns)| (*id, (used(id, *cpu_ns), *cpu_ns)));
    let chosen = busiest(ranks.collect(), STATS_TASKS_MAX);
    let mut infos: Vec<(TaskId, TaskInfo)> = Vec::with_capacity(chosen.len());
    shared.directory.visit_tasks(|id, info| {
        if chosen.contains(&id) {
            infos.push((id, info.clone()));
        }
    });
    let ended = shared.directory.ended(STATS_ENDED_MAX);
    let rows = ended
        .into_iter()
        .map(TaskRow::ended)
        .chain(infos.into_iter().map(|(id, info)| TaskRow::alive(id, info)));
    let rows = rows.map(|mut row| {
        row.info.name = cut(&row.info.name, STATS_NAME_BYTES_MAX);
        row.exit = cut(&row.exit, STATS_REASON_BYTES_MAX);
        row.last = cut(&row.last, STATS_REASON_BYTES_MAX);
        row
    });
    let rows = rows.collect();
    let count = all.len();
    *before = all.into_iter().collect();
    (rows, count, cpu_ns)
}

/// Both ends of the busiest rings by rising number, how many rings there are, and how many ends.
fn ends(
    shared: &Shared,
    before: &mut HashMap<EndpointId, u64>,
) -> (Vec<(EndpointId, EndpointInfo)>, usize, usize) {
    let mut rings: Vec<(EndpointId, u64)> = Vec::new();
    let mut readers: HashMap<EndpointId, usize> = HashMap::new();
    shared
        .directory
        .visit_endpoints(|id, info| match info.role {
            Role::Publisher { .. } => rings.push((id, info.ring.published())),
            Role::Subscriber { ring, .. } => *readers.entry(ring).or_default() += 1,
        });
    let ends_count = rings.len() + readers.values().sum::<usize>();
    let flowed = |id: &EndpointId, published: u64| {
        published - before.get(id).copied().unwrap_or(0).min(published)
    };
    let mut ranks: Vec<(EndpointId, (u64, u64))> = rings
        .iter()
        .map(|(id, published)| (*id, (flowed(id, *published), *published)))
        .collect();
    if ends_count > STATS_ENDS_MAX {
        ranks.sort_unstable_by_key(|&(id, rank)| (Reverse(rank), id));
    }
    let mut room = STATS_ENDS_MAX;
    let mut chosen = HashSet::new();
    for (id, _) in ranks {
        let taken = 1 + readers.get(&id).copied().unwrap_or(0);
        if taken > room {
            break;
        }
        room -= taken;
        chosen.insert(id);
    }
    let mut ends: Vec<(EndpointId, EndpointInfo)> = Vec::new();
    shared.directory.visit_endpoints(|id, info| {
        let ring = match info.role {
            Role::Publisher { .. } => id,
            Role::Subscriber { ring, .. } => ring,
        };
        // A reader may have come since the first look.
        if chosen.contains(&ring) && ends.len() < STATS_ENDS_MAX {
            let mut info = info.clone();
            info.name = cut(&info.name, STATS_NAME_BYTES_MAX);
            ends.push((id, info));
        }
    });
    let rings_count = rings.len();
    *before = rings.into_iter().collect();
    (ends, rings_count, ends_count)
}

/// The selectors with the most bytes in all, by rising number, and how many there are.
fn selectors(shared: &Shared) -> (Vec<(SelectorId, SelectorInfo)>, usize) {
    let mut all = shared.directory.selectors();
    let count = all.len();
    let bytes = |info: &SelectorInfo| info.stats.in_bytes.get() + info.stats.out_bytes.get();
    all.sort_by_cached_key(|(id, info)| (Reverse(bytes(info)), *id));
    all.truncate(STATS_SELECTORS_MAX);
    all.sort_unstable_by_key(|(id, _)| *id);
    for (_, info) in &mut all {
        info.address = cut(&info.address, STATS_NAME_BYTES_MAX);
    }
    (all, count)
}

/// The `most` that rank highest.
fn busiest(mut ranks: Vec<(TaskId, (u64, u64))>, most: usize) -> HashSet<TaskId> {
    if ranks.len() > most {
        ranks.select_nth_unstable_by_key(most, |&(id, rank)| (Reverse(rank), id));
        ranks.truncate(most);
    }
    ranks.into_iter().map(|(id, _)| id).collect()
}

/// A text of at most so many bytes, cut between characters.
fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_string()
}

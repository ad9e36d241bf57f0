//! Limits in requests: the dictionary `limits` of a spawn, what comes of it for the new task, and what `ps[task]`
//! answers.

use crate::cell::Cell;
use crate::core::{Core, Shared};
use crate::directory::TaskInfo;
use crate::limits::WEIGHT_DEFAULT;
use crate::refusal::Refusal;
use crate::request::{Args, Order, Request};
use crate::request_value::items;
use crate::task_limits::{LimitChanges, Limits};
use okernel_abi::layout::HandleKind;
use okernel_abi::value::{NULL, Value};

impl Args<'_> {
    /// Reads `ps`: of all tasks, or the limits of one.
    pub(crate) fn ps(&self) -> Result<Request, Refusal> {
        self.count(0, 1)?;
        match self.items {
            [] | [Value::Nil] => Ok(Request::Ps(None)),
            _ => self.task(0).map(|task| Request::Ps(Some(task))),
        }
    }

    /// Reads a dictionary of limits by their names.
    pub(crate) fn limits(&self, value: &Value) -> Result<LimitChanges, Refusal> {
        let mut changes = LimitChanges::default();
        let pair = match value {
            Value::List(empty) if empty.is_empty() => return Ok(changes),
            Value::Dict(pair) => pair,
            other => return Err(self.expected("limits: a dictionary", other)),
        };
        let (names, values) = (items(&pair.0), items(&pair.1));
        if names.len() != values.len() {
            let (names, values) = (names.len(), values.len());
            return Err(self.refuse(format_args!("limits: {names} names for {values} limits")));
        }
        for (name, value) in names.iter().zip(&values) {
            let Some(name) = name.as_text() else {
                return Err(self.expected("limits: a name for each", name));
            };
            let number = match value {
                Value::Int(int) if *int != NULL => *int as f64,
                Value::Float(float) => *float,
                other => return Err(self.expected(&format!("limits: {name}: a number"), other)),
            };
            let set = changes.set(&name, number);
            set.map_err(|text| self.refuse(format_args!("limits: {text}")))?;
        }
        Ok(changes)
    }
}

impl Core {
    /// What a new task may use at most, and its weight: what was asked for, over the kernel's defaults, and
    /// no more than its spawner has itself, unless that one may ask for everything.
    pub(crate) fn limits_of(&self, order: &Order, spawner: Option<&Cell>) -> (Limits, u32) {
        let defaults = &self.shared.config.limits;
        let wanted = order.weight.unwrap_or(WEIGHT_DEFAULT);
        match spawner {
            Some(parent) if parent.has(HandleKind::System) => {
                (order.limits.over(&defaults.within(&parent.limits)), wanted)
            }
            Some(parent) => {
                let limits = order.limits.over(defaults).within(&parent.limits);
                (limits, wanted.min(parent.weight.get()))
            }
            None => (order.limits.over(defaults), wanted),
        }
    }
}

/// The limits of one task: `limit used most`. What is not counted, and what is not limited, is null.
pub(crate) fn limits_table(shared: &Shared, info: &TaskInfo) -> Value {
    let (limits, stats) = (&info.limits, &info.stats);
    let int = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let most = |number: u64| match number {
        u64::MAX => NULL,
        number => int(number),
    };
    let (cpu, period) = match limits.share {
        Some(share) => (Value::Float(share.percent), int(share.period_ms)),
        None => (Value::Int(NULL), NULL),
    };
    let rows: [(&str, i64, Value); 12] = [
        (
            "memory",
            int(stats.memory_bytes.get()),
            Value::Int(most(limits.memory_bytes)),
        ),
        ("table", NULL, Value::Int(most(limits.table_elements))),
        ("window", NULL, Value::Int(most(limits.window_bytes))),
        ("message", NULL, Value::Int(most(limits.message_bytes))),
        ("cpu", NULL, cpu),
        ("period", NULL, Value::Int(period)),
        (
            "handles",
            int(stats.handles.get()),
            Value::Int(most(limits.handles as u64)),
        ),
        (
            "timers",
            int(stats.timers.get()),
            Value::Int(most(limits.timers as u64)),
        ),
        (
            "children",
            int(info.below_count as u64),
            Value::Int(most(limits.children as u64)),
        ),
        ("spawns", NULL, Value::Int(most(limits.spawns_per_second))),
        ("log", NULL, Value::Int(most(limits.log_lines_per_second))),
        (
            "all",
            int(shared.guest_memory.used_bytes()),
            Value::Int(most(shared.guest_memory.bytes_max())),
        ),
    ];
    let names = rows.iter().map(|(name, ..)| (*name).to_string()).collect();
    let used = rows.iter().map(|(_, used, _)| *used).collect();
    let most = rows.into_iter().map(|(_, _, most)| most).collect();
    Value::table(vec![
        ("limit", Value::Symbols(names)),
        ("used", Value::Ints(used)),
        ("most", Value::List(most)),
    ])
}

//! Limits in requests: the dictionary `limits` of a spawn, what comes of it for the new task, and what `ps[task]`
//! answers.

use crate::cell::Cell;
use crate::core::{Core, Shared};
use crate::directory::TaskInfo;
use crate::limits::WEIGHT_DEFAULT;
use crate::refusal::Refusal;
use crate::request::{Args, Order, Request};
use crate::request_value::items;
use crate::task_limits::{Amount, DescribedLimit, LimitChanges, Limits};
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
    let stats = &info.stats;
    let used = |name| match name {
        "memory" => Some(stats.memory_bytes.get()),
        "handles" => Some(stats.handles.get()),
        "timers" => Some(stats.timers.get()),
        "children" => Some(info.below_count as u64),
        "all" => Some(shared.guest_memory.used_bytes()),
        _ => None,
    };
    let all = DescribedLimit::count(
        "all",
        shared.guest_memory.bytes_max(),
        "bytes of linear memory of all tasks together",
    );
    let int = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (mut names, mut uses, mut mosts) = (Vec::new(), Vec::new(), Vec::new());
    for limit in info.limits.described().into_iter().chain([all]) {
        names.push(limit.name.to_string());
        uses.push(used(limit.name).map_or(NULL, int));
        mosts.push(match limit.most {
            Some(Amount::Count(count)) => Value::Int(int(count)),
            Some(Amount::Percent(percent)) => Value::Float(percent),
            None => Value::Int(NULL),
        });
    }
    Value::table(vec![
        ("limit", Value::Symbols(names)),
        ("used", Value::Ints(uses)),
        ("most", Value::List(mosts)),
    ])
}

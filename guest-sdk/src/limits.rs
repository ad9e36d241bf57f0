//! What a task may use at most, as its spawner says.
//!
//! What is not named is the kernel's default. A task with the right to spawn gives at most what it has itself, whatever
//! it asks for.

use core::time::Duration;
use okernel_abi::value::Value;

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Limits of a task that is to be spawned. A number that is out of its range is refused by the spawn, which names it.
///
/// ```
/// use okernel_sdk::{Limits, Spawn};
/// use std::time::Duration;
///
/// // At most 16 MiB, and a quarter of a core in every 20 milliseconds; it may not spawn.
/// let limits = Limits::new()
///     .memory(16 << 20)
///     .cpu(25.0)
///     .period(Duration::from_millis(20))
///     .children(0);
/// let worker = Spawn::module(1, "words").limits(limits);
/// # let _ = worker;
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
#[must_use = "limits do nothing until a task is spawned with them"]
pub struct Limits(Vec<(String, Value)>);

impl Limits {
    /// The kernel's defaults.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new();
    /// # let _ = limits;
    /// ```
    pub fn new() -> Limits {
        Limits::default()
    }

    fn set(mut self, name: &str, value: Value) -> Limits {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_string(), value));
        self
    }

    /// The most linear memory that the task may have, in bytes. Growing past it fails.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().memory(16 << 20);
    /// # let _ = limits;
    /// ```
    pub fn memory(self, bytes: u64) -> Limits {
        self.set("memory", int(bytes))
    }

    /// Elements of each of its tables.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().table(1000);
    /// # let _ = limits;
    /// ```
    pub fn table(self, elements: u32) -> Limits {
        self.set("table", int(elements.into()))
    }

    /// Memory that its windows on rings take, in bytes.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().window(1 << 24);
    /// # let _ = limits;
    /// ```
    pub fn window(self, bytes: u32) -> Limits {
        self.set("window", int(bytes.into()))
    }

    /// Bytes of one claim of a ring, of one request and of one piece of output, from 1. What is larger is refused with
    /// `TooLarge`.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().message(64 << 10);
    /// # let _ = limits;
    /// ```
    pub fn message(self, bytes: u32) -> Limits {
        self.set("message", int(bytes.into()))
    }

    /// A hard share of a core in percent, from 0.1, for the task and all that it spawns together: no more, even when the
    /// core is idle.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().cpu(25.0);
    /// # let _ = limits;
    /// ```
    pub fn cpu(self, percent: f64) -> Limits {
        self.set("cpu", Value::Float(percent))
    }

    /// Over which the share of a core is counted: whole milliseconds, 100 unless it is set.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// use std::time::Duration;
    /// let limits = Limits::new().cpu(50.0).period(Duration::from_millis(10));
    /// # let _ = limits;
    /// ```
    pub fn period(self, period: Duration) -> Limits {
        let ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        self.set("period", int(ms))
    }

    /// Handles that it holds at a time.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().handles(100);
    /// # let _ = limits;
    /// ```
    pub fn handles(self, count: u32) -> Limits {
        self.set("handles", int(count.into()))
    }

    /// Timers that it sets at a time.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().timers(10);
    /// # let _ = limits;
    /// ```
    pub fn timers(self, count: u32) -> Limits {
        self.set("timers", int(count.into()))
    }

    /// Living tasks that it has spawned, with those that these have spawned, and so on.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().children(4);
    /// # let _ = limits;
    /// ```
    pub fn children(self, count: u32) -> Limits {
        self.set("children", int(count.into()))
    }

    /// Tasks that it spawns in a second, with all that those spawn.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().spawns(10);
    /// # let _ = limits;
    /// ```
    pub fn spawns(self, per_second: u32) -> Limits {
        self.set("spawns", int(per_second.into()))
    }

    /// Lines that it writes to the log in a second, in the long run; four times as many at once.
    ///
    /// ```
    /// # use okernel_sdk::Limits;
    /// let limits = Limits::new().log(5);
    /// # let _ = limits;
    /// ```
    pub fn log(self, lines_per_second: u32) -> Limits {
        self.set("log", int(lines_per_second.into()))
    }

    /// As the requests `spawn` and `supervise` take them, under the name `limits`.
    ///
    /// ```
    /// # use okernel_sdk::{Child, Limits};
    /// let child = Child::module("words").setting("limits", Limits::new().memory(1 << 20).into_value());
    /// # let _ = child;
    /// ```
    pub fn into_value(self) -> Value {
        let (names, values) = self.0.into_iter().unzip();
        Value::Dict(Box::new((Value::Symbols(names), Value::List(values))))
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;
    use core::time::Duration;
    use okernel_abi::value::Value;

    #[test]
    fn each_limit_is_one_entry_and_the_last_one_counts() {
        let limits = Limits::new()
            .memory(5)
            .cpu(2.5)
            .period(Duration::from_micros(3999))
            .memory(u64::MAX);
        let names = ["cpu", "period", "memory"].map(str::to_string);
        let values = vec![Value::Float(2.5), Value::Int(3), Value::Int(i64::MAX)];
        let dict = Box::new((Value::Symbols(names.to_vec()), Value::List(values)));
        assert_eq!(limits.into_value(), Value::Dict(dict));
    }
}

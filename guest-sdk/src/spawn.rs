//! Spawning tasks: what runs, where, and what it is granted.
//!
//! A task can grant what it holds itself, whole or cut down, and nothing else; what it grants it can take back at any
//! moment, and with it goes all that was derived from it.

use crate::error::RequestError;
use crate::limits::Limits;
use crate::request::Rights;
use core::time::Duration;
use okernel_abi::value::{Moment, Value};

fn symbol(text: &str) -> Value {
    Value::Symbol(text.to_string())
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn dict(pairs: Vec<(String, Value)>) -> Value {
    let (names, values) = pairs.into_iter().unzip();
    Value::Dict(Box::new((Value::Symbols(names), Value::List(values))))
}

/// Something to be granted, perhaps cut down.
///
/// Units are bytes for rings, files and the console, and uses for the other rights.
///
/// ```
/// use okernel_sdk::Grant;
/// use std::time::Duration;
///
/// // What this task was granted as "orders": read only, at most a megabyte a second, for an hour.
/// let grant = Grant::own("orders")
///     .read_only()
///     .rate(1 << 20)
///     .lasts(Duration::from_secs(3600));
/// # let _ = grant;
/// ```
#[derive(Clone, PartialEq, Debug)]
#[must_use = "a grant does nothing until a task is spawned with it"]
pub struct Grant {
    whole: Value,
    limits: Vec<(String, Value)>,
}

impl Grant {
    fn new(whole: Value) -> Grant {
        Grant {
            whole,
            limits: Vec::new(),
        }
    }

    /// What this task itself was granted under this name. An end of a ring goes over to the new task, unless it is cut
    /// down to be [`read_only`](Grant::read_only).
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// let grant = Grant::own("in");
    /// # let _ = grant;
    /// ```
    pub fn own(name: &str) -> Grant {
        Grant::new(Value::List(vec![symbol("own"), symbol(name)]))
    }

    /// The end of a ring with this number, as the requests `pub` and `sub` answer it.
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// let grant = Grant::end(7);
    /// # let _ = grant;
    /// ```
    pub fn end(number: i64) -> Grant {
        Grant::new(Value::Int(number))
    }

    /// A right by its word: `timer`, `clock`, `console`, `errors`, `spawn` or `system`.
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// let grant = Grant::right("timer");
    /// # let _ = grant;
    /// ```
    pub fn right(word: &str) -> Grant {
        Grant::new(symbol(word))
    }

    /// A file by its path, for whoever has the right to make every request. The access is `read`, `write` or `append`.
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// let grant = Grant::file("trades.log", "append").quota(1 << 30);
    /// # let _ = grant;
    /// ```
    pub fn file(path: &str, access: &str) -> Grant {
        let items = vec![symbol("file"), Value::text(path), symbol(access)];
        Grant::new(Value::List(items))
    }

    fn limit(mut self, name: &str, value: Value) -> Grant {
        self.limits.retain(|(known, _)| known != name);
        self.limits.push((name.to_string(), value));
        self
    }

    /// Leaves only reading. Of a publisher's right this leaves a reader of its ring, which is made for the new task and
    /// goes with it; the publisher stays where it is.
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// let grant = Grant::own("out").read_only();
    /// # let _ = grant;
    /// ```
    pub fn read_only(self) -> Grant {
        self.limit("access", symbol("read"))
    }

    /// Lets so many units pass in a second, and as many at once after a rest. Whoever publishes, receives or prints
    /// faster waits; other uses are refused with `Throttled`.
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// let grant = Grant::own("out").rate(1 << 20);
    /// # let _ = grant;
    /// ```
    pub fn rate(self, units_per_second: u64) -> Grant {
        self.limit("rate", int(units_per_second))
    }

    /// Beside a rate: how many units may pass at once after a rest. No single message can be larger.
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// let grant = Grant::own("out").rate(1000).burst(64 << 10);
    /// # let _ = grant;
    /// ```
    pub fn burst(self, units: u64) -> Grant {
        self.limit("burst", int(units))
    }

    /// Lets so many units pass in all; then uses are refused with `Quota`.
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// let grant = Grant::own("out").quota(1 << 30);
    /// # let _ = grant;
    /// ```
    pub fn quota(self, units: u64) -> Grant {
        self.limit("quota", int(units))
    }

    /// Takes the grant back after this span, counted from the spawn; then uses are refused with `Expired`.
    ///
    /// ```
    /// # use okernel_sdk::Grant;
    /// use std::time::Duration;
    /// let grant = Grant::own("in").lasts(Duration::from_secs(60));
    /// # let _ = grant;
    /// ```
    pub fn lasts(self, span: Duration) -> Grant {
        let ns = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        self.limit("until", Value::Moment(Moment::Span, ns))
    }

    fn into_value(self) -> Value {
        if self.limits.is_empty() {
            return self.whole;
        }
        Value::List(vec![symbol("limit"), self.whole, dict(self.limits)])
    }
}

/// A task to be spawned.
///
/// ```
/// use okernel_sdk::testing::Harness;
/// use okernel_sdk::{Grant, Spawn, Value};
///
/// let harness = Harness::new().answer_spawn("spawn", |_| Value::Int(12));
/// let done = harness.run(async |ctx| {
///     let worker = Spawn::module(1, "words")
///         .grant("in", Grant::own("in"))
///         .grant("out", Grant::own("out").quota(1 << 20))
///         .args(["10"]);
///     let task = ctx.rights()?.spawn(worker).await?;
///     assert_eq!(task, 12);
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
#[derive(Clone, PartialEq, Debug)]
#[must_use = "nothing is spawned until it is asked for"]
pub struct Spawn {
    core: u16,
    program: Value,
    settings: Vec<(String, Value)>,
}

impl Spawn {
    fn new(core: u16, program: Value) -> Spawn {
        Spawn {
            core,
            program,
            settings: Vec::new(),
        }
    }

    /// A task of a loaded module, on this core.
    ///
    /// ```
    /// # use okernel_sdk::Spawn;
    /// let worker = Spawn::module(1, "words");
    /// # let _ = worker;
    /// ```
    pub fn module(core: u16, name: &str) -> Spawn {
        Spawn::new(core, symbol(name))
    }

    /// A task that runs a program in O, on this core.
    ///
    /// ```
    /// # use okernel_sdk::Spawn;
    /// let worker = Spawn::code(0, "{snd[out;2*x];o rcv in} rcv in");
    /// # let _ = worker;
    /// ```
    pub fn code(core: u16, source: &str) -> Spawn {
        Spawn::new(core, Value::text(source))
    }

    fn set(mut self, name: &str, value: Value) -> Spawn {
        self.settings.push((name.to_string(), value));
        self
    }

    /// Grants something under a name.
    ///
    /// ```
    /// # use okernel_sdk::{Grant, Spawn};
    /// let worker = Spawn::module(0, "words").grant("in", Grant::own("lines"));
    /// # let _ = worker;
    /// ```
    pub fn grant(self, name: &str, grant: Grant) -> Spawn {
        self.set(name, grant.into_value())
    }

    /// Its arguments.
    ///
    /// ```
    /// # use okernel_sdk::Spawn;
    /// let worker = Spawn::module(0, "words").args(["10", "fast"]);
    /// # let _ = worker;
    /// ```
    pub fn args<T: AsRef<str>>(self, args: impl IntoIterator<Item = T>) -> Spawn {
        let args = args.into_iter().map(|arg| Value::text(arg.as_ref()));
        let args = Value::List(args.collect());
        self.set("args", args)
    }

    /// Its weight among the tasks of its core.
    ///
    /// ```
    /// # use okernel_sdk::Spawn;
    /// let worker = Spawn::module(0, "words").weight(300);
    /// # let _ = worker;
    /// ```
    pub fn weight(self, weight: u32) -> Spawn {
        self.set("weight", int(weight.into()))
    }

    /// The most memory that it may have, in bytes.
    ///
    /// ```
    /// # use okernel_sdk::Spawn;
    /// let worker = Spawn::module(0, "words").memory(16 << 20);
    /// # let _ = worker;
    /// ```
    pub fn memory(self, bytes: u64) -> Spawn {
        self.set("memory", int(bytes))
    }

    /// What it may use at most.
    ///
    /// ```
    /// # use okernel_sdk::{Limits, Spawn};
    /// let worker = Spawn::module(0, "words").limits(Limits::new().cpu(10.0).timers(2));
    /// # let _ = worker;
    /// ```
    pub fn limits(self, limits: Limits) -> Spawn {
        self.set("limits", limits.into_value())
    }

    /// The seed of its random numbers.
    ///
    /// ```
    /// # use okernel_sdk::Spawn;
    /// let worker = Spawn::module(0, "words").seed(7);
    /// # let _ = worker;
    /// ```
    pub fn seed(self, seed: u64) -> Spawn {
        self.set("seed", int(seed))
    }
}

impl Rights {
    async fn ask(&self, items: Vec<Value>) -> Result<Value, RequestError> {
        self.request(&Value::List(items))?.await
    }

    /// Spawns a task; answers its number.
    ///
    /// # Errors
    /// The kernel refused, and says why: a grant that this task does not hold, a module that is not loaded or wants
    /// more grants, a limit.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::{Spawn, Value};
    /// # let harness = Harness::new().answer_spawn("spawn", |_| Value::Int(12));
    /// # let done = harness.run(async |ctx| {
    /// let task = ctx.rights()?.spawn(Spawn::module(1, "words")).await?;
    /// # assert_eq!(task, 12);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn spawn(&self, spawn: Spawn) -> Result<i64, RequestError> {
        let core = Value::Int(spawn.core.into());
        let items = vec![symbol("spawn"), core, spawn.program, dict(spawn.settings)];
        match self.ask(items).await? {
            Value::Int(task) => Ok(task),
            other => Err(RequestError::Failed(format!(
                "spawn: the kernel answered {other:?}"
            ))),
        }
    }

    /// Takes a grant back from a task that this one has spawned, and all that was derived from it. When the answer is
    /// there, none of it can be used any more.
    ///
    /// # Errors
    /// There is no such task or grant, or the task is another one's.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::Value;
    /// # let harness = Harness::new().answer_spawn("spawn", |_| Value::Nil);
    /// # let done = harness.run(async |ctx| {
    /// ctx.rights()?.revoke(12, "out").await?;
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn revoke(&self, task: i64, name: &str) -> Result<(), RequestError> {
        let items = vec![symbol("revoke"), Value::Int(task), symbol(name)];
        self.ask(items).await.map(drop)
    }

    /// The table of what a task was granted and what is left of it, for a task that this one has spawned.
    ///
    /// # Errors
    /// There is no such task, or it is another one's.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::Value;
    /// # let harness = Harness::new().answer_spawn("spawn", |_| Value::table(vec![]));
    /// # let done = harness.run(async |ctx| {
    /// let table = ctx.rights()?.caps(12).await?;
    /// # assert!(matches!(table, Value::Table(_)));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn caps(&self, task: i64) -> Result<Value, RequestError> {
        self.ask(vec![symbol("caps"), Value::Int(task)]).await
    }
}

#[cfg(test)]
mod tests {
    use super::{Grant, Moment, Value};
    use core::time::Duration;

    #[test]
    fn a_grant_is_whole_or_has_one_dictionary_of_limits() {
        let own = Value::List(vec![
            Value::Symbol("own".into()),
            Value::Symbol("in".into()),
        ]);
        assert_eq!(Grant::own("in").into_value(), own);
        assert_eq!(Grant::end(3).into_value(), Value::Int(3));
        let limited = Grant::own("in")
            .rate(5)
            .rate(7)
            .burst(u64::MAX)
            .lasts(Duration::from_nanos(9))
            .read_only();
        let names = ["rate", "burst", "until", "access"].map(str::to_string);
        let values = vec![
            Value::Int(7),
            Value::Int(i64::MAX),
            Value::Moment(Moment::Span, 9),
            Value::Symbol("read".into()),
        ];
        let limits = Value::Dict(Box::new((
            Value::Symbols(names.to_vec()),
            Value::List(values),
        )));
        let wanted = vec![Value::Symbol("limit".into()), own, limits];
        assert_eq!(limited.into_value(), Value::List(wanted));
    }
}

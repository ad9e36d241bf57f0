//! Supervision from a task that may spawn: trees of children, the ends of tasks, links and names.
//!
//! A supervisor is a task of the kernel's. It starts its children, is told how they end, and starts
//! them again as its strategy says; what a child was granted is there again under the same names, each ring at
//! the position of the last commit and release. `docs/supervision.md` tells the whole story.

use crate::context::Context;
use crate::error::RequestError;
use core::time::Duration;
use okernel_abi::value::Value;

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

impl Strategy {
    fn word(self) -> &'static str {
        match self {
            Strategy::OneForOne => "one",
            Strategy::OneForAll => "all",
            Strategy::RestForOne => "rest",
        }
    }
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

impl Restart {
    fn word(self) -> &'static str {
        match self {
            Restart::Permanent => "permanent",
            Restart::Transient => "transient",
            Restart::Temporary => "temporary",
        }
    }
}

/// A supervisor that is to be: a strategy, what it bears, and its children in the order of their start.
///
/// ```
/// use core::time::Duration;
/// use okernel_sdk::{Child, Restart, Strategy, Supervisor, Value};
///
/// let tree = Supervisor::new(Strategy::RestForOne)
///     .intensity(5, Duration::from_secs(10))
///     .child("split", Child::module("words").core(1).grant("in", 4))
///     .child("report", Child::code("print 1").restart(Restart::Transient));
/// let Value::List(request) = tree.request() else { panic!() };
/// assert_eq!(request[..2], [Value::Symbol("supervise".into()), Value::Symbol("rest".into())]);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Supervisor {
    strategy: Strategy,
    options: Entries,
    children: Vec<(String, Child)>,
}

/// A child of a supervisor: what it runs and what it may use.
///
/// ```
/// use okernel_sdk::{Child, Strategy, Supervisor, Value};
///
/// let worker = Child::module("words").core(1).grant("in", 4).setting("args", Value::text("10"));
/// let below = Child::supervisor(Supervisor::new(Strategy::OneForAll).child("worker", worker));
/// # let _ = below;
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Child(Entries);

type Entries = Vec<(String, Value)>;

fn dict(entries: &[(String, Value)]) -> Value {
    let (keys, values) = entries.iter().cloned().unzip();
    Value::Dict(Box::new((Value::Symbols(keys), Value::List(values))))
}

fn ms(time: Duration) -> Value {
    Value::Int(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn symbol(text: &str) -> Value {
    Value::Symbol(text.to_string())
}

impl Child {
    /// An instance of the loaded module with this name. It is permanent and has no grants.
    ///
    /// ```
    /// let child = okernel_sdk::Child::module("words");
    /// # let _ = child;
    /// ```
    pub fn module(name: &str) -> Child {
        Child(vec![("run".to_string(), symbol(name))])
    }

    /// An O program. It is permanent and has no grants.
    ///
    /// ```
    /// let child = okernel_sdk::Child::code("print 2+3");
    /// # let _ = child;
    /// ```
    pub fn code(source: &str) -> Child {
        Child(vec![("run".to_string(), Value::text(source))])
    }

    /// A supervisor below this one.
    ///
    /// ```
    /// use okernel_sdk::{Child, Strategy, Supervisor};
    ///
    /// let below = Supervisor::new(Strategy::OneForOne).child("a", Child::module("words"));
    /// let child = Child::supervisor(below);
    /// # let _ = child;
    /// ```
    pub fn supervisor(supervisor: Supervisor) -> Child {
        let mut entries = supervisor.options.clone();
        entries.push(("strategy".to_string(), symbol(supervisor.strategy.word())));
        entries.push(("children".to_string(), supervisor.children_value()));
        Child(entries)
    }

    /// When it is started again.
    ///
    /// ```
    /// use okernel_sdk::{Child, Restart};
    ///
    /// let child = Child::module("words").restart(Restart::Transient);
    /// # let _ = child;
    /// ```
    #[must_use]
    pub fn restart(self, restart: Restart) -> Child {
        self.setting("restart", symbol(restart.word()))
    }

    /// The core on which it runs; without this it is the supervisor's.
    ///
    /// ```
    /// let child = okernel_sdk::Child::module("words").core(1);
    /// # let _ = child;
    /// ```
    #[must_use]
    pub fn core(self, core: u16) -> Child {
        self.setting("core", Value::Int(core.into()))
    }

    /// Grants an end of a ring, by its number.
    ///
    /// ```
    /// let child = okernel_sdk::Child::module("words").grant("in", 4);
    /// # let _ = child;
    /// ```
    #[must_use]
    pub fn grant(self, name: &str, endpoint: i64) -> Child {
        self.setting(name, Value::Int(endpoint))
    }

    /// Any other entry that `spawn` takes too: a grant like `` `timer``, or `args`, `weight`, `memory`, `limits`, `seed`.
    ///
    /// ```
    /// use okernel_sdk::{Child, Value};
    ///
    /// let child = Child::module("words").setting("timer", Value::Symbol("timer".into()));
    /// # let _ = child;
    /// ```
    #[must_use]
    pub fn setting(mut self, name: &str, value: Value) -> Child {
        self.0.push((name.to_string(), value));
        self
    }
}

impl Supervisor {
    /// A supervisor without children. It bears 3 restarts within 5 s; the second restart in a row waits 10 ms, and each
    /// further one twice as long, up to 1 s.
    ///
    /// ```
    /// let tree = okernel_sdk::Supervisor::new(okernel_sdk::Strategy::OneForOne);
    /// # let _ = tree;
    /// ```
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor {
            strategy,
            options: Vec::new(),
            children: Vec::new(),
        }
    }

    fn option(mut self, name: &str, value: Value) -> Supervisor {
        self.options.push((name.to_string(), value));
        self
    }

    /// How many restarts are borne within how long. One more ends the supervisor.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use okernel_sdk::{Strategy, Supervisor};
    /// let tree = Supervisor::new(Strategy::OneForOne).intensity(5, Duration::from_secs(10));
    /// # let _ = tree;
    /// ```
    #[must_use]
    pub fn intensity(self, restarts: u32, period: Duration) -> Supervisor {
        self.option("intensity", Value::Int(restarts.into()))
            .option("period", ms(period))
    }

    /// How long the second restart in a row waits, and the most that any waits.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use okernel_sdk::{Strategy, Supervisor};
    /// let tree = Supervisor::new(Strategy::OneForOne).backoff(Duration::from_millis(5), Duration::from_secs(1));
    /// # let _ = tree;
    /// ```
    #[must_use]
    pub fn backoff(self, second: Duration, most: Duration) -> Supervisor {
        self.option("backoff", ms(second))
            .option("backoffmax", ms(most))
    }

    /// A name: its children are found in the registry of names as `name.child`.
    ///
    /// ```
    /// # use okernel_sdk::{Strategy, Supervisor};
    /// let tree = Supervisor::new(Strategy::OneForOne).name("orders");
    /// # let _ = tree;
    /// ```
    #[must_use]
    pub fn name(self, name: &str) -> Supervisor {
        self.option("name", symbol(name))
    }

    /// One more child, started after those before it.
    ///
    /// ```
    /// # use okernel_sdk::{Child, Strategy, Supervisor};
    /// let tree = Supervisor::new(Strategy::OneForOne).child("split", Child::module("words"));
    /// # let _ = tree;
    /// ```
    #[must_use]
    pub fn child(mut self, name: &str, child: Child) -> Supervisor {
        self.children.push((name.to_string(), child));
        self
    }

    fn children_value(&self) -> Value {
        let children = self.children.iter();
        let entries = children.map(|(name, child)| (name.clone(), dict(&child.0)));
        dict(&entries.collect::<Entries>())
    }

    /// The request that starts it, for whoever makes requests by hand.
    ///
    /// ```
    /// # use okernel_sdk::{Child, Strategy, Supervisor, Value};
    /// let request = Supervisor::new(Strategy::OneForOne).child("a", Child::module("words")).request();
    /// assert!(matches!(request, Value::List(items) if items.len() == 4));
    /// ```
    pub fn request(&self) -> Value {
        Value::List(vec![
            symbol("supervise"),
            symbol(self.strategy.word()),
            dict(&self.options),
            self.children_value(),
        ])
    }
}

/// How a task ended, as those are told who monitor it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The task's number.
    pub task: i64,
    /// Its name in lists.
    pub name: String,
    /// Why, in one word: `done`, `error`, `trap`, `panic`, `limit`, `refused`, `host`, `killed`, `halted`, `revoked`,
    /// `replaced`, `linked` or `shutdown`.
    pub reason: String,
    /// The same as one line.
    pub text: String,
    /// Where the task's own code failed, one frame per line; empty when there is nothing to show.
    pub backtrace: String,
}

impl Ended {
    fn from_value(value: &Value) -> Option<Ended> {
        let Value::Dict(pair) = value else {
            return None;
        };
        let (Value::Symbols(keys), Value::List(values)) = &**pair else {
            return None;
        };
        let get = |name: &str| values.get(keys.iter().position(|key| key == name)?);
        let text = |name: &str| get(name).and_then(Value::as_text).unwrap_or_default();
        Some(Ended {
            task: get("task")?.as_int()?,
            name: text("name"),
            reason: text("reason"),
            text: text("text"),
            backtrace: text("backtrace"),
        })
    }
}

fn list(op: &str, args: impl IntoIterator<Item = Value>) -> Value {
    Value::List(core::iter::once(symbol(op)).chain(args).collect())
}

impl Context {
    /// Starts a supervisor, with the right to spawn; answers the number of its task. It starts its children one after
    /// another; if one cannot be started the supervisor ends with that reason, which [`Context::monitor`] tells.
    ///
    /// # Errors
    /// The task has no right to, or the request makes no sense, for example because a module is not loaded.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::Value;
    /// use okernel_sdk::{Child, Strategy, Supervisor};
    /// # let harness = Harness::new().answer("system", |_| Value::Int(9));
    /// # let done = harness.run(async |ctx| {
    /// let tree = Supervisor::new(Strategy::OneForOne).child("split", Child::module("words").grant("in", 4));
    /// let supervisor = ctx.supervise(&tree).await?;
    /// # assert_eq!(supervisor, 9);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn supervise(&self, supervisor: &Supervisor) -> Result<i64, RequestError> {
        let answer = self.request(&supervisor.request()).await?;
        let odd = || RequestError::Failed(format!("supervise: answered by {answer:?}"));
        answer.as_int().ok_or_else(odd)
    }

    /// Waits until a task has ended; answers how. Of a task that ended not long ago it is known at once.
    ///
    /// # Errors
    /// The task has no right to, or there is no such task.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::Value;
    /// # let ended = Value::Dict(Box::new((
    /// #     Value::Symbols(vec!["task".into(), "name".into(), "reason".into(), "text".into(), "backtrace".into()]),
    /// #     Value::List(vec![Value::Int(5), Value::Symbol("words".into()), Value::Symbol("trap".into()),
    /// #         Value::text("trap: unreachable"), Value::text("")]),
    /// # )));
    /// # let harness = Harness::new().answer("system", move |_| ended.clone());
    /// # let done = harness.run(async |ctx| {
    /// let ended = ctx.monitor(5).await?;
    /// assert_eq!((ended.reason.as_str(), ended.text.as_str()), ("trap", "trap: unreachable"));
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn monitor(&self, task: i64) -> Result<Ended, RequestError> {
        let answer = self.request(&list("monitor", [Value::Int(task)])).await?;
        let odd = || RequestError::Failed(format!("monitor: answered by {answer:?}"));
        Ended::from_value(&answer).ok_or_else(odd)
    }

    /// Links this task to another: when one of the two ends otherwise than in order, so does the other.
    ///
    /// # Errors
    /// The task has no right to, or there is no such task.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::Value;
    /// # let harness = Harness::new().answer("system", |_| Value::Nil);
    /// # let done = harness.run(async |ctx| {
    /// ctx.link(5).await?;
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn link(&self, task: i64) -> Result<(), RequestError> {
        self.request(&list("link", [Value::Int(task)]))
            .await
            .map(drop)
    }

    /// Names a ring, by the number of one of its ends, in the kernel's registry. The name goes when that end does.
    ///
    /// # Errors
    /// The task has no right to, or the name is taken.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::Value;
    /// # let harness = Harness::new().answer("system", |_| Value::Symbol("orders.in".into()));
    /// # let done = harness.run(async |ctx| {
    /// ctx.name_ring("orders.in", 4).await?;
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn name_ring(&self, name: &str, end: i64) -> Result<(), RequestError> {
        let request = list("name", [symbol(name), Value::Int(end)]);
        self.request(&request).await.map(drop)
    }

    /// Names a task in the kernel's registry. The name goes when the task does.
    ///
    /// # Errors
    /// As for [`Context::name_ring`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::Value;
    /// # let harness = Harness::new().answer("system", |_| Value::Symbol("feed".into()));
    /// # let done = harness.run(async |ctx| {
    /// ctx.name_task("feed", 5).await?;
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn name_task(&self, name: &str, task: i64) -> Result<(), RequestError> {
        let request = list("name", [symbol("task"), symbol(name), Value::Int(task)]);
        self.request(&request).await.map(drop)
    }

    /// Waits until a ring has this name; answers the number. This takes the right `system`.
    ///
    /// # Errors
    /// The task has no right to.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::Value;
    /// # let harness = Harness::new().answer("system", |_| Value::Int(4));
    /// # let done = harness.run(async |ctx| {
    /// let ring = ctx.await_ring("orders.in").await?;
    /// # assert_eq!(ring, 4);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn await_ring(&self, name: &str) -> Result<i64, RequestError> {
        let answer = self.request(&list("await", [symbol(name)])).await?;
        let odd = || RequestError::Failed(format!("await: answered by {answer:?}"));
        answer.as_int().ok_or_else(odd)
    }
}

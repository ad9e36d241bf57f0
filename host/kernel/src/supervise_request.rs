//! Requests about supervision, links and names, read from values.
//!
//! ``(`supervise;strategy;options;children)``: the strategy is `` `one ``, `` `all`` or `` `rest``, options and children are
//! dictionaries. Options: `intensity` (restarts that are borne), `period`, `backoff` and `backoffmax` in milliseconds,
//! `name`, `core`. The names of the children are the keys; each child is a dictionary of the settings `core`, `run` and
//! `restart` (`` `permanent``, `` `transient`` or `` `temporary``) and of what `spawn` takes: grants, `args`, `weight`,
//! `memory`, `seed`. A child that is a supervisor has no `run`, but `children`, `strategy` and options.

use crate::ids::TaskId;
use crate::limits::{CHILDREN_MAX, NAME_BYTES_MAX, SUPERVISOR_MS_MAX, SUPERVISORS_DEEP_MAX};
use crate::names::{NameKind, Named};
use crate::refusal::Refusal;
use crate::request::{Args, Order, Request};
use crate::request_value::items;
use crate::restart::{Policy, Restart, Strategy};
use okernel_abi::value::Value;

/// Restarts that are borne within a period, if nothing else is said.
const INTENSITY: u32 = 3;
const INTENSITY_MAX: i64 = 1_000_000;
/// That period.
const PERIOD_MS: u64 = 5000;
/// The wait before the second restart in a row.
const BACKOFF_MS: u64 = 10;
/// The longest wait.
const BACKOFF_MAX_MS: u64 = 1000;
const NS_PER_MS: u64 = 1_000_000;

/// Two tasks; the first is the one that asks, if only one was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pair {
    pub(crate) one: Option<TaskId>,
    pub(crate) other: TaskId,
}

/// A supervisor, as it was asked for; cores are numbers that were not looked up yet.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct TreeOrder {
    pub(crate) name: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) children: Vec<ChildOrder>,
}

/// A child, likewise.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ChildOrder {
    pub(crate) name: String,
    pub(crate) core: Option<i64>,
    pub(crate) restart: Restart,
    pub(crate) run: RunOrder,
}

/// What a child runs.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum RunOrder {
    Program(Box<Order>),
    Supervisor(Box<TreeOrder>),
}

/// The entries of a dictionary, by name.
type Entries = Vec<(String, Value)>;

impl Args<'_> {
    /// A task's number, or two.
    pub(crate) fn pair(&self) -> Result<Pair, Refusal> {
        self.count(1, 2)?;
        let (one, other) = match self.items.len() {
            1 => (None, 0),
            _ => (Some(self.task(0)?), 1),
        };
        Ok(Pair {
            one,
            other: self.task(other)?,
        })
    }

    /// ``[`task;]name``.
    pub(crate) fn named(&self) -> Result<(NameKind, String), Refusal> {
        self.count(1, 2)?;
        if self.items.len() == 1 {
            return Ok((NameKind::Ring, self.text(0, "a name")?));
        }
        Ok((self.name_kind()?, self.text(1, "a name")?))
    }

    fn name_kind(&self) -> Result<NameKind, Refusal> {
        match self.items[0].as_text().as_deref() {
            Some("task") => Ok(NameKind::Task),
            Some("ring") => Ok(NameKind::Ring),
            _ => Err(self.expected("`task or `ring", &self.items[0])),
        }
    }

    /// `name;ring` or `` `task;name;task``.
    pub(crate) fn name(&self) -> Result<Request, Refusal> {
        self.count(2, 3)?;
        let (kind, at) = match self.items.len() {
            2 => (NameKind::Ring, 0),
            _ => (self.name_kind()?, 1),
        };
        let name = self.text(at, "a name")?;
        let named = match kind {
            NameKind::Task => Named::Task(self.task(at + 1)?),
            NameKind::Ring => Named::Ring(self.endpoint(at + 1, "a ring's number")?),
        };
        Ok(Request::Name(name, named))
    }

    pub(crate) fn supervise(&self) -> Result<Request, Refusal> {
        self.count(2, 3)?;
        let last = self.items.len() - 1;
        let options = match last {
            1 => Vec::new(),
            _ => self.entries(&self.items[1], "a dictionary of options")?,
        };
        let strategy = self.strategy(&self.items[0])?;
        let (core, options) = self.core_of(options)?;
        let tree = self.tree(strategy, options, &self.items[last], 1)?;
        Ok(Request::Supervise {
            core,
            tree: Box::new(tree),
        })
    }

    fn entries(&self, value: &Value, what: &str) -> Result<Entries, Refusal> {
        let pair = match value {
            Value::Dict(pair) => pair,
            Value::Nil => return Ok(Vec::new()),
            other if items(other).is_empty() => return Ok(Vec::new()),
            other => return Err(self.expected(what, other)),
        };
        let (names, values) = (items(&pair.0), items(&pair.1));
        if names.len() != values.len() {
            return Err(self.expected(what, value));
        }
        let mut entries = Vec::with_capacity(names.len());
        for (name, value) in names.into_iter().zip(values) {
            match name.as_text().filter(|name| !name.is_empty()) {
                Some(name) if name.len() <= NAME_BYTES_MAX => entries.push((name, value)),
                _ => return Err(self.expected("a name", &name)),
            }
        }
        Ok(entries)
    }

    fn strategy(&self, value: &Value) -> Result<Strategy, Refusal> {
        match value.as_text().as_deref() {
            Some("one") => Ok(Strategy::OneForOne),
            Some("all") => Ok(Strategy::OneForAll),
            Some("rest") => Ok(Strategy::RestForOne),
            _ => Err(self.expected("`one, `all or `rest", value)),
        }
    }

    /// The setting `core`, and what is left without it.
    fn core_of(&self, mut entries: Entries) -> Result<(Option<i64>, Entries), Refusal> {
        let Some(at) = entries.iter().position(|(name, _)| name == "core") else {
            return Ok((None, entries));
        };
        let (_, value) = entries.remove(at);
        match value.as_int().filter(|core| *core >= 0) {
            Some(core) => Ok((Some(core), entries)),
            None => Err(self.expected("a core", &value)),
        }
    }

    fn ms(&self, name: &str, value: &Value) -> Result<u64, Refusal> {
        let ms = value.as_int().and_then(|ms| u64::try_from(ms).ok());
        match ms.filter(|ms| *ms <= SUPERVISOR_MS_MAX) {
            Some(ms) => Ok(ms * NS_PER_MS),
            None => {
                let what = format!("{name}: milliseconds in 0..{SUPERVISOR_MS_MAX}");
                Err(self.expected(&what, value))
            }
        }
    }

    fn tree(
        &self,
        strategy: Strategy,
        options: Entries,
        children: &Value,
        depth: usize,
    ) -> Result<TreeOrder, Refusal> {
        if depth > SUPERVISORS_DEEP_MAX {
            let text = format!("more than {SUPERVISORS_DEEP_MAX} supervisors above one another");
            return Err(self.refuse(text));
        }
        let mut tree = TreeOrder {
            name: None,
            policy: Policy {
                strategy,
                intensity: INTENSITY,
                period_ns: PERIOD_MS * NS_PER_MS,
                backoff_ns: BACKOFF_MS * NS_PER_MS,
                backoff_max_ns: BACKOFF_MAX_MS * NS_PER_MS,
            },
            children: Vec::new(),
        };
        for (name, value) in options {
            match name.as_str() {
                "intensity" => {
                    let restarts = value.as_int().filter(|n| (0..=INTENSITY_MAX).contains(n));
                    let what = format!("intensity: restarts in 0..{INTENSITY_MAX}");
                    let restarts = restarts.ok_or_else(|| self.expected(&what, &value))?;
                    tree.policy.intensity = restarts as u32;
                }
                "period" => tree.policy.period_ns = self.ms(&name, &value)?,
                "backoff" => tree.policy.backoff_ns = self.ms(&name, &value)?,
                "backoffmax" => tree.policy.backoff_max_ns = self.ms(&name, &value)?,
                "name" => {
                    let text = value.as_text().filter(|text| !text.is_empty());
                    let text = text.filter(|text| text.len() <= NAME_BYTES_MAX);
                    tree.name = Some(text.ok_or_else(|| self.expected("a name", &value))?);
                }
                other => {
                    let known = "intensity, period, backoff, backoffmax, name and core";
                    return Err(self.refuse(format_args!(
                        "there is no option {other}; there are {known}"
                    )));
                }
            }
        }
        let children = self.entries(children, "a dictionary of children")?;
        if !(1..=CHILDREN_MAX).contains(&children.len()) {
            let count = children.len();
            let text = format!("1 to {CHILDREN_MAX} children are expected, {count} were given");
            return Err(self.refuse(text));
        }
        for (name, value) in children {
            if tree.children.iter().any(|child| child.name == name) {
                return Err(self.refuse(format_args!("two children have the name {name}")));
            }
            tree.children.push(self.child(name, &value, depth)?);
        }
        Ok(tree)
    }

    fn child(&self, name: String, value: &Value, depth: usize) -> Result<ChildOrder, Refusal> {
        let what = format!("child {name}: a dictionary");
        let entries = self.entries(value, &what)?;
        let (core, entries) = self.core_of(entries)?;
        let mut settings = Vec::new();
        let (mut run, mut children, mut strategy) = (None, None, None);
        let mut restart = Restart::Permanent;
        for (key, value) in entries {
            match key.as_str() {
                "run" => run = Some(value),
                "children" => children = Some(value),
                "strategy" => strategy = Some(self.strategy(&value)?),
                "restart" => {
                    restart = match value.as_text().as_deref() {
                        Some("permanent") => Restart::Permanent,
                        Some("transient") => Restart::Transient,
                        Some("temporary") => Restart::Temporary,
                        _ => {
                            let what = "`permanent, `transient or `temporary";
                            return Err(self.expected(what, &value));
                        }
                    }
                }
                _ => settings.push((key, value)),
            }
        }
        let run = match (run, children) {
            (Some(program), None) => {
                let mut order = Order::new(core.unwrap_or(0), self.program(&program)?);
                let (keys, values) = settings.into_iter().unzip();
                self.grants(&Value::Symbols(keys), &Value::List(values), &mut order)?;
                RunOrder::Program(Box::new(order))
            }
            (None, Some(children)) => {
                let strategy = strategy.unwrap_or(Strategy::OneForOne);
                let tree = self.tree(strategy, settings, &children, depth + 1)?;
                RunOrder::Supervisor(Box::new(tree))
            }
            _ => {
                let text = format!("child {name}: either run or children is expected");
                return Err(self.refuse(text));
            }
        };
        Ok(ChildOrder {
            name,
            core,
            restart,
            run,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Pair, RunOrder};
    use crate::ids::TaskId;
    use crate::names::{NameKind, Named};
    use crate::program::Program;
    use crate::request::{Request, Wanted};
    use crate::restart::{Restart, Strategy};
    use okernel_abi::value::Value;

    fn symbol(text: &str) -> Value {
        Value::Symbol(text.to_string())
    }

    fn dict(entries: &[(&str, Value)]) -> Value {
        let keys = entries.iter().map(|(key, _)| key.to_string()).collect();
        let values = entries.iter().map(|(_, value)| value.clone()).collect();
        Value::Dict(Box::new((Value::Symbols(keys), Value::List(values))))
    }

    fn decode(items: Vec<Value>) -> Result<Request, String> {
        Request::decode(&Value::List(items)).map_err(|refusal| refusal.text)
    }

    fn task(number: i64) -> TaskId {
        TaskId::from_number(number).unwrap()
    }

    #[test]
    fn a_tree_is_read_with_its_defaults() {
        let child = dict(&[
            ("core", Value::Int(1)),
            ("run", symbol("split")),
            ("in", Value::Int(4)),
            ("weight", Value::Int(7)),
        ]);
        let inner = dict(&[
            ("strategy", symbol("all")),
            ("period", Value::Int(100)),
            ("restart", symbol("transient")),
            (
                "children",
                dict(&[("code", dict(&[("run", Value::text("1+2"))]))]),
            ),
        ]);
        let request = decode(vec![
            symbol("supervise"),
            symbol("rest"),
            dict(&[("intensity", Value::Int(9)), ("name", symbol("top"))]),
            dict(&[("split", child), ("below", inner)]),
        ]);
        let Ok(Request::Supervise { core: None, tree }) = request else {
            panic!("{request:?}");
        };
        assert_eq!(tree.name.as_deref(), Some("top"));
        assert_eq!(tree.policy.strategy, Strategy::RestForOne);
        assert_eq!(
            (tree.policy.intensity, tree.policy.period_ns),
            (9, 5_000_000_000)
        );
        let [split, below] = tree.children.as_slice() else {
            panic!("two children");
        };
        assert_eq!((split.restart, split.core), (Restart::Permanent, Some(1)));
        let RunOrder::Program(order) = &split.run else {
            panic!("a program");
        };
        assert_eq!(order.program, Program::Module("split".to_string()));
        assert_eq!(order.weight, Some(7));
        assert!(matches!(order.grants.as_slice(), [(name, Wanted::Endpoint(_))] if name == "in"));
        assert_eq!((below.restart, below.core), (Restart::Transient, None));
        let RunOrder::Supervisor(tree) = &below.run else {
            panic!("a supervisor");
        };
        assert_eq!(tree.policy.strategy, Strategy::OneForAll);
        assert_eq!(tree.policy.period_ns, 100_000_000);
        assert_eq!(tree.children.len(), 1);
    }

    #[test]
    fn a_wrong_tree_is_refused_by_what_is_wrong() {
        let good = || dict(&[("a", dict(&[("run", symbol("m"))]))]);
        let supervise = |strategy: &str, options: Value, children: Value| {
            decode(vec![
                symbol("supervise"),
                symbol(strategy),
                options,
                children,
            ])
            .unwrap_err()
        };
        assert_eq!(
            supervise("some", Value::Nil, good()),
            "supervise: `one, `all or `rest is expected, `some was given"
        );
        assert_eq!(
            supervise("one", dict(&[("intensity", Value::Int(-1))]), good()),
            "supervise: intensity: restarts in 0..1000000 is expected, -1 was given"
        );
        assert_eq!(
            supervise("one", dict(&[("colour", Value::Int(1))]), good()),
            "supervise: there is no option colour; there are intensity, period, backoff, backoffmax, name and core"
        );
        assert_eq!(
            supervise("one", Value::Nil, dict(&[])),
            "supervise: 1 to 512 children are expected, 0 were given"
        );
        assert_eq!(
            supervise(
                "one",
                Value::Nil,
                dict(&[("a", dict(&[("in", Value::Int(1))]))])
            ),
            "supervise: child a: either run or children is expected"
        );
        assert_eq!(
            supervise("one", Value::Nil, dict(&[("a", Value::Int(3))])),
            "supervise: child a: a dictionary is expected, 3 was given"
        );
        let mut deep = good();
        for _ in 0..16 {
            deep = dict(&[("a", dict(&[("children", deep)]))]);
        }
        assert_eq!(
            supervise("one", Value::Nil, deep),
            "supervise: more than 16 supervisors above one another"
        );
    }

    #[test]
    fn names_and_links_are_read() {
        assert_eq!(
            decode(vec![symbol("link"), Value::Int(3)]),
            Ok(Request::Link(Pair {
                one: None,
                other: task(3)
            }))
        );
        assert_eq!(
            decode(vec![symbol("unlink"), Value::Int(3), Value::Int(4)]),
            Ok(Request::Unlink(Pair {
                one: Some(task(3)),
                other: task(4)
            }))
        );
        assert_eq!(
            decode(vec![
                symbol("name"),
                symbol("task"),
                symbol("feed"),
                Value::Int(3)
            ]),
            Ok(Request::Name("feed".to_string(), Named::Task(task(3))))
        );
        assert_eq!(
            decode(vec![symbol("await"), symbol("orders.in")]),
            Ok(Request::Await(NameKind::Ring, "orders.in".to_string()))
        );
        assert_eq!(
            decode(vec![symbol("find"), symbol("thing"), symbol("a")]),
            Err("find: `task or `ring is expected, `thing was given".to_string())
        );
    }
}

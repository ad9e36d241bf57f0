//! Requests of tasks and controls, read from values.
//!
//! A request is a list: an operation's symbol, then its arguments. Reading is pure, so that every
//! wrong request has its test; the errors say what was expected in which place and what was found.
//!
//! | request | reply |
//! |---|---|
//! | ``(`pub;core;bytes)`` | number of the publisher (and of its ring) |
//! | ``(`sub;core;ring[;`block\|`lap\|`kick])`` | number of the subscriber |
//! | ``(`attach;endpoint)`` | a handle of the asking task for that endpoint |
//! | ``(`spawn;core;`module or "code"[;grants])`` | number of the task |
//! | ``(`load;`name;"path"[;`ordinary\|`dense])`` | the name |
//! | ``(`check;`name;"path")`` | a table of the tasks of that module: whether each could go on as this version |
//! | ``(`move;task;core)`` | nil, when the task has moved there |
//! | ``(`rollback;`name)`` | number of the version that is current now |
//! | ``(`read;"path")`` | the file's text |
//! | ``(`write;"path";text[;`append])`` | nil |
//! | ``(`kill;task)``, ``(`halt[;status])`` | nil |
//! | ``(`revoke;task[;`name])`` | nil: the task's grant of that name, or all of them, cannot be used any more |
//! | ``(`caps[;task])`` | a table: what the task was granted, or what all tasks were |
//! | ``(`qos;core;(bus;io;tasks))``, ``(`qos;`task;task;weight)`` | nil |
//! | ``(`stats[;ms])`` | number of the ring on which statistics are published, every `ms` from now on |
//! | ``(`select;core;"address"[;options])`` | a dictionary: the selector, its rings, its address |
//! | ``(`drop;selector)`` | nil |
//! | ``(`selectors)`` | a table |
//! | ``(`supervise;strategy;options;children)`` | number of the supervisor's task |
//! | ``(`monitor;task)`` | a dictionary, when the task has ended |
//! | ``(`link;task[;task])``, ``(`unlink;task[;task])`` | nil |
//! | ``(`name;name;ring)``, ``(`name;`task;name;task)`` | the name |
//! | ``(`unname;[`task;]name)`` | nil |
//! | ``(`find;[`task;]name)`` | the number, or nil |
//! | ``(`await;[`task;]name)`` | the number, when there is one |
//! | ``(`names)`` | a table |
//! | ``(`ps;task)`` | a table: `limit used most` |
//! | ``(`ps)``, ``(`rings)``, ``(`cores)``, ``(`modules)``, ``(`versions)`` | a table |
//!
//! Grants are a dictionary from names: an integer is an endpoint, `` `timer `clock `console `errors
//! `spawn `system`` are those rights, ``(`file;"path")`` is a file to read, with a
//! third item `` `write`` or `` `append`` one to write, ``(`own;`name)`` is what the spawner was granted under that
//! name, ``(`limit;grant;[rate:1000; ..])`` is a grant that is cut down (see [`crate::capability_request`]). The names `args`,
//! `weight`, `memory`, `limits`, `seed` and `pin` are not grants: arguments, the weight, the limit of memory in bytes, a
//! dictionary of [limits](crate::task_limits::Limits::NAMES), the seed of random numbers, whether the task stays on its
//! core (1) or may be moved (0).

use crate::attenuation::Attenuation;
use crate::cell::Pinned;
use crate::config::Quanta;
use crate::files::{Access, Writing};
use crate::ids::{EndpointId, SelectorId, TaskId};
use crate::io::select::SelectOrder;
use crate::limits::{QUANTUM_US_MAX, STATS_PERIOD_MS_MAX, STATS_PERIOD_MS_MIN, WEIGHT_MAX};
use crate::names::{NameKind, Named};
use crate::program::{Class, Program};
use crate::refusal::Refusal;
use crate::request_value::{items, shown};
use crate::supervise_request::{Pair, TreeOrder};
use crate::task_limits::LimitChanges;
use okernel_abi::Errno;
use okernel_abi::value::{NULL, Value};
use okernel_ring::Policy;
use std::path::PathBuf;

/// What is asked for; cores are numbers that were not looked up yet.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Request {
    Pub {
        core: i64,
        capacity_bytes: u64,
    },
    Sub {
        core: i64,
        ring: EndpointId,
        policy: Policy,
    },
    Attach(EndpointId),
    Spawn(Box<Order>),
    Load {
        name: String,
        path: PathBuf,
        /// None: the class that the name has, if it is loaded.
        class: Option<Class>,
    },
    Check {
        name: String,
        path: PathBuf,
    },
    Versions,
    Rollback(String),
    Move {
        task: TaskId,
        core: i64,
    },
    Read(PathBuf),
    Write(Box<Writing>),
    Kill(TaskId),
    Stats {
        /// 0: as it is.
        period_ms: u64,
    },
    /// All tasks, or the limits of one.
    Ps(Option<TaskId>),
    Rings,
    Cores,
    Modules,
    QosCore {
        core: i64,
        quanta: Quanta,
    },
    QosTask {
        task: TaskId,
        weight: u32,
    },
    Halt(i32),
    Select {
        core: i64,
        order: Box<SelectOrder>,
    },
    Drop(SelectorId),
    Selectors,
    Supervise {
        core: Option<i64>,
        tree: Box<TreeOrder>,
    },
    Monitor(TaskId),
    Link(Pair),
    Unlink(Pair),
    Name(String, Named),
    Unname(NameKind, String),
    Find(NameKind, String),
    Await(NameKind, String),
    Names,
    Revoke {
        task: TaskId,
        /// None: all of its grants.
        name: Option<String>,
    },
    Caps(Option<TaskId>),
}

/// A task to be spawned, as it was asked for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Order {
    pub(crate) core: i64,
    pub(crate) program: Program,
    pub(crate) grants: Vec<(String, Wanted)>,
    pub(crate) args: Vec<String>,
    pub(crate) weight: Option<u32>,
    pub(crate) limits: LimitChanges,
    pub(crate) seed: Option<u64>,
    pub(crate) pinned: Pinned,
}

impl Order {
    /// Nothing is granted yet.
    pub(crate) fn new(core: i64, program: Program) -> Order {
        Order {
            core,
            program,
            grants: Vec::new(),
            args: Vec::new(),
            weight: None,
            limits: LimitChanges::default(),
            seed: None,
            pinned: Pinned::No,
        }
    }
}

/// A grant as it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    Endpoint(EndpointId),
    File(PathBuf, Access),
    Timers,
    Clock,
    Console,
    Errors,
    Spawn,
    System,
    /// What the spawner itself was granted under this name.
    Own(String),
    Limited(Box<Wanted>, Cut),
}

/// What a grant is to be cut down to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cut {
    pub(crate) attenuation: Attenuation,
    pub(crate) reach: Reach,
    /// The policy of a reader that is made for the grant.
    pub(crate) policy: Policy,
}

/// What may be done with a ring or a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// All that the spawner may do.
    Whole,
    /// It is read only. Of a publisher's right this leaves a reader of its ring, made for the task.
    ReadOnly,
}

/// The arguments of one operation.
pub(crate) struct Args<'a> {
    op: &'a str,
    pub(crate) items: &'a [Value],
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Invalid, with a text that names the operation, the place and what was expected there.
    pub(crate) fn decode(value: &Value) -> Result<Request, Refusal> {
        let items = items(value);
        let Some((Value::Symbol(op), items)) = items.split_first() else {
            return Err(Refusal::new(
                Errno::Malformed,
                format!(
                    "request: a list that begins with a symbol is expected, {} was given",
                    shown(value)
                ),
            ));
        };
        let args = Args { op, items };
        match op.as_str() {
            "pub" => {
                args.count(2, 2)?;
                Ok(Request::Pub {
                    core: args.int(0, "a core")?,
                    capacity_bytes: args.at_least(1, "a capacity in bytes", 1)?,
                })
            }
            "sub" => args.sub(),
            "attach" => {
                args.count(1, 1)?;
                args.endpoint(0, "an endpoint's number")
                    .map(Request::Attach)
            }
            "spawn" => args.spawn(),
            "load" => args.load(),
            "check" => args.check(),
            "rollback" => args.rollback(),
            "move" => args.moves(),
            "versions" => args.none(Request::Versions),
            "read" => {
                args.count(1, 1)?;
                args.text(0, "a path")
                    .map(|path| Request::Read(path.into()))
            }
            "write" => args.write(),
            "kill" => {
                args.count(1, 1)?;
                args.task(0).map(Request::Kill)
            }
            "stats" => args.stats(),
            "ps" => args.ps(),
            "rings" => args.none(Request::Rings),
            "cores" => args.none(Request::Cores),
            "modules" => args.none(Request::Modules),
            "qos" => args.qos(),
            "halt" => args.halt(),
            "select" => args.select(),
            "drop" => args.drop(),
            "selectors" => args.none(Request::Selectors),
            "supervise" => args.supervise(),
            "monitor" => {
                args.count(1, 1)?;
                args.task(0).map(Request::Monitor)
            }
            "link" => args.pair().map(Request::Link),
            "unlink" => args.pair().map(Request::Unlink),
            "name" => args.name(),
            "unname" => {
                let (kind, name) = args.named()?;
                Ok(Request::Unname(kind, name))
            }
            "find" => {
                let (kind, name) = args.named()?;
                Ok(Request::Find(kind, name))
            }
            "await" => {
                let (kind, name) = args.named()?;
                Ok(Request::Await(kind, name))
            }
            "names" => args.none(Request::Names),
            "revoke" => args.revoke(),
            "caps" => args.caps(),
            other => Err(Refusal::new(
                Errno::Unsupported,
                format!("request: there is no operation {other}"),
            )),
        }
    }
}

impl Args<'_> {
    pub(crate) fn refuse(&self, text: impl std::fmt::Display) -> Refusal {
        Refusal::new(Errno::Invalid, format!("{}: {text}", self.op))
    }

    pub(crate) fn expected(&self, what: &str, found: &Value) -> Refusal {
        self.refuse(format_args!(
            "{what} is expected, {} was given",
            shown(found)
        ))
    }

    pub(crate) fn count(&self, least: usize, most: usize) -> Result<(), Refusal> {
        let count = self.items.len();
        if (least..=most).contains(&count) {
            return Ok(());
        }
        let wanted = match most - least {
            0 => most.to_string(),
            _ => format!("{least} to {most}"),
        };
        Err(self.refuse(format_args!(
            "{wanted} arguments are expected, {count} were given"
        )))
    }

    pub(crate) fn none(&self, request: Request) -> Result<Request, Refusal> {
        self.count(0, 0)?;
        Ok(request)
    }

    pub(crate) fn int(&self, at: usize, what: &str) -> Result<i64, Refusal> {
        let value = &self.items[at];
        value
            .as_int()
            .filter(|&int| int != NULL)
            .ok_or_else(|| self.expected(what, value))
    }

    fn at_least(&self, at: usize, what: &str, least: u64) -> Result<u64, Refusal> {
        let int = self.int(at, what)?;
        u64::try_from(int)
            .ok()
            .filter(|&number| number >= least)
            .ok_or_else(|| self.expected(what, &self.items[at]))
    }

    pub(crate) fn text(&self, at: usize, what: &str) -> Result<String, Refusal> {
        let value = &self.items[at];
        value
            .as_text()
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.expected(what, value))
    }

    pub(crate) fn policy(&self, value: &Value) -> Result<Policy, Refusal> {
        match value.as_text().as_deref() {
            Some("block") => Ok(Policy::Block),
            Some("lap") => Ok(Policy::Lap),
            Some("kick") => Ok(Policy::Kick),
            _ => Err(self.expected("`block, `lap or `kick", value)),
        }
    }

    pub(crate) fn endpoint(&self, at: usize, what: &str) -> Result<EndpointId, Refusal> {
        let number = self.int(at, what)?;
        EndpointId::from_number(number).ok_or_else(|| self.expected(what, &self.items[at]))
    }

    pub(crate) fn task(&self, at: usize) -> Result<TaskId, Refusal> {
        let number = self.int(at, "a task's number")?;
        TaskId::from_number(number).ok_or_else(|| self.expected("a task's number", &self.items[at]))
    }

    fn sub(&self) -> Result<Request, Refusal> {
        self.count(2, 3)?;
        let policy = match self.items.get(2) {
            None | Some(Value::Nil) => Policy::Block,
            Some(value) => self.policy(value)?,
        };
        Ok(Request::Sub {
            core: self.int(0, "a core")?,
            ring: self.endpoint(1, "a publisher's number")?,
            policy,
        })
    }

    fn stats(&self) -> Result<Request, Refusal> {
        self.count(0, 1)?;
        if matches!(self.items, [] | [Value::Nil]) {
            return Ok(Request::Stats { period_ms: 0 });
        }
        let period_ms = u64::try_from(self.int(0, "a period in ms")?).ok();
        match period_ms.filter(|ms| (STATS_PERIOD_MS_MIN..=STATS_PERIOD_MS_MAX).contains(ms)) {
            Some(period_ms) => Ok(Request::Stats { period_ms }),
            None => {
                let what = format!("a period in {STATS_PERIOD_MS_MIN}..{STATS_PERIOD_MS_MAX} ms");
                Err(self.expected(&what, &self.items[0]))
            }
        }
    }

    fn write(&self) -> Result<Request, Refusal> {
        self.count(2, 3)?;
        let access = match self.items.get(2) {
            None => Access::Write,
            Some(Value::Symbol(word)) if word == "append" => Access::Append,
            Some(other) => return Err(self.expected("`append", other)),
        };
        let bytes = match &self.items[1] {
            Value::Chars(bytes) => bytes.clone(),
            Value::Char(byte) => vec![*byte],
            Value::List(items) if items.is_empty() => Vec::new(),
            Value::Ints(items) if items.is_empty() => Vec::new(),
            other => return Err(self.expected("a text", other)),
        };
        Ok(Request::Write(Box::new(Writing {
            path: self.text(0, "a path")?.into(),
            access,
            bytes,
        })))
    }

    fn spawn(&self) -> Result<Request, Refusal> {
        self.count(2, 3)?;
        let program = self.program(&self.items[1])?;
        let mut order = Order::new(self.int(0, "a core")?, program);
        match self.items.get(2) {
            None | Some(Value::Nil) => {}
            Some(Value::List(empty)) if empty.is_empty() => {}
            Some(Value::Dict(pair)) => self.grants(&pair.0, &pair.1, &mut order)?,
            Some(other) => return Err(self.expected("a dictionary of grants", other)),
        }
        Ok(Request::Spawn(Box::new(order)))
    }

    pub(crate) fn program(&self, value: &Value) -> Result<Program, Refusal> {
        match value {
            Value::Symbol(name) if !name.is_empty() => Ok(Program::Module(name.clone())),
            value => match (value, value.as_text()) {
                (Value::Chars(_) | Value::Char(_), Some(code)) if code.is_empty() => {
                    Err(self.refuse(format_args!("there is no code to run")))
                }
                (Value::Chars(_) | Value::Char(_), Some(code)) => Ok(Program::Code(code)),
                _ => Err(self.expected("a module's symbol or a string of code", value)),
            },
        }
    }

    fn qos(&self) -> Result<Request, Refusal> {
        self.count(2, 3)?;
        if let Value::Symbol(symbol) = &self.items[0] {
            if symbol != "task" {
                return Err(self.expected("a core or `task", &self.items[0]));
            }
            self.count(3, 3)?;
            let task = self.task(1)?;
            let weight = u32::try_from(self.int(2, "a weight")?).ok();
            let what = format!("a weight in 1..{WEIGHT_MAX}");
            return match weight.filter(|weight| (1..=WEIGHT_MAX).contains(weight)) {
                Some(weight) => Ok(Request::QosTask { task, weight }),
                None => Err(self.expected(&what, &self.items[2])),
            };
        }
        self.count(2, 2)?;
        let core = self.int(0, "a core or `task")?;
        let quanta: Option<Vec<u64>> = items(&self.items[1])
            .iter()
            .map(|item| u64::try_from(item.as_int()?).ok())
            .collect();
        match quanta.as_deref() {
            Some([bus_us, io_us, tasks_us]) if [bus_us, io_us, tasks_us].iter().all(is_quantum) => {
                Ok(Request::QosCore {
                    core,
                    quanta: Quanta {
                        bus_us: *bus_us,
                        io_us: *io_us,
                        tasks_us: *tasks_us,
                    },
                })
            }
            _ => {
                let what = format!(
                    "three times in microseconds (bus;io;tasks), each in 1..{QUANTUM_US_MAX},"
                );
                Err(self.expected(&what, &self.items[1]))
            }
        }
    }
}

fn is_quantum(us: &&u64) -> bool {
    (1..=QUANTUM_US_MAX).contains(*us)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;

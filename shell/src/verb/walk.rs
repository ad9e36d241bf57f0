//! Walks over nested values for verbs that work on their leaves.
//!
//! A verb that is atomic reaches into lists, dictionary values and table columns. The walks here
//! do so with a stack of their own, rebuild the shape around the results, and take lists apart
//! without copying when nobody else holds them, so that leaves can be changed in place.

use crate::error::{Class, Error};
use crate::pace;
use crate::symbol::Symbol;
use crate::value::{Dict, Growth, Table, Value};
use crate::verb::Verb;
use std::rc::Rc;

/// Where a walk over two values goes from a pair of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// The verb takes this pair.
    Leaf,
    /// Into both, item by item; lengths must agree.
    Both,
    /// Into the left one, the right one stays.
    Left,
    /// Into the right one, the left one stays.
    Right,
}

/// What is put around the results of a level.
enum Shape {
    /// A list of them.
    List,
    /// A dictionary whose values are the one result.
    Values(Value),
    /// A dictionary whose values are a list of them.
    Entries(Value),
    /// A table whose columns they are.
    Table(Rc<Vec<Symbol>>),
}

impl Shape {
    fn close(self, mut results: Vec<Value>) -> Result<Value, Error> {
        Ok(match self {
            Shape::List => Value::from_items(results),
            Shape::Values(keys) => Value::dict(Dict::new(keys, results.pop().unwrap_or_default())?),
            Shape::Entries(keys) => Value::dict(Dict::new(keys, Value::from_items(results))?),
            Shape::Table(names) => Value::table(Table::new(names, results)?),
        })
    }
}

/// One thing to do in a level.
enum Job {
    Pair(Value, Value),
    Keep(Value),
}

struct Level<J> {
    shape: Shape,
    jobs: std::vec::IntoIter<J>,
    results: Vec<Value>,
}

impl<J> Level<J> {
    fn new(shape: Shape, jobs: Vec<J>) -> Level<J> {
        let results = Vec::with_capacity(jobs.len());
        Level {
            shape,
            jobs: jobs.into_iter(),
            results,
        }
    }
}

/// A leaf counts for so many items of a vector.
const LEAF_ITEMS: usize = 16;

/// Takes apart what a [`Rc`] holds, copying it only if somebody else does too.
pub(super) fn take<T: Clone>(shared: Rc<T>) -> T {
    Rc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
}

/// True for what has no values inside: atoms and typed vectors.
pub(super) fn is_flat(value: &Value) -> bool {
    !matches!(value, Value::List(_) | Value::Dict(_) | Value::Table(_))
}

/// True for strings, atoms and empty lists.
pub(super) fn is_text_or_atom(value: &Value) -> bool {
    value.is_atom() || value.is_text()
}

/// Applies `f` to every leaf of a value and keeps the shape around it.
///
/// # Errors
/// Those of `f`, and `limit` when the results get too large.
pub(super) fn map_leaves(
    value: Value,
    is_leaf: impl Fn(&Value) -> bool,
    mut f: impl FnMut(Value) -> Result<Value, Error>,
) -> Result<Value, Error> {
    if is_leaf(&value) {
        return f(value);
    }
    let mut growth = Growth::new();
    let mut levels: Vec<Level<Value>> = vec![open(value)];
    loop {
        let Some(level) = levels.last_mut() else {
            return Ok(Value::Nil);
        };
        match level.jobs.next() {
            Some(job) if is_leaf(&job) => {
                pace::work(LEAF_ITEMS)?;
                let result = f(job)?;
                growth.add(&result)?;
                level.results.push(result);
            }
            Some(job) => levels.push(open(job)),
            None => {
                let done = levels
                    .pop()
                    .map_or(Ok(Value::Nil), |level| level.shape.close(level.results))?;
                match levels.last_mut() {
                    Some(outer) => outer.results.push(done),
                    None => return Ok(done),
                }
            }
        }
    }
}

fn open(value: Value) -> Level<Value> {
    match value {
        Value::Dict(dict) => {
            let (keys, values) = take(dict).into_parts();
            Level::new(Shape::Values(keys), vec![values])
        }
        Value::Table(table) => {
            let (names, columns) = take(table).into_parts();
            Level::new(Shape::Table(names), columns)
        }
        list => Level::new(Shape::List, list.into_items()),
    }
}

/// Applies `f` to every pair of leaves of two values and keeps the shape around them.
///
/// # Errors
/// Those of `f`, `limit` when the results get too large, and `length` where two lists differ, which
/// names `verb`.
pub(super) fn zip_leaves(
    verb: Verb,
    x: Value,
    y: Value,
    plan: impl Fn(&Value, &Value) -> Plan,
    mut f: impl FnMut(Value, Value) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let first = plan(&x, &y);
    if first == Plan::Leaf {
        return f(x, y);
    }
    let mut growth = Growth::new();
    let mut levels: Vec<Level<Job>> = vec![open_pair(verb, x, y, first)?];
    loop {
        let Some(level) = levels.last_mut() else {
            return Ok(Value::Nil);
        };
        match level.jobs.next() {
            Some(Job::Keep(value)) => level.results.push(value),
            Some(Job::Pair(x, y)) => match plan(&x, &y) {
                Plan::Leaf => {
                    pace::work(LEAF_ITEMS)?;
                    let result = f(x, y)?;
                    growth.add(&result)?;
                    level.results.push(result);
                }
                plan => levels.push(open_pair(verb, x, y, plan)?),
            },
            None => {
                let done = levels
                    .pop()
                    .map_or(Ok(Value::Nil), |level| level.shape.close(level.results))?;
                match levels.last_mut() {
                    Some(outer) => outer.results.push(done),
                    None => return Ok(done),
                }
            }
        }
    }
}

fn open_pair(verb: Verb, x: Value, y: Value, plan: Plan) -> Result<Level<Job>, Error> {
    Ok(match plan {
        Plan::Left => {
            let level = open(x);
            let jobs = level.jobs.map(|item| Job::Pair(item, y.clone())).collect();
            Level::new(level.shape, jobs)
        }
        Plan::Right => {
            let level = open(y);
            let jobs = level.jobs.map(|item| Job::Pair(x.clone(), item)).collect();
            Level::new(level.shape, jobs)
        }
        Plan::Leaf | Plan::Both => match (x, y) {
            (Value::Dict(x), Value::Dict(y)) => open_dicts(&x, &y),
            (Value::Table(x), Value::Table(y)) => {
                if x.names() != y.names() || x.rows() != y.rows() {
                    return Err(Error::new(
                        Class::Length,
                        format!("{verb} of tables that differ in their columns or rows"),
                    ));
                }
                let (names, left) = take(x).into_parts();
                let (_, right) = take(y).into_parts();
                let jobs = left
                    .into_iter()
                    .zip(right)
                    .map(|(x, y)| Job::Pair(x, y))
                    .collect();
                Level::new(Shape::Table(names), jobs)
            }
            (x, y) => {
                if x.len() != y.len() {
                    return Err(length_error(verb, &x, &y));
                }
                let jobs = x
                    .into_items()
                    .into_iter()
                    .zip(y.into_items())
                    .map(|(x, y)| Job::Pair(x, y))
                    .collect();
                Level::new(Shape::List, jobs)
            }
        },
    })
}

/// Two dictionaries: the union of their keys; a key that only one of them has keeps its value.
fn open_dicts(x: &Dict, y: &Dict) -> Level<Job> {
    let mut keys = x.keys().clone();
    let right = super::find::positions(y.keys(), x.keys());
    let mut met = vec![false; y.len()];
    let mut jobs = Vec::with_capacity(x.len());
    for (item, at) in x.values().items().zip(right) {
        jobs.push(match at {
            Some(at) => {
                met[at] = true;
                Job::Pair(item, y.values().item(at).unwrap_or_default())
            }
            None => Job::Keep(item),
        });
    }
    for at in (0..y.len()).filter(|at| !met[*at]) {
        keys.push(y.keys().item(at).unwrap_or_default());
        jobs.push(Job::Keep(y.values().item(at).unwrap_or_default()));
    }
    Level::new(Shape::Entries(keys), jobs)
}

/// Two lists that should have had one length.
pub(super) fn length_error(verb: Verb, x: &Value, y: &Value) -> Error {
    Error::new(
        Class::Length,
        format!("{verb} of {} items and {} items", x.len(), y.len()),
    )
}

/// One operand of a kind that the verb doesn't take.
pub(super) fn type_error(verb: Verb, x: &Value) -> Error {
    Error::new(Class::Type, format!("{verb} of {}", x.describe()))
}

/// Two operands of kinds that the verb doesn't take together.
pub(super) fn type_error_pair(verb: Verb, x: &Value, y: &Value) -> Error {
    Error::new(
        Class::Type,
        format!("{verb} of {} and {}", x.describe(), y.describe()),
    )
}

/// An operand that the verb takes, but not with this value.
pub(super) fn domain_error(verb: Verb, text: &str) -> Error {
    Error::new(Class::Domain, format!("{verb} {text}"))
}

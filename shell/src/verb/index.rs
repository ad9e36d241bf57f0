//! Indexing: `l@i`, `d@k`, tables, and indexing at depth.
//!
//! What is not there is null, never an error; only an atom can't be indexed. By a function nothing but a dictionary
//! is: who writes `x f y` takes `f` for a verb, and a null would hide that.

use super::walk::{is_flat, map_leaves};
use crate::error::{Class, Error};
use crate::pace::{self, PACE_ITEMS};
use crate::value::{Dict, Growth, List, NULL, Table, Value, room};
use std::rc::Rc;

/// The items of a list at places that exist, in order of the places.
pub(super) fn gather(list: &Value, places: &[usize]) -> Value {
    match list {
        Value::Ints(items) => Value::from_ints(picked(items, places)),
        Value::Floats(items) => Value::from_floats(picked(items, places)),
        Value::Temporals(kind, items) => Value::from_temporals(*kind, picked(items, places)),
        Value::Chars(items) => Value::from_chars(picked(items, places)),
        Value::Symbols(items) => Value::from_symbols(picked(items, places)),
        other => places
            .iter()
            .inspect(|_| pace::work_on(1))
            .map(|at| other.item(*at).unwrap_or_default())
            .collect(),
    }
}

fn picked<T: Copy>(items: &[T], places: &[usize]) -> Vec<T> {
    let mut out = Vec::with_capacity(places.len());
    for block in places.chunks(PACE_ITEMS) {
        pace::work_on(block.len());
        out.extend(block.iter().map(|at| items[*at]));
    }
    out
}

/// The rows of a table at places that exist.
pub(super) fn gather_rows(table: &Table, places: &[usize]) -> Result<Value, Error> {
    let columns = table
        .columns()
        .iter()
        .map(|column| gather(column, places))
        .collect();
    Ok(Value::table(Table::new(Rc::clone(table.names()), columns)?))
}

/// `x@i`.
///
/// # Errors
/// `type` when `x` can't be indexed, or not by a function; `limit` without memory.
pub fn at(x: &Value, i: Value) -> Result<Value, Error> {
    if matches!(i, Value::Nil) {
        return Ok(x.clone());
    }
    match x {
        Value::Dict(dict) => dict_at(dict, i),
        Value::Table(table) => {
            // An empty list of whatever kind is no rows.
            let is_leaf = |i: &Value| is_flat(i) || i.is_list() && i.is_empty();
            map_leaves(i, is_leaf, |i| table_at(table, &i))
        }
        list if list.is_list() => match &i {
            Value::Int(i) => Ok(list_item(list, *i)),
            _ => map_leaves(i, is_flat, |i| list_at(list, &i)),
        },
        other => Err(Error::new(
            Class::Type,
            format!("index of {}", other.describe()),
        )),
    }
}

fn list_item(list: &Value, at: i64) -> Value {
    usize::try_from(at)
        .ok()
        .and_then(|at| list.item(at))
        .unwrap_or(Value::Int(NULL))
}

/// A list at an atom or at a typed vector.
fn list_at(list: &Value, i: &Value) -> Result<Value, Error> {
    match i {
        Value::Ints(places) => gather_checked(list, places),
        i if i.is_list() => match i.to_ints() {
            Some(places) => gather_checked(list, &places),
            None => Ok(i
                .items()
                .map(|i| list_item(list, i.as_int().unwrap_or(NULL)))
                .collect()),
        },
        Value::Function(_) => Err(by_function(&list.describe())),
        i => Ok(list_item(list, i.as_int().unwrap_or(NULL))),
    }
}

fn by_function(what: &str) -> Error {
    let text = format!("index of {what} by a function; two arguments are given as f[x;y]");
    Error::new(Class::Type, text)
}

/// The items at places that may not exist.
fn gather_checked(list: &Value, places: &[i64]) -> Result<Value, Error> {
    let len = list.len() as u64;
    // A negative place is a large unsigned one.
    let whole = places.iter().all(|at| (*at as u64) < len);
    Ok(match list {
        Value::Ints(items) if whole => Value::from_ints(copied(items, places)?),
        Value::Floats(items) if whole => Value::from_floats(copied(items, places)?),
        Value::Chars(items) if whole => Value::from_chars(copied(items, places)?),
        Value::Symbols(items) if whole => Value::from_symbols(copied(items, places)?),
        Value::Temporals(kind, items) => {
            Value::from_temporals(*kind, copied_or(items, places, NULL)?)
        }
        Value::Ints(items) => Value::from_ints(copied_or(items, places, NULL)?),
        Value::Floats(items) => Value::from_floats(copied_or(items, places, f64::NAN)?),
        other => {
            let mut items = room(places.len())?;
            items.extend(places.iter().map(|at| list_item(other, *at)));
            Value::from_items(items)
        }
    })
}

fn copied<T: Copy>(items: &[T], places: &[i64]) -> Result<Vec<T>, Error> {
    let mut out = room(places.len())?;
    for block in places.chunks(PACE_ITEMS) {
        pace::work(block.len())?;
        out.extend(block.iter().map(|at| items[*at as usize]));
    }
    Ok(out)
}

fn copied_or<T: Copy>(items: &[T], places: &[i64], missing: T) -> Result<Vec<T>, Error> {
    let mut out = room(places.len())?;
    out.extend(places.iter().map(|at| {
        usize::try_from(*at)
            .ok()
            .and_then(|at| items.get(at))
            .copied()
            .unwrap_or(missing)
    }));
    Ok(out)
}

fn dict_at(dict: &Dict, key: Value) -> Result<Value, Error> {
    if let Value::Symbol(_) | Value::Int(_) | Value::Char(_) = key {
        return Ok(dict.get(&key).unwrap_or(Value::Int(NULL)));
    }
    let places = super::find::find(dict.keys(), key)?;
    at(dict.values(), places)
}

/// A table at an atom or at a typed vector.
fn table_at(table: &Table, i: &Value) -> Result<Value, Error> {
    let column = |name| {
        let column = table.column(name).cloned();
        column.unwrap_or(Value::Int(NULL))
    };
    match i {
        Value::Symbol(name) => Ok(column(*name)),
        Value::Symbols(names) => Ok(names.iter().map(|name| column(*name)).collect()),
        Value::Function(_) => Err(by_function("a table")),
        i if i.is_list() => match i.to_ints() {
            Some(places) => {
                let columns = table
                    .columns()
                    .iter()
                    .map(|column| gather_checked(column, &places));
                let columns = columns.collect::<Result<Vec<Value>, Error>>()?;
                Ok(Value::table(Table::new(Rc::clone(table.names()), columns)?))
            }
            None => i.items().map(|i| table_at(table, &i)).collect(),
        },
        i => match i.as_int() {
            Some(row) => {
                let values = table
                    .columns()
                    .iter()
                    .map(|column| list_item(column, row))
                    .collect();
                let keys = Value::Symbols(Rc::clone(table.names()));
                Ok(Value::dict(Dict::new(keys, Value::from_items(values))?))
            }
            None => Ok(Value::Int(NULL)),
        },
    }
}

/// One level of a walk at depth: items that the rest of the path is still to be applied to.
struct Level {
    items: std::vec::IntoIter<Value>,
    /// The number of path steps that the items have behind them.
    steps: usize,
    /// The keys when the items are a dictionary's values.
    keys: Option<Value>,
    results: Vec<Value>,
}

/// `x . path`: indexes by one step of the path after the other. A step that is a list or elided
/// spreads: the rest of the path applies to each of its items.
///
/// # Errors
/// `type` when the path leads into an atom or a function.
pub fn at_depth(x: &Value, path: &[Value]) -> Result<Value, Error> {
    let mut growth = Growth::new();
    let mut levels: Vec<Level> = Vec::new();
    let mut ready = descend(x.clone(), path, 0, &mut levels)?;
    loop {
        let Some(level) = levels.last_mut() else {
            return Ok(ready.unwrap_or_default());
        };
        if let Some(value) = ready.take() {
            growth.add(&value)?;
            level.results.push(value);
        }
        match level.items.next() {
            Some(item) => {
                let steps = level.steps;
                ready = descend(item, path, steps, &mut levels)?;
            }
            None => {
                let Some(level) = levels.pop() else {
                    return Ok(Value::Nil);
                };
                let values = Value::from_items(level.results);
                ready = Some(match level.keys {
                    Some(keys) => Value::dict(Dict::new(keys, values)?),
                    None => values,
                });
            }
        }
    }
}

/// Follows the path while its steps are atoms. Answers the value at its end, or opens a level at a
/// step that spreads and answers nothing.
fn descend(
    mut x: Value,
    path: &[Value],
    mut steps: usize,
    levels: &mut Vec<Level>,
) -> Result<Option<Value>, Error> {
    while let Some(step) = path.get(steps) {
        steps += 1;
        let spreads = matches!(step, Value::Nil) || step.is_list();
        if let (Value::Table(table), Some(Value::Symbol(name))) = (&x, path.get(steps))
            && !matches!(step, Value::Symbol(_) | Value::Symbols(_))
        {
            // A row and then a column is that column at the row, also for many rows.
            steps += 1;
            let column = table.column(*name).cloned().unwrap_or(Value::Int(NULL));
            x = at(&column, step.clone())?;
            continue;
        }
        x = at(&x, step.clone())?;
        if spreads && steps < path.len() {
            let keys = match &x {
                Value::Dict(dict) => Some(dict.keys().clone()),
                _ => None,
            };
            let items = match x {
                Value::List(list) => {
                    Rc::try_unwrap(list).map_or_else(|shared| shared.to_vec(), List::into_items)
                }
                other => other.items().collect(),
            };
            let results = Vec::with_capacity(items.len());
            levels.push(Level {
                items: items.into_iter(),
                steps,
                keys,
                results,
            });
            return Ok(None);
        }
    }
    Ok(Some(x))
}

#[cfg(test)]
mod tests {
    use super::{at, at_depth};
    use crate::error::Class;
    use crate::symbol::Symbol;
    use crate::value::{Dict, NULL, Table, Value};
    use std::rc::Rc;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn what_is_missing_is_null() {
        let list = ints(&[10, 20, 30]);
        assert_eq!(at(&list, Value::Int(-1)).unwrap(), Value::Int(NULL));
        assert_eq!(at(&list, ints(&[2, 3])).unwrap(), ints(&[30, NULL]));
        assert_eq!(at(&list, Value::Float(1.5)).unwrap(), Value::Int(NULL));
        assert_eq!(at(&list, Value::Float(1.0)).unwrap(), Value::Int(20));
        assert_eq!(
            at(&Value::Int(5), Value::Int(0)).unwrap_err().class(),
            Class::Type
        );
    }

    #[test]
    fn any_shape_of_index() {
        let shape = Value::from_items(vec![Value::Int(0), ints(&[1, 2])]);
        let expected = Value::from_items(vec![Value::Char(b'a'), Value::string("bc")]);
        assert_eq!(at(&Value::string("abc"), shape).unwrap(), expected);
        let keys = Value::from_symbols(vec![Symbol::new("x")]);
        let by_name = Value::dict(Dict::new(keys.clone(), ints(&[1])).unwrap());
        let expected = Value::dict(Dict::new(keys, ints(&[20])).unwrap());
        assert_eq!(at(&ints(&[10, 20]), by_name).unwrap(), expected);
    }

    #[test]
    fn depth_with_elided_steps() {
        let rows = Value::from_items(vec![ints(&[1, 2]), ints(&[3, 4])]);
        assert_eq!(
            at_depth(&rows, &[Value::Nil, Value::Int(1)]).unwrap(),
            ints(&[2, 4])
        );
        assert_eq!(
            at_depth(&rows, &[ints(&[0, 1]), Value::Int(0)]).unwrap(),
            ints(&[1, 3])
        );
        assert_eq!(
            at_depth(&ints(&[5, 6]), &[Value::Int(0), Value::Int(0)])
                .unwrap_err()
                .class(),
            Class::Type
        );
    }

    #[test]
    fn tables_by_row_and_column() {
        let names = Rc::new(vec![Symbol::new("a"), Symbol::new("b")]);
        let table = Value::table(Table::new(names, vec![ints(&[1, 2]), ints(&[3, 4])]).unwrap());
        assert_eq!(
            at_depth(&table, &[Value::Int(1), Value::symbol("b")]).unwrap(),
            Value::Int(4)
        );
        assert_eq!(at(&table, Value::symbol("b")).unwrap(), ints(&[3, 4]));
        let row = at(&table, Value::Int(5)).unwrap();
        assert_eq!(at(&row, Value::symbol("a")).unwrap(), Value::Int(NULL));
        assert_eq!(at(&table, ints(&[1])).unwrap().len(), 1);
    }
}

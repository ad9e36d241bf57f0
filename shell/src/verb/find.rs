//! Find `l?a`, membership `in`, and the dictionary lookups that rest on them.

use super::group::rows_of;
use super::keys::{Index, ValueIndex, keys_of};
use super::walk::{is_flat, map_leaves, type_error_pair};
use crate::error::Error;
use crate::pace;
use crate::value::{NULL, Table, Value, matches, position, room};
use crate::verb::Verb;
use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

/// Lists up to this long are searched item by item.
const SHORT_ITEMS: usize = 8;

/// The first positions of `queries`' items in `list`, one for each item.
pub(super) fn positions(list: &Value, queries: &Value) -> Vec<Option<usize>> {
    match positions_as_ints(list, queries) {
        Ok(found) => found.iter().map(|at| usize::try_from(*at).ok()).collect(),
        Err(_) => queries.items().map(|item| position(list, &item)).collect(),
    }
}

/// The first positions of a list's items in another list, null where there is none.
pub(super) fn positions_as_ints(list: &Value, queries: &Value) -> Result<Vec<i64>, Error> {
    let mut found = room(queries.len())?;
    let answer = |at: Option<usize>| at.map_or(NULL, |at| at as i64);
    if list.len() <= SHORT_ITEMS || queries.len() <= 2 {
        found.extend(queries.items().map(|item| answer(position(list, &item))));
        return Ok(found);
    }
    if let Value::List(items) = list {
        let index = ValueIndex::new(items)?;
        for (at, item) in queries.items().enumerate() {
            pace::at(at)?;
            found.push(answer(index.get(&item)));
        }
        return Ok(found);
    }
    let Some(keys) = keys_of(list) else {
        return Ok(vec![NULL; queries.len()]);
    };
    let index = Index::new(keys)?;
    match (list, queries) {
        (Value::Ints(_), Value::Ints(queries)) => pace::extend(&mut found, queries.len(), |at| {
            answer(index.get(queries[at]))
        })?,
        (Value::Ints(_), Value::Floats(queries)) => {
            found.extend(
                queries
                    .iter()
                    .map(|x| answer(Value::Float(*x).as_int().and_then(|key| index.get(key)))),
            );
        }
        (Value::Floats(_), Value::Floats(_))
        | (Value::Chars(_), Value::Chars(_))
        | (Value::Symbols(_), Value::Symbols(_)) => {
            let keys = keys_of(queries).unwrap_or(Cow::Borrowed(&[]));
            pace::extend(&mut found, keys.len(), |at| answer(index.get(keys[at])))?;
        }
        (Value::Temporals(a, _), Value::Temporals(b, queries)) if a == b => {
            pace::extend(&mut found, queries.len(), |at| {
                answer(index.get(queries[at]))
            })?
        }
        // Kinds that differ, or a list with some items of the right kind among others.
        _ => found.extend(queries.items().map(|item| {
            let comparable = match (list, &item) {
                (Value::Ints(_) | Value::Floats(_), item) => item.is_number(),
                (Value::Temporals(..), Value::Temporal(..)) => true,
                (Value::Temporals(..), item) => item.is_number() && item.is_null(),
                (Value::Chars(_), Value::Char(_)) | (Value::Symbols(_), Value::Symbol(_)) => true,
                _ => false,
            };
            if comparable {
                answer(position(list, &item))
            } else {
                NULL
            }
        })),
    }
    Ok(found)
}

/// How deep lists nest: 0 for an atom, 1 for a vector.
fn depth(value: &Value) -> usize {
    let mut depth = 0;
    // The lists of one level after the other, each once, however often it occurs there.
    let mut level: Vec<&Value> = Vec::from_iter(value.is_list().then_some(value));
    while !level.is_empty() {
        depth += 1;
        let mut seen = HashSet::new();
        let mut next = Vec::new();
        for list in &level {
            if let Value::List(items) = list
                && (level.len() == 1 || seen.insert(Rc::as_ptr(items)))
            {
                next.extend(items.iter().filter(|item| item.is_list()));
            }
        }
        level = next;
    }
    depth
}

/// `list?y`: the position of each item of `y`. When the list holds lists, whole items are looked
/// for: `y` itself if it nests less deep than the list, else its items.
///
/// # Errors
/// `limit` without memory.
pub(super) fn find(list: &Value, y: Value) -> Result<Value, Error> {
    let answer = |y: &Value| position(list, y).map_or(Value::Int(NULL), Value::count);
    let holds_lists = matches!(list, Value::List(items) if items.iter().any(Value::is_list));
    if holds_lists {
        let whole_depth = depth(list) - 1;
        if depth(&y) <= whole_depth {
            return Ok(answer(&y));
        }
        return Ok(Value::from_ints(positions_as_ints(list, &y)?));
    }
    map_leaves(
        y,
        |y| is_flat(y) || matches!(y, Value::List(items) if items.iter().all(Value::is_atom)),
        |y| {
            if !y.is_list() {
                return Ok(answer(&y));
            }
            Ok(Value::from_ints(positions_as_ints(list, &y)?))
        },
    )
}

/// `table?y`: the position of a row, or of each row of a table or a list of rows.
///
/// # Errors
/// `type` for what is no row, `limit` without memory.
pub(super) fn rows(table: &Table, y: Value) -> Result<Value, Error> {
    let rows = rows_of(table);
    match y {
        Value::Dict(_) => Ok(position(&rows, &y).map_or(Value::Int(NULL), Value::count)),
        Value::Table(other) => positions_as_ints(&rows, &rows_of(&other)).map(Value::from_ints),
        y if y.is_list() => positions_as_ints(&rows, &y).map(Value::from_ints),
        y => Err(type_error_pair(
            Verb::Query,
            &Value::table(table.clone()),
            &y,
        )),
    }
}

/// `x in y`: 1 where an item of `x` is in the list `y`.
///
/// # Errors
/// `limit` without memory.
pub(super) fn member(x: Value, y: Value) -> Result<Value, Error> {
    let list = match y {
        Value::Table(table) => {
            let places = rows(&table, x)?;
            return super::monads::not(super::monads::null(places)?);
        }
        Value::Dict(dict) => dict.values().clone(),
        y if y.is_list() => y,
        atom => atom.enlist(),
    };
    let places = find(&list, x)?;
    super::monads::not(super::monads::null(places)?)
}

/// `list^y`: the items of the list that match no item of `y`.
///
/// # Errors
/// `limit` without memory.
pub(super) fn except(list: Value, y: Value) -> Result<Value, Error> {
    let y = if y.is_list() { y } else { y.enlist() };
    if y.is_empty() || list.is_empty() {
        return Ok(list);
    }
    let found = if y.len() == 1 && !matches!(y, Value::List(_)) {
        let only = y.item(0).unwrap_or_default();
        list.items()
            .map(|item| i64::from(!matches(&item, &only)))
            .collect()
    } else {
        let mut found = positions_as_ints(&y, &list)?;
        found.iter_mut().for_each(|at| *at = i64::from(*at == NULL));
        found
    };
    let kept: Vec<usize> = found
        .iter()
        .enumerate()
        .filter(|(_, keep)| **keep == 1)
        .map(|(at, _)| at)
        .collect();
    Ok(super::index::gather(&list, &kept))
}

#[cfg(test)]
mod tests {
    use super::{Value, except, find, positions_as_ints};
    use crate::value::NULL;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn long_and_short_lists_find_the_same() {
        let long: Vec<i64> = (0..100).map(|x| x * x).collect();
        let list = ints(&long);
        let queries = Value::from_floats(vec![4.0, 0.5, 81.0, f64::NAN, 9801.0]);
        assert_eq!(
            positions_as_ints(&list, &queries).unwrap(),
            vec![2, NULL, 9, NULL, 99]
        );
        let floats = Value::from_floats(long.iter().map(|x| *x as f64).collect());
        assert_eq!(
            positions_as_ints(&floats, &ints(&[4, 5, 81, 3])).unwrap(),
            vec![2, NULL, 9, NULL]
        );
        let mixed = Value::from_items(vec![Value::symbol("a"), Value::Int(9), Value::Nil]);
        assert_eq!(
            positions_as_ints(&list, &mixed).unwrap(),
            vec![NULL, 3, NULL]
        );
    }

    #[test]
    fn lists_in_lists_are_found_whole() {
        let words = Value::from_items(vec![Value::string("ab"), Value::string("cd")]);
        assert_eq!(find(&words, Value::string("cd")).unwrap(), Value::Int(1));
        let two = Value::from_items(vec![Value::string("cd"), Value::string("zz")]);
        assert_eq!(find(&words, two).unwrap(), ints(&[1, NULL]));
        let nested = Value::from_items(vec![Value::Int(9), ints(&[1, 4])]);
        let expected = Value::from_items(vec![Value::Int(NULL), ints(&[0, 1])]);
        assert_eq!(find(&ints(&[1, 4]), nested).unwrap(), expected);
    }

    #[test]
    fn shared_lists_are_walked_once() {
        let double = |inner: Value, _| Value::from_items(vec![inner.clone(), inner]);
        let doubled = (0..60).fold(Value::symbol("a"), double);
        let list = Value::from_items(vec![doubled.clone(), Value::Int(1)]);
        assert_eq!(find(&list, Value::Int(1)).unwrap(), Value::Int(1));
        assert_eq!(find(&list, doubled).unwrap(), Value::Int(0));
    }

    #[test]
    fn except_by_match() {
        let list = Value::from_items(vec![ints(&[1, 2]), ints(&[3, 4])]);
        assert_eq!(
            except(list, ints(&[1, 2]).enlist()).unwrap(),
            ints(&[3, 4]).enlist()
        );
        assert_eq!(
            except(ints(&[1, 2, 3, 2, 1]), Value::Int(2)).unwrap(),
            ints(&[1, 3, 1])
        );
    }
}

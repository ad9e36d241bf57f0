//! Drop, delete, cut and splice: lists with parts gone.

use super::index::{gather, gather_rows};
use super::take::{slice, whole};
use super::walk::{domain_error, length_error, type_error_pair};
use crate::error::{Class, Error};
use crate::value::{Dict, NULL, Table, Value, check_lists, room};
use crate::verb::Verb;
use std::ops::Range;
use std::rc::Rc;

/// `n_x`: without the first n items, or without the last -n. An atom stays.
///
/// # Errors
/// `type`, `domain` for a broken number.
pub(super) fn drop(n: &Value, x: Value) -> Result<Value, Error> {
    match x {
        Value::Dict(dict) if !n.is_number() => drop_keys(n.clone().enlist(), &dict),
        Value::Table(table) if matches!(n, Value::Symbol(_)) => {
            drop_columns(n.clone().enlist(), &table)
        }
        x => {
            let count = whole(Verb::Under, n, &x)?;
            drop_count(count, x)
        }
    }
}

fn kept(count: i64, items: usize) -> Range<usize> {
    let gone = usize::try_from(count.unsigned_abs())
        .unwrap_or(usize::MAX)
        .min(items);
    if count < 0 {
        0..items - gone
    } else {
        gone..items
    }
}

fn drop_count(count: i64, x: Value) -> Result<Value, Error> {
    Ok(match x {
        Value::Dict(dict) => {
            let range = kept(count, dict.len());
            Value::dict(Dict::new(
                slice(dict.keys(), range.clone()),
                slice(dict.values(), range),
            )?)
        }
        Value::Table(table) => {
            let range = kept(count, table.rows());
            let columns = table
                .columns()
                .iter()
                .map(|column| slice(column, range.clone()))
                .collect();
            Value::table(Table::new(Rc::clone(table.names()), columns)?)
        }
        list if list.is_list() => {
            let range = kept(count, list.len());
            drop_in_place(list, range)
        }
        atom => atom,
    })
}

/// Keeps a range of a list; the vector itself is shortened when nobody else holds it and little
/// has to be moved.
fn drop_in_place(list: Value, range: Range<usize>) -> Value {
    fn short<T>(items: &mut Rc<Vec<T>>, range: &Range<usize>) -> bool {
        match Rc::get_mut(items) {
            Some(own) if range.start == 0 => {
                own.truncate(range.end);
                true
            }
            _ => false,
        }
    }
    let mut list = list;
    let done = match &mut list {
        Value::Ints(items) => short(items, &range),
        Value::Floats(items) => short(items, &range),
        Value::Chars(items) => short(items, &range),
        Value::Symbols(items) => short(items, &range),
        _ => false,
    };
    if done { list } else { slice(&list, range) }
}

fn drop_keys(keys: Value, dict: &Dict) -> Result<Value, Error> {
    let gone = super::find::positions_as_ints(&keys, dict.keys())?;
    let places: Vec<usize> = (0..dict.len()).filter(|at| gone[*at] == NULL).collect();
    Ok(Value::dict(Dict::new(
        gather(dict.keys(), &places),
        gather(dict.values(), &places),
    )?))
}

fn drop_columns(names: Value, table: &Table) -> Result<Value, Error> {
    let Value::Symbols(gone) = &names else {
        return Err(type_error_pair(
            Verb::Under,
            &names,
            &Value::table(table.clone()),
        ));
    };
    let kept = table
        .names()
        .iter()
        .zip(table.columns())
        .filter(|(name, _)| !gone.contains(name));
    let (names, columns): (Vec<_>, Vec<_>) =
        kept.map(|(name, column)| (*name, column.clone())).unzip();
    Ok(Value::table(Table::new(Rc::new(names), columns)?))
}

/// `list_i`: without the item at that place, if there is one.
///
/// # Errors
/// `type` for a place that is no number.
pub(super) fn delete(list: Value, place: &Value) -> Result<Value, Error> {
    fn removed<T: Clone>(items: &mut Rc<Vec<T>>, at: usize) {
        Rc::make_mut(items).remove(at);
    }
    if !place.is_number() {
        return Err(type_error_pair(Verb::Under, &list, place));
    }
    let Some(at) = place.as_index().filter(|at| *at < list.len()) else {
        return Ok(list);
    };
    let mut list = list;
    match &mut list {
        Value::Ints(items) => removed(items, at),
        Value::Floats(items) => removed(items, at),
        Value::Chars(items) => removed(items, at),
        Value::Symbols(items) => removed(items, at),
        _ => {
            let mut items = list.into_items();
            items.remove(at);
            list = Value::from_items(items);
        }
    }
    Ok(list)
}

/// `places_y`: cuts a list at ascending places; of a dictionary removes those keys.
///
/// # Errors
/// `domain` for a negative place, `length` for one past the end, `type`.
pub(super) fn cut(places: Value, y: Value) -> Result<Value, Error> {
    match &y {
        Value::Dict(dict) => return drop_keys(places, dict),
        Value::Table(table) => {
            return match &places {
                Value::Symbols(_) => drop_columns(places, table),
                _ => cut_table(&places, table),
            };
        }
        _ => {}
    }
    let pieces = pieces(&places, y.len(), &y)?;
    check_lists(pieces.len())?;
    let mut out = room(pieces.len())?;
    out.extend(pieces.into_iter().map(|piece| slice(&y, piece)));
    Ok(Value::from_items(out))
}

fn cut_table(places: &Value, table: &Table) -> Result<Value, Error> {
    let whole = Value::table(table.clone());
    let pieces = pieces(places, table.rows(), &whole)?;
    let tables = pieces
        .into_iter()
        .map(|piece| gather_rows(table, &piece.collect::<Vec<usize>>()));
    tables
        .collect::<Result<Vec<Value>, Error>>()
        .map(Value::from_items)
}

/// The ranges between cuts. A cut before the one before it makes an empty piece.
fn pieces(places: &Value, items: usize, y: &Value) -> Result<Vec<Range<usize>>, Error> {
    let Some(places) = places.to_ints() else {
        return Err(type_error_pair(Verb::Under, places, y));
    };
    let mut starts = Vec::with_capacity(places.len() + 1);
    for place in places.iter() {
        let place = usize::try_from(*place)
            .map_err(|_| domain_error(Verb::Under, "at a negative place"))?;
        if place > items {
            let place = Value::count(place);
            return Err(Error::new(
                Class::Length,
                format!("_ at {place:?} of {items} items"),
            ));
        }
        starts.push(place);
    }
    starts.push(items);
    Ok(starts
        .windows(2)
        .map(|edges| edges[0]..edges[1].max(edges[0]))
        .collect())
}

/// What `?[x;(from;to);v]` works on: the items before the range, in it, and after it.
///
/// # Errors
/// `type`, `domain` and `length` for broken ranges.
pub fn splice_parts(x: &Value, range: &Value) -> Result<(Value, Value, Value), Error> {
    if !x.is_list() {
        return Err(type_error_pair(Verb::Query, x, range));
    }
    let bounds = match range.to_ints() {
        Some(bounds) if bounds.len() == 2 => bounds,
        Some(_) => {
            return Err(length_error(
                Verb::Query,
                &Value::from_ints(vec![0, 0]),
                range,
            ));
        }
        None => return Err(type_error_pair(Verb::Query, x, range)),
    };
    let edge = |at: i64| match usize::try_from(at) {
        Ok(at) if at <= x.len() => Ok(at),
        Ok(_) => Err(Error::new(
            Class::Length,
            format!("? at {at} of {} items", x.len()),
        )),
        Err(_) => Err(domain_error(Verb::Query, "at a negative place")),
    };
    let (from, to) = (edge(bounds[0])?, edge(bounds[1])?);
    let to = to.max(from);
    Ok((slice(x, 0..from), slice(x, from..to), slice(x, to..x.len())))
}

/// `?[x;(from;to);v]`: the list with the items of the range replaced by `v`.
///
/// # Errors
/// Those of [`splice_parts`].
pub fn splice(x: &Value, range: &Value, v: Value) -> Result<Value, Error> {
    let (head, _, tail) = splice_parts(x, range)?;
    super::join::join(super::join::join(head, v)?, tail)
}

#[cfg(test)]
mod tests {
    use super::super::take::take;
    use super::{cut, delete, drop, splice};
    use crate::error::Class;
    use crate::format::form;
    use crate::value::Value;
    use proptest::prelude::proptest;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn cutting_and_deleting() {
        assert_eq!(
            form(&cut(ints(&[0, 0]), ints(&[0, 1, 2])).unwrap()),
            "(()\n 0 1 2)"
        );
        assert_eq!(
            cut(ints(&[4]), ints(&[0, 1, 2])).unwrap_err().class(),
            Class::Length
        );
        assert_eq!(
            cut(ints(&[-1]), ints(&[0, 1, 2])).unwrap_err().class(),
            Class::Domain
        );
        assert_eq!(
            delete(ints(&[4, 5, 6]), &Value::Int(1)).unwrap(),
            ints(&[4, 6])
        );
        assert_eq!(
            delete(ints(&[4, 5, 6]), &Value::Int(3)).unwrap(),
            ints(&[4, 5, 6])
        );
    }

    #[test]
    fn splicing() {
        let text = Value::string("abcdef");
        assert_eq!(
            splice(&text, &ints(&[1, 3]), Value::string("ZZZ")).unwrap(),
            Value::string("aZZZdef")
        );
        assert_eq!(
            splice(&text, &ints(&[1, 9]), Value::string("Z"))
                .unwrap_err()
                .class(),
            Class::Length
        );
    }

    proptest! {
        #[test]
        fn what_is_taken_and_what_is_dropped_make_the_list(items in proptest::collection::vec(0..9i64, 1..40), n in 0..40i64) {
            let list = ints(&items);
            let n = Value::Int(n.min(items.len() as i64));
            let head = take(&n, list.clone()).unwrap();
            let tail = drop(&n, list.clone()).unwrap();
            assert_eq!(super::super::join::join(head, tail).unwrap(), list);
        }
    }
}

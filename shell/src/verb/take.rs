//! Take and reshape.

use super::walk::{domain_error, take as unshare, type_error_pair};
use crate::error::{Class, Error};
use crate::value::{Dict, NULL, Table, Value, check_lists, count_items, product, room};
use crate::verb::Verb;
use std::ops::Range;

/// The items of a list from `range.start` up to `range.end`, which both exist.
pub fn slice(list: &Value, range: Range<usize>) -> Value {
    match list {
        Value::Ints(items) => Value::from_ints(items[range].to_vec()),
        Value::Floats(items) => Value::from_floats(items[range].to_vec()),
        Value::Temporals(kind, items) => Value::from_temporals(*kind, items[range].to_vec()),
        Value::Chars(items) => Value::from_chars(items[range].to_vec()),
        Value::Symbols(items) => Value::from_symbols(items[range].to_vec()),
        Value::List(items) => Value::from_items(items[range].to_vec()),
        other => other.clone(),
    }
}

/// The integer in the left operand of a verb.
pub(super) fn whole(verb: Verb, n: &Value, x: &Value) -> Result<i64, Error> {
    match n.as_int() {
        Some(n) if n != NULL => Ok(n),
        _ if n.is_number() => Err(domain_error(verb, "by a number that is no integer")),
        _ => Err(type_error_pair(verb, n, x)),
    }
}

/// `n#x`: the first n items, cyclically; for n below zero the last ones. Of an atom n copies.
///
/// # Errors
/// `type`, `domain` for a broken number, `limit` for a large one.
pub(super) fn take(n: &Value, x: Value) -> Result<Value, Error> {
    let count = whole(Verb::Hash, n, &x)?;
    match x {
        Value::Dict(dict) => {
            let keep = Value::Int(count.clamp(-(dict.len() as i64), dict.len() as i64));
            let (keys, values) = unshare(dict).into_parts();
            Ok(Value::dict(Dict::new(
                take(&keep, keys)?,
                take(&keep, values)?,
            )?))
        }
        Value::Table(table) => {
            let (names, columns) = unshare(table).into_parts();
            let columns = columns
                .into_iter()
                .map(|column| take(n, column))
                .collect::<Result<_, Error>>()?;
            Ok(Value::table(Table::new(names, columns)?))
        }
        list if list.is_list() && !list.is_empty() => {
            let items = list.len();
            let wanted = count_items(count.unsigned_abs())?;
            let start = if count < 0 {
                count.rem_euclid(items as i64) as usize
            } else {
                0
            };
            cycle(&list, start, wanted)
        }
        // An empty list is taken as one item, as an atom is.
        item => {
            let wanted = count_items(count.unsigned_abs())?;
            if wanted == 0 {
                Ok(Value::empty())
            } else {
                Value::repeat(item, wanted)
            }
        }
    }
}

/// `wanted` items of a list that is not empty, from `start` on and round.
fn cycle(list: &Value, start: usize, wanted: usize) -> Result<Value, Error> {
    fn round<T: Clone>(items: &[T], start: usize, wanted: usize) -> Result<Vec<T>, Error> {
        let mut out = room(wanted)?;
        out.extend_from_slice(&items[start..items.len().min(start.saturating_add(wanted))]);
        while out.len() < wanted {
            let more = items.len().min(wanted - out.len());
            out.extend_from_slice(&items[..more]);
        }
        Ok(out)
    }
    Ok(match list {
        Value::Ints(items) => Value::from_ints(round(items, start, wanted)?),
        Value::Floats(items) => Value::from_floats(round(items, start, wanted)?),
        Value::Temporals(kind, items) => Value::from_temporals(*kind, round(items, start, wanted)?),
        Value::Chars(items) => Value::from_chars(round(items, start, wanted)?),
        Value::Symbols(items) => Value::from_symbols(round(items, start, wanted)?),
        Value::List(items) => Value::from_items(round(items, start, wanted)?),
        other => other.clone(),
    })
}

/// `shape#x`: an array of these axes, filled cyclically; one axis may be `0N`, as needed.
/// `keys#d` takes those keys, and `names#t` those columns.
///
/// # Errors
/// `type` and `domain` for broken axes, `length` for two open ones, `limit` for too many items.
pub(super) fn reshape(shape: Value, x: Value) -> Result<Value, Error> {
    match x {
        Value::Dict(dict) => {
            let values = super::index::at(&Value::Dict(dict), shape.clone())?;
            return Ok(Value::dict(Dict::new(shape, values)?));
        }
        Value::Table(table) => return columns(shape, &table),
        _ => {}
    }
    let Some(axes) = shape.to_ints() else {
        return Err(type_error_pair(Verb::Hash, &shape, &x));
    };
    let items = if x.is_list() && !x.is_empty() {
        x
    } else {
        x.enlist()
    };
    let mut axes = axes.into_owned();
    match axes.as_slice() {
        [] => return Ok(items.item(0).unwrap_or_default()),
        [NULL] => return Ok(items),
        [NULL, width] => return ragged_by_width(*width, &items),
        [rows, NULL] => return ragged_by_rows(*rows, &items),
        _ => {}
    }
    if axes.iter().filter(|axis| **axis == NULL).count() > 1 {
        return Err(Error::new(Class::Length, "# with more than one open axis"));
    }
    let mut total = 1;
    for axis in axes.iter().filter(|axis| **axis != NULL) {
        let axis =
            u64::try_from(*axis).map_err(|_| domain_error(Verb::Hash, "with a negative axis"))?;
        total = product(total, count_items(axis)?)?;
    }
    for axis in axes.iter_mut().filter(|axis| **axis == NULL) {
        *axis = items.len().div_ceil(total.max(1)) as i64;
        total = product(total, *axis as usize)?;
    }
    let axes: Vec<usize> = axes.iter().map(|axis| *axis as usize).collect();
    // Every axis but the last makes lists, also where a later one is empty.
    let (mut rows, mut lists) = (1, 0usize);
    for axis in &axes[..axes.len() - 1] {
        rows = product(rows, *axis)?;
        lists = lists.saturating_add(rows);
    }
    check_lists(lists)?;
    let mut level = cycle(&items, 0, total)?;
    for (at, axis) in axes.iter().enumerate().skip(1).rev() {
        let rows: usize = axes[..at].iter().product();
        let mut grouped: Vec<Value> = room(rows)?;
        grouped.extend((0..rows).map(|row| slice(&level, row * axis..(row + 1) * axis)));
        level = Value::from_items(grouped);
    }
    Ok(level)
}

fn columns(names: Value, table: &Table) -> Result<Value, Error> {
    let names = if names.is_empty() {
        Value::from_symbols(Vec::new())
    } else {
        names
    };
    let Value::Symbols(names) = names else {
        return Err(type_error_pair(
            Verb::Hash,
            &names,
            &Value::table(table.clone()),
        ));
    };
    let columns = names.iter().map(|name| {
        table
            .column(*name)
            .cloned()
            .ok_or_else(|| Error::new(Class::Index, format!("no column {name}")))
    });
    let columns = columns.collect::<Result<Vec<Value>, Error>>()?;
    Ok(Value::table(Table::new(names, columns)?))
}

fn ragged_by_width(width: i64, items: &Value) -> Result<Value, Error> {
    let width = usize::try_from(width).ok().filter(|width| *width > 0);
    let width = width.ok_or_else(|| domain_error(Verb::Hash, "with an axis below one"))?;
    check_lists(items.len() / width)?;
    let starts = (0..items.len()).step_by(width);
    Ok(starts
        .map(|start| slice(items, start..items.len().min(start + width)))
        .collect())
}

fn ragged_by_rows(rows: i64, items: &Value) -> Result<Value, Error> {
    let rows =
        usize::try_from(rows).map_err(|_| domain_error(Verb::Hash, "with a negative axis"))?;
    check_lists(rows)?;
    let mut out: Vec<Value> = room(rows)?;
    let edge = |row: usize| (row as u128 * items.len() as u128 / rows as u128) as usize;
    out.extend((0..rows).map(|row| slice(items, edge(row)..edge(row + 1))));
    Ok(Value::from_items(out))
}

#[cfg(test)]
mod tests {
    use super::{reshape, take};
    use crate::error::Class;
    use crate::format::form;
    use crate::value::{NULL, Value};

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    fn shaped(axes: &[i64], x: Value) -> String {
        form(&reshape(ints(axes), x).unwrap())
    }

    #[test]
    fn taking() {
        assert_eq!(
            take(&Value::Int(-4), ints(&[1, 2, 3])).unwrap(),
            ints(&[3, 1, 2, 3])
        );
        assert_eq!(
            take(&Value::Int(3), Value::Char(b'a')).unwrap(),
            Value::string("aaa")
        );
        assert_eq!(take(&Value::Int(0), ints(&[1])).unwrap(), ints(&[]));
        assert_eq!(
            take(&Value::Int(1_000_000_000_000), Value::Int(0))
                .unwrap_err()
                .class(),
            Class::Limit
        );
        assert_eq!(
            take(&Value::Int(i64::MAX), ints(&[1, 2]))
                .unwrap_err()
                .class(),
            Class::Limit
        );
        assert_eq!(
            take(&Value::symbol("a"), ints(&[1])).unwrap_err().class(),
            Class::Type
        );
    }

    #[test]
    fn shaping() {
        assert_eq!(
            shaped(&[2, 2, 2], ints(&[0, 1, 2, 3, 4, 5, 6, 7])),
            "((0 1\n  2 3)\n (4 5\n  6 7))"
        );
        assert_eq!(shaped(&[2, NULL], ints(&[0, 1, 2, 3, 4])), "(0 1\n 2 3 4)");
        assert_eq!(
            shaped(&[NULL, 2], ints(&[0, 1, 2, 3, 4])),
            "(0 1\n 2 3\n ,4)"
        );
        assert_eq!(
            shaped(&[2, NULL, 2], ints(&[0, 1, 2, 3, 4, 5, 6, 7])),
            "((0 1\n  2 3)\n (4 5\n  6 7))"
        );
        assert_eq!(shaped(&[3, 0], ints(&[1])), "(()\n ()\n ())");
        assert_eq!(shaped(&[0, 3], ints(&[1])), "()");
        let error = |axes: &[i64]| reshape(ints(axes), ints(&[1])).unwrap_err().class();
        assert_eq!(error(&[1 << 20, 1 << 20]), Class::Limit);
        assert_eq!(error(&[1 << 40, 0]), Class::Limit);
        assert_eq!(error(&[2, -1]), Class::Domain);
        assert_eq!(error(&[NULL, NULL, 1]), Class::Length);
    }
}

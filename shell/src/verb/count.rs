//! Counting: `!n`, odometer, `&x`, `n!x`, and the plain monads of shape `*x`, `|x`.

use super::index::{gather, gather_rows};
use super::monads::floor_float;
use super::number::{Num, are_narrow, float_of, float_to_narrow, narrow_to_float};
use super::walk::{domain_error, is_flat, map_leaves, take, type_error, type_error_pair};
use crate::error::Error;
use crate::pace;
use crate::value::{
    Dict, NULL, Table, Value, check_items, check_lists, count_items, product, room,
};
use crate::verb::Verb;
use std::rc::Rc;

/// `!x`: the integers below n, the odometer of a list, the keys of a dictionary.
///
/// # Errors
/// `type`, `domain` for a broken number, `limit` for a large one.
pub(super) fn iota(x: Value) -> Result<Value, Error> {
    match x {
        Value::Dict(dict) => Ok(dict.keys().clone()),
        Value::Table(table) => Ok(Value::Symbols(Rc::clone(table.names()))),
        list if list.is_list() => odometer(&list),
        other => integers(Verb::Bang, &other),
    }
}

/// The integers from 0 up to a number, or from it up to -1.
///
/// # Errors
/// Those of [`iota`], which name the verb.
pub(super) fn integers(verb: Verb, n: &Value) -> Result<Value, Error> {
    let number = match n {
        Value::Char(c) => Some(i64::from(*c)),
        n if n.is_number() => n.as_int().filter(|n| *n != NULL),
        other => return Err(type_error(verb, other)),
    };
    let n = number.ok_or_else(|| domain_error(verb, "of a number that is no integer"))?;
    let count = count_items(n.unsigned_abs())?;
    let mut out = room(count)?;
    let first = n.min(0);
    pace::extend(&mut out, count, |at| first + at as i64)?;
    Ok(Value::from_ints(out))
}

/// One row for each axis: the digits of all numbers of the mixed base.
fn odometer(axes: &Value) -> Result<Value, Error> {
    let Some(counts) = axes.to_ints() else {
        return Err(type_error(Verb::Bang, axes));
    };
    let mut total = 1;
    for count in counts.iter() {
        let count =
            u64::try_from(*count).map_err(|_| domain_error(Verb::Bang, "of a negative axis"))?;
        total = product(total, count_items(count)?)?;
    }
    if counts.is_empty() {
        return Ok(Value::empty());
    }
    check_items(product(total, counts.len())?, size_of::<i64>())?;
    let mut rows = room(counts.len())?;
    // How many items an axis' digit stays the same.
    let mut period = total;
    for count in counts.iter() {
        let count = *count as usize;
        let mut row = room(total)?;
        if total > 0 {
            period /= count;
            while row.len() < total {
                for digit in 0..count as i64 {
                    pace::work(period)?;
                    row.extend(std::iter::repeat_n(digit, period));
                }
            }
        }
        rows.push(Value::from_ints(row));
    }
    Ok(Value::from_items(rows))
}

/// `&x`: n zeros of a number, each index as often as the list's item says, keys by counts.
///
/// # Errors
/// `domain` for a negative or broken count, `type` for other kinds, `limit` without memory.
pub(super) fn r#where(x: &Value) -> Result<Value, Error> {
    if let Value::Dict(dict) = x {
        let places = indices(dict.values())?;
        return Ok(gather(
            dict.keys(),
            &places.iter().map(|at| *at as usize).collect::<Vec<usize>>(),
        ));
    }
    if x.is_number() {
        let count = x
            .as_count()
            .ok_or_else(|| domain_error(Verb::And, "of a negative count"))?;
        return Value::repeat(Value::Int(0), count_items(count)?);
    }
    if !x.is_list() {
        return Err(type_error(Verb::And, x));
    }
    Ok(Value::from_ints(indices(x)?))
}

fn indices(counts: &Value) -> Result<Vec<i64>, Error> {
    let Some(counts) = counts.to_ints() else {
        return Err(match counts {
            Value::Floats(_) => domain_error(Verb::And, "of a count that is no integer"),
            other => type_error(Verb::And, other),
        });
    };
    let mut seen = 0;
    let mut total = 0u64;
    for count in counts.iter() {
        seen |= *count;
        total = total.saturating_add(*count as u64);
    }
    if seen < 0 {
        return Err(domain_error(Verb::And, "of a negative count"));
    }
    let total = count_items(total)?;
    let mut out: Vec<i64> = room(total)?;
    if seen <= 1 {
        // Ones and zeros: every index is written, and only kept if its item is one.
        out.resize(total, 0);
        let mut at = 0;
        for (index, count) in counts.iter().enumerate() {
            if at == total {
                break;
            }
            out[at] = index as i64;
            at += *count as usize;
        }
        return Ok(out);
    }
    for (index, count) in counts.iter().enumerate() {
        out.extend(std::iter::repeat_n(index as i64, *count as usize));
    }
    Ok(out)
}

/// `n!x`: modulo for n above zero, floored division by -n for n below, x for zero.
///
/// # Errors
/// `type` for what is no number.
pub(super) fn modulo(n: &Value, x: Value) -> Result<Value, Error> {
    let n = match n {
        Value::Char(c) => Value::Int(i64::from(*c)),
        n => n.clone(),
    };
    map_leaves(x, is_flat, |x| {
        if x.is_list() && x.is_empty() {
            return Ok(Value::empty());
        }
        if n.is_temporal() {
            return super::temporal::modulo(&n, x);
        }
        let number = match (&n, Num::from_value(x)) {
            (Value::Int(_) | Value::Float(_), Ok(number)) => number,
            (n, Ok(_)) => return Err(type_error(Verb::Bang, n)),
            (n, Err(x)) => return Err(type_error_pair(Verb::Bang, n, &x)),
        };
        match (n.as_int(), n.as_float()) {
            (Some(n), _) => Ok(modulo_int(n, number)),
            (None, n) => Ok(modulo_float(n.unwrap_or(f64::NAN), number)),
        }
    })
}

fn modulo_int(n: i64, x: Num) -> Value {
    let one = |x: i64| match n {
        NULL => NULL,
        _ if x == NULL => NULL,
        0 => x,
        1.. => x.rem_euclid(n),
        _ => x.div_euclid(-n),
    };
    match x {
        Num::Int(x) => Value::Int(one(x)),
        Num::Ints(x) => Value::from_ints(modulo_ints(n, x, one)),
        other => modulo_float(float_of(n), other),
    }
}

/// Division is the slowest instruction there is: powers of two need none, and narrow integers are
/// divided as floats, by a reciprocal, many at a time.
fn modulo_ints(n: i64, x: Rc<Vec<i64>>, one: impl Fn(i64) -> i64) -> Vec<i64> {
    let mut x = take(x);
    if n == 0 || n == NULL || !are_narrow(&x) || !are_narrow(&[n]) {
        x.iter_mut().for_each(|x| *x = one(*x));
    } else if n > 0 && n & (n - 1) == 0 {
        x.iter_mut().for_each(|x| *x &= n - 1);
    } else {
        let divisor = narrow_to_float(n.abs());
        let reciprocal = 1.0 / divisor;
        // The rounded reciprocal may miss the quotient by one; the remainder shows it.
        let divide = |x: i64| {
            let x = narrow_to_float(x);
            let quotient = (x * reciprocal).floor();
            let rest = x - quotient * divisor;
            let low = if rest < 0.0 { 1.0 } else { 0.0 };
            let high = if rest >= divisor { 1.0 } else { 0.0 };
            (quotient - low + high, rest + low * divisor - high * divisor)
        };
        if n > 0 {
            x.iter_mut()
                .for_each(|x| *x = float_to_narrow(divide(*x).1));
        } else {
            x.iter_mut()
                .for_each(|x| *x = float_to_narrow(divide(*x).0));
        }
    }
    x
}

fn modulo_float(n: f64, x: Num) -> Value {
    let one = |x: f64| {
        if n == 0.0 {
            Value::Float(x)
        } else if n < 0.0 {
            floor_float(x / -n)
        } else if n.is_nan() {
            Value::Int(NULL)
        } else {
            Value::Float(x - n * (x / n).floor())
        }
    };
    match x {
        Num::Int(x) => one(float_of(x)),
        Num::Float(x) => one(x),
        Num::Ints(x) => x.iter().map(|x| one(float_of(*x))).collect(),
        Num::Floats(x) => x.iter().map(|x| one(*x)).collect(),
    }
}

/// `*x`: the first item; of an empty list the empty list.
pub(super) fn first(x: Value) -> Value {
    match x {
        Value::Dict(dict) => first(dict.values().clone()),
        Value::Table(table) => table.row(0).unwrap_or_else(Value::empty),
        list if list.is_list() => list.item(0).unwrap_or_else(Value::empty),
        atom => atom,
    }
}

/// `|x`: the items in reverse order; of a dictionary keys and values.
pub(super) fn reverse(x: Value) -> Result<Value, Error> {
    fn turned<T: Clone>(mut items: Rc<Vec<T>>) -> Rc<Vec<T>> {
        match Rc::get_mut(&mut items) {
            Some(own) => own.reverse(),
            None => items = Rc::new(items.iter().rev().cloned().collect()),
        }
        items
    }
    Ok(match x {
        Value::Ints(items) => Value::Ints(turned(items)),
        Value::Floats(items) => Value::Floats(turned(items)),
        Value::Temporals(kind, items) => Value::Temporals(kind, turned(items)),
        Value::Chars(items) => Value::Chars(turned(items)),
        Value::Symbols(items) => Value::Symbols(turned(items)),
        Value::List(_) => {
            let mut items = x.into_items();
            items.reverse();
            Value::from_items(items)
        }
        Value::Dict(dict) => {
            let (keys, values) = take(dict).into_parts();
            Value::dict(Dict::new(reverse(keys)?, reverse(values)?)?)
        }
        Value::Table(table) => {
            let places: Vec<usize> = (0..table.rows()).rev().collect();
            gather_rows(&table, &places)?
        }
        atom => atom,
    })
}

/// `+x`: transposes a list of columns, whose atoms and short ones repeat; turns a dictionary of
/// columns into a table and a table into that dictionary.
///
/// # Errors
/// `type` for a dictionary without symbol keys, `length` for columns that differ, `limit`.
pub(super) fn flip(x: Value) -> Result<Value, Error> {
    match x {
        Value::Dict(dict) => {
            let (keys, values) = take(dict).into_parts();
            match keys {
                Value::Symbols(names) => Ok(Value::table(Table::new(names, values.into_items())?)),
                keys if keys.is_empty() => {
                    Ok(Value::table(Table::new(Rc::new(Vec::new()), Vec::new())?))
                }
                keys => Err(type_error(Verb::Plus, &keys)),
            }
        }
        Value::Table(table) => {
            let (names, columns) = take(table).into_parts();
            Ok(Value::dict(Dict::new(
                Value::Symbols(names),
                Value::from_items_general(columns),
            )?))
        }
        list if list.is_list() => transpose(&list),
        atom => Ok(atom.enlist().enlist()),
    }
}

fn transpose(columns: &Value) -> Result<Value, Error> {
    let extent = |column: &Value| if column.is_list() { column.len() } else { 1 };
    let rows = columns
        .items()
        .map(|column| extent(&column))
        .max()
        .unwrap_or(0);
    check_items(product(rows, columns.len())?, size_of::<i64>())?;
    if let Some(typed) = transpose_ints(columns, rows) {
        return Ok(typed);
    }
    check_lists(rows)?;
    let columns: Vec<Value> = columns.items().collect();
    let mut out = room(rows)?;
    for row in 0..rows {
        let cells = columns.iter().map(|column| match extent(column) {
            _ if !column.is_list() => column.clone(),
            0 => Value::empty(),
            count => column.item(row % count).unwrap_or_default(),
        });
        out.push(cells.collect());
    }
    Ok(Value::from_items(out))
}

/// A matrix of integers, which needs no look at each cell's kind.
fn transpose_ints(columns: &Value, rows: usize) -> Option<Value> {
    let Value::List(columns) = columns else {
        return None;
    };
    let columns: Vec<&[i64]> = columns
        .iter()
        .map(|column| match column {
            Value::Ints(items) if items.len() == rows => Some(items.as_slice()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let row = |at: usize| Value::from_ints(columns.iter().map(|column| column[at]).collect());
    Some(Value::from_items((0..rows).map(row).collect()))
}

#[cfg(test)]
mod tests {
    use super::{flip, iota, modulo, reverse, r#where};
    use crate::error::Class;
    use crate::format::form;
    use crate::value::{NULL, Value};
    use proptest::prelude::{any, proptest};

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn counting_up() {
        assert_eq!(iota(Value::Int(3)).unwrap(), ints(&[0, 1, 2]));
        assert_eq!(iota(Value::Int(-2)).unwrap(), ints(&[-2, -1]));
        assert_eq!(
            form(&iota(ints(&[2, 3])).unwrap()),
            "(0 0 0 1 1 1\n 0 1 2 0 1 2)"
        );
        assert_eq!(form(&iota(ints(&[2, 0])).unwrap()), "(()\n ())");
        for absurd in [
            Value::Int(1_000_000_000_000_000),
            Value::Int(i64::MAX),
            ints(&[1 << 40, 1 << 40]),
        ] {
            assert_eq!(iota(absurd).unwrap_err().class(), Class::Limit);
        }
        assert_eq!(iota(Value::Int(NULL)).unwrap_err().class(), Class::Domain);
        assert_eq!(iota(Value::symbol("a")).unwrap_err().class(), Class::Type);
    }

    #[test]
    fn places_by_count() {
        assert_eq!(r#where(&ints(&[3, 2])).unwrap(), ints(&[0, 0, 0, 1, 1]));
        assert_eq!(r#where(&ints(&[1, 0, 1])).unwrap(), ints(&[0, 2]));
        assert_eq!(r#where(&ints(&[0, 0])).unwrap(), ints(&[]));
        assert_eq!(r#where(&Value::Int(2)).unwrap(), ints(&[0, 0]));
        assert_eq!(r#where(&ints(&[1, -1])).unwrap_err().class(), Class::Domain);
        assert_eq!(
            r#where(&ints(&[i64::MAX, i64::MAX])).unwrap_err().class(),
            Class::Limit
        );
    }

    #[test]
    fn remainders_and_quotients_are_floored() {
        let by = |n: i64, x| modulo(&Value::Int(n), x).unwrap();
        assert_eq!(by(3, Value::Int(-10)), Value::Int(2));
        assert_eq!(
            by(-10, Value::Int(9_007_199_254_740_993)),
            Value::Int(900_719_925_474_099)
        );
        assert_eq!(by(7, ints(&[-1, -8, NULL])), ints(&[6, 6, NULL]));
        assert_eq!(by(8, ints(&[-1, 9])), ints(&[7, 1]));
        assert_eq!(by(-2, Value::Float(7.5)), Value::Int(3));
        assert_eq!(by(0, ints(&[7, 8])), ints(&[7, 8]));
        assert_eq!(
            modulo(&Value::Float(2.5), Value::Int(6)).unwrap(),
            Value::Int(1)
        );
    }

    #[test]
    fn flipping() {
        let rows = Value::from_items(vec![
            ints(&[1, 2]),
            Value::string("abc"),
            Value::symbol("x"),
        ]);
        assert_eq!(
            form(&flip(rows).unwrap()),
            "((1;\"a\";`x)\n (2;\"b\";`x)\n (1;\"c\";`x))"
        );
        assert_eq!(form(&flip(Value::Int(1)).unwrap()), ",,1");
        assert_eq!(form(&flip(ints(&[1, 2])).unwrap()), ",1 2");
    }

    proptest! {
        #[test]
        fn reversing_twice_gives_the_list_back(items in proptest::collection::vec(any::<i64>(), 0..50)) {
            let list = ints(&items);
            assert_eq!(reverse(reverse(list.clone()).unwrap()).unwrap(), list);
        }

        #[test]
        fn narrow_division_is_division(items in proptest::collection::vec(any::<i64>(), 1..50), shift in 10..63u32, n in any::<i64>(), narrow in 0..63u32) {
            let items: Vec<i64> = items.iter().map(|x| x >> shift).collect();
            let n = n >> narrow;
            let wide: Value = items.iter().map(|x| modulo(&Value::Int(n), Value::Int(*x)).unwrap()).collect();
            assert_eq!(modulo(&Value::Int(n), ints(&items)).unwrap(), wide);
        }
    }
}

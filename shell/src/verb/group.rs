//! Group `=x` and distinct `?x`.

use super::index::{gather, gather_rows};
use super::keys::{firsts, groups};
use super::walk::{domain_error, type_error};
use crate::error::Error;
use crate::pace;
use crate::value::{Dict, Table, Value, check_items, count_items, product, room};
use crate::verb::Verb;

/// `=x`: of a list, a dictionary from its distinct items to their positions; of a table, the same for its
/// rows; of a number n, the identity matrix of n rows.
///
/// # Errors
/// `type` for other kinds, `limit` when the matrix is too large.
pub(super) fn group(x: &Value) -> Result<Value, Error> {
    if x.is_number() {
        return identity(x);
    }
    let rows = match x {
        Value::Table(table) => Some(rows_of(table)),
        _ => None,
    };
    let x = rows.as_ref().unwrap_or(x);
    if !x.is_list() {
        return Err(type_error(Verb::Equal, x));
    }
    let groups = groups(x)?;
    let keys = gather(x, &places(&groups.firsts));
    let mut values = room(groups.positions.len())?;
    values.extend(groups.positions.into_iter().map(Value::from_ints));
    Ok(Value::dict(Dict::new(keys, Value::from_items(values))?))
}

/// A table's rows as a list of dictionaries.
pub(super) fn rows_of(table: &Table) -> Value {
    let rows = (0..table.rows()).inspect(|_| pace::work_on(table.columns().len()));
    rows.filter_map(|row| table.row(row)).collect()
}

fn places(firsts: &[u32]) -> Vec<usize> {
    firsts.iter().map(|at| *at as usize).collect()
}

fn identity(x: &Value) -> Result<Value, Error> {
    let count = x
        .as_count()
        .ok_or_else(|| domain_error(Verb::Equal, "of a negative or broken number"))?;
    let count = count_items(count)?;
    check_items(product(count, count)?, size_of::<i64>())?;
    let mut rows = room(count)?;
    for at in 0..count {
        pace::work(count)?;
        let mut row = vec![0; count];
        row[at] = 1;
        rows.push(Value::from_ints(row));
    }
    Ok(Value::from_items(rows))
}

/// `?x` of a list: its items without repetition. Of a table: its rows.
///
/// # Errors
/// `type` for what is no list, `limit` without memory.
pub(super) fn distinct(x: &Value) -> Result<Value, Error> {
    match x {
        Value::Table(table) => gather_rows(table, &places(&firsts(&rows_of(table))?)),
        list if list.is_list() => Ok(gather(list, &places(&firsts(list)?))),
        other => Err(type_error(Verb::Query, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::{distinct, group};
    use crate::error::Class;
    use crate::format::form;
    use crate::value::{Dict, Value};
    use proptest::prelude::proptest;

    #[test]
    fn groups_in_order_of_first_occurrence() {
        assert_eq!(
            form(&group(&Value::string("abca")).unwrap()),
            "\"abc\"!(0 3\n ,1\n ,2)"
        );
        assert_eq!(
            form(&group(&Value::from_floats(vec![1.0, 1.5, 1.0])).unwrap()),
            "1 1.5!(0 2\n ,1)"
        );
        assert_eq!(form(&group(&Value::Int(2)).unwrap()), "(1 0\n 0 1)");
        assert_eq!(group(&Value::symbol("a")).unwrap_err().class(), Class::Type);
        assert_eq!(
            group(&Value::Int(1 << 40)).unwrap_err().class(),
            Class::Limit
        );
    }

    #[test]
    fn deep_items_are_told_apart() {
        let deep = |n: usize| (0..n).fold(Value::Int(1), |inner, _| inner.enlist());
        let list = Value::from_items(vec![deep(50_000), deep(50_001), deep(50_000)]);
        assert_eq!(distinct(&list).unwrap().len(), 2);
    }

    fn ungroup(groups: &Dict, count: usize) -> Value {
        let mut items = vec![Value::Nil; count];
        for (key, places) in groups.keys().items().zip(groups.values().items()) {
            for at in places.items() {
                items[at.as_index().unwrap()] = key.clone();
            }
        }
        Value::from_items(items)
    }

    proptest! {
        #[test]
        fn ungrouping_gives_the_list_back(items in proptest::collection::vec(-5..5i64, 1..300), scale in 1..1_000_000_000i64) {
            let list = Value::from_ints(items.iter().map(|x| x * scale).collect());
            let Value::Dict(groups) = group(&list).unwrap() else { panic!("no dictionary") };
            assert_eq!(ungroup(&groups, list.len()), list);
            assert_eq!(&distinct(&list).unwrap(), groups.keys());
        }
    }
}

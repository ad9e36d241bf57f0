//! Join `x,y`, and the join of all items of a list, `,/x`.

use super::walk::take;
use crate::error::{Class, Error};
use crate::pace;
use crate::value::{Dict, List, Table, Value, check_items};
use std::rc::Rc;

/// `x,y`. A left list that nobody else holds grows in place.
///
/// # Errors
/// `length` for tables whose columns differ, `limit` without memory.
pub fn join(x: Value, y: Value) -> Result<Value, Error> {
    match (x, y) {
        (Value::Dict(x), Value::Dict(y)) => join_dicts(x, &y),
        (Value::Table(x), Value::Table(y)) => join_tables(x, &y),
        (Value::Table(x), Value::Dict(y)) => join_row(x, &y),
        (x, y) if x.is_list() && y.is_list() => join_lists(x, y),
        (mut x, y) if x.is_list() => {
            check_items(x.len() + 1, 1)?;
            x.push(y);
            Ok(x)
        }
        (x, y) if y.is_list() => join_lists(x.enlist(), y),
        (x, y) => Ok(Value::from_items(vec![x, y])),
    }
}

fn join_lists(x: Value, y: Value) -> Result<Value, Error> {
    fn grown<T: Copy>(mut x: Rc<Vec<T>>, y: &[T]) -> Result<Rc<Vec<T>>, Error> {
        check_items(x.len() + y.len(), size_of::<T>())?;
        match Rc::get_mut(&mut x) {
            Some(own) => {
                own.extend_from_slice(y);
                Ok(x)
            }
            None => {
                let mut both = Vec::with_capacity(x.len() + y.len());
                both.extend_from_slice(&x);
                both.extend_from_slice(y);
                Ok(Rc::new(both))
            }
        }
    }
    if x.is_empty() {
        return Ok(y);
    }
    if y.is_empty() {
        return Ok(x);
    }
    match (x, y) {
        (Value::Ints(x), Value::Ints(y)) => Ok(Value::Ints(grown(x, &y)?)),
        (Value::Floats(x), Value::Floats(y)) => Ok(Value::Floats(grown(x, &y)?)),
        (Value::Temporals(a, x), Value::Temporals(b, y)) if a == b => {
            Ok(Value::Temporals(a, grown(x, &y)?))
        }
        (Value::Chars(x), Value::Chars(y)) => Ok(Value::Chars(grown(x, &y)?)),
        (Value::Symbols(x), Value::Symbols(y)) => Ok(Value::Symbols(grown(x, &y)?)),
        (x, y) => {
            check_items(x.len() + y.len(), size_of::<Value>())?;
            // A general list of more than numbers stays one whatever is added.
            let general = match &x {
                Value::List(items) => !items.iter().all(Value::is_atom),
                _ => false,
            };
            if let Value::List(mut items) = x {
                let own = Rc::make_mut(&mut items).items_mut();
                match y {
                    Value::List(y) => match Rc::try_unwrap(y) {
                        Ok(y) => own.extend(y.into_items()),
                        Err(y) => own.extend(y.iter().cloned()),
                    },
                    y => own.extend(y.items()),
                }
                let mut joined = Value::List(items);
                if !general {
                    joined.collapse();
                }
                return Ok(joined);
            }
            let mut items = x.into_items();
            items.extend(y.items());
            Ok(Value::from_items(items))
        }
    }
}

fn join_dicts(x: Rc<Dict>, y: &Dict) -> Result<Value, Error> {
    let places = super::find::positions(x.keys(), y.keys());
    let (mut keys, mut values) = take(x).into_parts();
    for (at, place) in places.into_iter().enumerate() {
        let value = y.values().item(at).unwrap_or_default();
        match place {
            Some(place) => values.set_item(place, value),
            None => {
                keys.push(y.keys().item(at).unwrap_or_default());
                values.push(value);
            }
        }
    }
    Ok(Value::dict(Dict::new(keys, values)?))
}

fn differ(x: &Table, y: &str) -> Error {
    let names: Vec<String> = x
        .names()
        .iter()
        .map(|name| name.text().into_owned())
        .collect();
    Error::new(
        Class::Length,
        format!(", of a table with columns {} and {y}", names.join(" ")),
    )
}

fn join_row(x: Rc<Table>, row: &Dict) -> Result<Value, Error> {
    let cells = x.names().iter().map(|name| row.get(&Value::Symbol(*name)));
    let Some(cells) = cells.collect::<Option<Vec<Value>>>() else {
        return Err(differ(&x, "a row without some of them"));
    };
    if row.len() != cells.len() {
        return Err(differ(&x, "a row with other ones"));
    }
    let (names, mut columns) = take(x).into_parts();
    for (column, cell) in columns.iter_mut().zip(cells) {
        column.push(cell);
    }
    Ok(Value::table(Table::new(names, columns)?))
}

fn join_tables(x: Rc<Table>, y: &Table) -> Result<Value, Error> {
    let more = x.names().iter().map(|name| y.column(*name).cloned());
    let Some(more) = more.collect::<Option<Vec<Value>>>() else {
        return Err(differ(&x, "a table without some of them"));
    };
    if y.names().len() != more.len() {
        return Err(differ(&x, "a table with other ones"));
    }
    let (names, columns) = take(x).into_parts();
    let columns = columns.into_iter().zip(more).map(|(x, y)| join_lists(x, y));
    Ok(Value::table(Table::new(
        names,
        columns.collect::<Result<_, Error>>()?,
    )?))
}

/// `,/x` of a list: its items joined.
///
/// # Errors
/// Those of [`join`].
pub(super) fn raze(x: Value) -> Result<Value, Error> {
    let Value::List(items) = &x else {
        return Ok(x);
    };
    if items
        .iter()
        .any(|item| matches!(item, Value::Dict(_) | Value::Table(_)))
    {
        let mut items = x.into_items().into_iter();
        let first = items.next().unwrap_or_default();
        return items.try_fold(first, join);
    }
    let total = items
        .iter()
        .map(Value::len)
        .fold(0usize, usize::saturating_add);
    pace::work(total)?;
    if items.len() == 1 && !items[0].is_list() {
        return Ok(x);
    }
    if let Some(typed) = raze_typed(items, total)? {
        return Ok(typed);
    }
    check_items(total, size_of::<Value>())?;
    let mut joined = Vec::with_capacity(total);
    for item in x.into_items() {
        match item {
            Value::List(list) => match Rc::try_unwrap(list) {
                Ok(list) => joined.extend(list.into_items()),
                Err(list) => joined.extend(list.iter().cloned()),
            },
            list if list.is_list() => joined.extend(list.items()),
            atom => joined.push(atom),
        }
    }
    Ok(Value::from_items(joined))
}

/// Joins vectors and atoms of one kind without making a value of each item.
fn raze_typed(items: &List, total: usize) -> Result<Option<Value>, Error> {
    fn gathered<'a, T: Copy + 'a>(
        items: &'a List,
        total: usize,
        part: impl Fn(&'a Value) -> Option<&'a [T]>,
    ) -> Result<Option<Vec<T>>, Error> {
        if !items
            .iter()
            .all(|item| (item.is_list() && item.is_empty()) || part(item).is_some())
        {
            return Ok(None);
        }
        check_items(total, size_of::<T>())?;
        let mut out = Vec::with_capacity(total);
        items
            .iter()
            .filter_map(part)
            .for_each(|items| out.extend_from_slice(items));
        Ok(Some(out))
    }
    let first = items
        .iter()
        .find(|item| !(item.is_list() && item.is_empty()));
    Ok(match first {
        Some(Value::Ints(_) | Value::Int(_)) => gathered(items, total, |item| match item {
            Value::Ints(items) => Some(items.as_slice()),
            Value::Int(item) => Some(std::slice::from_ref(item)),
            _ => None,
        })?
        .map(Value::from_ints),
        Some(Value::Floats(_) | Value::Float(_)) => gathered(items, total, |item| match item {
            Value::Floats(items) => Some(items.as_slice()),
            Value::Float(item) => Some(std::slice::from_ref(item)),
            _ => None,
        })?
        .map(Value::from_floats),
        Some(Value::Chars(_) | Value::Char(_)) => gathered(items, total, |item| match item {
            Value::Chars(items) => Some(items.as_slice()),
            Value::Char(item) => Some(std::slice::from_ref(item)),
            _ => None,
        })?
        .map(Value::from_chars),
        Some(Value::Symbols(_) | Value::Symbol(_)) => gathered(items, total, |item| match item {
            Value::Symbols(items) => Some(items.as_slice()),
            Value::Symbol(item) => Some(std::slice::from_ref(item)),
            _ => None,
        })?
        .map(Value::from_symbols),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{join, raze};
    use crate::format::form;
    use crate::value::Value;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn the_narrowest_form_is_kept() {
        let joined = join(ints(&[1, 2]), Value::string("ab")).unwrap();
        assert_eq!(form(&joined), "(1;2;\"a\";\"b\")");
        assert_eq!(
            join(Value::empty(), Value::string("a"))
                .unwrap()
                .representation(),
            "chars"
        );
        let big = 9_007_199_254_740_993;
        let apart = Value::from_items(vec![Value::Int(big), Value::Float(0.5)]);
        let joined = join(apart, Value::Int(1)).unwrap();
        assert_eq!(form(&joined), "9007199254740993 0.5 1");
        let nested = join(ints(&[1]).enlist(), ints(&[2, 3])).unwrap();
        assert_eq!(form(&nested), "(,1\n 2\n 3)");
    }

    #[test]
    fn a_shared_left_list_stays() {
        let x = ints(&[1]);
        assert_eq!(join(x.clone(), ints(&[2])).unwrap(), ints(&[1, 2]));
        assert_eq!(x, ints(&[1]));
    }

    #[test]
    fn all_items() {
        let list = Value::from_items(vec![ints(&[1, 2]), Value::Int(3), ints(&[]), ints(&[4])]);
        assert_eq!(raze(list).unwrap(), ints(&[1, 2, 3, 4]));
        let list = Value::from_items(vec![ints(&[1]), Value::string("ab")]);
        assert_eq!(form(&raze(list).unwrap()), "(1;\"a\";\"b\")");
        let single = Value::from_items(vec![Value::Nil]);
        assert_eq!(raze(single.clone()).unwrap(), single);
    }
}

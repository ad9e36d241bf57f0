//! Amend and dmend by a verb, for the places that [`place`](super::place) finds.

use super::atomic::int_pair;
use super::dispatch::{dyadic, monadic};
use super::index::at;
use super::place::{leaves, read, set, write};
use crate::error::{Class, Error};
use crate::random::Rng;
use crate::value::Value;
use crate::verb::Verb;
use std::rc::Rc;

/// `.[d;path;v;y]` for a verb; `:` replaces. A place that occurs twice is changed twice.
///
/// # Errors
/// Those of [`leaves`], [`write`] and the verb.
pub fn dmend(
    d: Value,
    path: &[Value],
    verb: Verb,
    y: Value,
    rng: &mut Rng,
) -> Result<Value, Error> {
    let mut d = d;
    if let [places] = path {
        match fast(d, places, verb, &y)? {
            Ok(done) => return Ok(done),
            Err(same) => d = same,
        }
    }
    for leaf in leaves(&d, path, Some(y))? {
        let new = leaf.value.unwrap_or_default();
        let new = if verb == Verb::Colon {
            new
        } else {
            dyadic(verb, read(&d, &leaf.path)?, new, rng)?
        };
        write(&mut d, &leaf.path, new)?;
    }
    Ok(d)
}

/// `.[d;path;v]` for a verb of one argument.
///
/// # Errors
/// Those of [`leaves`], [`write`] and the verb.
pub fn dmend_monadic(d: Value, path: &[Value], verb: Verb, rng: &mut Rng) -> Result<Value, Error> {
    let mut d = d;
    for leaf in leaves(&d, path, None)? {
        let new = monadic(verb, read(&d, &leaf.path)?, rng)?;
        write(&mut d, &leaf.path, new)?;
    }
    Ok(d)
}

/// `@[d;i;v;y]`: one level of [`dmend`].
///
/// # Errors
/// Those of [`dmend`].
pub fn amend(d: Value, places: Value, verb: Verb, y: Value, rng: &mut Rng) -> Result<Value, Error> {
    dmend(d, &[places], verb, y, rng)
}

/// `@[d;i;v]`: one level of [`dmend_monadic`].
///
/// # Errors
/// Those of [`dmend_monadic`].
pub fn amend_monadic(d: Value, places: Value, verb: Verb, rng: &mut Rng) -> Result<Value, Error> {
    dmend_monadic(d, &[places], verb, rng)
}

/// Vectors of integers at one place or many, without a value for each. Gives the operand back
/// when that is not what this is.
fn fast(d: Value, places: &Value, verb: Verb, y: &Value) -> Result<Result<Value, Value>, Error> {
    let Value::Ints(mut items) = d else {
        return Ok(Err(d));
    };
    let places: &[i64] = match places {
        Value::Int(place) if matches!(y, Value::Int(_)) => std::slice::from_ref(place),
        Value::Ints(places) => places,
        _ => return Ok(Err(Value::Ints(items))),
    };
    let new: &[i64] = match y {
        Value::Int(x) => std::slice::from_ref(x),
        Value::Ints(new) if new.len() == places.len() => new,
        _ => return Ok(Err(Value::Ints(items))),
    };
    let count = items.len() as u64;
    if let Some(bad) = places.iter().find(|place| **place as u64 >= count) {
        let bad = Value::Int(*bad);
        return Err(Error::new(
            Class::Index,
            format!("{bad:?} of a list of {count} items"),
        ));
    }
    if verb != Verb::Colon && !super::atomic::is_atomic(verb) {
        return Ok(Err(Value::Ints(items)));
    }
    let own = Rc::make_mut(&mut items);
    for (index, place) in places.iter().enumerate() {
        let new = if new.len() == 1 { new[0] } else { new[index] };
        let item = &mut own[*place as usize];
        if verb == Verb::Colon {
            *item = new;
            continue;
        }
        match int_pair(verb, *item, new) {
            Some(Value::Int(result)) => *item = result,
            // The result is a float: what is left to do needs the general way.
            _ => {
                let rest = Value::from_ints(places[index..].to_vec());
                let y = if y.is_list() {
                    super::take::slice(y, index..y.len())
                } else {
                    y.clone()
                };
                return slow(Value::Ints(items), &rest, verb, &y).map(Ok);
            }
        }
    }
    Ok(Ok(Value::Ints(items)))
}

fn slow(d: Value, places: &Value, verb: Verb, y: &Value) -> Result<Value, Error> {
    let mut d = d;
    for (index, place) in places.items().enumerate() {
        let new = if y.is_list() {
            y.item(index).unwrap_or_default()
        } else {
            y.clone()
        };
        let new = super::atomic::atomic(verb, at(&d, place.clone())?, new)?;
        set(&mut d, &place, new)?;
    }
    Ok(d)
}

#[cfg(test)]
mod tests {
    use super::{amend, dmend, dmend_monadic};
    use crate::error::Class;
    use crate::format::form;
    use crate::random::Rng;
    use crate::symbol::Symbol;
    use crate::value::{Dict, Table, Value};
    use crate::verb::Verb;
    use std::rc::Rc;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    fn at(d: Value, path: &[Value], verb: Verb, y: Value) -> String {
        match dmend(d, path, verb, y, &mut Rng::new(0)) {
            Ok(value) => form(&value),
            Err(error) => error.class().word().into(),
        }
    }

    #[test]
    fn one_level() {
        assert_eq!(
            at(
                ints(&[1, 2, 3]),
                &[ints(&[0, 2])],
                Verb::Plus,
                ints(&[10, 20])
            ),
            "11 2 23"
        );
        assert_eq!(
            at(
                ints(&[1, 2, 3]),
                &[ints(&[0, 0])],
                Verb::Plus,
                Value::Int(5)
            ),
            "11 2 3"
        );
        assert_eq!(
            at(
                ints(&[1, 2, 3]),
                &[Value::Int(9)],
                Verb::Colon,
                Value::Int(0)
            ),
            "index"
        );
        assert_eq!(
            at(
                ints(&[1, 2, 3]),
                &[Value::Int(-1)],
                Verb::Colon,
                Value::Int(0)
            ),
            "index"
        );
        assert_eq!(
            at(
                ints(&[1, 2, 3]),
                &[ints(&[0, 1])],
                Verb::Colon,
                ints(&[1, 2, 3])
            ),
            "length"
        );
        assert_eq!(
            at(
                ints(&[1, 2, 3]),
                &[Value::Int(1)],
                Verb::Comma,
                Value::Int(5)
            ),
            "(1\n 2 5\n 3)"
        );
        assert_eq!(
            at(ints(&[1, 2]), &[Value::Nil], Verb::Colon, Value::Int(7)),
            "7 7"
        );
        assert_eq!(
            at(
                ints(&[6, 2]),
                &[ints(&[0, 1])],
                Verb::Percent,
                Value::Int(4)
            ),
            "1.5 0.5"
        );
        assert_eq!(
            at(Value::Int(5), &[Value::Int(0)], Verb::Colon, Value::Int(7)),
            "type"
        );
    }

    #[test]
    fn overflow_on_the_way_makes_floats() {
        let both = at(
            ints(&[i64::MAX, 2]),
            &[ints(&[0, 1, 1])],
            Verb::Plus,
            ints(&[1, 2, 3]),
        );
        assert_eq!(both, "9223372036854776000 7");
    }

    #[test]
    fn several_levels() {
        let rows = || Value::from_items(vec![ints(&[1, 2]), ints(&[3, 4])]);
        assert_eq!(
            at(
                rows(),
                &[Value::Int(0), ints(&[0, 1])],
                Verb::Plus,
                Value::Int(5)
            ),
            "(6 7\n 3 4)"
        );
        assert_eq!(
            at(
                rows(),
                &[Value::Nil, Value::Int(0)],
                Verb::Colon,
                Value::Int(9)
            ),
            "(9 2\n 9 4)"
        );
        assert_eq!(
            at(
                rows(),
                &[ints(&[0, 1]), Value::Int(0)],
                Verb::Colon,
                ints(&[7, 8])
            ),
            "(7 2\n 8 4)"
        );
        assert_eq!(
            at(
                rows(),
                &[Value::Int(0), Value::Int(0), Value::Int(0)],
                Verb::Colon,
                Value::Int(9)
            ),
            "type"
        );
        assert_eq!(
            at(rows(), &[], Verb::Comma, Value::Int(9)),
            "(1 2\n 3 4\n 9)"
        );
        let turned = dmend_monadic(rows(), &[Value::Int(1)], Verb::Or, &mut Rng::new(0)).unwrap();
        assert_eq!(form(&turned), "(1 2\n 4 3)");
    }

    #[test]
    fn dictionaries_and_tables() {
        let names = Value::from_symbols(vec![Symbol::new("a"), Symbol::new("b")]);
        let dict = || {
            let values = Value::from_items(vec![ints(&[1, 2]), ints(&[3, 4])]);
            Value::dict(Dict::new(names.clone(), values).unwrap())
        };
        assert_eq!(
            at(
                dict(),
                &[Value::symbol("b"), Value::Int(0)],
                Verb::Colon,
                Value::Int(9)
            ),
            "[a:1 2;b:9 4]"
        );
        assert_eq!(
            at(dict(), &[Value::symbol("c")], Verb::Colon, Value::Int(9)),
            "[a:1 2;b:3 4;c:9]"
        );
        let table = || {
            let names = Rc::new(vec![Symbol::new("a"), Symbol::new("b")]);
            Value::table(Table::new(names, vec![ints(&[1, 2]), ints(&[3, 4])]).unwrap())
        };
        assert_eq!(
            at(table(), &[Value::symbol("a")], Verb::Colon, ints(&[9, 8])),
            "([a;b]9 8;3 4)"
        );
        assert_eq!(
            at(
                table(),
                &[Value::Int(1), Value::symbol("b")],
                Verb::Plus,
                Value::Int(1)
            ),
            "([a;b]1 2;3 5)"
        );
        assert_eq!(
            at(table(), &[Value::symbol("c")], Verb::Colon, Value::Int(0)),
            "([a;b;c]1 2;3 4;0 0)"
        );
        assert_eq!(
            at(table(), &[Value::symbol("a")], Verb::Colon, ints(&[9])),
            "length"
        );
    }

    #[test]
    fn other_holders_keep_what_they_hold() {
        let rows = Value::from_items(vec![ints(&[1, 2]), ints(&[3, 4])]);
        let kept = rows.clone();
        amend(
            rows,
            Value::Int(0),
            Verb::Colon,
            Value::Int(5),
            &mut Rng::new(0),
        )
        .unwrap();
        assert_eq!(form(&kept), "(1 2\n 3 4)");
        let class = amend(
            kept,
            Value::symbol("x"),
            Verb::Colon,
            Value::Int(5),
            &mut Rng::new(0),
        )
        .unwrap_err();
        assert_eq!(class.class(), Class::Type);
    }
}

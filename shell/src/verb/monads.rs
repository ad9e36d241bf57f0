//! The monads that work item by item: negate, root, not, null, floor and the named functions.

use super::number::{Num, float_to_narrow, floats_are_narrow, floats_of};
use super::walk::{is_flat, map_leaves, type_error};
use crate::error::Error;
use crate::symbol::Symbol;
use crate::value::{NULL, Value, room};
use crate::verb::Verb;
use std::rc::Rc;

/// `-x`.
pub(super) fn negate(x: Value) -> Result<Value, Error> {
    map_leaves(x, is_flat, |x| {
        if x.is_temporal() {
            return super::temporal::negate(x);
        }
        match number(Verb::Minus, x)? {
            // The null negated wraps to itself.
            Num::Int(x) => Ok(Value::Int(x.wrapping_neg())),
            Num::Float(x) => Ok(Value::Float(-x)),
            Num::Ints(x) => ints_in_place(x, i64::wrapping_neg),
            Num::Floats(x) => floats_in_place(x, |x| -x),
        }
    })
}

/// `~x`: 1 for zero.
pub(super) fn not(x: Value) -> Result<Value, Error> {
    map_leaves(x, is_flat, |x| match number(Verb::Tilde, x)? {
        Num::Int(x) => Ok(Value::truth(x == 0)),
        Num::Float(x) => Ok(Value::truth(x == 0.0)),
        Num::Ints(x) => ints_in_place(x, |x| i64::from(x == 0)),
        Num::Floats(x) => {
            let mut out = room(x.len())?;
            out.extend(x.iter().map(|x| i64::from(*x == 0.0)));
            Ok(Value::from_ints(out))
        }
    })
}

/// `^x`: 1 for the null of its kind.
pub(super) fn null(x: Value) -> Result<Value, Error> {
    map_leaves(x, is_flat, |x| match x {
        Value::Ints(x) | Value::Temporals(_, x) => ints_in_place(x, |x| i64::from(x == NULL)),
        Value::Floats(x) => {
            let mut out = room(x.len())?;
            out.extend(x.iter().map(|x| i64::from(x.is_nan())));
            Ok(Value::from_ints(out))
        }
        Value::Chars(x) => Value::repeat(Value::Int(0), x.len()),
        Value::Symbols(x) => Ok(Value::from_ints(
            x.iter().map(|x| i64::from(*x == Symbol::EMPTY)).collect(),
        )),
        atom => Ok(Value::truth(atom.is_null())),
    })
}

/// `_x`: floor of numbers, lower case of chars.
pub(super) fn floor(x: Value) -> Result<Value, Error> {
    map_leaves(x, is_flat, |x| match x {
        Value::Char(x) => Ok(Value::Char(x.to_ascii_lowercase())),
        Value::Chars(mut x) => {
            match Rc::get_mut(&mut x) {
                Some(own) => own.make_ascii_lowercase(),
                None => x = Rc::new(x.to_ascii_lowercase()),
            }
            Ok(Value::Chars(x))
        }
        x => match number(Verb::Under, x)? {
            Num::Int(x) => Ok(Value::Int(x)),
            Num::Float(x) => Ok(floor_float(x)),
            Num::Ints(x) => Ok(Value::Ints(x)),
            Num::Floats(x) => floor_floats(x),
        },
    })
}

/// The floor as an integer if it is in range, else as a float.
pub(super) fn floor_float(x: f64) -> Value {
    let floor = x.floor();
    Value::Float(floor)
        .as_int()
        .map_or(Value::Float(floor), Value::Int)
}

fn floor_floats(x: Rc<Vec<f64>>) -> Result<Value, Error> {
    if floats_are_narrow(&x) {
        let mut out = room(x.len())?;
        out.extend(x.iter().map(|x| float_to_narrow(x.floor())));
        return Ok(Value::from_ints(out));
    }
    const RANGE: f64 = 9_223_372_036_854_775_808.0;
    // Nulls are in range: they convert to the null below.
    if x.iter().all(|x| x.is_nan() || (*x > -RANGE && *x < RANGE)) {
        let mut out = room(x.len())?;
        out.extend(
            x.iter()
                .map(|x| if x.is_nan() { NULL } else { x.floor() as i64 }),
        );
        return Ok(Value::from_ints(out));
    }
    floats_in_place(x, f64::floor)
}

/// `%x`, `sin x`, `cos x`, `exp x`, `log x`. What has no result among the real numbers is null.
pub(super) fn float_function(verb: Verb, x: Value) -> Result<Value, Error> {
    let f: fn(f64) -> f64 = match verb {
        Verb::Percent => f64::sqrt,
        Verb::Sin => f64::sin,
        Verb::Cos => f64::cos,
        Verb::Exp => f64::exp,
        _ => f64::ln,
    };
    map_leaves(x, is_flat, |x| match number(verb, x)? {
        Num::Int(x) => Ok(Value::Float(f(super::number::float_of(x)))),
        Num::Float(x) => Ok(Value::Float(f(x))),
        Num::Ints(x) => floats_in_place(Rc::new(floats_of(&x)?), f),
        Num::Floats(x) if verb == Verb::Percent => floats_in_place(x, |x| x.sqrt()),
        Num::Floats(x) => floats_in_place(x, f),
    })
}

fn number(verb: Verb, x: Value) -> Result<Num, Error> {
    if x.is_list() && x.is_empty() {
        return Ok(Num::Ints(Rc::new(Vec::new())));
    }
    Num::from_value(x).map_err(|x| type_error(verb, &x))
}

fn ints_in_place(mut x: Rc<Vec<i64>>, f: impl Fn(i64) -> i64) -> Result<Value, Error> {
    if let Some(own) = Rc::get_mut(&mut x) {
        own.iter_mut().for_each(|x| *x = f(*x));
        return Ok(Value::Ints(x));
    }
    let mut out = room(x.len())?;
    out.extend(x.iter().map(|x| f(*x)));
    Ok(Value::from_ints(out))
}

fn floats_in_place(mut x: Rc<Vec<f64>>, f: impl Fn(f64) -> f64) -> Result<Value, Error> {
    if let Some(own) = Rc::get_mut(&mut x) {
        own.iter_mut().for_each(|x| *x = f(*x));
        return Ok(Value::Floats(x));
    }
    let mut out = room(x.len())?;
    out.extend(x.iter().map(|x| f(*x)));
    Ok(Value::from_floats(out))
}

#[cfg(test)]
mod tests {
    use super::{float_function, floor, negate, not, null};
    use crate::error::Class;
    use crate::value::{NULL, Value};
    use crate::verb::Verb;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn the_null_stays_null() {
        assert_eq!(negate(ints(&[1, NULL])).unwrap(), ints(&[-1, NULL]));
        assert_eq!(
            floor(Value::from_floats(vec![1.5, f64::NAN])).unwrap(),
            ints(&[1, NULL])
        );
        assert_eq!(
            float_function(Verb::Percent, Value::Int(-1)).unwrap(),
            Value::Int(NULL)
        );
        assert_eq!(null(ints(&[NULL, 0])).unwrap(), ints(&[1, 0]));
    }

    #[test]
    fn floors_out_of_range_stay_floats() {
        let big = Value::from_floats(vec![1.5, f64::INFINITY]);
        assert_eq!(
            floor(big).unwrap(),
            Value::from_floats(vec![1.0, f64::INFINITY])
        );
        assert_eq!(floor(Value::string("AbC")).unwrap(), Value::string("abc"));
    }

    #[test]
    fn leaves_of_nested_values() {
        let nested = Value::from_items(vec![Value::Int(0), ints(&[1, 0])]);
        let expected = Value::from_items(vec![Value::Int(1), ints(&[0, 1])]);
        assert_eq!(not(nested).unwrap(), expected);
        assert_eq!(not(Value::symbol("a")).unwrap_err().class(), Class::Type);
    }
}

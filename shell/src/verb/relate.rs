//! Comparison of items: `<`, `>`, `=`, `<=`, `>=`, `<>`.
//!
//! The answer is 1 or 0 for each pair. The null is below every number and equal to itself. Items
//! of different kinds are in no relation: the answer is 0.

use crate::error::Error;
use crate::pace::{self, PACE_ITEMS};
use crate::symbol::Symbol;
use crate::value::{NULL, Value, compare_float_float, compare_int_float, matches, room};
use std::cmp::Ordering;
use std::rc::Rc;

/// One relation.
pub(super) trait Relation {
    /// Whether it holds between integers.
    fn ints(x: i64, y: i64) -> bool;
    /// Whether it holds between floats.
    fn floats(x: f64, y: f64) -> bool;
    /// Whether it holds for an order.
    fn holds(order: Ordering) -> bool;
}

macro_rules! relation {
    ($name:ident, $ints:expr, $floats:expr, $holds:expr) => {
        pub(super) struct $name;
        impl Relation for $name {
            #[inline(always)]
            fn ints(x: i64, y: i64) -> bool {
                $ints(x, y)
            }
            #[inline(always)]
            fn floats(x: f64, y: f64) -> bool {
                $floats(x, y)
            }
            #[inline(always)]
            fn holds(order: Ordering) -> bool {
                $holds(order)
            }
        }
    };
}

#[inline(always)]
fn float_less(x: f64, y: f64) -> bool {
    (x < y) | (x.is_nan() & !y.is_nan())
}

#[inline(always)]
fn float_equal(x: f64, y: f64) -> bool {
    (x == y) | (x.is_nan() & y.is_nan())
}

relation!(Less, |x, y| x < y, float_less, |o| o == Ordering::Less);
relation!(More, |x, y| x > y, |x, y| float_less(y, x), |o| o
    == Ordering::Greater);
relation!(Equal, |x, y| x == y, float_equal, |o| o == Ordering::Equal);
relation!(LessEqual, |x, y| x <= y, |x, y| !float_less(y, x), |o| o
    != Ordering::Greater);
relation!(MoreEqual, |x, y| x >= y, |x, y| !float_less(x, y), |o| o
    != Ordering::Less);
relation!(NotEqual, |x, y| x != y, |x, y| !float_equal(x, y), |o| o
    != Ordering::Equal);

/// The answers for two operands that hold no lists and whose lengths, where they have some, agree.
///
/// # Errors
/// `limit` without memory.
pub(super) fn apply<R: Relation>(x: Value, y: Value) -> Result<Value, Error> {
    match (x, y) {
        (Value::Ints(x), Value::Ints(y)) => ints_ints::<R>(x, y),
        (Value::Ints(x), Value::Int(y)) => ints_map(x, |x| R::ints(x, y)),
        (Value::Int(x), Value::Ints(y)) => ints_map(y, |y| R::ints(x, y)),
        (Value::Floats(x), Value::Floats(y)) => pairs(&x, &y, R::floats),
        (Value::Floats(x), Value::Float(y)) => map(&x, |x| R::floats(x, y)),
        (Value::Float(x), Value::Floats(y)) => map(&y, |y| R::floats(x, y)),
        (Value::Ints(x), Value::Floats(y)) => {
            pairs(&x, &y, |x, y| R::holds(compare_int_float(x, y)))
        }
        (Value::Floats(x), Value::Ints(y)) => {
            pairs(&x, &y, |x, y| R::holds(compare_int_float(y, x).reverse()))
        }
        (Value::Ints(x), Value::Float(y)) => map(&x, |x| R::holds(compare_int_float(x, y))),
        (Value::Float(x), Value::Ints(y)) => {
            map(&y, |y| R::holds(compare_int_float(y, x).reverse()))
        }
        (Value::Floats(x), Value::Int(y)) => {
            map(&x, |x| R::holds(compare_int_float(y, x).reverse()))
        }
        (Value::Int(x), Value::Floats(y)) => map(&y, |y| R::holds(compare_int_float(x, y))),
        (Value::Chars(x), Value::Chars(y)) => {
            pairs(&x, &y, |x, y| R::ints(i64::from(x), i64::from(y)))
        }
        (Value::Chars(x), Value::Char(y)) => map(&x, |x| R::ints(i64::from(x), i64::from(y))),
        (Value::Char(x), Value::Chars(y)) => map(&y, |y| R::ints(i64::from(x), i64::from(y))),
        (Value::Symbols(x), Value::Symbols(y)) => pairs(&x, &y, symbols::<R>),
        (Value::Symbols(x), Value::Symbol(y)) => map(&x, |x| symbols::<R>(x, y)),
        (Value::Symbol(x), Value::Symbols(y)) => map(&y, |y| symbols::<R>(x, y)),
        (x, y) if x.is_list() && y.is_list() => Ok(x
            .items()
            .zip(y.items())
            .map(|(x, y)| atoms::<R>(&x, &y))
            .collect()),
        (x, y) if x.is_list() => Ok(x.items().map(|x| atoms::<R>(&x, &y)).collect()),
        (x, y) if y.is_list() => Ok(y.items().map(|y| atoms::<R>(&x, &y)).collect()),
        (x, y) => Ok(atoms::<R>(&x, &y)),
    }
}

/// Whether the relation holds between two symbols. Equal ones need no look at their texts, and
/// `=` needs none at all.
fn symbols<R: Relation>(x: Symbol, y: Symbol) -> bool {
    if x == y {
        return R::holds(Ordering::Equal);
    }
    let (less, more) = (R::holds(Ordering::Less), R::holds(Ordering::Greater));
    if less == more {
        less
    } else {
        R::holds(x.cmp(&y))
    }
}

fn atoms<R: Relation>(x: &Value, y: &Value) -> Value {
    Value::truth(match (x, y) {
        (Value::Int(x), Value::Int(y)) => R::ints(*x, *y),
        (Value::Float(x), Value::Float(y)) => R::holds(compare_float_float(*x, *y)),
        (Value::Int(x), Value::Float(y)) => R::holds(compare_int_float(*x, *y)),
        (Value::Float(x), Value::Int(y)) => R::holds(compare_int_float(*y, *x).reverse()),
        (Value::Char(x), Value::Char(y)) => R::holds(x.cmp(y)),
        (Value::Symbol(x), Value::Symbol(y)) => symbols::<R>(*x, *y),
        (Value::Temporal(a, x), Value::Temporal(b, y)) if a == b => R::ints(*x, *y),
        (Value::Temporal(_, x), null) if null.is_number() && null.is_null() => R::ints(*x, NULL),
        (null, Value::Temporal(_, y)) if null.is_number() && null.is_null() => R::ints(NULL, *y),
        (Value::Nil, Value::Nil) => R::holds(Ordering::Equal),
        // Functions have no order, but they are the same or not.
        (Value::Function(_), Value::Function(_))
            if R::holds(Ordering::Less) == R::holds(Ordering::Greater) =>
        {
            R::holds(if matches(x, y) {
                Ordering::Equal
            } else {
                Ordering::Less
            })
        }
        _ => false,
    })
}

fn ints_ints<R: Relation>(mut x: Rc<Vec<i64>>, mut y: Rc<Vec<i64>>) -> Result<Value, Error> {
    if let Some(own) = Rc::get_mut(&mut x) {
        for (x, y) in own.iter_mut().zip(y.iter()) {
            *x = i64::from(R::ints(*x, *y));
        }
        return Ok(Value::Ints(x));
    }
    if let Some(own) = Rc::get_mut(&mut y) {
        for (x, y) in x.iter().zip(own.iter_mut()) {
            *y = i64::from(R::ints(*x, *y));
        }
        return Ok(Value::Ints(y));
    }
    pairs(&x, &y, R::ints)
}

fn ints_map(mut x: Rc<Vec<i64>>, holds: impl Fn(i64) -> bool) -> Result<Value, Error> {
    if let Some(own) = Rc::get_mut(&mut x) {
        for x in own.iter_mut() {
            *x = i64::from(holds(*x));
        }
        return Ok(Value::Ints(x));
    }
    map(&x, holds)
}

fn map<T: Copy>(x: &[T], holds: impl Fn(T) -> bool) -> Result<Value, Error> {
    let mut out = room(x.len())?;
    for block in x.chunks(PACE_ITEMS) {
        pace::work(block.len())?;
        out.extend(block.iter().map(|x| i64::from(holds(*x))));
    }
    Ok(Value::from_ints(out))
}

fn pairs<T: Copy, U: Copy>(x: &[T], y: &[U], holds: impl Fn(T, U) -> bool) -> Result<Value, Error> {
    let mut out = room(x.len())?;
    for (x, y) in x.chunks(PACE_ITEMS).zip(y.chunks(PACE_ITEMS)) {
        pace::work(x.len())?;
        out.extend(x.iter().zip(y).map(|(x, y)| i64::from(holds(*x, *y))));
    }
    Ok(Value::from_ints(out))
}

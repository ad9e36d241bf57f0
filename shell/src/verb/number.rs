//! Operands of arithmetic: numbers and vectors of numbers, chars among them as their codes.

use crate::error::Error;
use crate::value::{NULL, Value, room};
use std::rc::Rc;

/// A number or a vector of numbers.
pub(super) enum Num {
    /// One integer.
    Int(i64),
    /// One float.
    Float(f64),
    /// Integers.
    Ints(Rc<Vec<i64>>),
    /// Floats.
    Floats(Rc<Vec<f64>>),
}

impl Num {
    /// The operand in a value, chars as numbers; the value itself when it is none.
    pub(super) fn from_value(value: Value) -> Result<Num, Value> {
        match value {
            Value::Int(x) => Ok(Num::Int(x)),
            Value::Float(x) => Ok(Num::Float(x)),
            Value::Char(x) => Ok(Num::Int(i64::from(x))),
            Value::Ints(items) => Ok(Num::Ints(items)),
            Value::Floats(items) => Ok(Num::Floats(items)),
            Value::Chars(items) => Ok(Num::Ints(Rc::new(items.iter().map(|x| i64::from(*x)).collect()))),
            other => Err(other),
        }
    }

    /// The number of items of a vector.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Num::Ints(items) => Some(items.len()),
            Num::Floats(items) => Some(items.len()),
            Num::Int(_) | Num::Float(_) => None,
        }
    }
}

/// An integer as a float, the null as the null.
#[inline(always)]
pub(super) fn float_of(x: i64) -> f64 {
    if x == NULL { f64::NAN } else { x as f64 }
}

/// Integers as floats.
///
/// # Errors
/// `limit` without memory.
pub(super) fn floats_of(items: &[i64]) -> Result<Vec<f64>, Error> {
    let mut floats = room(items.len())?;
    floats.extend(items.iter().map(|x| float_of(*x)));
    Ok(floats)
}

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
            Value::Chars(items) => Ok(Num::Ints(Rc::new(
                items.iter().map(|x| i64::from(*x)).collect(),
            ))),
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

/// Integers of less than this magnitude convert to floats and back by way of their bits, which
/// SIMD has instructions for, other than for the conversion itself.
const NARROW: i64 = 1 << 51;
/// The bits of 2^52 + 2^51: added to a narrow integer they make the bits of a float of that sum.
const NARROW_BITS: i64 = 0x4338_0000_0000_0000;
/// That float.
const NARROW_FLOAT: f64 = 6_755_399_441_055_744.0;
/// Items in a block that is looked at before it is worked on.
const BLOCK_ITEMS: usize = 1024;

/// True when all integers are narrow; then none is the null.
#[inline(always)]
pub(super) fn are_narrow(items: &[i64]) -> bool {
    items
        .iter()
        .fold(0, |seen, x| seen | x.wrapping_add(NARROW) as u64)
        < 2 * NARROW as u64
}

/// A narrow integer as a float.
#[inline(always)]
pub(super) fn narrow_to_float(x: i64) -> f64 {
    f64::from_bits(x.wrapping_add(NARROW_BITS) as u64) - NARROW_FLOAT
}

/// An integral float of less than 2^51 as an integer.
#[inline(always)]
pub(super) fn float_to_narrow(x: f64) -> i64 {
    ((x + NARROW_FLOAT).to_bits() as i64).wrapping_sub(NARROW_BITS)
}

/// True when all floats are so small that their integral parts are narrow; then none is null.
#[inline(always)]
pub(super) fn floats_are_narrow(items: &[f64]) -> bool {
    items
        .iter()
        .fold(true, |all, x| all & (x.abs() < (NARROW - 1) as f64))
}

/// Integers as floats.
///
/// # Errors
/// `limit` without memory.
pub(super) fn floats_of(items: &[i64]) -> Result<Vec<f64>, Error> {
    let mut floats = room(items.len())?;
    for block in items.chunks(BLOCK_ITEMS) {
        if are_narrow(block) {
            floats.extend(block.iter().map(|x| narrow_to_float(*x)));
        } else {
            floats.extend(block.iter().map(|x| float_of(*x)));
        }
    }
    Ok(floats)
}

#[cfg(test)]
mod tests {
    use super::{are_narrow, float_to_narrow, floats_are_narrow, floats_of, narrow_to_float};
    use crate::value::NULL;

    #[test]
    fn narrow_integers_convert_by_their_bits() {
        let edge = (1i64 << 51) - 1;
        for x in [0, 1, -1, 1234567, edge, -edge] {
            assert!(are_narrow(&[x]));
            assert_eq!(narrow_to_float(x), x as f64);
            assert_eq!(float_to_narrow(x as f64), x);
        }
        for x in [edge + 1, -edge - 2, NULL, i64::MAX] {
            assert!(!are_narrow(&[1, x]));
        }
        assert!(!floats_are_narrow(&[0.5, f64::NAN]));
        assert!(!floats_are_narrow(&[-f64::INFINITY]));
        assert!(floats_of(&[NULL, 3]).is_ok_and(|floats| floats[0].is_nan() && floats[1] == 3.0));
    }
}

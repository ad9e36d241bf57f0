//! What the arithmetic verbs do to one pair of numbers, and when that can't go wrong.

use super::number::{float_of, float_to_narrow, narrow_to_float};
use crate::value::{NULL, Value, compare_int_float};
use std::cmp::Ordering;

/// One arithmetic verb.
pub(super) trait Op {
    /// Added to an operand, together with [`Op::RANGE`]: an operand is harmless when the sum is
    /// below the range as an unsigned number. The range is a power of two.
    const BIAS: i64;
    /// See [`Op::BIAS`]; zero when no operands do harm.
    const RANGE: u64;
    /// True when the result of integers is always a float.
    const FLOATS: bool = false;
    /// True for addition, whose runs can be proved safe by their items' sizes.
    const IS_SUM: bool = false;
    /// True for multiplication, which is tried as [`SmallMul`] first.
    const IS_PRODUCT: bool = false;
    /// The result for harmless integers.
    fn wrap(x: i64, y: i64) -> i64;
    /// The result if it is an integer; operands are not null.
    fn checked(x: i64, y: i64) -> Option<i64>;
    /// The result for floats.
    fn float(x: f64, y: f64) -> f64;
    /// The result for numbers of different representation, where the float is not integral.
    fn mixed_int_float(x: i64, y: f64) -> Value {
        Value::Float(Self::float(float_of(x), y))
    }
    /// The same, the float first.
    fn mixed_float_int(x: f64, y: i64) -> Value {
        Value::Float(Self::float(x, float_of(y)))
    }
}

pub(super) struct Add;
pub(super) struct Sub;
pub(super) struct Mul;
/// Products of factors so small that floats hold them exactly: SIMD multiplies floats in one
/// instruction, and integers of 64 bits in many.
pub(super) struct SmallMul;
pub(super) struct Div;
pub(super) struct Min;
pub(super) struct Max;

impl Op for Add {
    const IS_SUM: bool = true;
    const BIAS: i64 = 1 << 62;
    const RANGE: u64 = 1 << 63;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        x.wrapping_add(y)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        x.checked_add(y)
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        x + y
    }
}

impl Op for Sub {
    const BIAS: i64 = 1 << 62;
    const RANGE: u64 = 1 << 63;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        x.wrapping_sub(y)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        x.checked_sub(y)
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        x - y
    }
}

impl Op for Mul {
    const IS_PRODUCT: bool = true;
    const BIAS: i64 = 1 << 31;
    const RANGE: u64 = 1 << 32;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        // Harmless operands have 32 bits, and those there are instructions for.
        i64::from(x as i32) * i64::from(y as i32)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        x.checked_mul(y)
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        x * y
    }
}

impl Op for SmallMul {
    const BIAS: i64 = 1 << 25;
    const RANGE: u64 = 1 << 26;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        float_to_narrow(narrow_to_float(x) * narrow_to_float(y))
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        x.checked_mul(y)
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        x * y
    }
}

impl Op for Div {
    const BIAS: i64 = 0;
    const RANGE: u64 = 0;
    const FLOATS: bool = true;
    #[inline(always)]
    fn wrap(x: i64, _y: i64) -> i64 {
        x
    }
    fn checked(_x: i64, _y: i64) -> Option<i64> {
        None
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        // Adding zero makes a negative zero positive: 0.0 and -0.0 are one number here.
        x / (y + 0.0)
    }
}

impl Op for Min {
    const BIAS: i64 = 0;
    const RANGE: u64 = 0;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        x.min(y)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        Some(x.min(y))
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        if x < y || x.is_nan() { x } else { y }
    }
    fn mixed_int_float(x: i64, y: f64) -> Value {
        if compare_int_float(x, y) == Ordering::Less {
            Value::Int(x)
        } else {
            Value::Float(y)
        }
    }
    fn mixed_float_int(x: f64, y: i64) -> Value {
        Self::mixed_int_float(y, x)
    }
}

impl Op for Max {
    const BIAS: i64 = 0;
    const RANGE: u64 = 0;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        x.max(y)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        Some(x.max(y))
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        if x > y || y.is_nan() { x } else { y }
    }
    fn mixed_int_float(x: i64, y: f64) -> Value {
        if compare_int_float(x, y) == Ordering::Less {
            Value::Float(y)
        } else {
            Value::Int(x)
        }
    }
    fn mixed_float_int(x: f64, y: i64) -> Value {
        Self::mixed_int_float(y, x)
    }
}

/// The exact integer result, if it is one; a null operand gives the null.
#[inline(always)]
pub(super) fn exact<O: Op>(x: i64, y: i64) -> Option<i64> {
    if O::RANGE == 0 {
        return Some(O::wrap(x, y));
    }
    if x == NULL || y == NULL {
        return Some(NULL);
    }
    O::checked(x, y).filter(|result| *result != NULL)
}

/// The result of two integers.
#[inline(always)]
pub(super) fn ints<O: Op>(x: i64, y: i64) -> Value {
    if O::FLOATS {
        return Value::Float(O::float(float_of(x), float_of(y)));
    }
    match exact::<O>(x, y) {
        Some(result) => Value::Int(result),
        None => Value::Float(O::float(x as f64, y as f64)),
    }
}

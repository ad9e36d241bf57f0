//! Taking values apart: the other half of "one number type with two representations".

use super::{NULL, Value};
use crate::symbol::Symbol;

/// True when the float nearest to an integer is that integer, or the integer is the null.
pub fn fits_float(x: i64) -> bool {
    const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;
    (-EXACT..=EXACT).contains(&x) || x == NULL || (x as f64 as i128) == i128::from(x)
}

/// The float form of an integer; the null becomes the null.
pub fn int_to_float(x: i64) -> f64 {
    if x == NULL { f64::NAN } else { x as f64 }
}

/// The integer form of a float, if it has one: integral and in range, or the null.
pub fn float_to_int(x: f64) -> Option<i64> {
    const RANGE: f64 = 9_223_372_036_854_775_808.0;
    if x.is_nan() {
        return Some(NULL);
    }
    if x.trunc() != x || !(-RANGE..RANGE).contains(&x) {
        return None;
    }
    let int = x as i64;
    // The lowest integer is the null's place: that number only exists as a float.
    if int == NULL { None } else { Some(int) }
}

/// One char's text for conversions that take a string or a char.
pub fn text_of(value: &Value) -> Option<std::borrow::Cow<'_, [u8]>> {
    match value {
        Value::Char(x) => Some(std::borrow::Cow::Owned(vec![*x])),
        Value::Chars(text) => Some(std::borrow::Cow::Borrowed(text)),
        other if other.is_list() && other.is_empty() => Some(std::borrow::Cow::Borrowed(&[])),
        _ => None,
    }
}

impl Value {
    /// The integer of an `Int`, whatever it means.
    pub(super) fn as_int_exact(&self) -> Option<i64> {
        match self {
            Value::Int(x) => Some(*x),
            _ => None,
        }
    }

    /// A number as an integer: `2.0` is 2, `2.5` none. The null is [`NULL`].
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(x) => Some(*x),
            Value::Float(x) => float_to_int(*x),
            _ => None,
        }
    }

    /// A number as a float; the null is NaN.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Int(x) => Some(int_to_float(*x)),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// A number that counts something: integral and not negative.
    pub fn as_count(&self) -> Option<u64> {
        self.as_int().and_then(|x| u64::try_from(x).ok())
    }

    /// A number that counts or points at something: integral and not negative.
    pub fn as_index(&self) -> Option<usize> {
        self.as_int().and_then(|x| usize::try_from(x).ok())
    }

    /// The name in a symbol.
    pub fn as_symbol(&self) -> Option<Symbol> {
        match self {
            Value::Symbol(name) => Some(*name),
            _ => None,
        }
    }

    /// The bytes of a string, of one char, or none of an empty list.
    pub fn as_text(&self) -> Option<std::borrow::Cow<'_, [u8]>> {
        text_of(self)
    }

    /// A list of numbers as integers, where all of them are integral.
    pub fn to_ints(&self) -> Option<std::borrow::Cow<'_, [i64]>> {
        use std::borrow::Cow;
        match self {
            Value::Ints(items) => Some(Cow::Borrowed(items)),
            Value::Floats(items) => items
                .iter()
                .map(|x| float_to_int(*x))
                .collect::<Option<Vec<i64>>>()
                .map(Cow::Owned),
            Value::List(items) => items
                .iter()
                .map(Value::as_int)
                .collect::<Option<Vec<i64>>>()
                .map(Cow::Owned),
            other if other.is_list() && other.is_empty() => Some(Cow::Borrowed(&[])),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NULL, Value, fits_float, float_to_int};

    #[test]
    fn integral_floats_are_integers() {
        assert_eq!(float_to_int(2.0), Some(2));
        assert_eq!(float_to_int(-0.0), Some(0));
        assert_eq!(float_to_int(2.5), None);
        assert_eq!(float_to_int(f64::INFINITY), None);
        assert_eq!(float_to_int(9_223_372_036_854_775_808.0), None);
        assert_eq!(float_to_int(-9_223_372_036_854_775_808.0), None);
        assert_eq!(float_to_int(f64::NAN), Some(NULL));
    }

    #[test]
    fn exactness_of_floats() {
        assert!(fits_float(1 << 53));
        assert!(!fits_float((1 << 53) + 1));
        assert!(fits_float(1 << 60));
        assert!(!fits_float(i64::MAX));
    }

    #[test]
    fn indices() {
        assert_eq!(Value::Float(3.0).as_index(), Some(3));
        assert_eq!(Value::Int(-1).as_index(), None);
        assert_eq!(Value::Int(NULL).as_index(), None);
    }
}

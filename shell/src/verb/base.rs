//! Number bases: `b\x` digits, `b/x` the number that digits mean.

use super::atomic::atomic;
use super::count::modulo;
use super::take::slice;
use crate::error::{Class, Error};
use crate::pace;
use crate::value::{Growth, NULL, Value, room};
use crate::verb::Verb;

fn type_error(glyph: &str, base: &Value, x: &Value) -> Error {
    Error::new(
        Class::Type,
        format!("{glyph} of {} and {}", base.describe(), x.describe()),
    )
}

/// `b\x`: the digits of a number in a base, most significant first; a list of bases gives as many
/// digits, each in its own. Of a list, the digits of each item.
///
/// # Errors
/// `type` for what are no numbers, `domain` for a base below two or a negative number.
pub fn digits(base: &Value, x: &Value) -> Result<Value, Error> {
    let digits = match base.is_list() {
        true => mixed_digits,
        false => plain_digits,
    };
    if !x.is_list() {
        return digits(base, x);
    }
    let mut growth = Growth::new();
    let mut out = room(x.len())?;
    for item in x.items() {
        let digits = digits(base, &item)?;
        pace::work(digits.len())?;
        growth.add(&digits)?;
        out.push(digits);
    }
    Ok(Value::from_items(out))
}

fn plain_digits(base: &Value, x: &Value) -> Result<Value, Error> {
    let (true, true) = (base.is_number(), x.is_number()) else {
        return Err(type_error("\\", base, x));
    };
    let (Some(base), Some(mut rest)) = (base.as_int(), x.as_int()) else {
        return Err(Error::new(
            Class::Domain,
            "\\ of numbers that are no integers",
        ));
    };
    if base < 2 || rest < 0 {
        let what = if base < 2 {
            "a base below two"
        } else {
            "a negative number"
        };
        return Err(Error::new(Class::Domain, format!("\\ of {what}")));
    }
    let mut out = Vec::new();
    while rest > 0 || out.is_empty() {
        out.push(rest % base);
        rest /= base;
    }
    out.reverse();
    Ok(Value::from_ints(out))
}

/// Least digit first: each base takes the remainder and leaves the quotient to the next.
fn mixed_digits(bases: &Value, x: &Value) -> Result<Value, Error> {
    if !x.is_number() {
        return Err(type_error("\\", bases, x));
    }
    let mut rest = x.clone();
    let mut out = Vec::with_capacity(bases.len());
    for at in (0..bases.len()).rev() {
        pace::work(1)?;
        let base = bases.item(at).unwrap_or_default();
        match base.as_float() {
            Some(base) if base > 0.0 => {}
            Some(_) => {
                return Err(Error::new(
                    Class::Domain,
                    "\\ of a base that is not above zero",
                ));
            }
            None => return Err(type_error("\\", bases, x)),
        }
        out.push(modulo(&base, rest.clone())?);
        let divisor = atomic(Verb::Minus, Value::Int(0), base)?;
        rest = modulo(&divisor, rest)?;
    }
    out.reverse();
    Ok(Value::from_items(out))
}

/// `b/x`: the number that digits mean in a base, or in a base for each digit.
///
/// # Errors
/// `type` for what are no numbers.
pub fn number(base: &Value, x: &Value) -> Result<Value, Error> {
    let known = |x: &Value| x.is_number() || matches!(x, Value::Char(_));
    if let Some(bad) = [base, x].into_iter().find(|v| !v.is_list() && !known(v)) {
        return Err(type_error("/", base, bad));
    }
    if base.is_list() && base.is_empty() {
        return Err(type_error("/", base, x));
    }
    let count = if x.is_list() { x.len() } else { 1 };
    let bases = if base.is_list() {
        base.clone()
    } else {
        base.clone().enlist()
    };
    let mut sum = Value::Int(0);
    for at in 0..count {
        pace::work(1)?;
        let digit = x.item(at).unwrap_or(Value::Int(NULL));
        if at > 0 {
            let base = bases.item(at % bases.len()).unwrap_or_default();
            sum = atomic(Verb::Star, sum, base)?;
        }
        sum = atomic(Verb::Plus, sum, digit)?;
    }
    Ok(sum)
}

/// `n':y`: all runs of n neighbours. For n below zero, runs of three of the list between zeros.
///
/// # Errors
/// `type` and `domain` for broken counts, `limit` when the result is too large.
pub fn windows(n: &Value, y: &Value) -> Result<Value, Error> {
    if !n.is_number() {
        return Err(type_error("':", n, y));
    }
    let Some(n) = n.as_int().filter(|n| *n != NULL) else {
        return Err(Error::new(
            Class::Domain,
            "': of a number that is no integer",
        ));
    };
    let list = if y.is_list() {
        y.clone()
    } else {
        y.clone().enlist()
    };
    if n < 0 {
        let padded = super::join::join(Value::Int(0), super::join::join(list, Value::Int(0))?)?;
        return windows(&Value::Int(3), &padded);
    }
    let width = usize::try_from(n).unwrap_or(usize::MAX);
    let count = (list.len() + 1).saturating_sub(width);
    let items = crate::value::product(count, width)?;
    crate::value::check_items(items, size_of::<i64>())?;
    crate::value::check_lists(count)?;
    let mut out: Vec<Value> = crate::value::room(count)?;
    out.extend((0..count).map(|at| slice(&list, at..at + width)));
    Ok(Value::from_items(out))
}

/// `x'y`: for each item of `y` the place of the last item of the ascending list `x` that is not
/// above it, -1 where all are.
///
/// # Errors
/// `type` when `x` is no list.
pub fn bin(x: &Value, y: Value) -> Result<Value, Error> {
    if !x.is_list() {
        return Err(type_error("'", x, &y));
    }
    super::walk::map_leaves(y, super::walk::is_flat, |y| match (x, &y) {
        (Value::Ints(sorted), Value::Ints(items)) => Ok(Value::from_ints(
            items
                .iter()
                .map(|item| below(sorted, |x| x <= item))
                .collect(),
        )),
        (_, y) if y.is_list() => Ok(y
            .items()
            .map(|item| Value::Int(below_item(x, &item)))
            .collect()),
        (_, y) => Ok(Value::Int(below_item(x, y))),
    })
}

fn below<T>(sorted: &[T], holds: impl FnMut(&T) -> bool) -> i64 {
    sorted.partition_point(holds) as i64 - 1
}

fn below_item(sorted: &Value, item: &Value) -> i64 {
    let (mut low, mut high) = (0, sorted.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let order = sorted.item(middle).map(|x| crate::value::compare(&x, item));
        if order.is_some_and(std::cmp::Ordering::is_le) {
            low = middle + 1
        } else {
            high = middle
        }
    }
    low as i64 - 1
}

#[cfg(test)]
mod tests {
    use super::{bin, digits, number, windows};
    use crate::error::Class;
    use crate::value::Value;
    use proptest::prelude::proptest;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn digits_of_numbers() {
        assert_eq!(
            digits(&Value::Int(10), &Value::Int(345)).unwrap(),
            ints(&[3, 4, 5])
        );
        assert_eq!(
            digits(&ints(&[24, 60, 60]), &Value::Int(3723)).unwrap(),
            ints(&[1, 2, 3])
        );
        assert_eq!(digits(&Value::Int(2), &Value::Int(0)).unwrap(), ints(&[0]));
        for bad in [0, 1, -3] {
            assert_eq!(
                digits(&Value::Int(bad), &Value::Int(5))
                    .unwrap_err()
                    .class(),
                Class::Domain
            );
        }
        assert_eq!(
            digits(&ints(&[2, 0]), &Value::Int(5)).unwrap_err().class(),
            Class::Domain
        );
        assert_eq!(
            digits(&Value::Int(2), &Value::symbol("a"))
                .unwrap_err()
                .class(),
            Class::Type
        );
    }

    #[test]
    fn runs_of_neighbours() {
        assert_eq!(windows(&Value::Int(4), &ints(&[1, 2, 3])).unwrap().len(), 0);
        assert_eq!(
            windows(&Value::Int(2), &ints(&[1, 2, 3])).unwrap().item(1),
            Some(ints(&[2, 3]))
        );
        assert_eq!(windows(&Value::Int(0), &ints(&[1])).unwrap().len(), 2);
        assert_eq!(
            windows(&Value::Int(i64::MAX), &ints(&[1])).unwrap().len(),
            0
        );
    }

    #[test]
    fn binary_search() {
        assert_eq!(
            bin(&ints(&[1, 3, 5]), ints(&[0, 1, 2, 5, 6])).unwrap(),
            ints(&[-1, 0, 0, 2, 2])
        );
        assert_eq!(
            bin(&Value::string("ace"), Value::Char(b'd')).unwrap(),
            Value::Int(1)
        );
        assert_eq!(bin(&ints(&[]), Value::Int(3)).unwrap(), Value::Int(-1));
    }

    proptest! {
        #[test]
        fn digits_mean_their_number(x in 0..i64::MAX, base in 2..100i64) {
            let base = Value::Int(base);
            let digits = digits(&base, &Value::Int(x)).unwrap();
            assert_eq!(number(&base, &digits).unwrap(), Value::Int(x));
        }
    }
}

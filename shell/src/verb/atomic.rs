//! The dyads that work item by item: arithmetic and comparison.

use super::arith;
use super::number::Num;
use super::ops::{self, Add, Div, Max, Min, Mul, Sub};
use super::relate::{self, Equal, Less, LessEqual, More, MoreEqual, NotEqual};
use super::walk::{Plan, is_flat, length_error, type_error_pair, zip_leaves};
use crate::error::Error;
use crate::value::Value;
use crate::verb::Verb;

/// True for the verbs of this file.
pub fn is_atomic(verb: Verb) -> bool {
    is_arithmetic(verb) || is_relation(verb)
}

fn is_arithmetic(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Plus | Verb::Minus | Verb::Star | Verb::Percent | Verb::And | Verb::Or
    )
}

/// True for the six comparisons.
pub fn is_relation(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Less | Verb::More | Verb::Equal | Verb::LessEqual | Verb::MoreEqual | Verb::NotEqual
    )
}

/// The result of a verb of this file for two integers; nothing for other verbs. The machine asks
/// here first, because most programs count.
#[inline]
pub fn int_pair(verb: Verb, x: i64, y: i64) -> Option<Value> {
    Some(match verb {
        Verb::Plus => ops::ints::<Add>(x, y),
        Verb::Minus => ops::ints::<Sub>(x, y),
        Verb::Star => ops::ints::<Mul>(x, y),
        Verb::Percent => ops::ints::<Div>(x, y),
        Verb::And => Value::Int(x.min(y)),
        Verb::Or => Value::Int(x.max(y)),
        Verb::Less => Value::truth(x < y),
        Verb::More => Value::truth(x > y),
        Verb::Equal => Value::truth(x == y),
        Verb::LessEqual => Value::truth(x <= y),
        Verb::MoreEqual => Value::truth(x >= y),
        Verb::NotEqual => Value::truth(x != y),
        _ => return None,
    })
}

/// Arithmetic and comparison of any two values.
///
/// # Errors
/// `type` for operands that are no numbers, `length` for lists of different lengths.
pub(super) fn atomic(verb: Verb, x: Value, y: Value) -> Result<Value, Error> {
    if is_flat(&x) && is_flat(&y) {
        return flat(verb, x, y);
    }
    let plan = |x: &Value, y: &Value| match (is_flat(x), is_flat(y)) {
        (true, true) => Plan::Leaf,
        _ => plan(x, y),
    };
    zip_leaves(verb, x, y, plan, |x, y| flat(verb, x, y))
}

/// Dictionaries and tables are opened before lists, and two of a kind together.
fn plan(x: &Value, y: &Value) -> Plan {
    match (x, y) {
        (Value::Dict(_), Value::Dict(_)) | (Value::Table(_), Value::Table(_)) => Plan::Both,
        (Value::Dict(_) | Value::Table(_), _) => Plan::Left,
        (_, Value::Dict(_) | Value::Table(_)) => Plan::Right,
        (x, y) if x.is_list() && y.is_list() => Plan::Both,
        (x, _) if x.is_list() => Plan::Left,
        _ => Plan::Right,
    }
}

/// Two operands without values inside.
fn flat(verb: Verb, x: Value, y: Value) -> Result<Value, Error> {
    if let (Value::Int(x), Value::Int(y)) = (&x, &y)
        && let Some(result) = int_pair(verb, *x, *y)
    {
        return Ok(result);
    }
    if x.is_list() && y.is_list() && x.len() != y.len() {
        return Err(length_error(verb, &x, &y));
    }
    if (x.is_list() && x.is_empty()) || (y.is_list() && y.is_empty()) {
        return Ok(Value::empty());
    }
    let temporal = x.is_temporal() || y.is_temporal();
    if temporal
        && is_relation(verb)
        && let Some(result) = super::temporal::compare(verb, &x, &y)
    {
        return result;
    }
    if temporal && !is_relation(verb) {
        return super::temporal::arithmetic(verb, x, y);
    }
    match verb {
        Verb::Less => relate::apply::<Less>(x, y),
        Verb::More => relate::apply::<More>(x, y),
        Verb::Equal => relate::apply::<Equal>(x, y),
        Verb::LessEqual => relate::apply::<LessEqual>(x, y),
        Verb::MoreEqual => relate::apply::<MoreEqual>(x, y),
        Verb::NotEqual => relate::apply::<NotEqual>(x, y),
        _ => arithmetic(verb, x, y),
    }
}

fn arithmetic(verb: Verb, x: Value, y: Value) -> Result<Value, Error> {
    let x = match Num::from_value(x) {
        Ok(x) => x,
        Err(x) => return Err(type_error_pair(verb, &x, &y)),
    };
    let y = match Num::from_value(y) {
        Ok(y) => y,
        Err(y) => {
            let x = match x.len() {
                None => "a number".into(),
                Some(count) => format!("a list of {count} items"),
            };
            let text = format!("{verb} of {x} and {}", y.describe());
            return Err(Error::new(crate::error::Class::Type, text));
        }
    };
    match verb {
        Verb::Plus => arith::apply::<Add>(x, y),
        Verb::Minus => arith::apply::<Sub>(x, y),
        Verb::Star => arith::apply::<Mul>(x, y),
        Verb::Percent => arith::apply::<Div>(x, y),
        Verb::And => arith::apply::<Min>(x, y),
        _ => arith::apply::<Max>(x, y),
    }
}

#[cfg(test)]
mod tests {
    use super::atomic;
    use crate::error::Class;
    use crate::value::{NULL, Value};
    use crate::verb::Verb;
    use proptest::prelude::{any, proptest};

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn overflow_makes_floats_and_null_stays_null() {
        let add = |x, y| atomic(Verb::Plus, x, y).unwrap();
        assert_eq!(
            add(Value::Int(i64::MAX), Value::Int(1)),
            Value::Float(9_223_372_036_854_775_808.0)
        );
        assert_eq!(add(Value::Int(NULL), Value::Int(-1)), Value::Int(NULL));
        // The sum of these is the null's pattern, but no null.
        let low = add(Value::Int(-(1 << 62)), Value::Int(-(1 << 62)));
        assert_eq!(low, Value::Float(-9_223_372_036_854_775_808.0));
        let sum = add(ints(&[1, i64::MAX, NULL]), ints(&[1, 1, 1]));
        assert_eq!(
            sum,
            Value::from_floats(vec![2.0, 9_223_372_036_854_775_808.0, f64::NAN])
        );
        assert_eq!(add(ints(&[NULL, 5]), Value::Int(1)), ints(&[NULL, 6]));
    }

    #[test]
    fn an_integral_float_next_to_integers_is_one_of_them() {
        let big = Value::Int(9_007_199_254_740_993);
        assert_eq!(
            atomic(Verb::Star, big.clone(), Value::Float(1.0)).unwrap(),
            big
        );
        assert_eq!(
            atomic(Verb::And, big.clone(), Value::Float(f64::INFINITY)).unwrap(),
            big
        );
        let list = ints(&[9_007_199_254_740_993]);
        assert_eq!(
            atomic(Verb::And, list.clone(), Value::Float(f64::INFINITY)).unwrap(),
            list
        );
    }

    #[test]
    fn shared_operands_are_not_written_over() {
        let x = ints(&[1, 2, 3]);
        let y = x.clone();
        assert_eq!(
            atomic(Verb::Plus, x.clone(), y.clone()).unwrap(),
            ints(&[2, 4, 6])
        );
        assert_eq!(x, ints(&[1, 2, 3]));
        assert_eq!(
            atomic(Verb::Less, x.clone(), Value::Int(2)).unwrap(),
            ints(&[1, 0, 0])
        );
        assert_eq!(y, ints(&[1, 2, 3]));
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let error = atomic(Verb::Plus, ints(&[1, 2, 3]), ints(&[1, 2])).unwrap_err();
        assert_eq!(error.message(), "length: + of 3 items and 2 items");
        let error = atomic(Verb::Plus, Value::Int(1), Value::symbol("a")).unwrap_err();
        assert_eq!(error.message(), "type: + of a number and symbol a");
        let nested = Value::from_items(vec![ints(&[1, 2]), Value::symbol("a")]);
        assert_eq!(
            atomic(Verb::Minus, nested, Value::Int(1))
                .unwrap_err()
                .class(),
            Class::Type
        );
    }

    #[test]
    fn kinds_that_differ_are_in_no_relation() {
        for verb in [
            Verb::Less,
            Verb::More,
            Verb::Equal,
            Verb::LessEqual,
            Verb::NotEqual,
        ] {
            assert_eq!(
                atomic(verb, Value::Int(97), Value::Char(b'a')).unwrap(),
                Value::Int(0)
            );
        }
        let null = atomic(
            Verb::Less,
            Value::Int(NULL),
            Value::Float(f64::NEG_INFINITY),
        )
        .unwrap();
        assert_eq!(null, Value::Int(1));
    }

    #[test]
    fn what_shared_lists_stand_for_is_counted() {
        crate::value::set_limit_bytes(1 << 24);
        let row = ints(&[1; 100_000]);
        let rows = Value::repeat(row, 100_000).unwrap();
        let error = atomic(Verb::Plus, rows, Value::Int(1)).unwrap_err();
        assert_eq!(error.class(), Class::Limit);
    }

    #[test]
    fn deep_operands_need_no_stack() {
        let deep = (0..100_000).fold(Value::Int(1), |inner, _| {
            Value::from_items(vec![inner, Value::symbol("s")])
        });
        let nots = atomic(Verb::Equal, deep.clone(), Value::Int(1)).unwrap();
        assert_eq!(nots.len(), 2);
        assert_eq!(atomic(Verb::Equal, deep.clone(), deep).unwrap().len(), 2);
    }

    /// What one pair should give, in the plainest way.
    fn plain(verb: Verb, x: i64, y: i64) -> Value {
        let (wide_x, wide_y) = (i128::from(x), i128::from(y));
        let wide = match verb {
            Verb::Plus => wide_x + wide_y,
            Verb::Minus => wide_x - wide_y,
            _ => wide_x * wide_y,
        };
        match i64::try_from(wide) {
            _ if x == NULL || y == NULL => Value::Int(NULL),
            Ok(result) if result != NULL => Value::Int(result),
            _ => match verb {
                Verb::Plus => Value::Float(x as f64 + y as f64),
                Verb::Minus => Value::Float(x as f64 - y as f64),
                _ => Value::Float(x as f64 * y as f64),
            },
        }
    }

    proptest! {
        #[test]
        fn vectors_do_what_atoms_do(
            pairs in proptest::collection::vec((any::<i64>(), any::<i64>(), 0..64u32), 1..40),
            place in 0..3usize,
        ) {
            let verb = [Verb::Plus, Verb::Minus, Verb::Star][place];
            // Shifts give numbers of all sizes, so that blocks with and without overflow occur.
            let xs: Vec<i64> = pairs.iter().map(|(x, _, shift)| x >> shift).collect();
            let ys: Vec<i64> = pairs.iter().map(|(_, y, shift)| y >> shift).collect();
            let expected: Value = xs.iter().zip(&ys).map(|(x, y)| plain(verb, *x, *y)).collect();
            let shared = ints(&xs);
            let results = [
                atomic(verb, ints(&xs), ints(&ys)).unwrap(),
                atomic(verb, shared.clone(), ints(&ys)).unwrap(),
                atomic(verb, shared.clone(), Value::from_items(ys.iter().map(|y| Value::Int(*y)).collect())).unwrap(),
            ];
            for result in results {
                assert_eq!(result, expected);
            }
            assert_eq!(shared, ints(&xs));
        }
    }
}

//! Folds, scans and neighbours with a verb, over whole vectors at once.
//!
//! The adverbs ask here before they go item by item. An answer of `None` means that nothing is
//! gained, not that there is no result. Results are those of the item-by-item way: from left to
//! right, results that are no integers as floats.

use super::atomic::{atomic, is_atomic, is_relation};
use super::ops::{Add, Max, Min, Mul, Op, ints};
use crate::error::Error;
use crate::pace::{self, PACE_ITEMS};
use crate::value::{NULL, Value, room};
use crate::verb::Verb;

/// What a fold of an empty list gives, if that is something else than the list.
pub fn fold_identity(verb: Verb) -> Option<Value> {
    match verb {
        Verb::Plus => Some(Value::Int(0)),
        Verb::Star => Some(Value::Int(1)),
        Verb::Or => Some(Value::Float(f64::NEG_INFINITY)),
        Verb::And => Some(Value::Float(f64::INFINITY)),
        _ => None,
    }
}

/// `v/x` and `seed v/x`.
///
/// The list must be one; a dictionary is folded by its values.
pub fn fold_fast(verb: Verb, seed: Option<&Value>, list: &Value) -> Option<Result<Value, Error>> {
    if list.is_empty() {
        return match seed {
            Some(seed) => Some(Ok(seed.clone())),
            None => fold_identity(verb).map(Ok),
        };
    }
    if verb == Verb::Comma && seed.is_none() {
        return Some(super::join::raze(list.clone()));
    }
    let (start, from) = match seed {
        Some(seed) => (seed.clone(), 0),
        None => (list.item(0)?, 1),
    };
    Some(Ok(match (list, start) {
        (Value::Ints(items), Value::Int(start)) => {
            let items = &items[from..];
            match verb {
                Verb::Plus => sum(start, items),
                Verb::Star => fold_ints::<Mul>(start, items),
                Verb::And => Value::Int(items.iter().fold(start, |x, y| x.min(*y))),
                Verb::Or => Value::Int(items.iter().fold(start, |x, y| x.max(*y))),
                _ => return None,
            }
        }
        (Value::Floats(items), start @ (Value::Float(_) | Value::Int(_))) => {
            let start = match start {
                // A start that no float can hold goes the general way.
                Value::Int(x) if !(-EXACT..=EXACT).contains(&x) && x != NULL => return None,
                start => start.as_float()?,
            };
            let items = &items[from..];
            Value::Float(match verb {
                Verb::Plus => fold_floats::<Add>(start, items),
                Verb::Star => fold_floats::<Mul>(start, items),
                Verb::And => fold_floats::<Min>(start, items),
                Verb::Or => fold_floats::<Max>(start, items),
                _ => return None,
            })
        }
        _ => return None,
    }))
}

/// Integers up to this are floats exactly.
const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;

fn fold_floats<O: Op>(start: f64, items: &[f64]) -> f64 {
    items.iter().fold(start, |x, y| O::float(x, *y))
}

fn fold_ints<O: Op>(start: i64, items: &[i64]) -> Value {
    let mut x = start;
    for (at, y) in items.iter().enumerate() {
        match ints::<O>(x, *y) {
            Value::Int(result) => x = result,
            other => {
                return items[at + 1..]
                    .iter()
                    .fold(other, |x, y| number_int::<O>(&x, *y));
            }
        }
    }
    Value::Int(x)
}

/// One step of a fold whose left operand has become a float.
fn number_int<O: Op>(x: &Value, y: i64) -> Value {
    match x.as_int() {
        Some(x) => ints::<O>(x, y),
        None => O::mixed_float_int(x.as_float().unwrap_or(f64::NAN), y),
    }
}

/// Items in a block whose sum can't overflow when each is below [`SMALL`].
const BLOCK_ITEMS: usize = 1024;
/// See [`BLOCK_ITEMS`].
const SMALL: i64 = 1 << 50;
/// A sum below this can take another block.
const SUM_LIMIT: i64 = 1 << 62;

/// True when the sums of a start and the items of a block can't leave the range of integers.
fn sum_is_safe(start: i64, block: &[i64]) -> bool {
    let seen = block
        .iter()
        .fold(0u64, |seen, x| seen | x.wrapping_add(SMALL) as u64);
    are_small(seen) && (-SUM_LIMIT..SUM_LIMIT).contains(&start)
}

/// True when an or of integers, each with [`SMALL`] added, shows that all of them are small.
fn are_small(seen: u64) -> bool {
    seen < 2 * SMALL as u64
}

/// The sum of integers: blocks of small ones need no look at each addition.
fn sum(start: i64, items: &[i64]) -> Value {
    let mut total = start;
    for (at, block) in items.chunks(BLOCK_ITEMS).enumerate() {
        pace::work_on(block.len());
        let (seen, block_sum) = block.iter().fold((0u64, 0i64), |(seen, sum), x| {
            (seen | x.wrapping_add(SMALL) as u64, sum.wrapping_add(*x))
        });
        if are_small(seen) && (-SUM_LIMIT..SUM_LIMIT).contains(&total) {
            total += block_sum;
            continue;
        }
        match fold_ints::<Add>(total, block) {
            Value::Int(result) => total = result,
            other => {
                let rest = &items[items.len().min((at + 1) * BLOCK_ITEMS)..];
                return rest.iter().fold(other, |x, y| number_int::<Add>(&x, *y));
            }
        }
    }
    Value::Int(total)
}

/// `v\x` and `seed v\x`: all results of the fold, without the seed.
pub fn scan_fast(verb: Verb, seed: Option<&Value>, list: &Value) -> Option<Result<Value, Error>> {
    let start = match seed {
        Some(seed) => Some(seed.clone()),
        None => list.item(0),
    };
    match (list, start?) {
        (Value::Ints(items), Value::Int(start)) if !items.is_empty() => {
            let (first, rest) = if seed.is_some() {
                (None, &items[..])
            } else {
                (Some(start), &items[1..])
            };
            match verb {
                Verb::Plus => Some(scan_ints::<Add>(first, start, rest)),
                Verb::Star => Some(scan_ints::<Mul>(first, start, rest)),
                Verb::And => Some(scan_ints::<Min>(first, start, rest)),
                Verb::Or => Some(scan_ints::<Max>(first, start, rest)),
                _ => None,
            }
        }
        (Value::Floats(items), Value::Float(start)) if !items.is_empty() => {
            let (first, rest) = if seed.is_some() {
                (None, &items[..])
            } else {
                (Some(start), &items[1..])
            };
            match verb {
                Verb::Plus => Some(scan_floats::<Add>(first, start, rest)),
                Verb::Star => Some(scan_floats::<Mul>(first, start, rest)),
                Verb::And => Some(scan_floats::<Min>(first, start, rest)),
                Verb::Or => Some(scan_floats::<Max>(first, start, rest)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn scan_ints<O: Op>(first: Option<i64>, start: i64, items: &[i64]) -> Result<Value, Error> {
    let mut out = room(items.len() + 1)?;
    out.extend(first);
    let mut x = start;
    for (at, block) in items.chunks(BLOCK_ITEMS).enumerate() {
        pace::work_on(block.len());
        if O::IS_SUM && sum_is_safe(x, block) {
            out.extend(block.iter().map(|y| {
                x = x.wrapping_add(*y);
                x
            }));
            continue;
        }
        for (place, y) in block.iter().enumerate() {
            match ints::<O>(x, *y) {
                Value::Int(result) => {
                    x = result;
                    out.push(x);
                }
                other => {
                    return scan_numbers::<O>(&out, other, &items[at * BLOCK_ITEMS + place + 1..]);
                }
            }
        }
    }
    Ok(Value::from_ints(out))
}

/// The rest of a scan whose result has become a float.
fn scan_numbers<O: Op>(before: &[i64], result: Value, rest: &[i64]) -> Result<Value, Error> {
    let mut all: Vec<Value> = room(before.len() + 1 + rest.len())?;
    all.extend(before.iter().map(|x| Value::Int(*x)));
    let mut x = result;
    for y in rest {
        let next = number_int::<O>(&x, *y);
        all.push(std::mem::replace(&mut x, next));
    }
    all.push(x);
    Ok(Value::from_items(all))
}

fn scan_floats<O: Op>(first: Option<f64>, start: f64, items: &[f64]) -> Result<Value, Error> {
    let mut out = room(items.len() + 1)?;
    out.extend(first);
    let mut x = start;
    for block in items.chunks(PACE_ITEMS) {
        pace::work(block.len())?;
        out.extend(block.iter().map(|y| {
            x = O::float(x, *y);
            x
        }));
    }
    Ok(Value::from_floats(out))
}

/// What `v':x` pairs the first item with.
pub fn prior_seed(verb: Option<Verb>, list: &Value) -> Value {
    match verb {
        // Nothing comes before the first moment, so it is taken from itself.
        Some(Verb::Minus) if list.is_temporal() => super::count::first(list.clone()),
        Some(Verb::Plus | Verb::Minus) => Value::Int(0),
        Some(Verb::Star | Verb::Percent) => Value::Int(1),
        Some(Verb::And) => super::count::first(list.clone()),
        Some(Verb::Comma) => Value::empty(),
        _ => Value::Int(NULL),
    }
}

/// `v':x` and `seed v':x`: each item with the one before it, where the verb works item by item.
///
/// A first item without a seed is in no order to the nothing before it: `>` and `>=` give 0.
pub fn prior_fast(verb: Verb, seed: Option<&Value>, list: &Value) -> Option<Result<Value, Error>> {
    if !is_atomic(verb) || !list.is_list() || list.is_empty() {
        return None;
    }
    Some(prior(verb, seed, list))
}

fn prior(verb: Verb, seed: Option<&Value>, list: &Value) -> Result<Value, Error> {
    let rest = super::take::slice(list, 1..list.len());
    let before = super::take::slice(list, 0..list.len() - 1);
    let first = list.item(0).unwrap_or_default();
    let head = match seed {
        Some(seed) => atomic(verb, first, seed.clone())?,
        None if matches!(verb, Verb::More | Verb::MoreEqual)
            && is_relation(verb)
            && first.is_atom() =>
        {
            Value::Int(0)
        }
        None => atomic(verb, first, prior_seed(Some(verb), list))?,
    };
    let tail = if rest.is_empty() {
        Value::empty()
    } else {
        atomic(verb, rest, before)?
    };
    super::join::join(head.enlist(), tail)
}

#[cfg(test)]
mod tests {
    use super::{fold_fast, prior_fast, scan_fast};
    use crate::format::form;
    use crate::value::{NULL, Value};
    use crate::verb::Verb;
    use proptest::prelude::{any, proptest};

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    fn fold(verb: Verb, list: &Value) -> Value {
        fold_fast(verb, None, list).unwrap().unwrap()
    }

    #[test]
    fn overflow_goes_on_in_floats() {
        let factors: Vec<i64> = (1..=21).collect();
        assert_eq!(
            form(&fold(Verb::Star, &ints(&factors))),
            "51090942171709440000"
        );
        let scanned = scan_fast(Verb::Plus, None, &ints(&[1, i64::MAX, 1]))
            .unwrap()
            .unwrap();
        assert_eq!(form(&scanned), "1 9223372036854776000 9223372036854776000");
        assert_eq!(fold(Verb::Plus, &ints(&[5, NULL, 7])), Value::Int(NULL));
    }

    #[test]
    fn empty_lists_and_seeds() {
        assert_eq!(fold(Verb::Plus, &Value::empty()), Value::Int(0));
        assert_eq!(
            fold(Verb::And, &Value::empty()),
            Value::Float(f64::INFINITY)
        );
        assert!(fold_fast(Verb::Minus, None, &Value::empty()).is_none());
        let seeded = fold_fast(Verb::Plus, Some(&Value::Int(10)), &ints(&[1, 2]))
            .unwrap()
            .unwrap();
        assert_eq!(seeded, Value::Int(13));
        let scanned = scan_fast(Verb::Plus, Some(&Value::Int(10)), &ints(&[1, 2]))
            .unwrap()
            .unwrap();
        assert_eq!(scanned, ints(&[11, 13]));
    }

    #[test]
    fn neighbours() {
        let prior = |verb, items: &[i64]| prior_fast(verb, None, &ints(items)).unwrap().unwrap();
        assert_eq!(prior(Verb::Minus, &[1, 4, 9]), ints(&[1, 3, 5]));
        assert_eq!(prior(Verb::More, &[1, 3, 2, 4]), ints(&[0, 1, 0, 1]));
        assert_eq!(prior(Verb::Equal, &[1, 1, 2]), ints(&[0, 1, 0]));
        assert_eq!(prior(Verb::And, &[3, 1]), ints(&[3, 1]));
        let text = prior_fast(Verb::Equal, None, &Value::string("aabb"))
            .unwrap()
            .unwrap();
        assert_eq!(text, ints(&[0, 1, 0, 1]));
    }

    proptest! {
        #[test]
        fn sums_are_those_of_single_additions(items in proptest::collection::vec(any::<i64>(), 1..3000), shift in 0..64u32) {
            let items: Vec<i64> = items.iter().map(|x| x >> shift).collect();
            let one_by_one = items[1..].iter().fold(Value::Int(items[0]), |sum, x| {
                super::atomic(Verb::Plus, sum, Value::Int(*x)).unwrap()
            });
            assert_eq!(fold(Verb::Plus, &ints(&items)), one_by_one);
            let scanned = scan_fast(Verb::Plus, None, &ints(&items)).unwrap().unwrap();
            assert_eq!(scanned.item(items.len() - 1), Some(one_by_one));
        }
    }
}

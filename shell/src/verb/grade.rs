//! Grade: the stable permutation that sorts.
//!
//! Everything that has an integer key is sorted by radix, by its distance from the least one. Narrow keys
//! travel packed with their position in one word. Short lists and general ones are merged.

use super::merge;
use super::radix::{SHORT_ITEMS, radix};
use crate::error::Error;
use crate::pace;
use crate::value::{Table, Value, compare, room};

/// What a comparison of two values counts as, in items.
const COMPARISON_ITEMS: usize = 8;

/// The direction of a grade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Least first.
    Up,
    /// Greatest first.
    Down,
}

/// `<x` and `>x`.
///
/// # Errors
/// `limit` without memory.
pub(super) fn grade(direction: Direction, x: &Value) -> Result<Value, Error> {
    match x {
        Value::Dict(dict) => {
            let order = permutation(direction, dict.values())?;
            super::index::at(dict.keys(), Value::from_ints(order))
        }
        list if list.is_list() || matches!(list, Value::Table(_)) => {
            permutation(direction, list).map(Value::from_ints)
        }
        _ => Ok(Value::from_ints(vec![0])),
    }
}

/// The positions of a list's items or a table's rows in sorted order; equal ones keep theirs.
pub(super) fn permutation(direction: Direction, list: &Value) -> Result<Vec<i64>, Error> {
    match list {
        Value::Ints(items) | Value::Temporals(_, items) => {
            by_keys(items, |x| (x as u64) ^ SIGN, direction)
        }
        Value::Floats(items) => by_keys(items, float_key, direction),
        Value::Chars(items) => by_keys(items, u64::from, direction),
        Value::Symbols(items) => by_keys(&symbol_ranks(items), |x| x, direction),
        Value::List(items) => {
            let mut order: Vec<i64> = room(items.len())?;
            order.extend(0..items.len() as i64);
            merge::sort(order, |a, b| {
                pace::work(COMPARISON_ITEMS)?;
                let order = compare(&items[a as usize], &items[b as usize]);
                Ok(match direction {
                    Direction::Up => order,
                    Direction::Down => order.reverse(),
                })
            })
        }
        Value::Table(table) => by_columns(table, direction),
        other => Ok((0..other.len() as i64).collect()),
    }
}

/// The permutation that sorts rows by the first column, and equal ones by the next. The last column is
/// sorted by first, for every sort keeps what it finds.
fn by_columns(table: &Table, direction: Direction) -> Result<Vec<i64>, Error> {
    let mut order: Vec<i64> = room(table.rows())?;
    order.extend(0..table.rows() as i64);
    for column in table.columns().iter().rev() {
        let sorted = super::index::at(column, Value::from_ints(order.clone()))?;
        let mut next: Vec<i64> = room(order.len())?;
        next.extend(
            permutation(direction, &sorted)?
                .iter()
                .map(|at| order[*at as usize]),
        );
        order = next;
    }
    Ok(order)
}

/// The sign bit: turning it makes signed order unsigned order.
const SIGN: u64 = 1 << 63;

/// A float as an unsigned number of the same order: the null below everything, one zero.
fn float_key(x: f64) -> u64 {
    if x.is_nan() {
        return 0;
    }
    let bits = (x + 0.0).to_bits();
    if bits & SIGN != 0 { !bits } else { bits | SIGN }
}

/// The rank of each symbol's text among the texts that occur.
fn symbol_ranks(items: &[crate::symbol::Symbol]) -> Vec<u64> {
    let mut distinct: Vec<(&'static [u8], u32)> = Vec::new();
    let mut seen = std::collections::HashMap::new();
    for name in items {
        seen.entry(name.number()).or_insert_with(|| {
            distinct.push((name.bytes(), name.number()));
            0u64
        });
    }
    distinct.sort_unstable();
    for (rank, (_, number)) in distinct.iter().enumerate() {
        seen.insert(*number, rank as u64);
    }
    items
        .iter()
        .map(|name| seen.get(&name.number()).copied().unwrap_or(0))
        .collect()
}

/// The stable permutation that sorts keys.
fn by_keys<T: Copy>(
    items: &[T],
    key: impl Fn(T) -> u64,
    direction: Direction,
) -> Result<Vec<i64>, Error> {
    let (low, high) = items.iter().fold((u64::MAX, 0), |(low, high), x| {
        let key = key(*x);
        (low.min(key), high.max(key))
    });
    let span = high.wrapping_sub(low);
    // Counted from the other end, descending order is ascending order, and as stable.
    let turned = |x: T| {
        if direction == Direction::Up {
            key(x).wrapping_sub(low)
        } else {
            high.wrapping_sub(key(x))
        }
    };
    let bits = u64::BITS - span.leading_zeros();
    if items.len() <= SHORT_ITEMS {
        let keys: Vec<u64> = items.iter().map(|x| turned(*x)).collect();
        let mut order: Vec<i64> = (0..items.len() as i64).collect();
        order.sort_by_key(|at| keys[*at as usize]);
        return Ok(order);
    }
    if bits <= u32::BITS {
        let mut packed: Vec<u64> = room(items.len())?;
        packed.extend(
            items
                .iter()
                .enumerate()
                .map(|(at, x)| (turned(*x) << u32::BITS) | at as u64),
        );
        return radix(
            packed,
            bits,
            |item| item >> u32::BITS,
            |item| i64::from(item as u32),
        );
    }
    let mut pairs: Vec<(u64, u32)> = room(items.len())?;
    pairs.extend(
        items
            .iter()
            .enumerate()
            .map(|(at, x)| (turned(*x), at as u32)),
    );
    radix(pairs, bits, |item| item.0, |item| i64::from(item.1))
}

#[cfg(test)]
mod tests {
    use super::{Direction, permutation};
    use crate::symbol::Symbol;
    use crate::value::{NULL, Value, compare};
    use proptest::prelude::{any, proptest};
    use std::cmp::Ordering;

    fn check(list: &Value) {
        for direction in [Direction::Up, Direction::Down] {
            let order = permutation(direction, list).unwrap();
            let mut seen = vec![false; list.len()];
            order.iter().for_each(|at| seen[*at as usize] = true);
            assert!(seen.iter().all(|seen| *seen));
            for pair in order.windows(2) {
                let (x, y) = (
                    list.item(pair[0] as usize).unwrap(),
                    list.item(pair[1] as usize).unwrap(),
                );
                let order = compare(&x, &y);
                let order = if direction == Direction::Up {
                    order
                } else {
                    order.reverse()
                };
                assert!(order == Ordering::Less || (order == Ordering::Equal && pair[0] < pair[1]));
            }
        }
    }

    #[test]
    fn the_null_is_lowest() {
        let list = Value::from_ints(vec![1, NULL, 0]);
        assert_eq!(permutation(Direction::Up, &list).unwrap(), vec![1, 2, 0]);
        let list = Value::from_floats(vec![f64::NEG_INFINITY, f64::NAN, -0.0, 0.0]);
        assert_eq!(permutation(Direction::Up, &list).unwrap(), vec![1, 0, 2, 3]);
        assert_eq!(
            permutation(Direction::Down, &list).unwrap(),
            vec![2, 3, 0, 1]
        );
    }

    #[test]
    fn symbols_by_text() {
        let list = Value::from_symbols(["pear", "fig", "apple", "fig"].map(Symbol::new).to_vec());
        assert_eq!(permutation(Direction::Up, &list).unwrap(), vec![2, 1, 3, 0]);
    }

    proptest! {
        #[test]
        fn long_integers_sort(items in proptest::collection::vec(any::<i64>(), 0..600), shift in 0..64u32) {
            check(&Value::from_ints(items.iter().map(|x| x >> shift).collect()));
        }

        #[test]
        fn floats_sort(items in proptest::collection::vec(any::<f64>(), 0..600)) {
            check(&Value::from_floats(items));
        }

        #[test]
        fn strings_sort(items in proptest::collection::vec("[a-c]{0,3}", 0..60)) {
            check(&Value::from_items(items.iter().map(|text| Value::string(text)).collect()));
        }
    }
}

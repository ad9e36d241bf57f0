//! Randomness, `?n`, `n?y`, and permutations, `prm`.

use super::count::{integers, iota};
use super::index::gather;
use super::walk::{domain_error, type_error, type_error_pair};
use crate::error::{Class, Error};
use crate::pace;
use crate::random::Rng;
use crate::value::{NULL, Value, check_items, check_lists, count_items, product, room};
use crate::verb::Verb;

/// The letters that `n?"A"` picks from: so many from the given one on.
const LETTERS: usize = 26;

/// `?n`: n random floats from 0 up to 1.
///
/// # Errors
/// `type`, `domain` for a negative count, `limit` for a large one.
pub(super) fn unit(n: &Value, rng: &mut Rng) -> Result<Value, Error> {
    if !n.is_number() {
        return Err(type_error(Verb::Query, n));
    }
    let count = n
        .as_count()
        .ok_or_else(|| domain_error(Verb::Query, "of a negative count"))?;
    let count = count_items(count)?;
    let mut out = room(count)?;
    pace::extend(&mut out, count, |_| rng.unit())?;
    Ok(Value::from_floats(out))
}

/// `n?y`: n random integers below y, n letters from the char y on, or n items of the list y; for n
/// below zero, -n different ones.
///
/// # Errors
/// `type`, `domain` for broken numbers, `length` for more different ones than there are, `limit`.
pub(super) fn roll(n: &Value, y: &Value, rng: &mut Rng) -> Result<Value, Error> {
    let count = match n.as_int() {
        Some(count) if count != NULL => count,
        _ if n.is_number() => {
            return Err(domain_error(Verb::Query, "of a count that is no integer"));
        }
        _ => return Err(type_error_pair(Verb::Query, n, y)),
    };
    match y {
        Value::Char(first) => {
            let letters = places(count, LETTERS, rng)?;
            Ok(Value::from_chars(
                letters
                    .iter()
                    .map(|at| first.wrapping_add(*at as u8))
                    .collect(),
            ))
        }
        y if y.is_number() => {
            let bound = match y.as_int() {
                Some(bound) if bound >= 0 => bound as u64,
                _ => {
                    return Err(domain_error(
                        Verb::Query,
                        "below a number that is negative or broken",
                    ));
                }
            };
            if count >= 0 {
                let count = count_items(count.unsigned_abs())?;
                let mut out = room(count)?;
                pace::extend(&mut out, count, |_| rng.below(bound) as i64)?;
                return Ok(Value::from_ints(out));
            }
            different(count.unsigned_abs(), bound, rng).map(Value::from_ints)
        }
        list if list.is_list() => {
            if list.is_empty() && count != 0 {
                return Err(Error::new(Class::Length, "? of an empty list"));
            }
            Ok(gather(list, &places(count, list.len(), rng)?))
        }
        other => Err(type_error_pair(Verb::Query, n, other)),
    }
}

fn places(count: i64, items: usize, rng: &mut Rng) -> Result<Vec<usize>, Error> {
    if count < 0 {
        let places = different(count.unsigned_abs(), items as u64, rng)?;
        return Ok(places.iter().map(|at| *at as usize).collect());
    }
    let count = count_items(count.unsigned_abs())?;
    let mut out = room(count)?;
    pace::extend(&mut out, count, |_| rng.below(items as u64) as usize)?;
    Ok(out)
}

/// `count` different numbers below the bound, in random order.
fn different(count: u64, bound: u64, rng: &mut Rng) -> Result<Vec<i64>, Error> {
    if count > bound {
        return Err(Error::new(
            Class::Length,
            format!("? of {count} different ones out of {bound}"),
        ));
    }
    let items = count_items(count)?;
    // Where most are taken, the whole row is shuffled from the front.
    if bound / 4 <= count {
        let mut row: Vec<i64> = room(count_items(bound)?)?;
        pace::extend(&mut row, bound as usize, |at| at as i64)?;
        for at in 0..items {
            pace::at(at)?;
            let other = at + rng.below(bound - at as u64) as usize;
            row.swap(at, other);
        }
        row.truncate(items);
        return Ok(row);
    }
    // Else a draw that was met before is drawn again: at most one in four is.
    let mut seen = std::collections::HashSet::new();
    let mut out: Vec<i64> = room(items)?;
    while out.len() < items {
        pace::work(1)?;
        let draw = rng.below(bound) as i64;
        if seen.insert(draw) {
            out.push(draw);
        }
    }
    Ok(out)
}

/// `prm x`: all orders of the items of a list, or of the integers below n, the first ones first.
///
/// # Errors
/// `type`, `domain` for a broken number, `limit` when there are too many.
pub(super) fn permutations(x: Value) -> Result<Value, Error> {
    let list = match x {
        Value::Dict(_) | Value::Table(_) => iota(x)?,
        list if list.is_list() => list,
        n => integers(Verb::Prm, &n)?,
    };
    let count = list.len();
    let total = (1..=count).try_fold(1, product)?;
    check_items(product(total, count.max(1))?, size_of::<i64>())?;
    check_lists(total)?;
    let mut order: Vec<usize> = (0..count).collect();
    let mut out = room(total)?;
    loop {
        pace::work(count.max(16))?;
        out.push(gather(&list, &order));
        // The next order: the longest falling tail is turned, after its neighbour has changed
        // places with the least item of it that is greater.
        let Some(pivot) = (1..count).rev().find(|at| order[at - 1] < order[*at]) else {
            break;
        };
        let greater = (pivot..count)
            .rev()
            .find(|at| order[*at] > order[pivot - 1])
            .unwrap_or(pivot);
        order.swap(pivot - 1, greater);
        order[pivot..].reverse();
    }
    Ok(Value::from_items(out))
}

#[cfg(test)]
mod tests {
    use super::{permutations, roll, unit};
    use crate::error::Class;
    use crate::format::form;
    use crate::random::Rng;
    use crate::value::Value;

    #[test]
    fn different_ones_are_different() {
        let mut rng = Rng::new(3);
        for (count, bound) in [(4, 4), (10, 1000), (0, 0)] {
            let Value::Ints(items) =
                roll(&Value::Int(-count), &Value::Int(bound), &mut rng).unwrap()
            else {
                panic!("no integers")
            };
            let distinct: std::collections::HashSet<i64> = items.iter().copied().collect();
            assert_eq!(
                (items.len(), distinct.len()),
                (count as usize, count as usize)
            );
            assert!(items.iter().all(|x| (0..bound).contains(x)));
        }
        assert_eq!(
            roll(&Value::Int(-5), &Value::Int(3), &mut rng)
                .unwrap_err()
                .class(),
            Class::Length
        );
    }

    #[test]
    fn absurd_counts_are_errors() {
        let mut rng = Rng::new(3);
        assert_eq!(
            unit(&Value::Int(1 << 50), &mut rng).unwrap_err().class(),
            Class::Limit
        );
        assert_eq!(
            unit(&Value::Int(-1), &mut rng).unwrap_err().class(),
            Class::Domain
        );
        let huge = roll(&Value::Int(-(1 << 50)), &Value::Int(1 << 50), &mut rng);
        assert_eq!(huge.unwrap_err().class(), Class::Limit);
        assert_eq!(
            permutations(Value::Int(40)).unwrap_err().class(),
            Class::Limit
        );
    }

    #[test]
    fn letters_and_items() {
        let mut rng = Rng::new(3);
        let letters = roll(&Value::Int(100), &Value::Char(b'a'), &mut rng).unwrap();
        assert!(
            letters
                .as_text()
                .unwrap()
                .iter()
                .all(u8::is_ascii_lowercase)
        );
        let picks = roll(&Value::Int(10), &Value::string("xy"), &mut rng).unwrap();
        assert!(picks.as_text().unwrap().iter().all(|c| b"xy".contains(c)));
    }

    #[test]
    fn orders() {
        let all = permutations(Value::Int(3)).unwrap();
        assert_eq!(
            form(&all),
            "(0 1 2\n 0 2 1\n 1 0 2\n 1 2 0\n 2 0 1\n 2 1 0)"
        );
        assert_eq!(form(&permutations(Value::empty()).unwrap()), ",()");
    }
}

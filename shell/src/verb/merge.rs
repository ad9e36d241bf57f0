//! A stable sort whose comparisons can fail: where they take long, an interrupt ends it in the middle.
//!
//! Runs of doubled length are merged from one array to the other. Two runs that are in order already cost one
//! comparison, so what is sorted is sorted in linear time.

use crate::error::Error;
use crate::value::room;
use std::cmp::Ordering;

/// Sorts positions by `compare`; equal ones keep their order.
///
/// # Errors
/// `limit` without memory, and those of `compare`.
pub(super) fn sort(
    mut order: Vec<i64>,
    mut compare: impl FnMut(i64, i64) -> Result<Ordering, Error>,
) -> Result<Vec<i64>, Error> {
    let mut sorted: Vec<i64> = room(order.len())?;
    let mut run = 1;
    while run < order.len() {
        sorted.clear();
        for pair in order.chunks(2 * run) {
            let (left, right) = pair.split_at(run.min(pair.len()));
            merge(left, right, &mut sorted, &mut compare)?;
        }
        std::mem::swap(&mut order, &mut sorted);
        run *= 2;
    }
    Ok(order)
}

/// Adds what is in two sorted runs to `out`, sorted.
fn merge(
    mut left: &[i64],
    mut right: &[i64],
    out: &mut Vec<i64>,
    compare: &mut impl FnMut(i64, i64) -> Result<Ordering, Error>,
) -> Result<(), Error> {
    if let (Some(last), Some(first)) = (left.last(), right.first())
        && compare(*last, *first)? == Ordering::Greater
    {
        while let ([from_left, left_rest @ ..], [from_right, right_rest @ ..]) = (left, right) {
            if compare(*from_left, *from_right)? == Ordering::Greater {
                out.push(*from_right);
                right = right_rest;
            } else {
                out.push(*from_left);
                left = left_rest;
            }
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::sort;
    use crate::pace;
    use proptest::prelude::{any, proptest};

    fn positions(count: usize) -> Vec<i64> {
        (0..count as i64).collect()
    }

    proptest! {
        #[test]
        fn it_sorts_and_equal_ones_keep_their_order(keys in proptest::collection::vec(any::<u8>(), 0..300)) {
            let key = |at: i64| keys[at as usize] / 8;
            let mut expected = positions(keys.len());
            expected.sort_by_key(|at| key(*at));
            let found = sort(positions(keys.len()), |a, b| Ok(key(a).cmp(&key(b))));
            assert_eq!(found.unwrap(), expected);
        }
    }

    #[test]
    fn what_is_sorted_takes_one_comparison_for_each_item() {
        let mut comparisons = 0;
        let sorted = sort(positions(1000), |a, b| {
            comparisons += 1;
            Ok(a.cmp(&b))
        });
        assert_eq!((sorted.unwrap(), comparisons), (positions(1000), 999));
    }

    #[test]
    fn a_comparison_that_fails_ends_it() {
        let mut comparisons = 0;
        let left = sort(positions(1000), |a, b| {
            comparisons += 1;
            if comparisons == 700 {
                return Err(pace::interrupted());
            }
            Ok(b.cmp(&a))
        });
        assert!(left.is_err());
        assert_eq!(comparisons, 700);
    }
}

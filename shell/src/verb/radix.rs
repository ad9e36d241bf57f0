//! Radix sort: the positions of items in the order of their integer keys, equal ones as they were.
//!
//! A pass that scatters items over more memory than the second cache holds waits for each of its writes. So a
//! long list is split by the highest bits of its keys first, into so few parts that their ends stay in the first cache,
//! and again where a part is still long; then each part is sorted by itself, least digit first. Digits that
//! all of its items share cost no pass, and the last pass writes positions only.

use crate::error::Error;
use crate::pace::{self, PACE_ITEMS};
use crate::value::room;

/// The bits of one digit: its counters fit the first cache.
const DIGIT_BITS: u32 = 11;
const DIGITS: usize = 1 << DIGIT_BITS;

/// Items of a part that is sorted by itself: it fits the second cache with the place it is sorted into.
const PART_ITEMS: usize = 1 << 15;

/// A list is split into at most so many parts at a time, by bits.
const SPLIT_BITS_MAX: u32 = 8;

/// Parts up to this long are merged: a radix pass has its price.
pub(super) const SHORT_ITEMS: usize = 200;

/// Items that are in order but for the low bits of their keys.
struct Part {
    from: usize,
    to: usize,
    /// The bits that are not sorted by yet.
    bits: u32,
    /// Which of the two buffers they are in.
    side: Side,
}

#[derive(Clone, Copy)]
enum Side {
    First,
    Second,
}

/// The positions of items sorted by the low `bits` of their keys.
///
/// # Errors
/// `limit` without memory.
pub(super) fn radix<T: Copy + Default>(
    mut first: Vec<T>,
    bits: u32,
    key: impl Fn(T) -> u64 + Copy,
    position: impl Fn(T) -> i64 + Copy,
) -> Result<Vec<i64>, Error> {
    let mut order: Vec<i64> = room(first.len())?;
    order.resize(first.len(), 0);
    if bits <= DIGIT_BITS {
        sort(&mut first, &mut [], &mut order, bits, key, position)?;
        return Ok(order);
    }
    let mut second: Vec<T> = room(first.len())?;
    second.resize(first.len(), T::default());
    let mut parts = vec![Part {
        from: 0,
        to: first.len(),
        bits,
        side: Side::First,
    }];
    while let Some(part) = parts.pop() {
        let range = part.from..part.to;
        let (items, other) = match part.side {
            Side::First => (&mut first[range.clone()], &mut second[range.clone()]),
            Side::Second => (&mut second[range.clone()], &mut first[range.clone()]),
        };
        if items.len() > PART_ITEMS && part.bits > 0 {
            split(&part, items, other, key, &mut parts)?;
        } else {
            let order = &mut order[range];
            sort(items, other, order, part.bits, key, position)?;
        }
    }
    Ok(order)
}

/// Splits a part by the highest bits that it is not sorted by yet.
fn split<T: Copy>(
    part: &Part,
    items: &[T],
    other: &mut [T],
    key: impl Fn(T) -> u64 + Copy,
    parts: &mut Vec<Part>,
) -> Result<(), Error> {
    let wanted = items.len().div_ceil(PART_ITEMS).next_power_of_two();
    let split_bits = wanted.ilog2().min(SPLIT_BITS_MAX).min(part.bits);
    let bits = part.bits - split_bits;
    let mask = (1 << split_bits) - 1;
    let digit = |item| (key(item) >> bits) as usize & mask;
    let mut counts = [0; DIGITS];
    for block in items.chunks(PACE_ITEMS) {
        pace::work(block.len())?;
        count(block, &mut counts, digit);
    }
    if counts[digit(items[0])] as usize == items.len() {
        parts.push(Part { bits, ..*part });
        return Ok(());
    }
    let mut places = counts;
    add_up(&mut places);
    for block in items.chunks(PACE_ITEMS) {
        pace::work(block.len())?;
        scatter(block, other, &mut places, digit, |item| item);
    }
    let side = match part.side {
        Side::First => Side::Second,
        Side::Second => Side::First,
    };
    // Each place is now the end of its part.
    let ends = places.iter().map(|end| part.from + *end as usize);
    let ranges = counts.iter().zip(ends);
    parts.extend(
        ranges
            .filter(|(count, _)| **count > 0)
            .map(|(count, to)| Part {
                from: to - *count as usize,
                to,
                bits,
                side,
            }),
    );
    Ok(())
}

/// Sorts a part by the low `bits` of its keys, least digit first, and writes its positions.
fn sort<'a, T: Copy>(
    mut items: &'a mut [T],
    mut other: &'a mut [T],
    order: &mut [i64],
    bits: u32,
    key: impl Fn(T) -> u64 + Copy,
    position: impl Fn(T) -> i64 + Copy,
) -> Result<(), Error> {
    if items.len() <= SHORT_ITEMS {
        pace::work(items.len())?;
        items.sort_by_key(|item| key(*item));
        write(items, order, position);
        return Ok(());
    }
    let passes = bits.div_ceil(DIGIT_BITS).max(1);
    let digit_bits = bits.div_ceil(passes);
    let mask = (1 << digit_bits) - 1;
    for pass in 0..passes {
        let digit = |item| (key(item) >> (pass * digit_bits)) as usize & mask;
        let mut places = [0; DIGITS];
        for block in items.chunks(PACE_ITEMS) {
            pace::work(block.len())?;
            count(block, &mut places, digit);
        }
        let is_shared = places[digit(items[0])] as usize == items.len();
        let is_last = pass + 1 == passes;
        if is_shared && is_last {
            write(items, order, position);
        }
        if is_shared {
            continue;
        }
        add_up(&mut places);
        for block in items.chunks(PACE_ITEMS) {
            pace::work(block.len())?;
            match is_last {
                true => scatter(block, order, &mut places, digit, position),
                false => scatter(block, other, &mut places, digit, |item| item),
            }
        }
        std::mem::swap(&mut items, &mut other);
    }
    Ok(())
}

/// Counts the items of each digit.
#[inline(never)]
fn count<T: Copy>(block: &[T], counts: &mut [u32; DIGITS], digit: impl Fn(T) -> usize) {
    for item in block {
        counts[digit(*item) % DIGITS] += 1;
    }
}

/// Makes of how many there are of each digit where the first of them goes.
fn add_up(counts: &mut [u32; DIGITS]) {
    let mut next = 0;
    for place in counts {
        next += std::mem::replace(place, next);
    }
}

/// Writes what is wanted of each item to the next place of its digit.
#[inline(never)]
fn scatter<T: Copy, U>(
    block: &[T],
    to: &mut [U],
    places: &mut [u32; DIGITS],
    digit: impl Fn(T) -> usize,
    wanted: impl Fn(T) -> U,
) {
    for item in block {
        let place = &mut places[digit(*item) % DIGITS];
        to[*place as usize] = wanted(*item);
        *place += 1;
    }
}

/// Writes the positions of items that are in order.
fn write<T: Copy>(items: &[T], order: &mut [i64], position: impl Fn(T) -> i64) {
    for (place, item) in order.iter_mut().zip(items) {
        *place = position(*item);
    }
}

#[cfg(test)]
mod tests {
    use super::{PART_ITEMS, radix};

    /// Numbers that look random.
    fn noise(items: usize) -> impl Iterator<Item = u64> {
        let next = |x: &u64| {
            let x = x ^ (x << 13);
            let x = x ^ (x >> 7);
            Some(x ^ (x << 17))
        };
        std::iter::successors(Some(88_172_645_463_325_252), next).take(items)
    }

    fn check(keys: Vec<u64>, bits: u32) {
        let items: Vec<(u64, u32)> = keys.iter().copied().zip(0..).collect();
        let order = radix(items, bits, |item| item.0, |item| i64::from(item.1)).unwrap();
        let mut expected: Vec<i64> = (0..keys.len() as i64).collect();
        expected.sort_by_key(|at| keys[*at as usize]);
        assert!(order == expected, "{bits} bits, {} keys", keys.len());
    }

    #[test]
    fn keys_of_any_width_in_lists_of_any_length_are_sorted() {
        for items in [0, 1, 201, PART_ITEMS, PART_ITEMS + 1, 20 * PART_ITEMS] {
            for bits in [0, 1, 9, 11, 12, 20, 33, 63, 64] {
                let mask = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
                check(noise(items).map(|key| key & mask).collect(), bits);
            }
        }
    }

    #[test]
    fn keys_that_crowd_are_sorted() {
        let items = 3 * PART_ITEMS;
        // All in one place, but for a few; the widths of floats; few values far apart; in order already.
        check(
            noise(items)
                .map(|key| if key % 1000 == 0 { key } else { 5 })
                .collect(),
            64,
        );
        check(
            noise(items).map(|key| (key >> 12) >> (key % 52)).collect(),
            52,
        );
        check(noise(items).map(|key| (key % 3) << 40).collect(), 42);
        check((0..items as u64).collect(), 17);
        check((0..items as u64).rev().collect(), 17);
    }
}

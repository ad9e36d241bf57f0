//! The positions of items by class: the work of group and of distinct.
//!
//! With few classes, positions are sorted block by block: those of a block are brought into the order of
//! their classes in a place that fits the second cache, then each class takes its own from one block
//! after the other. Written one by one, the next places of a hundred groups would each be waited for.
//!
//! Whether the classes are few is not found out beforehand, which would read all items once more. Each
//! block is worked on as if they were, with places taken modulo the few, and all is given up at the first
//! block where they are not. The loops over items are functions of their own, so that what they need
//! stays in registers.

use crate::error::Error;
use crate::pace;
use crate::value::room;

/// Classes below this are few: a table of their places fits the first cache.
const CLASSES_FEW: usize = 1 << 12;
/// Items of a block: their positions in it are numbers of 16 bits.
const BLOCK_ITEMS: usize = 1 << 16;
/// Shorter lists are not worth the tables.
const WORTH_ITEMS: usize = 1 << 14;

/// The first position of each class, ascending. Nothing for a short list and when there are more classes
/// than few.
///
/// # Errors
/// `limit` without memory.
pub(super) fn firsts_of_few<K: Copy>(
    items: &[K],
    class_of: impl Fn(K) -> u64 + Copy,
) -> Result<Option<Vec<u32>>, Error> {
    if items.len() < WORTH_ITEMS {
        return Ok(None);
    }
    let mut marks = [0u8; CLASSES_FEW];
    let mut seen = [false; CLASSES_FEW];
    let mut firsts = Vec::new();
    let mut start = 0;
    for block in items.chunks(BLOCK_ITEMS) {
        pace::work(block.len())?;
        if mark(block, &mut marks, class_of) >= CLASSES_FEW as u64 {
            return Ok(None);
        }
        // Most blocks have no item of a new class: only the others are looked at item by item.
        let classes: usize = marks.iter().map(|mark| usize::from(*mark)).sum();
        if classes > firsts.len() {
            note_new(block, start, &mut seen, &mut firsts, class_of);
        }
        start += block.len();
    }
    Ok(Some(firsts))
}

/// The positions of each class that has any, ascending, the classes in order of their first. Nothing for
/// a short list and when there are more classes than few.
///
/// # Errors
/// `limit` without memory.
pub(super) fn positions_of_few<K: Copy>(
    items: &[K],
    class_of: impl Fn(K) -> u64 + Copy,
) -> Result<Option<Vec<Vec<i64>>>, Error> {
    if items.len() < WORTH_ITEMS {
        return Ok(None);
    }
    let blocks = items.len().div_ceil(BLOCK_ITEMS);
    let mut ends: Vec<[u32; CLASSES_FEW]> = room(blocks)?;
    let mut sorted: Vec<u16> = room(blocks * BLOCK_ITEMS)?;
    sorted.resize(blocks * BLOCK_ITEMS, 0);
    let mut all = 0;
    for (block, sorted) in items.chunks(BLOCK_ITEMS).zip(sorted.as_chunks_mut().0) {
        pace::work(block.len())?;
        let mut places = [0; CLASSES_FEW];
        all |= count_of_few(block, &mut places, class_of);
        if all >= CLASSES_FEW as u64 {
            return Ok(None);
        }
        let mut next = 0;
        for place in &mut places {
            next += std::mem::replace(place, next);
        }
        sort(block, &mut places, sorted, class_of);
        // Each place is now the end of its class.
        ends.push(places);
    }
    let mut groups = Vec::new();
    for class in 0..=all as usize {
        let ranges = ends.iter().map(|ends| {
            let from = class.checked_sub(1).map_or(0, |before| ends[before]);
            from as usize..ends[class] as usize
        });
        let count = ranges.clone().map(|range| range.len()).sum();
        if count == 0 {
            continue;
        }
        pace::work(count)?;
        let mut positions = room(count)?;
        for (block, range) in ranges.enumerate() {
            let start = block * BLOCK_ITEMS;
            let here = sorted[start..][range].iter();
            positions.extend(here.map(|at| (start + usize::from(*at)) as i64));
        }
        groups.push(positions);
    }
    groups.sort_unstable_by_key(|positions: &Vec<i64>| positions.first().copied());
    Ok(Some(groups))
}

/// The positions of each class, ascending. `class_of` gives numbers below `classes`.
///
/// # Errors
/// `limit` without memory.
pub(super) fn positions_by_class<K: Copy>(
    items: &[K],
    classes: usize,
    class_of: impl Fn(K) -> usize + Copy,
) -> Result<Vec<Vec<i64>>, Error> {
    let mut counts = room(classes)?;
    counts.resize(classes, 0u32);
    for block in items.chunks(BLOCK_ITEMS) {
        pace::work(block.len())?;
        block.iter().for_each(|item| counts[class_of(*item)] += 1);
    }
    let mut groups: Vec<Vec<i64>> = room(classes)?;
    for count in counts {
        groups.push(room(count as usize)?);
    }
    let mut start = 0;
    for block in items.chunks(BLOCK_ITEMS) {
        pace::work(block.len())?;
        append(block, start, &mut groups, class_of);
        start += block.len();
    }
    Ok(groups)
}

/// Marks the classes that occur in a block; answers all of them by bits.
#[inline(never)]
fn mark<K: Copy>(block: &[K], marks: &mut [u8; CLASSES_FEW], class_of: impl Fn(K) -> u64) -> u64 {
    let mut all = 0;
    for item in block {
        let class = class_of(*item);
        all |= class;
        marks[class as usize % CLASSES_FEW] = 1;
    }
    all
}

/// Adds the positions of those items of a block whose classes had none before.
#[inline(never)]
fn note_new<K: Copy>(
    block: &[K],
    start: usize,
    seen: &mut [bool; CLASSES_FEW],
    firsts: &mut Vec<u32>,
    class_of: impl Fn(K) -> u64,
) {
    for (at, item) in block.iter().enumerate() {
        let seen = &mut seen[class_of(*item) as usize % CLASSES_FEW];
        if !*seen {
            *seen = true;
            firsts.push((start + at) as u32);
        }
    }
}

/// Counts the items of each class; answers all classes by bits.
#[inline(never)]
fn count_of_few<K: Copy>(
    block: &[K],
    counts: &mut [u32; CLASSES_FEW],
    class_of: impl Fn(K) -> u64,
) -> u64 {
    let mut all = 0;
    for item in block {
        let class = class_of(*item);
        all |= class;
        counts[class as usize % CLASSES_FEW] += 1;
    }
    all
}

/// Writes the positions of a block to the next places of their classes.
#[inline(never)]
fn sort<K: Copy>(
    block: &[K],
    places: &mut [u32; CLASSES_FEW],
    sorted: &mut [u16; BLOCK_ITEMS],
    class_of: impl Fn(K) -> u64,
) {
    for (at, item) in block.iter().enumerate() {
        let place = &mut places[class_of(*item) as usize % CLASSES_FEW];
        sorted[*place as usize % BLOCK_ITEMS] = at as u16;
        *place += 1;
    }
}

/// Adds the positions of a block's items to their groups.
#[inline(never)]
fn append<K: Copy>(
    block: &[K],
    start: usize,
    groups: &mut [Vec<i64>],
    class_of: impl Fn(K) -> usize,
) {
    for (at, item) in block.iter().enumerate() {
        groups[class_of(*item)].push((start + at) as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::{firsts_of_few, positions_by_class, positions_of_few};

    #[test]
    fn positions_go_to_their_classes() {
        for (items, classes) in [
            (200_000, 1),
            (200_000, 100),
            (150_000, 5000),
            (65_536, 4096),
            (65_537, 4096),
            (9, 3),
        ] {
            let keys: Vec<usize> = (0..items).map(|x| x * x % 65_537 % classes).collect();
            let groups = positions_by_class(&keys, classes, |key| key).unwrap();
            assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), items);
            for (class, positions) in groups.iter().enumerate() {
                assert!(positions.is_sorted_by(|a, b| a < b));
                assert!(positions.iter().all(|at| keys[*at as usize] == class));
            }
            let mut expected = groups;
            expected.retain(|positions| !positions.is_empty());
            expected.sort_by_key(|positions| positions[0]);
            let few = positions_of_few(&keys, |key| key as u64).unwrap();
            let firsts = firsts_of_few(&keys, |key| key as u64).unwrap();
            if classes > 4096 || items < 10_000 {
                assert_eq!((few, firsts), (None, None));
                continue;
            }
            let expected_firsts = expected.iter().map(|positions| positions[0] as u32);
            assert_eq!(firsts, Some(expected_firsts.collect()));
            assert_eq!(few, Some(expected));
        }
    }

    #[test]
    fn classes_that_come_late_are_found() {
        let mut keys = vec![7u64; 300_000];
        for (at, key) in [(65_535, 1), (65_536, 2), (131_071, 4095), (299_999, 0)] {
            keys[at] = key;
        }
        let firsts = firsts_of_few(&keys, |key| key).unwrap();
        assert_eq!(firsts, Some(vec![0, 65_535, 65_536, 131_071, 299_999]));
    }

    #[test]
    fn a_large_class_at_the_end_is_not_taken_for_a_small_one() {
        let mut keys = vec![1u64; 100_000];
        keys[99_999] = (1 << 40) + 1;
        assert_eq!(positions_of_few(&keys, |key| key).unwrap(), None);
        assert_eq!(firsts_of_few(&keys, |key| key).unwrap(), None);
    }
}

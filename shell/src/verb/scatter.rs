//! The positions of items by class: the work of group.
//!
//! Positions are sorted chunk by chunk: those of a chunk are first brought into the order of their
//! classes in a place that fits the second cache, then each class adds its own to its group in one
//! go. Written one by one, the next places of a hundred groups would each be waited for.
//!
//! The loops over all items are functions of their own, so that what they need stays in registers.

use crate::error::Error;
use crate::value::room;

/// Items in a chunk: their positions in it are numbers of 16 bits.
const CHUNK_ITEMS: usize = 1 << 16;
/// With more classes than this a chunk has few items of each.
pub(super) const CLASSES_FEW: usize = 1 << 12;

/// The positions of each class, ascending. `class_of` gives numbers below `classes`.
///
/// # Errors
/// `limit` without memory.
pub(super) fn positions_by_class<K: Copy>(
    keys: &[K],
    classes: usize,
    class_of: impl Fn(K) -> usize + Copy,
) -> Result<Vec<Vec<i64>>, Error> {
    let mut groups: Vec<Vec<i64>> = room(classes)?;
    if classes > CLASSES_FEW || keys.len() < CHUNK_ITEMS {
        let mut counts = room(classes)?;
        counts.resize(classes, 0u32);
        count(keys, &mut counts, class_of);
        for count in counts {
            groups.push(room(count as usize)?);
        }
        append(keys, &mut groups, class_of);
        return Ok(groups);
    }
    let chunks = keys.len().div_ceil(CHUNK_ITEMS);
    let mut counts = room(chunks * classes)?;
    counts.resize(chunks * classes, 0u32);
    for (chunk, counts) in keys.chunks(CHUNK_ITEMS).zip(counts.chunks_mut(classes)) {
        count(chunk, counts, class_of);
    }
    for class in 0..classes {
        let of_chunks = counts.iter().skip(class).step_by(classes);
        groups.push(room(of_chunks.map(|count| *count as usize).sum())?);
    }
    let mut sorted = vec![0; CHUNK_ITEMS];
    let mut start = 0;
    for (chunk, places) in keys.chunks(CHUNK_ITEMS).zip(counts.chunks_mut(classes)) {
        let mut next = 0;
        for place in places.iter_mut() {
            next += std::mem::replace(place, next);
        }
        sort(chunk, places, &mut sorted, class_of);
        // Each place is now the end of its class.
        let mut from = 0;
        for (group, end) in groups.iter_mut().zip(places) {
            let to = *end as usize;
            let positions = sorted[from..to].iter();
            group.extend(positions.map(|at| (start + usize::from(*at)) as i64));
            from = to;
        }
        start += CHUNK_ITEMS;
    }
    Ok(groups)
}

#[inline(never)]
fn count<K: Copy>(keys: &[K], counts: &mut [u32], class_of: impl Fn(K) -> usize) {
    for key in keys {
        counts[class_of(*key)] += 1;
    }
}

#[inline(never)]
fn append<K: Copy>(keys: &[K], groups: &mut [Vec<i64>], class_of: impl Fn(K) -> usize) {
    for (at, key) in keys.iter().enumerate() {
        groups[class_of(*key)].push(at as i64);
    }
}

/// Writes the positions of a chunk to the next places of their classes.
#[inline(never)]
fn sort<K: Copy>(
    chunk: &[K],
    places: &mut [u32],
    sorted: &mut [u16],
    class_of: impl Fn(K) -> usize,
) {
    for (at, key) in chunk.iter().enumerate() {
        let place = &mut places[class_of(*key)];
        sorted[*place as usize] = at as u16;
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::positions_by_class;

    #[test]
    fn positions_go_to_their_classes() {
        for (items, classes) in [
            (200_000, 1),
            (200_000, 100),
            (150_000, 5000),
            (65_536, 4096),
            (9, 3),
        ] {
            let keys: Vec<usize> = (0..items).map(|x| x * x % 65_537 % classes).collect();
            let groups = positions_by_class(&keys, classes, |key| key).unwrap();
            assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), items);
            for (class, positions) in groups.iter().enumerate() {
                assert!(positions.is_sorted_by(|a, b| a < b));
                assert!(positions.iter().all(|at| keys[*at as usize] == class));
            }
        }
    }
}

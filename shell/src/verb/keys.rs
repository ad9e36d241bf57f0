//! Tables from keys to positions, for find, distinct and group.
//!
//! The items of a vector of one kind are turned into integer keys that are equal when the items
//! are. Keys of a small range index a table directly; others go through a hash table with open
//! addressing. General lists are hashed by value.

use super::scatter::{firsts_of_few, positions_by_class, positions_of_few};
use crate::error::Error;
use crate::pace;
use crate::value::{Value, check_items, check_lists, hash, matches, room};
use std::borrow::Cow;

/// Marks an empty slot; no list has so many items.
pub(super) const NONE: u32 = u32::MAX;

/// Ranges up to this are small for a list of any length.
const RANGE_ALWAYS: u64 = 1 << 16;

/// The key of a float: its bits, with one pattern for zero and one for the null.
fn float_key(x: f64) -> i64 {
    if x.is_nan() {
        f64::NAN.to_bits() as i64
    } else {
        (x + 0.0).to_bits() as i64
    }
}

/// The items of a typed vector as keys, which are equal exactly when the items match; nothing for
/// general lists.
pub(super) fn keys_of(list: &Value) -> Option<Cow<'_, [i64]>> {
    match list {
        Value::Ints(items) | Value::Temporals(_, items) => Some(Cow::Borrowed(items)),
        Value::Floats(items) => Some(Cow::Owned(items.iter().map(|x| float_key(*x)).collect())),
        Value::Chars(items) => Some(Cow::Owned(items.iter().map(|x| i64::from(*x)).collect())),
        Value::Symbols(items) => Some(Cow::Owned(
            items.iter().map(|x| i64::from(x.number())).collect(),
        )),
        _ => None,
    }
}

/// The least and the greatest key.
pub(super) fn range(keys: &[i64]) -> Option<(i64, i64)> {
    let first = *keys.first()?;
    Some(
        keys.iter()
            .fold((first, first), |(low, high), x| (low.min(*x), high.max(*x))),
    )
}

/// The least key and the number of slots of a direct table, if that is worth it.
fn direct(keys: &[i64]) -> Option<(i64, usize)> {
    let (low, high) = range(keys)?;
    let span = high.wrapping_sub(low) as u64;
    (span < RANGE_ALWAYS.max(2 * keys.len() as u64)).then(|| (low, span as usize + 1))
}

fn slot_of(hash: u64, mask: usize) -> usize {
    // The upper bits of the product are the well mixed ones.
    ((hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize) & mask
}

/// Twice as many slots as items, a power of two.
fn slots_for(items: usize) -> Result<Vec<u32>, Error> {
    let count = (items.max(4) * 2).next_power_of_two();
    let mut slots = room(count)?;
    slots.resize(count, NONE);
    Ok(slots)
}

/// Where each key occurs first.
pub(super) enum Index<'a> {
    /// By key.
    Direct { low: i64, slots: Vec<u32> },
    /// By hash of the key.
    Hashed {
        keys: Cow<'a, [i64]>,
        slots: Vec<u32>,
    },
}

impl<'a> Index<'a> {
    /// Builds the table.
    ///
    /// # Errors
    /// `limit` without memory.
    pub(super) fn new(keys: Cow<'a, [i64]>) -> Result<Index<'a>, Error> {
        if let Some((low, span)) = direct(&keys) {
            let mut slots = room(span)?;
            slots.resize(span, NONE);
            for (at, key) in keys.iter().enumerate().rev() {
                pace::at(at)?;
                slots[key.wrapping_sub(low) as usize] = at as u32;
            }
            return Ok(Index::Direct { low, slots });
        }
        let mut slots = slots_for(keys.len())?;
        let mask = slots.len() - 1;
        for (at, key) in keys.iter().enumerate() {
            pace::at(at)?;
            let mut slot = slot_of(*key as u64, mask);
            while slots[slot] != NONE && keys[slots[slot] as usize] != *key {
                slot = (slot + 1) & mask;
            }
            if slots[slot] == NONE {
                slots[slot] = at as u32;
            }
        }
        Ok(Index::Hashed { keys, slots })
    }

    /// The first position of a key.
    pub(super) fn get(&self, key: i64) -> Option<usize> {
        let at = match self {
            Index::Direct { low, slots } => {
                let offset = key.wrapping_sub(*low) as u64;
                // A key below the least one wraps to a large offset.
                if key < *low || offset >= slots.len() as u64 {
                    NONE
                } else {
                    slots[offset as usize]
                }
            }
            Index::Hashed { keys, slots } => {
                let mask = slots.len() - 1;
                let mut slot = slot_of(key as u64, mask);
                while slots[slot] != NONE && keys[slots[slot] as usize] != key {
                    slot = (slot + 1) & mask;
                }
                slots[slot]
            }
        };
        (at != NONE).then_some(at as usize)
    }
}

/// Where each item of a general list occurs first.
pub(super) struct ValueIndex<'a> {
    items: &'a [Value],
    slots: Vec<u32>,
}

impl<'a> ValueIndex<'a> {
    /// Builds the table.
    ///
    /// # Errors
    /// `limit` without memory.
    pub(super) fn new(items: &'a [Value]) -> Result<ValueIndex<'a>, Error> {
        let mut index = ValueIndex {
            items,
            slots: slots_for(items.len())?,
        };
        for (at, item) in items.iter().enumerate() {
            pace::at(at)?;
            let slot = index.slot(item);
            if index.slots[slot] == NONE {
                index.slots[slot] = at as u32;
            }
        }
        Ok(index)
    }

    /// The slot of an item: where it is, or where it would go.
    fn slot(&self, item: &Value) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = slot_of(hash(item), mask);
        while self.slots[slot] != NONE && !matches(&self.items[self.slots[slot] as usize], item) {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// The first position of an item.
    pub(super) fn get(&self, item: &Value) -> Option<usize> {
        let at = self.slots[self.slot(item)];
        (at != NONE).then_some(at as usize)
    }
}

/// The items of a list sorted into classes of equal ones, in order of first occurrence.
pub(super) struct Classes {
    /// The class of each item.
    pub(super) ids: Vec<u32>,
    /// The first position of each class.
    pub(super) firsts: Vec<u32>,
}

/// Sorts the items of any list into classes.
///
/// # Errors
/// `limit` without memory.
pub(super) fn classes(list: &Value) -> Result<Classes, Error> {
    let mut ids = room(list.len())?;
    let mut firsts = Vec::new();
    let Some(keys) = keys_of(list) else {
        classes_of_values(list, &mut ids, &mut firsts)?;
        return Ok(Classes { ids, firsts });
    };
    match direct(&keys) {
        Some((low, span)) => {
            let mut slots = room(span)?;
            slots.resize(span, NONE);
            for (at, key) in keys.iter().enumerate() {
                pace::at(at)?;
                let slot = &mut slots[key.wrapping_sub(low) as usize];
                if *slot == NONE {
                    *slot = firsts.len() as u32;
                    firsts.push(at as u32);
                }
                ids.push(*slot);
            }
        }
        None => {
            let mut slots = slots_for(keys.len())?;
            let mask = slots.len() - 1;
            for (at, key) in keys.iter().enumerate() {
                pace::at(at)?;
                let mut slot = slot_of(*key as u64, mask);
                while slots[slot] != NONE && keys[firsts[slots[slot] as usize] as usize] != *key {
                    slot = (slot + 1) & mask;
                }
                if slots[slot] == NONE {
                    slots[slot] = firsts.len() as u32;
                    firsts.push(at as u32);
                }
                ids.push(slots[slot]);
            }
        }
    }
    Ok(Classes { ids, firsts })
}

fn classes_of_values(list: &Value, ids: &mut Vec<u32>, firsts: &mut Vec<u32>) -> Result<(), Error> {
    let Value::List(items) = list else {
        return Ok(());
    };
    let index = ValueIndex::new(items)?;
    let mut class_at = room(items.len())?;
    class_at.resize(items.len(), NONE);
    for (at, item) in items.iter().enumerate() {
        pace::at(at)?;
        let first = index.get(item).unwrap_or(at);
        if class_at[first] == NONE {
            class_at[first] = firsts.len() as u32;
            firsts.push(at as u32);
        }
        ids.push(class_at[first]);
    }
    Ok(())
}

/// The items of a list sorted into classes, as the positions of each class.
pub(super) struct Groups {
    /// The first position of each class.
    pub(super) firsts: Vec<u32>,
    /// The positions of each class, ascending.
    pub(super) positions: Vec<Vec<i64>>,
}

/// Sorts the positions of any list's items into classes.
///
/// # Errors
/// `limit` without memory.
pub(super) fn groups(list: &Value) -> Result<Groups, Error> {
    check_items(list.len(), size_of::<i64>())?;
    if let Some(keys) = keys_of(list) {
        if let Some(positions) = positions_of_few(&keys, |key| key as u64)? {
            let firsts = positions.iter().map(|positions| positions[0] as u32);
            return Ok(Groups {
                firsts: firsts.collect(),
                positions,
            });
        }
        if let Some((low, span)) = direct(&keys) {
            return direct_groups(&keys, low, span);
        }
    }
    let Classes { ids, firsts } = classes(list)?;
    by_class(&ids, firsts, |id| id as usize)
}

/// Keys of a small range: their classes are looked up by the keys.
fn direct_groups(keys: &[i64], low: i64, span: usize) -> Result<Groups, Error> {
    let slot_of = |key: i64| key.wrapping_sub(low) as usize;
    let firsts = direct_firsts(keys, low, span)?;
    let mut classes = room(span)?;
    classes.resize(span, 0u32);
    for (class, at) in firsts.iter().enumerate() {
        classes[slot_of(keys[*at as usize])] = class as u32;
    }
    by_class(keys, firsts, |key| classes[slot_of(key)] as usize)
}

/// Items of known classes, which are numbered in order of their first items.
fn by_class<K: Copy>(
    items: &[K],
    firsts: Vec<u32>,
    class_of: impl Fn(K) -> usize + Copy,
) -> Result<Groups, Error> {
    check_lists(firsts.len())?;
    let positions = match positions_of_few(items, |item| class_of(item) as u64)? {
        Some(positions) => positions,
        None => positions_by_class(items, firsts.len(), class_of)?,
    };
    Ok(Groups { firsts, positions })
}

/// The first position of each class, without the class of each item.
///
/// # Errors
/// `limit` without memory.
pub(super) fn firsts(list: &Value) -> Result<Vec<u32>, Error> {
    let Some(keys) = keys_of(list) else {
        return classes(list).map(|classes| classes.firsts);
    };
    if let Some(firsts) = firsts_of_few(&keys, |key| key as u64)? {
        return Ok(firsts);
    }
    let Some((low, span)) = direct(&keys) else {
        return classes(list).map(|classes| classes.firsts);
    };
    direct_firsts(&keys, low, span)
}

fn direct_firsts(keys: &[i64], low: i64, span: usize) -> Result<Vec<u32>, Error> {
    let mut seen = room(span)?;
    seen.resize(span, false);
    let mut firsts = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        pace::at(at)?;
        let slot = &mut seen[key.wrapping_sub(low) as usize];
        if !*slot {
            *slot = true;
            firsts.push(at as u32);
            if firsts.len() == span {
                break;
            }
        }
    }
    Ok(firsts)
}

#[cfg(test)]
mod tests {
    use super::{Index, Value, classes, firsts, groups};
    use std::borrow::Cow;

    #[test]
    fn direct_and_hashed_tables_agree() {
        for step in [1i64, 1 << 40, -(1 << 40)] {
            let keys: Vec<i64> = (0..1000).map(|x| (x * 7 % 100) * step).collect();
            let index = Index::new(Cow::Borrowed(&keys)).unwrap();
            for x in 0..100 {
                let expected = keys.iter().position(|key| *key == x * step);
                assert_eq!(index.get(x * step), expected);
            }
            assert_eq!(index.get(step.wrapping_mul(100)), None);
            assert_eq!(index.get(i64::MIN), None);
            assert_eq!(index.get(i64::MAX), None);
            let list = Value::from_ints(keys);
            let found = classes(&list).unwrap();
            assert_eq!(found.firsts, (0..100).collect::<Vec<u32>>());
            assert_eq!(firsts(&list).unwrap(), found.firsts);
            assert_eq!(found.ids[105], found.ids[5]);
        }
    }

    #[test]
    fn groups_of_all_sizes() {
        for (items, classes) in [
            (200_000, 1),
            (200_000, 100),
            (150_000, 5000),
            (70_000, 60_000),
        ] {
            let keys: Vec<i64> = (0..items).map(|x| x * x % 65_537 % classes).collect();
            for scale in [1, 1 << 40] {
                let list = Value::from_ints(keys.iter().map(|key| key * scale).collect());
                let groups = groups(&list).unwrap();
                assert_eq!(groups.firsts, classes_of(&list));
                let mut seen = 0;
                for (first, positions) in groups.firsts.iter().zip(&groups.positions) {
                    let key = keys[*first as usize];
                    assert!(positions.is_sorted_by(|a, b| a < b));
                    assert!(positions.iter().all(|at| keys[*at as usize] == key));
                    seen += positions.len();
                }
                assert_eq!(seen, keys.len());
            }
        }
    }

    fn classes_of(list: &Value) -> Vec<u32> {
        classes(list).unwrap().firsts
    }

    #[test]
    fn extremes_do_not_overflow() {
        let list = Value::from_ints(vec![i64::MIN, i64::MAX, 0, i64::MAX]);
        assert_eq!(classes(&list).unwrap().ids, vec![0, 1, 2, 1]);
        assert_eq!(firsts(&Value::empty()).unwrap(), Vec::<u32>::new());
    }
}

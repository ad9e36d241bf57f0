//! A table whose keys carry generations: the one place where ids are made.
//!
//! A key is an index and a generation. When an entry is removed its place may be used again, under
//! the next generation, so a stale key finds nothing rather than somebody else's object. Tasks,
//! endpoints, parcels, timers and selectors all live in such tables.
//!
//! Invariants: a key that was removed never finds anything again; a place whose generations are
//! used up is never used again.

/// Index and generation of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// A key that no table has given out yet, or that was written down before.
    pub fn new(index: u32, generation: u32) -> Key {
        Key { index, generation }
    }

    /// The place in the table.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// How often this place had been used before.
    pub fn generation(self) -> u32 {
        self.generation
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    item: Option<T>,
}

/// Entries of one kind, found by [`Key`].
#[derive(Debug)]
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    count: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table::new()
    }
}

impl<T> Table<T> {
    /// An empty table.
    pub const fn new() -> Table<T> {
        Table {
            slots: Vec::new(),
            free: Vec::new(),
            count: 0,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The key that the next [`Table::insert`] will answer.
    pub fn next_key(&self) -> Key {
        match self.free.last() {
            Some(&index) => Key::new(index, self.slots[index as usize].generation),
            None => Key::new(self.slots.len() as u32, 0),
        }
    }

    /// Puts an entry in and answers its key.
    pub fn insert(&mut self, item: T) -> Key {
        self.count += 1;
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            slot.item = Some(item);
            return Key::new(index, slot.generation);
        }
        let key = Key::new(self.slots.len() as u32, 0);
        self.slots.push(Slot {
            generation: 0,
            item: Some(item),
        });
        key
    }

    /// The entry, unless the key is stale.
    #[inline]
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.slots.get(key.index()) {
            Some(slot) if slot.generation == key.generation => slot.item.as_ref(),
            _ => None,
        }
    }

    /// The entry to be changed, unless the key is stale.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.slots.get_mut(key.index()) {
            Some(slot) if slot.generation == key.generation => slot.item.as_mut(),
            _ => None,
        }
    }

    /// Takes the entry out, unless the key is stale. The key is stale from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index())?;
        if slot.generation != key.generation {
            return None;
        }
        let item = slot.item.take()?;
        self.count -= 1;
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.free.push(key.index);
        }
        Some(item)
    }

    /// The key of the entry in this place, if there is one.
    pub fn key_at(&self, index: usize) -> Option<Key> {
        let slot = self.slots.get(index)?;
        let taken = slot.item.is_some();
        taken.then(|| Key::new(index as u32, slot.generation))
    }

    /// All entries, by rising index.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let item = slot.item.as_ref()?;
            Some((Key::new(index as u32, slot.generation), item))
        })
    }

    /// All entries to be changed, by rising index.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        self.slots
            .iter_mut()
            .enumerate()
            .filter_map(|(index, slot)| {
                let item = slot.item.as_mut()?;
                Some((Key::new(index as u32, slot.generation), item))
            })
    }

    /// All keys, by rising index.
    pub fn keys(&self) -> Vec<Key> {
        self.iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Table};
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use std::collections::HashMap;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut table = Table::new();
        let first = table.insert("first");
        assert_eq!(table.remove(first), Some("first"));
        let second = table.insert("second");
        assert_eq!(first.index(), second.index());
        assert_eq!((table.key_at(0), table.key_at(1)), (Some(second), None));
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&"second"));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn the_next_key_is_foretold() {
        let mut table = Table::new();
        for _ in 0..3 {
            let next = table.next_key();
            assert_eq!(table.insert(()), next);
        }
        table.remove(Key::new(1, 0));
        let next = table.next_key();
        assert_eq!((table.insert(()), next), (Key::new(1, 1), Key::new(1, 1)));
    }

    #[test]
    fn a_place_whose_generations_are_used_up_is_retired() {
        let mut table = Table::new();
        let key = table.insert(1);
        table.slots[0].generation = u32::MAX;
        assert_eq!(table.get(key), None);
        assert_eq!(table.remove(Key::new(0, u32::MAX)), Some(1));
        assert_eq!(table.insert(2), Key::new(1, 0));
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(operations in proptest::collection::vec(any::<(bool, u8)>(), 0..200)) {
            let mut table = Table::new();
            let mut model = HashMap::new();
            let mut keys = Vec::new();
            for (insert, number) in operations {
                if insert || keys.is_empty() {
                    let key = table.insert(number);
                    prop_assert_eq!(model.insert(key, number), None);
                    keys.push(key);
                } else {
                    let key = keys[number as usize % keys.len()];
                    prop_assert_eq!(table.remove(key), model.remove(&key));
                }
                prop_assert_eq!(table.len(), model.len());
                for key in &keys {
                    prop_assert_eq!(table.get(*key), model.get(key));
                }
            }
        }
    }
}

//! How often each word of at most sixteen bytes occurred: open addressing, the words in the slots.
//!
//! A slot holds word and count side by side, so that a word costs one look at memory, and no slot
//! points to anything. Invariant: between a word's first choice of slot and its slot there is no free one.

use crate::key::Key;
use crate::partition::Partition;

/// Slots of a table at its beginning.
const SLOTS_MIN: usize = 1 << 12;

/// The table is doubled when so many of so many slots are taken.
const LOAD: (usize, usize) = (3, 4);

/// There is no memory for another word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    word: Key,
    /// 0: the slot is free.
    count: u64,
}

/// Counts of short words.
#[derive(Debug)]
pub struct ShortTable {
    slots: Vec<Slot>,
    words: usize,
    slots_max: usize,
}

impl ShortTable {
    /// An empty table that grows to at most `slots_max` slots, rounded up to a power of two.
    pub fn new(slots_max: usize) -> ShortTable {
        ShortTable {
            slots: vec![Slot::default(); SLOTS_MIN],
            words: 0,
            slots_max: slots_max.next_power_of_two().max(SLOTS_MIN),
        }
    }

    /// How far a hash is shifted to be a slot's number.
    #[inline]
    fn shift(&self) -> u32 {
        64 - self.slots.len().trailing_zeros()
    }

    /// Counts one more of a word.
    ///
    /// # Errors
    /// The word is new and there is no memory for it: nothing was counted.
    #[inline]
    pub fn count(&mut self, word: Key, hash: u64) -> Result<(), Full> {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> self.shift()) as usize;
        loop {
            let slot = &mut self.slots[at & mask];
            if slot.word == word {
                slot.count += 1;
                return Ok(());
            }
            if slot.count == 0 {
                return self.insert(word, hash, at & mask);
            }
            at += 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn insert(&mut self, word: Key, hash: u64, mut at: usize) -> Result<(), Full> {
        if (self.words + 1) * LOAD.1 > self.slots.len() * LOAD.0 {
            self.grow()?;
            at = self.free_slot(hash);
        }
        self.slots[at] = Slot { word, count: 1 };
        self.words += 1;
        Ok(())
    }

    /// The first free slot for a word with this hash.
    fn free_slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> self.shift()) as usize;
        while self.slots[at & mask].count != 0 {
            at += 1;
        }
        at & mask
    }

    fn grow(&mut self) -> Result<(), Full> {
        let slots = self.slots.len() * 2;
        if slots > self.slots_max {
            return Err(Full);
        }
        let mut larger = Vec::new();
        larger.try_reserve_exact(slots).map_err(|_| Full)?;
        larger.resize(slots, Slot::default());
        for slot in core::mem::replace(&mut self.slots, larger) {
            if slot.count != 0 {
                let at = self.free_slot(slot.word.hash());
                self.slots[at] = slot;
            }
        }
        Ok(())
    }

    /// Forgets the words that are not of `partition`.
    pub fn retain(&mut self, partition: Partition) {
        for at in 0..self.slots.len() {
            // Removing may move another word to this slot.
            while self.slots[at].count != 0 && !partition.has(self.slots[at].word.hash()) {
                self.remove(at);
            }
        }
    }

    /// Frees a slot, and moves those after it that would no longer be found.
    fn remove(&mut self, mut hole: usize) {
        let mask = self.slots.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            if self.slots[at].count == 0 {
                break;
            }
            let first_choice = (self.slots[at].word.hash() >> self.shift()) as usize;
            if at.wrapping_sub(first_choice) & mask >= at.wrapping_sub(hole) & mask {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
        }
        self.slots[hole] = Slot::default();
        self.words -= 1;
    }

    /// Forgets all words, and keeps the memory.
    pub fn clear(&mut self) {
        self.slots.fill(Slot::default());
        self.words = 0;
    }

    /// How many different words there are.
    pub fn words(&self) -> usize {
        self.words
    }

    /// The numbers of the slots that are taken.
    pub fn taken(&self) -> impl Iterator<Item = usize> {
        let taken = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.count != 0);
        taken.map(|(index, _)| index)
    }

    /// The word in a slot and its count.
    pub fn get(&self, slot: usize) -> (Key, u64) {
        let slot = &self.slots[slot];
        (slot.word, slot.count)
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, ShortTable};
    use crate::key::Key;
    use crate::partition::Partition;
    use std::collections::HashMap;

    fn key(number: usize) -> Key {
        Key::of_slice(format!("n{number}").as_bytes())
    }

    fn contents(table: &ShortTable) -> HashMap<[u8; 16], u64> {
        let all = table.taken().map(|slot| table.get(slot));
        all.map(|(word, count)| (word.to_bytes(), count)).collect()
    }

    #[test]
    fn grows_until_it_is_full() {
        let mut table = ShortTable::new(1 << 14);
        let mut words = 0;
        while table.count(key(words), key(words).hash()).is_ok() {
            words += 1;
        }
        assert_eq!(words, (1 << 14) / 4 * 3);
        assert_eq!(table.words(), words);
        for number in 0..words {
            assert_eq!(table.count(key(number), key(number).hash()), Ok(()));
        }
        assert_eq!(table.count(key(words), key(words).hash()), Err(Full));
        assert!(contents(&table).values().all(|count| *count == 2));
        table.clear();
        assert_eq!((table.words(), table.taken().count()), (0, 0));
    }

    #[test]
    fn a_half_is_forgotten_and_the_other_found() {
        let mut table = ShortTable::new(1 << 12);
        let mut model = HashMap::new();
        for number in 0..3000 {
            table.count(key(number), key(number).hash()).unwrap();
            model.insert(key(number).to_bytes(), 1);
        }
        let mut part = Partition::ALL;
        while let Some((lower, upper)) = part.halves() {
            part = if model.len() % 2 == 0 { lower } else { upper };
            table.retain(part);
            model.retain(|word, _| part.has(Key::of_slice(trim(word)).hash()));
            assert_eq!(contents(&table), model);
            for (word, count) in &mut model {
                let word = Key::of_slice(trim(word));
                table.count(word, word.hash()).unwrap();
                *count += 1;
            }
            assert_eq!(contents(&table), model);
        }
    }

    fn trim(word: &[u8; 16]) -> &[u8] {
        &word[..word.iter().position(|byte| *byte == 0).unwrap_or(16)]
    }
}

//! How often each longer word occurred: the words one after another in one buffer, and an index.
//!
//! Words of more than sixteen bytes are rare in texts, so here memory counts more than time: a word takes
//! its own bytes, an entry, and a place in the index. Invariant: entries lie in the order of their words
//! in the buffer.

use crate::partition::Partition;
use crate::short::Full;

/// Places of the index at its beginning.
const INDEX_MIN: usize = 1 << 8;

/// The index is doubled when it is so full.
const LOAD: (usize, usize) = (3, 4);

/// What an entry takes beside its word, with its place in the index, in bytes.
const ENTRY_BYTES: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    count: u64,
    start: u32,
    bytes: u32,
}

/// Counts of long words.
#[derive(Debug)]
pub struct LongTable {
    words: Vec<u8>,
    entries: Vec<Entry>,
    /// Number of an entry plus one; 0: free.
    index: Vec<u32>,
    bytes_max: usize,
}

impl LongTable {
    /// An empty table that takes about `bytes_max` bytes, at most 4 GiB.
    pub fn new(bytes_max: usize) -> LongTable {
        LongTable {
            words: Vec::new(),
            entries: Vec::new(),
            index: vec![0; INDEX_MIN],
            bytes_max: bytes_max.min(u32::MAX as usize),
        }
    }

    fn bytes_of(&self, entry: &Entry) -> &[u8] {
        &self.words[entry.start as usize..][..entry.bytes as usize]
    }

    fn first_choice(&self, hash: u64) -> usize {
        (hash >> (64 - self.index.len().trailing_zeros())) as usize
    }

    /// Counts one more of a word, which is folded to lower case; `hash` is [`crate::key::hash_long`] of it.
    ///
    /// # Errors
    /// The word is new and there is no memory for it: nothing was counted.
    pub fn count(&mut self, word: &[u8], hash: u64) -> Result<(), Full> {
        let mask = self.index.len() - 1;
        let mut at = self.first_choice(hash);
        while let Some(number) = (self.index[at & mask] as usize).checked_sub(1) {
            let entry = self.entries[number];
            if entry.hash == hash && self.bytes_of(&entry) == word {
                self.entries[number].count += 1;
                return Ok(());
            }
            at += 1;
        }
        self.insert(word, hash)
    }

    fn insert(&mut self, word: &[u8], hash: u64) -> Result<(), Full> {
        let taken = self.words.len() + self.entries.len() * ENTRY_BYTES;
        if taken + word.len() + ENTRY_BYTES > self.bytes_max {
            return Err(Full);
        }
        if (self.entries.len() + 1) * LOAD.1 > self.index.len() * LOAD.0 {
            self.reindex(self.index.len() * 2)?;
        }
        self.words.try_reserve(word.len()).map_err(|_| Full)?;
        self.entries.try_reserve(1).map_err(|_| Full)?;
        self.entries.push(Entry {
            hash,
            count: 1,
            start: self.words.len() as u32,
            bytes: word.len() as u32,
        });
        self.words.extend_from_slice(word);
        self.place(self.entries.len() - 1);
        Ok(())
    }

    /// Makes the index anew with so many places.
    fn reindex(&mut self, places: usize) -> Result<(), Full> {
        if places > self.index.len() {
            let more = places - self.index.len();
            self.index.try_reserve_exact(more).map_err(|_| Full)?;
        }
        self.index.clear();
        self.index.resize(places, 0);
        (0..self.entries.len()).for_each(|number| self.place(number));
        Ok(())
    }

    fn place(&mut self, number: usize) {
        let mask = self.index.len() - 1;
        let mut at = self.first_choice(self.entries[number].hash);
        while self.index[at & mask] != 0 {
            at += 1;
        }
        self.index[at & mask] = number as u32 + 1;
    }

    /// Forgets the words that are not of `partition`.
    pub fn retain(&mut self, partition: Partition) {
        let mut end = 0;
        let words = &mut self.words;
        self.entries.retain_mut(|entry| {
            let keep = partition.has(entry.hash);
            if keep {
                let start = entry.start as usize;
                words.copy_within(start..start + entry.bytes as usize, end);
                entry.start = end as u32;
                end += entry.bytes as usize;
            }
            keep
        });
        self.words.truncate(end);
        self.index.fill(0);
        (0..self.entries.len()).for_each(|number| self.place(number));
    }

    /// Forgets all words, and keeps the memory.
    pub fn clear(&mut self) {
        self.words.clear();
        self.entries.clear();
        self.index.fill(0);
    }

    /// How many different words there are.
    pub fn words(&self) -> usize {
        self.entries.len()
    }

    /// The word with this number and its count.
    pub fn get(&self, number: usize) -> (&[u8], u64) {
        let entry = &self.entries[number];
        (self.bytes_of(entry), entry.count)
    }
}

#[cfg(test)]
mod tests {
    use super::LongTable;
    use crate::key::hash_long as hash;
    use crate::partition::Partition;
    use crate::short::Full;
    use std::collections::HashMap;

    fn word(number: usize) -> Vec<u8> {
        let mut word = format!("a rather long word {number}").into_bytes();
        word.extend(std::iter::repeat_n(b'x', number % 50));
        word
    }

    fn contents(table: &LongTable) -> HashMap<Vec<u8>, u64> {
        let all = (0..table.words()).map(|number| table.get(number));
        all.map(|(word, count)| (word.to_vec(), count)).collect()
    }

    #[test]
    fn counts_forgets_and_goes_on() {
        let mut table = LongTable::new(1 << 20);
        let mut model: HashMap<Vec<u8>, u64> = HashMap::new();
        for number in 0..9000 {
            let word = word(number % 3000);
            table.count(&word, hash(&word)).unwrap();
            *model.entry(word).or_default() += 1;
        }
        assert_eq!(contents(&table), model);
        let (_, upper) = Partition::ALL.halves().unwrap();
        table.retain(upper);
        model.retain(|word, _| upper.has(hash(word)));
        assert!((1000..2000).contains(&model.len()));
        assert_eq!(contents(&table), model);
        for (word, count) in &mut model {
            table.count(word, hash(word)).unwrap();
            *count += 1;
        }
        assert_eq!(contents(&table), model);
        table.clear();
        assert_eq!(table.words(), 0);
    }

    #[test]
    fn full_is_told_and_changes_nothing() {
        let mut table = LongTable::new(10_000);
        let mut words = 0;
        while table.count(&word(words), hash(&word(words))) == Ok(()) {
            words += 1;
        }
        assert_eq!(table.count(&word(words), hash(&word(words))), Err(Full));
        assert_eq!(table.words(), words);
        assert_eq!(table.count(&word(0), hash(&word(0))), Ok(()));
    }
}

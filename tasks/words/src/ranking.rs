//! Which words are the commonest: by count, the largest first, then by their bytes.
//!
//! [`Ranking`] puts the words of one pass in order where they lie in the tables. When the words took several
//! passes, [`Best`] keeps the commonest of all passes so far.

use crate::key::{KEY_BYTES, Key};
use crate::long::LongTable;
use crate::short::ShortTable;
use core::cmp::Ordering;

/// This bit of a reference says that it is the number of a long word, not of a slot.
const LONG: u32 = 1 << 31;

/// Memory that the commonest words of several passes may take, in bytes.
pub const BEST_BYTES_MAX: usize = 16 << 20;

/// What a kept word takes beside its bytes, about.
const BEST_ENTRY_BYTES: usize = 32;

/// A word where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// How often it occurs.
    pub count: u64,
    head: Key,
    tail: &'a [u8],
    length: usize,
}

impl<'a> Counted<'a> {
    fn new(word: &'a [u8], count: u64) -> Counted<'a> {
        Counted {
            count,
            head: Key::of_slice(word),
            tail: word.get(KEY_BYTES..).unwrap_or(&[]),
            length: word.len(),
        }
    }

    fn short(word: Key, count: u64) -> Counted<'a> {
        Counted {
            count,
            head: word,
            tail: &[],
            length: word.length(),
        }
    }

    /// The word.
    pub fn word(&self) -> Vec<u8> {
        let mut word = Vec::with_capacity(self.length);
        word.extend_from_slice(&self.head.to_bytes()[..self.length.min(KEY_BYTES)]);
        word.extend_from_slice(self.tail);
        word
    }

    /// The commoner first, then the smaller.
    fn order(&self, other: &Counted<'_>) -> Ordering {
        let count = other.count.cmp(&self.count);
        let head = || self.head.order(other.head);
        count
            .then_with(head)
            .then_with(|| self.tail.cmp(other.tail))
    }
}

/// The commonest words of one pass.
pub struct Ranking<'a> {
    short: &'a ShortTable,
    long: &'a LongTable,
    refs: Vec<u32>,
}

impl<'a> Ranking<'a> {
    /// Puts at most `most` words in order.
    pub fn new(short: &'a ShortTable, long: &'a LongTable, most: usize) -> Ranking<'a> {
        let mut refs = Vec::with_capacity(short.words() + long.words());
        refs.extend(short.taken().map(|slot| slot as u32));
        refs.extend((0..long.words()).map(|number| number as u32 | LONG));
        let order = |a: &u32, b: &u32| find(short, long, *a).order(&find(short, long, *b));
        if most < refs.len() {
            refs.select_nth_unstable_by(most, order);
            refs.truncate(most);
        }
        refs.sort_unstable_by(order);
        Ranking { short, long, refs }
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// The word of this rank, from 0.
    pub fn get(&self, rank: usize) -> Option<Counted<'a>> {
        let reference = self.refs.get(rank)?;
        Some(find(self.short, self.long, *reference))
    }
}

fn find<'a>(short: &'a ShortTable, long: &'a LongTable, reference: u32) -> Counted<'a> {
    if reference & LONG == 0 {
        let (word, count) = short.get(reference as usize);
        Counted::short(word, count)
    } else {
        let (word, count) = long.get((reference & !LONG) as usize);
        Counted::new(word, count)
    }
}

/// The commonest words of several passes do not fit into memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

/// The commonest words of all passes so far.
#[derive(Debug)]
pub struct Best {
    words: Vec<(u64, Box<[u8]>)>,
    most: usize,
}

impl Best {
    /// Nothing yet; at most `most` words.
    pub fn new(most: usize) -> Best {
        Best {
            words: Vec::new(),
            most,
        }
    }

    /// Adds the words of a pass.
    ///
    /// # Errors
    /// They would take more than [`BEST_BYTES_MAX`].
    pub fn merge(&mut self, ranking: &Ranking<'_>) -> Result<(), TooMany> {
        let mut bytes = 0;
        let mut merged = Vec::new();
        let mut old = core::mem::take(&mut self.words).into_iter().peekable();
        let mut rank = 0;
        while merged.len() < self.most {
            let new = ranking.get(rank);
            let old_first = match (old.peek(), &new) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((count, word)), Some(new)) => Counted::new(word, *count).order(new).is_lt(),
            };
            let next = match (old_first, new) {
                (false, Some(new)) => {
                    rank += 1;
                    Some((new.count, new.word().into_boxed_slice()))
                }
                _ => old.next(),
            };
            let Some(next) = next else { break };
            bytes += next.1.len() + BEST_ENTRY_BYTES;
            if bytes > BEST_BYTES_MAX {
                return Err(TooMany);
            }
            merged.push(next);
        }
        self.words = merged;
        Ok(())
    }

    /// The words in order, with their counts.
    pub fn words(&self) -> &[(u64, Box<[u8]>)] {
        &self.words
    }
}

//! From batches of bytes to words: maximal runs of letters and digits, wherever batches begin and end.
//!
//! A batch is read where it lies in the ring. Words within it are handed on without a copy; what a batch
//! leaves unfinished is carried over to the next. A word that grows beyond [`CARRY_BYTES_MAX`] is
//! handed on in pieces, so that memory is bounded however long a word is.

use crate::key::{KEY_BYTES, Key};
use crate::mask::{BLOCK_BYTES, leading_word_bytes, word_mask};

/// The longest word that is handed on as a whole, in bytes. One that is longer is a giant.
pub const CARRY_BYTES_MAX: usize = 1 << 20;

/// What words are handed to.
pub trait Words {
    /// A word of at most sixteen bytes.
    fn short(&mut self, word: Key);

    /// A longer word of at most [`CARRY_BYTES_MAX`] bytes, not folded.
    fn long(&mut self, word: &[u8]);

    /// The next piece of a giant, not folded.
    fn giant_piece(&mut self, piece: &[u8]);

    /// The giant is complete: it begins at `offset` of the stream.
    fn giant_end(&mut self, offset: u64, bytes: u64);
}

/// Splits a stream into words.
#[derive(Debug, Default)]
pub struct Scan {
    /// The beginning of a word that reaches over the end of the last batch.
    carry: Vec<u8>,
    /// Bytes of an unfinished giant that were handed on.
    giant_bytes: u64,
    /// Bytes of the stream before the next batch.
    offset: u64,
}

impl Scan {
    /// Begins a stream anew.
    pub fn restart(&mut self) {
        self.carry.clear();
        self.giant_bytes = 0;
        self.offset = 0;
    }

    /// Hands on the words that end within the next batch.
    pub fn feed(&mut self, batch: &[u8], words: &mut impl Words) {
        let mut at = 0;
        if self.is_within_word() {
            at = leading_word_bytes(batch);
            self.carry_over(&batch[..at], words);
            if at < batch.len() {
                self.end_word(at, words);
            }
        }
        if at < batch.len() {
            let open = whole_words(batch, at, |start, end| {
                if end - start <= KEY_BYTES {
                    words.short(key_at(batch, start, end - start));
                } else if end - start <= CARRY_BYTES_MAX {
                    words.long(&batch[start..end]);
                } else {
                    words.giant_piece(&batch[start..end]);
                    words.giant_end(self.offset + start as u64, (end - start) as u64);
                }
            });
            self.carry_over(&batch[open..], words);
        }
        self.offset += batch.len() as u64;
    }

    /// The stream has ended.
    pub fn finish(&mut self, words: &mut impl Words) {
        if self.is_within_word() {
            self.end_word(0, words);
        }
    }

    fn is_within_word(&self) -> bool {
        !self.carry.is_empty() || self.giant_bytes > 0
    }

    fn carry_over(&mut self, bytes: &[u8], words: &mut impl Words) {
        if self.giant_bytes == 0 && self.carry.len() + bytes.len() <= CARRY_BYTES_MAX {
            self.carry.extend_from_slice(bytes);
            return;
        }
        if self.giant_bytes == 0 {
            words.giant_piece(&self.carry);
            self.giant_bytes = self.carry.len() as u64;
            self.carry.clear();
        }
        words.giant_piece(bytes);
        self.giant_bytes += bytes.len() as u64;
    }

    /// The word that was carried over has ended after `at` bytes of the batch.
    fn end_word(&mut self, at: usize, words: &mut impl Words) {
        if self.giant_bytes > 0 {
            let end = self.offset + at as u64;
            words.giant_end(end - self.giant_bytes, self.giant_bytes);
            self.giant_bytes = 0;
        } else if self.carry.len() <= KEY_BYTES {
            words.short(Key::of_slice(&self.carry));
        } else {
            words.long(&self.carry);
        }
        self.carry.clear();
    }
}

/// Calls `word` with start and end of each word of the batch that begins at `from` or later and ends within the
/// batch. Answers where the word begins that does not end (the batch's length: there is none).
#[inline]
fn whole_words(batch: &[u8], from: usize, mut word: impl FnMut(usize, usize)) -> usize {
    let (blocks, rest) = batch[from..].as_chunks::<BLOCK_BYTES>();
    let mut start = None;
    for (index, block) in blocks.iter().enumerate() {
        start = block_words(
            word_mask(block),
            from + index * BLOCK_BYTES,
            start,
            &mut word,
        );
    }
    if !rest.is_empty() {
        let mut block = [0; BLOCK_BYTES];
        block[..rest.len()].copy_from_slice(rest);
        // What lies behind the rest is not of a word: it would end a word that goes on.
        let mask = word_mask(&block) | u64::MAX << rest.len();
        start = block_words(mask, batch.len() - rest.len(), start, &mut word);
    }
    start.map_or(batch.len(), |start| start.min(batch.len()))
}

/// The words that end within one block at `at`. `start` is where an unfinished word began; so is the answer.
#[inline]
fn block_words(
    mask: u64,
    at: usize,
    start: Option<usize>,
    word: &mut impl FnMut(usize, usize),
) -> Option<usize> {
    // A bit is set where a word begins and where one ends.
    let mut edges = mask ^ (mask << 1 | u64::from(start.is_some()));
    let mut next = || {
        let edge = (edges != 0).then(|| at + edges.trailing_zeros() as usize);
        edges &= edges.wrapping_sub(1);
        edge
    };
    if let Some(start) = start {
        let Some(end) = next() else {
            return Some(start);
        };
        word(start, end);
    }
    loop {
        let start = next()?;
        let Some(end) = next() else {
            return Some(start);
        };
        word(start, end);
    }
}

#[inline]
fn key_at(batch: &[u8], start: usize, length: usize) -> Key {
    match batch[start..].first_chunk::<KEY_BYTES>() {
        Some(bytes) => Key::of_word(bytes, length),
        None => Key::of_slice(&batch[start..start + length]),
    }
}

//! Writing tokens.

use super::{
    CHAR, CHARS, DICT, ERROR, FLOAT, FLOATS, FUNCTION, INT, INTS, LIST, MOMENT, MOMENTS, Moment,
    NIL, SYMBOL, SYMBOLS, TABLE, TOKEN_BYTES,
};
use alloc::vec::Vec;

/// Writes tokens to a growing buffer.
#[derive(Default, Debug, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// What was written: a multiple of eight bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn token(&mut self, kind: u8, count: usize) {
        debug_assert!(
            count <= u32::MAX as usize,
            "a value has at most 2^32-1 items"
        );
        self.bytes
            .extend_from_slice(&(u64::from(kind) | (count as u64) << 32).to_le_bytes());
    }

    fn pad(&mut self) {
        let padded = self.bytes.len().next_multiple_of(TOKEN_BYTES);
        self.bytes.resize(padded, 0);
    }

    /// Words one after the other, in a loop that the compiler turns into a copy.
    fn words(&mut self, words: impl ExactSizeIterator<Item = [u8; 8]>) {
        let start = self.bytes.len();
        self.bytes.resize(start + words.len() * 8, 0);
        for (place, word) in self.bytes[start..].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word);
        }
    }

    fn text(&mut self, kind: u8, bytes: &[u8]) {
        self.token(kind, bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    /// Nil.
    pub fn nil(&mut self) {
        self.token(NIL, 0);
    }

    /// An integer; `i64::MIN` is the null.
    pub fn int(&mut self, value: i64) {
        self.token(INT, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A floating-point number.
    pub fn float(&mut self, value: f64) {
        self.token(FLOAT, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A date, a timestamp or a span; `i64::MIN` is the null.
    pub fn moment(&mut self, moment: Moment, count: i64) {
        self.token(MOMENT + moment.number(), 1);
        self.bytes.extend_from_slice(&count.to_le_bytes());
    }

    /// A vector of dates, timestamps or spans.
    pub fn moments(&mut self, moment: Moment, items: &[i64]) {
        self.items(MOMENTS + moment.number(), items);
    }

    /// One byte of text.
    pub fn char(&mut self, value: u8) {
        self.token(CHAR, usize::from(value));
    }

    /// A symbol.
    pub fn symbol(&mut self, name: &str) {
        self.text(SYMBOL, name.as_bytes());
    }

    /// A vector of integers.
    pub fn ints(&mut self, items: &[i64]) {
        self.items(INTS, items);
    }

    fn items(&mut self, kind: u8, items: &[i64]) {
        self.token(kind, items.len());
        self.words(items.iter().map(|item| item.to_le_bytes()));
    }

    /// A vector of floating-point numbers.
    pub fn floats(&mut self, items: &[f64]) {
        self.token(FLOATS, items.len());
        self.words(items.iter().map(|item| item.to_le_bytes()));
    }

    /// A string of bytes.
    pub fn chars(&mut self, text: &[u8]) {
        self.text(CHARS, text);
    }

    /// A vector of symbols.
    pub fn symbols<'a>(&mut self, names: impl ExactSizeIterator<Item = &'a str>) {
        self.token(SYMBOLS, names.len());
        let length_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        for name in names {
            self.bytes
                .extend_from_slice(&(name.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(name.as_bytes());
        }
        self.pad();
        let length = (self.bytes.len() - length_at - 8) as u64;
        self.bytes[length_at..length_at + 8].copy_from_slice(&length.to_le_bytes());
    }

    /// The head of a list: `items` values must follow.
    pub fn list(&mut self, items: usize) {
        self.token(LIST, items);
    }

    /// The head of a dictionary: its keys and its values must follow.
    pub fn dict(&mut self) {
        self.token(DICT, 2);
    }

    /// The head of a table: its column names and its columns must follow.
    pub fn table(&mut self) {
        self.token(TABLE, 2);
    }

    /// A function, as its source.
    pub fn function(&mut self, source: &str) {
        self.text(FUNCTION, source.as_bytes());
    }

    /// An error: `class: text`.
    pub fn error(&mut self, text: &str) {
        self.text(ERROR, text.as_bytes());
    }
}

//! The encoding of values: how tasks, O programs and the kernel hand each other numbers, text,
//! vectors and structures.
//!
//! A value is one or more *tokens*. A token is a header of eight bytes (kind, count), then a payload
//! padded to a multiple of eight, so that in an aligned buffer every vector of numbers is aligned.
//! A list says how many values follow it; so nesting needs no recursion to write, read or skip.
//!
//! | kind | count | payload |
//! |---|---|---|
//! | Nil 0 | 0 | none |
//! | Int 1, Float 2 | 1 | eight bytes |
//! | Char 3 | the byte | none |
//! | Symbol 4, Chars 7, Function 12, Error 13 | bytes | the bytes, padded |
//! | Ints 5, Floats 6 | items | eight bytes each |
//! | Symbols 8 | items | length of the rest in bytes (u64), then per item u32 length and its bytes, all padded |
//! | List 9 | items | none; the items follow as values |
//! | Dict 10, Table 11 | 2 | none; keys (column names), then values (columns) follow |
//!
//! Everything is little-endian. The integer null is `i64::MIN`.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// The deepest nesting that [`Value::decode`] accepts. Tokens themselves have no such limit.
pub const VALUE_DEPTH_MAX: usize = 256;

const NIL: u8 = 0;
const INT: u8 = 1;
const FLOAT: u8 = 2;
const CHAR: u8 = 3;
const SYMBOL: u8 = 4;
const INTS: u8 = 5;
const FLOATS: u8 = 6;
const CHARS: u8 = 7;
const SYMBOLS: u8 = 8;
const LIST: u8 = 9;
const DICT: u8 = 10;
const TABLE: u8 = 11;
const FUNCTION: u8 = 12;
const ERROR: u8 = 13;

const TOKEN_BYTES: usize = 8;

/// Why bytes are not a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The bytes end inside of a token, `at` bytes from the start.
    Short {
        /// Offset of the token in bytes.
        at: usize,
    },
    /// A token of an unknown kind, `at` bytes from the start.
    Kind {
        /// Offset of the token in bytes.
        at: usize,
        /// The unknown number.
        kind: u8,
    },
    /// Text that is not UTF-8 where it must be (symbols, functions, errors).
    Text {
        /// Offset of the token in bytes.
        at: usize,
    },
    /// Nested more than [`VALUE_DEPTH_MAX`] deep.
    Deep,
    /// Bytes are left over after the value.
    Trailing {
        /// Offset of the first byte too many.
        at: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Short { at } => {
                write!(f, "the value ends inside of the token at byte {at}")
            }
            DecodeError::Kind { at, kind } => write!(f, "unknown kind {kind} at byte {at}"),
            DecodeError::Text { at } => write!(f, "the text at byte {at} is not UTF-8"),
            DecodeError::Deep => write!(f, "nested more than {VALUE_DEPTH_MAX} deep"),
            DecodeError::Trailing { at } => write!(f, "more bytes after the value, from byte {at}"),
        }
    }
}

impl core::error::Error for DecodeError {}

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
        self.token(INTS, items.len());
        self.bytes.reserve(items.len() * 8);
        for item in items {
            self.bytes.extend_from_slice(&item.to_le_bytes());
        }
    }

    /// A vector of floating-point numbers.
    pub fn floats(&mut self, items: &[f64]) {
        self.token(FLOATS, items.len());
        self.bytes.reserve(items.len() * 8);
        for item in items {
            self.bytes.extend_from_slice(&item.to_le_bytes());
        }
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

/// One token, borrowed from the bytes it was read from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Token<'a> {
    /// Nil.
    Nil,
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// One byte of text.
    Char(u8),
    /// A symbol.
    Symbol(&'a str),
    /// A vector of integers: eight little-endian bytes each.
    Ints(&'a [u8]),
    /// A vector of floating-point numbers: eight little-endian bytes each.
    Floats(&'a [u8]),
    /// A string of bytes.
    Chars(&'a [u8]),
    /// A vector of symbols.
    Symbols(SymbolItems<'a>),
    /// So many values follow.
    List(usize),
    /// Keys and values follow.
    Dict,
    /// Column names and columns follow.
    Table,
    /// The source of a function.
    Function(&'a str),
    /// An error, `class: text`.
    Error(&'a str),
}

impl Token<'_> {
    /// How many values follow that belong to this one.
    pub fn children(&self) -> usize {
        match self {
            Token::List(items) => *items,
            Token::Dict | Token::Table => 2,
            _ => 0,
        }
    }
}

/// The items of a vector of symbols, checked when the token was read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SymbolItems<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for SymbolItems<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.left == 0 {
            return None;
        }
        let (length, rest) = self.bytes.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let name = rest.get(..length)?;
        self.bytes = rest.get(length..)?;
        self.left -= 1;
        core::str::from_utf8(name).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for SymbolItems<'_> {}

/// Reads tokens one after another. Never panics, whatever the bytes are.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// Offset of the next token in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether all bytes were read.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, bytes: usize, token_at: usize) -> Result<&'a [u8], DecodeError> {
        let short = DecodeError::Short { at: token_at };
        let end = self.at.checked_add(bytes).ok_or(short)?;
        let taken = self.bytes.get(self.at..end).ok_or(short)?;
        self.at = end;
        Ok(taken)
    }

    fn take_word(&mut self, token_at: usize) -> Result<[u8; 8], DecodeError> {
        let mut word = [0; 8];
        word.copy_from_slice(self.take(8, token_at)?);
        Ok(word)
    }

    fn take_padded(&mut self, bytes: usize, token_at: usize) -> Result<&'a [u8], DecodeError> {
        let short = DecodeError::Short { at: token_at };
        let padded = bytes.checked_next_multiple_of(TOKEN_BYTES).ok_or(short)?;
        Ok(&self.take(padded, token_at)?[..bytes])
    }

    fn take_text(&mut self, bytes: usize, token_at: usize) -> Result<&'a str, DecodeError> {
        let text = self.take_padded(bytes, token_at)?;
        core::str::from_utf8(text).map_err(|_| DecodeError::Text { at: token_at })
    }

    fn take_items(&mut self, items: usize, token_at: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = items
            .checked_mul(8)
            .ok_or(DecodeError::Short { at: token_at })?;
        self.take(bytes, token_at)
    }

    fn take_symbols(
        &mut self,
        items: usize,
        token_at: usize,
    ) -> Result<SymbolItems<'a>, DecodeError> {
        let short = DecodeError::Short { at: token_at };
        let length = u64::from_le_bytes(self.take_word(token_at)?);
        let bytes = self.take_padded(usize::try_from(length).map_err(|_| short)?, token_at)?;
        let symbols = SymbolItems { bytes, left: items };
        let mut rest = bytes;
        for _ in 0..items {
            let (length, tail) = rest.split_first_chunk::<4>().ok_or(short)?;
            let length = u32::from_le_bytes(*length) as usize;
            let name = tail.get(..length).ok_or(short)?;
            core::str::from_utf8(name).map_err(|_| DecodeError::Text { at: token_at })?;
            rest = &tail[length..];
        }
        Ok(symbols)
    }

    /// The next token.
    ///
    /// # Errors
    /// The bytes end too early, the kind is unknown, or text is not UTF-8. The reader's position is
    /// then of no use.
    pub fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        let at = self.at;
        let head = u64::from_le_bytes(self.take_word(at)?);
        let (kind, count) = (head as u8, (head >> 32) as usize);
        Ok(match kind {
            NIL => Token::Nil,
            INT => Token::Int(i64::from_le_bytes(self.take_word(at)?)),
            FLOAT => Token::Float(f64::from_le_bytes(self.take_word(at)?)),
            CHAR => Token::Char(count as u8),
            SYMBOL => Token::Symbol(self.take_text(count, at)?),
            INTS => Token::Ints(self.take_items(count, at)?),
            FLOATS => Token::Floats(self.take_items(count, at)?),
            CHARS => Token::Chars(self.take_padded(count, at)?),
            SYMBOLS => Token::Symbols(self.take_symbols(count, at)?),
            LIST => Token::List(count),
            DICT => Token::Dict,
            TABLE => Token::Table,
            FUNCTION => Token::Function(self.take_text(count, at)?),
            ERROR => Token::Error(self.take_text(count, at)?),
            kind => return Err(DecodeError::Kind { at, kind }),
        })
    }
}

/// The little-endian integers of a [`Token::Ints`] payload.
pub fn ints(payload: &[u8]) -> impl ExactSizeIterator<Item = i64> + '_ {
    payload.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        i64::from_le_bytes(word)
    })
}

/// The little-endian numbers of a [`Token::Floats`] payload.
pub fn floats(payload: &[u8]) -> impl ExactSizeIterator<Item = f64> + '_ {
    payload.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        f64::from_le_bytes(word)
    })
}

/// An owned value of modest depth, for requests, replies and small messages.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing.
    Nil,
    /// An integer; `i64::MIN` is the null.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// One byte of text.
    Char(u8),
    /// A symbol.
    Symbol(String),
    /// A vector of integers.
    Ints(Vec<i64>),
    /// A vector of floating-point numbers.
    Floats(Vec<f64>),
    /// A string of bytes.
    Chars(Vec<u8>),
    /// A vector of symbols.
    Symbols(Vec<String>),
    /// Any values.
    List(Vec<Value>),
    /// Keys and values.
    Dict(Box<(Value, Value)>),
    /// Column names and columns.
    Table(Box<(Value, Value)>),
    /// The source of a function.
    Function(String),
    /// An error, `class: text`.
    Error(String),
}

impl Value {
    /// A string.
    pub fn text(text: &str) -> Value {
        Value::Chars(text.as_bytes().to_vec())
    }

    /// A table of named columns.
    pub fn table(columns: Vec<(&str, Value)>) -> Value {
        let names = columns.iter().map(|(name, _)| name.to_string()).collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Value::Table(Box::new((Value::Symbols(names), Value::List(columns))))
    }

    /// The text of a string, a character or a symbol, if it is UTF-8.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Value::Chars(bytes) => core::str::from_utf8(bytes).ok().map(ToString::to_string),
            Value::Symbol(name) => Some(name.clone()),
            Value::Char(byte) if byte.is_ascii() => Some(String::from(char::from(*byte))),
            _ => None,
        }
    }

    /// The integer, if it is one (an integral float is one too).
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(int) => Some(*int),
            Value::Float(float) if *float as i64 as f64 == *float => Some(*float as i64),
            _ => None,
        }
    }

    /// Writes the value. Deep values recurse: an owned value is at most [`VALUE_DEPTH_MAX`] deep
    /// when it was decoded, and its maker's business otherwise.
    pub fn encode(&self, writer: &mut Writer) {
        match self {
            Value::Nil => writer.nil(),
            Value::Int(int) => writer.int(*int),
            Value::Float(float) => writer.float(*float),
            Value::Char(byte) => writer.char(*byte),
            Value::Symbol(name) => writer.symbol(name),
            Value::Ints(items) => writer.ints(items),
            Value::Floats(items) => writer.floats(items),
            Value::Chars(text) => writer.chars(text),
            Value::Symbols(names) => writer.symbols(names.iter().map(String::as_str)),
            Value::List(items) => {
                writer.list(items.len());
                items.iter().for_each(|item| item.encode(writer));
            }
            Value::Dict(pair) => {
                writer.dict();
                pair.0.encode(writer);
                pair.1.encode(writer);
            }
            Value::Table(pair) => {
                writer.table();
                pair.0.encode(writer);
                pair.1.encode(writer);
            }
            Value::Function(source) => writer.function(source),
            Value::Error(text) => writer.error(text),
        }
    }

    /// The value as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.encode(&mut writer);
        writer.into_bytes()
    }

    /// Reads one value that takes all of `bytes`.
    ///
    /// # Errors
    /// The bytes are not exactly one value, or it is nested too deep.
    pub fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Value::read(&mut reader, 0)?;
        if !reader.is_at_end() {
            return Err(DecodeError::Trailing {
                at: reader.position(),
            });
        }
        Ok(value)
    }

    fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Value, DecodeError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(DecodeError::Deep);
        }
        Ok(match reader.token()? {
            Token::Nil => Value::Nil,
            Token::Int(int) => Value::Int(int),
            Token::Float(float) => Value::Float(float),
            Token::Char(byte) => Value::Char(byte),
            Token::Symbol(name) => Value::Symbol(name.to_string()),
            Token::Ints(payload) => Value::Ints(ints(payload).collect()),
            Token::Floats(payload) => Value::Floats(floats(payload).collect()),
            Token::Chars(text) => Value::Chars(text.to_vec()),
            Token::Symbols(names) => Value::Symbols(names.map(ToString::to_string).collect()),
            Token::List(count) => {
                let mut items = Vec::new();
                for _ in 0..count {
                    items.push(Value::read(reader, depth + 1)?);
                }
                Value::List(items)
            }
            Token::Dict => Value::Dict(Value::read_pair(reader, depth)?),
            Token::Table => Value::Table(Value::read_pair(reader, depth)?),
            Token::Function(source) => Value::Function(source.to_string()),
            Token::Error(text) => Value::Error(text.to_string()),
        })
    }

    fn read_pair(
        reader: &mut Reader<'_>,
        depth: usize,
    ) -> Result<Box<(Value, Value)>, DecodeError> {
        let keys = Value::read(reader, depth + 1)?;
        Ok(Box::new((keys, Value::read(reader, depth + 1)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::{DecodeError, Value, Writer};
    use alloc::boxed::Box;
    use alloc::string::ToString;
    use alloc::vec;

    fn sample() -> Value {
        Value::List(vec![
            Value::Nil,
            Value::Int(-3),
            Value::Float(2.5),
            Value::Char(255),
            Value::Symbol("ab".to_string()),
            Value::Ints(vec![1, i64::MIN, 3]),
            Value::Floats(vec![0.5, f64::INFINITY]),
            Value::Chars(b"seven b".to_vec()),
            Value::Symbols(vec![
                "a".to_string(),
                "".to_string(),
                "long name".to_string(),
            ]),
            Value::Dict(Box::new((Value::Ints(vec![1]), Value::Chars(vec![])))),
            Value::table(vec![
                ("x", Value::Ints(vec![1, 2])),
                ("y", Value::List(vec![])),
            ]),
            Value::Function("{x+1}".to_string()),
            Value::Error("type: no".to_string()),
        ])
    }

    #[test]
    fn every_kind_comes_back() {
        let bytes = sample().to_bytes();
        assert_eq!(bytes.len() % 8, 0);
        assert_eq!(Value::decode(&bytes), Ok(sample()));
    }

    #[test]
    fn every_cut_and_every_flip_is_an_error_or_a_value() {
        let bytes = sample().to_bytes();
        for end in 0..bytes.len() {
            assert!(Value::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let _ = Value::decode(&flipped);
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut writer = Writer::new();
        for _ in 0..100_000 {
            writer.list(1);
        }
        writer.nil();
        assert_eq!(Value::decode(writer.bytes()), Err(DecodeError::Deep));
    }

    #[test]
    fn what_follows_a_value_is_named() {
        let mut bytes = Value::Nil.to_bytes();
        bytes.extend_from_slice(&[0; 8]);
        assert_eq!(Value::decode(&bytes), Err(DecodeError::Trailing { at: 8 }));
    }
}

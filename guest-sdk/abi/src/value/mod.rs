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
//! | Date 14, Timestamp 15, Span 16 | 1 | eight bytes |
//! | Char 3 | the byte | none |
//! | Symbol 4, Chars 7, Function 12, Error 13 | bytes | the bytes, padded |
//! | Ints 5, Floats 6 | items | eight bytes each |
//! | Dates 17, Timestamps 18, Spans 19 | items | eight bytes each |
//! | Symbols 8 | items | length of the rest in bytes (u64), then per item u32 length and its bytes, all padded |
//! | List 9 | items | none; the items follow as values |
//! | Dict 10, Table 11 | 2 | none; keys (column names), then values (columns) follow |
//!
//! Everything is little-endian. The integer null is [`NULL`], also among dates, timestamps and spans.
//! A date is a number of days since 1970-01-01, a timestamp the nanoseconds since that day began in UTC,
//! a span a number of nanoseconds.

mod moment;
mod owned;
mod reader;
mod writer;

use core::fmt;

pub use moment::Moment;
pub use owned::Value;
pub use reader::{Reader, SymbolItems, Token, floats, ints};
pub use writer::Writer;

/// The deepest nesting that [`Value::decode`] accepts. Tokens themselves have no such limit.
pub const VALUE_DEPTH_MAX: usize = 256;

/// The null among integers, dates, timestamps and spans. The null among floats is NaN.
pub const NULL: i64 = i64::MIN;

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
/// Dates, timestamps and spans: the kind of one, in the order of [`Moment`].
const MOMENT: u8 = 14;
/// The kind of a vector of them, in the same order.
const MOMENTS: u8 = 17;

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

#[cfg(test)]
mod tests {
    use super::{DecodeError, Moment, Value, Writer};
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
            Value::Moment(Moment::Timestamp, 1),
            Value::Moments(Moment::Span, vec![-1, i64::MIN]),
            Value::Moments(Moment::Date, vec![]),
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

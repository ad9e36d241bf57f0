//! Values that own what they hold, for whoever has few and small ones.

use super::{DecodeError, Moment, Reader, Token, VALUE_DEPTH_MAX, Writer, floats, ints};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// An owned value of modest depth, for requests, replies and small messages.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing.
    Nil,
    /// An integer; `i64::MIN` is the null.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A date, a timestamp or a span; `i64::MIN` is the null.
    Moment(Moment, i64),
    /// A vector of dates, timestamps or spans.
    Moments(Moment, Vec<i64>),
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
            Value::Moment(moment, count) => writer.moment(*moment, *count),
            Value::Moments(moment, counts) => writer.moments(*moment, counts),
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
            Token::Moment(moment, count) => Value::Moment(moment, count),
            Token::Moments(moment, payload) => Value::Moments(moment, ints(payload).collect()),
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

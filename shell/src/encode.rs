//! Values as bytes for other tasks and the kernel, in the encoding that all of them share.
//!
//! A function travels as its source and arrives as that text, because what it means depends on the
//! names where it is evaluated: the receiver does that with `.`. An error inside a value arrives as
//! its text. Neither direction recurses, and no bytes make [`decode`] panic.

use crate::error::{Class, Error};
use crate::symbol::Symbol;
use crate::value::{Dict, NULL, Table, Temporal, Value};
use okernel_abi::value::{Moment, Reader, Token, Writer, floats, ints};
use std::rc::Rc;

/// Appends a value to what a writer holds. Bytes of symbols that are no text are replaced.
pub fn encode(value: &Value, writer: &mut Writer) {
    encode_while(value, writer, |_, _| true);
}

/// Writes while there is room for the next token, which takes about the bytes that `has_room` is
/// given. Answers whether the value was written to its end.
fn encode_while(
    value: &Value,
    writer: &mut Writer,
    has_room: impl Fn(&Writer, usize) -> bool,
) -> bool {
    const TOKEN_BYTES: usize = 16;
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        let item_bytes = match value {
            Value::Chars(_) => 1,
            Value::List(_) => size_of::<Value>(),
            _ => size_of::<i64>(),
        };
        if !has_room(writer, TOKEN_BYTES + value.len() * item_bytes) {
            return false;
        }
        match value {
            Value::Nil => writer.nil(),
            Value::Int(x) => writer.int(*x),
            Value::Float(x) => writer.float(*x),
            Value::Temporal(kind, x) => writer.moment(moment(*kind), *x),
            Value::Temporals(kind, items) => writer.moments(moment(*kind), items),
            Value::Char(x) => writer.char(*x),
            Value::Symbol(name) => writer.symbol(&name.text()),
            Value::Ints(items) => writer.ints(items),
            Value::Floats(items) => writer.floats(items),
            Value::Chars(text) => writer.chars(text),
            Value::Symbols(names) => symbols(names, writer),
            Value::List(items) => {
                writer.list(items.len());
                todo.extend(items.iter().rev());
            }
            Value::Dict(dict) => {
                writer.dict();
                todo.push(dict.values());
                todo.push(dict.keys());
            }
            Value::Table(table) => {
                writer.table();
                symbols(table.names(), writer);
                writer.list(table.columns().len());
                todo.extend(table.columns().iter().rev());
            }
            Value::Function(_) => writer.function(&crate::format::form(value)),
        }
    }
    true
}

/// Appends a value if its encoding is at most so many bytes.
///
/// A list may hold one vector a million times, so that its encoding is far larger than itself.
///
/// # Errors
/// `limit` when it is longer; the writer then holds a part of it.
pub fn encode_within(value: &Value, writer: &mut Writer, bytes_max: usize) -> Result<(), Error> {
    let start = writer.bytes().len();
    encode_while(value, writer, |writer, next_bytes| {
        writer.bytes().len() - start + next_bytes <= bytes_max
    })
    .then_some(())
    .ok_or_else(|| {
        Error::new(
            Class::Limit,
            format!("a value of more than {bytes_max} bytes"),
        )
    })
}

fn symbols(names: &[Symbol], writer: &mut Writer) {
    let texts: Vec<_> = names.iter().map(|name| name.text()).collect();
    writer.symbols(texts.iter().map(|text| &**text));
}

/// A structure whose parts are being read.
struct Open {
    kind: Kind,
    missing: usize,
    parts: Vec<Value>,
}

enum Kind {
    List,
    Dict,
    Table,
}

impl Open {
    fn close(mut self) -> Result<Value, Error> {
        match self.kind {
            Kind::List => Ok(Value::from_items(self.parts)),
            Kind::Dict | Kind::Table => {
                let values = self.parts.pop().unwrap_or_default();
                let keys = self.parts.pop().unwrap_or_default();
                match self.kind {
                    Kind::Table => table(keys, values),
                    _ => Ok(Value::dict(Dict::new(keys, values)?)),
                }
            }
        }
    }
}

fn table(names: Value, columns: Value) -> Result<Value, Error> {
    let names = match names {
        Value::Symbols(names) => names,
        empty if empty.is_list() && empty.is_empty() => Rc::new(Vec::new()),
        other => {
            return Err(broken(&format!(
                "column names that are {}",
                other.describe()
            )));
        }
    };
    Ok(Value::table(Table::new(names, columns.into_items())?))
}

fn broken(text: &str) -> Error {
    Error::new(Class::Io, format!("bytes that are no value: {text}"))
}

/// The value that takes all of `bytes`.
///
/// # Errors
/// `io` for bytes that are no value; for an encoded error, that error.
pub fn decode(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader::new(bytes);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let token = reader.token().map_err(|error| broken(&error.to_string()))?;
        let mut start = |kind, missing| {
            open.push(Open {
                kind,
                missing,
                parts: Vec::new(),
            })
        };
        let mut ready = match token {
            Token::List(0) => Some(Value::empty()),
            Token::List(items) => {
                start(Kind::List, items);
                None
            }
            Token::Dict => {
                start(Kind::Dict, 2);
                None
            }
            Token::Table => {
                start(Kind::Table, 2);
                None
            }
            Token::Error(text) if open.is_empty() => return Err(error(text)),
            flat => Some(flat_value(flat)?),
        };
        while let Some(value) = ready.take() {
            let Some(level) = open.last_mut() else {
                if !reader.is_at_end() {
                    return Err(broken("more bytes after its end"));
                }
                return Ok(value);
            };
            level.parts.push(value);
            level.missing -= 1;
            if level.missing == 0
                && let Some(level) = open.pop()
            {
                ready = Some(level.close()?);
            }
        }
    }
}

fn moment(kind: Temporal) -> Moment {
    match kind {
        Temporal::Date => Moment::Date,
        Temporal::Timestamp => Moment::Timestamp,
        Temporal::Span => Moment::Span,
    }
}

/// Dates and their like; a count that can't be written down is refused.
fn temporals(moment: Moment, counts: &[i64]) -> Result<Value, Error> {
    let kind = match moment {
        Moment::Date => Temporal::Date,
        Moment::Timestamp => Temporal::Timestamp,
        Moment::Span => Temporal::Span,
    };
    match counts.iter().find(|x| **x != NULL && !kind.holds(**x)) {
        Some(count) => Err(broken(&format!("a {} of count {count}", kind.word()))),
        None => Ok(Value::from_temporals(kind, counts.to_vec())),
    }
}

fn flat_value(token: Token<'_>) -> Result<Value, Error> {
    Ok(match token {
        Token::Int(x) => Value::Int(x),
        Token::Float(x) => Value::Float(x),
        Token::Moment(moment, x) => temporals(moment, &[x])?.item(0).unwrap_or_default(),
        Token::Moments(moment, payload) => temporals(moment, &ints(payload).collect::<Vec<i64>>())?,
        Token::Char(x) => Value::Char(x),
        Token::Symbol(name) => Value::Symbol(symbol(name)?),
        Token::Ints(payload) => Value::from_ints(ints(payload).collect()),
        Token::Floats(payload) => Value::from_floats(floats(payload).collect()),
        Token::Chars(text) => Value::from_chars(text.to_vec()),
        Token::Symbols(names) => {
            Value::from_symbols(names.map(symbol).collect::<Result<_, Error>>()?)
        }
        Token::Function(text) | Token::Error(text) => Value::string(text),
        Token::Nil | Token::List(_) | Token::Dict | Token::Table => Value::Nil,
    })
}

fn symbol(name: &str) -> Result<Symbol, Error> {
    Symbol::from_program(name.as_bytes())
        .ok_or_else(|| Error::new(Class::Limit, "a value with too many new symbols"))
}

/// The error that `class: text` stands for.
fn error(text: &str) -> Error {
    let known = text
        .split_once(": ")
        .and_then(|(class, rest)| Some((Class::from_word(class)?, rest)));
    match known {
        Some((class, rest)) => Error::new(class, rest),
        None => Error::new(Class::Io, text),
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, encode_within};
    use crate::error::Class;
    use crate::symbol::Symbol;
    use crate::value::{Dict, NULL, Table, Temporal, Value};
    use okernel_abi::value::Writer;
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use std::rc::Rc;

    fn bytes(value: &Value) -> Vec<u8> {
        let mut writer = Writer::new();
        encode(value, &mut writer);
        writer.into_bytes()
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            any::<u8>().prop_map(Value::Char),
            "[a-z ]{0,5}".prop_map(|text| Value::symbol(&text)),
            any::<Vec<i64>>().prop_map(Value::from_ints),
            any::<Vec<u8>>().prop_map(Value::from_chars),
            any::<Vec<i64>>().prop_map(|counts| Value::from_temporals(Temporal::Span, counts)),
            any::<i64>().prop_map(|count| Value::temporal(Temporal::Timestamp, count)),
            (-700_000..2_000_000i64).prop_map(|count| Value::temporal(Temporal::Date, count)),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            let list = proptest::collection::vec(inner, 0..6).prop_map(Value::from_items);
            prop_oneof![
                list.clone(),
                list.clone()
                    .prop_map(|list| Value::dict(Dict::new(list.clone(), list).unwrap())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in values()) {
            assert_eq!(decode(&bytes(&value)).unwrap(), value);
        }

        #[test]
        fn no_bytes_do_harm(value in values(), at in any::<usize>(), bit in 0..8u32, cut in any::<usize>()) {
            let mut bytes = bytes(&value);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _any = decode(&bytes);
            bytes.truncate(cut % bytes.len());
            let _any = decode(&bytes);
        }
    }

    #[test]
    fn tables_and_deep_values_come_back() {
        let names = Rc::new(vec![Symbol::new("a"), Symbol::new("b")]);
        let columns = vec![
            Value::from_ints(vec![1, NULL]),
            Value::from_items(vec![Value::Nil, Value::string("x")]),
        ];
        let table = Value::table(Table::new(names, columns).unwrap());
        assert_eq!(decode(&bytes(&table)).unwrap(), table);
        let deep = (0..200_000).fold(Value::Int(1), |inner, _| {
            Value::from_items(vec![inner, Value::Nil])
        });
        assert_eq!(decode(&bytes(&deep)).unwrap(), deep);
    }

    #[test]
    fn an_encoding_has_its_limit() {
        let row = Value::from_ints(vec![1; 1000]);
        let rows = Value::repeat(row, 100_000).unwrap();
        let error = encode_within(&rows, &mut Writer::new(), 1 << 20).unwrap_err();
        assert_eq!(error.class(), Class::Limit);
        let mut writer = Writer::new();
        encode_within(&Value::string("abc"), &mut writer, 64).unwrap();
        assert_eq!(decode(writer.bytes()).unwrap(), Value::string("abc"));
    }

    #[test]
    fn an_error_is_an_error() {
        let mut writer = Writer::new();
        writer.error("length: no");
        let error = decode(writer.bytes()).unwrap_err();
        assert_eq!((error.class(), error.text()), (Class::Length, "no"));
        assert_eq!(decode(&[]).unwrap_err().class(), Class::Io);
    }
}

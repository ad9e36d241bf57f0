//! `1:` between values and JSON.
//!
//! Reading: objects become dictionaries with symbol keys, arrays lists, true and false 1 and 0,
//! null `0N`, strings strings. Writing: dictionaries and tables become objects and arrays of
//! objects, the null null, dates and times texts in ISO 8601, and whatever JSON has no word for is an error. Both walk with a stack
//! of their own.

use crate::error::{Class, Error};
use crate::number::{parse as parse_number, write_float, write_int};
use crate::symbol::Symbol;
use crate::value::{Dict, NULL, Value};

fn broken(at: usize, text: &str) -> Error {
    Error::new(
        Class::Domain,
        format!("1: of a text that is no JSON: {text} at byte {at}"),
    )
}

/// `1:x`: the value that a JSON text means.
///
/// # Errors
/// `type` for what is no string, `domain` for what is no JSON.
pub fn parse(x: &Value) -> Result<Value, Error> {
    let Some(text) = x.as_text() else {
        return Err(Error::new(Class::Type, format!("1: of {}", x.describe())));
    };
    let mut reader = Reader { text: &text, at: 0 };
    let value = reader.document()?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(broken(reader.at, "more after the end"));
    }
    Ok(value)
}

/// A container that is being read.
enum Open {
    Array(Vec<Value>),
    /// Keys and values so far, and the key that waits for its value.
    Object(Vec<Symbol>, Vec<Value>, Symbol),
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        while self
            .text
            .get(self.at)
            .is_some_and(|c| matches!(c, b' ' | b'\t' | b'\n' | b'\r'))
        {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Error> {
        if self.peek() != Some(wanted) {
            return Err(broken(self.at, &format!("`{}` expected", wanted as char)));
        }
        self.at += 1;
        Ok(())
    }

    fn document(&mut self) -> Result<Value, Error> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            crate::pace::work(8)?;
            // Here a value starts.
            let mut value = match self.peek() {
                Some(b'[') => {
                    self.at += 1;
                    if self.peek() != Some(b']') {
                        open.push(Open::Array(Vec::new()));
                        continue;
                    }
                    self.at += 1;
                    Value::empty()
                }
                Some(b'{') => {
                    self.at += 1;
                    if self.peek() != Some(b'}') {
                        let key = self.key()?;
                        open.push(Open::Object(Vec::new(), Vec::new(), key));
                        continue;
                    }
                    self.at += 1;
                    Value::dict(Dict::empty())
                }
                _ => self.scalar()?,
            };
            // Here a value has ended, and with it perhaps the containers that it ends.
            loop {
                let Some(container) = open.last_mut() else {
                    return Ok(value);
                };
                let next = self.peek();
                match (container, next) {
                    (Open::Array(items), Some(b',')) => {
                        items.push(value);
                        self.at += 1;
                        break;
                    }
                    (Open::Object(keys, values, key), Some(b',')) => {
                        keys.push(*key);
                        values.push(value);
                        self.at += 1;
                        *key = Symbol::EMPTY;
                        let next_key = self.key()?;
                        if let Some(Open::Object(_, _, key)) = open.last_mut() {
                            *key = next_key;
                        }
                        break;
                    }
                    (Open::Array(_), Some(b']')) | (Open::Object(..), Some(b'}')) => {
                        self.at += 1;
                        value = match open.pop() {
                            Some(Open::Array(mut items)) => {
                                items.push(value);
                                Value::from_items(items)
                            }
                            Some(Open::Object(mut keys, mut values, key)) => {
                                keys.push(key);
                                values.push(value);
                                Value::dict(Dict::new(
                                    Value::from_symbols(keys),
                                    Value::from_items(values),
                                )?)
                            }
                            None => value,
                        };
                    }
                    _ => return Err(broken(self.at, "a comma or the end expected")),
                }
            }
        }
    }

    fn key(&mut self) -> Result<Symbol, Error> {
        if self.peek() != Some(b'"') {
            return Err(broken(self.at, "a key expected"));
        }
        let key = self.string()?;
        self.expect(b':')?;
        Symbol::from_program(&key)
            .ok_or_else(|| Error::new(Class::Limit, "1: of a text with too many new keys"))
    }

    fn scalar(&mut self) -> Result<Value, Error> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string().map(Value::from_chars),
            Some(c) if c == b'-' || c.is_ascii_digit() => {
                let start = self.at;
                while self
                    .text
                    .get(self.at)
                    .is_some_and(|c| matches!(c, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
                {
                    self.at += 1;
                }
                let number = std::str::from_utf8(&self.text[start..self.at])
                    .ok()
                    .and_then(parse_number);
                number.ok_or_else(|| broken(start, "a broken number"))
            }
            _ => {
                for (word, value) in [("true", 1), ("false", 0), ("null", NULL)] {
                    if self.text[self.at..].starts_with(word.as_bytes()) {
                        self.at += word.len();
                        return Ok(Value::Int(value));
                    }
                }
                Err(broken(start, "a value expected"))
            }
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, Error> {
        self.expect(b'"')?;
        let mut out = Vec::new();
        loop {
            let Some(&c) = self.text.get(self.at) else {
                return Err(broken(self.at, "a string without end"));
            };
            self.at += 1;
            match c {
                b'"' => return Ok(out),
                b'\\' => self.escape(&mut out)?,
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let c = self.text.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        match c {
            b'"' | b'\\' | b'/' => out.push(c),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let mut code = self.hex4()?;
                // Two halves of a pair make one letter.
                if (0xd800..0xdc00).contains(&code) && self.text[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    let low = self.hex4()?;
                    code = 0x10000 + ((code - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
                }
                let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(broken(self.at, "an unknown escape")),
        }
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, Error> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| broken(self.at, "a broken escape"))
    }
}

/// What is still to be written, last first.
enum Piece {
    Value(Value),
    Text(&'static str),
    Key(Symbol),
}

/// The JSON text of a value.
///
/// # Errors
/// `type` for functions, nil and dictionaries whose keys are no symbols or strings, `limit` for a
/// text that is too long.
pub fn write(x: &Value) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut todo = vec![Piece::Value(x.clone())];
    while let Some(piece) = todo.pop() {
        crate::pace::work(8)?;
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Key(name) => {
                write_string(&mut out, name.bytes());
                out.push(b':');
            }
            Piece::Value(value) => write_value(&mut out, value, &mut todo)?,
        }
        if out.len() > crate::format::FORM_BYTES_MAX {
            return Err(Error::new(
                Class::Limit,
                "1: of a value whose text is too long",
            ));
        }
    }
    Ok(out)
}

fn write_value(out: &mut Vec<u8>, value: Value, todo: &mut Vec<Piece>) -> Result<(), Error> {
    match value {
        Value::Int(NULL) => out.extend_from_slice(b"null"),
        Value::Int(x) => write_int(out, x),
        Value::Float(x) if !x.is_finite() => out.extend_from_slice(b"null"),
        Value::Float(x) => write_float(out, x),
        Value::Temporal(kind, count) => {
            let mut text = String::new();
            crate::calendar::write_iso(&mut text, kind, count);
            write_string(out, text.as_bytes());
        }
        Value::Char(x) => write_string(out, &[x]),
        Value::Chars(text) => write_string(out, &text),
        Value::Symbol(name) => write_string(out, name.bytes()),
        Value::Dict(dict) => {
            let keys = dict.keys().items().map(|key| match &key {
                Value::Symbol(name) => Some(*name),
                key => key.as_text().map(|text| Symbol::from_bytes(&text)),
            });
            let Some(keys) = keys.collect::<Option<Vec<Symbol>>>() else {
                return Err(Error::new(
                    Class::Type,
                    "1: of a dictionary whose keys are no names",
                ));
            };
            todo.push(Piece::Text("}"));
            for (at, (key, value)) in keys
                .into_iter()
                .zip(dict.values().items())
                .enumerate()
                .rev()
            {
                todo.push(Piece::Value(value));
                todo.push(Piece::Key(key));
                todo.push(Piece::Text(if at > 0 { "," } else { "" }));
            }
            todo.push(Piece::Text("{"));
        }
        list if list.is_list() || matches!(list, Value::Table(_)) => {
            todo.push(Piece::Text("]"));
            for at in (0..list.len()).rev() {
                todo.push(Piece::Value(list.item(at).unwrap_or_default()));
                todo.push(Piece::Text(if at > 0 { "," } else { "" }));
            }
            todo.push(Piece::Text("["));
        }
        other => {
            return Err(Error::new(
                Class::Type,
                format!("1: of {}", other.describe()),
            ));
        }
    }
    Ok(())
}

fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().bytes() {
            match c {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', c]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\r' => out.extend_from_slice(b"\\r"),
                0..=31 => out.extend_from_slice(format!("\\u{c:04x}").as_bytes()),
                c => out.push(c),
            }
        }
        // JSON is text: bytes that are none are written as the letters of those numbers.
        for c in chunk.invalid() {
            out.extend_from_slice(format!("\\u{c:04x}").as_bytes());
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::{parse, write};
    use crate::error::Class;
    use crate::format::form;
    use crate::value::{NULL, Value};

    fn read(text: &str) -> String {
        match parse(&Value::string(text)) {
            Ok(value) => form(&value),
            Err(error) => error.class().word().into(),
        }
    }

    #[test]
    fn reading() {
        assert_eq!(read(" [1, 2.5, -3e2] "), "1 2.5 -300");
        assert_eq!(
            read("{\"a\":1,\"b\":[true,null],\"c\":{}}"),
            "[a:1;b:1 0N;c:()!()]"
        );
        assert_eq!(
            read("\"a\\u00e9\\ud83d\\ude00\\n\""),
            "\"a\u{e9}\u{1f600}\\n\""
        );
        assert_eq!(read("[]"), "()");
        for bad in [
            "",
            "[1,]",
            "[1",
            "{\"a\"}",
            "{a:1}",
            "1 2",
            "tru",
            "\"a",
            "\"\\q\"",
            "\"\\u12\"",
            "-",
        ] {
            assert_eq!(read(bad), "domain", "{bad}");
        }
        assert_eq!(parse(&Value::Int(1)).unwrap_err().class(), Class::Type);
    }

    #[test]
    fn writing() {
        let value = parse(&Value::string(
            "{\"a\":[1,{\"b\":\"x\\\"\\u0001\"}],\"c\":0.5}",
        ))
        .unwrap();
        let text = write(&value).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "{\"a\":[1,{\"b\":\"x\\\"\\u0001\"}],\"c\":0.5}"
        );
        assert_eq!(
            write(&Value::from_ints(vec![1, NULL])).unwrap(),
            b"[1,null]"
        );
        assert_eq!(write(&Value::Nil).unwrap_err().class(), Class::Type);
    }

    #[test]
    fn deep_texts_need_no_stack() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        let value = parse(&Value::string(&deep)).unwrap();
        assert_eq!(write(&value).unwrap().len(), deep.len());
        assert_eq!(read(&"[".repeat(200_000)), "domain");
    }
}

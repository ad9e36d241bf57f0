//! Strings, chars and symbols as they are written in source.

use crate::symbol::Symbol;

/// True for a text that can stand before the `:` of `[a:1]`.
pub fn is_key(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(u8::is_ascii_alphanumeric)
}

/// True for a text that can follow a backquote without quotes.
fn is_plain(name: &[u8]) -> bool {
    let head = |c: &u8| c.is_ascii_alphabetic() || *c == b'.';
    name.is_empty()
        || (name.first().is_some_and(head) && name.iter().all(|c| head(c) || c.is_ascii_digit()))
}

/// Appends text in quotes. Letters of other scripts stay; bytes that are no text are `\xHH`.
pub fn write_string(out: &mut String, text: &[u8]) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                c if c.is_control() => {
                    let mut bytes = [0; 4];
                    c.encode_utf8(&mut bytes)
                        .bytes()
                        .for_each(|byte| write_hex(out, byte));
                }
                c => out.push(c),
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|byte| write_hex(out, *byte));
    }
    out.push('"');
}

fn write_hex(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push_str("\\x");
    out.push(DIGITS[usize::from(byte >> 4)] as char);
    out.push(DIGITS[usize::from(byte & 15)] as char);
}

/// Appends a char in quotes.
pub fn write_char(out: &mut String, c: u8) {
    write_string(out, &[c]);
}

/// Appends a symbol with its backquote.
pub fn write_symbol(out: &mut String, name: Symbol) {
    out.push('`');
    let bytes = name.bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if is_plain(bytes) => out.push_str(text),
        _ => write_string(out, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::{write_string, write_symbol};
    use crate::symbol::Symbol;

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        let mut out = String::new();
        write_string(&mut out, b"a\"\\\n\t\r\x00\x7f\xff\xc3\xa9");
        assert_eq!(out, "\"a\\\"\\\\\\n\\t\\r\\x00\\x7f\\xff\u{e9}\"");
    }

    #[test]
    fn symbols_that_are_no_names_are_quoted() {
        let show = |text: &str| {
            let mut out = String::new();
            write_symbol(&mut out, Symbol::new(text));
            out
        };
        assert_eq!(show("a.b2"), "`a.b2");
        assert_eq!(show(""), "`");
        assert_eq!(show("a b"), "`\"a b\"");
        assert_eq!(show("2a"), "`\"2a\"");
    }
}

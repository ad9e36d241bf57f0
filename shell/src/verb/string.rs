//! `$`: numbers and names as strings, padding, and casts.

use super::temporal::{self, Cast};
use super::walk::{Plan, domain_error, is_text_or_atom, map_leaves, type_error_pair, zip_leaves};
use crate::calendar;
use crate::error::{Class, Error};
use crate::number::{write_float, write_int};
use crate::symbol::Symbol;
use crate::value::{NULL, Value, check_lists, count_items, product, room};
use crate::verb::Verb;

/// `$x`: the text of an atom; strings stay, other lists give a string for each item.
///
/// # Errors
/// `limit` without memory.
pub(super) fn string(x: Value) -> Result<Value, Error> {
    if x.is_list() && !x.is_text() {
        check_lists(x.len())?;
    }
    map_leaves(x, is_text_or_atom, |x| {
        let mut out = Vec::new();
        match x {
            Value::Nil => {}
            Value::Int(x) => write_int(&mut out, x),
            Value::Float(x) => write_float(&mut out, x),
            Value::Temporal(kind, x) => {
                let mut text = String::new();
                calendar::write(&mut text, kind, x);
                out = text.into_bytes();
            }
            Value::Char(x) => out.push(x),
            Value::Symbol(name) => out.extend_from_slice(name.bytes()),
            Value::Function(_) => out = crate::format::form_checked(&x)?.into_bytes(),
            text => return Ok(text),
        }
        Ok(Value::from_chars(out))
    })
}

/// `x$y`: pads a string to a number of chars, or casts by the symbol `` `i `f `c `b `` or `` ` ``.
///
/// # Errors
/// `type`, `domain` for an unknown cast or a code that is no char, `length`, `limit`.
pub(super) fn cast(x: Value, y: Value) -> Result<Value, Error> {
    zip_leaves(Verb::Dollar, x, y, plan, |x, y| match x {
        Value::Symbol(to) => cast_atom(to, y),
        Value::Int(_) | Value::Float(_) => pad(&x, y),
        x if x.is_list() || y.is_list() => Ok(Value::empty()),
        x => Err(type_error_pair(Verb::Dollar, &x, &y)),
    })
}

/// True for the symbols that read a text as a whole.
fn takes_texts(to: Symbol) -> bool {
    to.is_empty() || matches!(temporal::cast_named(to), Some(Cast::To(_)))
}

fn plan(x: &Value, y: &Value) -> Plan {
    if x.is_list() {
        return match (x.is_empty(), y.is_list()) {
            (true, _) => Plan::Leaf,
            (_, true) => Plan::Both,
            _ => Plan::Left,
        };
    }
    match y {
        Value::Dict(_) | Value::Table(_) => Plan::Right,
        y if y.is_text() => match x {
            // `` `$ `` and `` `date$ `` take a string as a whole; the other casts take its chars.
            Value::Symbol(to) if !takes_texts(*to) && !y.is_empty() => Plan::Right,
            _ => Plan::Leaf,
        },
        Value::Ints(_) | Value::Floats(_) if matches!(x, Value::Symbol(to) if temporal::cast_named(*to).is_none()) => {
            Plan::Leaf
        }
        y if y.is_list() => Plan::Right,
        _ => Plan::Leaf,
    }
}

fn pad(width: &Value, y: Value) -> Result<Value, Error> {
    let Some(text) = y.as_text() else {
        return Err(type_error_pair(Verb::Dollar, width, &y));
    };
    let width = match width.as_int() {
        Some(width) if width != NULL => width,
        _ => return Err(domain_error(Verb::Dollar, "to a width that is no integer")),
    };
    let count = count_items(width.unsigned_abs())?;
    let mut out = room(count)?;
    if width < 0 {
        out.resize(count.saturating_sub(text.len()), b' ');
        out.extend_from_slice(&text[text.len().saturating_sub(count)..]);
    } else {
        out.extend_from_slice(&text[..text.len().min(count)]);
        out.resize(count, b' ');
    }
    Ok(Value::from_chars(out))
}

/// A cast of an atom, of a vector of numbers, or of a string to a symbol.
fn cast_atom(to: Symbol, y: Value) -> Result<Value, Error> {
    match to.bytes() {
        b"" => match y.as_text() {
            Some(text) => match Symbol::from_program(&text) {
                Some(name) => Ok(Value::Symbol(name)),
                None => Err(Error::new(
                    Class::Limit,
                    "$ to a symbol: there are too many",
                )),
            },
            None if matches!(y, Value::Symbol(_)) => Ok(y),
            None => Err(type_error_pair(Verb::Dollar, &Value::Symbol(to), &y)),
        },
        b"i" => numbers(to, y, integer),
        b"f" => numbers(to, y, |x| x),
        b"b" => numbers(to, y, |x| match integer(x) {
            Value::Int(NULL) => Value::Int(NULL),
            Value::Int(x) => Value::Int(x & 1),
            _ => Value::Int(0),
        }),
        b"c" => chars(to, y),
        _ => match temporal::cast_named(to) {
            Some(cast) => temporal::cast(to, cast, y),
            None => Err(Error::new(
                Class::Domain,
                format!("$ to `{to}, which is none of `i `f `c `b `date `timestamp `span and `"),
            )),
        },
    }
}

/// Without the fraction, towards zero.
fn integer(x: Value) -> Value {
    match x {
        Value::Float(x) => Value::Float(x.trunc())
            .as_int()
            .map_or(Value::Float(x.trunc()), Value::Int),
        other => other,
    }
}

fn numbers(to: Symbol, y: Value, f: impl Fn(Value) -> Value) -> Result<Value, Error> {
    match temporal::to_numbers(y) {
        Value::Char(c) => Ok(f(Value::Int(i64::from(c)))),
        y @ (Value::Int(_) | Value::Float(_)) => Ok(f(y)),
        list if list.is_list() => Ok(list.items().map(f).collect()),
        other => Err(type_error_pair(Verb::Dollar, &Value::Symbol(to), &other)),
    }
}

fn chars(to: Symbol, y: Value) -> Result<Value, Error> {
    let char_of = |x: &Value| match x {
        Value::Char(c) => Ok(*c),
        x if x.is_number() => x
            .as_int()
            .and_then(|code| u8::try_from(code).ok())
            .ok_or_else(|| domain_error(Verb::Dollar, "to `c of a number that is no byte")),
        other => Err(type_error_pair(Verb::Dollar, &Value::Symbol(to), other)),
    };
    if y.is_list() {
        let text = y
            .items()
            .map(|x| char_of(&x))
            .collect::<Result<Vec<u8>, Error>>()?;
        return Ok(Value::from_chars(text));
    }
    char_of(&y).map(Value::Char)
}

/// `c\y`: the parts of a string between separators.
///
/// # Errors
/// `type` for what is no string, `domain` for an empty separator.
pub fn split(separator: &Value, y: &Value) -> Result<Value, Error> {
    let (Some(separator), Some(text)) = (separator.as_text(), y.as_text()) else {
        let text = format!("\\ of {} and {}", separator.describe(), y.describe());
        return Err(Error::new(Class::Type, text));
    };
    if separator.is_empty() {
        return Err(Error::new(Class::Domain, "\\ at an empty string"));
    }
    check_lists(text.len() / separator.len() + 1)?;
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at + separator.len() <= text.len() {
        crate::pace::work(1)?;
        if text[at..at + separator.len()] == *separator {
            parts.push(Value::from_chars(text[start..at].to_vec()));
            at += separator.len();
            start = at;
        } else {
            at += 1;
        }
    }
    parts.push(Value::from_chars(text[start..].to_vec()));
    Ok(Value::from_items(parts))
}

/// `c/y`: the items of a list joined with a separator between them. An atom is joined as one item.
///
/// # Errors
/// `limit` when the result is too large.
pub fn join_with(separator: &Value, y: &Value) -> Result<Value, Error> {
    if !y.is_list() || y.is_empty() {
        return Ok(if y.is_list() {
            Value::from_chars(Vec::new())
        } else {
            y.clone()
        });
    }
    let Value::List(items) = y else {
        return join_items(separator, y);
    };
    let texts = items.iter().map(Value::as_text).collect::<Option<Vec<_>>>();
    let (Some(texts), Some(separator)) = (texts, separator.as_text()) else {
        return join_items(separator, y);
    };
    let bytes = texts
        .iter()
        .map(|text| text.len())
        .fold(0usize, usize::saturating_add);
    let bytes = bytes.saturating_add(product(separator.len(), texts.len() - 1)?);
    let mut out = room(bytes)?;
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(&separator);
        }
        out.extend_from_slice(text);
    }
    Ok(Value::from_chars(out))
}

/// The parts are joined in one go: one after the other, each would be looked at again for every next one.
fn join_items(separator: &Value, y: &Value) -> Result<Value, Error> {
    let mut parts = room(product(2, y.len())?)?;
    for item in y.items() {
        if !parts.is_empty() {
            parts.push(separator.clone());
        }
        parts.push(item);
    }
    match parts.len() {
        1 => Ok(parts.remove(0)),
        _ => super::join::raze(Value::from_items_general(parts)),
    }
}

#[cfg(test)]
mod tests {
    use super::{cast, join_with, split, string};
    use crate::error::Class;
    use crate::format::form;
    use crate::value::Value;
    use proptest::prelude::proptest;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    #[test]
    fn texts_of_values() {
        let nested = Value::from_items(vec![Value::Int(1), Value::symbol("b"), ints(&[22, 3])]);
        assert_eq!(
            form(&string(nested).unwrap()),
            "(,\"1\"\n ,\"b\"\n (\"22\"\n  ,\"3\"))"
        );
        assert_eq!(string(Value::string("ab")).unwrap(), Value::string("ab"));
    }

    #[test]
    fn padding() {
        let pad = |width, text| cast(Value::Int(width), Value::string(text)).unwrap();
        assert_eq!(pad(-6, "abc"), Value::string("   abc"));
        assert_eq!(pad(5, "abc"), Value::string("abc  "));
        assert_eq!(pad(-2, "abc"), Value::string("bc"));
        assert_eq!(pad(3, ""), Value::string("   "));
        let words = Value::from_items(vec![Value::string("ab"), Value::Char(b'c')]);
        assert_eq!(
            form(&cast(Value::Int(3), words).unwrap()),
            "(\"ab \"\n \"c  \")"
        );
        let huge = cast(Value::Int(1 << 50), Value::string("a"));
        assert_eq!(huge.unwrap_err().class(), Class::Limit);
    }

    #[test]
    fn casts() {
        let to = |name, x| cast(Value::symbol(name), x).unwrap();
        assert_eq!(to("i", Value::string("AZ")), ints(&[65, 90]));
        assert_eq!(to("i", Value::Float(-3.9)), Value::Int(-3));
        assert_eq!(to("c", ints(&[104, 105])), Value::string("hi"));
        assert_eq!(to("", Value::string("word")), Value::symbol("word"));
        assert_eq!(to("", Value::Char(b'a')), Value::symbol("a"));
        let rows = Value::from_items(vec![ints(&[72, 105]), Value::Int(33)]);
        assert_eq!(form(&to("c", rows)), "(\"Hi\"\n \"!\")");
        let error = |name, x| cast(Value::symbol(name), x).unwrap_err().class();
        assert_eq!(error("c", Value::Int(256)), Class::Domain);
        assert_eq!(error("q", Value::Int(2)), Class::Domain);
        assert_eq!(error("i", Value::symbol("a")), Class::Type);
    }

    #[test]
    fn splitting_at_strings() {
        let parts = split(&Value::string("--"), &Value::string("a--b----c")).unwrap();
        assert_eq!(form(&parts), "(,\"a\"\n ,\"b\"\n ()\n ,\"c\")");
        assert_eq!(
            split(&Value::string(""), &Value::string("a"))
                .unwrap_err()
                .class(),
            Class::Domain
        );
        assert_eq!(
            form(&split(&Value::Char(b','), &Value::string("")).unwrap()),
            ",()"
        );
    }

    #[test]
    fn joining_a_list_of_all_kinds_takes_time_in_proportion() {
        let separator = Value::string("33");
        let all = Value::from_items(vec![Value::Int(1), Value::Char(b'a'), ints(&[2, 3])]);
        let joined = join_with(&separator, &all).unwrap();
        assert_eq!(form(&joined), "(1;\"3\";\"3\";\"a\";\"3\";\"3\";2;3)");
        // Had each item to look at all before it, this would take hours.
        let many = (0..11).try_fold(all, |list, _| join_with(&separator, &list));
        assert_eq!(many.unwrap().len(), 7 * 3usize.pow(10) + 1);
        let numbers = Value::from_items(vec![ints(&[1]); 2]);
        assert_eq!(form(&join_with(&Value::Int(0), &numbers).unwrap()), "1 0 1");
    }

    proptest! {
        #[test]
        fn joining_what_was_split_gives_the_text_back(text in "[a,]{2,20}") {
            let comma = Value::Char(b',');
            let parts = split(&comma, &Value::string(&text)).unwrap();
            assert_eq!(join_with(&comma, &parts).unwrap(), Value::string(&text));
        }
    }
}

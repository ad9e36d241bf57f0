//! Values in requests: taken apart, and named in messages to a person.

use okernel_abi::value::{NULL, Value};

/// The items of a list or vector; an atom is its only item.
pub(crate) fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.clone(),
        Value::Ints(items) => items.iter().copied().map(Value::Int).collect(),
        Value::Floats(items) => items.iter().copied().map(Value::Float).collect(),
        Value::Symbols(items) => items.iter().cloned().map(Value::Symbol).collect(),
        Value::Chars(items) => items.iter().copied().map(Value::Char).collect(),
        Value::Moments(moment, items) => {
            let item = |&count| Value::Moment(*moment, count);
            items.iter().map(item).collect()
        }
        atom => vec![atom.clone()],
    }
}

/// A value in a message to a person: short, on one line.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "nothing".to_string(),
        Value::Int(NULL) => "the null".to_string(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Char(_) | Value::Chars(_) => match value.as_text() {
            Some(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            None => "bytes".to_string(),
        },
        Value::Symbol(symbol) => format!("`{symbol}"),
        Value::Ints(items) => format!("a vector of {} integers", items.len()),
        Value::Floats(items) => format!("a vector of {} numbers", items.len()),
        Value::Symbols(items) => format!("{} symbols", items.len()),
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Dict(_) => "a dictionary".to_string(),
        Value::Table(_) => "a table".to_string(),
        Value::Function(_) => "a function".to_string(),
        Value::Error(text) => format!("the error {text}"),
        Value::Moment(moment, _) => format!("a {}", moment.word()),
        Value::Moments(moment, items) => format!("a vector of {} {}s", items.len(), moment.word()),
    }
}

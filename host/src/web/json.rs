//! Values of O as JSON, as docs/protocol.md says.

use okernel_abi::value::Value;
use serde_json::{Map, Number, Value as Json, json};

/// The largest integer that every reader of JSON keeps exactly.
const EXACT_MAX: u64 = (1 << 53) - 1;

/// A value as JSON.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Int(int) | Value::Moment(_, int) => integer(*int),
        Value::Float(float) => float_json(*float),
        Value::Char(byte) => text(&[*byte]),
        Value::Symbol(name) => Json::from(name.as_str()),
        Value::Ints(items) | Value::Moments(_, items) => {
            items.iter().map(|int| integer(*int)).collect()
        }
        Value::Floats(items) => items.iter().map(|float| float_json(*float)).collect(),
        Value::Chars(bytes) => text(bytes),
        Value::Symbols(names) => names.iter().map(|name| Json::from(name.as_str())).collect(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Dict(pair) => dictionary(&pair.0, &pair.1),
        Value::Table(pair) => table(&pair.0, &pair.1),
        Value::Function(source) => Json::from(source.as_str()),
        Value::Error(message) => json!({ "error": message }),
    }
}

fn integer(int: i64) -> Json {
    match int {
        i64::MIN => Json::Null,
        int if int.unsigned_abs() > EXACT_MAX => Json::from(int.to_string()),
        int => Json::from(int),
    }
}

fn float_json(float: f64) -> Json {
    match Number::from_f64(float) {
        Some(number) => Json::Number(number),
        None if float.is_nan() => Json::Null,
        None if float > 0.0 => Json::from("0w"),
        None => Json::from("-0w"),
    }
}

fn text(bytes: &[u8]) -> Json {
    Json::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The items of a list; an atom is its only one.
fn items(value: &Value) -> Vec<Json> {
    match value {
        // The letters of a string are items where a list is expected.
        Value::Chars(bytes) => bytes.iter().map(|byte| text(&[*byte])).collect(),
        value => match to_json(value) {
            Json::Array(items) => items,
            atom => vec![atom],
        },
    }
}

fn dictionary(keys: &Value, values: &Value) -> Json {
    let (keys, values) = (items(keys), items(values));
    if keys.iter().all(Json::is_string) && keys.len() == values.len() {
        let name = |key: &Json| key.as_str().unwrap_or_default().to_string();
        let names = keys.iter().map(name);
        return Json::Object(names.zip(values).collect());
    }
    json!({ "keys": keys, "values": values })
}

fn table(names: &Value, columns: &Value) -> Json {
    let columns: Vec<Vec<Json>> = match columns {
        Value::List(columns) => columns.iter().map(items).collect(),
        other => vec![items(other)],
    };
    let names: Vec<String> = items(names)
        .iter()
        .map(|name| name.as_str().unwrap_or_default().to_string())
        .collect();
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |at: usize| {
        let cells = names.iter().zip(&columns).map(|(name, column)| {
            let cell = column.get(at).cloned().unwrap_or(Json::Null);
            (name.clone(), cell)
        });
        Json::Object(cells.collect::<Map<_, _>>())
    };
    (0..rows).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::to_json;
    use okernel_abi::value::Value;
    use serde_json::json;

    fn dict(keys: Value, values: Value) -> Value {
        Value::Dict(Box::new((keys, values)))
    }

    #[test]
    fn numbers_keep_what_they_are() {
        let numbers = Value::List(vec![
            Value::Int(i64::MIN),
            Value::Int(-7),
            Value::Int(1 << 53),
            Value::Float(1.5),
            Value::Float(f64::INFINITY),
            Value::Float(f64::NEG_INFINITY),
            Value::Float(f64::NAN),
        ]);
        let expected = json!([null, -7, "9007199254740992", 1.5, "0w", "-0w", null]);
        assert_eq!(to_json(&numbers), expected);
    }

    #[test]
    fn texts_are_strings() {
        let texts = Value::List(vec![
            Value::text("a\"b"),
            Value::Char(b'x'),
            Value::Symbol("s".to_string()),
            Value::Chars(vec![b'a', 0xff]),
            Value::Function("{x}".to_string()),
        ]);
        assert_eq!(
            to_json(&texts),
            json!(["a\"b", "x", "s", "a\u{fffd}", "{x}"])
        );
    }

    #[test]
    fn dictionaries_and_tables_have_names() {
        let names = Value::Symbols(vec!["a".to_string(), "b".to_string()]);
        let plain = dict(names.clone(), Value::Ints(vec![1, 2]));
        assert_eq!(to_json(&plain), json!({"a": 1, "b": 2}));
        let odd = dict(Value::Ints(vec![1, 2]), Value::Ints(vec![3, 4]));
        assert_eq!(to_json(&odd), json!({"keys": [1, 2], "values": [3, 4]}));
        let columns = Value::List(vec![Value::Ints(vec![1, 2]), Value::text("xy")]);
        let table = Value::Table(Box::new((names, columns)));
        assert_eq!(
            to_json(&table),
            json!([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
        );
        let empty = dict(Value::List(Vec::new()), Value::List(Vec::new()));
        assert_eq!(to_json(&empty), json!({}));
    }
}

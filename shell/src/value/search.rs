//! Finding one item in a list.

use super::matching::floats_match;
use super::order::compare_int_float;
use super::{NULL, Value, matches};
use std::cmp::Ordering;

/// The first position in a list of an item that matches.
pub fn position(list: &Value, item: &Value) -> Option<usize> {
    match (list, item) {
        (Value::Ints(items), Value::Int(x)) => items.iter().position(|y| y == x),
        (Value::Ints(items), Value::Float(x)) => {
            let whole = super::convert::float_to_int(*x)?;
            items.iter().position(|y| *y == whole)
        }
        (Value::Floats(items), Value::Float(x)) => items.iter().position(|y| floats_match(*x, *y)),
        (Value::Floats(items), Value::Int(x)) => items
            .iter()
            .position(|y| compare_int_float(*x, *y) == Ordering::Equal),
        (Value::Temporals(kind, items), Value::Temporal(other, x)) if kind == other => {
            items.iter().position(|y| y == x)
        }
        (Value::Temporals(_, items), null) if null.is_number() && null.is_null() => {
            items.iter().position(|y| *y == NULL)
        }
        (Value::Chars(items), Value::Char(x)) => items.iter().position(|y| y == x),
        (Value::Symbols(items), Value::Symbol(x)) => items.iter().position(|y| y == x),
        (Value::List(items), _) => items.iter().position(|y| matches(y, item)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, position};

    #[test]
    fn numbers_are_found_by_value() {
        let list = Value::from_ints(vec![4, 5, 6]);
        assert_eq!(position(&list, &Value::Float(5.0)), Some(1));
        assert_eq!(position(&list, &Value::Float(5.5)), None);
        assert_eq!(position(&list, &Value::symbol("a")), None);
        let list = Value::from_items(vec![Value::string("ab"), Value::string("cd")]);
        assert_eq!(position(&list, &Value::string("cd")), Some(1));
    }
}

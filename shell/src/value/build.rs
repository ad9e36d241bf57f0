//! Making values: every list goes through here, so that it comes out in its narrowest form.

use super::{Dict, Function, List, NULL, Table, Temporal, Value, room};
use crate::error::Error;
use crate::symbol::Symbol;
use std::rc::Rc;

/// What the items seen so far could be stored as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Ints,
    Floats,
    Temporals(Temporal),
    Chars,
    Symbols,
    List,
}

fn form_of(items: &[Value]) -> Form {
    match items.first() {
        Some(Value::Char(_)) if items.iter().all(|x| matches!(x, Value::Char(_))) => Form::Chars,
        Some(Value::Symbol(_)) if items.iter().all(|x| matches!(x, Value::Symbol(_))) => {
            Form::Symbols
        }
        Some(first @ (Value::Int(_) | Value::Float(_))) if !first.is_null() => {
            form_of_numbers(items)
        }
        Some(Value::Int(_) | Value::Float(_) | Value::Temporal(..)) => form_after_nulls(items),
        _ => Form::List,
    }
}

/// The first item that is no null decides what the nulls before it are.
fn form_after_nulls(items: &[Value]) -> Form {
    let known = items.iter().find(|x| !(x.is_number() && x.is_null()));
    let Some(Value::Temporal(kind, _)) = known else {
        return form_of_numbers(items);
    };
    let fits = |x: &Value| match x {
        Value::Temporal(other, _) => other == kind,
        x => x.is_number() && x.is_null(),
    };
    if items.iter().all(fits) {
        Form::Temporals(*kind)
    } else {
        Form::List
    }
}

/// Numbers of both representations make a vector of floats if that loses nothing.
fn form_of_numbers(items: &[Value]) -> Form {
    let mut floats = false;
    let mut exact = true;
    for item in items {
        match item {
            Value::Int(x) => exact &= super::convert::fits_float(*x),
            Value::Float(_) => floats = true,
            _ => return Form::List,
        }
    }
    match (floats, exact) {
        (false, _) => Form::Ints,
        (true, true) => Form::Floats,
        (true, false) => Form::List,
    }
}

impl Value {
    /// The list of these items in its narrowest form: atoms of one kind become a typed vector.
    pub fn from_items(items: Vec<Value>) -> Value {
        match form_of(&items) {
            Form::Ints => Value::from_ints(items.iter().filter_map(Value::as_int_exact).collect()),
            Form::Floats => Value::from_floats(items.iter().filter_map(Value::as_float).collect()),
            Form::Temporals(kind) => {
                let count = |x: &Value| match x {
                    Value::Temporal(_, count) => *count,
                    _ => NULL,
                };
                Value::from_temporals(kind, items.iter().map(count).collect())
            }
            Form::Chars => Value::from_chars(
                items
                    .iter()
                    .filter_map(|x| {
                        if let Value::Char(c) = x {
                            Some(*c)
                        } else {
                            None
                        }
                    })
                    .collect(),
            ),
            Form::Symbols => Value::from_symbols(
                items
                    .iter()
                    .filter_map(|x| {
                        if let Value::Symbol(s) = x {
                            Some(*s)
                        } else {
                            None
                        }
                    })
                    .collect(),
            ),
            Form::List => Value::List(Rc::new(List::new(items))),
        }
    }

    /// The empty list.
    pub fn empty() -> Value {
        Value::from_ints(Vec::new())
    }

    /// A vector of integers.
    pub fn from_ints(items: Vec<i64>) -> Value {
        Value::Ints(Rc::new(items))
    }

    /// A vector of floats.
    pub fn from_floats(items: Vec<f64>) -> Value {
        Value::Floats(Rc::new(items))
    }

    /// A vector of chars: a string of any length, also of one char.
    pub fn from_chars(items: Vec<u8>) -> Value {
        Value::Chars(Rc::new(items))
    }

    /// A string as a list of chars, also when it has one.
    pub fn string(text: &str) -> Value {
        Value::from_chars(text.as_bytes().to_vec())
    }

    /// A vector of symbols.
    pub fn from_symbols(items: Vec<Symbol>) -> Value {
        Value::Symbols(Rc::new(items))
    }

    /// The symbol with this text.
    pub fn symbol(text: &str) -> Value {
        Value::Symbol(Symbol::new(text))
    }

    /// 1 or 0.
    pub fn truth(truth: bool) -> Value {
        Value::Int(i64::from(truth))
    }

    /// A count as a number.
    pub fn count(count: usize) -> Value {
        Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A dictionary.
    pub fn dict(dict: Dict) -> Value {
        Value::Dict(Rc::new(dict))
    }

    /// A table.
    pub fn table(table: Table) -> Value {
        Value::Table(Rc::new(table))
    }

    /// A function.
    pub fn function(function: Function) -> Value {
        Value::Function(Rc::new(function))
    }

    /// A list of one item.
    pub fn enlist(self) -> Value {
        match self {
            Value::Int(x) => Value::from_ints(vec![x]),
            Value::Float(x) => Value::from_floats(vec![x]),
            Value::Temporal(kind, x) => Value::from_temporals(kind, vec![x]),
            Value::Char(x) => Value::from_chars(vec![x]),
            Value::Symbol(x) => Value::from_symbols(vec![x]),
            other => Value::List(Rc::new(List::new(vec![other]))),
        }
    }

    /// A list of `count` times the same item.
    ///
    /// # Errors
    /// `limit` when that is too large.
    pub fn repeat(item: Value, count: usize) -> Result<Value, Error> {
        fn filled<T: Clone>(item: T, count: usize) -> Result<Vec<T>, Error> {
            let mut items = room(count)?;
            items.resize(count, item);
            Ok(items)
        }
        Ok(match item {
            Value::Int(x) => Value::from_ints(filled(x, count)?),
            Value::Float(x) => Value::from_floats(filled(x, count)?),
            Value::Temporal(kind, x) => Value::from_temporals(kind, filled(x, count)?),
            Value::Char(x) => Value::from_chars(filled(x, count)?),
            Value::Symbol(x) => Value::from_symbols(filled(x, count)?),
            other => Value::List(Rc::new(List::new(filled(other, count)?))),
        })
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Value {
        Value::from_items(items.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn atoms_of_one_kind_collapse() {
        assert_eq!(
            Value::from_items(vec![Value::Int(1), Value::Int(2)]).representation(),
            "ints"
        );
        assert_eq!(
            Value::from_items(vec![Value::Int(1), Value::Float(2.5)]).representation(),
            "floats"
        );
        assert_eq!(
            Value::from_items(vec![Value::Char(1), Value::Char(2)]).representation(),
            "chars"
        );
        assert_eq!(
            Value::from_items(vec![Value::symbol("a")]).representation(),
            "symbols"
        );
        assert_eq!(
            Value::from_items(vec![Value::symbol("a"), Value::Int(1)]).representation(),
            "list"
        );
        assert_eq!(Value::from_items(vec![Value::Nil]).representation(), "list");
    }

    #[test]
    fn numbers_that_floats_cannot_hold_stay_apart() {
        let big = (1i64 << 53) + 1;
        let mixed = Value::from_items(vec![Value::Int(big), Value::Float(0.5)]);
        assert_eq!(mixed.representation(), "list");
        assert_eq!(mixed.item(0), Some(Value::Int(big)));
    }
}

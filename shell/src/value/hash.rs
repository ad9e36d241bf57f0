//! Hashes that agree with [`matches`](super::matches()): values that match have one hash.

use super::convert::float_to_int;
use super::{Function, Value};

/// A multiplier with well spread bits (the odd integer nearest to 2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(state: u64, word: u64) -> u64 {
    let x = (state ^ word).wrapping_mul(SPREAD);
    x ^ (x >> 29)
}

/// The hash of an integer by itself.
pub(crate) fn hash_int(x: i64) -> u64 {
    mix(0x51, x as u64)
}

/// The hash of a float: that of the integer it equals, if there is one.
pub(crate) fn hash_float(x: f64) -> u64 {
    match float_to_int(x) {
        Some(int) => hash_int(int),
        None => mix(0x52, x.to_bits()),
    }
}

/// The hash of an atom; functions are told apart by kind only.
pub fn hash_item(value: &Value) -> u64 {
    match value {
        Value::Int(x) => hash_int(*x),
        Value::Float(x) => hash_float(*x),
        Value::Temporal(kind, x) => mix(0x55 + *kind as u64, *x as u64),
        Value::Char(x) => mix(0x53, u64::from(*x)),
        Value::Symbol(x) => mix(0x54, u64::from(x.number())),
        Value::Function(function) => match &**function {
            Function::Lambda(_) => 0x61,
            Function::Verb(_) => 0x62,
            Function::Monad(_) => 0x63,
            Function::Native(name) => mix(0x64, u64::from(name.number())),
            Function::Projection(_) => 0x65,
            Function::Derived(_) => 0x66,
            Function::Train(_) => 0x67,
        },
        _ => 0x68,
    }
}

/// Items that the hash of a value is made from, at most: a value may stand for far more of them than
/// it takes memory.
const ITEMS_MAX: usize = 1 << 16;

/// The hash of any value. Values that differ only after very many items have one hash.
pub fn hash(value: &Value) -> u64 {
    if value.is_atom() {
        return hash_item(value);
    }
    // Items are mixed in the order of a walk; every list adds its length, so shape counts too.
    let mut state = 0x70;
    let mut todo = vec![value];
    let mut items_left = ITEMS_MAX;
    while let Some(value) = todo.pop() {
        // Every form of a list takes as many, so that what matches is cut at the same place.
        let parts = match value {
            Value::Dict(_) => 2,
            Value::Table(table) => table.columns().len(),
            list if list.is_list() => list.len(),
            _ => 0,
        };
        let taken = parts.min(items_left);
        items_left -= taken;
        match value {
            Value::Ints(items) => {
                state = mix(state, items.len() as u64);
                state = items[..taken]
                    .iter()
                    .fold(state, |state, x| mix(state, hash_int(*x)));
            }
            Value::Floats(items) => {
                state = mix(state, items.len() as u64);
                state = items[..taken]
                    .iter()
                    .fold(state, |state, x| mix(state, hash_float(*x)));
            }
            Value::Temporals(kind, items) => {
                state = mix(state, items.len() as u64);
                state = items[..taken].iter().fold(state, |state, x| {
                    mix(state, hash_item(&Value::temporal(*kind, *x)))
                });
            }
            Value::Chars(items) => {
                state = mix(state, items.len() as u64);
                state = items[..taken]
                    .iter()
                    .fold(state, |state, x| mix(state, hash_item(&Value::Char(*x))));
            }
            Value::Symbols(items) => {
                state = mix(state, items.len() as u64);
                state = items[..taken]
                    .iter()
                    .fold(state, |state, x| mix(state, hash_item(&Value::Symbol(*x))));
            }
            Value::List(items) => {
                state = mix(state, items.len() as u64);
                todo.extend(items[..taken].iter().rev());
            }
            Value::Dict(dict) => {
                state = mix(state, 0x71);
                todo.extend([dict.keys(), dict.values()][..taken].iter().rev());
            }
            Value::Table(table) => {
                state = mix(state, 0x72);
                todo.extend(table.columns()[..taken].iter().rev());
            }
            atom => state = mix(state, hash_item(atom)),
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::{Value, hash};
    use crate::value::List;
    use std::rc::Rc;

    #[test]
    fn forms_of_one_long_list_have_one_hash() {
        for count in [super::ITEMS_MAX - 1, super::ITEMS_MAX, super::ITEMS_MAX + 1] {
            let numbers = vec![7; count];
            let vector = Value::from_ints(numbers.clone());
            let apart = numbers.into_iter().map(Value::Int).collect();
            let list = Value::List(Rc::new(List::new(apart)));
            let outer = |inner: Value| Value::from_items(vec![inner.clone(), inner]);
            assert_eq!(hash(&outer(vector)), hash(&outer(list)));
        }
    }

    #[test]
    fn matching_values_have_one_hash() {
        assert_eq!(hash(&Value::Int(2)), hash(&Value::Float(2.0)));
        assert_eq!(
            hash(&Value::from_ints(vec![1, 2])),
            hash(&Value::from_floats(vec![1.0, 2.0]))
        );
        assert_eq!(hash(&Value::empty()), hash(&Value::from_chars(vec![])));
        let big = Value::Int((1 << 53) + 1);
        let apart = Value::from_items(vec![big, Value::Float(0.5)]);
        assert_eq!(hash(&apart), hash(&apart.clone()));
        assert_ne!(
            hash(&Value::from_ints(vec![1, 2])),
            hash(&Value::from_ints(vec![2, 1]))
        );
    }
}

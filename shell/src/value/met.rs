//! Pairs of shared values that a walk over two values has met.
//!
//! A list may hold one value many times, and that value another one: a few hundred values can stand
//! for more items than anybody can walk over. A walk that looks for the first difference needn't go
//! into a pair that it has met before: had the pair differed, the walk would have ended.

use super::Value;
use std::collections::HashSet;
use std::rc::Rc;

/// A walk pays for remembering only when it is so long: comparing is far cheaper.
const TURNS_FREE: u32 = 1 << 16;

/// The pairs so far.
#[derive(Default)]
pub(super) struct Met {
    turns: u32,
    pairs: HashSet<(usize, usize)>,
}

impl Met {
    /// Whether the walk has met this pair before. It must be walked over at once if not, and both
    /// values must outlive the walk.
    pub(super) fn before(&mut self, x: &Value, y: &Value) -> bool {
        if self.turns < TURNS_FREE {
            self.turns += 1;
            return false;
        }
        match (shared(x), shared(y)) {
            (Some(x), Some(y)) => x == y || !self.pairs.insert((x, y)),
            _ => false,
        }
    }
}

/// A number that tells a value which others hold too from all others.
fn shared(value: &Value) -> Option<usize> {
    /// Vectors of less are compared sooner than remembered.
    const ITEMS_MIN: usize = 16;
    fn of<T>(value: &Rc<T>) -> Option<usize> {
        (Rc::strong_count(value) > 1).then(|| Rc::as_ptr(value).cast::<u8>() as usize)
    }
    match value {
        Value::List(list) => of(list),
        Value::Dict(dict) => of(dict),
        Value::Table(table) => of(table),
        Value::Function(function) => of(function),
        Value::Ints(items) | Value::Temporals(_, items) if items.len() >= ITEMS_MIN => of(items),
        Value::Floats(items) if items.len() >= ITEMS_MIN => of(items),
        Value::Chars(items) if items.len() >= ITEMS_MIN => of(items),
        Value::Symbols(items) if items.len() >= ITEMS_MIN => of(items),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::value::{Value, compare, hash, matches};
    use std::cmp::Ordering;

    /// A value that stands for 2^40 items.
    fn doubled() -> Value {
        (0..40).fold(Value::symbol("a"), |inner, _| {
            Value::from_items(vec![inner.clone(), inner])
        })
    }

    #[test]
    fn shared_parts_are_compared_once() {
        let (x, y) = (doubled(), doubled());
        assert!(matches(&x, &y));
        assert_eq!(compare(&x, &y), Ordering::Equal);
        assert_eq!(hash(&x), hash(&y));
        let apart = Value::from_items(vec![y.clone(), Value::Int(1)]);
        assert!(!matches(
            &Value::from_items(vec![x.clone(), Value::Nil]),
            &apart
        ));
    }

    #[test]
    fn long_shared_vectors_are_compared_once() {
        let rows = || {
            let row = Value::from_floats(vec![0.5; 1 << 16]);
            Value::repeat(row, 1 << 16).unwrap()
        };
        assert!(matches(&rows(), &rows()));
        assert_eq!(compare(&rows(), &rows()), Ordering::Equal);
        assert_eq!(hash(&rows()), hash(&rows()));
    }
}

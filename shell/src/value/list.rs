//! The general list: items of any kinds.
//!
//! Invariant kept by [`Value::from_items`](super::Value::from_items), not by this type: a
//! non-empty list of atoms of one kind is a typed vector instead, so a `List` holds at least one
//! item that is no atom, or atoms of different kinds, or numbers that no one vector can hold
//! exactly.

use super::Value;
use super::grave::bury;
use std::ops::Deref;

/// A list of values of any kind, shared by reference count and dropped without recursion.
#[derive(Clone, Default)]
pub struct List {
    items: Vec<Value>,
}

impl List {
    /// A list of these items, as they are.
    pub fn new(items: Vec<Value>) -> List {
        List { items }
    }

    /// The items, to change them in place. The caller keeps the invariant of the list.
    pub fn items_mut(&mut self) -> &mut Vec<Value> {
        &mut self.items
    }

    /// Takes the items out.
    pub fn into_items(mut self) -> Vec<Value> {
        std::mem::take(&mut self.items)
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

impl Drop for List {
    fn drop(&mut self) {
        bury(std::mem::take(&mut self.items));
    }
}

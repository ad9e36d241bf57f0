//! Dictionaries: ordered keys with their values.
//!
//! Invariants: keys and values are lists of equal length; keys are distinct when the dictionary
//! was made by a verb that looks keys up, but a duplicate key is not an error: the first one is
//! found.

use super::Value;
use super::matching::matches;
use super::search;
use crate::error::{Class, Error};

/// An ordered mapping.
#[derive(Clone)]
pub struct Dict {
    keys: Value,
    values: Value,
}

impl Dict {
    /// A dictionary of equally many keys and values, both lists.
    ///
    /// # Errors
    /// `length` when the counts differ, `type` when one is no list.
    pub fn new(keys: Value, values: Value) -> Result<Dict, Error> {
        if !keys.is_list() || !values.is_list() {
            return Err(Error::new(
                Class::Type,
                "a dictionary needs a list of keys and a list of values",
            ));
        }
        if keys.len() != values.len() {
            return Err(Error::new(
                Class::Length,
                format!("! of {} keys and {} values", keys.len(), values.len()),
            ));
        }
        Ok(Dict { keys, values })
    }

    /// The dictionary without entries.
    pub fn empty() -> Dict {
        Dict {
            keys: Value::empty(),
            values: Value::empty(),
        }
    }

    /// The keys, a list.
    pub fn keys(&self) -> &Value {
        &self.keys
    }

    /// The values, a list as long as the keys.
    pub fn values(&self) -> &Value {
        &self.values
    }

    /// Takes keys and values apart.
    pub fn into_parts(self) -> (Value, Value) {
        (self.keys, self.values)
    }

    /// The values, to change them in place; their count must stay.
    pub fn values_mut(&mut self) -> &mut Value {
        &mut self.values
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of a key.
    pub fn position(&self, key: &Value) -> Option<usize> {
        search::position(&self.keys, key)
    }

    /// The value of a key.
    pub fn get(&self, key: &Value) -> Option<Value> {
        self.position(key).and_then(|at| self.values.item(at))
    }

    /// Gives a key a value: replaces it or adds an entry at the end.
    pub fn set(&mut self, key: Value, value: Value) {
        match self.position(&key) {
            Some(at) => self.values.set_item(at, value),
            None => {
                self.keys.push(key);
                self.values.push(value);
            }
        }
    }

    /// True when keys, order and values match.
    pub fn matches(&self, other: &Dict) -> bool {
        matches(&self.keys, &other.keys) && matches(&self.values, &other.values)
    }
}

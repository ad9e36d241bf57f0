//! Collecting the results of an adverb: a vector while they are integers, a list otherwise.

use crate::error::{Class, Error};
use crate::value::Value;

/// Results so far.
pub(crate) enum Results {
    /// Integers only.
    Ints(Vec<i64>),
    /// Anything.
    Items(Vec<Value>),
}

impl Results {
    /// No results; that many are expected.
    pub(crate) fn new(expected: usize) -> Results {
        /// More room than this is only taken when it is needed.
        const RESERVED_MAX: usize = 1 << 16;
        Results::Ints(Vec::with_capacity(expected.min(RESERVED_MAX)))
    }

    /// The number of results.
    pub(crate) fn len(&self) -> usize {
        match self {
            Results::Ints(items) => items.len(),
            Results::Items(items) => items.len(),
        }
    }

    /// Adds a result.
    #[inline]
    pub(crate) fn push(&mut self, value: Value) {
        match (&mut *self, value) {
            (Results::Ints(items), Value::Int(int)) => items.push(int),
            (Results::Items(items), value) => items.push(value),
            (Results::Ints(ints), value) => {
                let mut items = Vec::with_capacity(ints.capacity());
                items.extend(ints.iter().map(|int| Value::Int(*int)));
                items.push(value);
                *self = Results::Items(items);
            }
        }
    }

    /// An error when the results alone take more than that many bytes.
    pub(crate) fn check(&self, limit_bytes: usize) -> Result<(), Error> {
        if self.len().saturating_mul(size_of::<Value>()) > limit_bytes {
            return Err(Error::new(
                Class::Limit,
                format!("more than {} results", self.len()),
            ));
        }
        Ok(())
    }

    /// All results as a list.
    pub(crate) fn finish(self) -> Value {
        match self {
            Results::Ints(items) => Value::from_ints(items),
            Results::Items(items) => Value::from_items(items),
        }
    }
}

//! Dates, timestamps and spans: counts with a meaning.
//!
//! Their null is the null of numbers: among the items of a vector it is [`NULL`], as an atom it is
//! `Value::Int(NULL)`. So there is one null in the language, and no `Value::Temporal` holds it.

use super::{NULL, Value};
use crate::calendar::{DATE_MAX, DATE_MIN};
use std::rc::Rc;

/// What a count means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Temporal {
    /// Days since 1970.01.01, from the year 1 to the year 9999.
    Date,
    /// Nanoseconds since 1970.01.01 in UTC, about 1677 to 2262.
    Timestamp,
    /// Nanoseconds, about 292 years at most.
    Span,
}

impl Temporal {
    /// The word for one: `date`.
    pub fn word(self) -> &'static str {
        match self {
            Temporal::Date => "date",
            Temporal::Timestamp => "timestamp",
            Temporal::Span => "span",
        }
    }

    /// The word for a vector of them, for `kind x`.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Temporal::Date => "dates",
            Temporal::Timestamp => "timestamps",
            Temporal::Span => "spans",
        }
    }

    /// The code that `@x` answers.
    pub fn type_code(self) -> i64 {
        match self {
            Temporal::Date => -14,
            Temporal::Timestamp => -12,
            Temporal::Span => -16,
        }
    }

    /// True for counts that can be written down; not for the null.
    pub fn holds(self, count: i64) -> bool {
        match self {
            Temporal::Date => (DATE_MIN..=DATE_MAX).contains(&count),
            Temporal::Timestamp | Temporal::Span => count != NULL,
        }
    }
}

impl Value {
    /// An atom; the null for the null count.
    pub fn temporal(kind: Temporal, count: i64) -> Value {
        if count == NULL {
            Value::Int(NULL)
        } else {
            Value::Temporal(kind, count)
        }
    }

    /// A vector of counts. Without anything but nulls it is a vector of numbers.
    pub fn from_temporals(kind: Temporal, counts: Vec<i64>) -> Value {
        if counts.iter().all(|count| *count == NULL) {
            return Value::from_ints(counts);
        }
        Value::Temporals(kind, Rc::new(counts))
    }

    /// True for dates, timestamps, spans and vectors of them.
    pub fn is_temporal(&self) -> bool {
        matches!(self, Value::Temporal(..) | Value::Temporals(..))
    }
}

//! The value itself and what is asked of it most.
//!
//! A number is an `i64` or an `f64`; which of the two is a matter of representation, and equal
//! numbers behave the same. The null is [`NULL`] among integers and any NaN among floats.

use super::{Dict, Function, List, Table, Temporal};
use crate::symbol::Symbol;
use std::rc::Rc;

/// The null `0N` of integers. Arithmetic never yields it by accident: a result that would be this
/// number is a float.
pub const NULL: i64 = i64::MIN;

/// True for the float form of the null.
pub fn is_null_float(x: f64) -> bool {
    x.is_nan()
}

/// A value of the language.
///
/// Invariant: a list is in its narrowest form, as [`Value::from_items`] makes it. An empty list
/// may be of any form; all of them are equal.
#[derive(Clone, Default)]
pub enum Value {
    /// Nothing: an elided item, the value of `;`.
    #[default]
    Nil,
    /// A number without fraction; [`NULL`] is `0N`.
    Int(i64),
    /// A number; NaN is `0N`.
    Float(f64),
    /// A date, a timestamp or a span; never the null.
    Temporal(Temporal, i64),
    /// One byte of text.
    Char(u8),
    /// A name.
    Symbol(Symbol),
    /// Numbers without fraction.
    Ints(Rc<Vec<i64>>),
    /// Numbers.
    Floats(Rc<Vec<f64>>),
    /// Dates, timestamps or spans, nulls among them.
    Temporals(Temporal, Rc<Vec<i64>>),
    /// Text.
    Chars(Rc<Vec<u8>>),
    /// Names.
    Symbols(Rc<Vec<Symbol>>),
    /// Anything else in a row.
    List(Rc<List>),
    /// A dictionary.
    Dict(Rc<Dict>),
    /// A table.
    Table(Rc<Table>),
    /// A function.
    Function(Rc<Function>),
}

const _: () = assert!(size_of::<Value>() == 16);

/// What a value is, as far as programs can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing.
    Nil,
    /// A number in either representation.
    Number,
    /// A date, a timestamp or a span.
    Temporal,
    /// One byte of text.
    Char,
    /// A name.
    Symbol,
    /// A list of any kind of items.
    List,
    /// A dictionary.
    Dict,
    /// A table.
    Table,
    /// A function.
    Function,
}

impl Value {
    /// What the value is.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Nil => Kind::Nil,
            Value::Int(_) | Value::Float(_) => Kind::Number,
            Value::Temporal(..) => Kind::Temporal,
            Value::Char(_) => Kind::Char,
            Value::Symbol(_) => Kind::Symbol,
            Value::Ints(_)
            | Value::Floats(_)
            | Value::Temporals(..)
            | Value::Chars(_)
            | Value::Symbols(_)
            | Value::List(_) => Kind::List,
            Value::Dict(_) => Kind::Dict,
            Value::Table(_) => Kind::Table,
            Value::Function(_) => Kind::Function,
        }
    }

    /// The code that `@x` answers.
    pub fn type_code(&self) -> i64 {
        match self {
            Value::Nil => NULL,
            Value::Int(_) | Value::Float(_) => -9,
            Value::Temporal(kind, _) => kind.type_code(),
            Value::Char(_) => -10,
            Value::Symbol(_) => -11,
            Value::Ints(_)
            | Value::Floats(_)
            | Value::Temporals(..)
            | Value::Chars(_)
            | Value::Symbols(_)
            | Value::List(_) => 0,
            Value::Table(_) => 98,
            Value::Dict(_) => 99,
            Value::Function(function) => function.type_code(),
        }
    }

    /// The exact representation as a word, for `kind x`.
    pub fn representation(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Temporal(kind, _) => kind.word(),
            Value::Temporals(kind, _) => kind.plural(),
            Value::Char(_) => "char",
            Value::Symbol(_) => "symbol",
            Value::Ints(_) => "ints",
            Value::Floats(_) => "floats",
            Value::Chars(_) => "chars",
            Value::Symbols(_) => "symbols",
            Value::List(_) => "list",
            Value::Dict(_) => "dict",
            Value::Table(_) => "table",
            Value::Function(_) => "function",
        }
    }

    /// True for lists of all forms; a table or a dictionary is none.
    pub fn is_list(&self) -> bool {
        matches!(
            self,
            Value::Ints(_)
                | Value::Floats(_)
                | Value::Temporals(..)
                | Value::Chars(_)
                | Value::Symbols(_)
                | Value::List(_)
        )
    }

    /// True for what is neither list, dictionary nor table.
    pub fn is_atom(&self) -> bool {
        !(self.is_list() || matches!(self, Value::Dict(_) | Value::Table(_)))
    }

    /// True for numbers, as `Int` or `Float`.
    pub fn is_number(&self) -> bool {
        matches!(self, Value::Int(_) | Value::Float(_))
    }

    /// True for functions.
    pub fn is_function(&self) -> bool {
        matches!(self, Value::Function(_))
    }

    /// True for a non-empty text and for any empty list, which may be one.
    pub fn is_text(&self) -> bool {
        matches!(self, Value::Chars(_)) || (self.is_list() && self.is_empty())
    }

    /// True when the value can hold further values, so that dropping it may go deep.
    pub fn nests(&self) -> bool {
        matches!(
            self,
            Value::List(_) | Value::Dict(_) | Value::Table(_) | Value::Function(_)
        )
    }

    /// What `#x` answers: items of a list, entries of a dictionary, rows of a table, else 1.
    pub fn len(&self) -> usize {
        match self {
            Value::Ints(items) => items.len(),
            Value::Floats(items) => items.len(),
            Value::Temporals(_, items) => items.len(),
            Value::Chars(items) => items.len(),
            Value::Symbols(items) => items.len(),
            Value::List(items) => items.len(),
            Value::Dict(dict) => dict.len(),
            Value::Table(table) => table.rows(),
            Value::Nil
            | Value::Int(_)
            | Value::Float(_)
            | Value::Temporal(..)
            | Value::Char(_)
            | Value::Symbol(_)
            | Value::Function(_) => 1,
        }
    }

    /// True for a list, dictionary or table without items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True for nil, `0N` and `` ` ``: what `^x` calls null.
    pub fn is_null(&self) -> bool {
        match self {
            Value::Nil => true,
            Value::Int(x) => *x == NULL,
            Value::Float(x) => x.is_nan(),
            Value::Symbol(name) => name.is_empty(),
            _ => false,
        }
    }

    /// What a condition takes it for: false are `0`, `0.0` and every empty list.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Int(x) => *x != 0,
            Value::Float(x) => *x != 0.0,
            Value::Ints(_)
            | Value::Floats(_)
            | Value::Temporals(..)
            | Value::Chars(_)
            | Value::Symbols(_)
            | Value::List(_) => !self.is_empty(),
            _ => true,
        }
    }

    /// What the value is in a few words, for messages: `a symbol`, `3 items`.
    pub fn describe(&self) -> String {
        match self {
            Value::Nil => "nil".into(),
            Value::Int(_) | Value::Float(_) => "a number".into(),
            Value::Char(_) => "a char".into(),
            Value::Symbol(name) if name.is_empty() => "the empty symbol".into(),
            Value::Symbol(name) => format!("symbol {name}"),
            Value::Chars(text) => match text.len() {
                1 => "a string of 1 char".into(),
                count => format!("a string of {count} chars"),
            },
            Value::Temporal(kind, _) => format!("a {}", kind.word()),
            Value::Temporals(kind, items) => counted(items.len(), kind.word()),
            Value::Ints(_) | Value::Floats(_) => counted(self.len(), "number"),
            Value::Symbols(names) => counted(names.len(), "symbol"),
            Value::List(items) => counted(items.len(), "item"),
            Value::Dict(dict) => format!("a dictionary of {}", dict.len()),
            Value::Table(table) => format!("a table of {} rows", table.rows()),
            Value::Function(_) => "a function".into(),
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => "an empty list".into(),
        1 => format!("a list of 1 {what}"),
        count => format!("a list of {count} {what}s"),
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        super::matches(self, other)
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::format::form(self))
    }
}

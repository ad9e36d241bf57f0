//! Functions as values.
//!
//! The language half only knows what every function has in common: how it is shown, compared and
//! dropped. Calling one is the machine's affair, and what a lambda holds is the machine's own
//! type, [`crate::compile::Lambda`].

use super::grave::bury;
use super::{List, Value};
use crate::compile::Lambda;
use crate::symbol::Symbol;
use crate::verb::Verb;

/// A function.
#[derive(Clone)]
pub enum Function {
    /// `{x+y}` with what it captured.
    Lambda(Lambda),
    /// A verb of one or two arguments, by how many it gets: `(+)`.
    Verb(Verb),
    /// A verb forced to one argument: `#:`.
    Monad(Verb),
    /// A named function that the machine or its host performs: `print`, `snd`, `help`.
    Native(Symbol),
    /// A function with some of its arguments.
    Projection(Projection),
    /// A function made by an adverb: `+/`.
    Derived(Derived),
    /// Verbs in a row, left to right as written, nouns as left operands among them: `(2*|)`.
    Train(List),
}

/// A function with some of its arguments; `None` is a hole that a later call fills.
#[derive(Clone)]
pub struct Projection {
    /// The function that waits for its arguments.
    pub function: Value,
    /// The arguments so far, in order.
    pub arguments: Vec<Option<Value>>,
}

/// A verb, lambda or noun under an adverb.
#[derive(Clone)]
pub struct Derived {
    /// The adverb.
    pub adverb: Adverb,
    /// What it applies to: usually a function; a number or string for `10\` and `","/`.
    pub operand: Value,
}

/// The six adverbs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Adverb {
    /// `'`
    Each,
    /// `/`
    Over,
    /// `\`
    Scan,
    /// `':`
    Prior,
    /// `/:`
    EachRight,
    /// `\:`
    EachLeft,
}

impl Adverb {
    /// How the adverb is written.
    pub fn glyph(self) -> &'static str {
        match self {
            Adverb::Each => "'",
            Adverb::Over => "/",
            Adverb::Scan => "\\",
            Adverb::Prior => "':",
            Adverb::EachRight => "/:",
            Adverb::EachLeft => "\\:",
        }
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        let mut children: Vec<Value> = self.arguments.drain(..).flatten().collect();
        children.push(std::mem::replace(&mut self.function, Value::Nil));
        bury(children);
    }
}

impl Drop for Derived {
    fn drop(&mut self) {
        bury(vec![std::mem::replace(&mut self.operand, Value::Nil)]);
    }
}

impl Function {
    /// What `@f` answers: 107 for verbs and named functions, 105 for what adverbs and trains
    /// make, 102 for lambdas; a projection is of its function's kind.
    pub fn type_code(&self) -> i64 {
        let mut function = self;
        loop {
            match function {
                Function::Lambda(_) => return 102,
                Function::Verb(_) | Function::Monad(_) | Function::Native(_) => return 107,
                Function::Derived(_) | Function::Train(_) => return 105,
                Function::Projection(projection) => match &projection.function {
                    Value::Function(inner) => function = inner,
                    _ => return 102,
                },
            }
        }
    }
}

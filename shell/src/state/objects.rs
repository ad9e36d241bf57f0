//! What is shared: values behind references, and cells, as nodes of one graph.

use crate::code::{Capture, Cell, CellOuter};
use crate::value::{Function, Value};
use std::rc::Rc;

/// The first byte of a value where it is used.
pub(super) mod tag {
    pub(in crate::state) const NIL: u8 = 0;
    pub(in crate::state) const INT: u8 = 1;
    pub(in crate::state) const FLOAT: u8 = 2;
    pub(in crate::state) const TEMPORAL: u8 = 3;
    pub(in crate::state) const CHAR: u8 = 4;
    pub(in crate::state) const SYMBOL: u8 = 5;
    /// The number of an object.
    pub(in crate::state) const OBJECT: u8 = 6;
}

/// The first byte of an object.
pub(super) mod form {
    pub(in crate::state) const INTS: u8 = 0;
    pub(in crate::state) const FLOATS: u8 = 1;
    pub(in crate::state) const TEMPORALS: u8 = 2;
    pub(in crate::state) const CHARS: u8 = 3;
    pub(in crate::state) const SYMBOLS: u8 = 4;
    pub(in crate::state) const LIST: u8 = 5;
    pub(in crate::state) const DICT: u8 = 6;
    pub(in crate::state) const TABLE: u8 = 7;
    pub(in crate::state) const LAMBDA: u8 = 8;
    pub(in crate::state) const VERB: u8 = 9;
    pub(in crate::state) const MONAD: u8 = 10;
    pub(in crate::state) const NATIVE: u8 = 11;
    pub(in crate::state) const PROJECTION: u8 = 12;
    pub(in crate::state) const DERIVED: u8 = 13;
    pub(in crate::state) const TRAIN: u8 = 14;
    pub(in crate::state) const CELL: u8 = 15;
}

/// Something that is shared by reference count.
#[derive(Clone)]
pub(super) enum Node {
    /// A value that is no atom.
    Value(Value),
    /// A cell.
    Cell(Rc<Cell>),
}

impl Node {
    /// A number that tells it from all other nodes while it lives. Atoms have none.
    pub(super) fn identity(&self) -> Option<usize> {
        fn of<T: ?Sized>(shared: &Rc<T>) -> Option<usize> {
            Some(Rc::as_ptr(shared).cast::<u8>() as usize)
        }
        match self {
            Node::Cell(cell) => of(cell),
            Node::Value(value) => match value {
                Value::Ints(items) => of(items),
                Value::Floats(items) => of(items),
                Value::Temporals(_, items) => of(items),
                Value::Chars(items) => of(items),
                Value::Symbols(items) => of(items),
                Value::List(list) => of(list),
                Value::Dict(dict) => of(dict),
                Value::Table(table) => of(table),
                Value::Function(function) => of(function),
                _ => None,
            },
        }
    }

    /// Adds what it refers to for good. What a cell holds at the moment is not among it: so there are
    /// no circles.
    pub(super) fn children(&self, add: &mut impl FnMut(Node)) {
        let mut value = |value: &Value| {
            if !value.is_atom() || value.is_function() {
                add(Node::Value(value.clone()));
            }
        };
        match self {
            Node::Cell(cell) => {
                if let CellOuter::Captured(capture) = &cell.outer {
                    add(node_of(capture));
                }
            }
            Node::Value(Value::List(list)) => list.iter().for_each(value),
            Node::Value(Value::Dict(dict)) => {
                value(dict.keys());
                value(dict.values());
            }
            Node::Value(Value::Table(table)) => {
                value(&Value::Symbols(Rc::clone(table.names())));
                table.columns().iter().for_each(value);
            }
            Node::Value(Value::Function(function)) => match &**function {
                Function::Lambda(lambda) => {
                    lambda.captures().iter().map(node_of).for_each(add);
                }
                Function::Projection(projection) => {
                    value(&projection.function);
                    projection.arguments.iter().flatten().for_each(value);
                }
                Function::Derived(derived) => value(&derived.operand),
                Function::Train(steps) => steps.iter().for_each(value),
                Function::Verb(_) | Function::Monad(_) | Function::Native(_) => {}
            },
            Node::Value(_) => {}
        }
    }
}

/// A captured value as a node; atoms are nodes without identity.
fn node_of(capture: &Capture) -> Node {
    match capture {
        Capture::Value(value) => Node::Value(value.clone()),
        Capture::Cell(cell) => Node::Cell(Rc::clone(cell)),
    }
}

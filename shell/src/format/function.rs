//! The forms of functions: what stands in them is written so that it is read as it was.

use super::form::{Piece, Writer};
use crate::value::{Function, Value};

impl<'a> Writer<'a> {
    pub(super) fn function(&mut self, function: &'a Function, depth: usize) {
        match function {
            Function::Lambda(lambda) => self.out.push_str(&lambda.form()),
            Function::Verb(verb) if verb.named_arity() > 0 => self.out.push_str(verb.glyph()),
            Function::Verb(verb) => {
                self.out.push('(');
                self.out.push_str(verb.glyph());
                self.out.push(')');
            }
            Function::Monad(verb) => {
                self.out.push_str(verb.glyph());
                self.out.push(':');
            }
            Function::Native(name) => self.out.push_str(&name.text()),
            Function::Derived(derived) => {
                self.todo.push(Piece::Text(derived.adverb.glyph()));
                self.todo.push(Piece::Operand(&derived.operand, depth));
            }
            Function::Projection(projection) => {
                self.todo.push(Piece::Text("]"));
                for (at, argument) in projection.arguments.iter().enumerate().rev() {
                    if let Some(argument) = argument {
                        self.todo.push(Piece::Value(argument, depth));
                    }
                    self.todo.push(Piece::Text(if at > 0 { ";" } else { "[" }));
                }
                if projection.arguments.is_empty() {
                    self.todo.push(Piece::Text("["));
                }
                self.todo.push(Piece::Operand(&projection.function, depth));
            }
            Function::Train(items) => {
                self.todo.push(Piece::Text(")"));
                self.todo
                    .extend(items.iter().rev().map(|item| Piece::TrainItem(item, depth)));
                self.todo.push(Piece::Text("("));
            }
        }
    }

    /// What stands before an adverb or a bracket: verbs bare, and parentheses where the form
    /// would otherwise be read differently.
    pub(super) fn operand(&mut self, value: &'a Value, depth: usize) {
        match value {
            Value::Function(function) => match &**function {
                Function::Verb(verb) => self.out.push_str(verb.glyph()),
                _ => self.function(function, depth),
            },
            Value::Dict(_) => self.in_parentheses(value, depth),
            list if list.is_list() && list.len() == 1 => self.in_parentheses(value, depth),
            other => self.value(other, depth),
        }
    }

    fn in_parentheses(&mut self, value: &'a Value, depth: usize) {
        self.todo.push(Piece::Text(")"));
        self.todo.push(Piece::Value(value, depth));
        self.todo.push(Piece::Text("("));
    }

    /// An item of a train. A space keeps apart what would be read as one word.
    pub(super) fn train_item(&mut self, value: &'a Value, depth: usize) {
        let glyph = match value {
            Value::Function(function) => match &**function {
                Function::Verb(verb) | Function::Monad(verb) => Some(verb.glyph()),
                Function::Native(name) => {
                    self.space_before(b'a');
                    self.todo.push(Piece::Name(*name));
                    return;
                }
                _ => None,
            },
            Value::Int(_) | Value::Float(_) | Value::Ints(_) | Value::Floats(_) => Some("0"),
            Value::Temporal(..) | Value::Temporals(..) => Some("0"),
            _ => None,
        };
        if let Some(first) = glyph.and_then(|glyph| glyph.bytes().next()) {
            self.space_before(first);
        }
        self.operand(value, depth);
    }

    fn space_before(&mut self, next: u8) {
        let last = self.out.bytes().last().unwrap_or(b'(');
        let word = |c: u8| c.is_ascii_alphanumeric();
        let joins = (word(last) && word(next))
            || (matches!(last, b'<' | b'>') && matches!(next, b'=' | b'>'))
            || (matches!(last, b'-' | b'.') && next.is_ascii_digit())
            || next == b':';
        if joins && last != b'(' {
            self.out.push(' ');
        }
    }
}

//! The re-readable form of a value, `5:x`.
//!
//! A list that holds lists is written over several lines, each item on its own, indented by one
//! more than the depth; everything else stays on its line. The walk keeps its own stack, and
//! stops when the text has reached its largest size.

use super::text::{is_key, write_char, write_string, write_symbol};
use crate::calendar::write as write_temporal;
use crate::error::{Class, Error};
use crate::number::{write_float, write_float_rounded, write_int};
use crate::pace;
use crate::symbol::Symbol;
use crate::value::{Dict, List, Table, Value, limit_bytes};

/// What an item counts for when it is written.
const ITEM_PACE: usize = 8;

/// The most bytes of text that a form has when nobody asked for less.
pub const FORM_BYTES_MAX: usize = 1 << 28;

/// How a form is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Fractions are rounded to so many significant digits; 0 keeps all.
    pub digits: usize,
    /// The form is cut when it has got so long.
    pub bytes_max: usize,
    /// What separates the items of a list of lists.
    pub breaks: Breaks,
}

/// What separates the items of a list of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaks {
    /// A newline and the indent.
    Lines,
    /// A semicolon.
    Semicolons,
}

impl Default for Layout {
    fn default() -> Layout {
        Layout {
            digits: 0,
            bytes_max: FORM_BYTES_MAX,
            breaks: Breaks::Lines,
        }
    }
}

/// A value as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The text, or its beginning.
    pub text: String,
    /// How the text relates to the value.
    pub extent: Extent,
}

/// Whether a text is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Only a beginning; the rest did not fit.
    Cut,
}

/// What is still to be written, last first.
pub(super) enum Piece<'a> {
    Value(&'a Value, usize),
    Operand(&'a Value, usize),
    TrainItem(&'a Value, usize),
    Text(&'static str),
    Name(Symbol),
    Key(Symbol),
    Break(usize),
}

/// The form of a value, at most [`FORM_BYTES_MAX`] long.
pub fn form(value: &Value) -> String {
    form_with(value, &Layout::default()).text
}

/// The whole form of a value.
///
/// # Errors
/// `limit` when it would be longer than [`FORM_BYTES_MAX`].
pub fn form_checked(value: &Value) -> Result<String, Error> {
    let form = form_with(value, &Layout::default());
    match form.extent {
        Extent::Whole => Ok(form.text),
        Extent::Cut => Err(Error::new(Class::Limit, "the display form is too long")),
    }
}

/// The form of a value in a given layout, at most half as long as one result may be: while it grows it is
/// there twice.
pub fn form_with(value: &Value, layout: &Layout) -> Form {
    let layout = &Layout {
        bytes_max: layout.bytes_max.min(limit_bytes() / 2),
        ..*layout
    };
    let mut writer = Writer {
        out: String::new(),
        todo: vec![Piece::Value(value, 0)],
        layout: *layout,
    };
    while let Some(piece) = writer.todo.pop() {
        pace::work_on(ITEM_PACE);
        writer.piece(piece);
        if writer.out.len() > layout.bytes_max {
            let mut end = layout.bytes_max;
            while !writer.out.is_char_boundary(end) {
                end -= 1;
            }
            writer.out.truncate(end);
            return Form {
                text: writer.out,
                extent: Extent::Cut,
            };
        }
    }
    Form {
        text: writer.out,
        extent: Extent::Whole,
    }
}

pub(super) struct Writer<'a> {
    pub(super) out: String,
    pub(super) todo: Vec<Piece<'a>>,
    layout: Layout,
}

impl<'a> Writer<'a> {
    fn piece(&mut self, piece: Piece<'a>) {
        match piece {
            Piece::Text(text) => self.out.push_str(text),
            Piece::Name(name) => self.out.push_str(&name.text()),
            Piece::Key(name) => {
                self.out.push_str(&name.text());
                self.out.push(':');
            }
            Piece::Break(depth) => match self.layout.breaks {
                Breaks::Semicolons => self.out.push(';'),
                Breaks::Lines => {
                    self.out.push('\n');
                    // A deep nest of long indents is stopped by the size check after each piece.
                    self.out
                        .extend(std::iter::repeat_n(' ', depth.min(self.layout.bytes_max)));
                }
            },
            Piece::Value(value, depth) => self.value(value, depth),
            Piece::Operand(value, depth) => self.operand(value, depth),
            Piece::TrainItem(value, depth) => self.train_item(value, depth),
        }
    }

    pub(super) fn value(&mut self, value: &'a Value, depth: usize) {
        match value {
            Value::Nil => {}
            Value::Int(x) => self.int(*x),
            Value::Float(x) => self.float(*x),
            Value::Temporal(kind, x) => write_temporal(&mut self.out, *kind, *x),
            Value::Char(x) => write_char(&mut self.out, *x),
            Value::Symbol(x) => write_symbol(&mut self.out, *x),
            Value::Dict(dict) => self.dict(dict, depth),
            Value::Table(table) => self.table(table, depth),
            Value::Function(function) => self.function(function, depth),
            list if list.is_empty() => self.out.push_str("()"),
            list => {
                if list.len() == 1 {
                    self.out.push(',');
                }
                self.list(list, depth);
            }
        }
    }

    fn list(&mut self, list: &'a Value, depth: usize) {
        match list {
            Value::Ints(items) => self.row(items, " ", |writer, x| writer.int(*x)),
            Value::Floats(items) => self.row(items, " ", |writer, x| writer.float(*x)),
            Value::Temporals(kind, items) => self.row(items, " ", |writer, x| {
                write_temporal(&mut writer.out, *kind, *x)
            }),
            Value::Symbols(items) => {
                self.row(items, "", |writer, x| write_symbol(&mut writer.out, *x))
            }
            Value::Chars(text) => {
                // Escaping makes a byte four at most, so no more than this is ever looked at.
                let shown = text.len().min(self.layout.bytes_max.saturating_add(1));
                write_string(&mut self.out, &text[..shown]);
            }
            Value::List(items) => self.general(items, depth),
            _ => {}
        }
    }

    /// Writes the items of a vector until the text is too long.
    fn row<T>(&mut self, items: &[T], separator: &str, mut write: impl FnMut(&mut Self, &T)) {
        for (at, item) in items.iter().enumerate() {
            pace::work_on(ITEM_PACE);
            if at > 0 {
                self.out.push_str(separator);
            }
            write(self, item);
            if self.out.len() > self.layout.bytes_max {
                return;
            }
        }
    }

    fn general(&mut self, items: &'a List, depth: usize) {
        if items.len() == 1 {
            self.todo
                .extend(items.iter().map(|item| Piece::Value(item, depth)));
            return;
        }
        if items.iter().all(Value::is_number) {
            return self.row(items, " ", |writer, item| match item {
                Value::Int(x) => writer.int(*x),
                Value::Float(x) => writer.float(*x),
                _ => {}
            });
        }
        let nested = items.iter().any(Value::is_list);
        self.todo.push(Piece::Text(")"));
        for (at, item) in items.iter().enumerate().rev() {
            self.todo
                .push(Piece::Value(item, if nested { depth + 1 } else { depth }));
            if at > 0 {
                self.todo.push(if nested {
                    Piece::Break(depth + 1)
                } else {
                    Piece::Text(";")
                });
            }
        }
        self.todo.push(Piece::Text("("));
    }

    fn dict(&mut self, dict: &'a Dict, depth: usize) {
        if dict.is_empty() {
            self.out.push_str("()!()");
            return;
        }
        let values = dict.values();
        if let (Value::Symbols(keys), Value::List(items)) = (dict.keys(), values)
            && keys.iter().all(|key| is_key(key.bytes()))
        {
            self.todo.push(Piece::Text("]"));
            for (at, (key, item)) in keys.iter().zip(items.iter()).enumerate().rev() {
                self.todo.push(Piece::Value(item, depth));
                self.todo.push(Piece::Key(*key));
                self.todo.push(Piece::Text(if at > 0 { ";" } else { "[" }));
            }
            return;
        }
        if let Value::Symbols(keys) = dict.keys()
            && keys.iter().all(|key| is_key(key.bytes()))
        {
            for (at, (key, item)) in keys.iter().zip(values.items()).enumerate() {
                self.out.push(if at > 0 { ';' } else { '[' });
                self.piece(Piece::Key(*key));
                self.flat(&item);
                if self.out.len() > self.layout.bytes_max {
                    return;
                }
            }
            self.out.push(']');
            return;
        }
        self.todo.push(Piece::Value(values, depth));
        if dict.len() == 1 {
            self.todo.push(Piece::Text(")!"));
            self.todo.push(Piece::Value(dict.keys(), depth));
            self.todo.push(Piece::Text("("));
        } else {
            self.todo.push(Piece::Text("!"));
            self.todo.push(Piece::Value(dict.keys(), depth));
        }
    }

    /// An atom out of a typed vector.
    fn flat(&mut self, atom: &Value) {
        match atom {
            Value::Int(x) => self.int(*x),
            Value::Float(x) => self.float(*x),
            Value::Temporal(kind, x) => write_temporal(&mut self.out, *kind, *x),
            Value::Char(x) => write_char(&mut self.out, *x),
            Value::Symbol(x) => write_symbol(&mut self.out, *x),
            _ => {}
        }
    }

    fn table(&mut self, table: &'a Table, depth: usize) {
        let named = table.names().iter().all(|name| is_key(name.bytes()));
        if !named {
            // Such names only come from a flipped dictionary, so that is how they are written.
            let single = table.names().len() == 1;
            self.out.push_str(if single { "+(," } else { "+(" });
            self.row(table.names(), "", |writer, name| {
                write_symbol(&mut writer.out, *name)
            });
            self.out.push_str(if single { ")!," } else { ")!(" });
            if !single {
                self.todo.push(Piece::Text(")"));
            }
        } else {
            self.out.push_str("([");
            self.row(table.names(), ";", |writer, name| {
                writer.out.push_str(&name.text())
            });
            self.out.push(']');
            self.todo.push(Piece::Text(")"));
        }
        for (at, column) in table.columns().iter().enumerate().rev() {
            self.todo.push(Piece::Value(column, depth));
            if at > 0 {
                self.todo.push(Piece::Text(";"));
            }
        }
    }

    fn int(&mut self, x: i64) {
        let mut digits = Vec::with_capacity(20);
        write_int(&mut digits, x);
        self.out.extend(digits.iter().map(|c| *c as char));
    }

    fn float(&mut self, x: f64) {
        let mut digits = Vec::with_capacity(24);
        match self.layout.digits {
            0 => write_float(&mut digits, x),
            count => write_float_rounded(&mut digits, x, count),
        }
        self.out.extend(digits.iter().map(|c| *c as char));
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaks, Extent, Layout, form, form_checked, form_with};
    use crate::symbol::Symbol;
    use crate::value::{Adverb, Derived, Dict, Function, Projection, Table, Value};
    use crate::verb::Verb;
    use std::rc::Rc;

    fn ints(items: &[i64]) -> Value {
        Value::from_ints(items.to_vec())
    }

    fn dict(keys: Value, values: Value) -> Value {
        Value::dict(Dict::new(keys, values).unwrap())
    }

    #[test]
    fn lists() {
        assert_eq!(form(&ints(&[1, 2])), "1 2");
        assert_eq!(form(&ints(&[1])), ",1");
        assert_eq!(form(&ints(&[1]).enlist()), ",,1");
        assert_eq!(form(&Value::empty()), "()");
        assert_eq!(form(&Value::Nil), "");
        let mixed = Value::from_items(vec![Value::Int(1), Value::Nil, Value::symbol("b")]);
        assert_eq!(form(&mixed), "(1;;`b)");
        let nested = Value::from_items(vec![
            Value::from_items(vec![ints(&[1, 2]), ints(&[3])]),
            Value::Int(1),
        ]);
        assert_eq!(form(&nested), "((1 2\n  ,3)\n 1)");
        let line = Layout {
            breaks: Breaks::Semicolons,
            ..Layout::default()
        };
        assert_eq!(form_with(&nested, &line).text, "((1 2;,3);1)");
    }

    #[test]
    fn dictionaries() {
        let names = Value::from_symbols(vec![Symbol::new("a"), Symbol::new("b")]);
        assert_eq!(form(&dict(names.clone(), ints(&[1, 2]))), "[a:1;b:2]");
        let values = Value::from_items(vec![Value::Char(b'x'), ints(&[3, 4])]);
        assert_eq!(form(&dict(names, values)), "[a:\"x\";b:3 4]");
        assert_eq!(form(&dict(ints(&[2]), ints(&[3]))), "(,2)!,3");
        assert_eq!(form(&dict(ints(&[1, 2]), ints(&[3, 4]))), "1 2!3 4");
        assert_eq!(form(&Value::dict(Dict::empty())), "()!()");
        let odd = Value::from_symbols(vec![Symbol::new("a b"), Symbol::new("c")]);
        assert_eq!(form(&dict(odd, ints(&[3, 4]))), "`\"a b\"`c!3 4");
    }

    #[test]
    fn tables() {
        let names = Rc::new(vec![Symbol::new("a"), Symbol::new("b")]);
        let table = Table::new(names, vec![ints(&[1, 2]), Value::string("xy")]).unwrap();
        assert_eq!(form(&Value::table(table)), "([a;b]1 2;\"xy\")");
    }

    #[test]
    fn functions() {
        let plus = Value::function(Function::Verb(Verb::Plus));
        assert_eq!(form(&plus), "(+)");
        let over = |operand| {
            Value::function(Function::Derived(Derived {
                adverb: Adverb::Over,
                operand,
            }))
        };
        assert_eq!(form(&over(plus.clone())), "+/");
        assert_eq!(form(&over(over(plus.clone()))), "+//");
        assert_eq!(form(&over(Value::Int(10))), "10/");
        let waits = Projection {
            function: plus.clone(),
            arguments: vec![Some(Value::Int(5)), None],
        };
        assert_eq!(form(&Value::function(Function::Projection(waits))), "+[5;]");
        let train = crate::value::List::new(vec![Value::Int(2), plus]);
        assert_eq!(form(&Value::function(Function::Train(train))), "(2+)");
    }

    #[test]
    fn deep_values_need_no_stack_and_long_ones_are_cut() {
        let deep = (0..1_000_000).fold(Value::Int(1), |inner, _| inner.enlist());
        assert_eq!(form(&deep).len(), 1_000_001);
        let pair = |inner| Value::from_items(vec![inner, ints(&[1, 2])]);
        let steep = (0..100_000).fold(ints(&[1]), |inner, _| pair(inner));
        assert!(form_checked(&steep).is_err());
        let cut = form_with(
            &ints(&[1; 1000]),
            &Layout {
                bytes_max: 10,
                ..Layout::default()
            },
        );
        assert_eq!((cut.text.as_str(), cut.extent), ("1 1 1 1 1 ", Extent::Cut));
    }
}

//! Items of lists: reading one, changing one, adding one, walking all.

use super::convert::{fits_float, float_to_int, int_to_float};
use super::{Kind, List, NULL, Value};
use std::rc::Rc;

impl Value {
    /// Item `at` of a list, entry `at` of a dictionary's values, row `at` of a table; an atom has
    /// itself as item 0.
    pub fn item(&self, at: usize) -> Option<Value> {
        match self {
            Value::Ints(items) => items.get(at).map(|x| Value::Int(*x)),
            Value::Floats(items) => items.get(at).map(|x| Value::Float(*x)),
            Value::Temporals(kind, items) => items.get(at).map(|x| Value::temporal(*kind, *x)),
            Value::Chars(items) => items.get(at).map(|x| Value::Char(*x)),
            Value::Symbols(items) => items.get(at).map(|x| Value::Symbol(*x)),
            Value::List(items) => items.get(at).cloned(),
            Value::Dict(dict) => dict.values().item(at),
            Value::Table(table) => table.row(at),
            atom => (at == 0).then(|| atom.clone()),
        }
    }

    /// Walks the items as [`Value::item`] gives them.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        (0..self.len()).map(|at| self.item(at).unwrap_or(Value::Nil))
    }

    /// The items as a vector of values; the list's own when nobody else holds it.
    pub fn into_items(self) -> Vec<Value> {
        match self {
            Value::List(list) => match Rc::try_unwrap(list) {
                Ok(list) => list.into_items(),
                Err(shared) => shared.to_vec(),
            },
            other => other.items().collect(),
        }
    }

    /// Replaces item `at` of a list, which is copied first if somebody else holds it, and takes
    /// the form that the new item needs. An `at` past the end changes nothing.
    pub fn set_item(&mut self, at: usize, item: Value) {
        if at >= self.len() {
            return;
        }
        match (&mut *self, &item) {
            (Value::Ints(items), Value::Int(x)) => Rc::make_mut(items)[at] = *x,
            (Value::Floats(items), Value::Float(x)) => Rc::make_mut(items)[at] = *x,
            (Value::Floats(items), Value::Int(x)) if fits_float(*x) => {
                Rc::make_mut(items)[at] = int_to_float(*x)
            }
            (Value::Temporals(kind, items), Value::Temporal(other, x)) if kind == other => {
                Rc::make_mut(items)[at] = *x
            }
            (Value::Chars(items), Value::Char(x)) => Rc::make_mut(items)[at] = *x,
            (Value::Symbols(items), Value::Symbol(x)) => Rc::make_mut(items)[at] = *x,
            (Value::List(items), _) => {
                // Nulls are numbers, and at home among dates and their like too.
                let mixes = item.kind() == Kind::Temporal || item.is_null();
                let alike = |other: &Value| {
                    other.kind() == item.kind()
                        || (mixes && matches!(other.kind(), Kind::Number | Kind::Temporal))
                };
                let same_kind = item.is_atom()
                    && items
                        .iter()
                        .enumerate()
                        .all(|(i, other)| i == at || alike(other));
                Rc::make_mut(items).items_mut()[at] = item;
                if same_kind {
                    self.collapse();
                }
            }
            (list, _) if list.is_list() => {
                let mut items = std::mem::take(list).into_items();
                items[at] = item;
                *list = Value::from_items(items);
            }
            _ => {}
        }
    }

    /// Adds an item at the end of a list, in place when nobody else holds it.
    pub fn push(&mut self, item: Value) {
        match (&mut *self, item) {
            (Value::Ints(items), Value::Int(x)) => Rc::make_mut(items).push(x),
            (Value::Ints(items), Value::Float(x))
                if !items.is_empty() && float_to_int(x).is_some() =>
            {
                Rc::make_mut(items).push(float_to_int(x).unwrap_or(super::NULL));
            }
            (Value::Floats(items), Value::Float(x)) => Rc::make_mut(items).push(x),
            (Value::Floats(items), Value::Int(x)) if fits_float(x) => {
                Rc::make_mut(items).push(int_to_float(x))
            }
            (Value::Temporals(kind, items), Value::Temporal(other, x)) if *kind == other => {
                Rc::make_mut(items).push(x)
            }
            (Value::Temporals(_, items), Value::Int(NULL)) => Rc::make_mut(items).push(NULL),
            (Value::Chars(items), Value::Char(x)) => Rc::make_mut(items).push(x),
            (Value::Symbols(items), Value::Symbol(x)) => Rc::make_mut(items).push(x),
            (list, item) if list.is_empty() => *list = item.enlist(),
            // A list in its narrowest form that is general stays so with one more item, except a
            // list of numbers that no vector holds; one more does not change that either.
            (Value::List(items), item) => Rc::make_mut(items).items_mut().push(item),
            (_, item) => {
                let mut items = std::mem::take(self).into_items();
                items.push(item);
                *self = Value::from_items(items);
            }
        }
    }

    /// Brings a general list into its narrowest form.
    pub(crate) fn collapse(&mut self) {
        if matches!(self, Value::List(_)) {
            let items = std::mem::take(self).into_items();
            *self = Value::from_items(items);
        }
    }

    /// A general list of these items that the caller knows to be in narrowest form.
    pub(crate) fn from_items_general(items: Vec<Value>) -> Value {
        Value::List(Rc::new(List::new(items)))
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn a_new_item_may_change_the_form() {
        let mut list = Value::from_ints(vec![1, 2, 3]);
        list.set_item(1, Value::Char(b'x'));
        assert_eq!(list.representation(), "list");
        list.set_item(1, Value::Int(9));
        assert_eq!(list.representation(), "ints");
        list.set_item(0, Value::Float(0.5));
        assert_eq!(list, Value::from_floats(vec![0.5, 9.0, 3.0]));
        list.set_item(7, Value::Nil);
        assert_eq!(list.len(), 3);
    }

    #[test]
    fn changing_leaves_other_holders_alone() {
        let first = Value::from_ints(vec![1, 2]);
        let mut second = first.clone();
        second.push(Value::Int(3));
        assert_eq!(first.len(), 2);
        assert_eq!(second, Value::from_ints(vec![1, 2, 3]));
        let mut text = Value::empty();
        text.push(Value::Char(b'a'));
        assert_eq!(text.representation(), "chars");
    }
}

//! Places in a value: where a path leads, what stands there, and putting something else there.
//!
//! A path has a step for each level. A step that is an atom leads to one place; a list leads to
//! several, one after the other, and an elided step to all. The new values are spread likewise: a
//! list of them must be as long as the step, anything else goes to every place. [`leaves`] turns a
//! path into single places, which also serves the machine when a function has to be called for
//! each. What nobody else holds is changed in place.

use crate::error::{Class, Error};
use crate::value::{Table, Value};
use std::rc::Rc;

/// One place in a value, and what goes there.
pub struct Leaf {
    /// An atom for each level.
    pub path: Vec<Value>,
    /// The new value's part for this place, when there is a new value.
    pub value: Option<Value>,
}

/// All places that a path leads to, in order.
///
/// # Errors
/// `length` when the new values and the places differ in number, `type` and `index` where an
/// elided step meets nothing to spread over.
pub fn leaves(d: &Value, path: &[Value], y: Option<Value>) -> Result<Vec<Leaf>, Error> {
    struct Open {
        prefix: Vec<Value>,
        step: Option<Value>,
        value: Option<Value>,
    }
    let mut todo = vec![Open {
        prefix: Vec::new(),
        step: None,
        value: y,
    }];
    let mut out = Vec::new();
    while let Some(Open {
        prefix,
        step,
        value,
    }) = todo.pop()
    {
        let Some(step) = step.or_else(|| path.get(prefix.len()).cloned()) else {
            out.push(Leaf {
                path: prefix,
                value,
            });
            continue;
        };
        let places = match step {
            Value::Nil => all_places(&read(d, &prefix)?)?,
            step if step.is_list() => step,
            step => {
                let mut longer = prefix;
                longer.push(step);
                todo.push(Open {
                    prefix: longer,
                    step: None,
                    value,
                });
                continue;
            }
        };
        if let Some(list) = value.as_ref().filter(|value| value.is_list())
            && list.len() != places.len()
        {
            let text = format!("amend of {} places with {} items", places.len(), list.len());
            return Err(Error::new(Class::Length, text));
        }
        for (index, place) in places.items().enumerate().rev() {
            let value = match &value {
                Some(list) if list.is_list() => list.item(index),
                other => other.clone(),
            };
            // An elided step inside a list of places would spread for ever: it is no place.
            if matches!(place, Value::Nil) {
                return Err(Error::new(Class::Type, "amend at nil"));
            }
            todo.push(Open {
                prefix: prefix.clone(),
                step: Some(place),
                value,
            });
        }
    }
    Ok(out)
}

fn all_places(d: &Value) -> Result<Value, Error> {
    match d {
        Value::Dict(dict) => Ok(dict.keys().clone()),
        d if d.is_list() || matches!(d, Value::Table(_)) => {
            super::count::iota(Value::count(d.len()))
        }
        other => Err(Error::new(
            Class::Type,
            format!("amend of {}", other.describe()),
        )),
    }
}

/// What stands at a place now: null where there is nothing yet.
///
/// # Errors
/// `type` when the path leads into an atom.
pub fn read(d: &Value, path: &[Value]) -> Result<Value, Error> {
    super::index::at_depth(d, path)
}

/// Puts a value at a place. A key that a dictionary or table lacks is added at its end.
///
/// # Errors
/// `index` for a place that a list doesn't have, `type` when the path leads into an atom, `length`
/// for a table column of another length.
pub fn write(d: &mut Value, path: &[Value], value: Value) -> Result<(), Error> {
    let Some((last, steps)) = path.split_last() else {
        *d = value;
        return Ok(());
    };
    let mut current = d;
    let mut steps = steps.to_vec();
    let mut last = last.clone();
    if matches!(current, Value::Table(_)) && matches!(steps.first(), Some(step) if step.is_number())
    {
        // A row and then a column: the column comes first.
        let row = std::mem::take(&mut steps[0]);
        let name = std::mem::replace(steps.get_mut(1).unwrap_or(&mut last), row);
        steps[0] = name;
    }
    for step in &steps {
        current = inner(current, step)?;
    }
    set(current, &last, value)
}

/// The item that a step leads to, to change it.
fn inner<'a>(d: &'a mut Value, step: &Value) -> Result<&'a mut Value, Error> {
    match d {
        Value::List(list) => {
            let place = place_in(step, list.len())?;
            Ok(&mut Rc::make_mut(list).items_mut()[place])
        }
        Value::Dict(dict) => {
            let Some(place) = dict.position(step) else {
                return Err(Error::new(Class::Index, format!("no key {step:?}")));
            };
            match Rc::make_mut(dict).values_mut() {
                Value::List(list) => Ok(&mut Rc::make_mut(list).items_mut()[place]),
                other => Err(into_atom(&other.item(place).unwrap_or_default())),
            }
        }
        Value::Table(table) => {
            let place = column_of(table, step)?;
            Ok(&mut Rc::make_mut(table).columns_mut()[place])
        }
        list if list.is_list() => {
            let place = place_in(step, list.len())?;
            Err(into_atom(&list.item(place).unwrap_or_default()))
        }
        other => Err(into_atom(other)),
    }
}

fn into_atom(atom: &Value) -> Error {
    Error::new(Class::Type, format!("amend of {}", atom.describe()))
}

fn column_of(table: &Table, step: &Value) -> Result<usize, Error> {
    match step {
        Value::Symbol(name) => table
            .position(*name)
            .ok_or_else(|| Error::new(Class::Index, format!("no column {name}"))),
        other => Err(Error::new(
            Class::Type,
            format!("amend of a table at {}", other.describe()),
        )),
    }
}

fn place_in(step: &Value, items: usize) -> Result<usize, Error> {
    if !step.is_number() {
        return Err(Error::new(
            Class::Type,
            format!("amend of a list at {}", step.describe()),
        ));
    }
    match step.as_index() {
        Some(place) if place < items => Ok(place),
        _ => Err(Error::new(
            Class::Index,
            format!("{step:?} of a list of {items} items"),
        )),
    }
}

/// Puts a value at one place of the outermost level.
pub(super) fn set(d: &mut Value, step: &Value, value: Value) -> Result<(), Error> {
    match d {
        Value::Dict(dict) => {
            Rc::make_mut(dict).set(step.clone(), value);
            Ok(())
        }
        Value::Table(table) => set_in_table(table, step, value),
        list if list.is_list() => {
            let place = place_in(step, list.len())?;
            list.set_item(place, value);
            Ok(())
        }
        other => Err(into_atom(other)),
    }
}

fn set_in_table(table: &mut Rc<Table>, step: &Value, value: Value) -> Result<(), Error> {
    let rows = table.rows();
    if let Value::Symbol(name) = step {
        let (mut names, mut columns) = super::walk::take(Rc::clone(table)).into_parts();
        // A table without columns takes its length from the first one.
        let value = match value.is_list() || columns.is_empty() {
            true => value,
            false => Value::repeat(value, rows)?,
        };
        match names.iter().position(|n| n == name) {
            Some(place) => columns[place] = value,
            None => {
                Rc::make_mut(&mut names).push(*name);
                columns.push(value);
            }
        }
        *table = Rc::new(Table::new(names, columns)?);
        return Ok(());
    }
    let place = place_in(step, rows)?;
    let Value::Dict(row) = &value else {
        return Err(Error::new(
            Class::Type,
            format!("amend of a row with {}", value.describe()),
        ));
    };
    let cells = table
        .names()
        .iter()
        .map(|name| row.get(&Value::Symbol(*name)));
    let Some(cells) = cells.collect::<Option<Vec<Value>>>() else {
        return Err(Error::new(
            Class::Length,
            "amend of a row with one that lacks columns",
        ));
    };
    for (column, cell) in Rc::make_mut(table).columns_mut().iter_mut().zip(cells) {
        column.set_item(place, cell);
    }
    Ok(())
}

//! Assignments through a verb and at indices. They change the value in place when nobody else
//! holds it, and leave the old value where an error happens.

use super::Machine;
use super::dispatch::needs_machine;
use super::operations::set_cell;
use crate::code::{Index, Lambda, Op, Place, Reading, Target};
use crate::env::Binding;
use crate::error::{Class, Error};
use crate::frame::Cells;
use crate::value::Value;
use crate::verb::{self, Verb, dmend, read, write};

impl Machine {
    /// Runs an update or an amend. Returns a global that must be computed first.
    pub(super) fn assign_part(
        &mut self,
        lambda: &Lambda,
        cells: &Cells,
        index: u32,
        base: usize,
        op: Op,
    ) -> Result<Option<u32>, Error> {
        let Some(target) = lambda.code().targets.get(index as usize) else {
            return Ok(None);
        };
        // A view is computed before anything is taken.
        let old = match target.read {
            Reading::Outer(outer) => match self.outer_value(lambda, outer) {
                Ok(value) => Some(value),
                Err(global) => return Ok(Some(global)),
            },
            Reading::Same => match self.shared_value(cells, target.place) {
                Ok(value) => value,
                Err(global) => return Ok(Some(global)),
            },
        };
        let mut value = match old {
            Some(value) => value,
            None => self.take_place(cells, target.place, base),
        };
        let result = match op {
            Op::Update(_) => {
                let operand = self.stack.pop().unwrap_or_default();
                let done = self.update(target.verb.unwrap_or(Verb::Colon), &mut value, operand);
                done.map(|()| Value::Nil)
            }
            _ => self.amend_place(target, &mut value),
        };
        let shown = match (op, &result) {
            (Op::Update(_), Ok(_)) => Ok(value.clone()),
            _ => result,
        };
        let keep_old = shown.is_err() && matches!(target.read, Reading::Outer(_));
        if !keep_old {
            self.put_place(cells, target.place, base, value);
        }
        self.stack.push(shown?);
        Ok(None)
    }

    /// A place's value where it can't be taken: an unset cell, a view. Nothing where it can.
    fn shared_value(&self, cells: &Cells, place: Place) -> Result<Option<Value>, u32> {
        match place {
            Place::Slot(_) => Ok(None),
            Place::Cell(index) => {
                let is_set = cells
                    .as_ref()
                    .and_then(|cells| cells.get(usize::from(index)));
                match is_set {
                    Some(cell) if cell.value.borrow().is_some() => Ok(None),
                    _ => self.cell(cells, index).map(Some),
                }
            }
            Place::Global(global) => match self.env.binding(global) {
                Binding::Value(_) => Ok(None),
                _ => self.env.value(global).cloned().map(Some).ok_or(global),
            },
        }
    }

    fn take_place(&mut self, cells: &Cells, place: Place, base: usize) -> Value {
        let taken = match place {
            Place::Slot(slot) => self
                .stack
                .get_mut(base + usize::from(slot))
                .map(std::mem::take),
            Place::Cell(index) => {
                let cell = cells
                    .as_ref()
                    .and_then(|cells| cells.get(usize::from(index)));
                cell.and_then(|cell| cell.value.borrow_mut().take())
            }
            Place::Global(global) => self.env.take(global),
        };
        taken.unwrap_or_default()
    }

    fn put_place(&mut self, cells: &Cells, place: Place, base: usize, value: Value) {
        match place {
            Place::Slot(slot) => {
                if let Some(place) = self.stack.get_mut(base + usize::from(slot)) {
                    *place = value;
                }
            }
            Place::Cell(index) => set_cell(cells, index, value),
            Place::Global(global) => self.env.set(global, value),
        }
    }

    /// Changes a value at the indices on the stack; what is assigned lies below them.
    fn amend_place(&mut self, target: &Target, value: &mut Value) -> Result<Value, Error> {
        let given = target
            .indices
            .iter()
            .filter(|index| **index == Index::Given)
            .count();
        let mut given = self.take(given).into_iter();
        let path = target.indices.iter().map(|index| match index {
            Index::Given => given.next().unwrap_or_default(),
            Index::Elided => Value::Nil,
        });
        let mut path: Vec<Value> = path.collect();
        if path.is_empty() {
            path.push(Value::Nil);
        }
        let operand = self.stack.pop().unwrap_or_default();
        let one_place = path
            .iter()
            .all(|index| index.is_atom() && !matches!(index, Value::Nil));
        if one_place {
            let item = match target.verb {
                None => operand,
                Some(verb) => {
                    let mut item = read(value, &path)?;
                    self.update(verb, &mut item, operand)?;
                    item
                }
            };
            write(value, &path, item.clone())?;
            return Ok(item);
        }
        let verb = target.verb.unwrap_or(Verb::Colon);
        let before = match surely_amends(value, &path, verb, &operand) {
            true => std::mem::take(value),
            false => value.clone(),
        };
        *value = dmend(before, &path, verb, operand.clone(), &mut self.rng)?;
        self.charge(value);
        match target.verb {
            None => Ok(operand),
            Some(_) => read(value, &path),
        }
    }

    /// `x v: y`: when the verb fails the value stays as it was.
    fn update(&mut self, verb: Verb, value: &mut Value, operand: Value) -> Result<(), Error> {
        if needs_machine(verb, value) {
            let text = format!("{}: of {}", verb.glyph(), value.describe());
            return Err(Error::new(Class::Type, text));
        }
        let left = match cannot_fail(verb, value, &operand) {
            true => std::mem::take(value),
            false => value.clone(),
        };
        *value = verb::dyadic(verb, left, operand, &mut self.rng)?;
        self.charge(value);
        Ok(())
    }
}

/// True when an amend of a flat list at a list of indices surely succeeds, so that the old list
/// needn't be kept.
fn surely_amends(value: &Value, path: &[Value], verb: Verb, operand: &Value) -> bool {
    let [Value::Ints(places)] = path else {
        return false;
    };
    let length = value.len();
    let in_range = |place: &i64| usize::try_from(*place).is_ok_and(|place| place < length);
    let fits = operand.is_atom() || (operand.is_list() && operand.len() == places.len());
    let plain =
        verb == Verb::Colon || (is_numeric(value) && is_numeric(operand) && is_arithmetic(verb));
    value.is_list() && fits && plain && places.iter().all(in_range)
}

fn is_numeric(value: &Value) -> bool {
    matches!(
        value,
        Value::Int(_) | Value::Float(_) | Value::Ints(_) | Value::Floats(_)
    )
}

fn is_arithmetic(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Plus | Verb::Minus | Verb::Star | Verb::Percent | Verb::And | Verb::Or
    )
}

/// True when a verb surely gives a value for such operands, so that the left one needn't be kept.
fn cannot_fail(verb: Verb, left: &Value, right: &Value) -> bool {
    match verb {
        Verb::Comma => left.is_list() && !matches!(right, Value::Dict(_) | Value::Table(_)),
        verb if is_arithmetic(verb) => {
            let agree = left.is_atom() || right.is_atom() || left.len() == right.len();
            is_numeric(left) && is_numeric(right) && agree
        }
        _ => false,
    }
}

//! The operations that take more than a line: closures, lists, trains, calls with holes, views,
//! and reading what is captured.

use super::Machine;
use crate::code::{Capture, Capturing, Cell, CellBegin, CellOuter, Code, Index, Lambda, Op, Outer};
use crate::env::Binding;
use crate::error::{Class, Error};
use crate::frame::{Cells, Frame};
use crate::symbol::Symbol;
use crate::value::{Derived, Dict, Function, Projection, Table, Value};
use std::rc::Rc;

/// Where the search for a captured value ends.
enum Found {
    Value(Value),
    Global(u32),
}

fn follow(capture: &Capture) -> Found {
    let mut capture = capture.clone();
    loop {
        let outer = match capture {
            Capture::Value(value) => return Found::Value(value),
            Capture::Cell(cell) => {
                if let Some(value) = &*cell.value.borrow() {
                    return Found::Value(value.clone());
                }
                cell.outer.clone()
            }
        };
        match outer {
            CellOuter::Global(global) => return Found::Global(global),
            CellOuter::Captured(next) => capture = next,
        }
    }
}

impl Machine {
    fn found(&self, found: Found) -> Result<Value, u32> {
        match found {
            Found::Value(value) => Ok(value),
            Found::Global(global) => self.env.value(global).cloned().ok_or(global),
        }
    }

    /// A captured value, or the global that it turned out to stand for and that has none at hand.
    pub(super) fn captured(&self, lambda: &Lambda, index: u16) -> Result<Value, u32> {
        match lambda.captures().get(usize::from(index)) {
            Some(capture) => self.found(follow(capture)),
            None => Ok(Value::Nil),
        }
    }

    /// A cell's value, or the global that it stands for.
    pub(super) fn cell(&self, cells: &Cells, index: u16) -> Result<Value, u32> {
        match cells
            .as_ref()
            .and_then(|cells| cells.get(usize::from(index)))
        {
            Some(cell) => self.found(follow(&Capture::Cell(Rc::clone(cell)))),
            None => Ok(Value::Nil),
        }
    }

    /// A value of the scope around, if the name has one there.
    pub(crate) fn outer_value(&self, lambda: &Lambda, outer: Outer) -> Result<Value, u32> {
        match outer {
            Outer::Captured(index) => self.captured(lambda, index),
            Outer::Global(global) => self.found(Found::Global(global)),
        }
    }

    /// The view that has to be evaluated so that a global has a value.
    ///
    /// # Errors
    /// `name` when the global is unset.
    pub(super) fn view_to_refresh(&self, global: u32) -> Result<Rc<Code>, Error> {
        match self.env.binding(global) {
            Binding::View(view) => Ok(Rc::clone(&view.code)),
            _ => Err(Error::new(
                Class::Name,
                format!("{} has no value", self.env.name(global)),
            )),
        }
    }

    /// The cells of a call whose arguments are on the stack.
    pub(crate) fn cells_of(&mut self, lambda: &Lambda, base: usize) -> Cells {
        let code = lambda.code();
        if code.cells.is_empty() {
            return None;
        }
        let cells = code.cells.iter().map(|spec| {
            let value = match spec.begins {
                CellBegin::Unset => None,
                CellBegin::Parameter => self
                    .stack
                    .get_mut(base + usize::from(spec.slot))
                    .map(std::mem::take),
            };
            let outer = match spec.outer {
                Outer::Global(global) => CellOuter::Global(global),
                Outer::Captured(index) => match lambda.captures().get(usize::from(index)) {
                    Some(capture) => CellOuter::Captured(capture.clone()),
                    None => CellOuter::Captured(Capture::Value(Value::Nil)),
                },
            };
            Rc::new(Cell {
                value: std::cell::RefCell::new(value),
                outer,
            })
        });
        Some(Rc::new(cells.collect()))
    }

    /// Takes so many values off the stack, the lowest first.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Value> {
        let from = self.stack.len().saturating_sub(count);
        self.stack.split_off(from)
    }

    /// Runs an operation that is not on the fast path.
    pub(super) fn operation(
        &mut self,
        op: Op,
        lambda: &Lambda,
        cells: &Cells,
        base: usize,
    ) -> Result<(), Error> {
        let code = lambda.code();
        let value = match op {
            Op::Closure(index) => self.closure(lambda, cells, index, base),
            Op::CellSet(index) => {
                let value = self.stack.last().cloned().unwrap_or_default();
                set_cell(cells, index, value);
                return Ok(());
            }
            Op::CellPut(index) => {
                let value = self.stack.pop().unwrap_or_default();
                set_cell(cells, index, value);
                return Ok(());
            }
            Op::List(count) => {
                let mut items = self.take(count as usize);
                items.reverse();
                Value::from_items(items)
            }
            Op::ListForward(count) => Value::from_items(self.take(count as usize)),
            Op::Dict(keys) => {
                let keys = code
                    .constants
                    .get(keys as usize)
                    .cloned()
                    .unwrap_or_default();
                let values = self.take(keys.len());
                let mut dict = Dict::empty();
                for (key, value) in keys.items().zip(values) {
                    dict.set(key, value);
                }
                Value::dict(dict)
            }
            Op::Table(names) => {
                let names = match code.constants.get(names as usize) {
                    Some(Value::Symbols(names)) => Rc::clone(names),
                    _ => Rc::new(Vec::new()),
                };
                let mut columns = self.take(names.len());
                columns.reverse();
                Value::table(Table::new(names, columns)?)
            }
            Op::Derive(adverb) => {
                let operand = self.stack.pop().unwrap_or_default();
                Value::function(Function::Derived(Derived { adverb, operand }))
            }
            Op::Train(index) => {
                let parts = code
                    .trains
                    .get(index as usize)
                    .map_or(&[][..], Vec::as_slice);
                self.train_of(parts)
            }
            Op::CallElided(index) => {
                let holes = code
                    .holes
                    .get(index as usize)
                    .map_or(&[][..], Vec::as_slice);
                self.call_elided(holes)?
            }
            Op::View(index) => {
                if let Some(view) = code.views.get(index as usize) {
                    self.env
                        .set_view(view.global, Rc::clone(&view.code), &view.dependencies);
                }
                Value::Nil
            }
            // Everything else is run where operations are told apart.
            _ => return Ok(()),
        };
        self.stack.push(value);
        Ok(())
    }

    fn closure(&self, lambda: &Lambda, cells: &Cells, index: u32, base: usize) -> Value {
        let Some(prototype) = lambda.code().prototypes.get(index as usize) else {
            return Value::Nil;
        };
        let captures = prototype.captures.iter().map(|capturing| match *capturing {
            Capturing::Slot(slot) => {
                let value = self.stack.get(base + usize::from(slot)).cloned();
                Capture::Value(value.unwrap_or_default())
            }
            Capturing::Cell(index) => match cells
                .as_ref()
                .and_then(|cells| cells.get(usize::from(index)))
            {
                Some(cell) => Capture::Cell(Rc::clone(cell)),
                None => Capture::Value(Value::Nil),
            },
            Capturing::Captured(index) => match lambda.captures().get(usize::from(index)) {
                Some(capture) => capture.clone(),
                None => Capture::Value(Value::Nil),
            },
        });
        let captures = captures.collect();
        Value::function(Function::Lambda(Lambda::new(
            Rc::clone(&prototype.code),
            captures,
        )))
    }

    /// A call with elided arguments: a list is indexed with whole axes, a function becomes a
    /// projection.
    fn call_elided(&mut self, holes: &[Index]) -> Result<Value, Error> {
        let function = self.stack.pop().unwrap_or_default();
        let given = holes.iter().filter(|hole| **hole == Index::Given).count();
        let mut given = self.take(given).into_iter();
        let arguments = holes.iter().map(|hole| match hole {
            Index::Given => Some(given.next().unwrap_or_default()),
            Index::Elided => None,
        });
        let arguments: Vec<Option<Value>> = arguments.collect();
        self.project(function, arguments)
    }

    /// A function with some of its arguments.
    ///
    /// # Errors
    /// `rank` when there are more than it takes, `type` when it is no function.
    pub(crate) fn project(
        &self,
        function: Value,
        mut arguments: Vec<Option<Value>>,
    ) -> Result<Value, Error> {
        match &function {
            Value::Function(inner) => {
                if let Some(most) = crate::apply::arguments_max(inner)
                    && arguments.len() > most
                {
                    return Err(crate::apply::rank_error(inner, arguments.len()));
                }
                match &**inner {
                    Function::Lambda(lambda) => {
                        arguments.resize(
                            usize::from(lambda.code().parameters).max(arguments.len()),
                            None,
                        );
                    }
                    Function::Projection(projection) => {
                        let merged = crate::apply::merge(projection, arguments);
                        let function = projection.function.clone();
                        return Ok(Value::function(Function::Projection(Projection {
                            function,
                            arguments: merged,
                        })));
                    }
                    _ => {}
                }
                Ok(Value::function(Function::Projection(Projection {
                    function,
                    arguments,
                })))
            }
            Value::Symbol(name) => match self
                .env
                .find(*name)
                .and_then(|number| self.env.value(number))
            {
                Some(Value::Symbol(_)) | None => Err(Error::new(
                    Class::Name,
                    format!("{name} has no value that can be called"),
                )),
                Some(value) => self.project(value.clone(), arguments),
            },
            Value::Dict(_) | Value::Table(_) => {
                crate::verb::at_depth(&function, &path_of(arguments))
            }
            list if list.is_list() => crate::verb::at_depth(&function, &path_of(arguments)),
            other => Err(crate::apply::not_callable(other)),
        }
    }
}

fn path_of(arguments: Vec<Option<Value>>) -> Vec<Value> {
    arguments
        .into_iter()
        .map(Option::unwrap_or_default)
        .collect()
}

pub(super) fn set_cell(cells: &Cells, index: u16, value: Value) {
    if let Some(cell) = cells
        .as_ref()
        .and_then(|cells| cells.get(usize::from(index)))
    {
        cell.value.replace(Some(value));
    }
}

impl Machine {
    /// The names that the innermost lambda can read, with their values: its locals that are set
    /// and what it captured.
    pub(crate) fn names_in_reach(&self) -> (Vec<Symbol>, Vec<Capture>) {
        let running = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Lambda(running) => Some(running),
            _ => None,
        });
        let (mut names, mut captures) = (Vec::new(), Vec::new());
        let Some(running) = running else {
            return (names, captures);
        };
        let Function::Lambda(lambda) = &*running.function else {
            return (names, captures);
        };
        let code = lambda.code();
        for (slot, name) in code.slots.iter().enumerate() {
            // An unset slot holds nil, which a set one seldom does.
            if let Some(value) = self.stack.get(running.base as usize + slot)
                && !matches!(value, Value::Nil)
            {
                names.push(*name);
                captures.push(Capture::Value(value.clone()));
            }
        }
        let cells = running.cells.iter().flat_map(|cells| cells.iter());
        for (cell, spec) in cells.zip(&code.cells) {
            if let Some(name) = code.slots.get(usize::from(spec.slot)) {
                names.push(*name);
                captures.push(Capture::Cell(Rc::clone(cell)));
            }
        }
        for (name, capture) in code.captured.iter().zip(lambda.captures()) {
            if !names.contains(name) {
                names.push(*name);
                captures.push(capture.clone());
            }
        }
        (names, captures)
    }
}

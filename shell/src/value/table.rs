//! Tables: named columns of equal length.
//!
//! Invariants: at least as many names as columns and no more, every column is a list of `rows`
//! items.

use super::{Dict, Value};
use crate::error::{Class, Error};
use crate::symbol::Symbol;
use std::rc::Rc;

/// A table: a list of rows that is stored by column.
#[derive(Clone)]
pub struct Table {
    names: Rc<Vec<Symbol>>,
    columns: Vec<Value>,
    rows: usize,
}

impl Table {
    /// A table of these columns. Atom columns extend to the length of the others; a table of
    /// atoms only has one row.
    ///
    /// # Errors
    /// `length` when columns differ in length, or names and columns in number.
    pub fn new(names: Rc<Vec<Symbol>>, mut columns: Vec<Value>) -> Result<Table, Error> {
        if names.len() != columns.len() {
            return Err(Error::new(
                Class::Length,
                format!(
                    "table of {} names and {} columns",
                    names.len(),
                    columns.len()
                ),
            ));
        }
        let mut rows = None;
        for (name, column) in names.iter().zip(&columns) {
            if !column.is_list() {
                continue;
            }
            match rows {
                None => rows = Some(column.len()),
                Some(rows) if rows == column.len() => {}
                Some(rows) => {
                    return Err(Error::new(
                        Class::Length,
                        format!(
                            "table with a column of {rows} rows and column {name} of {}",
                            column.len()
                        ),
                    ));
                }
            }
        }
        let rows = rows.unwrap_or(usize::from(!columns.is_empty()));
        for column in &mut columns {
            if !column.is_list() {
                let atom = std::mem::replace(column, Value::Nil);
                *column = Value::repeat(atom, rows)?;
            }
        }
        Ok(Table {
            names,
            columns,
            rows,
        })
    }

    /// The names of the columns.
    pub fn names(&self) -> &Rc<Vec<Symbol>> {
        &self.names
    }

    /// The columns, lists of [`Table::rows`] items.
    pub fn columns(&self) -> &[Value] {
        &self.columns
    }

    /// The columns, to change them in place; their lengths must stay.
    pub fn columns_mut(&mut self) -> &mut [Value] {
        &mut self.columns
    }

    /// Takes names and columns apart.
    pub fn into_parts(self) -> (Rc<Vec<Symbol>>, Vec<Value>) {
        (self.names, self.columns)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The position of a column.
    pub fn position(&self, name: Symbol) -> Option<usize> {
        self.names.iter().position(|&n| n == name)
    }

    /// A column by name.
    pub fn column(&self, name: Symbol) -> Option<&Value> {
        self.position(name).and_then(|at| self.columns.get(at))
    }

    /// One row as a dictionary.
    pub fn row(&self, at: usize) -> Option<Value> {
        if at >= self.rows {
            return None;
        }
        let values = self
            .columns
            .iter()
            .map(|column| column.item(at).unwrap_or(Value::Nil))
            .collect();
        let keys = Value::Symbols(Rc::clone(&self.names));
        Dict::new(keys, Value::from_items(values))
            .ok()
            .map(|row| Value::Dict(Rc::new(row)))
    }
}

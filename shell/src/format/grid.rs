//! What the shell shows: a table as a grid of columns, everything else in its form.

use super::form::{Breaks, Extent, Form, Layout, form_with};
use crate::value::{Table, Value};

/// The text that the shell shows for a value.
pub fn repl_form(value: &Value, layout: &Layout) -> Form {
    match value {
        Value::Table(table) => grid(table, layout),
        other => form_with(other, layout),
    }
}

/// One column of the grid: the texts of its cells, numbers to the right.
struct Column {
    cells: Vec<String>,
    width: usize,
    align: Align,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// A header, a rule, and a line for each row; cells are forms without line breaks.
fn grid(table: &Table, layout: &Layout) -> Form {
    if table.columns().is_empty() {
        return form_with(&Value::table(table.clone()), layout);
    }
    // Every row takes at least one byte, so no more rows than that can be shown.
    let rows = table.rows().min(layout.bytes_max);
    let columns: Vec<Column> = table
        .names()
        .iter()
        .zip(table.columns())
        .map(|(name, column)| column_of(&name.text(), column, rows, layout))
        .collect();
    let rule: usize = columns.iter().map(|column| column.width + 1).sum::<usize>() - 1;
    let mut text = String::new();
    for line in 0..=rows {
        for (at, column) in columns.iter().enumerate() {
            let cell = &column.cells[line];
            let fill = column.width - cell.chars().count();
            if at > 0 {
                text.push(' ');
            }
            if column.align == Align::Right {
                text.extend(std::iter::repeat_n(' ', fill));
            }
            text.push_str(cell);
            if column.align == Align::Left && at + 1 < columns.len() {
                text.extend(std::iter::repeat_n(' ', fill));
            }
        }
        if line == 0 {
            text.push('\n');
            text.extend(std::iter::repeat_n('-', rule));
        }
        if line < rows {
            text.push('\n');
        }
        if text.len() > layout.bytes_max {
            let end = text.floor_char_boundary(layout.bytes_max);
            text.truncate(end);
            return Form {
                text,
                extent: Extent::Cut,
            };
        }
    }
    Form {
        text,
        extent: Extent::Whole,
    }
}

fn column_of(name: &str, column: &Value, rows: usize, layout: &Layout) -> Column {
    let cell_layout = Layout {
        breaks: Breaks::Semicolons,
        ..*layout
    };
    let mut cells = vec![name.to_owned()];
    cells.extend((0..rows).map(|row| {
        let cell = column.item(row).unwrap_or(Value::Nil);
        form_with(&cell, &cell_layout).text
    }));
    let width = cells
        .iter()
        .map(|cell| cell.chars().count())
        .max()
        .unwrap_or(0);
    let numbers = matches!(column, Value::Ints(_) | Value::Floats(_));
    Column {
        cells,
        width,
        align: if numbers { Align::Right } else { Align::Left },
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, repl_form};
    use crate::symbol::Symbol;
    use crate::value::{Table, Value};
    use std::rc::Rc;

    #[test]
    fn a_table_is_a_grid() {
        let names = Rc::new(vec![Symbol::new("name"), Symbol::new("n")]);
        let words = Value::from_symbols(vec![Symbol::new("a"), Symbol::new("longer")]);
        let table =
            Value::table(Table::new(names, vec![words, Value::from_ints(vec![5, 10])]).unwrap());
        let text = repl_form(&table, &Layout::default()).text;
        assert_eq!(text, "name     n\n----------\n`a       5\n`longer 10");
    }
}

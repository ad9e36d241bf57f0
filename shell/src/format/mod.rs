//! Values as text: the re-readable form, and what the shell shows.

mod form;
mod function;
mod grid;
mod text;

pub use form::{Breaks, Extent, FORM_BYTES_MAX, Form, Layout, form, form_checked, form_with};
pub use grid::repl_form;
pub use text::{is_key, write_char, write_string, write_symbol};

#[cfg(test)]
mod readback;

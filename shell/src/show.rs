//! What a session writes for a value.

use crate::format::{Extent, Layout, repl_form};
use crate::symbol::Symbol;
use crate::value::Value;

/// A value that somebody at a terminal sees is cut when its text is longer: it would only scroll by.
const SHOWN_BYTES_MAX: usize = 10_000;

/// The layout for inputs from a place: nothing for a person at a terminal. What goes to a file or a pipe
/// is not cut.
pub fn layout_for(origin: &str) -> Layout {
    let whole = Layout::default();
    match origin {
        "" => Layout {
            bytes_max: SHOWN_BYTES_MAX,
            ..whole
        },
        _ => whole,
    }
}

/// What the shell shows for a value, cut with a note when it is very long.
pub fn shown(value: &Value, layout: &Layout) -> Vec<u8> {
    let form = repl_form(value, layout);
    let mut text = form.text;
    if form.extent == Extent::Cut && layout.bytes_max == Layout::default().bytes_max {
        text.push_str("\n.. cut: memory has no room for more");
    } else if form.extent == Extent::Cut {
        text.push_str(&format!(
            "\n.. cut, {}: print x shows all of x",
            value.describe()
        ));
    }
    text.push('\n');
    text.into_bytes()
}

/// Names in one line.
pub fn listed(names: &[Symbol]) -> String {
    let texts: Vec<_> = names.iter().map(|name| name.text()).collect();
    texts.join(" ")
}

/// What `print` writes: a string as it is, everything else as the shell shows it.
pub fn printed(value: &Value, layout: &Layout) -> Vec<u8> {
    match value {
        Value::Chars(text) => [text.as_slice(), b"\n"].concat(),
        Value::Char(byte) => vec![*byte, b'\n'],
        other => {
            let whole = Layout {
                bytes_max: Layout::default().bytes_max,
                ..*layout
            };
            shown(other, &whole)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{layout_for, printed, shown};
    use crate::value::Value;

    #[test]
    fn a_long_value_is_cut_at_a_terminal_only_and_printed_whole() {
        let long = Value::from_ints((0..100_000).collect());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let cut = text(shown(&long, &layout_for("")));
        assert!(
            cut.len() < 11_000
                && cut.ends_with("\n.. cut, a list of 100000 numbers: print x shows all of x\n")
        );
        assert!(text(shown(&long, &layout_for("stdin"))).ends_with(" 99999\n"));
        assert!(text(printed(&long, &layout_for(""))).ends_with(" 99999\n"));
    }
}

//! Text that a module or a guest has chosen, made fit to be printed.
//!
//! A name in a module may be any text: line ends that forge a line of the log, escape sequences that a terminal obeys,
//! a million letters. What is told to a person goes through here first.
//!
//! Invariant: what [`escaped`] and [`printable`] answer is one line that no terminal takes for a command.

use std::fmt::{self, Display, Write};

use super::limits::PRINTED_CHARS_MAX;

/// The text with an escape in place of each character that does more than to appear: `\n`, `\u{1b}`. Tabs stay.
pub(super) fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => line.push(c),
            c if c.is_control() => line.extend(c.escape_default()),
            // Line ends of Unicode, and what changes the direction of all that follows.
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                line.extend(c.escape_default());
            }
            c => line.push(c),
        }
    }
    line
}

/// The text escaped, and cut off after [`PRINTED_CHARS_MAX`] characters.
pub(super) fn printable(text: &str) -> String {
    match text.char_indices().nth(PRINTED_CHARS_MAX) {
        None => escaped(text),
        Some((end, _)) => escaped(&text[..end]) + "...",
    }
}

/// What a value writes of itself, as [`printable`] shows it. No more is written than is shown: a short name can
/// stand for a very long one.
pub(super) fn printable_form(value: &dyn Display) -> String {
    let mut form = Beginning {
        text: String::new(),
        chars_left: PRINTED_CHARS_MAX + 1,
    };
    // The only error is that there is enough.
    let _ = write!(form, "{value}");
    printable(&form.text)
}

/// The beginning of what is written to it.
struct Beginning {
    text: String,
    chars_left: usize,
}

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.chars_left = self.chars_left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{PRINTED_CHARS_MAX, escaped, printable, printable_form};
    use std::fmt::{self, Display};

    #[test]
    fn what_is_printed_is_one_line_of_visible_text() {
        assert_eq!(escaped("grün \"x\" \\ a\tb"), "grün \"x\" \\ a\tb");
        assert_eq!(
            escaped("a\r\nb\u{1b}[2J\u{9b}\0"),
            r"a\r\nb\u{1b}[2J\u{9b}\u{0}"
        );
        assert_eq!(escaped("\u{202e}cba\u{2028}"), r"\u{202e}cba\u{2028}");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let long = "ü".repeat(PRINTED_CHARS_MAX);
        assert_eq!(printable(&long), long);
        assert_eq!(printable(&format!("{long}n")), format!("{long}..."));
    }

    #[test]
    fn no_more_is_written_than_is_shown() {
        struct Endless;
        impl Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("a\n")?;
                }
            }
        }
        assert_eq!(printable_form(&"a\tb"), "a\tb");
        let shown = printable_form(&Endless);
        assert_eq!(shown, r"a\n".repeat(PRINTED_CHARS_MAX / 2) + "...");
    }
}

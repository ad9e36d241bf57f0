//! What is pasted: gathered apart from the keys, then taken apart into inputs.
//!
//! The terminal brackets what it pastes. A paste without a line end is put in at the cursor. One
//! with line ends is run as lines of a file would be, input by input; what follows its
//! last line end is left for the person to finish.

use std::collections::VecDeque;

use okernel_shell::brackets::is_incomplete;
use okernel_shell::command::is_command;

/// A paste on its way.
#[derive(Debug, Default)]
pub struct Paste {
    text: Option<String>,
    after_return: bool,
    done: Option<String>,
}

impl Paste {
    /// The terminal begins to paste.
    pub fn begin(&mut self) {
        self.text = Some(String::new());
        self.after_return = false;
    }

    /// Whether what comes is pasted.
    pub fn is_under_way(&self) -> bool {
        self.text.is_some()
    }

    /// One more character. Line ends come as the terminal likes them.
    pub fn push(&mut self, c: char) {
        let Some(text) = &mut self.text else {
            return;
        };
        let after_return = std::mem::replace(&mut self.after_return, c == '\r');
        match c {
            '\r' => text.push('\n'),
            '\n' if after_return => {}
            c => text.push(c),
        }
    }

    /// The paste is whole: its text if it is to be put in at the cursor, nothing if it is several
    /// lines, which [`Paste::take`] then hands out.
    pub fn end(&mut self) -> Option<String> {
        let text = self.text.take().unwrap_or_default();
        if text.contains('\n') {
            self.done = Some(text);
            return None;
        }
        Some(text)
    }

    /// The lines that were pasted.
    pub fn take(&mut self) -> Option<String> {
        self.done.take()
    }
}

/// The inputs that a text of several lines makes, and what is left after the last line end, with the
/// lines of an input that is not whole.
pub fn inputs(text: &str) -> (VecDeque<String>, String) {
    let mut inputs = VecDeque::new();
    let (whole, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let mut input = String::new();
    for line in whole.lines() {
        if !input.is_empty() {
            input.push('\n');
        }
        input.push_str(line);
        if is_whole(&input) {
            let input = std::mem::take(&mut input);
            if !input.trim().is_empty() {
                inputs.push_back(input);
            }
        }
    }
    if !input.is_empty() {
        input.push('\n');
    }
    input.push_str(last);
    (inputs, input)
}

/// Whether an input can be run, or more lines are needed.
pub fn is_whole(input: &str) -> bool {
    is_command(input) || !is_incomplete(input)
}

#[cfg(test)]
mod tests {
    use super::{Paste, inputs};

    #[test]
    fn lines_become_inputs() {
        let (whole, rest) = inputs("a:1\n\nf:{x+\n 1}\n\\t f 2\nlast");
        assert_eq!(whole, ["a:1", "f:{x+\n 1}", "\\t f 2"]);
        assert_eq!(rest, "last");
        let (whole, rest) = inputs("(1;\n2");
        assert!(whole.is_empty());
        assert_eq!(rest, "(1;\n2");
        assert_eq!(inputs("x\n"), (["x".to_string()].into(), String::new()));
    }

    #[test]
    fn line_ends_come_as_they_like() {
        let mut paste = Paste::default();
        paste.begin();
        "a\r\nb\rc\nd".chars().for_each(|c| paste.push(c));
        assert_eq!(paste.end(), None);
        assert_eq!(paste.take().as_deref(), Some("a\nb\nc\nd"));
        paste.begin();
        paste.push('x');
        assert_eq!(paste.end().as_deref(), Some("x"));
        assert_eq!(paste.take(), None);
    }
}

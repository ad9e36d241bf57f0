//! The brackets that are open at the end of a text, so that more lines may complete it.
//!
//! A text can be read piece by piece: where brackets are open no string is, so that the next line begins a token.

use crate::error::Source;
use crate::lexer::{Bracket, TokenKind, tokens};
use std::rc::Rc;

/// What is open after the pieces that were read.
#[derive(Debug, Default)]
pub struct Brackets {
    open: Vec<Bracket>,
}

impl Brackets {
    /// Reads the next lines. True when brackets are open at their end; false when the text is complete, or wrong in a
    /// way that more lines can't mend.
    pub fn are_open_after(&mut self, lines: &str) -> bool {
        let source = Rc::new(Source {
            origin: String::new(),
            line_first: 1,
            text: lines.to_owned(),
        });
        let Ok(tokens) = tokens(&source) else {
            return false;
        };
        for token in &tokens {
            let closed = match token.kind {
                TokenKind::Open(bracket) => {
                    self.open.push(bracket);
                    continue;
                }
                TokenKind::Cond => {
                    self.open.push(Bracket::Square);
                    continue;
                }
                TokenKind::Close(bracket) => bracket,
                _ => continue,
            };
            if self.open.pop() != Some(closed) {
                return false;
            }
        }
        !self.open.is_empty()
    }
}

/// True when brackets are open at the end of the text, so that more lines may complete it.
pub fn is_incomplete(text: &str) -> bool {
    Brackets::default().are_open_after(text)
}

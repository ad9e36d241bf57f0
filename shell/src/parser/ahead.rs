//! What the parser may see ahead, always over a bounded row of tokens: headers of lambdas and
//! tables, and whether a bracket holds a dictionary.

use super::Parser;
use crate::lexer::{Bracket, TokenKind};
use crate::symbol::Symbol;
use crate::verb::Verb;

impl Parser {
    /// The names in `[a;b]` that begins `ahead` tokens from here, and the tokens that it takes.
    pub(super) fn names_ahead(&self, ahead: usize) -> Option<(Vec<Symbol>, usize)> {
        if self.kind(ahead) != Some(&TokenKind::Open(Bracket::Square)) {
            return None;
        }
        let mut names = Vec::new();
        let mut at = ahead + 1;
        if self.kind(at) == Some(&TokenKind::Close(Bracket::Square)) {
            return Some((names, at + 1 - ahead));
        }
        loop {
            let Some(TokenKind::Name(name)) = self.kind(at) else {
                return None;
            };
            names.push(*name);
            at += 2;
            match self.kind(at - 1) {
                Some(TokenKind::Semicolon | TokenKind::Newline) => {}
                Some(TokenKind::Close(Bracket::Square)) => return Some((names, at - ahead)),
                _ => return None,
            }
        }
    }

    /// The names of `([a;b]`, when the bracket that was just opened begins a table: then an
    /// expression follows them at once.
    pub(super) fn table_ahead(&self) -> Option<(Vec<Symbol>, usize)> {
        let (names, count) = self.names_ahead(0)?;
        // `([]` holds named columns or nothing; otherwise it is the empty dictionary.
        let is_dict = names.is_empty() && !self.key_ahead(count);
        (self.expression_ahead(count) && !is_dict).then_some((names, count))
    }

    /// True when what stands `ahead` tokens from here goes on with an expression.
    fn expression_ahead(&self, ahead: usize) -> bool {
        !matches!(
            self.kind(ahead),
            None | Some(
                TokenKind::Close(_)
                    | TokenKind::Semicolon
                    | TokenKind::Newline
                    | TokenKind::Adverb(_),
            )
        )
    }

    /// True when `name:` stands `ahead` tokens from here.
    pub(super) fn key_ahead(&self, ahead: usize) -> bool {
        matches!(self.kind(ahead), Some(TokenKind::Name(_)))
            && self.kind(ahead + 1) == Some(&TokenKind::Verb(Verb::Colon))
    }

    /// True when `[` stands here and doesn't begin a dictionary.
    pub(super) fn arguments_ahead(&self) -> bool {
        self.kind(0) == Some(&TokenKind::Open(Bracket::Square)) && !self.key_ahead(1)
    }

    /// The verb of a compound assignment `+:` here. With an adverb or nothing after it, it is a
    /// verb of one argument instead.
    pub(super) fn compound_ahead(&self) -> Option<Verb> {
        let Some(TokenKind::Monad(verb)) = self.kind(0) else {
            return None;
        };
        self.expression_ahead(1).then_some(*verb)
    }

    /// True at the end of an expression.
    pub(super) fn ends(&self) -> bool {
        matches!(
            self.kind(0),
            None | Some(TokenKind::Close(_) | TokenKind::Semicolon | TokenKind::Newline)
        )
    }
}

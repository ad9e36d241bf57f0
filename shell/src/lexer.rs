//! From source text to tokens.
//!
//! One pass over the bytes, without look-back further than one byte: whether `-` begins a number
//! depends on the byte before it alone. Newlines come out as `;` where the language reads them
//! so, comments are gone, and every token knows its place.

use crate::calendar::{self, Literal};
use crate::error::{Class, Error, Source, Span};
use crate::number;
use crate::symbol::Symbol;
use crate::value::{Adverb, Temporal, Value};
use crate::verb::Verb;
use std::rc::Rc;

/// The most bytes that one source text may have.
pub const SOURCE_BYTES_MAX: usize = 1 << 30;

/// The three kinds of brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracket {
    /// `(` `)`
    Round,
    /// `[` `]`
    Square,
    /// `{` `}`
    Curly,
}

impl Bracket {
    /// The opening and the closing character.
    pub fn glyphs(self) -> (char, char) {
        match self {
            Bracket::Round => ('(', ')'),
            Bracket::Square => ('[', ']'),
            Bracket::Curly => ('{', '}'),
        }
    }
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// A number, date, timestamp or span.
    Number(Value),
    /// A symbol.
    Symbol(Symbol),
    /// The bytes of a string.
    Text(Vec<u8>),
    /// A name.
    Name(Symbol),
    /// A verb; `:` too.
    Verb(Verb),
    /// A verb and a colon: forced monad or compound assignment.
    Monad(Verb),
    /// `::`
    DoubleColon,
    /// An adverb.
    Adverb(Adverb),
    /// An opening bracket.
    Open(Bracket),
    /// A closing bracket.
    Close(Bracket),
    /// `$[`
    Cond,
    /// `;` as written.
    Semicolon,
    /// A newline that separates.
    Newline,
}

/// A token and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// The tokens of a source.
///
/// # Errors
/// `parse`: a character that begins nothing, an unfinished string, a number that is none.
pub fn tokens(source: &Rc<Source>) -> Result<Vec<Token>, Error> {
    match scan(source) {
        (tokens, None) => Ok(tokens),
        (_, Some(error)) => Err(error),
    }
}

/// The tokens of a source up to the first mistake, and the mistake: for text that is still typed.
pub fn scan(source: &Rc<Source>) -> (Vec<Token>, Option<Error>) {
    let bytes = source.text.as_bytes();
    if bytes.len() > SOURCE_BYTES_MAX {
        let text = format!("a source text of {} bytes", bytes.len());
        return (Vec::new(), Some(Error::new(Class::Limit, text)));
    }
    let mut lexer = Lexer {
        bytes,
        at: 0,
        tokens: Vec::new(),
    };
    while lexer.at < bytes.len() {
        if let Err(error) = crate::pace::work(8) {
            return (lexer.tokens, Some(error));
        }
        let start = lexer.at;
        if let Err(text) = lexer.token() {
            let end = lexer.at.max(start + 1).min(bytes.len());
            let error = Error::new(Class::Parse, text).at(source, Span::new(start, end));
            return (lexer.tokens, Some(error));
        }
    }
    if matches!(
        lexer.tokens.last(),
        Some(Token {
            kind: TokenKind::Newline,
            ..
        })
    ) {
        lexer.tokens.pop();
    }
    (lexer.tokens, None)
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

impl Lexer<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn before(&self) -> u8 {
        match self.at {
            0 => b'\n',
            at => self.bytes[at - 1],
        }
    }

    fn push(&mut self, start: usize, kind: TokenKind) {
        self.tokens.push(Token {
            kind,
            span: Span::new(start, self.at),
        });
    }

    fn run(&mut self, accepts: impl Fn(u8) -> bool) {
        while self.at < self.bytes.len() && accepts(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    /// Reads one token, or what is skipped.
    fn token(&mut self) -> Result<(), String> {
        let start = self.at;
        let byte = self.byte(0);
        match byte {
            b'\n' => self.newline(),
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'/' if matches!(self.before(), b' ' | b'\t' | b'\r' | b'\n') => {
                self.run(|byte| byte != b'\n')
            }
            b'"' => {
                let text = self.text()?;
                self.push(start, TokenKind::Text(text));
            }
            b'`' => self.symbol()?,
            b'a'..=b'z' | b'A'..=b'Z' => {
                self.run(is_name_byte);
                let name = Symbol::from_bytes(&self.bytes[start..self.at]);
                self.push(start, TokenKind::Name(name));
            }
            b'0'..=b'9' => self.number()?,
            b'-' | b'.' if self.begins_number() => self.number()?,
            b'(' => self.single(TokenKind::Open(Bracket::Round)),
            b'[' => self.single(TokenKind::Open(Bracket::Square)),
            b'{' => self.single(TokenKind::Open(Bracket::Curly)),
            b')' => self.close(Bracket::Round),
            b']' => self.close(Bracket::Square),
            b'}' => self.close(Bracket::Curly),
            b';' => {
                // A newline before a written separator adds nothing to it.
                self.single(TokenKind::Semicolon);
            }
            b'\'' | b'/' | b'\\' => self.adverb(),
            _ => self.verb()?,
        }
        Ok(())
    }

    fn single(&mut self, kind: TokenKind) {
        let start = self.at;
        self.at += 1;
        self.push(start, kind);
    }

    fn close(&mut self, bracket: Bracket) {
        if matches!(
            self.tokens.last(),
            Some(Token {
                kind: TokenKind::Newline,
                ..
            })
        ) {
            self.tokens.pop();
        }
        self.single(TokenKind::Close(bracket));
    }

    /// A newline separates, except after what opens or separates already.
    fn newline(&mut self) {
        let separates = !matches!(
            self.tokens.last().map(|token| &token.kind),
            None | Some(
                TokenKind::Open(_) | TokenKind::Cond | TokenKind::Semicolon | TokenKind::Newline
            )
        );
        let start = self.at;
        self.at += 1;
        if separates {
            self.push(start, TokenKind::Newline);
        }
    }

    /// `-` and `.` begin a number when a digit follows and no noun ends right before. Nothing can
    /// be subtracted from a lambda, so after one `-` begins a number all the same.
    fn begins_number(&self) -> bool {
        let before = self.before();
        if before.is_ascii_alphanumeric() || matches!(before, b')' | b']' | b'"') {
            return false;
        }
        if before == b'}' && self.byte(0) == b'.' {
            return false;
        }
        // A date has no sign.
        if self.byte(0) == b'-'
            && let Some(literal) = calendar::literal(&self.bytes[self.at + 1..])
            && literal.kind != Temporal::Span
        {
            return false;
        }
        match (self.byte(0), self.byte(1), self.byte(2)) {
            (b'-', b'0', b'w' | b'N') => true,
            (b'-', b'.', digit) => digit.is_ascii_digit(),
            (_, digit, _) => digit.is_ascii_digit(),
        }
    }

    fn number(&mut self) -> Result<(), String> {
        let start = self.at;
        let alone = !is_name_byte(self.before()) && self.before() != b'.';
        if self.byte(0).is_ascii_digit() && self.byte(1) == b':' && self.byte(2) != b':' && alone {
            return self.io_verb();
        }
        if alone && let Some(literal) = calendar::literal(&self.bytes[start..]) {
            return self.temporal(start, &literal);
        }
        if self.byte(0) == b'-' {
            self.at += 1;
        }
        self.number_body();
        let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or("");
        match number::parse(text) {
            Some(value) => {
                self.push(start, TokenKind::Number(value));
                Ok(())
            }
            None => Err(format!("{text} is no number")),
        }
    }

    fn temporal(&mut self, start: usize, literal: &Literal) -> Result<(), String> {
        self.at += literal.bytes;
        match literal.count {
            Some(count) => {
                let value = Value::temporal(literal.kind, count);
                self.push(start, TokenKind::Number(value));
                Ok(())
            }
            None => {
                let text = String::from_utf8_lossy(&self.bytes[start..self.at]);
                Err(format!("{text} is no {}", literal.kind.word()))
            }
        }
    }

    fn number_body(&mut self) {
        let start = self.at;
        if self.byte(0) == b'0' {
            match self.byte(1) {
                b'N' | b'w' if !is_name_byte(self.byte(2)) => {
                    self.at += 2;
                    return;
                }
                b'x' => {
                    self.at += 2;
                    self.run(|byte| byte.is_ascii_hexdigit());
                    return;
                }
                _ => {}
            }
        }
        self.run(|byte| byte.is_ascii_digit());
        let binary = self.bytes[start..self.at]
            .iter()
            .all(|byte| matches!(byte, b'0' | b'1'));
        if binary && self.at > start && self.byte(0) == b'b' && !is_name_byte(self.byte(1)) {
            self.at += 1;
            return;
        }
        if self.byte(0) == b'.' {
            self.at += 1;
            self.run(|byte| byte.is_ascii_digit());
        }
        let sign = usize::from(self.byte(1) == b'-');
        if self.byte(0) == b'e' && self.byte(1 + sign).is_ascii_digit() {
            self.at += 1 + sign;
            self.run(|byte| byte.is_ascii_digit());
        }
    }

    fn io_verb(&mut self) -> Result<(), String> {
        let start = self.at;
        let glyph = format!("{}:", self.byte(0) as char);
        self.at += 2;
        match Verb::from_glyph(&glyph) {
            Some(verb) => {
                self.push(start, TokenKind::Verb(verb));
                Ok(())
            }
            None => Err(format!("{glyph} is no verb")),
        }
    }

    fn symbol(&mut self) -> Result<(), String> {
        let start = self.at;
        self.at += 1;
        let name = if self.byte(0) == b'"' {
            Symbol::from_bytes(&self.text()?)
        } else {
            let from = self.at;
            if self.byte(0).is_ascii_alphabetic() || self.byte(0) == b'.' {
                self.run(|byte| is_name_byte(byte) || byte == b'.');
            }
            Symbol::from_bytes(&self.bytes[from..self.at])
        };
        self.push(start, TokenKind::Symbol(name));
        Ok(())
    }

    /// The bytes between two quotes; the place is after the second.
    fn text(&mut self) -> Result<Vec<u8>, String> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err("a string without its second quote".to_owned());
            };
            self.at += 1;
            match byte {
                b'"' => return Ok(out),
                b'\n' => return Err("a string without its second quote on this line".to_owned()),
                b'\\' => self.escape(&mut out)?,
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let byte = self.byte(0);
        match byte {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'"' | b'\\' => out.push(byte),
            b'x' => {
                let digits = (
                    char::from(self.byte(1)).to_digit(16),
                    char::from(self.byte(2)).to_digit(16),
                );
                let (Some(high), Some(low)) = digits else {
                    return Err("\\x needs two hexadecimal digits".to_owned());
                };
                out.push((high * 16 + low) as u8);
                self.at += 2;
            }
            b'\n' | 0 => return Err("a string without its second quote".to_owned()),
            // Any other escaped byte stays as it is written, as in the family.
            byte => out.extend_from_slice(&[b'\\', byte]),
        }
        self.at += 1;
        Ok(())
    }

    fn adverb(&mut self) {
        let start = self.at;
        let colon = self.byte(1) == b':';
        let adverb = match (self.byte(0), colon) {
            (b'\'', false) => Adverb::Each,
            (b'\'', true) => Adverb::Prior,
            (b'/', false) => Adverb::Over,
            (b'/', true) => Adverb::EachRight,
            (_, false) => Adverb::Scan,
            (_, true) => Adverb::EachLeft,
        };
        self.at += 1 + usize::from(colon);
        self.push(start, TokenKind::Adverb(adverb));
    }

    fn verb(&mut self) -> Result<(), String> {
        let start = self.at;
        let byte = self.byte(0);
        if byte == b'$' && self.byte(1) == b'[' {
            self.at += 2;
            self.push(start, TokenKind::Cond);
            return Ok(());
        }
        if byte == b':' && self.byte(1) == b':' {
            self.at += 2;
            self.push(start, TokenKind::DoubleColon);
            return Ok(());
        }
        let long = matches!((byte, self.byte(1)), (b'<', b'=' | b'>') | (b'>', b'='));
        let glyph = self
            .bytes
            .get(start..start + 1 + usize::from(long))
            .unwrap_or_default();
        let verb = std::str::from_utf8(glyph)
            .ok()
            .filter(|glyph| glyph.is_ascii())
            .and_then(Verb::from_glyph);
        let Some(verb) = verb else {
            let rest = String::from_utf8_lossy(&self.bytes[start..self.bytes.len().min(start + 4)]);
            let shown = rest.chars().next().unwrap_or(' ');
            self.at += shown.len_utf8();
            return Err(format!("unexpected character {shown:?}"));
        };
        self.at += glyph.len();
        if verb != Verb::Colon && self.byte(0) == b':' {
            self.at += 1;
            self.push(start, TokenKind::Monad(verb));
        } else {
            self.push(start, TokenKind::Verb(verb));
        }
        Ok(())
    }
}

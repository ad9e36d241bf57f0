//! Reading tokens, borrowed from the bytes they lie in.

use super::{
    CHAR, CHARS, DICT, DecodeError, ERROR, FLOAT, FLOATS, FUNCTION, INT, INTS, LIST, MOMENT,
    MOMENTS, Moment, NIL, SYMBOL, SYMBOLS, TABLE, TOKEN_BYTES,
};

/// One token, borrowed from the bytes it was read from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Token<'a> {
    /// Nil.
    Nil,
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A date, a timestamp or a span.
    Moment(Moment, i64),
    /// A vector of dates, timestamps or spans: eight little-endian bytes each.
    Moments(Moment, &'a [u8]),
    /// One byte of text.
    Char(u8),
    /// A symbol.
    Symbol(&'a str),
    /// A vector of integers: eight little-endian bytes each.
    Ints(&'a [u8]),
    /// A vector of floating-point numbers: eight little-endian bytes each.
    Floats(&'a [u8]),
    /// A string of bytes.
    Chars(&'a [u8]),
    /// A vector of symbols.
    Symbols(SymbolItems<'a>),
    /// So many values follow.
    List(usize),
    /// Keys and values follow.
    Dict,
    /// Column names and columns follow.
    Table,
    /// The source of a function.
    Function(&'a str),
    /// An error, `class: text`.
    Error(&'a str),
}

impl Token<'_> {
    /// How many values follow that belong to this one.
    pub fn children(&self) -> usize {
        match self {
            Token::List(items) => *items,
            Token::Dict | Token::Table => 2,
            _ => 0,
        }
    }
}

/// The items of a vector of symbols, checked when the token was read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SymbolItems<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for SymbolItems<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.left == 0 {
            return None;
        }
        let (length, rest) = self.bytes.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let name = rest.get(..length)?;
        self.bytes = rest.get(length..)?;
        self.left -= 1;
        core::str::from_utf8(name).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for SymbolItems<'_> {}

/// Reads tokens one after another. Never panics, whatever the bytes are.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// Offset of the next token in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether all bytes were read.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, bytes: usize, token_at: usize) -> Result<&'a [u8], DecodeError> {
        let short = DecodeError::Short { at: token_at };
        let end = self.at.checked_add(bytes).ok_or(short)?;
        let taken = self.bytes.get(self.at..end).ok_or(short)?;
        self.at = end;
        Ok(taken)
    }

    fn take_word(&mut self, token_at: usize) -> Result<[u8; 8], DecodeError> {
        let mut word = [0; 8];
        word.copy_from_slice(self.take(8, token_at)?);
        Ok(word)
    }

    fn take_padded(&mut self, bytes: usize, token_at: usize) -> Result<&'a [u8], DecodeError> {
        let short = DecodeError::Short { at: token_at };
        let padded = bytes.checked_next_multiple_of(TOKEN_BYTES).ok_or(short)?;
        Ok(&self.take(padded, token_at)?[..bytes])
    }

    fn take_text(&mut self, bytes: usize, token_at: usize) -> Result<&'a str, DecodeError> {
        let text = self.take_padded(bytes, token_at)?;
        core::str::from_utf8(text).map_err(|_| DecodeError::Text { at: token_at })
    }

    fn take_items(&mut self, items: usize, token_at: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = items
            .checked_mul(8)
            .ok_or(DecodeError::Short { at: token_at })?;
        self.take(bytes, token_at)
    }

    fn take_symbols(
        &mut self,
        items: usize,
        token_at: usize,
    ) -> Result<SymbolItems<'a>, DecodeError> {
        let short = DecodeError::Short { at: token_at };
        let length = u64::from_le_bytes(self.take_word(token_at)?);
        let bytes = self.take_padded(usize::try_from(length).map_err(|_| short)?, token_at)?;
        let symbols = SymbolItems { bytes, left: items };
        let mut rest = bytes;
        for _ in 0..items {
            let (length, tail) = rest.split_first_chunk::<4>().ok_or(short)?;
            let length = u32::from_le_bytes(*length) as usize;
            let name = tail.get(..length).ok_or(short)?;
            core::str::from_utf8(name).map_err(|_| DecodeError::Text { at: token_at })?;
            rest = &tail[length..];
        }
        Ok(symbols)
    }

    /// The next token.
    ///
    /// # Errors
    /// The bytes end too early, the kind is unknown, or text is not UTF-8. The reader's position is
    /// then of no use.
    pub fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        let at = self.at;
        let head = u64::from_le_bytes(self.take_word(at)?);
        let (kind, count) = (head as u8, (head >> 32) as usize);
        Ok(match kind {
            NIL => Token::Nil,
            INT => Token::Int(i64::from_le_bytes(self.take_word(at)?)),
            FLOAT => Token::Float(f64::from_le_bytes(self.take_word(at)?)),
            CHAR => Token::Char(count as u8),
            SYMBOL => Token::Symbol(self.take_text(count, at)?),
            INTS => Token::Ints(self.take_items(count, at)?),
            FLOATS => Token::Floats(self.take_items(count, at)?),
            CHARS => Token::Chars(self.take_padded(count, at)?),
            SYMBOLS => Token::Symbols(self.take_symbols(count, at)?),
            LIST => Token::List(count),
            DICT => Token::Dict,
            TABLE => Token::Table,
            FUNCTION => Token::Function(self.take_text(count, at)?),
            ERROR => Token::Error(self.take_text(count, at)?),
            kind => {
                let moment = |first: u8| kind.checked_sub(first).and_then(Moment::from_number);
                if let Some(moment) = moment(MOMENT) {
                    Token::Moment(moment, i64::from_le_bytes(self.take_word(at)?))
                } else if let Some(moment) = moment(MOMENTS) {
                    Token::Moments(moment, self.take_items(count, at)?)
                } else {
                    return Err(DecodeError::Kind { at, kind });
                }
            }
        })
    }
}

/// The little-endian integers of a [`Token::Ints`] payload.
pub fn ints(payload: &[u8]) -> impl ExactSizeIterator<Item = i64> + '_ {
    payload.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        i64::from_le_bytes(word)
    })
}

/// The little-endian numbers of a [`Token::Floats`] payload.
pub fn floats(payload: &[u8]) -> impl ExactSizeIterator<Item = f64> + '_ {
    payload.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        f64::from_le_bytes(word)
    })
}

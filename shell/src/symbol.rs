//! Symbols: names that are compared as numbers.
//!
//! A symbol is an index into one table of texts. The table only grows: a symbol lives as long as
//! the program, so it is `Copy` and its text can be handed out without a lifetime. Texts are
//! bytes, because `` `$ `` makes a symbol of any string.
//!
//! Invariant: two symbols are equal exactly when their texts are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, RwLock};

/// The most that the symbols which programs make may take, in bytes.
const COST_BYTES_MAX: usize = 64 << 20;

/// What a symbol takes beside its text: two references and a place in the hash table.
const ENTRY_BYTES: usize = 64;

/// An interned name. Equality is by number; order is by text, see [`Symbol::bytes`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

#[derive(Default)]
struct Names {
    cost_bytes: usize,
    texts: Vec<&'static [u8]>,
    numbers: HashMap<&'static [u8], u32>,
}

impl Names {
    fn intern(&mut self, text: &[u8]) -> Symbol {
        if let Some(&number) = self.numbers.get(text) {
            return Symbol(number);
        }
        let kept: &'static [u8] = Box::leak(text.to_vec().into_boxed_slice());
        let number = self.texts.len() as u32;
        self.cost_bytes += ENTRY_BYTES + text.len();
        self.texts.push(kept);
        self.numbers.insert(kept, number);
        Symbol(number)
    }
}

static NAMES: LazyLock<RwLock<Names>> = LazyLock::new(|| {
    let mut names = Names::default();
    names.intern(b"");
    RwLock::new(names)
});

impl Symbol {
    /// The empty symbol, `` ` ``, which is the null of symbols.
    pub const EMPTY: Symbol = Symbol(0);

    /// The symbol with this text.
    pub fn new(text: &str) -> Symbol {
        Symbol::from_bytes(text.as_bytes())
    }

    /// The symbol whose text is these bytes.
    pub fn from_bytes(text: &[u8]) -> Symbol {
        if let Ok(names) = NAMES.read()
            && let Some(&number) = names.numbers.get(text)
        {
            return Symbol(number);
        }
        match NAMES.write() {
            Ok(mut names) => names.intern(text),
            // The lock is only poisoned by a failed allocation; the table itself stays whole.
            Err(poisoned) => poisoned.into_inner().intern(text),
        }
    }

    /// The symbol whose text is these bytes, as long as a program may still make new ones:
    /// symbols are never forgotten, so a program must not be able to make them without end.
    pub fn from_program(text: &[u8]) -> Option<Symbol> {
        let names = match NAMES.read() {
            Ok(names) => names,
            Err(poisoned) => poisoned.into_inner(),
        };
        let known = names.numbers.get(text).copied();
        let full = names.cost_bytes.saturating_add(text.len()) > COST_BYTES_MAX;
        drop(names);
        match known {
            Some(number) => Some(Symbol(number)),
            None if full => None,
            None => Some(Symbol::from_bytes(text)),
        }
    }

    /// The text as bytes.
    pub fn bytes(self) -> &'static [u8] {
        let names = match NAMES.read() {
            Ok(names) => names,
            Err(poisoned) => poisoned.into_inner(),
        };
        names.texts.get(self.0 as usize).copied().unwrap_or(b"")
    }

    /// The text for people; bytes that are not UTF-8 are replaced.
    pub fn text(self) -> Cow<'static, str> {
        String::from_utf8_lossy(self.bytes())
    }

    /// The number of this symbol: small, dense, and meaningless outside this process.
    pub fn number(self) -> u32 {
        self.0
    }

    /// True for `` ` ``.
    pub fn is_empty(self) -> bool {
        self == Symbol::EMPTY
    }
}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Symbol) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Symbol {
    fn cmp(&self, other: &Symbol) -> std::cmp::Ordering {
        if self.0 == other.0 {
            return std::cmp::Ordering::Equal;
        }
        self.bytes().cmp(other.bytes())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}", self.text())
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::Symbol;

    #[test]
    fn equal_texts_are_one_symbol() {
        assert_eq!(Symbol::new("apple"), Symbol::new("apple"));
        assert_ne!(Symbol::new("apple"), Symbol::new("pear"));
        assert_eq!(Symbol::new(""), Symbol::EMPTY);
    }

    #[test]
    fn order_is_by_text_and_not_by_age() {
        let late = Symbol::new("zz-order");
        let early = Symbol::new("aa-order");
        assert!(early < late);
    }

    #[test]
    fn bytes_that_are_not_text_survive() {
        let odd = Symbol::from_bytes(&[0xff, 0]);
        assert_eq!(odd.bytes(), &[0xff, 0]);
    }
}

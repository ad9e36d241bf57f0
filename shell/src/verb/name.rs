//! The names of the verbs.

/// A verb, or a named function that works like one. Whether it is meant with one argument or with
/// two is known where it is applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Verb {
    /// `:` identity, right
    Colon,
    /// `+` flip, add
    Plus,
    /// `-` negate, subtract
    Minus,
    /// `*` first, multiply
    Star,
    /// `%` square root, divide
    Percent,
    /// `!` count up, modulo and dictionary
    Bang,
    /// `&` where, lesser
    And,
    /// `|` reverse, greater
    Or,
    /// `<` grade up, less
    Less,
    /// `>` grade down, more
    More,
    /// `=` group, equal
    Equal,
    /// `~` not, match
    Tilde,
    /// `,` enlist, join
    Comma,
    /// `^` null, fill and except
    Caret,
    /// `#` count, take
    Hash,
    /// `_` floor, drop
    Under,
    /// `$` string, pad and cast
    Dollar,
    /// `?` distinct, find and random
    Query,
    /// `@` type, index
    At,
    /// `.` values, index at depth
    Dot,
    /// `<=` at most
    LessEqual,
    /// `>=` at least
    MoreEqual,
    /// `<>` not equal
    NotEqual,
    /// `sin`
    Sin,
    /// `cos`
    Cos,
    /// `exp`
    Exp,
    /// `log`
    Log,
    /// `prm` permutations
    Prm,
    /// `in` membership
    In,
    /// `kind` the representation of a value
    Kind,
    /// `0:` lines of files
    Lines,
    /// `1:` JSON
    Json,
    /// `5:` display form
    Form,
}

/// Every verb with how it is written, symbols first.
const NAMES: [(Verb, &str); 33] = [
    (Verb::Colon, ":"),
    (Verb::Plus, "+"),
    (Verb::Minus, "-"),
    (Verb::Star, "*"),
    (Verb::Percent, "%"),
    (Verb::Bang, "!"),
    (Verb::And, "&"),
    (Verb::Or, "|"),
    (Verb::Less, "<"),
    (Verb::More, ">"),
    (Verb::Equal, "="),
    (Verb::Tilde, "~"),
    (Verb::Comma, ","),
    (Verb::Caret, "^"),
    (Verb::Hash, "#"),
    (Verb::Under, "_"),
    (Verb::Dollar, "$"),
    (Verb::Query, "?"),
    (Verb::At, "@"),
    (Verb::Dot, "."),
    (Verb::LessEqual, "<="),
    (Verb::MoreEqual, ">="),
    (Verb::NotEqual, "<>"),
    (Verb::Sin, "sin"),
    (Verb::Cos, "cos"),
    (Verb::Exp, "exp"),
    (Verb::Log, "log"),
    (Verb::Prm, "prm"),
    (Verb::In, "in"),
    (Verb::Kind, "kind"),
    (Verb::Lines, "0:"),
    (Verb::Json, "1:"),
    (Verb::Form, "5:"),
];

impl Verb {
    /// How the verb is written.
    pub fn glyph(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// The verb that is written so.
    pub fn from_glyph(glyph: &str) -> Option<Verb> {
        NAMES
            .iter()
            .find(|(_, name)| *name == glyph)
            .map(|(verb, _)| *verb)
    }

    /// All verbs, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Verb> {
        NAMES.iter().map(|(verb, _)| *verb)
    }

    /// The number of arguments that a named function takes; 0 for the symbols, which take one or two.
    pub fn named_arity(self) -> usize {
        match self {
            Verb::Sin | Verb::Cos | Verb::Exp | Verb::Log | Verb::Prm | Verb::Kind | Verb::Form => {
                1
            }
            Verb::In => 2,
            _ => 0,
        }
    }
}

/// The glyph of a verb as an operand or in a message.
impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.glyph())
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, Verb};

    #[test]
    fn names_stand_at_their_numbers() {
        for (number, (verb, glyph)) in NAMES.iter().enumerate() {
            assert_eq!(*verb as usize, number);
            assert_eq!(Verb::from_glyph(glyph), Some(*verb));
        }
    }
}

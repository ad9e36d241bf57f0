//! What a count of days or nanoseconds means.

/// The kinds of moments and distances in time that values know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Days since 1970-01-01.
    Date,
    /// Nanoseconds since the first moment of 1970-01-01 in UTC.
    Timestamp,
    /// Nanoseconds.
    Span,
}

impl Moment {
    /// The number that is added to the kinds of tokens.
    pub(super) fn number(self) -> u8 {
        match self {
            Moment::Date => 0,
            Moment::Timestamp => 1,
            Moment::Span => 2,
        }
    }

    /// The moment with that number.
    pub(super) fn from_number(number: u8) -> Option<Moment> {
        [Moment::Date, Moment::Timestamp, Moment::Span]
            .into_iter()
            .find(|moment| moment.number() == number)
    }

    /// The word for it: `date`.
    pub fn word(self) -> &'static str {
        match self {
            Moment::Date => "date",
            Moment::Timestamp => "timestamp",
            Moment::Span => "span",
        }
    }
}

//! Dates, times of day and spans as text: the literals of the language, and ISO 8601.
//!
//! Dates are counted in days and timestamps in nanoseconds since the first of January 1970, UTC, in the
//! Gregorian calendar without leap seconds; spans are nanoseconds. What is written here is read back as
//! the same count.

use crate::value::{NULL, Temporal};

/// Nanoseconds of a second.
pub const SECOND_NS: i64 = 1_000_000_000;
/// Nanoseconds of a day.
pub const DAY_NS: i64 = 86_400 * SECOND_NS;
/// The first date that can be written, 0001.01.01.
pub const DATE_MIN: i64 = -719_162;
/// The last date that can be written, 9999.12.31.
pub const DATE_MAX: i64 = 2_932_896;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year, 1 to 9999.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: i64,
    /// The day of the month, 1 to 31.
    pub day: i64,
}

/// The calendar's day of a count of days since 1970.
pub fn civil(days: i64) -> Civil {
    // Years that begin in March, in eras of 400 years: "chrono-compatible low-level date algorithms",
    // Howard Hinnant.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    Civil {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
    }
}

/// The count of days since 1970; nothing for a day that the calendar doesn't have.
pub fn days(date: Civil) -> Option<i64> {
    let Civil { year, month, day } = date;
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let year_from_march = year - i64::from(month <= 2);
    let era = year_from_march.div_euclid(400);
    let year_of_era = year_from_march.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let count = era * 146_097 + day_of_era - 719_468;
    (civil(count) == date).then_some(count)
}

/// Appends a date, a timestamp or a span as the language writes it; the null as `0N`.
pub fn write(out: &mut String, kind: Temporal, count: i64) {
    if count == NULL {
        out.push_str("0N");
        return;
    }
    match kind {
        Temporal::Date => write_date(out, count, '.'),
        Temporal::Timestamp => {
            write_date(out, count.div_euclid(DAY_NS), '.');
            out.push('D');
            write_time(out, count.rem_euclid(DAY_NS) as u64);
        }
        Temporal::Span => {
            const DAY: u64 = DAY_NS as u64;
            if count < 0 {
                out.push('-');
            }
            let magnitude = count.unsigned_abs();
            if magnitude >= DAY {
                out.push_str(&format!("{}D", magnitude / DAY));
            }
            write_time(out, magnitude % DAY);
        }
    }
}

/// Appends the same as ISO 8601: `2026-11-23`, `2026-11-23T12:30:00.5Z`, `P1DT2H3M4.5S`.
pub fn write_iso(out: &mut String, kind: Temporal, count: i64) {
    match kind {
        Temporal::Date => write_date(out, count, '-'),
        Temporal::Timestamp => {
            write_date(out, count.div_euclid(DAY_NS), '-');
            out.push('T');
            write_time(out, count.rem_euclid(DAY_NS) as u64);
            out.push('Z');
        }
        Temporal::Span => write_duration(out, count),
    }
}

fn write_date(out: &mut String, days: i64, separator: char) {
    let Civil { year, month, day } = civil(days);
    out.push_str(&format!(
        "{year:04}{separator}{month:02}{separator}{day:02}"
    ));
}

fn write_time(out: &mut String, ns: u64) {
    let seconds = ns / SECOND_NS as u64;
    out.push_str(&format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    ));
    write_fraction(out, ns % SECOND_NS as u64);
}

fn write_fraction(out: &mut String, ns: u64) {
    if ns > 0 {
        let digits = format!("{ns:09}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

fn write_duration(out: &mut String, count: i64) {
    const DAY: u64 = DAY_NS as u64;
    const SECOND: u64 = SECOND_NS as u64;
    if count < 0 {
        out.push('-');
    }
    let magnitude = count.unsigned_abs();
    out.push('P');
    if magnitude >= DAY {
        out.push_str(&format!("{}D", magnitude / DAY));
    }
    let rest = magnitude % DAY;
    if rest == 0 && magnitude > 0 {
        return;
    }
    out.push('T');
    let seconds = rest / SECOND;
    for (part, unit) in [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M')] {
        if part > 0 {
            out.push_str(&format!("{part}{unit}"));
        }
    }
    if !rest.is_multiple_of(60 * SECOND) || rest == 0 {
        out.push_str(&format!("{}", seconds % 60));
        write_fraction(out, rest % SECOND);
        out.push('S');
    }
}

/// A literal at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Literal {
    /// What it is.
    pub kind: Temporal,
    /// Its count; nothing for a day or a time that there is not.
    pub count: Option<i64>,
    /// How many bytes it takes.
    pub bytes: usize,
}

/// Reads digits, counting on.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// Exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.bytes.get(self.at..self.at + count)?;
        let value = digits.iter().try_fold(0i64, |value, digit| {
            digit
                .is_ascii_digit()
                .then(|| value * 10 + i64::from(digit - b'0'))
        })?;
        self.at += count;
        Some(value)
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn byte(&mut self, wanted: &[u8]) -> Option<()> {
        wanted.contains(&self.peek()).then(|| self.at += 1)
    }

    /// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fraction`, in nanoseconds; an inner nothing for times that
    /// there are not.
    fn time(&mut self, hours_max: i64, seconds: Seconds) -> Option<Option<i64>> {
        let hours = self.digits(2)?;
        self.byte(b":")?;
        let minutes = self.digits(2)?;
        let mut ns = 0;
        let mut known = hours <= hours_max && minutes < 60;
        let before_seconds = self.at;
        match self.byte(b":").and_then(|()| self.digits(2)) {
            Some(whole) => {
                known &= whole < 60;
                ns += whole * SECOND_NS;
                if self.peek() == b'.'
                    && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit)
                {
                    self.at += 1;
                    let mut unit = SECOND_NS;
                    while self.peek().is_ascii_digit() {
                        unit /= 10;
                        // Digits beyond the ninth would be lost without a word.
                        known &= unit > 0;
                        ns += i64::from(self.peek() - b'0') * unit;
                        self.at += 1;
                    }
                }
            }
            None if seconds == Seconds::Needed => return None,
            None => self.at = before_seconds,
        }
        Some(known.then_some((hours * 60 + minutes) * 60 * SECOND_NS + ns))
    }
}

/// Whether a time of day without seconds is one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seconds {
    Needed,
    Optional,
}

/// The literal at the beginning of a source text, if there is one: `2026.11.23`,
/// `2026.11.23D12:30:00.5`, `12:30:00.5`, `1D02:00`, and spans with a minus sign.
pub fn literal(bytes: &[u8]) -> Option<Literal> {
    date_literal(bytes).or_else(|| span_literal(bytes))
}

fn date_literal(bytes: &[u8]) -> Option<Literal> {
    let mut scanner = Scanner { bytes, at: 0 };
    let year = scanner.digits(4)?;
    scanner.byte(b".")?;
    let month = scanner.digits(2)?;
    scanner.byte(b".")?;
    let day = scanner.digits(2)?;
    if scanner.peek().is_ascii_digit() || scanner.peek() == b'.' {
        return None;
    }
    let date = days(Civil { year, month, day });
    let date_end = scanner.at;
    if scanner.byte(b"D").is_some()
        && let Some(time) = scanner.time(23, Seconds::Optional)
    {
        return Some(Literal {
            kind: Temporal::Timestamp,
            count: date.zip(time).and_then(|(date, time)| instant(date, time)),
            bytes: scanner.at,
        });
    }
    Some(Literal {
        kind: Temporal::Date,
        count: date,
        bytes: date_end,
    })
}

/// The timestamp of a time of a day, if it is in range.
pub fn instant(days: i64, ns: i64) -> Option<i64> {
    let wide = i128::from(days) * i128::from(DAY_NS) + i128::from(ns);
    i64::try_from(wide).ok().filter(|count| *count != NULL)
}

fn span_literal(bytes: &[u8]) -> Option<Literal> {
    let negative = bytes.first() == Some(&b'-');
    let mut scanner = Scanner {
        bytes,
        at: usize::from(negative),
    };
    let start = scanner.at;
    let mut whole_days = Some(0i64);
    while scanner.peek().is_ascii_digit() {
        let digit = i64::from(scanner.peek() - b'0');
        whole_days = whole_days.and_then(|days| days.checked_mul(10)?.checked_add(digit));
        scanner.at += 1;
    }
    let time = if scanner.at > start && scanner.peek() == b'D' {
        scanner.at += 1;
        scanner.time(23, Seconds::Optional)?
    } else {
        scanner.at = start;
        whole_days = Some(0);
        scanner.time(99, Seconds::Needed)?
    };
    let magnitude = whole_days.zip(time).map(|(days, time)| {
        let wide = i128::from(days) * i128::from(DAY_NS) + i128::from(time);
        if negative { -wide } else { wide }
    });
    let count = magnitude
        .and_then(|wide| i64::try_from(wide).ok())
        .filter(|count| *count != NULL);
    Some(Literal {
        kind: Temporal::Span,
        count,
        bytes: scanner.at,
    })
}

/// Reads a text as a date, a timestamp or a span: a literal of the language, or ISO 8601 with `-` in
/// the date, `T` or a space before the time, and `Z` or an offset like `+02:00` at the end. A span is a
/// literal only.
pub fn parse(kind: Temporal, text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    if kind == Temporal::Span {
        let literal = span_literal(text).filter(|literal| literal.bytes == text.len())?;
        return literal.count;
    }
    let mut scanner = Scanner { bytes: text, at: 0 };
    let year = scanner.digits(4)?;
    scanner.byte(b".-")?;
    let month = scanner.digits(2)?;
    scanner.byte(b".-")?;
    let day = scanner.digits(2)?;
    let date = days(Civil { year, month, day })?;
    let mut time = 0;
    if scanner.at < text.len() {
        scanner.byte(b"DT ")?;
        time = scanner.time(23, Seconds::Optional)??;
        match scanner.peek() {
            b'Z' => scanner.at += 1,
            sign @ (b'+' | b'-') => {
                scanner.at += 1;
                let hours = scanner.digits(2)?;
                scanner.byte(b":")?;
                let offset = (hours * 60 + scanner.digits(2)?) * 60 * SECOND_NS;
                time += if sign == b'+' { -offset } else { offset };
            }
            _ => {}
        }
    }
    if scanner.at < text.len() {
        return None;
    }
    let count = instant(date, time);
    match kind {
        Temporal::Date => Some(date + time.div_euclid(DAY_NS)),
        _ => count,
    }
}

#[cfg(test)]
mod tests {
    use super::{Civil, DATE_MAX, DATE_MIN, civil, days, literal, parse, write, write_iso};
    use crate::value::{NULL, Temporal};
    use proptest::prelude::{any, proptest};

    fn text(kind: Temporal, count: i64) -> String {
        let mut out = String::new();
        write(&mut out, kind, count);
        out
    }

    #[test]
    fn every_day_of_the_calendar_is_counted_once() {
        let mut before = None;
        for count in DATE_MIN..=DATE_MAX {
            let date = civil(count);
            assert_eq!(days(date), Some(count));
            assert_ne!(before, Some(date));
            before = Some(date);
        }
        let date = |year, month, day| days(Civil { year, month, day });
        assert_eq!(date(1970, 1, 1), Some(0));
        assert_eq!(date(2000, 3, 1), Some(11_017));
        assert_eq!(date(1, 1, 1), Some(DATE_MIN));
        assert_eq!(date(9999, 12, 31), Some(DATE_MAX));
        for (year, month, day) in [(2026, 2, 29), (2026, 13, 1), (1900, 2, 29), (0, 1, 1)] {
            assert_eq!(date(year, month, day), None);
        }
    }

    #[test]
    fn literals_are_read_to_their_end() {
        let read = |text: &str| literal(text.as_bytes()).map(|l| (l.kind, l.count, l.bytes));
        assert_eq!(read("1970.01.02+1"), Some((Temporal::Date, Some(1), 10)));
        let stamp = Some((Temporal::Timestamp, Some(60_000_000_001), 29));
        assert_eq!(read("1970.01.01D00:01:00.000000001"), stamp);
        assert_eq!(
            read("-00:00:01.5 x"),
            Some((Temporal::Span, Some(-1_500_000_000), 11))
        );
        assert_eq!(
            read("1D00:00"),
            Some((Temporal::Span, Some(super::DAY_NS), 7))
        );
        assert_eq!(read("2026.02.30"), Some((Temporal::Date, None, 10)));
        assert_eq!(read("00:00:61"), Some((Temporal::Span, None, 8)));
        for other in [
            "2026.11",
            "12:30",
            "1D",
            "1.5",
            "2026.11.234",
            "0x12",
            "-3-4",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn iso_texts() {
        let iso = |kind, count| {
            let mut out = String::new();
            write_iso(&mut out, kind, count);
            out
        };
        assert_eq!(
            iso(Temporal::Timestamp, 1),
            "1970-01-01T00:00:00.000000001Z"
        );
        assert_eq!(iso(Temporal::Span, 0), "PT0S");
        assert_eq!(iso(Temporal::Span, -super::DAY_NS), "-P1D");
        assert_eq!(
            iso(Temporal::Span, super::DAY_NS + 3_600_500_000_000),
            "P1DT1H0.5S"
        );
        assert_eq!(
            parse(Temporal::Timestamp, b"1970-01-01T02:00:00+02:00"),
            Some(0)
        );
        assert_eq!(parse(Temporal::Date, b"1970-01-02"), Some(1));
        assert_eq!(parse(Temporal::Date, b"1970-01-02x"), None);
        assert_eq!(parse(Temporal::Timestamp, b"9999-01-01"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(count in any::<i64>(), shift in 0..64u32) {
            let count = count >> shift;
            for kind in [Temporal::Timestamp, Temporal::Span] {
                if count == NULL { continue; }
                let text = text(kind, count);
                let read = literal(text.as_bytes()).unwrap();
                assert_eq!((read.kind, read.count, read.bytes), (kind, Some(count), text.len()), "{text}");
                assert_eq!(parse(kind, text.as_bytes()), Some(count));
            }
        }
    }
}

//! Arithmetic and comparison of dates, timestamps and spans, and casts to and from them.
//!
//! A date and a span make a timestamp, the difference of two timestamps is a span, the difference of
//! two dates a number of days. Beside a timestamp a date is its first moment. What makes no sense is a
//! `type` error, and what leaves the range a `domain` error: no result is wrong without a word.

use super::relate::{self, Equal, Less, LessEqual, More, MoreEqual, NotEqual};
use super::walk::{domain_error, type_error_pair};
use crate::calendar::{self, DAY_NS, SECOND_NS};
use crate::error::{Class, Error};
use crate::symbol::Symbol;
use crate::value::{NULL, Temporal, Value, room};
use crate::verb::Verb;

/// What an operand is, the null aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Number,
    Of(Temporal),
}

use Sort::{Number, Of};
use Temporal::{Date, Span, Timestamp};

/// One item: a count, or a number with a fraction.
#[derive(Clone, Copy)]
enum Item {
    Null,
    Count(i64),
    Real(f64),
}

fn sort_of(x: &Value) -> Option<Sort> {
    match x {
        Value::Temporal(kind, _) | Value::Temporals(kind, _) => Some(Of(*kind)),
        Value::Int(_) | Value::Float(_) | Value::Ints(_) | Value::Floats(_) => Some(Number),
        // Numbers that no one vector holds.
        Value::List(items) if items.iter().all(Value::is_number) => Some(Number),
        _ => None,
    }
}

fn item(x: &Value, at: usize) -> Item {
    let at = if x.is_list() { at } else { 0 };
    match x.item(at) {
        Some(Value::Temporal(_, count)) => Item::Count(count),
        Some(number) => match (number.as_int(), number.as_float()) {
            (Some(NULL), _) => Item::Null,
            (Some(count), _) => Item::Count(count),
            (None, Some(real)) => Item::Real(real),
            _ => Item::Null,
        },
        None => Item::Null,
    }
}

/// What a verb makes of two sorts.
struct Rule {
    /// The kind of the result; a number without one.
    result: Option<Temporal>,
    /// What the left count is multiplied by first: a day when it is a date and the result is not.
    left: i64,
    /// The same for the right one.
    right: i64,
}

fn rule(verb: Verb, x: Sort, y: Sort) -> Option<Rule> {
    let rule = |result: Option<Temporal>| {
        let scale = |sort: Sort| {
            let in_days = result == Some(Date) || result.is_none();
            if sort == Of(Date) && !in_days {
                DAY_NS
            } else {
                1
            }
        };
        Rule {
            result,
            left: scale(x),
            right: scale(y),
        }
    };
    Some(rule(match (verb, x, y) {
        (Verb::Plus | Verb::Minus, Of(Date), Number) | (Verb::Plus, Number, Of(Date)) => Some(Date),
        (Verb::Plus | Verb::Minus, Of(Date | Timestamp), Of(Span))
        | (Verb::Plus, Of(Span), Of(Date | Timestamp)) => Some(Timestamp),
        (Verb::Plus | Verb::Minus, Of(Span), Of(Span)) => Some(Span),
        (Verb::Minus, Of(Date), Of(Date)) => None,
        (Verb::Minus, Of(Date | Timestamp), Of(Date | Timestamp)) => Some(Span),
        (Verb::Star, Of(Span), Number) | (Verb::Star, Number, Of(Span)) => Some(Span),
        (Verb::Percent, Of(Span), Number) => Some(Span),
        (Verb::Percent, Of(Span), Of(Span)) => None,
        (Verb::And | Verb::Or, Of(a), Of(b)) if a == b => Some(a),
        (Verb::And | Verb::Or, Of(Date | Timestamp), Of(Date | Timestamp)) => Some(Timestamp),
        (Verb::Bang, Of(Span), Of(_)) => Some(Span),
        _ => return None,
    }))
}

/// True when all of a number or of numbers is null, so that it goes with everything.
fn is_all_null(x: &Value) -> bool {
    x.is_number() && x.is_null()
        || matches!(x, Value::Ints(items) if items.iter().all(|x| *x == NULL))
        || matches!(x, Value::Floats(items) if items.iter().all(|x| x.is_nan()))
}

/// `x+y` and the other arithmetic verbs, where at least one operand is a date, timestamp or span; the
/// lengths, where there are some, agree.
///
/// # Errors
/// `type` for kinds that don't go together, `domain` for results out of range.
pub(super) fn arithmetic(verb: Verb, x: Value, y: Value) -> Result<Value, Error> {
    let (Some(left), Some(right)) = (sort_of(&x), sort_of(&y)) else {
        return Err(type_error_pair(verb, &x, &y));
    };
    let choice = matches!(verb, Verb::And | Verb::Or);
    if is_all_null(&x) || is_all_null(&y) {
        return with_null(verb, choice, x, y, left, right);
    }
    let Some(rule) = rule(verb, left, right) else {
        return Err(type_error_pair(verb, &x, &y));
    };
    if verb == Verb::Percent && rule.result.is_none() {
        return ratio(&x, &y);
    }
    let outside = || match rule.result {
        Some(kind) => domain_error(verb, &format!("leaves the range of {}s", kind.word())),
        None => domain_error(verb, "leaves the range of integers"),
    };
    let wide = |value: Item, scale: i64| match value {
        Item::Count(count) => Some(i128::from(count) * i128::from(scale)),
        _ => None,
    };
    let one = |x: Item, y: Item| -> Result<i64, Error> {
        if matches!(x, Item::Null) || matches!(y, Item::Null) {
            return Ok(match (verb, x, y) {
                (Verb::Or, Item::Count(known), Item::Null) => {
                    narrow(i128::from(known) * i128::from(rule.left)).ok_or_else(outside)?
                }
                (Verb::Or, Item::Null, Item::Count(known)) => {
                    narrow(i128::from(known) * i128::from(rule.right)).ok_or_else(outside)?
                }
                _ => NULL,
            });
        }
        let result = match (verb, wide(x, rule.left), wide(y, rule.right)) {
            (Verb::Plus, Some(x), Some(y)) => Some(x + y),
            (Verb::Minus, Some(x), Some(y)) => Some(x - y),
            (Verb::And, Some(x), Some(y)) => Some(x.min(y)),
            (Verb::Or, Some(x), Some(y)) => Some(x.max(y)),
            (Verb::Star, Some(x), Some(y)) => x.checked_mul(y),
            (Verb::Star | Verb::Percent, _, _) => scaled(verb, real(x), real(y)),
            _ => return Err(domain_error(verb, "of a date and a number with a fraction")),
        };
        let count = result.and_then(narrow).ok_or_else(outside)?;
        match rule.result {
            Some(kind) if !kind.holds(count) => Err(outside()),
            _ => Ok(count),
        }
    };
    let counts = |x: &Value, y: &Value, items: usize| -> Result<Vec<i64>, Error> {
        let mut out = room(items)?;
        for at in 0..items {
            out.push(one(item(x, at), item(y, at))?);
        }
        Ok(out)
    };
    if !x.is_list() && !y.is_list() {
        let count = one(item(&x, 0), item(&y, 0))?;
        return Ok(rule
            .result
            .map_or(Value::Int(count), |kind| Value::temporal(kind, count)));
    }
    let items = if x.is_list() { x.len() } else { y.len() };
    let counts = counts(&x, &y, items)?;
    Ok(match rule.result {
        Some(kind) => Value::from_temporals(kind, counts),
        None => Value::from_ints(counts),
    })
}

fn narrow(wide: i128) -> Option<i64> {
    i64::try_from(wide).ok().filter(|count| *count != NULL)
}

fn real(x: Item) -> f64 {
    match x {
        Item::Null => f64::NAN,
        Item::Count(count) => count as f64,
        Item::Real(real) => real,
    }
}

/// A span times or divided by a number, to the nearest nanosecond; nothing when it has no end.
fn scaled(verb: Verb, x: f64, y: f64) -> Option<i128> {
    let result = if verb == Verb::Star { x * y } else { x / y };
    result.is_finite().then(|| result.round() as i128)
}

/// How often one span goes into another.
fn ratio(x: &Value, y: &Value) -> Result<Value, Error> {
    let one = |at: usize| real(item(x, at)) / real(item(y, at));
    if !x.is_list() && !y.is_list() {
        return Ok(Value::Float(one(0)));
    }
    let items = if x.is_list() { x.len() } else { y.len() };
    let mut out = room(items)?;
    out.extend((0..items).map(one));
    Ok(Value::from_floats(out))
}

/// Arithmetic with nulls only on one side: null, but `|` gives the other side.
fn with_null(
    verb: Verb,
    choice: bool,
    x: Value,
    y: Value,
    left: Sort,
    right: Sort,
) -> Result<Value, Error> {
    if choice && verb == Verb::Or {
        let (known, nulls) = if is_all_null(&x) { (y, x) } else { (x, y) };
        return match (known.is_list(), nulls.is_list()) {
            (false, true) => Value::repeat(known, nulls.len()),
            _ => Ok(known),
        };
    }
    debug_assert!(left == Number || right == Number);
    let items = [&x, &y].into_iter().find(|x| x.is_list()).map(Value::len);
    match items {
        None => Ok(Value::Int(NULL)),
        Some(items) => Value::repeat(Value::Int(NULL), items),
    }
}

/// `s!x` for a span `s`: how far `x` lies behind the last whole multiple of the span, counted from
/// the first moment of 1970; for a span below zero, the number of that multiple.
///
/// # Errors
/// `type` for what is no date, timestamp or span.
pub(super) fn modulo(s: &Value, x: Value) -> Result<Value, Error> {
    let span = match s {
        Value::Temporal(Span, span) => i128::from(*span),
        _ => return Err(type_error_pair(Verb::Bang, s, &x)),
    };
    let scale = match sort_of(&x) {
        Some(Of(Date)) => i128::from(DAY_NS),
        Some(Of(_)) => 1,
        Some(Number) if is_all_null(&x) => return Ok(x),
        _ => return Err(type_error_pair(Verb::Bang, s, &x)),
    };
    let one = |x: Item| match x {
        Item::Count(count) => {
            let wide = i128::from(count) * scale;
            let result = match span {
                0 => wide,
                1.. => wide.rem_euclid(span),
                _ => wide.div_euclid(-span),
            };
            narrow(result).unwrap_or(NULL)
        }
        _ => NULL,
    };
    let numbers = span < 0;
    if !x.is_list() {
        let count = one(item(&x, 0));
        return Ok(if numbers {
            Value::Int(count)
        } else {
            Value::temporal(Span, count)
        });
    }
    let mut counts = room(x.len())?;
    counts.extend((0..x.len()).map(|at| one(item(&x, at))));
    Ok(if numbers {
        Value::from_ints(counts)
    } else {
        Value::from_temporals(Span, counts)
    })
}

/// The counts of dates, timestamps or spans and of nulls, for a comparison; a date beside a timestamp
/// is its first moment.
fn counts(x: &Value, kind: Temporal) -> Option<Value> {
    let scale = |own: Temporal, count: i64| match (own, kind) {
        _ if count == NULL => NULL,
        (Date, Timestamp) => count.saturating_mul(DAY_NS).max(NULL + 1),
        _ => count,
    };
    match x {
        Value::Temporal(own, count) => Some(Value::Int(scale(*own, *count))),
        Value::Temporals(own, items) => Some(Value::from_ints(
            items.iter().map(|x| scale(*own, *x)).collect(),
        )),
        null if is_all_null(null) => Some(match null.is_list() {
            true => Value::from_ints(vec![NULL; null.len()]),
            false => Value::Int(NULL),
        }),
        _ => None,
    }
}

/// `x<y` and the other comparisons; nothing when the kinds are in no relation or not alike in all
/// items, and then the general way serves.
pub(super) fn compare(verb: Verb, x: &Value, y: &Value) -> Option<Result<Value, Error>> {
    let kind = match (sort_of(x)?, sort_of(y)?) {
        (Of(a), Of(b)) if a == b => a,
        (Of(Date | Timestamp), Of(Date | Timestamp)) => Timestamp,
        (Of(a), Number) | (Number, Of(a)) => a,
        _ => return None,
    };
    let (x, y) = (counts(x, kind)?, counts(y, kind)?);
    Some(match verb {
        Verb::Less => relate::apply::<Less>(x, y),
        Verb::More => relate::apply::<More>(x, y),
        Verb::Equal => relate::apply::<Equal>(x, y),
        Verb::LessEqual => relate::apply::<LessEqual>(x, y),
        Verb::MoreEqual => relate::apply::<MoreEqual>(x, y),
        _ => relate::apply::<NotEqual>(x, y),
    })
}

/// `-x` of spans.
pub(super) fn negate(x: Value) -> Result<Value, Error> {
    match x {
        Value::Temporal(Span, count) => Ok(Value::Temporal(Span, -count)),
        Value::Temporals(Span, counts) => Ok(Value::from_temporals(
            Span,
            counts.iter().map(|count| count.wrapping_neg()).collect(),
        )),
        other => Err(super::walk::type_error(Verb::Minus, &other)),
    }
}

/// The words that `$` takes for dates and times.
const CASTS: [(&str, Cast); 11] = [
    ("date", Cast::To(Date)),
    ("timestamp", Cast::To(Timestamp)),
    ("span", Cast::To(Span)),
    ("year", Cast::Part(|days, _| calendar::civil(days).year)),
    ("month", Cast::Part(|days, _| calendar::civil(days).month)),
    ("day", Cast::Part(|days, _| calendar::civil(days).day)),
    // The first of January 1970 was a Thursday.
    (
        "weekday",
        Cast::Part(|days, _| (days + 3).rem_euclid(7) + 1),
    ),
    ("hh", Cast::Part(|_, ns| ns / SECOND_NS / 3600)),
    ("mm", Cast::Part(|_, ns| ns / SECOND_NS / 60 % 60)),
    ("ss", Cast::Part(|_, ns| ns / SECOND_NS % 60)),
    ("ns", Cast::Part(|_, ns| ns % SECOND_NS)),
];

/// What a cast makes of a value.
#[derive(Clone, Copy)]
pub(super) enum Cast {
    /// A value of that kind.
    To(Temporal),
    /// A part, from days and the nanoseconds of the day.
    Part(fn(i64, i64) -> i64),
}

/// The cast that a symbol names.
pub(super) fn cast_named(name: Symbol) -> Option<Cast> {
    let text = name.text();
    CASTS
        .iter()
        .find(|(word, _)| *word == &*text)
        .map(|(_, cast)| *cast)
}

/// A cast of an atom or of a text.
///
/// # Errors
/// `type` for kinds that have no such form, `domain` for texts and counts that mean nothing.
pub(super) fn cast(to: Symbol, cast: Cast, y: Value) -> Result<Value, Error> {
    if y.is_number() && y.is_null() {
        return Ok(Value::Int(NULL));
    }
    match cast {
        Cast::Part(part) => match y {
            Value::Temporal(kind, count) => {
                let (days, ns) = match kind {
                    Date => (count, 0),
                    Timestamp | Span => (count.div_euclid(DAY_NS), count.rem_euclid(DAY_NS)),
                };
                if kind == Span && matches!(&*to.text(), "year" | "month" | "day" | "weekday") {
                    return Err(type_error_pair(Verb::Dollar, &Value::Symbol(to), &y));
                }
                Ok(Value::Int(part(days, ns)))
            }
            y => Err(type_error_pair(Verb::Dollar, &Value::Symbol(to), &y)),
        },
        Cast::To(kind) => {
            if let Some(text) = y.as_text() {
                return calendar::parse(kind, &text)
                    .map(|count| Value::temporal(kind, count))
                    .ok_or_else(|| {
                        let shown =
                            String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
                        domain_error(Verb::Dollar, &format!("to `{to} of {shown:?}"))
                    });
            }
            let count = match (kind, &y) {
                (kind, Value::Temporal(own, count)) if kind == *own => Some(*count),
                (Date, Value::Temporal(Timestamp, count)) => Some(count.div_euclid(DAY_NS)),
                (Timestamp, Value::Temporal(Date, count)) => calendar::instant(*count, 0),
                // The time of day.
                (Span, Value::Temporal(Timestamp, count)) => Some(count.rem_euclid(DAY_NS)),
                (_, number) if number.is_number() => number.as_int(),
                _ => return Err(type_error_pair(Verb::Dollar, &Value::Symbol(to), &y)),
            };
            match count.filter(|count| kind.holds(*count)) {
                Some(count) => Ok(Value::Temporal(kind, count)),
                None => Err(Error::new(
                    Class::Domain,
                    format!("$ to `{to} of a number that counts no {}", kind.word()),
                )),
            }
        }
    }
}

/// The counts of dates, timestamps and spans as numbers.
pub(super) fn to_numbers(y: Value) -> Value {
    match y {
        Value::Temporal(_, count) => Value::Int(count),
        Value::Temporals(_, counts) => Value::Ints(counts),
        other => other,
    }
}

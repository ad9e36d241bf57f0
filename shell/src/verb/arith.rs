//! Addition, subtraction, multiplication, division, lesser and greater.
//!
//! Integers are worked on in blocks that fit the first cache. An addition and an or for each item
//! prove that no result of the block can leave the range of integers and that there is no null, so
//! the loop itself is plain and the compiler turns it into SIMD. A block without
//! that proof is done item by item, and results that are no integers become floats, as they do
//! for atoms.
//!
//! A result is written over an operand that nobody else holds.

use super::number::{Num, float_of, floats_of};
use super::ops::{Op, SmallMul, exact, ints};
use crate::error::Error;
use crate::pace::{self, PACE_ITEMS};
use crate::value::{NULL, Value, room};
use std::ops::Range;
use std::rc::Rc;

/// Items in a block: 8 KiB, so that two operands and the result stay in the first cache.
const BLOCK_ITEMS: usize = 1024;

/// The result of two operands whose lengths, where they have some, are equal.
///
/// # Errors
/// `limit` without memory.
pub(super) fn apply<O: Op>(x: Num, y: Num) -> Result<Value, Error> {
    match (x, y) {
        (Num::Int(x), Num::Int(y)) => Ok(ints::<O>(x, y)),
        (Num::Float(x), Num::Float(y)) => Ok(Value::Float(O::float(x, y))),
        (Num::Int(x), Num::Float(y)) => Ok(match whole::<O>(y) {
            Some(y) => ints::<O>(x, y),
            None => O::mixed_int_float(x, y),
        }),
        (Num::Float(x), Num::Int(y)) => Ok(match whole::<O>(x) {
            Some(x) => ints::<O>(x, y),
            None => O::mixed_float_int(x, y),
        }),
        (Num::Ints(x), Num::Ints(y)) if !O::FLOATS => ints_ints::<O>(x, y),
        (Num::Ints(x), Num::Int(y)) if !O::FLOATS => ints_atom::<O, Forward>(x, y),
        (Num::Int(x), Num::Ints(y)) if !O::FLOATS => ints_atom::<O, Backward>(y, x),
        (Num::Ints(x), Num::Float(y)) => match whole::<O>(y) {
            Some(y) => ints_atom::<O, Forward>(x, y),
            None => widened_atom::<O, Forward>(x, y),
        },
        (Num::Float(x), Num::Ints(y)) => match whole::<O>(x) {
            Some(x) => ints_atom::<O, Backward>(y, x),
            None => widened_atom::<O, Backward>(y, x),
        },
        (Num::Ints(x), Num::Floats(y)) => widened::<O>(&x, &y, O::mixed_int_float, |x, y| {
            floats_floats::<O>(x, Rc::clone(y))
        }),
        (Num::Floats(x), Num::Ints(y)) => widened::<O>(
            &y,
            &x,
            |y, x| O::mixed_float_int(x, y),
            |y, x| floats_floats::<O>(Rc::clone(x), y),
        ),
        (Num::Ints(x), Num::Ints(y)) => {
            floats_floats::<O>(Rc::new(floats_of(&x)?), Rc::new(floats_of(&y)?))
        }
        (Num::Ints(x), Num::Int(y)) => {
            floats_atom::<O, Forward>(Rc::new(floats_of(&x)?), float_of(y))
        }
        (Num::Int(x), Num::Ints(y)) => {
            floats_atom::<O, Backward>(Rc::new(floats_of(&y)?), float_of(x))
        }
        (Num::Floats(x), Num::Floats(y)) => floats_floats::<O>(x, y),
        (Num::Floats(x), Num::Float(y)) => floats_atom::<O, Forward>(x, y),
        (Num::Float(x), Num::Floats(y)) => floats_atom::<O, Backward>(y, x),
        (Num::Floats(x), Num::Int(y)) => floats_atom::<O, Forward>(x, float_of(y)),
        (Num::Int(x), Num::Floats(y)) => floats_atom::<O, Backward>(y, float_of(x)),
    }
}

/// An integral float next to integers is an integer, so that equal numbers give equal results.
fn whole<O: Op>(x: f64) -> Option<i64> {
    if O::FLOATS {
        None
    } else {
        Value::Float(x).as_int()
    }
}

/// True when every integer is small enough to be a float exactly.
fn all_fit_floats(items: &[i64]) -> bool {
    const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;
    items
        .iter()
        .all(|x| (-EXACT..=EXACT).contains(x) || *x == NULL)
}

/// Integers with floats, pairwise: as floats, except that `&` and `|`, which only choose, keep an
/// integer that no float can hold.
fn widened<O: Op>(
    ints: &[i64],
    floats: &Rc<Vec<f64>>,
    choose: impl Fn(i64, f64) -> Value,
    run: impl Fn(Rc<Vec<f64>>, &Rc<Vec<f64>>) -> Result<Value, Error>,
) -> Result<Value, Error> {
    if O::RANGE == 0 && !O::FLOATS && !all_fit_floats(ints) {
        return Ok(ints
            .iter()
            .zip(floats.iter())
            .map(|(x, y)| choose(*x, *y))
            .collect());
    }
    run(Rc::new(floats_of(ints)?), floats)
}

/// The same with one float that is not integral.
fn widened_atom<O: Op, D: Direction>(ints: Rc<Vec<i64>>, atom: f64) -> Result<Value, Error> {
    if O::RANGE == 0 && !O::FLOATS && !all_fit_floats(&ints) {
        return Ok(ints.iter().map(|x| O::mixed_int_float(*x, atom)).collect());
    }
    floats_atom::<O, D>(Rc::new(floats_of(&ints)?), atom)
}

/// Which operand the vector that is written over is.
trait Direction {
    fn order<T>(own: T, other: T) -> (T, T);
}

/// The left one.
struct Forward;
/// The right one.
struct Backward;

impl Direction for Forward {
    #[inline(always)]
    fn order<T>(own: T, other: T) -> (T, T) {
        (own, other)
    }
}

impl Direction for Backward {
    #[inline(always)]
    fn order<T>(own: T, other: T) -> (T, T) {
        (other, own)
    }
}

/// The operand that is only read.
#[derive(Clone, Copy)]
enum Other<'a> {
    Atom(i64),
    Items(&'a [i64]),
}

impl Other<'_> {
    fn at(self, index: usize) -> i64 {
        match self {
            Other::Atom(x) => x,
            Other::Items(items) => items[index],
        }
    }
}

fn ints_ints<O: Op>(mut x: Rc<Vec<i64>>, mut y: Rc<Vec<i64>>) -> Result<Value, Error> {
    if let Some(own) = Rc::get_mut(&mut x) {
        return match run::<O, Forward>(own, &[], Other::Items(&y)) {
            Ok(()) => Ok(Value::Ints(x)),
            Err(at) => promote::<O, Forward>(own, &[], Other::Items(&y), at),
        };
    }
    if let Some(own) = Rc::get_mut(&mut y) {
        return match run::<O, Backward>(own, &[], Other::Items(&x)) {
            Ok(()) => Ok(Value::Ints(y)),
            Err(at) => promote::<O, Backward>(own, &[], Other::Items(&x), at),
        };
    }
    let mut own = room(x.len())?;
    match run::<O, Forward>(&mut own, &x, Other::Items(&y)) {
        Ok(()) => Ok(Value::from_ints(own)),
        Err(at) => promote::<O, Forward>(&own, &x, Other::Items(&y), at),
    }
}

fn ints_atom<O: Op, D: Direction>(mut x: Rc<Vec<i64>>, y: i64) -> Result<Value, Error> {
    if let Some(own) = Rc::get_mut(&mut x) {
        return match run::<O, D>(own, &[], Other::Atom(y)) {
            Ok(()) => Ok(Value::Ints(x)),
            Err(at) => promote::<O, D>(own, &[], Other::Atom(y), at),
        };
    }
    let mut own = room(x.len())?;
    match run::<O, D>(&mut own, &x, Other::Atom(y)) {
        Ok(()) => Ok(Value::from_ints(own)),
        Err(at) => promote::<O, D>(&own, &x, Other::Atom(y), at),
    }
}

/// Works over `own`, block by block; what `own` lacks of `source` is added to it. Answers the
/// position of the first result that is no integer: items before it are results, and items that
/// `own` has from there on are still operands.
fn run<O: Op, D: Direction>(
    own: &mut Vec<i64>,
    source: &[i64],
    other: Other<'_>,
) -> Result<(), usize> {
    let items = own.len().max(source.len());
    let mut start = 0;
    while start < items {
        pace::work_on(BLOCK_ITEMS);
        let end = items.min(start + BLOCK_ITEMS);
        let done = small_products::<O, D>(own, source, other, start..end)
            || block::<O, D>(own, source, other, start..end);
        if !done {
            if !source.is_empty() {
                own.truncate(start);
                own.extend_from_slice(&source[start..end]);
            }
            for (at, x) in own[start..end].iter_mut().enumerate() {
                let (a, b) = D::order(*x, other.at(start + at));
                match exact::<O>(a, b) {
                    Some(result) => *x = result,
                    None => return Err(start + at),
                }
            }
        }
        start = end;
    }
    Ok(())
}

/// Works over a block; false when an operand may do harm, and then what was added is of no use.
#[inline(always)]
fn block<O: Op, D: Direction>(
    own: &mut Vec<i64>,
    source: &[i64],
    other: Other<'_>,
    block: Range<usize>,
) -> bool {
    if source.is_empty() {
        return block_in_place::<O, D>(&mut own[block.clone()], other, block.start);
    }
    own.truncate(block.start);
    fresh_block::<O, D>(own, &source[block], other)
}

/// Products of small factors, if the first ones are. False also for other verbs.
#[inline(always)]
fn small_products<O: Op, D: Direction>(
    own: &mut Vec<i64>,
    source: &[i64],
    other: Other<'_>,
    place: Range<usize>,
) -> bool {
    if !O::IS_PRODUCT {
        return false;
    }
    let items = if source.is_empty() {
        own.as_slice()
    } else {
        source
    };
    let first = [items[place.start], other.at(place.start)];
    harmless::<SmallMul>(&first) && block::<SmallMul, D>(own, source, other, place)
}

/// Adds the results of a block while it proves that nothing went wrong; false when that failed,
/// and then what was added is of no use.
#[inline(always)]
fn fresh_block<O: Op, D: Direction>(own: &mut Vec<i64>, source: &[i64], other: Other<'_>) -> bool {
    let mut seen = 0;
    match other {
        Other::Atom(y) => {
            own.extend(source.iter().map(|x| {
                let (a, b) = D::order(*x, y);
                seen |= x.wrapping_add(O::BIAS) as u64;
                O::wrap(a, b)
            }));
            seen |= y.wrapping_add(O::BIAS) as u64;
        }
        Other::Items(all) => {
            let start = own.len();
            own.extend(
                source
                    .iter()
                    .zip(&all[start..start + source.len()])
                    .map(|(x, y)| {
                        let (a, b) = D::order(*x, *y);
                        seen |= (x.wrapping_add(O::BIAS) | y.wrapping_add(O::BIAS)) as u64;
                        O::wrap(a, b)
                    }),
            );
        }
    }
    O::RANGE == 0 || seen < O::RANGE
}

/// The same over the operand itself, which must be proved harmless before it is lost.
#[inline(always)]
fn block_in_place<O: Op, D: Direction>(own: &mut [i64], other: Other<'_>, start: usize) -> bool {
    match other {
        Other::Atom(y) if harmless::<O>(own) && harmless::<O>(&[y]) => {
            for x in own {
                let (a, b) = D::order(*x, y);
                *x = O::wrap(a, b);
            }
        }
        Other::Items(all)
            if harmless::<O>(own) && harmless::<O>(&all[start..start + own.len()]) =>
        {
            let end = start + own.len();
            for (x, y) in own.iter_mut().zip(&all[start..end]) {
                let (a, b) = D::order(*x, *y);
                *x = O::wrap(a, b);
            }
        }
        _ => return false,
    }
    true
}

/// True when no pair of operands like these can leave the range of integers.
#[inline(always)]
fn harmless<O: Op>(items: &[i64]) -> bool {
    O::RANGE == 0
        || items
            .iter()
            .fold(0, |seen, x| seen | x.wrapping_add(O::BIAS) as u64)
            < O::RANGE
}

/// The result from the point where [`run`] stopped on: results that are no integers are floats,
/// the others stay what they are.
#[cold]
fn promote<O: Op, D: Direction>(
    own: &[i64],
    source: &[i64],
    other: Other<'_>,
    at: usize,
) -> Result<Value, Error> {
    let items = own.len().max(source.len());
    let mut results = room(items)?;
    results.extend(own[..at].iter().map(|x| Value::Int(*x)));
    for index in at..items {
        let x = if index < own.len() {
            own[index]
        } else {
            source[index]
        };
        let (a, b) = D::order(x, other.at(index));
        results.push(ints::<O>(a, b));
    }
    Ok(Value::from_items(results))
}

fn floats_floats<O: Op>(mut x: Rc<Vec<f64>>, mut y: Rc<Vec<f64>>) -> Result<Value, Error> {
    if let Some(own) = Rc::get_mut(&mut x) {
        for (own, y) in own.chunks_mut(PACE_ITEMS).zip(y.chunks(PACE_ITEMS)) {
            pace::work_on(own.len());
            for (x, y) in own.iter_mut().zip(y) {
                *x = O::float(*x, *y);
            }
        }
        return Ok(Value::Floats(x));
    }
    if let Some(own) = Rc::get_mut(&mut y) {
        for (x, own) in x.chunks(PACE_ITEMS).zip(own.chunks_mut(PACE_ITEMS)) {
            pace::work_on(own.len());
            for (x, y) in x.iter().zip(own) {
                *y = O::float(*x, *y);
            }
        }
        return Ok(Value::Floats(y));
    }
    let mut own = room(x.len())?;
    for (x, y) in x.chunks(PACE_ITEMS).zip(y.chunks(PACE_ITEMS)) {
        pace::work(x.len())?;
        own.extend(x.iter().zip(y).map(|(x, y)| O::float(*x, *y)));
    }
    Ok(Value::from_floats(own))
}

fn floats_atom<O: Op, D: Direction>(mut x: Rc<Vec<f64>>, y: f64) -> Result<Value, Error> {
    let result = |x: f64| {
        let (a, b) = D::order(x, y);
        O::float(a, b)
    };
    if let Some(own) = Rc::get_mut(&mut x) {
        for block in own.chunks_mut(PACE_ITEMS) {
            pace::work_on(block.len());
            for x in block {
                *x = result(*x);
            }
        }
        return Ok(Value::Floats(x));
    }
    let mut own = room(x.len())?;
    for block in x.chunks(PACE_ITEMS) {
        pace::work(block.len())?;
        own.extend(block.iter().map(|x| result(*x)));
    }
    Ok(Value::from_floats(own))
}

//! Addition, subtraction, multiplication, division, lesser and greater.
//!
//! Integers are worked on in blocks that fit the first cache. An addition and an or for each item
//! prove that no result of the block can leave the range of integers and that there is no null, so
//! the loop itself is plain and the compiler turns it into SIMD. A block without
//! that proof is done item by item, and results that are no integers become floats, as they do for atoms.
//!
//! A result is written over an operand that nobody else holds.

use super::number::{Num, float_of, floats_of};
use crate::error::Error;
use crate::value::{NULL, Value, compare_int_float, room};
use std::cmp::Ordering;
use std::rc::Rc;

/// Items in a block: 8 KiB, so that two operands and the result stay in the first cache.
const BLOCK_ITEMS: usize = 1024;

/// One arithmetic verb.
pub(super) trait Op {
    /// Added to an operand, together with [`Op::RANGE`]: an operand is harmless when the sum is
    /// below the range as an unsigned number. The range is a power of two.
    const BIAS: i64;
    /// See [`Op::BIAS`]; zero when no operands do harm.
    const RANGE: u64;
    /// True when the result of integers is always a float.
    const FLOATS: bool = false;
    /// True for addition, whose runs can be proved safe by their items' sizes.
    const IS_SUM: bool = false;
    /// The result for harmless integers.
    fn wrap(x: i64, y: i64) -> i64;
    /// The result if it is an integer; operands are not null.
    fn checked(x: i64, y: i64) -> Option<i64>;
    /// The result for floats.
    fn float(x: f64, y: f64) -> f64;
    /// The result for numbers of different representation, where the float is not integral.
    fn mixed_int_float(x: i64, y: f64) -> Value {
        Value::Float(Self::float(float_of(x), y))
    }
    /// The same, the float first.
    fn mixed_float_int(x: f64, y: i64) -> Value {
        Value::Float(Self::float(x, float_of(y)))
    }
}

pub(super) struct Add;
pub(super) struct Sub;
pub(super) struct Mul;
pub(super) struct Div;
pub(super) struct Min;
pub(super) struct Max;

impl Op for Add {
    const IS_SUM: bool = true;
    const BIAS: i64 = 1 << 62;
    const RANGE: u64 = 1 << 63;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        x.wrapping_add(y)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        x.checked_add(y)
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        x + y
    }
}

impl Op for Sub {
    const BIAS: i64 = 1 << 62;
    const RANGE: u64 = 1 << 63;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        x.wrapping_sub(y)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        x.checked_sub(y)
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        x - y
    }
}

impl Op for Mul {
    const BIAS: i64 = 1 << 31;
    const RANGE: u64 = 1 << 32;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        // Harmless operands have 32 bits, and those there are instructions for.
        i64::from(x as i32) * i64::from(y as i32)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        x.checked_mul(y)
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        x * y
    }
}

impl Op for Div {
    const BIAS: i64 = 0;
    const RANGE: u64 = 0;
    const FLOATS: bool = true;
    #[inline(always)]
    fn wrap(x: i64, _y: i64) -> i64 {
        x
    }
    fn checked(_x: i64, _y: i64) -> Option<i64> {
        None
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        // Adding zero makes a negative zero positive: 0.0 and -0.0 are one number here.
        x / (y + 0.0)
    }
}

impl Op for Min {
    const BIAS: i64 = 0;
    const RANGE: u64 = 0;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        x.min(y)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        Some(x.min(y))
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        if x < y || x.is_nan() { x } else { y }
    }
    fn mixed_int_float(x: i64, y: f64) -> Value {
        if compare_int_float(x, y) == Ordering::Less { Value::Int(x) } else { Value::Float(y) }
    }
    fn mixed_float_int(x: f64, y: i64) -> Value {
        Self::mixed_int_float(y, x)
    }
}

impl Op for Max {
    const BIAS: i64 = 0;
    const RANGE: u64 = 0;
    #[inline(always)]
    fn wrap(x: i64, y: i64) -> i64 {
        x.max(y)
    }
    fn checked(x: i64, y: i64) -> Option<i64> {
        Some(x.max(y))
    }
    #[inline(always)]
    fn float(x: f64, y: f64) -> f64 {
        if x > y || y.is_nan() { x } else { y }
    }
    fn mixed_int_float(x: i64, y: f64) -> Value {
        if compare_int_float(x, y) == Ordering::Less { Value::Float(y) } else { Value::Int(x) }
    }
    fn mixed_float_int(x: f64, y: i64) -> Value {
        Self::mixed_int_float(y, x)
    }
}

/// The exact integer result, if it is one; a null operand gives the null.
#[inline(always)]
fn exact<O: Op>(x: i64, y: i64) -> Option<i64> {
    if O::RANGE == 0 {
        return Some(O::wrap(x, y));
    }
    if x == NULL || y == NULL {
        return Some(NULL);
    }
    O::checked(x, y).filter(|result| *result != NULL)
}

/// The result of two integers.
#[inline(always)]
pub(super) fn ints<O: Op>(x: i64, y: i64) -> Value {
    if O::FLOATS {
        return Value::Float(O::float(float_of(x), float_of(y)));
    }
    match exact::<O>(x, y) {
        Some(result) => Value::Int(result),
        None => Value::Float(O::float(x as f64, y as f64)),
    }
}

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
        (Num::Ints(x), Num::Floats(y)) => widened::<O>(&x, &y, O::mixed_int_float, |x, y| floats_floats::<O>(x, Rc::clone(&y))),
        (Num::Floats(x), Num::Ints(y)) => {
            widened::<O>(&y, &x, |y, x| O::mixed_float_int(x, y), |y, x| floats_floats::<O>(Rc::clone(&x), y))
        }
        (Num::Ints(x), Num::Ints(y)) => floats_floats::<O>(Rc::new(floats_of(&x)?), Rc::new(floats_of(&y)?)),
        (Num::Ints(x), Num::Int(y)) => floats_atom::<O, Forward>(Rc::new(floats_of(&x)?), float_of(y)),
        (Num::Int(x), Num::Ints(y)) => floats_atom::<O, Backward>(Rc::new(floats_of(&y)?), float_of(x)),
        (Num::Floats(x), Num::Floats(y)) => floats_floats::<O>(x, y),
        (Num::Floats(x), Num::Float(y)) => floats_atom::<O, Forward>(x, y),
        (Num::Float(x), Num::Floats(y)) => floats_atom::<O, Backward>(y, x),
        (Num::Floats(x), Num::Int(y)) => floats_atom::<O, Forward>(x, float_of(y)),
        (Num::Int(x), Num::Floats(y)) => floats_atom::<O, Backward>(y, float_of(x)),
    }
}

/// An integral float next to integers is an integer, so that equal numbers give equal results.
fn whole<O: Op>(x: f64) -> Option<i64> {
    if O::FLOATS { None } else { Value::Float(x).as_int() }
}

/// True when every integer is small enough to be a float exactly.
fn all_fit_floats(items: &[i64]) -> bool {
    const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;
    items.iter().all(|x| (-EXACT..=EXACT).contains(x) || *x == NULL)
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
        return Ok(ints.iter().zip(floats.iter()).map(|(x, y)| choose(*x, *y)).collect());
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
fn run<O: Op, D: Direction>(own: &mut Vec<i64>, source: &[i64], other: Other<'_>) -> Result<(), usize> {
    let items = own.len().max(source.len());
    let mut start = 0;
    while start < items {
        let end = items.min(start + BLOCK_ITEMS);
        let done = if own.len() < end {
            fresh_block::<O, D>(own, &source[start..end], other)
        } else {
            block_in_place::<O, D>(&mut own[start..end], other, start)
        };
        if !done {
            if !source.is_empty() {
                own[start..end].copy_from_slice(&source[start..end]);
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
            own.extend(source.iter().zip(&all[start..start + source.len()]).map(|(x, y)| {
                let (a, b) = D::order(*x, *y);
                seen |= (x.wrapping_add(O::BIAS) | y.wrapping_add(O::BIAS)) as u64;
                O::wrap(a, b)
            }));
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
        Other::Items(all) if harmless::<O>(own) && harmless::<O>(&all[start..start + own.len()]) => {
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
    O::RANGE == 0 || items.iter().fold(0, |seen, x| seen | x.wrapping_add(O::BIAS) as u64) < O::RANGE
}

/// The result from the point where [`run`] stopped on: results that are no integers are floats,
/// the others stay what they are.
#[cold]
fn promote<O: Op, D: Direction>(own: &[i64], source: &[i64], other: Other<'_>, at: usize) -> Result<Value, Error> {
    let items = own.len().max(source.len());
    let mut results = room(items)?;
    results.extend(own[..at].iter().map(|x| Value::Int(*x)));
    for index in at..items {
        let x = if index < own.len() { own[index] } else { source[index] };
        let (a, b) = D::order(x, other.at(index));
        results.push(ints::<O>(a, b));
    }
    Ok(Value::from_items(results))
}

fn floats_floats<O: Op>(mut x: Rc<Vec<f64>>, mut y: Rc<Vec<f64>>) -> Result<Value, Error> {
    if let Some(own) = Rc::get_mut(&mut x) {
        for (x, y) in own.iter_mut().zip(y.iter()) {
            *x = O::float(*x, *y);
        }
        return Ok(Value::Floats(x));
    }
    if let Some(own) = Rc::get_mut(&mut y) {
        for (x, y) in x.iter().zip(own.iter_mut()) {
            *y = O::float(*x, *y);
        }
        return Ok(Value::Floats(y));
    }
    let mut own = room(x.len())?;
    own.extend(x.iter().zip(y.iter()).map(|(x, y)| O::float(*x, *y)));
    Ok(Value::from_floats(own))
}

fn floats_atom<O: Op, D: Direction>(mut x: Rc<Vec<f64>>, y: f64) -> Result<Value, Error> {
    let result = |x: f64| {
        let (a, b) = D::order(x, y);
        O::float(a, b)
    };
    if let Some(own) = Rc::get_mut(&mut x) {
        for x in own.iter_mut() {
            *x = result(*x);
        }
        return Ok(Value::Floats(x));
    }
    let mut own = room(x.len())?;
    own.extend(x.iter().map(|x| result(*x)));
    Ok(Value::from_floats(own))
}

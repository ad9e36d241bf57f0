//! The total order of values, for grade, search and `<` on atoms.
//!
//! Kinds in order: nil, numbers, dates, timestamps and spans, texts (chars and strings together),
//! symbols, other lists, dictionaries, tables, functions. Numbers by value with the null lowest; texts and symbols by
//! bytes; other lists by length first, then item by item. The empty list is a text.

use super::met::Met;
use super::{Kind, NULL, Value};
use crate::pace;
use std::cmp::Ordering;
use std::rc::Rc;

/// Compares two floats; the null is lowest, and -0 equals 0.
pub fn compare_float_float(x: f64, y: f64) -> Ordering {
    match x.partial_cmp(&y) {
        Some(order) => order,
        None => y.is_nan().cmp(&x.is_nan()),
    }
}

/// Compares an integer and a float exactly, without rounding the integer; the null is lowest.
pub fn compare_int_float(x: i64, y: f64) -> Ordering {
    if x == NULL {
        return if y.is_nan() {
            Ordering::Equal
        } else {
            Ordering::Less
        };
    }
    if y.is_nan() {
        return Ordering::Greater;
    }
    const RANGE: f64 = 9_223_372_036_854_775_808.0;
    if y >= RANGE {
        return Ordering::Less;
    }
    if y < -RANGE {
        return Ordering::Greater;
    }
    // In range the integral part converts exactly; the fraction decides between equals.
    let whole = y.trunc();
    x.cmp(&(whole as i64))
        .then_with(|| 0.0_f64.partial_cmp(&(y - whole)).unwrap_or(Ordering::Equal))
}

fn class(value: &Value) -> u8 {
    match value.kind() {
        Kind::Nil => 0,
        Kind::Number => 1,
        Kind::Temporal => 2,
        Kind::Char => 3,
        Kind::List if value.is_text() => 3,
        Kind::Symbol => 4,
        Kind::List => 5,
        Kind::Dict => 6,
        Kind::Table => 7,
        Kind::Function => FUNCTIONS,
    }
}

/// The class of lists, the first of those that may hold further values.
const LISTS: u8 = 5;
/// The class of functions.
const FUNCTIONS: u8 = 8;

/// True for classes whose values are compared without looking inside.
fn is_flat_class(class: u8) -> bool {
    class < LISTS || class == FUNCTIONS
}

/// Compares two atoms of one class, or two texts.
fn compare_flat(x: &Value, y: &Value) -> Ordering {
    match (x, y) {
        (Value::Int(x), Value::Int(y)) => x.cmp(y),
        (Value::Float(x), Value::Float(y)) => compare_float_float(*x, *y),
        (Value::Int(x), Value::Float(y)) => compare_int_float(*x, *y),
        (Value::Float(x), Value::Int(y)) => compare_int_float(*y, *x).reverse(),
        (Value::Temporal(a, x), Value::Temporal(b, y)) => a.cmp(b).then_with(|| x.cmp(y)),
        (Value::Char(x), Value::Char(y)) => x.cmp(y),
        (Value::Symbol(x), Value::Symbol(y)) => x.cmp(y),
        (Value::Function(_), Value::Function(_)) => {
            crate::format::form(x).cmp(&crate::format::form(y))
        }
        _ => {
            let texts = (
                x.as_text().unwrap_or_default(),
                y.as_text().unwrap_or_default(),
            );
            // A char and the string of it have one text; the char comes first.
            texts
                .0
                .cmp(&texts.1)
                .then_with(|| x.is_list().cmp(&y.is_list()))
        }
    }
}

/// The order of two values.
pub fn compare(x: &Value, y: &Value) -> Ordering {
    let (class_x, class_y) = (class(x), class(y));
    if class_x != class_y {
        return class_x.cmp(&class_y);
    }
    if is_flat_class(class_x) {
        return compare_flat(x, y);
    }
    compare_nested(x, y)
}

/// True for one and the same value in two places, which need not be looked through.
fn is_same(x: &Value, y: &Value) -> bool {
    match (x, y) {
        (Value::List(a), Value::List(b)) => Rc::ptr_eq(a, b),
        (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b),
        (Value::Table(a), Value::Table(b)) => Rc::ptr_eq(a, b),
        (Value::Ints(a), Value::Ints(b)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}

/// Walks two nested values side by side; the stack holds the pairs that are still to be compared,
/// as owned handles because typed vectors have no values to point at.
fn compare_nested(x: &Value, y: &Value) -> Ordering {
    let mut todo: Vec<(Value, Value)> = vec![(x.clone(), y.clone())];
    let mut met = Met::default();
    while let Some((x, y)) = todo.pop() {
        pace::work_on(1);
        if is_same(&x, &y) || met.before(&x, &y) {
            continue;
        }
        let (class_x, class_y) = (class(&x), class(&y));
        let order = match class_x.cmp(&class_y) {
            Ordering::Equal if is_flat_class(class_x) => compare_flat(&x, &y),
            Ordering::Equal => match (&x, &y) {
                (Value::Dict(a), Value::Dict(b)) => {
                    todo.push((a.values().clone(), b.values().clone()));
                    todo.push((a.keys().clone(), b.keys().clone()));
                    Ordering::Equal
                }
                (Value::Table(a), Value::Table(b)) => {
                    let width = a.columns().len().cmp(&b.columns().len());
                    todo.extend(
                        a.columns()
                            .iter()
                            .cloned()
                            .zip(b.columns().iter().cloned())
                            .rev(),
                    );
                    width.then_with(|| a.names().cmp(b.names()))
                }
                (Value::Ints(a), Value::Ints(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
                _ => {
                    let order = x.len().cmp(&y.len());
                    if order == Ordering::Equal {
                        todo.extend(
                            (0..x.len())
                                .rev()
                                .filter_map(|at| Some((x.item(at)?, y.item(at)?))),
                        );
                    }
                    order
                }
            },
            order => order,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::{NULL, Ordering, Value, compare, compare_int_float};

    #[test]
    fn integers_and_floats_compare_exactly() {
        let big = (1i64 << 53) + 1;
        assert_eq!(
            compare_int_float(big, 9_007_199_254_740_992.0),
            Ordering::Greater
        );
        assert_eq!(compare_int_float(2, 2.5), Ordering::Less);
        assert_eq!(compare_int_float(-2, -2.5), Ordering::Greater);
        assert_eq!(
            compare_int_float(i64::MAX, 9_223_372_036_854_775_808.0),
            Ordering::Less
        );
        assert_eq!(compare_int_float(NULL, f64::NEG_INFINITY), Ordering::Less);
    }

    #[test]
    fn words_sort_with_single_chars_among_them() {
        let words = [
            Value::string("apple"),
            Value::Char(b'b'),
            Value::string("bb"),
        ];
        assert_eq!(compare(&words[0], &words[1]), Ordering::Less);
        assert_eq!(compare(&words[1], &words[2]), Ordering::Less);
    }

    #[test]
    fn other_lists_by_length_first() {
        let short = Value::from_ints(vec![9]);
        let long = Value::from_ints(vec![1, 2]);
        assert_eq!(compare(&short, &long), Ordering::Less);
        let float = Value::from_floats(vec![1.0, 2.5]);
        assert_eq!(compare(&long, &float), Ordering::Less);
    }

    #[test]
    fn a_value_is_not_looked_through_beside_itself() {
        let row = |x: i64| Value::from_items(vec![Value::from_ints(vec![x; 3]); 5]);
        let table = Value::from_items((0..100_000).map(row).collect());
        // In the time that this takes, one walk in a thousand would be too many.
        for _ in 0..100_000 {
            assert_eq!(compare(&table, &table.clone()), Ordering::Equal);
        }
        let within = |last| Value::from_items(vec![table.clone(), Value::Int(last)]);
        for _ in 0..100_000 {
            assert_eq!(compare(&within(1), &within(2)), Ordering::Less);
        }
    }
}

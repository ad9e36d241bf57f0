//! Deep equality, `x~y`.
//!
//! Kinds must agree, numbers are equal by value whatever their representation, nulls are equal to
//! each other, and all empty lists are equal. Walks with a stack of its own.

use super::met::Met;
use super::order::compare_int_float;
use super::{Function, NULL, Value};
use std::cmp::Ordering;
use std::rc::Rc;

/// True when two floats are the same number; nulls are.
pub fn floats_match(x: f64, y: f64) -> bool {
    x == y || (x.is_nan() && y.is_nan())
}

/// True when both are atoms, no functions, and equal.
pub fn atoms_match(x: &Value, y: &Value) -> bool {
    match (x, y) {
        (Value::Nil, Value::Nil) => true,
        (Value::Int(x), Value::Int(y)) => x == y,
        (Value::Float(x), Value::Float(y)) => floats_match(*x, *y),
        (Value::Int(x), Value::Float(y)) | (Value::Float(y), Value::Int(x)) => {
            compare_int_float(*x, *y) == Ordering::Equal
        }
        (Value::Temporal(a, x), Value::Temporal(b, y)) => a == b && x == y,
        (Value::Char(x), Value::Char(y)) => x == y,
        (Value::Symbol(x), Value::Symbol(y)) => x == y,
        _ => false,
    }
}

fn int_float_lists_match(x: &[i64], y: &[f64]) -> bool {
    x.iter().zip(y).all(|(x, y)| {
        if *x == NULL {
            y.is_nan()
        } else {
            compare_int_float(*x, *y) == Ordering::Equal
        }
    })
}

/// True when two values match.
pub fn matches(x: &Value, y: &Value) -> bool {
    if !x.nests() && !y.nests() {
        return flat_match(x, y).unwrap_or(false);
    }
    let mut todo = vec![(x, y)];
    let mut met = Met::default();
    while let Some((x, y)) = todo.pop() {
        if met.before(x, y) {
            continue;
        }
        match (x, y) {
            (Value::List(a), Value::List(b)) => {
                if Rc::ptr_eq(a, b) {
                    continue;
                }
                if a.len() != b.len() {
                    return false;
                }
                todo.extend(a.iter().zip(b.iter()).rev());
            }
            (Value::Dict(a), Value::Dict(b)) => {
                if !Rc::ptr_eq(a, b) {
                    todo.push((a.values(), b.values()));
                    todo.push((a.keys(), b.keys()));
                }
            }
            (Value::Table(a), Value::Table(b)) => {
                if Rc::ptr_eq(a, b) {
                    continue;
                }
                if a.rows() != b.rows() || a.names() != b.names() {
                    return false;
                }
                todo.extend(a.columns().iter().zip(b.columns()));
            }
            (Value::Function(a), Value::Function(b)) => {
                if !Rc::ptr_eq(a, b) && !functions_match(a, b, &mut todo) {
                    return false;
                }
            }
            _ => match flat_match(x, y) {
                Some(true) => {}
                _ => return false,
            },
        }
    }
    true
}

/// Compares what needs no walk; `None` never happens for equal shapes that need one.
fn flat_match(x: &Value, y: &Value) -> Option<bool> {
    Some(match (x, y) {
        (Value::Ints(a), Value::Ints(b)) => a == b,
        (Value::Floats(a), Value::Floats(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(x, y)| floats_match(*x, *y))
        }
        (Value::Ints(a), Value::Floats(b)) | (Value::Floats(b), Value::Ints(a)) => {
            a.len() == b.len() && int_float_lists_match(a, b)
        }
        (Value::Temporals(a, x), Value::Temporals(b, y)) if a == b => x == y,
        (Value::Chars(a), Value::Chars(b)) => a == b,
        (Value::Symbols(a), Value::Symbols(b)) => a == b,
        _ if x.is_list() && y.is_list() => {
            // Different forms: equal only when both are empty or numbers that one of them holds
            // apart because no vector can.
            x.len() == y.len() && x.items().zip(y.items()).all(|(x, y)| atoms_match(&x, &y))
        }
        _ => atoms_match(x, y),
    })
}

fn functions_match<'a>(
    a: &'a Function,
    b: &'a Function,
    todo: &mut Vec<(&'a Value, &'a Value)>,
) -> bool {
    match (a, b) {
        (Function::Lambda(a), Function::Lambda(b)) => a.same(b),
        (Function::Verb(a), Function::Verb(b)) | (Function::Monad(a), Function::Monad(b)) => a == b,
        (Function::Native(a), Function::Native(b)) => a == b,
        (Function::Derived(a), Function::Derived(b)) => {
            todo.push((&a.operand, &b.operand));
            a.adverb == b.adverb
        }
        (Function::Projection(a), Function::Projection(b)) => {
            todo.push((&a.function, &b.function));
            if a.arguments.len() != b.arguments.len() {
                return false;
            }
            for pair in a.arguments.iter().zip(&b.arguments) {
                match pair {
                    (None, None) => {}
                    (Some(a), Some(b)) => todo.push((a, b)),
                    _ => return false,
                }
            }
            true
        }
        (Function::Train(a), Function::Train(b)) => {
            todo.extend(a.iter().zip(b.iter()));
            a.len() == b.len()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{NULL, Value, matches};

    #[test]
    fn numbers_match_by_value() {
        assert!(matches(&Value::Int(2), &Value::Float(2.0)));
        assert!(!matches(
            &Value::Int((1 << 53) + 1),
            &Value::Float(9_007_199_254_740_992.0)
        ));
        assert!(matches(&Value::Int(NULL), &Value::Float(f64::NAN)));
        assert!(matches(
            &Value::from_ints(vec![1, NULL]),
            &Value::from_floats(vec![1.0, f64::NAN])
        ));
    }

    #[test]
    fn empty_lists_match() {
        assert!(matches(&Value::empty(), &Value::from_chars(vec![])));
        assert!(matches(
            &Value::from_items(vec![]),
            &Value::from_floats(vec![])
        ));
        assert!(!matches(&Value::Char(b'a'), &Value::from_chars(vec![b'a'])));
    }

    #[test]
    fn a_deep_nest_is_compared_and_dropped() {
        let deep = |depth: usize| (0..depth).fold(Value::Int(1), |inner, _| inner.enlist());
        assert!(matches(&deep(1_000_000), &deep(1_000_000)));
        assert!(!matches(&deep(1_000_000), &deep(1_000_001)));
    }
}

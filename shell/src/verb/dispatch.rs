//! From a verb and its operands to what does the work.
//!
//! Functions as operands are the machine's affair: what reaches this file with one is a mistake of
//! the program and gets a `type` error.

use super::atomic::atomic;
use super::walk::{is_flat, length_error, map_leaves, take, type_error, type_error_pair};
use super::{count, find, grade, group, index, join, monads, roll, string};
use crate::error::Error;
use crate::random::Rng;
use crate::value::{Dict, Value, matches};
use crate::verb::{Direction, Verb};

/// A verb with one operand.
///
/// # Errors
/// What the operand's kind, value or size deserves; the text names the verb and the operand.
pub fn monadic(verb: Verb, x: Value, rng: &mut Rng) -> Result<Value, Error> {
    match verb {
        Verb::Colon => Ok(x),
        Verb::Plus => count::flip(x),
        Verb::Minus => monads::negate(x),
        Verb::Star => Ok(count::first(x)),
        Verb::Percent | Verb::Sin | Verb::Cos | Verb::Exp | Verb::Log => {
            monads::float_function(verb, x)
        }
        Verb::Bang => count::iota(x),
        Verb::And => count::r#where(&x),
        Verb::Or => count::reverse(x),
        Verb::Less => grade::grade(Direction::Up, &x),
        Verb::More => grade::grade(Direction::Down, &x),
        Verb::Equal => group::group(&x),
        Verb::Tilde => monads::not(x),
        Verb::Comma => Ok(x.enlist()),
        Verb::Caret => monads::null(x),
        Verb::Hash => Ok(Value::count(x.len())),
        Verb::Under => monads::floor(x),
        Verb::Dollar => string::string(x),
        Verb::Query if x.is_number() => roll::unit(&x, rng),
        Verb::Query => group::distinct(&x),
        Verb::At => Ok(Value::Int(x.type_code())),
        Verb::Dot => match x {
            Value::Dict(dict) => Ok(dict.values().clone()),
            Value::Table(table) => Ok(Value::from_items(table.columns().to_vec())),
            other => Err(type_error(verb, &other)),
        },
        // Written together without a left operand, two verbs are applied one after the other.
        Verb::LessEqual => grade::grade(Direction::Up, &group::group(&x)?),
        Verb::MoreEqual => grade::grade(Direction::Down, &group::group(&x)?),
        Verb::NotEqual => grade::grade(Direction::Up, &grade::grade(Direction::Down, &x)?),
        Verb::Prm => roll::permutations(x),
        Verb::Kind => Ok(Value::symbol(x.representation())),
        Verb::Form => crate::format::form_checked(&x).map(|text| Value::string(&text)),
        Verb::Json => crate::json::parse(&x),
        Verb::In | Verb::Lines => Err(type_error(verb, &x)),
    }
}

/// A verb with two operands.
///
/// # Errors
/// What the operands' kinds, values or sizes deserve; the text names the verb and the operands.
pub fn dyadic(verb: Verb, x: Value, y: Value, rng: &mut Rng) -> Result<Value, Error> {
    match verb {
        Verb::Plus
        | Verb::Minus
        | Verb::Star
        | Verb::Percent
        | Verb::And
        | Verb::Or
        | Verb::Less
        | Verb::More
        | Verb::Equal
        | Verb::LessEqual
        | Verb::MoreEqual
        | Verb::NotEqual => atomic(verb, x, y),
        Verb::Colon => Ok(y),
        Verb::Tilde => Ok(Value::truth(matches(&x, &y))),
        Verb::Comma => join::join(x, y),
        Verb::Bang => bang(x, y),
        Verb::Caret => caret(x, y),
        Verb::Hash => match x {
            x if x.is_number() => super::take::take(&x, y),
            Value::Symbol(_) | Value::Char(_) if !y.is_list() && !y.is_atom() => {
                super::take::reshape(x.enlist(), y)
            }
            x if x.is_list() => super::take::reshape(x, y),
            x => Err(type_error_pair(verb, &x, &y)),
        },
        Verb::Under => match (x, y) {
            (x, y) if x.is_function() => Err(type_error_pair(verb, &x, &y)),
            (x, y)
                if x.is_list()
                    && (y.is_list() || matches!(y, Value::Dict(_) | Value::Table(_))) =>
            {
                super::cut::cut(x, y)
            }
            (x, y) if x.is_list() => super::cut::delete(x, &y),
            (Value::Dict(dict), y) => Err(type_error_pair(verb, &Value::Dict(dict), &y)),
            (x, y) => super::cut::drop(&x, y),
        },
        Verb::Dollar => string::cast(x, y),
        Verb::Query => query(x, y, rng),
        Verb::At => index::at(&x, y),
        Verb::Dot => match y {
            y if y.is_list() => index::at_depth(&x, &y.into_items()),
            y => index::at(&x, y),
        },
        Verb::In => find::member(x, y),
        Verb::Json | Verb::Lines | Verb::Form => Err(type_error_pair(verb, &x, &y)),
        Verb::Sin | Verb::Cos | Verb::Exp | Verb::Log | Verb::Prm | Verb::Kind => Err(Error::new(
            crate::error::Class::Rank,
            format!("{verb} takes one argument and got two"),
        )),
    }
}

/// `x!y`: a dictionary of a list of keys, otherwise the remainder.
fn bang(x: Value, y: Value) -> Result<Value, Error> {
    if !x.is_list() {
        return if x.is_atom() {
            count::modulo(&x, y)
        } else {
            Err(type_error_pair(Verb::Bang, &x, &y))
        };
    }
    if !y.is_list() {
        let values = Value::repeat(y, x.len())?;
        return Ok(Value::dict(Dict::new(x, values)?));
    }
    if x.len() != y.len() {
        return Err(length_error(Verb::Bang, &x, &y));
    }
    Ok(Value::dict(Dict::new(x, y)?))
}

/// `x^y`: a list without items, otherwise nulls filled.
fn caret(x: Value, y: Value) -> Result<Value, Error> {
    if x.is_list() {
        return find::except(x, y);
    }
    if !x.is_atom() {
        return Err(type_error_pair(Verb::Caret, &x, &y));
    }
    map_leaves(y, is_flat, |y| fill(&x, y))
}

fn fill(x: &Value, y: Value) -> Result<Value, Error> {
    if !y.is_list() {
        return Ok(if y.is_null() { x.clone() } else { y });
    }
    match (x, y) {
        (Value::Int(x), Value::Ints(items)) => {
            let mut items = take(items);
            items
                .iter_mut()
                .filter(|y| **y == crate::value::NULL)
                .for_each(|y| *y = *x);
            Ok(Value::from_ints(items))
        }
        (x, y) if !y.items().any(|y| y.is_null()) => {
            debug_assert!(x.is_atom());
            Ok(y)
        }
        (x, y) => Ok(y
            .items()
            .map(|y| if y.is_null() { x.clone() } else { y })
            .collect()),
    }
}

/// `x?y`: find in a list or in a dictionary's values, otherwise random.
fn query(x: Value, y: Value, rng: &mut Rng) -> Result<Value, Error> {
    match x {
        Value::Dict(dict) => {
            let places = find::find(dict.values(), y)?;
            index::at(dict.keys(), places)
        }
        x if x.is_list() => find::find(&x, y),
        Value::Table(table) => find::rows(&table, y),
        x => roll::roll(&x, &y, rng),
    }
}

#[cfg(test)]
mod tests {
    use super::{dyadic, monadic};
    use crate::error::Class;
    use crate::random::Rng;
    use crate::value::{Adverb, Derived, Dict, Function, Table, Value};
    use crate::verb::Verb;
    use std::rc::Rc;

    /// A value of every kind, empty, short and odd.
    fn samples() -> Vec<Value> {
        let ints = |items: &[i64]| Value::from_ints(items.to_vec());
        let names = Value::from_symbols(vec![crate::symbol::Symbol::new("a")]);
        let verb = Value::function(Function::Verb(Verb::Plus));
        vec![
            Value::Nil,
            Value::Int(0),
            Value::Int(3),
            Value::Int(-2),
            Value::Int(crate::value::NULL),
            Value::Int(i64::MAX),
            Value::Float(2.5),
            Value::Float(f64::INFINITY),
            Value::Float(f64::NAN),
            Value::Char(b'a'),
            Value::symbol("a"),
            Value::symbol(""),
            ints(&[]),
            ints(&[1, 2, 3]),
            ints(&[-1, crate::value::NULL]),
            Value::from_floats(vec![0.5, f64::NAN]),
            Value::string("abc"),
            Value::string(""),
            names.clone(),
            Value::from_items(vec![Value::Int(1), Value::symbol("b"), ints(&[1, 2])]),
            Value::from_items(vec![Value::Nil, Value::Nil]),
            Value::from_items(vec![Value::string("ab"), Value::string("")]),
            Value::dict(Dict::empty()),
            Value::dict(Dict::new(names.clone(), ints(&[5])).unwrap()),
            Value::dict(Dict::new(ints(&[1, 2]), Value::string("xy")).unwrap()),
            Value::table(
                Table::new(
                    Rc::new(vec![crate::symbol::Symbol::new("a")]),
                    vec![ints(&[1, 2])],
                )
                .unwrap(),
            ),
            Value::table(Table::new(Rc::new(vec![]), vec![]).unwrap()),
            verb.clone(),
            Value::function(Function::Derived(Derived {
                adverb: Adverb::Over,
                operand: verb,
            })),
        ]
    }

    /// The narrowest form of a result is the form it has.
    fn check_form(value: &Value) {
        if let Value::List(items) = value {
            let again = Value::from_items(items.to_vec());
            assert_eq!(
                again.representation(),
                "list",
                "{value:?} is not in its narrowest form"
            );
            items.iter().for_each(check_form);
        }
    }

    #[test]
    fn every_verb_takes_every_value() {
        let mut rng = Rng::new(1);
        for verb in Verb::all() {
            for x in samples() {
                if let Ok(result) = monadic(verb, x.clone(), &mut rng) {
                    check_form(&result);
                }
                for y in samples() {
                    if let Ok(result) = dyadic(verb, x.clone(), y.clone(), &mut rng) {
                        check_form(&result);
                    }
                }
            }
        }
    }

    #[test]
    fn a_result_does_not_depend_on_who_holds_the_operands() {
        for verb in Verb::all() {
            for (x, y) in samples()
                .into_iter()
                .flat_map(|x| samples().into_iter().map(move |y| (x.clone(), y)))
            {
                let held =
                    dyadic(verb, x.clone(), y.clone(), &mut Rng::new(1)).map_err(|e| e.class());
                // Copies that nobody else holds.
                let (own_x, own_y) = (copy(&x), copy(&y));
                let owned = dyadic(verb, own_x, own_y, &mut Rng::new(1)).map_err(|e| e.class());
                assert_eq!(held, owned, "{x:?}{verb}{y:?}");
            }
        }
    }

    /// Everything that the verbs are given here is nested so deep that one call for each level would
    /// end the thread at once.
    #[test]
    fn no_verb_needs_stack_for_depth() {
        const STACK_BYTES: usize = 256 << 10;
        const DEPTH: usize = 20_000;
        let run = || {
            let thin = || (0..DEPTH).fold(Value::Int(1), |inner, _| inner.enlist());
            let wide = || {
                (0..DEPTH).fold(Value::Int(1), |inner, _| {
                    Value::from_items(vec![inner, Value::Int(0)])
                })
            };
            let keyed = || {
                let key = Value::from_symbols(vec![crate::symbol::Symbol::new("a")]);
                (0..DEPTH).fold(Value::Int(1), |inner, _| {
                    Value::dict(Dict::new(key.clone(), inner.enlist()).unwrap())
                })
            };
            let mut rng = Rng::new(1);
            for make in [&thin as &dyn Fn() -> Value, &wide, &keyed] {
                for verb in Verb::all().filter(|verb| *verb != Verb::Prm) {
                    // Some of these texts would have a line for each level, indented by it.
                    if verb != Verb::Form || make().len() == 1 {
                        drop(monadic(verb, make(), &mut rng));
                    }
                    drop(dyadic(verb, make(), Value::Int(1), &mut rng));
                    drop(dyadic(verb, Value::Int(1), make(), &mut rng));
                    drop(dyadic(verb, make(), make(), &mut rng));
                }
                assert!(crate::value::compare(&make(), &make()).is_eq());
            }
        };
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(run)
            .unwrap()
            .join()
            .unwrap();
    }

    fn copy(x: &Value) -> Value {
        match x {
            list if list.is_list() => Value::from_items(list.items().map(|x| copy(&x)).collect()),
            Value::Dict(dict) => {
                Value::dict(Dict::new(copy(dict.keys()), copy(dict.values())).unwrap())
            }
            other => other.clone(),
        }
    }

    #[test]
    fn functions_are_no_operands() {
        let verb = Value::function(Function::Verb(Verb::Plus));
        let class = |verb, x, y| dyadic(verb, x, y, &mut Rng::new(0)).unwrap_err().class();
        assert_eq!(class(Verb::Plus, Value::Int(1), verb.clone()), Class::Type);
        assert_eq!(class(Verb::Bang, verb, Value::Int(3)), Class::Type);
        assert_eq!(class(Verb::Sin, Value::Int(1), Value::Int(1)), Class::Rank);
    }
}

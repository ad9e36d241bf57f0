//! Turns on integers, many at once.
//!
//! A lambda that is one verb of its arguments, `{x+1}` or `{x<y}`, has nothing to put on the
//! stack while the arguments are integers. The adverbs run such turns in a loop of their own, for
//! as long as the budget lasts and every result is an integer.

use super::each::Source;
use super::{Each, Fold, Repeat};
use crate::code::{LAST, Op};
use crate::machine::int_pair;
use crate::value::{Function, Value};

/// A lambda that is one verb of at most two integers.
#[derive(Clone, Copy)]
pub(super) struct IntLambda(Op);

impl IntLambda {
    /// The function as such a lambda of so many arguments.
    pub(super) fn of(function: &Value, count: usize) -> Option<IntLambda> {
        let Value::Function(function) = function else {
            return None;
        };
        let Function::Lambda(lambda) = &**function else {
            return None;
        };
        let code = lambda.code();
        let is_plain = usize::from(code.parameters) == count
            && code.slots.len() == count
            && code.cells.is_empty();
        match code.ops.as_slice() {
            [
                op @ (Op::LocalInt { .. } | Op::IntLocal { .. } | Op::LocalLocal { .. }),
                Op::Return,
            ] if is_plain => Some(IntLambda(*op)),
            _ => None,
        }
    }

    /// Its value for these arguments, if that is an integer.
    #[inline(always)]
    pub(super) fn value(self, x: i64, y: i64) -> Option<i64> {
        let argument = |slot: u16| if slot & !LAST == 0 { x } else { y };
        match self.0 {
            Op::LocalInt { verb, slot, int } => int_pair(verb, argument(slot), i64::from(int)),
            Op::IntLocal { verb, slot, int } => int_pair(verb, i64::from(int), argument(slot)),
            Op::LocalLocal { verb, left, right } => int_pair(verb, argument(left), argument(right)),
            _ => None,
        }
    }
}

/// The integer that a source gives in a turn.
#[inline(always)]
fn int_of(source: &Source, at: usize) -> Option<i64> {
    match source {
        Source::Same(Value::Int(int)) => Some(*int),
        Source::Items(Value::Ints(items)) => items.get(at).copied(),
        _ => None,
    }
}

impl Each {
    /// Runs turns on integers.
    pub(super) fn run_ints(&mut self, budget: &mut i64) {
        let (x, y) = match self.sources.as_slice() {
            [x] => (x, x),
            [x, y] => (x, y),
            _ => return,
        };
        let Some(lambda) = IntLambda::of(&self.function, self.sources.len()) else {
            return;
        };
        while self.at < self.turns && *budget > 0 {
            let arguments = int_of(x, self.at).zip(int_of(y, self.at));
            let Some(value) = arguments.and_then(|(x, y)| lambda.value(x, y)) else {
                return;
            };
            self.results.push(Value::Int(value));
            self.at += 1;
            *budget -= 1;
        }
    }
}

impl Fold {
    /// Runs turns on integers.
    pub(super) fn run_ints(&mut self, budget: &mut i64) {
        let (Value::Int(value), [Value::Ints(items)]) = (&mut self.value, self.lists.as_slice())
        else {
            return;
        };
        let Some(lambda) = IntLambda::of(&self.function, 2) else {
            return;
        };
        while let Some(item) = items.get(self.at) {
            if *budget <= 0 {
                return;
            }
            let Some(next) = lambda.value(*value, *item) else {
                return;
            };
            *value = next;
            if let Some(all) = &mut self.all {
                all.push(Value::Int(next));
            }
            self.at += 1;
            *budget -= 1;
        }
    }
}

impl Repeat {
    /// Runs turns on integers.
    pub(super) fn run_ints(&mut self, budget: &mut i64) {
        let (Value::Int(value), None) = (&mut self.value, &self.all) else {
            return;
        };
        let Some(lambda) = IntLambda::of(&self.function, 1) else {
            return;
        };
        let next = |value: i64| lambda.value(value, value);
        match self.next.condition() {
            None => {
                while let Some(left) = self.next.turns_left()
                    && *budget > 0
                {
                    let Some(result) = next(*value) else {
                        return;
                    };
                    *value = result;
                    *left -= 1;
                    *budget -= 1;
                }
            }
            Some(condition) => {
                let Some(condition) = IntLambda::of(condition, 1) else {
                    return;
                };
                while *budget > 0 {
                    match condition.value(*value, *value) {
                        None => return,
                        Some(0) => return self.next.stop(),
                        Some(_) => {}
                    }
                    let Some(result) = next(*value) else {
                        return;
                    };
                    *value = result;
                    *budget -= 1;
                }
            }
        }
    }
}

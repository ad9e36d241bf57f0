//! The adverbs: which of its meanings one has, by what it is applied to and how many arguments
//! there are.
//!
//! Every adverb that calls a function keeps its own frame, one turn after the other, so that it
//! can be stopped between any two turns. Adverbs of verbs on vectors of numbers have direct ways.

mod each;
mod fold;
mod ints;
mod noun;
mod prior;
mod quick;
mod repeat;
mod results;

pub(crate) use each::{Each, Ending, Keep, Source};
pub(crate) use fold::Fold;
pub(crate) use prior::Prior;
pub(crate) use repeat::{Converge, Next, Repeat};
pub(crate) use results::Results;

use crate::apply::{brief, rank_error, valence};
use crate::error::{Class, Error};
use crate::machine::{Control, Machine};
use crate::value::{Adverb, Derived, Function, Value};
use crate::verb::Verb;
use std::rc::Rc;

/// Whether an adverb gives its last result or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yield {
    /// `/`
    Last,
    /// `\`
    All,
}

/// The verb that a function is, if it is a plain one.
fn verb_of(function: &Value) -> Option<Verb> {
    match function {
        Value::Function(function) => match **function {
            Function::Verb(verb) => Some(verb),
            _ => None,
        },
        _ => None,
    }
}

impl Machine {
    /// Applies what an adverb made to so many arguments on the stack.
    pub(crate) fn derived(
        &mut self,
        derived: &Derived,
        inner: &Rc<Function>,
        count: usize,
    ) -> Result<Control, Error> {
        let operand = &derived.operand;
        if count == 0 {
            return Err(Error::new(
                Class::Rank,
                format!("{} needs an argument", derived.adverb.glyph()),
            ));
        }
        match operand {
            Value::Function(_) | Value::Dict(_) => {}
            // A noun under an adverb is a verb of one argument: `2\5`, `","/l`, `1 3 5'4`.
            noun if count == 1 => {
                let argument = self.stack.pop().unwrap_or_default();
                let value = noun::apply(derived.adverb, noun, argument)?;
                self.charge(&value);
                return Ok(Control::Value(value));
            }
            noun => {
                let text = format!(
                    "{} after {} takes 1 argument, not {count}",
                    derived.adverb.glyph(),
                    noun.describe()
                );
                return Err(Error::new(Class::Rank, text));
            }
        }
        match (derived.adverb, count) {
            (Adverb::Each, _) => return self.start_each(operand.clone(), count),
            (Adverb::EachRight | Adverb::EachLeft, 2) => {
                return self.start_each_side(operand.clone(), derived.adverb);
            }
            _ => {}
        }
        let wanted = if derived.adverb == Adverb::Scan {
            Yield::All
        } else {
            Yield::Last
        };
        match (derived.adverb, valence(operand), count) {
            (Adverb::Over | Adverb::Scan, 1, 1) => self.start_converge(operand.clone(), wanted),
            (Adverb::Over | Adverb::Scan, 1, 2) => self.start_repeat(operand.clone(), wanted),
            (Adverb::Over | Adverb::Scan, 2, 1) => self.start_fold(operand.clone(), wanted),
            (Adverb::Over | Adverb::Scan, more, _) if more == count => {
                self.start_fold_from(operand.clone(), count, wanted)
            }
            (Adverb::Prior, 1, 2) => self.start_windows(operand.clone()),
            (Adverb::Prior, 2, 1 | 2) => self.start_prior(operand.clone(), count),
            _ => Err(self.wrong_count(derived, inner, count)),
        }
    }

    fn wrong_count(&self, derived: &Derived, inner: &Rc<Function>, count: usize) -> Error {
        let takes = match (derived.adverb, valence(&derived.operand)) {
            (Adverb::EachLeft | Adverb::EachRight, _) => "2 arguments",
            (Adverb::Prior, 1) => "a width and a list",
            (Adverb::Over | Adverb::Scan | Adverb::Prior, 1 | 2) => "1 or 2 arguments",
            _ => return rank_error(inner, count),
        };
        let form = brief(&crate::format::form(&Value::Function(Rc::clone(inner))));
        Error::new(Class::Rank, format!("{form} takes {takes}, not {count}"))
    }
}

//! Each: a function applied item by item, to one argument or to several side by side; each left,
//! each right, windows and filters are forms of it.

use super::results::Results;
use crate::error::{Class, Error};
use crate::frame::Frame;
use crate::machine::{Control, Machine};
use crate::value::{Adverb, Dict, Value};
use crate::verb::{self, Verb};

/// Where an argument of each turn comes from.
pub(crate) enum Source {
    /// The same value in every turn.
    Same(Value),
    /// The items of a list, in order.
    Items(Value),
}

/// Which items a filter keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// `f#l`
    Matching,
    /// `f_l`
    Others,
}

/// What becomes of the results.
pub(crate) enum Ending {
    /// They are a list.
    List,
    /// They are the values of a dictionary with these keys.
    Keyed(Value),
    /// They tell which items of this are kept.
    Filter(Keep, Value),
}

/// An each that has got so far.
pub(crate) struct Each {
    pub(crate) function: Value,
    pub(crate) sources: Vec<Source>,
    pub(crate) turns: usize,
    pub(crate) at: usize,
    pub(crate) results: Results,
    pub(crate) ending: Ending,
}

/// An argument as a source, with its number of items and the keys to give back.
fn source_of(value: Value) -> (Source, Option<usize>, Option<Value>) {
    match value {
        Value::Dict(dict) => {
            let values = dict.values().clone();
            let turns = values.len();
            (
                Source::Items(values),
                Some(turns),
                Some(dict.keys().clone()),
            )
        }
        Value::Table(_) => {
            let turns = value.len();
            (Source::Items(value), Some(turns), None)
        }
        list if list.is_list() => {
            let turns = list.len();
            (Source::Items(list), Some(turns), None)
        }
        atom => (Source::Same(atom), None, None),
    }
}

impl Machine {
    /// `f'x`, `x f'y`, `f'[x;y;z]`
    pub(super) fn start_each(&mut self, function: Value, count: usize) -> Result<Control, Error> {
        let mut arguments = self.take(count);
        align_dicts(&mut arguments)?;
        let mut turns: Option<usize> = None;
        let mut keys = None;
        let mut sources = Vec::with_capacity(count);
        for argument in arguments {
            let (source, count, its_keys) = source_of(argument);
            match (turns, count) {
                (Some(turns), Some(count)) if turns != count => {
                    let text = format!("' over lists of {turns} and {count} items");
                    return Err(Error::new(Class::Length, text));
                }
                (None, Some(_)) => turns = count,
                _ => {}
            }
            keys = keys.or(its_keys);
            sources.push(source);
        }
        let Some(turns) = turns else {
            // Only atoms: one plain application.
            for source in sources {
                if let Source::Same(atom) = source {
                    self.stack.push(atom);
                }
            }
            return self.apply_later(function, count);
        };
        let ending = keys.map_or(Ending::List, Ending::Keyed);
        self.begin_each(function, sources, turns, ending)
    }

    /// `x f/:y`, `x f\:y`
    pub(super) fn start_each_side(
        &mut self,
        function: Value,
        side: Adverb,
    ) -> Result<Control, Error> {
        let right = self.stack.pop().unwrap_or_default();
        let left = self.stack.pop().unwrap_or_default();
        let (left, right, turns, keys) = match side {
            Adverb::EachRight => {
                let (right, turns, keys) = source_of(right);
                (Source::Same(left), right, turns, keys)
            }
            _ => {
                let (left, turns, keys) = source_of(left);
                (left, Source::Same(right), turns, keys)
            }
        };
        let Some(turns) = turns else {
            for source in [left, right] {
                let (Source::Same(value) | Source::Items(value)) = source;
                self.stack.push(value);
            }
            return self.apply_later(function, 2);
        };
        let ending = keys.map_or(Ending::List, Ending::Keyed);
        self.begin_each(function, vec![left, right], turns, ending)
    }

    /// `n f':x`: the function on each window of n items.
    pub(super) fn start_windows(&mut self, function: Value) -> Result<Control, Error> {
        let list = self.stack.pop().unwrap_or_default();
        let width = self.stack.pop().unwrap_or_default();
        let windows = super::noun::apply(Adverb::Prior, &width, list)?;
        self.stack.push(windows);
        self.start_each(function, 1)
    }

    /// `f#x`, `f_x`: the items for which the function gives true, or the others.
    pub(crate) fn filter(
        &mut self,
        function: Value,
        items: Value,
        keep: Keep,
    ) -> Result<Control, Error> {
        let (source, turns, _) = source_of(items.clone());
        match turns {
            None => Err(Error::new(
                Class::Type,
                format!(
                    "{} with a function takes a list, not {}",
                    keep.glyph(),
                    items.describe()
                ),
            )),
            Some(turns) => {
                self.begin_each(function, vec![source], turns, Ending::Filter(keep, items))
            }
        }
    }

    fn begin_each(
        &mut self,
        function: Value,
        sources: Vec<Source>,
        turns: usize,
        ending: Ending,
    ) -> Result<Control, Error> {
        let results = Results::new(turns);
        self.frames.push(Frame::Each(Box::new(Each {
            function,
            sources,
            turns,
            at: 0,
            results,
            ending,
        })));
        Ok(Control::Again)
    }

    /// Takes the result of a turn, if there is one, and goes on with the next.
    pub(crate) fn each(&mut self, mut arrived: Option<Value>) -> Result<Control, Error> {
        loop {
            let Some(Frame::Each(each)) = self.frames.last_mut() else {
                return Ok(Control::Again);
            };
            if let Some(value) = arrived.take() {
                each.results.push(value);
            }
            each.run_ints(&mut self.budget);
            if each.at >= each.turns {
                break;
            }
            self.budget -= 1;
            if self.budget < 0 {
                return Ok(Control::Again);
            }
            for source in &each.sources {
                self.stack.push(match source {
                    Source::Same(value) => value.clone(),
                    Source::Items(items) => items.item(each.at).unwrap_or_default(),
                });
            }
            each.at += 1;
            let count = each.sources.len();
            let function = each.function.clone();
            match self.turn(function, count)? {
                Control::Value(value) => arrived = Some(value),
                other => return Ok(other),
            }
        }
        match self.frames.pop() {
            Some(Frame::Each(each)) => self.end_each(*each).map(Control::Value),
            _ => Ok(Control::Again),
        }
    }

    fn end_each(&mut self, each: Each) -> Result<Value, Error> {
        let results = each.results.finish();
        match each.ending {
            Ending::List => Ok(results),
            Ending::Keyed(keys) => keyed(Some(keys), results),
            Ending::Filter(keep, items) => {
                let counts = match keep {
                    Keep::Matching => results,
                    Keep::Others => verb::monadic(Verb::Tilde, results, &mut self.rng)?,
                };
                let places = verb::monadic(Verb::And, counts, &mut self.rng)?;
                match &items {
                    Value::Dict(dict) => {
                        let keys = verb::at(dict.keys(), places.clone())?;
                        let values = verb::at(dict.values(), places)?;
                        Ok(Value::dict(Dict::new(keys, values)?))
                    }
                    list => verb::at(list, places),
                }
            }
        }
    }
}

impl Keep {
    fn glyph(self) -> &'static str {
        match self {
            Keep::Matching => "#",
            Keep::Others => "_",
        }
    }
}

/// Values, or a dictionary of them when there are keys.
pub(super) fn keyed(keys: Option<Value>, values: Value) -> Result<Value, Error> {
    match keys {
        None => Ok(values),
        Some(keys) => Ok(Value::dict(Dict::new(keys, values)?)),
    }
}

/// Two dictionaries go side by side by key: the first one's keys.
fn align_dicts(arguments: &mut [Value]) -> Result<(), Error> {
    let first = arguments.iter().find_map(|argument| match argument {
        Value::Dict(dict) => Some(dict.keys().clone()),
        _ => None,
    });
    let Some(keys) = first else {
        return Ok(());
    };
    for argument in arguments.iter_mut() {
        if let Value::Dict(dict) = argument
            && *dict.keys() != keys
        {
            let values = verb::at(argument, keys.clone())?;
            *argument = Value::dict(Dict::new(keys.clone(), values)?);
        }
    }
    Ok(())
}

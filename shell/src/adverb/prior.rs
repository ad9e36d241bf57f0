//! Each prior: a function of each item and the one before it.

use super::each::keyed;
use super::results::Results;
use crate::error::Error;
use crate::frame::Frame;
use crate::machine::{Control, Machine};
use crate::value::Value;
use crate::verb;

/// An each prior that has got so far.
pub(crate) struct Prior {
    function: Value,
    before: Value,
    list: Value,
    keys: Option<Value>,
    at: usize,
    results: Results,
}

impl Machine {
    /// `f':x`, `s f':x`
    pub(super) fn start_prior(&mut self, function: Value, count: usize) -> Result<Control, Error> {
        let argument = self.stack.pop().unwrap_or_default();
        let seed = if count == 2 { self.stack.pop() } else { None };
        let (list, keys) = match argument {
            Value::Dict(dict) => (dict.values().clone(), Some(dict.keys().clone())),
            other => (other, None),
        };
        let plain = super::verb_of(&function);
        if let Some(value) = plain.and_then(|plain| verb::prior_fast(plain, seed.as_ref(), &list)) {
            self.charge(&list);
            return Ok(Control::Value(keyed(keys, value?)?));
        }
        let before = seed.unwrap_or_else(|| verb::prior_seed(plain, &list));
        if !list.is_list() && !matches!(list, Value::Table(_)) {
            self.stack.push(list);
            self.stack.push(before);
            return self.apply(function, 2);
        }
        let results = Results::new(list.len());
        self.prior(Box::new(Prior { function, before, list, keys, at: 0, results }))
    }

    /// Takes the result of a turn and goes on.
    pub(crate) fn prior_value(&mut self, mut prior: Box<Prior>, value: Value) -> Result<Control, Error> {
        prior.results.push(value);
        self.prior(prior)
    }

    /// Goes on with the next turn.
    pub(crate) fn prior(&mut self, mut prior: Box<Prior>) -> Result<Control, Error> {
        while prior.at < prior.list.len() {
            self.budget -= 1;
            if self.budget < 0 {
                self.frames.push(Frame::Prior(prior));
                return Ok(Control::Again);
            }
            let item = prior.list.item(prior.at).unwrap_or_default();
            prior.at += 1;
            self.stack.push(item.clone());
            let before = std::mem::replace(&mut prior.before, item);
            self.stack.push(before);
            if let Some(value) = self.quick(&prior.function, 2)? {
                prior.results.push(value);
                continue;
            }
            let function = prior.function.clone();
            self.frames.push(Frame::Prior(prior));
            match self.apply(function, 2)? {
                Control::Value(value) => match self.frames.pop() {
                    Some(Frame::Prior(back)) => {
                        prior = back;
                        prior.results.push(value);
                    }
                    _ => return Ok(Control::Value(value)),
                },
                other => return Ok(other),
            }
        }
        Ok(Control::Value(keyed(prior.keys, prior.results.finish())?))
    }
}

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
    pub(crate) function: Value,
    pub(crate) before: Value,
    pub(crate) list: Value,
    pub(crate) keys: Option<Value>,
    pub(crate) at: usize,
    pub(crate) results: Results,
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
            return self.apply_later(function, 2);
        }
        let results = Results::new(list.len());
        self.frames.push(Frame::Prior(Box::new(Prior {
            function,
            before,
            list,
            keys,
            at: 0,
            results,
        })));
        Ok(Control::Again)
    }

    /// Takes the result of a turn, if there is one, and goes on with the next.
    pub(crate) fn prior(&mut self, mut arrived: Option<Value>) -> Result<Control, Error> {
        loop {
            let Some(Frame::Prior(prior)) = self.frames.last_mut() else {
                return Ok(Control::Again);
            };
            if let Some(value) = arrived.take() {
                prior.results.push(value);
            }
            if prior.at >= prior.list.len() {
                break;
            }
            self.budget -= 1;
            if self.budget < 0 {
                return Ok(Control::Again);
            }
            let item = prior.list.item(prior.at).unwrap_or_default();
            prior.at += 1;
            self.stack.push(item.clone());
            self.stack.push(std::mem::replace(&mut prior.before, item));
            let function = prior.function.clone();
            match self.turn(function, 2)? {
                Control::Value(value) => arrived = Some(value),
                other => return Ok(other),
            }
        }
        match self.frames.pop() {
            Some(Frame::Prior(prior)) => {
                Ok(Control::Value(keyed(prior.keys, prior.results.finish())?))
            }
            _ => Ok(Control::Again),
        }
    }
}

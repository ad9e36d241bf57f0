//! Over and scan of a function of two arguments or more: a value that each item changes.

use super::results::Results;
use super::{Yield, verb_of};
use crate::error::{Class, Error};
use crate::frame::Frame;
use crate::machine::{Control, Machine};
use crate::value::Value;
use crate::verb;

/// A fold that has got so far.
pub(crate) struct Fold {
    pub(crate) function: Value,
    pub(crate) value: Value,
    pub(crate) lists: Vec<Value>,
    pub(crate) turns: usize,
    pub(crate) at: usize,
    pub(crate) all: Option<Results>,
}

/// The values of a dictionary; anything else as it is.
fn values_of(value: Value) -> Value {
    match value {
        Value::Dict(dict) => dict.values().clone(),
        other => other,
    }
}

fn has_items(value: &Value) -> bool {
    value.is_list() || matches!(value, Value::Table(_))
}

impl Machine {
    /// `f/x`, `f\x`
    pub(super) fn start_fold(&mut self, function: Value, wanted: Yield) -> Result<Control, Error> {
        let list = values_of(self.stack.pop().unwrap_or_default());
        if !has_items(&list) {
            return Ok(Control::Value(list));
        }
        if let Some(value) = self.direct_fold(&function, None, &list, wanted) {
            return value.map(Control::Value);
        }
        if list.is_empty() {
            return Ok(Control::Value(list));
        }
        let first = list.item(0).unwrap_or_default();
        let all = (wanted == Yield::All).then(|| {
            let mut results = Results::new(list.len());
            results.push(first.clone());
            results
        });
        let turns = list.len();
        self.frames.push(Frame::Fold(Box::new(Fold {
            function,
            value: first,
            lists: vec![list],
            turns,
            at: 1,
            all,
        })));
        Ok(Control::Again)
    }

    /// `x f/y`, `f/[x;y;z]` and the same with `\`: the first argument is where it begins.
    pub(super) fn start_fold_from(
        &mut self,
        function: Value,
        count: usize,
        wanted: Yield,
    ) -> Result<Control, Error> {
        let mut lists: Vec<Value> = self.take(count).into_iter().map(values_of).collect();
        if lists.is_empty() {
            return Err(Error::new(Class::Rank, "a fold without arguments"));
        }
        let seed = lists.remove(0);
        let mut turns = None;
        for list in lists.iter().filter(|list| has_items(list)) {
            match turns {
                None => turns = Some(list.len()),
                Some(turns) if turns == list.len() => {}
                Some(turns) => {
                    let text = format!("a fold over lists of {turns} and {} items", list.len());
                    return Err(Error::new(Class::Length, text));
                }
            }
        }
        if let [list] = lists.as_slice()
            && has_items(list)
            && let Some(value) = self.direct_fold(&function, Some(&seed), list, wanted)
        {
            return value.map(Control::Value);
        }
        let Some(turns) = turns else {
            // Only atoms: one plain application.
            self.stack.push(seed);
            self.stack.extend(lists);
            return self.apply_later(function, count);
        };
        let all = (wanted == Yield::All).then(|| {
            let mut results = Results::new(turns);
            // With three arguments or more the scan shows where it begins.
            if count > 2 {
                match has_items(&seed) {
                    true => seed.items().for_each(|item| results.push(item)),
                    false => results.push(seed.clone()),
                }
            }
            results
        });
        self.frames.push(Frame::Fold(Box::new(Fold {
            function,
            value: seed,
            lists,
            turns,
            at: 0,
            all,
        })));
        Ok(Control::Again)
    }

    /// The result where the verb has a direct way over the whole list.
    fn direct_fold(
        &mut self,
        function: &Value,
        seed: Option<&Value>,
        list: &Value,
        wanted: Yield,
    ) -> Option<Result<Value, Error>> {
        if !list.is_list() {
            return None;
        }
        let value = match wanted {
            Yield::Last => verb::fold_fast(verb_of(function)?, seed, list),
            Yield::All => verb::scan_fast(verb_of(function)?, seed, list),
        };
        if value.is_some() {
            self.charge(list);
        }
        value
    }

    /// Takes the result of a turn, if there is one, and goes on with the next.
    pub(crate) fn fold(&mut self, mut arrived: Option<Value>) -> Result<Control, Error> {
        loop {
            let Some(Frame::Fold(fold)) = self.frames.last_mut() else {
                return Ok(Control::Again);
            };
            if let Some(value) = arrived.take() {
                if let Some(all) = &mut fold.all {
                    all.push(value.clone());
                }
                fold.value = value;
            }
            fold.run_ints(&mut self.budget);
            if fold.at >= fold.turns {
                break;
            }
            self.budget -= 1;
            if self.budget < 0 {
                return Ok(Control::Again);
            }
            self.stack.push(std::mem::take(&mut fold.value));
            for list in &fold.lists {
                let item = if has_items(list) {
                    list.item(fold.at)
                } else {
                    Some(list.clone())
                };
                self.stack.push(item.unwrap_or_default());
            }
            fold.at += 1;
            let count = fold.lists.len() + 1;
            let function = fold.function.clone();
            match self.turn(function, count)? {
                Control::Value(value) => arrived = Some(value),
                other => return Ok(other),
            }
        }
        match self.frames.pop() {
            Some(Frame::Fold(fold)) => Ok(Control::Value(match fold.all {
                Some(all) => all.finish(),
                None => fold.value,
            })),
            _ => Ok(Control::Again),
        }
    }
}

//! Frames: each kind written and read side by side.

use super::StateError;
use super::bytes::room;
use super::codes::Depths;
use super::load::Loader;
use super::save::Saver;
use crate::adverb::{Converge, Each, Ending, Fold, Keep, Next, Prior, Repeat, Results, Source};
use crate::amend::{AmendFrame, SpliceFrame};
use crate::frame::{Cells, Frame, Handler, Running, TrainFrame};
use crate::value::{Function, Value};
use crate::verb::Leaf;
use std::rc::Rc;

mod kind {
    pub(super) const LAMBDA: u8 = 0;
    pub(super) const EACH: u8 = 1;
    pub(super) const FOLD: u8 = 2;
    pub(super) const PRIOR: u8 = 3;
    pub(super) const CONVERGE: u8 = 4;
    pub(super) const REPEAT: u8 = 5;
    pub(super) const TRAIN: u8 = 6;
    pub(super) const APPLY: u8 = 7;
    pub(super) const VIEW: u8 = 8;
    pub(super) const REPORT: u8 = 9;
    pub(super) const HANDLER: u8 = 10;
    pub(super) const AMEND: u8 = 11;
    pub(super) const SPLICE: u8 = 12;
}

fn damaged<T>(what: &'static str) -> Result<T, StateError> {
    Err(StateError::Damaged(what))
}

impl Saver<'_> {
    pub(super) fn frame(&mut self, frame: &Frame) {
        match frame {
            Frame::Lambda(running) => {
                self.body.byte(kind::LAMBDA);
                self.value(&Value::Function(Rc::clone(&running.function)));
                self.put_cells(&running.cells);
                self.body.count(running.at as usize);
                self.body.count(running.base as usize);
            }
            Frame::Each(each) => {
                self.body.byte(kind::EACH);
                self.value(&each.function);
                self.body.count(each.sources.len());
                for source in &each.sources {
                    let (number, value) = match source {
                        Source::Same(value) => (0, value),
                        Source::Items(value) => (1, value),
                    };
                    self.body.byte(number);
                    self.value(value);
                }
                self.body.count(each.turns);
                self.body.count(each.at);
                self.put_results(&each.results);
                match &each.ending {
                    Ending::List => self.body.byte(0),
                    Ending::Keyed(keys) => {
                        self.body.byte(1);
                        self.value(keys);
                    }
                    Ending::Filter(keep, items) => {
                        self.body.byte(match keep {
                            Keep::Matching => 2,
                            Keep::Others => 3,
                        });
                        self.value(items);
                    }
                }
            }
            Frame::Fold(fold) => {
                self.body.byte(kind::FOLD);
                self.value(&fold.function);
                self.value(&fold.value);
                self.put_values(&fold.lists);
                self.body.count(fold.turns);
                self.body.count(fold.at);
                self.put_all_results(fold.all.as_ref());
            }
            Frame::Prior(prior) => {
                self.body.byte(kind::PRIOR);
                self.value(&prior.function);
                self.value(&prior.before);
                self.value(&prior.list);
                self.put_optional(prior.keys.as_ref());
                self.body.count(prior.at);
                self.put_results(&prior.results);
            }
            Frame::Converge(converge) => {
                self.body.byte(kind::CONVERGE);
                self.value(&converge.function);
                self.value(&converge.start);
                self.value(&converge.value);
                self.put_all_results(converge.all.as_ref());
            }
            Frame::Repeat(repeat) => {
                self.body.byte(kind::REPEAT);
                self.value(&repeat.function);
                let (number, next) = match &repeat.next {
                    Next::Turns(turns) => (0, Value::Int(*turns)),
                    Next::Ask(condition) => (1, condition.clone()),
                    Next::Answer(condition) => (2, condition.clone()),
                    Next::Result(condition) => (3, condition.clone()),
                };
                self.body.byte(number);
                self.value(&next);
                self.value(&repeat.value);
                self.put_all_results(repeat.all.as_ref());
            }
            Frame::Train(train) => {
                self.body.byte(kind::TRAIN);
                self.value(&Value::Function(Rc::clone(&train.function)));
                self.body.count(train.left as usize);
                self.body.count(train.count as usize);
            }
            Frame::Apply(function, count) => {
                self.body.byte(kind::APPLY);
                self.value(function);
                self.body.count(*count as usize);
            }
            Frame::View(global) => {
                self.body.byte(kind::VIEW);
                self.put_global(*global);
            }
            Frame::Trap(Handler::Report, height) => {
                self.body.byte(kind::REPORT);
                self.body.count(*height as usize);
            }
            Frame::Trap(Handler::Call(function), height) => {
                self.body.byte(kind::HANDLER);
                self.value(function);
                self.body.count(*height as usize);
            }
            Frame::Amend(amend) => {
                self.body.byte(kind::AMEND);
                self.value(&amend.target);
                self.body.byte(u8::from(amend.global.is_some()));
                if let Some((global, symbol)) = &amend.global {
                    self.put_global(*global);
                    self.value(symbol);
                }
                self.value(&amend.function);
                self.body.count(amend.leaves.len());
                for leaf in &amend.leaves {
                    self.put_values(&leaf.path);
                    self.put_optional(leaf.value.as_ref());
                }
                self.body.count(amend.at);
            }
            Frame::Splice(splice) => {
                self.body.byte(kind::SPLICE);
                self.value(&splice.target);
                self.value(&splice.range);
            }
        }
    }

    pub(super) fn put_global(&mut self, global: u32) {
        let name = self.symbol(self.env.name(global));
        self.body.count(name);
    }

    pub(super) fn put_values(&mut self, values: &[Value]) {
        self.body.count(values.len());
        values.iter().for_each(|value| self.value(value));
    }

    pub(super) fn put_optional(&mut self, value: Option<&Value>) {
        self.body.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            self.value(value);
        }
    }

    fn put_cells(&mut self, cells: &Cells) {
        let cells = cells.as_ref().map_or(&[][..], |cells| cells.as_slice());
        self.body.count(cells.len());
        cells.iter().for_each(|cell| self.cell(cell));
    }

    fn put_results(&mut self, results: &Results) {
        match results {
            Results::Ints(items) => {
                self.body.byte(0);
                self.body.words(items.iter().map(|int| *int as u64));
            }
            Results::Items(items) => {
                self.body.byte(1);
                self.put_values(items);
            }
        }
    }

    fn put_all_results(&mut self, results: Option<&Results>) {
        self.body.byte(u8::from(results.is_some()));
        if let Some(results) = results {
            self.put_results(results);
        }
    }
}

impl Loader<'_, '_> {
    pub(super) fn frame(&mut self) -> Result<Frame, StateError> {
        Ok(match self.input.byte()? {
            kind::LAMBDA => Frame::Lambda(self.running()?),
            kind::EACH => Frame::Each(Box::new(self.each()?)),
            kind::FOLD => Frame::Fold(Box::new(Fold {
                function: self.value()?,
                value: self.value()?,
                lists: self.values()?,
                turns: self.input.count()?,
                at: self.input.count()?,
                all: self.optional(Loader::results)?,
            })),
            kind::PRIOR => Frame::Prior(Box::new(Prior {
                function: self.value()?,
                before: self.value()?,
                list: self.value()?,
                keys: self.optional(Loader::value)?,
                at: self.input.count()?,
                results: self.results()?,
            })),
            kind::CONVERGE => Frame::Converge(Box::new(Converge {
                function: self.value()?,
                start: self.value()?,
                value: self.value()?,
                all: self.optional(Loader::results)?,
            })),
            kind::REPEAT => Frame::Repeat(Box::new(Repeat {
                function: self.value()?,
                next: match (self.input.byte()?, self.value()?) {
                    (0, Value::Int(turns)) => Next::Turns(turns),
                    (1, condition) => Next::Ask(condition),
                    (2, condition) => Next::Answer(condition),
                    (3, condition) => Next::Result(condition),
                    _ => return damaged("a repetition of no kind"),
                },
                value: self.value()?,
                all: self.optional(Loader::results)?,
            })),
            kind::TRAIN => match self.function()? {
                function if matches!(*function, Function::Train(_)) => Frame::Train(TrainFrame {
                    function,
                    left: self.input.small()?,
                    count: self.input.small()?,
                }),
                _ => return damaged("a train that is none"),
            },
            kind::APPLY => Frame::Apply(self.value()?, self.input.small()?),
            kind::VIEW => Frame::View(self.global()?),
            kind::REPORT => Frame::Trap(Handler::Report, self.input.small()?),
            kind::HANDLER => Frame::Trap(Handler::Call(self.value()?), self.input.small()?),
            kind::AMEND => Frame::Amend(Box::new(AmendFrame {
                target: self.value()?,
                global: self.optional(|loader| Ok((loader.global()?, loader.value()?)))?,
                function: self.value()?,
                leaves: self.leaves()?,
                at: self.input.count()?,
            })),
            kind::SPLICE => Frame::Splice(Box::new(SpliceFrame {
                target: self.value()?,
                range: self.value()?,
            })),
            _ => return damaged("a frame of no kind"),
        })
    }

    fn function(&mut self) -> Result<Rc<Function>, StateError> {
        match self.value()? {
            Value::Function(function) => Ok(function),
            _ => damaged("a call of no function"),
        }
    }

    fn running(&mut self) -> Result<Running, StateError> {
        let function = self.function()?;
        let Function::Lambda(lambda) = &*function else {
            return damaged("a call of no lambda");
        };
        let wanted = lambda.code().cells.len();
        let mut cells = Vec::new();
        for _ in 0..self.input.length(1)? {
            cells.push(self.cell()?);
        }
        if cells.len() != wanted {
            return damaged("a call with too many cells or too few");
        }
        Ok(Running {
            cells: (wanted > 0).then(|| Rc::new(cells)),
            at: self.input.small()?,
            base: self.input.small()?,
            function,
        })
    }

    fn each(&mut self) -> Result<Each, StateError> {
        let function = self.value()?;
        let mut sources = Vec::new();
        for _ in 0..self.input.length(2)? {
            sources.push(match (self.input.byte()?, self.value()?) {
                (0, value) => Source::Same(value),
                (1, value) => Source::Items(value),
                _ => return damaged("a source of no kind"),
            });
        }
        Ok(Each {
            function,
            sources,
            turns: self.input.count()?,
            at: self.input.count()?,
            results: self.results()?,
            ending: match self.input.byte()? {
                0 => Ending::List,
                1 => Ending::Keyed(self.value()?),
                2 => Ending::Filter(Keep::Matching, self.value()?),
                3 => Ending::Filter(Keep::Others, self.value()?),
                _ => return damaged("an ending of no kind"),
            },
        })
    }

    fn results(&mut self) -> Result<Results, StateError> {
        Ok(match self.input.byte()? {
            0 => Results::Ints(self.input.words(|word| word as i64)?),
            1 => Results::Items(self.values()?),
            _ => return damaged("results of no kind"),
        })
    }

    fn leaves(&mut self) -> Result<Vec<Leaf>, StateError> {
        let count = self.input.length(2)?;
        let mut leaves = room(count)?;
        for _ in 0..count {
            leaves.push(Leaf {
                path: self.values()?,
                value: self.optional(Loader::value)?,
            });
        }
        Ok(leaves)
    }
}

/// What the frame on top will be given first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comes {
    /// A value.
    Value,
    /// Nothing: it goes on by itself.
    Nothing,
}

/// Whether the stack holds what the frames will look for on it.
pub(super) fn check(frames: &[Frame], height: usize, comes: Comes) -> Result<(), StateError> {
    let mut depths = Depths::default();
    // From the top: what lies above a call's part of the stack is another's.
    let (mut above, mut comes) = (height, comes);
    for frame in frames.iter().rev() {
        match frame {
            Frame::Lambda(running) => {
                let Function::Lambda(lambda) = &*running.function else {
                    return damaged("a call of no lambda");
                };
                let code = lambda.code();
                let Some(depth) = depths.at(code, running.at as usize) else {
                    return damaged("a call beyond its code");
                };
                let base = running.base as usize;
                let given = usize::from(comes == Comes::Value);
                let wanted = base.saturating_add(code.slots.len() + depth);
                if wanted > above.saturating_add(given) {
                    return damaged("a call without its values");
                }
                above = base;
            }
            Frame::Apply(_, count) if *count as usize > above => {
                return damaged("a call without its arguments");
            }
            Frame::Train(train) if train.count as usize > above => {
                return damaged("a train without its arguments");
            }
            _ => {}
        }
        comes = Comes::Value;
    }
    Ok(())
}

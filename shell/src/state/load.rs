//! Reading: objects are made one after another from those before them.

use super::bytes::{Input, room};
use super::codes::Compiled;
use super::objects::{form, tag};
use super::save::{ADVERBS, KINDS, MAGIC, TEMPORALS};
use super::{STATE_VERSION, StateError};
use crate::code::{Capture, Cell, CellOuter, Code, Lambda};
use crate::env::Env;
use crate::error::{Source, Span};
use crate::symbol::Symbol;
use crate::value::{Derived, Dict, Function, List, NULL, Projection, Table, Value};
use crate::verb::Verb;
use std::cell::RefCell;
use std::rc::Rc;

/// An object that has been made.
enum Object {
    Value(Value),
    Cell(Rc<Cell>),
}

/// A state that is being read.
pub(super) struct Loader<'a, 'e> {
    pub(super) input: Input<'a>,
    pub(super) env: &'e mut Env,
    symbols: Vec<Symbol>,
    sources: Vec<Compiled>,
    codes: Vec<Rc<Code>>,
    objects: Vec<Object>,
}

fn damaged<T>(what: &'static str) -> Result<T, StateError> {
    Err(StateError::Damaged(what))
}

impl<'a, 'e> Loader<'a, 'e> {
    /// Reads everything but the globals and the machine. Names of the state get numbers in `env`.
    pub(super) fn new(bytes: &'a [u8], env: &'e mut Env) -> Result<Loader<'a, 'e>, StateError> {
        let mut input = Input::new(bytes);
        if input.raw(MAGIC.len())? != MAGIC {
            return damaged("it does not begin like one");
        }
        let version = input.raw(4)?.iter().rev();
        let found = version.fold(0, |version, byte| version << 8 | u32::from(*byte));
        if found != STATE_VERSION {
            return Err(StateError::Version { found });
        }
        let mut loader = Loader {
            input,
            env,
            symbols: Vec::new(),
            sources: Vec::new(),
            codes: Vec::new(),
            objects: Vec::new(),
        };
        loader.symbols = loader
            .input
            .list(|input| Symbol::from_program(input.text()?).ok_or(StateError::Memory))?;
        for _ in 0..loader.input.length(4)? {
            let source = loader.read_source()?;
            loader.sources.push(source);
        }
        for _ in 0..loader.input.length(8)? {
            let code = loader.read_code()?;
            loader.codes.push(code);
        }
        for _ in 0..loader.input.length(1)? {
            let object = loader.object()?;
            loader.objects.push(object);
        }
        loader.contents()?;
        Ok(loader)
    }

    fn read_source(&mut self) -> Result<Compiled, StateError> {
        let source = Source {
            origin: self.input.string()?,
            line_first: self.input.small()?,
            text: self.input.string()?,
        };
        let mut given = Vec::new();
        for _ in 0..self.input.length(1)? {
            given.push(self.symbol()?);
        }
        Ok(Compiled::new(source, given))
    }

    fn read_code(&mut self) -> Result<Rc<Code>, StateError> {
        let number = self.input.count()?;
        let kind = one_of(&KINDS, self.input.byte()?)?;
        let place = (kind, self.span()?, self.span()?);
        let sum = self.input.word()?;
        match self.sources.get_mut(number) {
            Some(source) => source.find(place, sum, self.env),
            None => damaged("a source that is not there"),
        }
    }

    /// What the cells hold.
    fn contents(&mut self) -> Result<(), StateError> {
        let cells: Vec<Rc<Cell>> = self.cells().cloned().collect();
        if self.input.length(1)? != cells.len() {
            return damaged("cells without contents");
        }
        for cell in cells {
            if let Some(value) = self.optional(Loader::value)? {
                cell.value.replace(Some(value));
            }
        }
        Ok(())
    }

    /// All cells.
    pub(super) fn cells(&self) -> impl Iterator<Item = &Rc<Cell>> {
        self.objects.iter().filter_map(|object| match object {
            Object::Cell(cell) => Some(cell),
            Object::Value(_) => None,
        })
    }

    pub(super) fn span(&mut self) -> Result<Span, StateError> {
        Ok(Span {
            start: self.input.small()?,
            end: self.input.small()?,
        })
    }

    pub(super) fn symbol(&mut self) -> Result<Symbol, StateError> {
        let number = self.input.count()?;
        let symbol = self.symbols.get(number).copied();
        symbol.ok_or(StateError::Damaged("a symbol that is not there"))
    }

    /// A global's number here.
    pub(super) fn global(&mut self) -> Result<u32, StateError> {
        let name = self.symbol()?;
        Ok(self.env.number(name))
    }

    pub(super) fn code(&mut self) -> Result<Rc<Code>, StateError> {
        let number = self.input.count()?;
        let code = self.codes.get(number).cloned();
        code.ok_or(StateError::Damaged("code that is not there"))
    }

    pub(super) fn cell(&mut self) -> Result<Rc<Cell>, StateError> {
        let number = self.input.count()?;
        match self.objects.get(number) {
            Some(Object::Cell(cell)) => Ok(Rc::clone(cell)),
            _ => damaged("a cell that is not there"),
        }
    }

    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, StateError>,
    ) -> Result<Option<T>, StateError> {
        match self.input.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => damaged("neither there nor not"),
        }
    }

    pub(super) fn value(&mut self) -> Result<Value, StateError> {
        Ok(match self.input.byte()? {
            tag::NIL => Value::Nil,
            tag::INT => Value::Int(self.input.word()? as i64),
            tag::FLOAT => Value::Float(f64::from_bits(self.input.word()?)),
            tag::TEMPORAL => {
                let kind = one_of(&TEMPORALS, self.input.byte()?)?;
                match self.input.word()? as i64 {
                    NULL => return damaged("a time that is null"),
                    count => Value::Temporal(kind, count),
                }
            }
            tag::CHAR => Value::Char(self.input.byte()?),
            tag::SYMBOL => Value::Symbol(self.symbol()?),
            tag::OBJECT => {
                let number = self.input.count()?;
                match self.objects.get(number) {
                    Some(Object::Value(value)) => value.clone(),
                    _ => return damaged("a value that is not there"),
                }
            }
            _ => return damaged("a value of no kind"),
        })
    }

    pub(super) fn values(&mut self) -> Result<Vec<Value>, StateError> {
        let count = self.input.length(1)?;
        let mut values = room(count)?;
        for _ in 0..count {
            values.push(self.value()?);
        }
        Ok(values)
    }

    fn capture(&mut self) -> Result<Result<Capture, u32>, StateError> {
        Ok(match self.input.byte()? {
            0 => Ok(Capture::Value(self.value()?)),
            1 => Ok(Capture::Cell(self.cell()?)),
            2 => Err(self.global()?),
            _ => return damaged("captured in no way"),
        })
    }

    fn object(&mut self) -> Result<Object, StateError> {
        let value = match self.input.byte()? {
            form::INTS => Value::Ints(Rc::new(self.input.words(|word| word as i64)?)),
            form::FLOATS => Value::Floats(Rc::new(self.input.words(f64::from_bits)?)),
            form::TEMPORALS => {
                let kind = one_of(&TEMPORALS, self.input.byte()?)?;
                Value::from_temporals(kind, self.input.words(|word| word as i64)?)
            }
            form::CHARS => Value::Chars(Rc::new(self.input.text()?.to_vec())),
            form::SYMBOLS => {
                let count = self.input.length(1)?;
                let mut symbols = room(count)?;
                for _ in 0..count {
                    symbols.push(self.symbol()?);
                }
                Value::Symbols(Rc::new(symbols))
            }
            form::LIST => match self.values()? {
                items if items.is_empty() => Value::List(Rc::new(List::default())),
                items => Value::from_items(items),
            },
            form::DICT => {
                let (keys, values) = (self.value()?, self.value()?);
                let dict = Dict::new(keys, values);
                Value::dict(dict.map_err(|_| StateError::Damaged("keys without values"))?)
            }
            form::TABLE => {
                let Value::Symbols(names) = self.value()? else {
                    return damaged("a table without names");
                };
                let columns = self.values()?;
                if !columns.iter().all(Value::is_list) {
                    return damaged("a column that is no list");
                }
                let table = Table::new(names, columns);
                Value::table(table.map_err(|_| StateError::Damaged("columns that differ"))?)
            }
            form::CELL => {
                let outer = match self.capture()? {
                    Ok(capture) => CellOuter::Captured(capture),
                    Err(global) => CellOuter::Global(global),
                };
                let value = RefCell::new(None);
                return Ok(Object::Cell(Rc::new(Cell { value, outer })));
            }
            other => Value::function(self.function_of(other)?),
        };
        Ok(Object::Value(value))
    }

    fn function_of(&mut self, kind: u8) -> Result<Function, StateError> {
        Ok(match kind {
            form::LAMBDA => {
                let code = self.code()?;
                let mut captures = Vec::new();
                for _ in 0..self.input.length(1)? {
                    match self.capture()? {
                        Ok(capture) => captures.push(capture),
                        Err(_) => return damaged("a captured global"),
                    }
                }
                if captures.len() != code.captured.len() {
                    return damaged("a lambda that captured too much or too little");
                }
                Function::Lambda(Lambda::new(code, captures))
            }
            form::VERB => Function::Verb(self.verb()?),
            form::MONAD => Function::Monad(self.verb()?),
            form::NATIVE => Function::Native(self.symbol()?),
            form::PROJECTION => {
                let function = self.value()?;
                let mut arguments = Vec::new();
                for _ in 0..self.input.length(1)? {
                    arguments.push(self.optional(Loader::value)?);
                }
                Function::Projection(Projection {
                    function,
                    arguments,
                })
            }
            form::DERIVED => {
                let adverb = one_of(&ADVERBS, self.input.byte()?)?;
                let operand = self.value()?;
                Function::Derived(Derived { adverb, operand })
            }
            form::TRAIN => Function::Train(List::new(self.values()?)),
            _ => return damaged("an object of no kind"),
        })
    }

    fn verb(&mut self) -> Result<Verb, StateError> {
        let name = self.symbol()?;
        let verb = Verb::from_glyph(&name.text());
        verb.ok_or(StateError::Damaged("a verb that there is not"))
    }
}

/// The one with that number.
fn one_of<T: Copy>(all: &[T], number: u8) -> Result<T, StateError> {
    let one = all.get(usize::from(number)).copied();
    one.ok_or(StateError::Damaged("a number out of range"))
}

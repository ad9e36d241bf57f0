//! Application: what happens when a value meets its arguments.
//!
//! The arguments lie on the stack, left to right. What can be computed at once gives a value;
//! a lambda is entered; adverbs, trains and traps leave a frame and go on from there.

use crate::code::{CodeKind, Lambda, Missing};
use crate::compile::compile_within;
use crate::effect::Effect;
use crate::error::{Class, Error, Source};
use crate::frame::{Frame, Handler, Running, TrainFrame};
use crate::machine::{Control, Machine, monad_needs_machine, needs_machine};
use crate::symbol::Symbol;
use crate::value::{Function, Projection, Value};
use crate::verb::{self, Verb};
use std::rc::Rc;

/// The most arguments that a function takes; none for those that take any number.
pub(crate) fn arguments_max(function: &Function) -> Option<usize> {
    match function {
        Function::Lambda(lambda) => Some(usize::from(lambda.code().parameters).max(1)),
        Function::Verb(verb) => Some(match (verb.named_arity(), verb) {
            (0, Verb::At | Verb::Dot) => 4,
            (0, Verb::Query) => 3,
            (0, _) => 2,
            (arity, _) => arity,
        }),
        Function::Monad(_) => Some(1),
        Function::Projection(projection) => Some(holes(projection)),
        Function::Train(_) => Some(2),
        Function::Native(_) | Function::Derived(_) => None,
    }
}

/// The number of arguments that a function waits for.
pub(crate) fn valence(value: &Value) -> usize {
    let mut value = value;
    loop {
        let Value::Function(function) = value else {
            return 1;
        };
        return match &**function {
            Function::Lambda(lambda) => usize::from(lambda.code().parameters).max(1),
            Function::Verb(verb) => match verb.named_arity() {
                0 => 2,
                arity => arity,
            },
            Function::Monad(_) | Function::Native(_) => 1,
            Function::Projection(projection) => holes(projection),
            Function::Derived(derived) if derived.adverb == crate::value::Adverb::Each => {
                value = &derived.operand;
                continue;
            }
            Function::Derived(_) => 1,
            Function::Train(steps) => match (
                steps.len().checked_sub(2).and_then(|at| steps.get(at)),
                steps.last(),
            ) {
                (Some(Value::Nil), Some(last)) => {
                    value = last;
                    continue;
                }
                _ => 1,
            },
        };
    }
}

fn holes(projection: &Projection) -> usize {
    projection
        .arguments
        .iter()
        .filter(|argument| argument.is_none())
        .count()
}

/// A projection's arguments with further ones in its holes.
pub(crate) fn merge(projection: &Projection, arguments: Vec<Option<Value>>) -> Vec<Option<Value>> {
    let mut more = arguments.into_iter();
    let fill = |argument: &Option<Value>| match argument {
        Some(value) => Some(value.clone()),
        None => more.next().flatten(),
    };
    projection.arguments.iter().map(fill).collect()
}

/// A function's text as a part of a sentence: the beginning of its first line.
pub(crate) fn brief(form: &str) -> String {
    const CHARS_MAX: usize = 60;
    let line = form.lines().next().unwrap_or_default();
    let start: String = line.chars().take(CHARS_MAX).collect();
    match start.len() < form.len() {
        true => format!("{} ..", start.trim_end()),
        false => start,
    }
}

/// The error for too many arguments.
pub(crate) fn rank_error(function: &Function, count: usize) -> Error {
    let what = match function {
        Function::Lambda(lambda) => brief(&lambda.form()),
        Function::Verb(verb) | Function::Monad(verb) => verb.glyph().to_owned(),
        Function::Projection(_) => "a projection".to_owned(),
        Function::Derived(derived) => format!("the adverb {}", derived.adverb.glyph()),
        Function::Native(name) => name.text().into_owned(),
        Function::Train(_) => "a train".to_owned(),
    };
    let most = arguments_max(function).unwrap_or(0);
    let plural = if most == 1 { "" } else { "s" };
    Error::new(
        Class::Rank,
        format!("{what} takes {most} argument{plural}, not {count}"),
    )
}

/// The error for what can be neither called nor indexed.
pub(crate) fn not_callable(value: &Value) -> Error {
    let text = format!(
        "{} is neither function nor list, so it takes no arguments",
        value.describe()
    );
    Error::new(Class::Type, text)
}

impl Machine {
    /// Applies a value to so many arguments on the stack.
    pub(crate) fn apply(&mut self, function: Value, count: usize) -> Result<Control, Error> {
        let mut function = function;
        let mut count = count;
        loop {
            let inner = match function {
                Value::Function(inner) => inner,
                Value::Symbol(name) => {
                    function = self.named(name)?;
                    continue;
                }
                other => return self.index(other, count).map(Control::Value),
            };
            match &*inner {
                Function::Lambda(_) => return self.enter(inner, count),
                Function::Verb(verb) => return self.apply_verb(*verb, count),
                Function::Monad(verb) => {
                    if count > 1 {
                        return Err(rank_error(&inner, count));
                    }
                    return self.apply_verb(*verb, count);
                }
                Function::Native(name) => return self.native(*name, count),
                Function::Derived(derived) => return self.derived(derived, &inner, count),
                Function::Train(steps) => {
                    if count == 0 || count > 2 {
                        return Err(rank_error(&inner, count));
                    }
                    let (left, count) = ((steps.len() / 2) as u32, count as u32);
                    self.frames.push(Frame::Train(TrainFrame {
                        function: inner,
                        left,
                        count,
                    }));
                    return Ok(Control::Again);
                }
                Function::Projection(projection) => {
                    let arguments = self.take(count);
                    if count > holes(projection) {
                        return Err(rank_error(&inner, count));
                    }
                    let merged = merge(projection, arguments.into_iter().map(Some).collect());
                    let next = projection.function.clone();
                    if merged.iter().any(Option::is_none) {
                        let rest = Projection {
                            function: next,
                            arguments: merged,
                        };
                        return Ok(Control::Value(Value::function(Function::Projection(rest))));
                    }
                    count = merged.len();
                    self.stack.extend(merged.into_iter().flatten());
                    function = next;
                }
            }
        }
    }

    /// The value of a global that is called by its symbol.
    fn named(&self, name: Symbol) -> Result<Value, Error> {
        match self
            .env
            .find(name)
            .and_then(|number| self.env.value(number))
        {
            Some(Value::Symbol(_)) | None => Err(Error::new(
                Class::Type,
                format!("symbol {name} names no function or list"),
            )),
            Some(value) => Ok(value.clone()),
        }
    }

    /// Items of a list, dictionary or table.
    fn index(&mut self, value: Value, count: usize) -> Result<Value, Error> {
        if !(value.is_list() || matches!(value, Value::Dict(_) | Value::Table(_))) {
            return Err(not_callable(&value));
        }
        match count {
            0 => Ok(value),
            1 => {
                let index = self.stack.pop().unwrap_or_default();
                verb::at(&value, index)
            }
            _ => verb::at_depth(&value, &self.take(count)),
        }
    }

    /// Enters a lambda.
    #[inline]
    pub(crate) fn enter(&mut self, function: Rc<Function>, count: usize) -> Result<Control, Error> {
        let Function::Lambda(lambda) = &*function else {
            return Ok(Control::Value(Value::Nil));
        };
        let code = lambda.code();
        let parameters = usize::from(code.parameters);
        if count != parameters
            && let Some(control) = self.other_count(lambda, &function, count)?
        {
            return Ok(control);
        }
        let base = self.stack.len().saturating_sub(parameters);
        let slots = code.slots.len();
        if slots > parameters {
            self.stack.resize(base + slots, Value::Nil);
        }
        if self.is_deep() {
            self.check_memory()?;
        }
        let cells = if code.cells.is_empty() {
            None
        } else {
            self.cells_of(lambda, base)
        };
        let running = Running {
            function,
            cells,
            at: 0,
            base: base as u32,
        };
        self.frames.push(Frame::Lambda(running));
        Ok(Control::Again)
    }

    /// A call with another number of arguments than there are parameters: it may still be
    /// entered (nothing is returned), or become a projection.
    #[cold]
    fn other_count(
        &mut self,
        lambda: &Lambda,
        function: &Rc<Function>,
        count: usize,
    ) -> Result<Option<Control>, Error> {
        let code = lambda.code();
        let parameters = usize::from(code.parameters);
        if parameters == 0 && count == 1 {
            self.stack.pop();
            return Ok(None);
        }
        if count > parameters {
            return Err(rank_error(function, count));
        }
        if code.kind == CodeKind::Implicit && !code.missing.is_empty() {
            let found = code
                .missing
                .iter()
                .skip(count)
                .map(|missing| match missing {
                    Missing::Unused => Some(Value::Nil),
                    Missing::Outer(outer) => self.outer_value(lambda, *outer).ok(),
                    Missing::Project => None,
                });
            let found: Option<Vec<Value>> = found.collect();
            if let Some(found) = found {
                self.stack.extend(found);
                return Ok(None);
            }
        }
        let mut arguments: Vec<Option<Value>> = self.take(count).into_iter().map(Some).collect();
        arguments.resize(parameters, None);
        let function = Value::Function(Rc::clone(function));
        let projection = Function::Projection(Projection {
            function,
            arguments,
        });
        Ok(Some(Control::Value(Value::function(projection))))
    }

    /// Applies a verb to so many arguments on the stack.
    pub(crate) fn apply_verb(&mut self, verb: Verb, count: usize) -> Result<Control, Error> {
        let arity = verb.named_arity();
        let function = Function::Verb(verb);
        if arguments_max(&function).is_some_and(|most| count > most) {
            return Err(rank_error(&function, count));
        }
        if count == 0 || count < arity {
            let mut arguments: Vec<Option<Value>> =
                self.take(count).into_iter().map(Some).collect();
            arguments.resize(arity.max(if arity == 0 { 2 } else { 0 }), None);
            let function = Value::function(function);
            let projection = Function::Projection(Projection {
                function,
                arguments,
            });
            return Ok(Control::Value(Value::function(projection)));
        }
        match count {
            1 => {
                let argument = self.stack.pop().unwrap_or_default();
                if monad_needs_machine(verb, &argument) {
                    return self.monad(verb, argument);
                }
                let value = verb::monadic(verb, argument, &mut self.rng)?;
                self.charge(&value);
                Ok(Control::Value(value))
            }
            2 => {
                let right = self.stack.pop().unwrap_or_default();
                let left = self.stack.pop().unwrap_or_default();
                if needs_machine(verb, &left) {
                    return self.dyad_of_function(verb, left, right);
                }
                let value = verb::dyadic(verb, left, right, &mut self.rng)?;
                self.charge(&value);
                Ok(Control::Value(value))
            }
            _ => {
                let arguments = self.take(count);
                self.with_many(verb, arguments)
            }
        }
    }

    /// `.` of a text or a name, and reading a file.
    fn monad(&mut self, verb: Verb, argument: Value) -> Result<Control, Error> {
        match (verb, &argument) {
            (Verb::Dot, Value::Symbol(name)) => match self.env.find(*name) {
                Some(number) if self.env.is_bound(number) => self.global(number),
                _ => Err(Error::new(Class::Name, format!("{name} has no value"))),
            },
            (Verb::Dot, _) => {
                let text = argument.as_text().unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                self.evaluate(text)
            }
            _ => Ok(effect(Symbol::new(verb.glyph()), vec![argument])),
        }
    }

    /// The value of a global, computed first if it is a view.
    fn global(&mut self, number: u32) -> Result<Control, Error> {
        if let Some(value) = self.env.value(number) {
            return Ok(Control::Value(value.clone()));
        }
        let source = Source {
            origin: String::new(),
            line_first: 1,
            text: self.env.name(number).text().into_owned(),
        };
        let code = compile_within(&Rc::new(source), &mut self.env, &[])?;
        self.push_program(code, Vec::new());
        Ok(Control::Again)
    }

    /// Evaluates text; the names of the lambda that does so can be read by it.
    fn evaluate(&mut self, text: String) -> Result<Control, Error> {
        let (names, captures) = self.names_in_reach();
        let source = Rc::new(Source {
            origin: String::new(),
            line_first: 1,
            text,
        });
        let code = compile_within(&source, &mut self.env, &names)?;
        self.check_memory()?;
        self.push_program(code, captures);
        Ok(Control::Again)
    }

    /// A dyad whose left operand is a function or a name, or that asks the host.
    fn dyad_of_function(
        &mut self,
        verb: Verb,
        left: Value,
        right: Value,
    ) -> Result<Control, Error> {
        match verb {
            Verb::At => {
                self.stack.push(right);
                self.apply_later(left, 1)
            }
            Verb::Dot => {
                let count = if right.is_list() { right.len() } else { 1 };
                match right.is_list() {
                    true => self.stack.extend(right.into_items()),
                    false => self.stack.push(right),
                }
                self.apply_later(left, count)
            }
            Verb::Hash => self.filter(left, right, crate::adverb::Keep::Matching),
            Verb::Under => self.filter(left, right, crate::adverb::Keep::Others),
            // A file of JSON is a file of one line.
            Verb::Json => {
                let text = crate::json::write(&right)?;
                let lines = Value::from_items(vec![Value::from_chars(text)]);
                Ok(effect(Symbol::new(Verb::Lines.glyph()), vec![left, lines]))
            }
            _ => Ok(effect(Symbol::new(verb.glyph()), vec![left, right])),
        }
    }

    /// `@ . ?` with three or four arguments.
    fn with_many(&mut self, verb: Verb, arguments: Vec<Value>) -> Result<Control, Error> {
        let count = arguments.len();
        let mut arguments = arguments.into_iter();
        let mut next = || arguments.next().unwrap_or_default();
        let (target, place, function) = (next(), next(), next());
        let operand = (count == 4).then(&mut next);
        match (verb, &target) {
            (Verb::At | Verb::Dot, Value::Function(_)) => match operand {
                None => self.trap(verb, target, place, function),
                Some(_) => Err(Error::new(
                    Class::Type,
                    format!("{} can't amend a function", verb.glyph()),
                )),
            },
            (Verb::Query, _) => self.splice(target, place, function),
            _ => self.start_amend(verb, target, place, function, operand),
        }
    }

    /// Calls a function; an error in it goes to the handler.
    fn trap(
        &mut self,
        verb: Verb,
        function: Value,
        arguments: Value,
        handler: Value,
    ) -> Result<Control, Error> {
        let is_colon = match &handler {
            Value::Function(handler) => matches!(
                **handler,
                Function::Verb(Verb::Colon) | Function::Monad(Verb::Colon)
            ),
            _ => false,
        };
        let handler = if is_colon {
            Handler::Report
        } else {
            Handler::Call(handler)
        };
        self.frames
            .push(Frame::Trap(handler, self.stack.len() as u32));
        self.dyad_of_function(verb, function, arguments)
    }

    /// Applies a function in the next step: whatever it is, this returns first.
    pub(crate) fn apply_later(&mut self, function: Value, count: usize) -> Result<Control, Error> {
        match function {
            Value::Function(inner) if matches!(*inner, Function::Lambda(_)) => {
                self.enter(inner, count)
            }
            function => {
                self.frames.push(Frame::Apply(function, count as u32));
                Ok(Control::Again)
            }
        }
    }
}

pub(crate) fn effect(name: Symbol, args: Vec<Value>) -> Control {
    Control::Effect(Box::new(Effect { name, args }))
}

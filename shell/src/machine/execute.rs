//! The loop over operations: one lambda after the other, until something else than a lambda has
//! to go on.
//!
//! Calls of lambdas by lambdas stay inside this loop. Everything that is not on the path of
//! ordinary calls and of small integers is in other files.

use super::{Control, Machine};
use crate::code::{CodeKind, LAST, Lambda, Op};
use crate::error::Error;
use crate::frame::{Cells, Frame, Running};
use crate::value::{Function, NULL, Value};
use crate::verb::{self, Verb};
use std::rc::Rc;

/// Why the operations of a lambda stopped running.
enum Exit {
    /// It calls a function with so many arguments on the stack.
    Call(Value, usize),
    /// The same as its last act.
    TailCall(Value, usize),
    /// It calls itself.
    OwnCall(usize),
    /// The same as its last act.
    OwnTail(usize),
    /// It is done.
    Return,
    /// It applies a verb that the machine has a part in, to so many operands on the stack.
    Verb(Verb, usize),
    /// It reads a global that has no value at hand; the operation runs again.
    Global(u32),
    /// The budget is spent; the operation runs again.
    Budget,
    /// It fails.
    Fail(Error),
}

/// A verb of two small integers, if the result is one as well.
#[inline(always)]
pub(super) fn int_pair(verb: Verb, x: i64, y: i64) -> Option<Value> {
    // The null is the least integer, so that comparisons need no case for it.
    let sum = |sum: Option<i64>| match sum {
        Some(sum) if x != NULL && y != NULL && sum != NULL => Some(Value::Int(sum)),
        _ => None,
    };
    match verb {
        Verb::Plus => sum(x.checked_add(y)),
        Verb::Minus => sum(x.checked_sub(y)),
        Verb::Star => sum(x.checked_mul(y)),
        Verb::Less => Some(Value::Int(i64::from(x < y))),
        Verb::More => Some(Value::Int(i64::from(x > y))),
        Verb::Equal => Some(Value::Int(i64::from(x == y))),
        Verb::LessEqual => Some(Value::Int(i64::from(x <= y))),
        Verb::MoreEqual => Some(Value::Int(i64::from(x >= y))),
        Verb::NotEqual => Some(Value::Int(i64::from(x != y))),
        Verb::And => Some(Value::Int(x.min(y))),
        Verb::Or => Some(Value::Int(x.max(y))),
        _ => None,
    }
}

/// True for verbs that may call a function or ask the host, given their left operand.
#[inline]
pub(crate) fn needs_machine(verb: Verb, left: &Value) -> bool {
    match verb {
        Verb::At | Verb::Dot => matches!(left, Value::Function(_) | Value::Symbol(_)),
        Verb::Hash | Verb::Under => matches!(left, Value::Function(_)),
        Verb::Lines | Verb::Json => true,
        _ => false,
    }
}

/// True for verbs that may evaluate, look up a name or ask the host, given their argument.
#[inline]
pub(crate) fn monad_needs_machine(verb: Verb, argument: &Value) -> bool {
    match verb {
        Verb::Dot => argument.is_text() || matches!(argument, Value::Symbol(_) | Value::Char(_)),
        Verb::Lines | Verb::Json => true,
        _ => false,
    }
}

impl Machine {
    #[inline(always)]
    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or_default()
    }

    #[inline(always)]
    fn push_slot(&mut self, slot: usize) {
        let value = match self.stack.get(slot) {
            Some(Value::Int(int)) => Value::Int(*int),
            Some(value) => value.clone(),
            None => Value::Nil,
        };
        self.stack.push(value);
    }

    /// The value of a slot as an operand; the last reading takes it.
    #[inline(always)]
    fn operand(&mut self, base: usize, slot: u16) -> Value {
        let place = base + usize::from(slot & !LAST);
        match self.stack.get_mut(place) {
            Some(value) if slot & LAST != 0 => std::mem::take(value),
            Some(value) => value.clone(),
            None => Value::Nil,
        }
    }

    /// Runs a lambda until it is done or has to wait for something.
    pub(super) fn execute(&mut self, running: Running) -> Result<Control, Error> {
        let Running { mut function, mut cells, at, base } = running;
        let mut at = at as usize;
        let mut base = base as usize;
        loop {
            let Function::Lambda(lambda) = &*function else {
                return Ok(Control::Value(Value::Nil));
            };
            let exit = self.operations(lambda, &function, &cells, &mut at, base);
            match exit {
                Exit::Return => {
                    let value = self.pop();
                    self.stack.truncate(base);
                    release(cells);
                    match self.frames.pop() {
                        Some(Frame::Lambda(caller)) => {
                            self.stack.push(value);
                            function = caller.function;
                            cells = caller.cells;
                            at = caller.at as usize;
                            base = caller.base as usize;
                        }
                        Some(frame) => {
                            self.frames.push(frame);
                            return Ok(Control::Value(value));
                        }
                        None => return Ok(Control::Value(value)),
                    }
                }
                Exit::OwnCall(count) => {
                    let callee = Rc::clone(&function);
                    self.suspend(function, cells, at, base);
                    match self.enter(callee, count)? {
                        Control::Enter(next) => (function, cells, at, base) = next.parts(),
                        other => return Ok(other),
                    }
                }
                Exit::OwnTail(count) => {
                    let callee = Rc::clone(&function);
                    self.drop_call(base, count);
                    release(cells);
                    match self.enter(callee, count) {
                        Ok(Control::Enter(next)) => (function, cells, at, base) = next.parts(),
                        other => return self.with_caller(other, function, at),
                    }
                }
                Exit::Call(callee, count) => {
                    self.suspend(function, cells, at, base);
                    match self.apply(callee, count)? {
                        Control::Enter(next) => (function, cells, at, base) = next.parts(),
                        other => return Ok(other),
                    }
                }
                Exit::TailCall(callee, count) => {
                    self.drop_call(base, count);
                    release(cells);
                    match self.apply(callee, count) {
                        Ok(Control::Enter(next)) => (function, cells, at, base) = next.parts(),
                        other => return self.with_caller(other, function, at),
                    }
                }
                Exit::Verb(verb, count) if count > 1 && returns_next(lambda, at) => {
                    self.drop_call(base, count);
                    release(cells);
                    match self.apply_verb(verb, count) {
                        Ok(Control::Enter(next)) => (function, cells, at, base) = next.parts(),
                        other => return self.with_caller(other, function, at),
                    }
                }
                Exit::Verb(verb, count) => {
                    self.suspend(function, cells, at, base);
                    match self.apply_verb(verb, count)? {
                        Control::Enter(next) => (function, cells, at, base) = next.parts(),
                        other => return Ok(other),
                    }
                }
                Exit::Global(global) => {
                    self.suspend(function, cells, at, base);
                    return match self.view_to_refresh(global) {
                        Ok(code) => {
                            self.step_back();
                            self.refresh(global, code)
                        }
                        Err(error) => Err(error),
                    };
                }
                Exit::Budget => {
                    self.suspend(function, cells, at - 1, base);
                    return Ok(Control::Again);
                }
                Exit::Fail(error) => {
                    self.suspend(function, cells, at, base);
                    return Err(error);
                }
            }
        }
    }

    /// The outcome of a last call; an error in the call itself is still the caller's.
    #[cold]
    fn with_caller(
        &self,
        outcome: Result<Control, Error>,
        function: Rc<Function>,
        at: usize,
    ) -> Result<Control, Error> {
        outcome.map_err(|error| {
            let caller = Running { function, cells: None, at: at as u32, base: 0 };
            self.note_call(error, &caller)
        })
    }

    #[inline(always)]
    fn suspend(&mut self, function: Rc<Function>, cells: Cells, at: usize, base: usize) {
        let running = Running { function, cells, at: at as u32, base: base as u32 };
        self.frames.push(Frame::Lambda(running));
    }

    /// Lets the operation that was just begun run again later.
    fn step_back(&mut self) {
        if let Some(Frame::Lambda(running)) = self.frames.last_mut() {
            running.at = running.at.saturating_sub(1);
        }
    }

    /// Moves the arguments of a last call to where the caller's slots were.
    fn drop_call(&mut self, base: usize, count: usize) {
        let from = self.stack.len().saturating_sub(count);
        for argument in 0..count {
            self.stack.swap(base + argument, from + argument);
        }
        self.stack.truncate(base + count);
    }

    /// Runs operations until one of them needs more than the stack and the lambda's own slots.
    fn operations(
        &mut self,
        lambda: &Lambda,
        function: &Rc<Function>,
        cells: &Cells,
        next: &mut usize,
        base: usize,
    ) -> Exit {
        let code = &**lambda.code();
        let ops = code.ops.as_slice();
        let mut at = *next;
        let exit = loop {
            let Some(op) = ops.get(at).copied() else {
                break Exit::Return;
            };
            at += 1;
            match op {
                Op::Local(slot) => self.push_slot(base + usize::from(slot)),
                Op::Move(slot) => {
                    let value = self.operand(base, slot | LAST);
                    self.stack.push(value);
                }
                Op::Int(int) => self.stack.push(Value::Int(i64::from(int))),
                Op::LocalInt { verb, slot, int } => {
                    let place = base + usize::from(slot & !LAST);
                    if let Some(Value::Int(x)) = self.stack.get(place)
                        && let Some(value) = int_pair(verb, *x, i64::from(int))
                    {
                        self.stack.push(value);
                        continue;
                    }
                    let left = self.operand(base, slot);
                    self.stack.push(Value::Int(i64::from(int)));
                    self.stack.push(left);
                    match self.dyad(verb) {
                        None => {}
                        Some(exit) => break exit,
                    }
                }
                Op::LocalLocal { verb, left, right } => {
                    let place = |slot: u16| base + usize::from(slot & !LAST);
                    if let (Some(Value::Int(x)), Some(Value::Int(y))) =
                        (self.stack.get(place(left)), self.stack.get(place(right)))
                        && let Some(value) = int_pair(verb, *x, *y)
                    {
                        self.stack.push(value);
                        continue;
                    }
                    let left = self.operand(base, left);
                    let right = self.operand(base, right);
                    self.stack.push(right);
                    self.stack.push(left);
                    match self.dyad(verb) {
                        None => {}
                        Some(exit) => break exit,
                    }
                }
                Op::Dyad(verb) => {
                    if let [.., Value::Int(y), Value::Int(x)] = self.stack.as_slice()
                        && let Some(value) = int_pair(verb, *x, *y)
                    {
                        self.stack.pop();
                        if let Some(top) = self.stack.last_mut() {
                            *top = value;
                        }
                        continue;
                    }
                    match self.dyad(verb) {
                        None => {}
                        Some(exit) => break exit,
                    }
                }
                Op::DyadForward(verb) => {
                    self.swap();
                    match self.dyad(verb) {
                        None => {}
                        Some(exit) => break exit,
                    }
                }
                Op::Monad(verb) => {
                    let argument = self.pop();
                    if monad_needs_machine(verb, &argument) {
                        self.stack.push(argument);
                        break Exit::Verb(verb, 1);
                    }
                    match verb::monadic(verb, argument, &mut self.rng) {
                        Ok(value) => {
                            self.charge(&value);
                            self.stack.push(value);
                        }
                        Err(error) => break Exit::Fail(error),
                    }
                }
                Op::JumpFalse(to) => {
                    if !self.pop().is_true() {
                        at = to as usize;
                    }
                }
                Op::Jump(to) => at = to as usize,
                Op::Return => break Exit::Return,
                Op::OwnCall(count) => {
                    self.budget -= 1;
                    break if self.budget < 0 { Exit::Budget } else { Exit::OwnCall(usize::from(count)) };
                }
                Op::OwnTail(count) => {
                    self.budget -= 1;
                    break if self.budget < 0 { Exit::Budget } else { Exit::OwnTail(usize::from(count)) };
                }
                Op::Call(count) => {
                    self.budget -= 1;
                    if self.budget < 0 {
                        break Exit::Budget;
                    }
                    break Exit::Call(self.pop(), usize::from(count));
                }
                Op::TailCall(count) => {
                    self.budget -= 1;
                    if self.budget < 0 {
                        break Exit::Budget;
                    }
                    break Exit::TailCall(self.pop(), usize::from(count));
                }
                Op::Global(global) => match self.env.value(global) {
                    Some(value) => {
                        let value = value.clone();
                        self.stack.push(value);
                    }
                    None => break Exit::Global(global),
                },
                Op::Constant(index) => {
                    let value = code.constants.get(index as usize).cloned().unwrap_or_default();
                    self.stack.push(value);
                }
                Op::Own => self.stack.push(Value::Function(Rc::clone(function))),
                Op::Put(slot) => {
                    let value = self.pop();
                    if let Some(place) = self.stack.get_mut(base + usize::from(slot)) {
                        *place = value;
                    }
                }
                Op::Set(slot) => {
                    let value = self.stack.last().cloned().unwrap_or_default();
                    if let Some(place) = self.stack.get_mut(base + usize::from(slot)) {
                        *place = value;
                    }
                }
                Op::Pop | Op::GlobalPut(_) => {
                    self.budget -= 1;
                    if self.budget < 0 {
                        break Exit::Budget;
                    }
                    let value = self.pop();
                    if let Op::GlobalPut(global) = op {
                        self.env.set(global, value);
                    }
                }
                Op::GlobalSet(global) => {
                    let value = self.stack.last().cloned().unwrap_or_default();
                    self.env.set(global, value);
                }
                Op::Nil => self.stack.push(Value::Nil),
                Op::Swap => self.swap(),
                Op::CallVerb { verb, count } => {
                    self.budget -= 1;
                    break if self.budget < 0 { Exit::Budget } else { Exit::Verb(verb, usize::from(count)) };
                }
                Op::Captured(index) => match self.captured(lambda, index) {
                    Ok(value) => self.stack.push(value),
                    Err(global) => break Exit::Global(global),
                },
                Op::Cell(index) => match self.cell(cells, index) {
                    Ok(value) => self.stack.push(value),
                    Err(global) => break Exit::Global(global),
                },
                Op::Update(index) | Op::Amend(index) => {
                    match self.assign_part(lambda, cells, index, base, op) {
                        Ok(None) => {}
                        Ok(Some(global)) => break Exit::Global(global),
                        Err(error) => break Exit::Fail(error),
                    }
                }
                other => {
                    if let Err(error) = self.operation(other, lambda, cells, base) {
                        break Exit::Fail(error);
                    }
                }
            }
        };
        *next = at;
        exit
    }

    /// Applies a verb to the two values on the stack, the left one on top.
    #[inline]
    fn dyad(&mut self, verb: Verb) -> Option<Exit> {
        let left = self.pop();
        let right = self.pop();
        if needs_machine(verb, &left) {
            self.stack.push(left);
            self.stack.push(right);
            return Some(Exit::Verb(verb, 2));
        }
        match verb::dyadic(verb, left, right, &mut self.rng) {
            Ok(value) => {
                self.charge(&value);
                self.stack.push(value);
                None
            }
            Err(error) => Some(Exit::Fail(error)),
        }
    }

    fn swap(&mut self) {
        if let [.., below, top] = self.stack.as_mut_slice() {
            std::mem::swap(below, top);
        }
    }
}

/// True when a lambda has nothing left to do after the operation at hand. Programs stay, so that
/// errors can tell where they were.
fn returns_next(lambda: &Lambda, at: usize) -> bool {
    let code = lambda.code();
    matches!(code.kind, CodeKind::Explicit | CodeKind::Implicit) && code.ops.get(at) == Some(&Op::Return)
}

impl Running {
    fn parts(self) -> (Rc<Function>, Cells, usize, usize) {
        (self.function, self.cells, self.at as usize, self.base as usize)
    }
}

/// Breaks the circles of local functions that call each other, when nothing else holds them.
///
/// A function in a cell that captured that cell keeps itself alive. When a call ends, its cells
/// are all there is to look at: if every reference to each of them comes from the call itself or
/// from a function that only a cell of the same call holds, nobody can reach them any more.
fn release(cells: Cells) {
    let Some(cells) = cells else {
        return;
    };
    let Ok(cells) = Rc::try_unwrap(cells) else {
        return;
    };
    let mut known = vec![1usize; cells.len()];
    for cell in &cells {
        let value = cell.value.borrow();
        let Some(Value::Function(function)) = &*value else {
            continue;
        };
        let Function::Lambda(lambda) = &**function else {
            continue;
        };
        if Rc::strong_count(function) > 1 {
            continue;
        }
        for capture in lambda.captures() {
            if let crate::code::Capture::Cell(captured) = capture
                && let Some(index) = cells.iter().position(|cell| Rc::ptr_eq(cell, captured))
            {
                known[index] += 1;
            }
        }
    }
    if cells.iter().zip(known).all(|(cell, known)| Rc::strong_count(cell) == known) {
        for cell in &cells {
            let value = cell.value.borrow_mut().take();
            drop(value);
        }
    }
}

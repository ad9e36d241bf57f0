//! Operations, one after the other: the innermost loop.
//!
//! What is here is the path of ordinary calls and of small integers; operations that are more than
//! a line are in other files. Calls of a lambda by itself stay in the loop.

use super::Machine;
use crate::code::{LAST, Lambda, Op};
use crate::error::Error;
use crate::frame::{Cells, Frame, Running};
use crate::value::{Function, NULL, Value};
use crate::verb::{self, Verb};
use std::rc::Rc;

/// Why the operations of a lambda stopped running.
pub(crate) enum Exit {
    /// It calls a function with so many arguments on the stack.
    Call(Value, usize),
    /// The same as its last act.
    TailCall(Value, usize),
    /// It is done; its value is on the stack.
    Return,
    /// Another call of a lambda is on top now.
    Switch,
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
pub(crate) fn int_pair(verb: Verb, x: i64, y: i64) -> Option<i64> {
    // The null is the least integer, so that comparisons need no case for it.
    let sum = |sum: Option<i64>| match sum {
        Some(sum) if x != NULL && y != NULL && sum != NULL => Some(sum),
        _ => None,
    };
    match verb {
        Verb::Plus => sum(x.checked_add(y)),
        Verb::Minus => sum(x.checked_sub(y)),
        Verb::Star => sum(x.checked_mul(y)),
        Verb::Less => Some(i64::from(x < y)),
        Verb::More => Some(i64::from(x > y)),
        Verb::Equal => Some(i64::from(x == y)),
        Verb::LessEqual => Some(i64::from(x <= y)),
        Verb::MoreEqual => Some(i64::from(x >= y)),
        Verb::NotEqual => Some(i64::from(x != y)),
        Verb::And => Some(x.min(y)),
        Verb::Or => Some(x.max(y)),
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
        Verb::Lines => true,
        _ => false,
    }
}

/// The number of locals of a lambda that takes exactly so many arguments and needs no cells.
#[inline(always)]
pub(crate) fn plain_call(function: &Function, count: usize) -> Option<usize> {
    let Function::Lambda(lambda) = function else {
        return None;
    };
    let code = lambda.code();
    let fits = usize::from(code.parameters) == count && code.cells.is_empty();
    fits.then(|| code.slots.len() - count)
}

impl Machine {
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Value {
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
    fn operand(&mut self, base: usize, slot: u16) -> Value {
        let place = base + usize::from(slot & !LAST);
        match self.stack.get_mut(place) {
            Some(value) if slot & LAST != 0 => std::mem::take(value),
            Some(value) => value.clone(),
            None => Value::Nil,
        }
    }

    /// Moves the value on top to where the slots of the call began, in their place.
    #[inline(always)]
    fn leave_value(&mut self, base: usize) {
        let Some(value) = self.stack.pop() else {
            return;
        };
        match self.stack.get_mut(base) {
            Some(first) => {
                *first = value;
                self.stack.truncate(base + 1);
            }
            None => self.stack.push(value),
        }
    }

    /// Moves the arguments of a last call to where the caller's slots were.
    #[inline]
    pub(super) fn drop_call(&mut self, base: usize, count: usize) {
        let from = self.stack.len().saturating_sub(count);
        for argument in 0..count {
            self.stack.swap(base + argument, from + argument);
        }
        self.stack.truncate(base + count);
    }

    /// Runs operations until one of them needs more than the stack and the lambda's own slots.
    pub(crate) fn operations(
        &mut self,
        lambda: &Lambda,
        function: &Rc<Function>,
        cells: &Cells,
        next: &mut usize,
        base: usize,
    ) -> Exit {
        let code = &**lambda.code();
        let ops = code.ops.as_slice();
        let parameters = usize::from(code.parameters);
        let locals = code.slots.len() - parameters;
        let plain = code.cells.is_empty();
        let mut base = base;
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
                Op::TestInt { verb, slot, int } => {
                    // What follows is always a jump.
                    let place = base + usize::from(slot & !LAST);
                    if let Some(Value::Int(x)) = self.stack.get(place)
                        && let Some(test) = int_pair(verb, *x, i64::from(int))
                        && let Some(Op::JumpFalse(to)) = ops.get(at)
                    {
                        at = if test != 0 { at + 1 } else { *to as usize };
                        continue;
                    }
                    if let Some(exit) = self.dyad_of_slot(verb, base, slot, int) {
                        break exit;
                    }
                }
                Op::LocalInt { verb, slot, int } => {
                    let place = base + usize::from(slot & !LAST);
                    if let Some(Value::Int(x)) = self.stack.get(place)
                        && let Some(result) = int_pair(verb, *x, i64::from(int))
                    {
                        self.stack.push(Value::Int(result));
                        continue;
                    }
                    if let Some(exit) = self.dyad_of_slot(verb, base, slot, int) {
                        break exit;
                    }
                }
                Op::IntLocal { verb, int, slot } => {
                    let place = base + usize::from(slot & !LAST);
                    if let Some(Value::Int(y)) = self.stack.get(place)
                        && let Some(result) = int_pair(verb, i64::from(int), *y)
                    {
                        self.stack.push(Value::Int(result));
                        continue;
                    }
                    let right = self.operand(base, slot);
                    self.stack.push(right);
                    self.stack.push(Value::Int(i64::from(int)));
                    if let Some(exit) = self.dyad(verb) {
                        break exit;
                    }
                }
                Op::LocalLocal { verb, left, right } => {
                    let place = |slot: u16| base + usize::from(slot & !LAST);
                    if let (Some(Value::Int(x)), Some(Value::Int(y))) =
                        (self.stack.get(place(left)), self.stack.get(place(right)))
                        && let Some(result) = int_pair(verb, *x, *y)
                    {
                        self.stack.push(Value::Int(result));
                        continue;
                    }
                    let left = self.operand(base, left);
                    let right = self.operand(base, right);
                    self.stack.push(right);
                    self.stack.push(left);
                    if let Some(exit) = self.dyad(verb) {
                        break exit;
                    }
                }
                Op::Dyad(verb) => {
                    if let [.., Value::Int(y), Value::Int(x)] = self.stack.as_mut_slice()
                        && let Some(result) = int_pair(verb, *x, *y)
                    {
                        *y = result;
                        self.stack.pop();
                        continue;
                    }
                    if let Some(exit) = self.dyad(verb) {
                        break exit;
                    }
                }
                Op::DyadForward(verb) => {
                    self.swap();
                    if let Some(exit) = self.dyad(verb) {
                        break exit;
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
                    let is_true = match self.stack.pop() {
                        Some(Value::Int(int)) => int != 0,
                        Some(value) => value.is_true(),
                        None => true,
                    };
                    if !is_true {
                        at = to as usize;
                    }
                }
                Op::Jump(to) => at = to as usize,
                Op::Return => {
                    self.leave_value(base);
                    // A lambda that called itself goes on right here.
                    if plain
                        && let [.., Frame::Lambda(caller), Frame::Lambda(_)] =
                            self.frames.as_slice()
                        && Rc::ptr_eq(&caller.function, function)
                    {
                        at = caller.at as usize;
                        base = caller.base as usize;
                        self.frames.pop();
                        continue;
                    }
                    break Exit::Return;
                }
                Op::OwnCall(count) => {
                    self.budget -= 1;
                    if self.budget < 0 {
                        break Exit::Budget;
                    }
                    let count = usize::from(count);
                    if !plain || count != parameters || self.is_deep() {
                        break Exit::Call(Value::Function(Rc::clone(function)), count);
                    }
                    self.set_position(at);
                    base = self.stack.len() - count;
                    self.push_nils(locals);
                    let running = Running {
                        function: Rc::clone(function),
                        cells: None,
                        at: 0,
                        base: base as u32,
                    };
                    self.frames.push(Frame::Lambda(running));
                    at = 0;
                }
                Op::OwnTail(count) => {
                    self.budget -= 1;
                    if self.budget < 0 {
                        break Exit::Budget;
                    }
                    let count = usize::from(count);
                    if !plain || count != parameters {
                        break Exit::TailCall(Value::Function(Rc::clone(function)), count);
                    }
                    self.drop_call(base, count);
                    self.push_nils(locals);
                    at = 0;
                }
                Op::Call(count) => {
                    self.budget -= 1;
                    if self.budget < 0 {
                        break Exit::Budget;
                    }
                    let count = usize::from(count);
                    let callee = self.pop();
                    // An ordinary call of a lambda is not worth the way through the general case.
                    if let Value::Function(callee) = callee {
                        if let Some(locals) = plain_call(&callee, count)
                            && !self.is_deep()
                        {
                            self.set_position(at);
                            let its_base = self.stack.len() - count;
                            self.push_nils(locals);
                            let same = plain && Rc::ptr_eq(&callee, function);
                            let running = Running {
                                function: callee,
                                cells: None,
                                at: 0,
                                base: its_base as u32,
                            };
                            self.frames.push(Frame::Lambda(running));
                            if same {
                                base = its_base;
                                at = 0;
                                continue;
                            }
                            break Exit::Switch;
                        }
                        break Exit::Call(Value::Function(callee), count);
                    }
                    break Exit::Call(callee, count);
                }
                Op::TailCall(count) => {
                    self.budget -= 1;
                    if self.budget < 0 {
                        break Exit::Budget;
                    }
                    let count = usize::from(count);
                    let callee = self.pop();
                    if let Value::Function(callee) = &callee
                        && plain
                        && count == parameters
                        && Rc::ptr_eq(callee, function)
                    {
                        self.drop_call(base, count);
                        self.push_nils(locals);
                        at = 0;
                        continue;
                    }
                    break Exit::TailCall(callee, count);
                }
                Op::Global(global) => match self.env.value(global) {
                    Some(value) => {
                        let value = value.clone();
                        self.stack.push(value);
                    }
                    None => break Exit::Global(global),
                },
                Op::Constant(index) => {
                    let value = code
                        .constants
                        .get(index as usize)
                        .cloned()
                        .unwrap_or_default();
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
                    break if self.budget < 0 {
                        Exit::Budget
                    } else {
                        Exit::Verb(verb, usize::from(count))
                    };
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

    /// Room for the locals of a call.
    #[inline(always)]
    fn push_nils(&mut self, locals: usize) {
        if locals > 0 {
            self.stack.resize(self.stack.len() + locals, Value::Nil);
        }
    }

    /// Applies a verb to a slot and an integer, the long way.
    #[cold]
    fn dyad_of_slot(&mut self, verb: Verb, base: usize, slot: u16, int: i32) -> Option<Exit> {
        let left = self.operand(base, slot);
        self.stack.push(Value::Int(i64::from(int)));
        self.stack.push(left);
        self.dyad(verb)
    }

    /// Applies a verb to the two values on the stack, the left one on top.
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

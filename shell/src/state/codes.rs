//! Code found again: the source is compiled, and the part that is meant is the one at its place.
//!
//! A frame says how far its call has got, as the number of an operation. That number and the height of the
//! stack only make sense for the operations that they were noted for, so a sum over the operations must
//! agree, and the stack must hold what the operations before that place leave on it.

use super::StateError;
use crate::code::{Code, CodeKind, Index, Op};
use crate::compile::compile_within;
use crate::env::Env;
use crate::error::{Source, Span};
use crate::symbol::Symbol;
use crate::value::{Function, Value};
use std::collections::HashMap;
use std::mem::discriminant;
use std::rc::Rc;

/// Where code stands in its source.
type Place = (CodeKind, Span, Span);

/// A source, and its code once that is wanted.
pub(super) struct Compiled {
    pub(super) source: Rc<Source>,
    pub(super) given: Vec<Symbol>,
    parts: Option<Vec<Rc<Code>>>,
}

impl Compiled {
    pub(super) fn new(source: Source, given: Vec<Symbol>) -> Compiled {
        Compiled {
            source: Rc::new(source),
            given,
            parts: None,
        }
    }

    /// The code at a place, with a sum that must be its own.
    pub(super) fn find(
        &mut self,
        place: Place,
        sum: u64,
        env: &mut Env,
    ) -> Result<Rc<Code>, StateError> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            empty => {
                let program = compile_within(&self.source, env, &self.given)
                    .map_err(|_| StateError::Damaged("a source that is no program"))?;
                empty.insert(parts_of(program))
            }
        };
        let found = parts
            .iter()
            .find(|code| (code.kind, code.span, code.body) == place && sum_of(code) == sum);
        let found = found.ok_or(StateError::Damaged("code that its source does not have"))?;
        Ok(Rc::clone(found))
    }
}

/// A program with all lambdas and views in it.
fn parts_of(program: Rc<Code>) -> Vec<Rc<Code>> {
    let mut parts = vec![program];
    let mut at = 0;
    while let Some(code) = parts.get(at).cloned() {
        at += 1;
        parts.extend(code.prototypes.iter().map(|inner| Rc::clone(&inner.code)));
        parts.extend(code.views.iter().map(|view| Rc::clone(&view.code)));
        parts.extend(code.constants.iter().filter_map(|constant| match constant {
            Value::Function(function) => match &**function {
                Function::Lambda(lambda) => Some(Rc::clone(lambda.code())),
                _ => None,
            },
            _ => None,
        }));
    }
    parts
}

/// A number that differs, very likely, when code differs in more than the numbers of its globals.
pub(super) fn sum_of(code: &Code) -> u64 {
    // FNV-1a over whole words.
    let mut sum = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |word: u64| sum = (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    for count in [
        code.ops.len(),
        code.slots.len(),
        code.captured.len(),
        code.cells.len(),
        code.constants.len(),
        usize::from(code.parameters),
    ] {
        add(count as u64);
    }
    for (op, span) in code.ops.iter().zip(&code.spans) {
        let same = code
            .ops
            .iter()
            .position(|other| discriminant(other) == discriminant(op));
        add(same.unwrap_or_default() as u64);
        add(u64::from(span.start) << 32 | u64::from(span.end));
    }
    sum
}

/// How many values lie above the slots before each operation.
#[derive(Default)]
pub(super) struct Depths(HashMap<*const Code, Vec<u32>>);

impl Depths {
    /// The depth before an operation; none when there is no such operation.
    pub(super) fn at(&mut self, code: &Rc<Code>, op: usize) -> Option<usize> {
        let depths = self
            .0
            .entry(Rc::as_ptr(code))
            .or_insert_with(|| depths(code));
        depths.get(op).map(|depth| *depth as usize)
    }
}

fn depths(code: &Code) -> Vec<u32> {
    let mut depths = vec![0u32; code.ops.len()];
    let mut depth = 0i64;
    // Jumps only go forward, so that what is noted here is met later.
    let mut noted: HashMap<usize, i64> = HashMap::new();
    for (at, op) in code.ops.iter().enumerate() {
        if let Some(known) = noted.remove(&at) {
            depth = known;
        }
        depths[at] = u32::try_from(depth.max(0)).unwrap_or(u32::MAX);
        depth += effect(code, *op);
        match op {
            Op::Jump(to) | Op::JumpFalse(to) => {
                noted.insert(*to as usize, depth);
            }
            _ => {}
        }
    }
    depths
}

/// By how much an operation changes the height of the stack, with what it calls.
fn effect(code: &Code, op: Op) -> i64 {
    let given = |indices: &[Index]| {
        let given = indices.iter().filter(|index| **index == Index::Given);
        given.count() as i64
    };
    let constant = |index: u32| code.constants.get(index as usize).map_or(0, Value::len) as i64;
    match op {
        Op::Constant(_)
        | Op::Int(_)
        | Op::Nil
        | Op::Local(_)
        | Op::Move(_)
        | Op::Cell(_)
        | Op::Captured(_)
        | Op::Global(_)
        | Op::Own
        | Op::Closure(_)
        | Op::View(_)
        | Op::LocalInt { .. }
        | Op::IntLocal { .. }
        | Op::TestInt { .. }
        | Op::LocalLocal { .. } => 1,
        Op::Set(_)
        | Op::CellSet(_)
        | Op::GlobalSet(_)
        | Op::Monad(_)
        | Op::Swap
        | Op::Jump(_)
        | Op::Derive(_)
        | Op::Update(_) => 0,
        Op::Put(_)
        | Op::CellPut(_)
        | Op::GlobalPut(_)
        | Op::Pop
        | Op::Dyad(_)
        | Op::DyadForward(_)
        | Op::JumpFalse(_)
        | Op::Return => -1,
        Op::Call(count) | Op::TailCall(count) => -i64::from(count),
        Op::OwnCall(count) | Op::OwnTail(count) => 1 - i64::from(count),
        Op::CallVerb { count, .. } => 1 - i64::from(count),
        Op::CallElided(holes) => -code
            .holes
            .get(holes as usize)
            .map_or(0, |holes| given(holes)),
        Op::List(count) | Op::ListForward(count) => 1 - i64::from(count),
        Op::Dict(keys) => 1 - constant(keys),
        Op::Table(names) => 1 - constant(names),
        Op::Train(parts) => {
            1 - code
                .trains
                .get(parts as usize)
                .map_or(0, |parts| parts.len() as i64)
        }
        Op::Amend(target) => -code
            .targets
            .get(target as usize)
            .map_or(0, |target| given(&target.indices)),
    }
}

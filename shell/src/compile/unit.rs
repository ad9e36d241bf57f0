//! A unit: one lambda, program or view while its code is being emitted.
//!
//! Operations name locals by slot all along; when the unit is finished those that turned out to
//! need a cell are rewritten. A local needs a cell when it is read where it may or may not be
//! set, or when a closure shares it and it is assigned afterwards.

use crate::code::{Capturing, CodeKind, Index, Missing, Op, Outer, Part, Prototype, Target, View};
use crate::error::Span;
use crate::symbol::Symbol;
use crate::value::{Adverb, Derived, Function, Value};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// A set of slots.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Slots(Vec<u64>);

impl Slots {
    pub(super) fn insert(&mut self, slot: u16) {
        let word = usize::from(slot) / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (slot % 64);
    }

    pub(super) fn remove(&mut self, slot: u16) {
        if let Some(word) = self.0.get_mut(usize::from(slot) / 64) {
            *word &= !(1 << (slot % 64));
        }
    }

    pub(super) fn contains(&self, slot: u16) -> bool {
        self.0
            .get(usize::from(slot) / 64)
            .is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    pub(super) fn union(&mut self, other: &Slots) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    fn intersect(&mut self, other: &Slots) {
        for (index, word) in self.0.iter_mut().enumerate() {
            *word &= other.0.get(index).copied().unwrap_or(0);
        }
    }
}

/// Which slots are set at a point.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// On every path.
    pub(super) surely: Slots,
    /// On some path.
    pub(super) maybe: Slots,
}

impl Flow {
    fn merge(&mut self, other: &Flow) {
        self.surely.intersect(&other.surely);
        self.maybe.union(&other.maybe);
    }
}

/// A conditional whose branches are being emitted.
#[derive(Default)]
pub(super) struct CondState {
    ends: Vec<usize>,
    skip: Option<usize>,
    before: Flow,
    merged: Option<Flow>,
}

pub(super) struct Unit {
    pub(super) kind: CodeKind,
    pub(super) span: Span,
    pub(super) text: Span,
    pub(super) ops: Vec<Op>,
    pub(super) spans: Vec<Span>,
    pub(super) constants: Vec<Value>,
    pub(super) prototypes: Vec<Prototype>,
    pub(super) views: Vec<View>,
    pub(super) holes: Vec<Vec<Index>>,
    pub(super) trains: Vec<Vec<Part>>,
    pub(super) targets: Vec<Target>,
    pub(super) missing: Vec<Missing>,
    pub(super) parameters: u8,
    pub(super) slots: Vec<Symbol>,
    slot_of: HashMap<Symbol, u16>,
    pub(super) flow: Flow,
    pub(super) cells: Slots,
    outers: HashMap<u16, Outer>,
    shared: Slots,
    pub(super) captured: Vec<Symbol>,
    pub(super) capturing: Vec<Capturing>,
    captured_of: HashMap<Symbol, u16>,
    pub(super) globals_read: BTreeSet<u32>,
    pub(super) conds: Vec<CondState>,
    /// Operations before this one may be jumped over, so that they aren't looked back at.
    barrier: usize,
}

impl Unit {
    pub(super) fn new(kind: CodeKind, span: Span, text: Span) -> Unit {
        Unit {
            kind,
            span,
            text,
            ops: Vec::new(),
            spans: Vec::new(),
            constants: Vec::new(),
            prototypes: Vec::new(),
            views: Vec::new(),
            holes: Vec::new(),
            trains: Vec::new(),
            targets: Vec::new(),
            missing: Vec::new(),
            parameters: 0,
            slots: Vec::new(),
            slot_of: HashMap::new(),
            flow: Flow::default(),
            cells: Slots::default(),
            outers: HashMap::new(),
            shared: Slots::default(),
            captured: Vec::new(),
            capturing: Vec::new(),
            captured_of: HashMap::new(),
            globals_read: BTreeSet::new(),
            conds: Vec::new(),
            barrier: 0,
        }
    }

    /// Gives parameters and locals their slots.
    pub(super) fn declare(&mut self, parameters: &[Symbol], locals: &[Symbol]) {
        self.parameters = parameters.len() as u8;
        for name in parameters.iter().chain(locals) {
            let slot = self.slots.len() as u16;
            self.slots.push(*name);
            self.slot_of.insert(*name, slot);
        }
        for slot in 0..parameters.len() as u16 {
            self.flow.surely.insert(slot);
            self.flow.maybe.insert(slot);
        }
    }

    pub(super) fn slot(&self, name: Symbol) -> Option<u16> {
        self.slot_of.get(&name).copied()
    }

    pub(super) fn slot_name(&self, slot: u16) -> Symbol {
        self.slots
            .get(usize::from(slot))
            .copied()
            .unwrap_or(Symbol::EMPTY)
    }

    pub(super) fn captured_index(&self, name: Symbol) -> Option<u16> {
        self.captured_of.get(&name).copied()
    }

    /// A captured value that whoever makes the lambda provides.
    pub(super) fn capture_given(&mut self, name: Symbol) {
        let index = self.captured.len() as u16;
        self.captured.push(name);
        self.captured_of.insert(name, index);
    }

    /// A captured value that is found there in the lambda around.
    pub(super) fn capture(&mut self, name: Symbol, from: Capturing) -> u16 {
        let index = self.captured.len() as u16;
        self.capture_given(name);
        self.capturing.push(from);
        index
    }

    /// Notes globals that the unit reads.
    pub(super) fn reads(&mut self, globals: impl IntoIterator<Item = u32>) {
        self.globals_read.extend(globals);
    }

    pub(super) fn set_outer(&mut self, slot: u16, outer: Outer) {
        self.outers.insert(slot, outer);
    }

    pub(super) fn outer_of(&self, slot: u16) -> Option<Outer> {
        self.outers.get(&slot).copied()
    }

    pub(super) fn make_cell(&mut self, slot: u16) {
        self.cells.insert(slot);
    }

    /// The cells for which it isn't known yet where they are read while unset.
    pub(super) fn cells_without_outer(&self) -> Vec<u16> {
        let slots = 0..self.slots.len() as u16;
        slots
            .filter(|slot| self.cells.contains(*slot) && !self.outers.contains_key(slot))
            .collect()
    }

    /// Notes that a slot is assigned from here on.
    pub(super) fn assigned(&mut self, slot: u16) {
        if self.shared.contains(slot) {
            self.make_cell(slot);
        }
        self.flow.surely.insert(slot);
        self.flow.maybe.insert(slot);
    }

    pub(super) fn emit(&mut self, op: Op, span: Span) {
        self.ops.push(op);
        self.spans.push(span);
    }

    fn last_op(&self) -> Option<Op> {
        if self.ops.len() <= self.barrier {
            None
        } else {
            self.ops.last().copied()
        }
    }

    fn replace_last(&mut self, op: Op, span: Span) {
        self.ops.pop();
        self.spans.pop();
        self.emit(op, span);
    }

    pub(super) fn add_constant(&mut self, value: Value) -> u32 {
        self.constants.push(value);
        (self.constants.len() - 1) as u32
    }

    pub(super) fn emit_constant(&mut self, value: Value, span: Span) {
        let op = match value {
            Value::Int(int) if i32::try_from(int).is_ok() => Op::Int(int as i32),
            Value::Nil => Op::Nil,
            value => Op::Constant(self.add_constant(value)),
        };
        self.emit(op, span);
    }

    pub(super) fn emit_pop(&mut self, span: Span) {
        match self.last_op() {
            Some(Op::Set(slot)) => self.replace_last(Op::Put(slot), span),
            Some(Op::GlobalSet(global)) => self.replace_last(Op::GlobalPut(global), span),
            _ => self.emit(Op::Pop, span),
        }
    }

    /// An adverb on a constant makes a constant.
    pub(super) fn emit_derive(&mut self, adverb: Adverb, span: Span) {
        let operand = match self.last_op() {
            Some(Op::Constant(index)) => self.constants.get(index as usize).cloned(),
            Some(Op::Int(int)) => Some(Value::Int(i64::from(int))),
            _ => None,
        };
        match operand {
            None => self.emit(Op::Derive(adverb), span),
            Some(operand) => {
                let derived = Value::function(Function::Derived(Derived { adverb, operand }));
                let index = self.add_constant(derived);
                self.replace_last(Op::Constant(index), span);
            }
        }
    }

    /// Returns the value on the stack; a call just before becomes a tail call.
    pub(super) fn emit_return(&mut self, span: Span) {
        let is_lambda = matches!(self.kind, CodeKind::Explicit | CodeKind::Implicit);
        let last = self.ops.len().wrapping_sub(1);
        match self.last_op() {
            Some(Op::Call(count)) if is_lambda => self.ops[last] = Op::TailCall(count),
            Some(Op::OwnCall(count)) if is_lambda => self.ops[last] = Op::OwnTail(count),
            _ => {}
        }
        // Tail calls of what is no lambda come back here.
        self.emit(Op::Return, span);
    }

    pub(super) fn emit_closure(
        &mut self,
        code: Rc<crate::code::Code>,
        captures: Vec<Capturing>,
        span: Span,
    ) {
        for capturing in &captures {
            if let Capturing::Slot(slot) = capturing {
                if self.flow.surely.contains(*slot) {
                    self.shared.insert(*slot);
                } else {
                    self.make_cell(*slot);
                }
            }
        }
        let index = self.prototypes.len() as u32;
        self.prototypes.push(Prototype { code, captures });
        self.emit(Op::Closure(index), span);
    }

    fn here(&mut self) -> usize {
        self.barrier = self.ops.len();
        self.barrier
    }

    fn patch(&mut self, at: usize, target: usize) {
        let target = target as u32;
        if let Some(Op::Jump(to) | Op::JumpFalse(to)) = self.ops.get_mut(at) {
            *to = target;
        }
    }

    pub(super) fn cond_test(&mut self, span: Span) {
        let at = self.ops.len();
        self.emit(Op::JumpFalse(0), span);
        let flow = self.flow.clone();
        if let Some(cond) = self.conds.last_mut() {
            cond.skip = Some(at);
            cond.before = flow;
        }
    }

    /// Ends a branch that goes on after the conditional.
    pub(super) fn cond_join(&mut self, span: Span) {
        let at = self.ops.len();
        self.emit(Op::Jump(0), span);
        let flow = std::mem::take(&mut self.flow);
        if let Some(cond) = self.conds.last_mut() {
            cond.ends.push(at);
            match &mut cond.merged {
                Some(merged) => merged.merge(&flow),
                None => cond.merged = Some(flow),
            }
        }
    }

    /// Goes on where the last condition was false.
    pub(super) fn cond_else(&mut self) {
        let here = self.here();
        let Some(cond) = self.conds.last_mut() else {
            return;
        };
        let skip = cond.skip.take();
        self.flow = std::mem::take(&mut cond.before);
        if let Some(skip) = skip {
            self.patch(skip, here);
        }
    }

    pub(super) fn cond_end(&mut self) {
        let here = self.here();
        let Some(cond) = self.conds.pop() else {
            return;
        };
        for end in cond.ends {
            self.patch(end, here);
        }
        if let Some(merged) = cond.merged {
            self.flow.merge(&merged);
        }
    }
}

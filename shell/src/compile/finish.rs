//! Finishing a unit: cells take the place of slots where they are needed, common sequences become
//! one operation, and the last reading of a slot moves its value.

use super::unit::{Slots, Unit};
use crate::code::{
    Capturing, CellBegin, CellSpec, Code, CodeKind, LAST, Op, Outer, Place, SLOTS_MAX,
};
use crate::error::{Class, Error, Source, Span};
use crate::value::{Function, Value};
use crate::verb::Verb;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The most operations of one lambda or program.
const OPS_MAX: usize = 1 << 28;

/// Makes code of a unit.
pub(super) fn finish(mut unit: Unit, source: &Rc<Source>) -> Result<Code, Error> {
    if unit.slots.len() > SLOTS_MAX || unit.captured.len() > SLOTS_MAX {
        let text = format!("a lambda with {} names of its own", unit.slots.len());
        return Err(Error::new(Class::Limit, text).at(source, unit.span));
    }
    if unit.ops.len() > OPS_MAX {
        return Err(Error::new(Class::Limit, "a program that is too long").at(source, unit.span));
    }
    let cells = use_cells(&mut unit);
    let (mut ops, spans) = fuse(&unit.ops, &unit.spans);
    if !evaluates_text(&unit) {
        mark_last_reads(&unit, &mut ops);
    }
    let calls_nothing = !ops.iter().any(|op| calls(*op));
    Ok(Code {
        kind: unit.kind,
        calls_nothing,
        ops,
        spans,
        constants: unit.constants,
        prototypes: unit.prototypes,
        views: unit.views,
        holes: unit.holes,
        trains: unit.trains,
        targets: unit.targets,
        cells,
        slots: unit.slots,
        captured: unit.captured,
        parameters: unit.parameters,
        missing: unit.missing,
        source: Rc::clone(source),
        span: unit.span,
        body: unit.text,
        given: Rc::from([]),
    })
}

/// Rewrites the operations on slots that turned out to be cells.
fn use_cells(unit: &mut Unit) -> Vec<CellSpec> {
    let mut cell_of: HashMap<u16, u16> = HashMap::new();
    let mut cells = Vec::new();
    for slot in 0..unit.slots.len() as u16 {
        if unit.cells.contains(slot) {
            cell_of.insert(slot, cells.len() as u16);
            let begins = match slot < u16::from(unit.parameters) {
                true => CellBegin::Parameter,
                false => CellBegin::Unset,
            };
            let outer = unit.outer_of(slot).unwrap_or(Outer::Global(0));
            cells.push(CellSpec {
                slot,
                begins,
                outer,
            });
        }
    }
    if cells.is_empty() {
        return cells;
    }
    for op in &mut unit.ops {
        let rewritten = match *op {
            Op::Local(slot) => cell_of.get(&slot).map(|cell| Op::Cell(*cell)),
            Op::Set(slot) => cell_of.get(&slot).map(|cell| Op::CellSet(*cell)),
            Op::Put(slot) => cell_of.get(&slot).map(|cell| Op::CellPut(*cell)),
            _ => None,
        };
        if let Some(rewritten) = rewritten {
            *op = rewritten;
        }
    }
    for target in &mut unit.targets {
        if let Place::Slot(slot) = target.place
            && let Some(cell) = cell_of.get(&slot)
        {
            target.place = Place::Cell(*cell);
        }
    }
    for prototype in &mut unit.prototypes {
        for capturing in &mut prototype.captures {
            if let Capturing::Slot(slot) = *capturing
                && let Some(cell) = cell_of.get(&slot)
            {
                *capturing = Capturing::Cell(*cell);
            }
        }
    }
    cells
}

/// Text that is evaluated may read any local at any time.
fn evaluates_text(unit: &Unit) -> bool {
    let is_dot = |value: &Value| match value {
        Value::Function(function) => matches!(
            **function,
            Function::Verb(Verb::Dot) | Function::Monad(Verb::Dot)
        ),
        _ => false,
    };
    unit.kind == CodeKind::Program
        || unit.ops.contains(&Op::Monad(Verb::Dot))
        || unit.constants.iter().any(is_dot)
}

fn calls(op: Op) -> bool {
    matches!(
        op,
        Op::Call(_) | Op::TailCall(_) | Op::OwnCall(_) | Op::OwnTail(_) | Op::CallVerb { .. }
    )
}

fn jump_target(op: Op) -> Option<u32> {
    match op {
        Op::Jump(to) | Op::JumpFalse(to) => Some(to),
        _ => None,
    }
}

/// Makes one operation of those that load the operands of a verb and apply it.
fn fuse(ops: &[Op], spans: &[Span]) -> (Vec<Op>, Vec<Span>) {
    let targets: HashSet<u32> = ops.iter().filter_map(|op| jump_target(*op)).collect();
    let mut fused = Vec::with_capacity(ops.len());
    let mut places = Vec::with_capacity(ops.len());
    let mut moved = Vec::with_capacity(ops.len() + 1);
    let mut at = 0;
    while at < ops.len() {
        let jumped_into = (at + 1..at + 3).any(|inner| targets.contains(&(inner as u32)));
        let three = match ops.get(at..at + 3) {
            Some(three) if !jumped_into => fuse_three(three[0], three[1], three[2]),
            _ => None,
        };
        let (op, count) = match three {
            Some(Op::LocalInt { verb, slot, int })
                if matches!(ops.get(at + 3), Some(Op::JumpFalse(_))) =>
            {
                (Op::TestInt { verb, slot, int }, 3)
            }
            Some(op) => (op, 3),
            None => (ops[at], 1),
        };
        moved.extend(std::iter::repeat_n(fused.len() as u32, count));
        fused.push(op);
        places.push(spans.get(at + count - 1).copied().unwrap_or_default());
        at += count;
    }
    moved.push(fused.len() as u32);
    for op in &mut fused {
        if let Op::Jump(to) | Op::JumpFalse(to) = op {
            *to = moved.get(*to as usize).copied().unwrap_or(*to);
        }
    }
    (fused, places)
}

fn fuse_three(right: Op, left: Op, apply: Op) -> Option<Op> {
    let Op::Dyad(verb) = apply else {
        return None;
    };
    if matches!(verb, Verb::At | Verb::Dot) {
        return None;
    }
    match (right, left) {
        (Op::Int(int), Op::Local(slot)) => Some(Op::LocalInt { verb, slot, int }),
        // Equality is the same either way round, and may be tested by a jump.
        (Op::Local(slot), Op::Int(int)) if verb == Verb::Equal => {
            Some(Op::LocalInt { verb, slot, int })
        }
        (Op::Local(slot), Op::Int(int)) => Some(Op::IntLocal { verb, slot, int }),
        (Op::Local(right), Op::Local(left)) => Some(Op::LocalLocal { verb, left, right }),
        _ => None,
    }
}

/// Walks backwards and marks each reading of a slot after which no other follows.
fn mark_last_reads(unit: &Unit, ops: &mut [Op]) {
    let mut live = Slots::default();
    let targets: HashSet<u32> = ops.iter().filter_map(|op| jump_target(*op)).collect();
    let mut live_at: HashMap<u32, Slots> = HashMap::new();
    for at in (0..ops.len()).rev() {
        match &mut ops[at] {
            Op::Return => live = Slots::default(),
            Op::Jump(to) => live = live_at.get(to).cloned().unwrap_or_default(),
            Op::JumpFalse(to) => {
                if let Some(other) = live_at.get(to) {
                    live.union(other);
                }
            }
            Op::Put(slot) | Op::Set(slot) => live.remove(*slot),
            Op::LocalInt { slot, .. } | Op::IntLocal { slot, .. } | Op::TestInt { slot, .. } => {
                mark(slot, &mut live);
            }
            Op::LocalLocal { left, right, .. } => {
                // The left operand is taken first, so of two readings of one slot it is kept.
                if left == right {
                    live.insert(*left);
                } else {
                    mark(left, &mut live);
                    mark(right, &mut live);
                }
            }
            Op::Closure(index) => {
                let prototype = unit.prototypes.get(*index as usize);
                for capturing in prototype.iter().flat_map(|prototype| &prototype.captures) {
                    if let Capturing::Slot(slot) = capturing {
                        live.insert(*slot);
                    }
                }
            }
            Op::Update(index) | Op::Amend(index) => {
                if let Some(target) = unit.targets.get(*index as usize)
                    && let Place::Slot(slot) = target.place
                {
                    live.insert(slot);
                }
            }
            op @ Op::Local(_) => {
                if let Op::Local(slot) = *op {
                    if !live.contains(slot) {
                        *op = Op::Move(slot);
                    }
                    live.insert(slot);
                }
            }
            _ => {}
        }
        if targets.contains(&(at as u32)) {
            live_at.insert(at as u32, live.clone());
        }
    }
}

fn mark(slot: &mut u16, live: &mut Slots) {
    let plain = *slot;
    if !live.contains(plain) {
        *slot |= LAST;
    }
    live.insert(plain);
}

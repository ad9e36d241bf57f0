//! Which value a name means at the point where it stands.
//!
//! A name is the lambda's own local where that is set; otherwise the nearest lambda around that
//! has a local of the name, whose value is captured; otherwise a global.

use super::{Compiler, Task};
use crate::ast::{Node, NodeId, Scope};
use crate::code::{Capturing, CodeKind, Index, Op, Outer, Place, Reading, Target};
use crate::error::{Error, Span};
use crate::symbol::Symbol;
use crate::verb::Verb;

/// What a name stands for when it is read.
enum Meaning {
    Slot(u16),
    Outer(Outer),
    Own,
}

impl Compiler<'_> {
    /// True when a name is the lambda that it stands in.
    pub(super) fn is_own(&mut self, name: Symbol) -> bool {
        let unit = self.unit();
        let in_lambda = matches!(unit.kind, CodeKind::Explicit | CodeKind::Implicit);
        in_lambda && name.bytes() == b"o" && unit.slot(name).is_none()
    }

    fn meaning(&mut self, name: Symbol) -> Meaning {
        if self.is_own(name) {
            return Meaning::Own;
        }
        let unit = self.unit();
        let Some(slot) = unit.slot(name) else {
            return Meaning::Outer(self.outer(name));
        };
        if unit.flow.surely.contains(slot) {
            return Meaning::Slot(slot);
        }
        if !unit.flow.maybe.contains(slot) {
            return Meaning::Outer(self.outer(name));
        }
        unit.make_cell(slot);
        Meaning::Slot(slot)
    }

    /// What a name means around the innermost unit.
    pub(super) fn outer(&mut self, name: Symbol) -> Outer {
        let inner = self.units.len().saturating_sub(1);
        // The nearest unit around that owns the name or captured it already.
        let mut found = None;
        for index in (0..=inner).rev() {
            let Some(unit) = self.units.get(index) else {
                continue;
            };
            if let Some(captured) = unit.captured_index(name) {
                if index == inner {
                    return Outer::Captured(captured);
                }
                // A local of that unit hides what it captured under the same name.
                if unit.slot(name).is_none() {
                    found = Some((index, Capturing::Captured(captured)));
                    break;
                }
            }
            if index < inner
                && let Some(slot) = unit.slot(name)
            {
                found = Some((index, Capturing::Slot(slot)));
                break;
            }
        }
        let Some((owner, mut from)) = found else {
            let global = self.env.number(name);
            self.unit().reads([global]);
            return Outer::Global(global);
        };
        let mut captured = 0;
        for unit in self.units.iter_mut().skip(owner + 1) {
            captured = unit.capture(name, from);
            from = Capturing::Captured(captured);
        }
        Outer::Captured(captured)
    }

    pub(super) fn load(&mut self, name: Symbol, span: Span) {
        let op = match self.meaning(name) {
            Meaning::Slot(slot) => Op::Local(slot),
            Meaning::Outer(Outer::Captured(index)) => Op::Captured(index),
            Meaning::Outer(Outer::Global(global)) => Op::Global(global),
            Meaning::Own => Op::Own,
        };
        self.unit().emit(op, span);
    }

    pub(super) fn store(&mut self, name: Symbol, scope: Scope, span: Span) -> Result<(), Error> {
        let op = match self.place(name, scope) {
            Place::Slot(slot) => {
                self.unit().assigned(slot);
                Op::Set(slot)
            }
            Place::Cell(cell) => Op::CellSet(cell),
            Place::Global(global) => Op::GlobalSet(global),
        };
        self.unit().emit(op, span);
        Ok(())
    }

    fn place(&mut self, name: Symbol, scope: Scope) -> Place {
        match (scope, self.unit().slot(name)) {
            (Scope::Near, Some(slot)) => Place::Slot(slot),
            _ => Place::Global(self.env.number(name)),
        }
    }

    /// Where an assignment through a verb or at indices reads the old value.
    fn reading(&mut self, name: Symbol, place: Place) -> Reading {
        match (place, self.meaning(name)) {
            (Place::Slot(_), Meaning::Outer(outer)) => Reading::Outer(outer),
            _ => Reading::Same,
        }
    }

    pub(super) fn update(
        &mut self,
        name: Symbol,
        scope: Scope,
        verb: Verb,
        span: Span,
    ) -> Result<(), Error> {
        self.target(name, scope, Some(verb), Vec::new(), span, Op::Update);
        Ok(())
    }

    pub(super) fn amend(&mut self, node: NodeId, span: Span) -> Result<(), Error> {
        if let Node::Amend {
            name,
            scope,
            indices,
            verb,
            ..
        } = self.ast.node(node)
        {
            let given = indices.iter().map(|index| match index {
                Some(_) => Index::Given,
                None => Index::Elided,
            });
            let given = given.collect();
            self.target(*name, *scope, *verb, given, span, Op::Amend);
        }
        Ok(())
    }

    fn target(
        &mut self,
        name: Symbol,
        scope: Scope,
        verb: Option<Verb>,
        indices: Vec<Index>,
        span: Span,
        op: impl Fn(u32) -> Op,
    ) {
        let place = self.place(name, scope);
        let read = self.reading(name, place);
        let unit = self.unit();
        if let Place::Slot(slot) = place {
            unit.assigned(slot);
        }
        let index = unit.targets.len() as u32;
        unit.targets.push(Target {
            place,
            read,
            verb,
            indices,
        });
        unit.emit(op(index), span);
    }

    /// Queues the written ones of some arguments, the first to run first.
    pub(super) fn queue_forward(&mut self, items: &[Option<NodeId>]) {
        self.tasks
            .extend(items.iter().rev().flatten().map(|node| Task::Value(*node)));
    }
}

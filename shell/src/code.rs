//! Code: the compact form that a lambda is compiled to, once.
//!
//! A lambda's operations are one flat vector; jumps only go forward, so that running it takes at
//! most as many steps as it has operations, and everything that can go on for long is a call.
//! Operations work on a stack of values; the arguments and locals of a call are the slots at its
//! base. Locals that a closure shares, or that may be read before they are set, live in cells.
//!
//! Invariants: a slot that is read was set before; every index in an operation is in range of
//! the table that it points into; the operation after the last is never reached.

use crate::error::{Source, Span};
use crate::symbol::Symbol;
use crate::value::{Adverb, Function, Value, bury};
use crate::verb::Verb;
use std::cell::RefCell;
use std::rc::Rc;

/// One operation. What it takes from the stack and what it leaves there is written
/// `before → after`, the top at the right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// `→ x`: a constant.
    Constant(u32),
    /// `→ x`: a small integer.
    Int(i32),
    /// `→ nil`
    Nil,
    /// `→ x`: a slot's value, which stays.
    Local(u16),
    /// `→ x`: a slot's value that is not read again.
    Move(u16),
    /// `x → x`: into a slot.
    Set(u16),
    /// `x →`: into a slot.
    Put(u16),
    /// `→ x`: a cell's value, or that of the scope around when it is unset.
    Cell(u16),
    /// `x → x`: into a cell.
    CellSet(u16),
    /// `x →`: into a cell.
    CellPut(u16),
    /// `→ x`: a captured value.
    Captured(u16),
    /// `→ x`: a global.
    Global(u32),
    /// `x → x`: into a global.
    GlobalSet(u32),
    /// `x →`: into a global.
    GlobalPut(u32),
    /// `→ f`: the lambda that runs.
    Own,
    /// `→ f`: a lambda with what it captures now.
    Closure(u32),
    /// `x →`
    Pop,
    /// `x → v x`
    Monad(Verb),
    /// `y x → x v y`: operands run right to left.
    Dyad(Verb),
    /// `x y → x v y`: bracket arguments run left to right.
    DyadForward(Verb),
    /// `→ x v i`
    LocalInt {
        /// The verb.
        verb: Verb,
        /// The slot of the left operand, and [`LAST`].
        slot: u16,
        /// The right operand.
        int: i32,
    },
    /// `→ i v x`
    IntLocal {
        /// The verb.
        verb: Verb,
        /// The slot of the right operand, and [`LAST`].
        slot: u16,
        /// The left operand.
        int: i32,
    },
    /// `→ x v i` when a jump follows, which is then taken or not right away.
    TestInt {
        /// The verb.
        verb: Verb,
        /// The slot of the left operand, and [`LAST`].
        slot: u16,
        /// The right operand.
        int: i32,
    },
    /// `→ x v y`
    LocalLocal {
        /// The verb.
        verb: Verb,
        /// The slot of the left operand, and [`LAST`].
        left: u16,
        /// The slot of the right operand, and [`LAST`].
        right: u16,
    },
    /// `x.. f → f[x..]` for that many arguments.
    Call(u8),
    /// The same as the last thing that the lambda does.
    TailCall(u8),
    /// `x.. → o[x..]`
    OwnCall(u8),
    /// The same as the last thing that the lambda does.
    OwnTail(u8),
    /// `y x → x y`: operands run right to left, but arguments lie left to right.
    Swap,
    /// `x.. f → f[x..]` with holes: an index into [`Code::holes`].
    CallElided(u32),
    /// `x.. → v[x..]` for three or four arguments of `@ . ?`.
    CallVerb {
        /// The verb.
        verb: Verb,
        /// The number of arguments.
        count: u8,
    },
    /// To that operation.
    Jump(u32),
    /// `x →`: to that operation when `x` is false.
    JumpFalse(u32),
    /// `.. b a → (a;b;..)`: a list whose last item ran first.
    List(u32),
    /// `a b .. → (a;b;..)`
    ListForward(u32),
    /// `a b .. → [k:a;l:b;..]`: keys are a constant.
    Dict(u32),
    /// `.. b a → table`: names are a constant.
    Table(u32),
    /// `f → f'`
    Derive(Adverb),
    /// `.. → (..)`: a train of as many parts as [`Code::trains`] has at that index.
    Train(u32),
    /// `y → n v y`, and so into the target: an index into [`Code::targets`].
    Update(u32),
    /// `v .. i → v`: an assignment at indices: an index into [`Code::targets`].
    Amend(u32),
    /// `→ nil`: a view: an index into [`Code::views`].
    View(u32),
    /// `x →`: the value of the call.
    Return,
}

const _: () = assert!(size_of::<Op>() <= 8);

/// Added to the number of a slot that is not read again, so that its value may be changed in place.
pub const LAST: u16 = 1 << 15;

/// The most slots of a lambda.
pub const SLOTS_MAX: usize = LAST as usize;

/// A place that an assignment changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// A slot.
    Slot(u16),
    /// A cell.
    Cell(u16),
    /// A global.
    Global(u32),
}

/// Where a value is read that is not the lambda's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outer {
    /// A captured value.
    Captured(u16),
    /// A global.
    Global(u32),
}

/// Where a closure finds one of the values that it captures, in the lambda that makes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Capturing {
    /// The value of a slot, which doesn't change any more.
    Slot(u16),
    /// A cell, shared.
    Cell(u16),
    /// What the making lambda captured itself.
    Captured(u16),
}

/// An assignment to part of a place, or through a verb.
#[derive(Clone, Debug)]
pub struct Target {
    /// What changes.
    pub place: Place,
    /// Where the value comes from when the place is a local without one yet.
    pub read: Reading,
    /// The verb of `a+:1`, `a[i]+:1`.
    pub verb: Option<Verb>,
    /// The indices of `a[i;j]:1`: true where one is written, false where it is elided.
    pub indices: Vec<Index>,
}

/// An index that is written or elided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// On the stack.
    Given,
    /// All of the axis.
    Elided,
}

/// Where an assignment through a verb reads the old value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// At the place itself.
    Same,
    /// In the scope around.
    Outer(Outer),
}

/// A part of a train, as it lies on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A verb with the noun before it as its left operand.
    Dyad,
    /// A verb of one argument, or the last verb, which takes what the train gets.
    Verb,
    /// A left operand.
    Left,
    /// A noun that is applied to what follows.
    Apply,
}

/// A view: an expression that is evaluated when its name is read.
#[derive(Debug)]
pub struct View {
    /// The global that it defines.
    pub global: u32,
    /// The expression, without parameters.
    pub code: Rc<Code>,
    /// The globals that it reads.
    pub dependencies: Vec<u32>,
}

/// A lambda's prototype and where what it captures comes from.
#[derive(Debug)]
pub struct Prototype {
    /// The code.
    pub code: Rc<Code>,
    /// One for each captured value, in order.
    pub captures: Vec<Capturing>,
}

/// A cell of a lambda: a local that is shared, or read before it is surely set.
#[derive(Clone, Copy, Debug)]
pub struct CellSpec {
    /// The slot that the local would have.
    pub slot: u16,
    /// What it begins with.
    pub begins: CellBegin,
    /// Where it is read while it is unset.
    pub outer: Outer,
}

/// What a cell holds when its call begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellBegin {
    /// Nothing.
    Unset,
    /// The argument in its slot.
    Parameter,
}

/// What kind of program the code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// A whole source text.
    Program,
    /// A lambda whose parameters are written.
    Explicit,
    /// A lambda whose parameters are those of x, y and z that occur.
    Implicit,
    /// The expression of a view.
    View,
}

/// Compiled code.
#[derive(Debug)]
pub struct Code {
    /// What it is.
    pub kind: CodeKind,
    /// The operations; the last is a return.
    pub ops: Vec<Op>,
    /// For every operation the place that an error in it is about.
    pub spans: Vec<Span>,
    /// The pool of constants.
    pub constants: Vec<Value>,
    /// The lambdas that it makes closures of.
    pub prototypes: Vec<Prototype>,
    /// The views that it defines.
    pub views: Vec<View>,
    /// The arguments of calls with holes.
    pub holes: Vec<Vec<Index>>,
    /// The parts of trains.
    pub trains: Vec<Vec<Part>>,
    /// The targets of assignments.
    pub targets: Vec<Target>,
    /// The cells.
    pub cells: Vec<CellSpec>,
    /// The names of the slots: parameters, then locals.
    pub slots: Vec<Symbol>,
    /// The names of the captured values.
    pub captured: Vec<Symbol>,
    /// True when no operation calls anything.
    pub calls_nothing: bool,
    /// The number of parameters.
    pub parameters: u8,
    /// For a lambda without `x`: where a missing `y` or `z` is found; see [`Missing`].
    pub missing: Vec<Missing>,
    /// The source that it is part of.
    pub source: Rc<Source>,
    /// The lambda from brace to brace; the whole text of a program.
    pub span: Span,
    /// What stands between the braces after the parameters.
    pub body: Span,
    /// The names that the source could read beside globals when it was compiled: those of the lambda that
    /// evaluated it.
    pub given: Rc<[Symbol]>,
}

/// What a call does about a parameter of an implicit lambda that gets no argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Missing {
    /// The call is a projection.
    Project,
    /// The parameter doesn't occur, so it is nil.
    Unused,
    /// The name's value around the lambda; without one the call is a projection.
    Outer(Outer),
}

/// A local that outlives its call or is read before it is surely set.
#[derive(Debug)]
pub struct Cell {
    /// The value, once it is set.
    pub value: RefCell<Option<Value>>,
    /// Where the value comes from until then.
    pub outer: CellOuter,
}

/// What an unset cell stands for.
#[derive(Clone, Debug)]
pub enum CellOuter {
    /// What the lambda captured under the same name.
    Captured(Capture),
    /// A global.
    Global(u32),
}

/// A captured value.
#[derive(Clone, Debug)]
pub enum Capture {
    /// A value that doesn't change any more.
    Value(Value),
    /// A cell, shared with the lambda that owns it.
    Cell(Rc<Cell>),
}

impl Drop for Cell {
    fn drop(&mut self) {
        let mut children: Vec<Value> = self.value.take().into_iter().collect();
        if let CellOuter::Captured(Capture::Value(value)) = &mut self.outer {
            children.push(std::mem::take(value));
        }
        bury(children);
    }
}

/// A lambda with what it captured.
#[derive(Clone, Debug)]
pub struct Lambda {
    code: Rc<Code>,
    captures: Vec<Capture>,
}

impl Drop for Lambda {
    fn drop(&mut self) {
        if self.captures.is_empty() {
            return;
        }
        let children = self
            .captures
            .iter_mut()
            .filter_map(|capture| match capture {
                Capture::Value(value) => Some(std::mem::take(value)),
                Capture::Cell(_) => None,
            });
        bury(children.collect());
    }
}

impl Lambda {
    /// A lambda of that code.
    pub fn new(code: Rc<Code>, captures: Vec<Capture>) -> Lambda {
        Lambda { code, captures }
    }

    /// The code.
    pub fn code(&self) -> &Rc<Code> {
        &self.code
    }

    /// The captured values.
    pub fn captures(&self) -> &[Capture] {
        &self.captures
    }

    /// True when both have the same text and captured the same.
    pub fn same(&self, other: &Lambda) -> bool {
        let same_code = Rc::ptr_eq(&self.code, &other.code)
            || (self.code.parameter_names() == other.code.parameter_names()
                && self.code.text() == other.code.text());
        same_code
            && self.captures.len() == other.captures.len()
            && self
                .captures
                .iter()
                .zip(&other.captures)
                .all(|(x, y)| same_capture(x, y))
    }

    /// The source with the parameters shown: `{[x;y]x+y}`. A number at its beginning keeps its sign:
    /// right after a bracket one would subtract.
    pub fn form(&self) -> String {
        let names = self.code.parameter_names();
        let body = self.code.text();
        if names.is_empty() && self.code.kind != CodeKind::Explicit {
            return format!("{{{body}}}");
        }
        let names: Vec<_> = names.iter().map(|name| name.text()).collect();
        let space = match self.code.kind {
            CodeKind::Implicit if body.starts_with(['-', '.']) => " ",
            _ => "",
        };
        format!("{{[{}]{space}{body}}}", names.join(";"))
    }
}

/// Functions among the captured values are compared by identity: they may hold each other.
fn same_capture(x: &Capture, y: &Capture) -> bool {
    match (x, y) {
        (Capture::Value(Value::Function(x)), Capture::Value(Value::Function(y))) => {
            Rc::ptr_eq(x, y)
        }
        (Capture::Value(x), Capture::Value(y)) if x.is_atom() || y.is_atom() => x == y,
        (Capture::Value(x), Capture::Value(y)) => !holds_functions(x) && x == y,
        (Capture::Cell(x), Capture::Cell(y)) => Rc::ptr_eq(x, y),
        _ => false,
    }
}

fn holds_functions(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().any(Value::nests),
        Value::Dict(_) | Value::Table(_) => true,
        _ => false,
    }
}

impl Code {
    /// The names of the parameters.
    pub fn parameter_names(&self) -> &[Symbol] {
        self.slots
            .get(..usize::from(self.parameters))
            .unwrap_or_default()
    }

    /// The body as it was written.
    pub fn text(&self) -> &str {
        self.source
            .text
            .get(self.body.start as usize..self.body.end as usize)
            .unwrap_or("")
    }

    /// The place that an error in that operation is about.
    pub fn span_at(&self, op: usize) -> Span {
        self.spans.get(op).copied().unwrap_or(self.span)
    }
}

/// The lambda in a function value, if it is one.
pub fn lambda_of(function: &Function) -> Option<&Lambda> {
    match function {
        Function::Lambda(lambda) => Some(lambda),
        _ => None,
    }
}

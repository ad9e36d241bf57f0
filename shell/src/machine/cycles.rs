//! Local functions that keep themselves alive.
//!
//! Values are shared by reference count, and nearly all of them form no circles. The exception is
//! a local function that calls itself or its neighbours by name: it captured the cell that it
//! lies in. When a call ends, its cells are looked at first; those that something else may still
//! hold are remembered, and when enough of them have gathered, the circles among them that nothing
//! outside holds any more are cut.

use super::Machine;
use crate::code::{Capture, Cell, CellOuter};
use crate::frame::Cells;
use crate::value::{Function, Value};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// So many remembered cells are always worth waiting for.
const SUSPECTS_MIN: usize = 256;

/// The cells that outlived their calls.
pub(crate) struct Suspects {
    cells: Vec<Weak<Cell>>,
    look_at: usize,
}

impl Suspects {
    /// Cells that may hold each other though no call has let go of them here.
    pub(crate) fn remember<'a>(&mut self, cells: impl Iterator<Item = &'a Rc<Cell>>) {
        self.cells.extend(cells.map(Rc::downgrade));
    }

    pub(super) fn new() -> Suspects {
        Suspects {
            cells: Vec::new(),
            look_at: SUSPECTS_MIN,
        }
    }
}

impl Machine {
    /// Lets go of a call's cells.
    #[cold]
    pub(super) fn release(&mut self, cells: Cells) {
        let Some(Ok(cells)) = cells.map(Rc::try_unwrap) else {
            return;
        };
        if are_alone(&cells) {
            clear(&cells);
            return;
        }
        let nests = |cell: &&Rc<Cell>| cell.value.borrow().as_ref().is_some_and(Value::nests);
        self.suspects
            .cells
            .extend(cells.iter().filter(nests).map(Rc::downgrade));
        drop(cells);
        if self.suspects.cells.len() > self.suspects.look_at {
            self.cut_circles();
        }
    }

    /// Cuts the circles among the remembered cells that nothing else holds.
    fn cut_circles(&mut self) {
        let cells = std::mem::take(&mut self.suspects.cells);
        let cells: Vec<Rc<Cell>> = cells.iter().filter_map(Weak::upgrade).collect();
        let graph = Graph::of(&cells);
        let live = graph.live();
        let (kept, unheld): (Vec<_>, Vec<_>) = cells
            .into_iter()
            .partition(|cell| graph.number(cell).is_none_or(|number| live[number]));
        drop(graph);
        clear(&unheld);
        self.suspects.cells = kept.iter().map(Rc::downgrade).collect();
        self.suspects.look_at = SUSPECTS_MIN.max(2 * kept.len());
    }
}

/// The ordinary case: every reference to each of these cells is the caller's, or is held by a
/// function that only lies in one of them.
fn are_alone(cells: &[Rc<Cell>]) -> bool {
    let mut known = vec![1usize; cells.len()];
    for cell in cells {
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
            if let Capture::Cell(captured) = capture
                && let Some(index) = cells.iter().position(|cell| Rc::ptr_eq(cell, captured))
            {
                known[index] += 1;
            }
        }
    }
    cells
        .iter()
        .zip(known)
        .all(|(cell, known)| Rc::strong_count(cell) == known)
}

/// Empties cells; what they held is dropped after all of them are empty.
fn clear(cells: &[Rc<Cell>]) {
    let values: Vec<Option<Value>> = cells.iter().map(|cell| cell.value.take()).collect();
    drop(values);
}

/// What cells hold, directly and through others: each shared thing once, with the references to
/// it that were met on the way.
#[derive(Default)]
struct Graph {
    numbers: HashMap<usize, usize>,
    things: Vec<Thing>,
    met: Vec<usize>,
    edges: Vec<Vec<usize>>,
}

/// Something that is shared by reference count. The graph holds one reference itself.
enum Thing {
    Cell(Rc<Cell>),
    Value(Value),
}

impl Thing {
    /// A number that tells it from all others, and the count of its references.
    fn identity(&self) -> Option<(usize, usize)> {
        fn of<T>(shared: &Rc<T>) -> Option<(usize, usize)> {
            Some((
                Rc::as_ptr(shared).cast::<u8>() as usize,
                Rc::strong_count(shared),
            ))
        }
        match self {
            Thing::Cell(cell) => of(cell),
            Thing::Value(Value::List(list)) => of(list),
            Thing::Value(Value::Dict(dict)) => of(dict),
            Thing::Value(Value::Table(table)) => of(table),
            Thing::Value(Value::Function(function)) => of(function),
            Thing::Value(_) => None,
        }
    }

    /// What it holds that may hold further things.
    fn children(&self) -> Vec<Thing> {
        let nested = |values: &[Value]| {
            let nested = values.iter().filter(|value| value.nests());
            nested
                .map(|value| Thing::Value(value.clone()))
                .collect::<Vec<Thing>>()
        };
        let of_capture = |capture: &Capture| match capture {
            Capture::Cell(cell) => Some(Thing::Cell(Rc::clone(cell))),
            Capture::Value(value) => value.nests().then(|| Thing::Value(value.clone())),
        };
        match self {
            Thing::Cell(cell) => {
                let value = cell.value.borrow().clone();
                let value = value.filter(Value::nests).map(Thing::Value);
                let outer = match &cell.outer {
                    CellOuter::Captured(capture) => of_capture(capture),
                    CellOuter::Global(_) => None,
                };
                value.into_iter().chain(outer).collect()
            }
            Thing::Value(Value::List(list)) => nested(list),
            Thing::Value(Value::Dict(dict)) => {
                nested(&[dict.keys().clone(), dict.values().clone()])
            }
            Thing::Value(Value::Table(table)) => nested(table.columns()),
            Thing::Value(Value::Function(function)) => match &**function {
                Function::Lambda(lambda) => {
                    lambda.captures().iter().filter_map(of_capture).collect()
                }
                Function::Projection(projection) => {
                    let mut children = nested(std::slice::from_ref(&projection.function));
                    for argument in projection.arguments.iter().flatten() {
                        children.extend(nested(std::slice::from_ref(argument)));
                    }
                    children
                }
                Function::Derived(derived) => nested(std::slice::from_ref(&derived.operand)),
                Function::Train(steps) => nested(steps),
                Function::Verb(_) | Function::Monad(_) | Function::Native(_) => Vec::new(),
            },
            Thing::Value(_) => Vec::new(),
        }
    }
}

impl Graph {
    fn of(cells: &[Rc<Cell>]) -> Graph {
        let mut graph = Graph::default();
        let mut todo = Vec::new();
        for cell in cells {
            // The caller's own reference counts as met.
            if let Some(number) = graph.meet(Thing::Cell(Rc::clone(cell)), &mut todo) {
                graph.met[number] += 1;
            }
        }
        while let Some(number) = todo.pop() {
            for child in graph.things[number].children() {
                if let Some(child) = graph.meet(child, &mut todo) {
                    graph.met[child] += 1;
                    graph.edges[number].push(child);
                }
            }
        }
        graph
    }

    /// The number of a thing, which is new or was met before.
    fn meet(&mut self, thing: Thing, todo: &mut Vec<usize>) -> Option<usize> {
        let (identity, _) = thing.identity()?;
        let next = self.things.len();
        let number = *self.numbers.entry(identity).or_insert(next);
        if number == next {
            self.things.push(thing);
            self.met.push(0);
            self.edges.push(Vec::new());
            todo.push(number);
        }
        Some(number)
    }

    fn number(&self, cell: &Rc<Cell>) -> Option<usize> {
        self.numbers
            .get(&(Rc::as_ptr(cell).cast::<u8>() as usize))
            .copied()
    }

    /// For each thing whether something outside holds it, directly or through others.
    fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.things.len()];
        let mut todo: Vec<usize> = Vec::new();
        for (number, thing) in self.things.iter().enumerate() {
            // One reference is the graph's own.
            if thing
                .identity()
                .is_some_and(|(_, references)| references > self.met[number] + 1)
            {
                todo.push(number);
            }
        }
        while let Some(number) = todo.pop() {
            if !std::mem::replace(&mut live[number], true) {
                todo.extend(self.edges[number].iter().copied());
            }
        }
        live
    }
}

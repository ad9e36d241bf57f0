//! Writing: objects in an order in which each comes after what it refers to.

use super::bytes::Output;
use super::codes::sum_of;
use super::objects::{Node, form, tag};
use super::{STATE_VERSION, StateError};
use crate::code::{Capture, Cell, CellOuter, Code, CodeKind};
use crate::env::Env;
use crate::error::{Source, Span};
use crate::symbol::Symbol;
use crate::value::{Adverb, Function, Temporal, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// The first bytes of a state.
pub(super) const MAGIC: &[u8; 4] = b"OKST";

/// What has been met so far, and the bytes of it.
pub(super) struct Saver<'a> {
    pub(super) env: &'a Env,
    symbols: HashMap<Symbol, usize>,
    symbol_texts: Output,
    sources: HashMap<*const Source, usize>,
    source_texts: Output,
    codes: HashMap<*const Code, usize>,
    code_places: Output,
    numbers: HashMap<usize, usize>,
    objects: Output,
    /// Nodes stay alive until the end, so that no identity is used twice.
    kept: Vec<Node>,
    cells: Vec<Rc<Cell>>,
    /// The globals and the machine.
    pub(super) body: Output,
}

impl<'a> Saver<'a> {
    pub(super) fn new(env: &'a Env) -> Saver<'a> {
        Saver {
            env,
            symbols: HashMap::new(),
            symbol_texts: Output::default(),
            sources: HashMap::new(),
            source_texts: Output::default(),
            codes: HashMap::new(),
            code_places: Output::default(),
            numbers: HashMap::new(),
            objects: Output::default(),
            kept: Vec::new(),
            cells: Vec::new(),
            body: Output::default(),
        }
    }

    /// The number of a symbol in the state.
    pub(super) fn symbol(&mut self, symbol: Symbol) -> usize {
        let next = self.symbols.len();
        let number = *self.symbols.entry(symbol).or_insert(next);
        if number == next {
            self.symbol_texts.text(symbol.bytes());
        }
        number
    }

    /// The number of a source in the state.
    pub(super) fn source(&mut self, source: &Rc<Source>, given: &[Symbol]) -> usize {
        let next = self.sources.len();
        let number = *self.sources.entry(Rc::as_ptr(source)).or_insert(next);
        if number == next {
            let given: Vec<usize> = given.iter().map(|name| self.symbol(*name)).collect();
            let texts = &mut self.source_texts;
            texts.text(source.origin.as_bytes());
            texts.count(source.line_first as usize);
            texts.text(source.text.as_bytes());
            texts.count(given.len());
            given.into_iter().for_each(|name| texts.count(name));
        }
        number
    }

    /// The number of code in the state.
    pub(super) fn code(&mut self, code: &Rc<Code>) -> usize {
        let next = self.codes.len();
        let number = *self.codes.entry(Rc::as_ptr(code)).or_insert(next);
        if number == next {
            let source = self.source(&code.source, &code.given);
            let places = &mut self.code_places;
            places.count(source);
            places.byte(kind_number(code.kind));
            for span in [code.span, code.body] {
                put_span(places, span);
            }
            places.word(sum_of(code));
        }
        number
    }

    /// Writes a value into the body.
    pub(super) fn value(&mut self, value: &Value) {
        self.reach(Node::Value(value.clone()));
        let mut body = std::mem::take(&mut self.body);
        self.put(&mut body, value);
        self.body = body;
    }

    /// Writes a cell's number into the body.
    pub(super) fn cell(&mut self, cell: &Rc<Cell>) {
        let node = Node::Cell(Rc::clone(cell));
        let identity = node.identity();
        self.reach(node);
        let number = identity.and_then(|identity| self.numbers.get(&identity));
        self.body.count(number.copied().unwrap_or_default());
    }

    /// Writes a value whose objects have been written.
    fn put(&mut self, out: &mut Output, value: &Value) {
        match value {
            Value::Nil => out.byte(tag::NIL),
            Value::Int(int) => {
                out.byte(tag::INT);
                out.word(*int as u64);
            }
            Value::Float(float) => {
                out.byte(tag::FLOAT);
                out.word(float.to_bits());
            }
            Value::Temporal(kind, count) => {
                out.byte(tag::TEMPORAL);
                out.byte(temporal_number(*kind));
                out.word(*count as u64);
            }
            Value::Char(byte) => {
                out.byte(tag::CHAR);
                out.byte(*byte);
            }
            Value::Symbol(symbol) => {
                out.byte(tag::SYMBOL);
                out.count(self.symbol(*symbol));
            }
            shared => {
                out.byte(tag::OBJECT);
                self.put_node(out, &Node::Value(shared.clone()));
            }
        }
    }

    fn put_node(&mut self, out: &mut Output, node: &Node) {
        let number = node.identity().and_then(|known| self.numbers.get(&known));
        out.count(number.copied().unwrap_or_default());
    }

    fn put_all(&mut self, out: &mut Output, values: &[Value]) {
        out.count(values.len());
        values.iter().for_each(|value| self.put(out, value));
    }

    fn put_capture(&mut self, out: &mut Output, capture: &Capture) {
        match capture {
            Capture::Value(value) => {
                out.byte(0);
                self.put(out, value);
            }
            Capture::Cell(cell) => {
                out.byte(1);
                self.put_node(out, &Node::Cell(Rc::clone(cell)));
            }
        }
    }

    /// Writes a node and everything that it refers to, unless that has been done.
    fn reach(&mut self, node: Node) {
        let mut todo = vec![(node, false)];
        while let Some((node, entered)) = todo.pop() {
            let Some(identity) = node.identity() else {
                continue;
            };
            if self.numbers.contains_key(&identity) {
                continue;
            }
            if entered {
                let number = self.numbers.len();
                let mut objects = std::mem::take(&mut self.objects);
                self.put_object(&mut objects, &node);
                self.objects = objects;
                self.numbers.insert(identity, number);
                self.kept.push(node);
                continue;
            }
            todo.push((node.clone(), true));
            node.children(&mut |child| {
                if child
                    .identity()
                    .is_some_and(|known| !self.numbers.contains_key(&known))
                {
                    todo.push((child, false));
                }
            });
        }
    }

    fn put_object(&mut self, out: &mut Output, node: &Node) {
        let value = match node {
            Node::Cell(cell) => {
                out.byte(form::CELL);
                self.cells.push(Rc::clone(cell));
                match &cell.outer {
                    CellOuter::Captured(capture) => self.put_capture(out, capture),
                    CellOuter::Global(global) => {
                        out.byte(2);
                        out.count(self.symbol(self.env.name(*global)));
                    }
                }
                return;
            }
            Node::Value(value) => value,
        };
        match value {
            Value::Ints(items) => {
                out.byte(form::INTS);
                out.words(items.iter().map(|int| *int as u64));
            }
            Value::Floats(items) => {
                out.byte(form::FLOATS);
                out.words(items.iter().map(|float| float.to_bits()));
            }
            Value::Temporals(kind, items) => {
                out.byte(form::TEMPORALS);
                out.byte(temporal_number(*kind));
                out.words(items.iter().map(|count| *count as u64));
            }
            Value::Chars(text) => {
                out.byte(form::CHARS);
                out.text(text);
            }
            Value::Symbols(symbols) => {
                out.byte(form::SYMBOLS);
                out.count(symbols.len());
                for symbol in symbols.iter() {
                    out.count(self.symbol(*symbol));
                }
            }
            Value::List(list) => {
                out.byte(form::LIST);
                self.put_all(out, list);
            }
            Value::Dict(dict) => {
                out.byte(form::DICT);
                self.put(out, dict.keys());
                self.put(out, dict.values());
            }
            Value::Table(table) => {
                out.byte(form::TABLE);
                self.put(out, &Value::Symbols(Rc::clone(table.names())));
                self.put_all(out, table.columns());
            }
            Value::Function(function) => self.put_function(out, function),
            // Atoms are no objects.
            _ => {}
        }
    }

    fn put_function(&mut self, out: &mut Output, function: &Function) {
        match function {
            Function::Lambda(lambda) => {
                out.byte(form::LAMBDA);
                out.count(self.code(lambda.code()));
                out.count(lambda.captures().len());
                for capture in lambda.captures() {
                    self.put_capture(out, capture);
                }
            }
            Function::Verb(verb) => {
                out.byte(form::VERB);
                out.count(self.symbol(Symbol::new(verb.glyph())));
            }
            Function::Monad(verb) => {
                out.byte(form::MONAD);
                out.count(self.symbol(Symbol::new(verb.glyph())));
            }
            Function::Native(name) => {
                out.byte(form::NATIVE);
                out.count(self.symbol(*name));
            }
            Function::Projection(projection) => {
                out.byte(form::PROJECTION);
                self.put(out, &projection.function);
                out.count(projection.arguments.len());
                for argument in &projection.arguments {
                    out.byte(u8::from(argument.is_some()));
                    if let Some(argument) = argument {
                        self.put(out, argument);
                    }
                }
            }
            Function::Derived(derived) => {
                out.byte(form::DERIVED);
                out.byte(adverb_number(derived.adverb));
                self.put(out, &derived.operand);
            }
            Function::Train(steps) => {
                out.byte(form::TRAIN);
                self.put_all(out, steps);
            }
        }
    }

    /// The whole state.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, StateError> {
        // What a cell holds may lead to further cells.
        let mut contents = Output::default();
        let mut done = 0;
        while let Some(cell) = self.cells.get(done).cloned() {
            done += 1;
            let held = cell.value.borrow().clone();
            contents.byte(u8::from(held.is_some()));
            if let Some(held) = held {
                self.reach(Node::Value(held.clone()));
                self.put(&mut contents, &held);
            }
        }
        let mut whole = Output::default();
        whole.raw(MAGIC);
        whole.raw(&STATE_VERSION.to_le_bytes());
        let sections = [
            (self.symbols.len(), self.symbol_texts),
            (self.sources.len(), self.source_texts),
            (self.codes.len(), self.code_places),
            (self.numbers.len(), self.objects),
            (done, contents),
        ];
        for (count, section) in sections {
            whole.count(count);
            whole.raw(&section.finish()?);
        }
        whole.raw(&self.body.finish()?);
        whole.finish()
    }
}

pub(super) fn put_span(out: &mut Output, span: Span) {
    out.count(span.start as usize);
    out.count(span.end as usize);
}

/// The kinds of code in the order of their numbers.
pub(super) const KINDS: [CodeKind; 4] = [
    CodeKind::Program,
    CodeKind::Explicit,
    CodeKind::Implicit,
    CodeKind::View,
];

/// The adverbs in the order of their numbers.
pub(super) const ADVERBS: [Adverb; 6] = [
    Adverb::Each,
    Adverb::Over,
    Adverb::Scan,
    Adverb::Prior,
    Adverb::EachRight,
    Adverb::EachLeft,
];

/// The kinds of times in the order of their numbers.
pub(super) const TEMPORALS: [Temporal; 3] = [Temporal::Date, Temporal::Timestamp, Temporal::Span];

fn number_in<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|known| known == one).unwrap_or(0) as u8
}

fn kind_number(kind: CodeKind) -> u8 {
    number_in(&KINDS, &kind)
}

fn adverb_number(adverb: Adverb) -> u8 {
    number_in(&ADVERBS, &adverb)
}

fn temporal_number(kind: Temporal) -> u8 {
    number_in(&TEMPORALS, &kind)
}

//! From the syntax tree to code.
//!
//! The tree is walked with a list of tasks instead of recursion. A lambda inside another is a
//! unit of its own, begun when the walk meets it and finished when its body is done. Because code
//! only jumps forward, the order in which operations are emitted is the order in which they run;
//! so a unit knows at each point which locals are surely set, and decides from that which of them
//! need a cell. Reading order: the walk, what is emitted for each node, how names are resolved,
//! and how a unit is finished.

mod emit;
mod finish;
mod names;
mod unit;

pub use crate::code::Lambda;

use crate::ast::{Ast, Body, Ending, Header, NodeId, Scope};
use crate::code::{Code, CodeKind, Missing, Op, View};
use crate::env::Env;
use crate::error::{Error, Source, Span};
use crate::parser::{IMPLIED, parse};
use crate::symbol::Symbol;
use crate::value::{Adverb, Function, Value};
use crate::verb::Verb;
use std::rc::Rc;
use unit::{CondState, Unit};

/// Parses and compiles a whole source text.
///
/// # Errors
/// `parse`, or `limit` for code that is too large.
pub fn compile(source: &Rc<Source>, env: &mut Env) -> Result<Rc<Code>, Error> {
    compile_within(source, env, &[])
}

/// The same for text that a lambda evaluates: the names are the lambda's own, in the order in
/// which the caller captures them.
///
/// # Errors
/// As for [`compile`].
pub fn compile_within(
    source: &Rc<Source>,
    env: &mut Env,
    captured: &[Symbol],
) -> Result<Rc<Code>, Error> {
    let ast = parse(source)?;
    let mut compiler = Compiler {
        ast: &ast,
        env,
        units: Vec::new(),
        tasks: Vec::new(),
        done: None,
        given: captured.into(),
    };
    let span = Span::new(0, source.text.len());
    let mut program = Unit::new(CodeKind::Program, span, span);
    for name in captured {
        program.capture_given(*name);
    }
    compiler.units.push(program);
    compiler.body(&ast.body, span);
    compiler.tasks.insert(0, Task::EndProgram);
    compiler.run()?;
    match compiler.done {
        Some(code) => Ok(code),
        None => Err(Error::new(crate::error::Class::Parse, "nothing to run")),
    }
}

/// What is left to do, the next task last.
enum Task {
    /// Leave a node's value on the stack.
    Value(NodeId),
    /// Return a node's value.
    Tail(NodeId),
    /// Run a node and drop its value.
    Statement(NodeId),
    /// Emit an operation.
    Op(Op, Span),
    /// Return the value on the stack.
    Return(Span),
    /// Drop the value on the stack.
    Pop(Span),
    /// Apply an adverb to what was emitted last.
    Derive(Adverb, Span),
    /// Assign the value on the stack.
    Store(Symbol, Scope, Span),
    /// Assign through a verb.
    Update(Symbol, Scope, Verb, Span),
    /// Assign at the indices on the stack.
    Amend(NodeId, Span),
    /// A condition was emitted.
    CondTest(Span),
    /// A branch was emitted.
    CondBranch {
        node: NodeId,
        next: usize,
        tail: Tail,
    },
    /// All branches were emitted.
    CondEnd,
    /// A lambda's body was emitted.
    EndLambda(Span),
    /// A view's expression was emitted.
    EndView(Symbol, Span),
    /// The program was emitted.
    EndProgram,
}

/// Whether a value is what the lambda returns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Yes,
    No,
}

struct Compiler<'a> {
    ast: &'a Ast,
    env: &'a mut Env,
    units: Vec<Unit>,
    tasks: Vec<Task>,
    done: Option<Rc<Code>>,
    given: Rc<[Symbol]>,
}

impl Compiler<'_> {
    fn run(&mut self) -> Result<(), Error> {
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Value(node) => self.value(node)?,
                Task::Tail(node) => self.tail(node)?,
                Task::Statement(node) => {
                    self.tasks.push(Task::Pop(self.ast.span(node)));
                    self.tasks.push(Task::Value(node));
                }
                Task::Op(op, span) => self.unit().emit(op, span),
                Task::Return(span) => self.unit().emit_return(span),
                Task::Pop(span) => self.unit().emit_pop(span),
                Task::Derive(adverb, span) => self.unit().emit_derive(adverb, span),
                Task::Store(name, scope, span) => self.store(name, scope, span)?,
                Task::Update(name, scope, verb, span) => self.update(name, scope, verb, span)?,
                Task::Amend(node, span) => self.amend(node, span)?,
                Task::CondTest(span) => self.unit().cond_test(span),
                Task::CondBranch { node, next, tail } => self.cond_next(node, next, tail),
                Task::CondEnd => self.unit().cond_end(),
                Task::EndLambda(span) => self.end_lambda(span)?,
                Task::EndView(name, span) => self.end_view(name, span)?,
                Task::EndProgram => {
                    let code = self.finish()?;
                    self.done = Some(code);
                }
            }
        }
        Ok(())
    }

    fn unit(&mut self) -> &mut Unit {
        if self.units.is_empty() {
            self.units.push(Unit::new(
                CodeKind::Program,
                Span::default(),
                Span::default(),
            ));
        }
        let last = self.units.len() - 1;
        &mut self.units[last]
    }

    /// The statements of a program or lambda; the last one's value is returned.
    fn body(&mut self, body: &Body, span: Span) {
        let end = Span {
            start: span.end.saturating_sub(1),
            end: span.end,
        };
        let (last, before) = match (body.result, body.statements.split_last()) {
            (Ending::Last, Some((last, before))) => (Some(*last), before),
            _ => (None, body.statements.as_slice()),
        };
        match last {
            Some(last) => self.tasks.push(Task::Tail(last)),
            None => {
                self.tasks.push(Task::Op(Op::Return, end));
                self.tasks.push(Task::Op(Op::Nil, end));
            }
        }
        self.tasks.extend(
            before
                .iter()
                .rev()
                .map(|statement| Task::Statement(*statement)),
        );
    }

    fn begin_lambda(&mut self, index: u32, span: Span) {
        let ast = self.ast;
        let Some(lambda) = ast.lambdas.get(index as usize) else {
            return;
        };
        let kind = match lambda.header {
            Header::Written => CodeKind::Explicit,
            Header::Implied => CodeKind::Implicit,
        };
        let mut unit = Unit::new(kind, lambda.span, lambda.text);
        unit.declare(&lambda.parameters, &lambda.locals);
        let parameters = lambda.parameters.iter();
        let implied_x = lambda
            .occurring
            .first()
            .is_none_or(|name| name.bytes() == IMPLIED[0].as_bytes());
        self.units.push(unit);
        if lambda.header == Header::Implied && !implied_x {
            let missing = parameters.map(|name| match lambda.occurring.contains(name) {
                false => Missing::Unused,
                true => Missing::Outer(self.outer(*name)),
            });
            let missing = missing.collect();
            self.unit().missing = missing;
        }
        self.tasks.push(Task::EndLambda(span));
        self.body(&lambda.body, lambda.span);
    }

    fn end_lambda(&mut self, span: Span) -> Result<(), Error> {
        let captures = std::mem::take(&mut self.unit().capturing);
        let code = self.finish()?;
        let unit = self.unit();
        if captures.is_empty() {
            let lambda = Lambda::new(code, Vec::new());
            unit.emit_constant(Value::function(Function::Lambda(lambda)), span);
        } else {
            unit.emit_closure(code, captures, span);
        }
        Ok(())
    }

    fn begin_view(&mut self, name: Symbol, value: NodeId, span: Span) {
        let place = self.ast.span(value);
        self.units.push(Unit::new(CodeKind::View, place, place));
        self.tasks.push(Task::EndView(name, span));
        self.tasks.push(Task::Tail(value));
    }

    fn end_view(&mut self, name: Symbol, span: Span) -> Result<(), Error> {
        let dependencies = std::mem::take(&mut self.unit().globals_read);
        let code = self.finish()?;
        let global = self.env.number(name);
        let unit = self.unit();
        let index = unit.views.len() as u32;
        unit.views.push(View {
            global,
            code,
            dependencies: dependencies.into_iter().collect(),
        });
        unit.emit(Op::View(index), span);
        Ok(())
    }

    /// Makes code of the innermost unit.
    fn finish(&mut self) -> Result<Rc<Code>, Error> {
        // What an unset cell stands for may add to what the unit captures.
        for cell in self.unit().cells_without_outer() {
            let name = self.unit().slot_name(cell);
            let outer = self.outer(name);
            self.unit().set_outer(cell, outer);
        }
        let Some(mut unit) = self.units.pop() else {
            return Err(Error::new(crate::error::Class::Parse, "nothing to finish"));
        };
        let read = std::mem::take(&mut unit.globals_read);
        let mut code = finish::finish(unit, &self.ast.source)?;
        code.given = Rc::clone(&self.given);
        // A view depends on what the lambdas in its expression read, too.
        if let Some(around) = self.units.last_mut() {
            around.reads(read);
        }
        Ok(Rc::new(code))
    }
}

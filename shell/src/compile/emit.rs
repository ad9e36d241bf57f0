//! What is emitted for each node.

use super::{Compiler, CondState, Tail, Task};
use crate::ast::{Node, NodeId, Order};
use crate::code::{Index, Op};
use crate::error::{Error, Span};
use crate::value::{Function, Projection, Value};

impl Compiler<'_> {
    /// Emits code that leaves the node's value on the stack.
    pub(super) fn value(&mut self, id: NodeId) -> Result<(), Error> {
        let ast = self.ast;
        let span = ast.span(id);
        match ast.node(id) {
            Node::Nil => self.unit().emit(Op::Nil, span),
            Node::Value(value) => self.unit().emit_constant(value.clone(), span),
            Node::Name(name) => self.load(*name, span),
            Node::Verb(verb) => self
                .unit()
                .emit_constant(Value::function(Function::Verb(*verb)), span),
            Node::Monad(verb) => self
                .unit()
                .emit_constant(Value::function(Function::Monad(*verb)), span),
            Node::Call {
                function,
                arguments,
            } => self.call(*function, arguments, span),
            Node::Apply { function, argument } => {
                self.queue_call(*function, Call::One, span);
                self.tasks.push(Task::Value(*argument));
            }
            Node::Dyad {
                function,
                left,
                right,
            } => {
                self.queue_call(*function, Call::Infix, span);
                self.tasks.push(Task::Value(*left));
                self.tasks.push(Task::Value(*right));
            }
            Node::Derive { adverb, operand } => {
                self.tasks.push(Task::Derive(*adverb, span));
                self.tasks.push(Task::Value(*operand));
            }
            Node::Train(parts) => {
                let unit = self.unit();
                let index = unit.trains.len() as u32;
                unit.trains
                    .push(parts.iter().map(|(part, _)| *part).collect());
                self.tasks.push(Task::Op(Op::Train(index), span));
                self.tasks
                    .extend(parts.iter().map(|(_, node)| Task::Value(*node)));
            }
            Node::List { items, order } => {
                let count = items.len() as u32;
                let value = |item: &Option<NodeId>| match item {
                    Some(node) => Task::Value(*node),
                    None => Task::Op(Op::Nil, span),
                };
                match order {
                    Order::Backward => {
                        self.tasks.push(Task::Op(Op::List(count), span));
                        self.tasks.extend(items.iter().map(value));
                    }
                    Order::Forward => {
                        self.tasks.push(Task::Op(Op::ListForward(count), span));
                        self.tasks.extend(items.iter().rev().map(value));
                    }
                }
            }
            Node::Dict { keys, items } => {
                let keys = self.unit().add_constant(Value::from_symbols(keys.clone()));
                self.tasks.push(Task::Op(Op::Dict(keys), span));
                self.tasks
                    .extend(items.iter().rev().map(|node| Task::Value(*node)));
            }
            Node::Table { names, columns } => {
                let names = self.unit().add_constant(Value::from_symbols(names.clone()));
                self.tasks.push(Task::Op(Op::Table(names), span));
                self.tasks
                    .extend(columns.iter().map(|node| Task::Value(*node)));
            }
            Node::Cond(_) => self.cond(id, Tail::No),
            Node::Lambda(index) => self.begin_lambda(*index, span),
            Node::Assign { name, scope, value } => {
                self.tasks.push(Task::Store(*name, *scope, span));
                self.tasks.push(Task::Value(*value));
            }
            Node::Update {
                name,
                scope,
                verb,
                value,
            } => {
                self.tasks.push(Task::Update(*name, *scope, *verb, span));
                self.tasks.push(Task::Value(*value));
            }
            Node::Amend { indices, value, .. } => {
                self.tasks.push(Task::Amend(id, span));
                self.queue_forward(indices);
                self.tasks.push(Task::Value(*value));
            }
            Node::View { name, value } => self.begin_view(*name, *value, span),
        }
        Ok(())
    }

    /// Emits code that returns the node's value.
    pub(super) fn tail(&mut self, id: NodeId) -> Result<(), Error> {
        if let Node::Cond(_) = self.ast.node(id) {
            self.cond(id, Tail::Yes);
            return Ok(());
        }
        self.tasks.push(Task::Return(self.ast.span(id)));
        self.tasks.push(Task::Value(id));
        Ok(())
    }

    /// Queues the call of a function whose arguments are queued after this, to run before.
    fn queue_call(&mut self, function: NodeId, call: Call, span: Span) {
        let count = match call {
            Call::One => 1,
            Call::Infix => 2,
        };
        let op = match (self.ast.node(function), call) {
            (Node::Verb(verb) | Node::Monad(verb), Call::One) => Some(Op::Monad(*verb)),
            (Node::Verb(verb), Call::Infix) => Some(Op::Dyad(*verb)),
            (Node::Name(name), _) if self.is_own(*name) => Some(Op::OwnCall(count)),
            _ => None,
        };
        self.queue_op(op, function, count, span);
        if call == Call::Infix && !matches!(op, Some(Op::Dyad(_))) {
            self.tasks.push(Task::Op(Op::Swap, span));
        }
    }

    /// The operation of a call, or a call of the function's value.
    fn queue_op(&mut self, op: Option<Op>, function: NodeId, count: u8, span: Span) {
        match op {
            Some(op) => self.tasks.push(Task::Op(op, span)),
            None => {
                self.tasks.push(Task::Op(Op::Call(count), span));
                self.tasks.push(Task::Value(function));
            }
        }
    }

    fn call(&mut self, function: NodeId, arguments: &[Option<NodeId>], span: Span) {
        let count = arguments.len() as u8;
        let all_given = arguments.iter().all(Option::is_some);
        let op = match self.ast.node(function) {
            Node::Verb(verb) if all_given => match arguments.len() {
                1 if verb.named_arity() == 1 => Some(Op::Monad(*verb)),
                1 => return self.call_elided(function, &[arguments[0], None], span),
                2 => Some(Op::DyadForward(*verb)),
                3 | 4 => Some(Op::CallVerb { verb: *verb, count }),
                _ => None,
            },
            Node::Monad(verb) if all_given && count == 1 => Some(Op::Monad(*verb)),
            Node::Name(name) if all_given && self.is_own(*name) => Some(Op::OwnCall(count)),
            _ if !all_given => return self.call_elided(function, arguments, span),
            _ => None,
        };
        self.queue_op(op, function, count, span);
        self.queue_forward(arguments);
    }

    fn call_elided(&mut self, function: NodeId, arguments: &[Option<NodeId>], span: Span) {
        if let Node::Verb(verb) = self.ast.node(function)
            && arguments.iter().all(Option::is_none)
        {
            let function = Value::function(Function::Verb(*verb));
            let arguments = vec![None; arguments.len()];
            let projection = Value::function(Function::Projection(Projection {
                function,
                arguments,
            }));
            return self.unit().emit_constant(projection, span);
        }
        let holes = arguments.iter().map(|argument| match argument {
            Some(_) => Index::Given,
            None => Index::Elided,
        });
        let holes = holes.collect();
        let unit = self.unit();
        let index = unit.holes.len() as u32;
        unit.holes.push(holes);
        self.tasks.push(Task::Op(Op::CallElided(index), span));
        self.tasks.push(Task::Value(function));
        self.queue_forward(arguments);
    }

    fn cond(&mut self, id: NodeId, tail: Tail) {
        self.unit().conds.push(CondState::default());
        self.cond_rest(id, 0, tail);
    }

    /// Goes on with a conditional at that child: a condition with its branch, the default, or
    /// nothing.
    fn cond_rest(&mut self, node: NodeId, next: usize, tail: Tail) {
        let ast = self.ast;
        let Node::Cond(children) = ast.node(node) else {
            return;
        };
        let span = ast.span(node);
        let branch = |child: NodeId| match tail {
            Tail::Yes => Task::Tail(child),
            Tail::No => Task::Value(child),
        };
        match (children.get(next), children.get(next + 1)) {
            (Some(test), Some(then)) => {
                self.tasks.push(Task::CondBranch {
                    node,
                    next: next + 2,
                    tail,
                });
                self.tasks.push(branch(*then));
                self.tasks.push(Task::CondTest(ast.span(*test)));
                self.tasks.push(Task::Value(*test));
            }
            (Some(default), None) => {
                self.tasks.push(Task::CondEnd);
                self.tasks.push(branch(*default));
            }
            (None, _) => {
                self.tasks.push(Task::CondEnd);
                if tail == Tail::Yes {
                    self.tasks.push(Task::Return(span));
                }
                self.tasks.push(Task::Op(Op::Nil, span));
            }
        }
    }

    pub(super) fn cond_next(&mut self, node: NodeId, next: usize, tail: Tail) {
        let span = self.ast.span(node);
        let unit = self.unit();
        if tail == Tail::No {
            unit.cond_join(span);
        }
        unit.cond_else();
        self.cond_rest(node, next, tail);
    }
}

/// How a call is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    /// `f x`
    One,
    /// `x f y`
    Infix,
}

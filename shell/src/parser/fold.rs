//! Folding a row of terms from the right.
//!
//! A verb takes the noun before it as its left operand, nouns side by side apply the left to the
//! right, and a row that ends in a verb is a train.

use super::{Assignment, Parser, Term};
use crate::ast::{Node, NodeId};
use crate::code::Part;
use crate::error::{Error, Span};

/// What lies to the right of the next term.
enum Right {
    /// Nothing yet.
    Nothing,
    /// A value.
    Node(NodeId),
    /// The parts of a train, last first.
    Train(Vec<(Part, NodeId)>),
}

impl Parser {
    /// The expression that the terms make; none without terms.
    pub(super) fn fold(&mut self, mut terms: Vec<Term>) -> Result<Option<NodeId>, Error> {
        let mut right = Right::Nothing;
        while let Some(term) = terms.pop() {
            right = match term {
                Term::Noun(noun) => self.fold_noun(noun, right),
                Term::Forced(verb) => self.fold_verb(verb, None, right),
                Term::Verb(verb) => {
                    let left = match terms.last() {
                        Some(Term::Noun(noun)) => Some(*noun),
                        _ => None,
                    };
                    if left.is_some() {
                        terms.pop();
                    }
                    self.fold_verb(verb, left, right)
                }
                Term::Assign(assignment, span) => match self.value_of(right) {
                    Some(value) => Right::Node(self.assign(assignment, value, span)),
                    None => return Err(self.error(span, "an assignment without a value")),
                },
            };
        }
        Ok(self.value_of(right))
    }

    fn fold_noun(&mut self, noun: NodeId, right: Right) -> Right {
        match right {
            Right::Nothing => Right::Node(noun),
            Right::Node(argument) => {
                let span = self.span_of(noun);
                Right::Node(self.node(
                    Node::Apply {
                        function: noun,
                        argument,
                    },
                    span,
                ))
            }
            Right::Train(mut parts) => {
                parts.push((Part::Apply, noun));
                Right::Train(parts)
            }
        }
    }

    fn fold_verb(&mut self, verb: NodeId, left: Option<NodeId>, right: Right) -> Right {
        let span = self.span_of(verb);
        let mut parts = match (right, left) {
            (Right::Node(right), Some(left)) => {
                return Right::Node(self.node(
                    Node::Dyad {
                        function: verb,
                        left,
                        right,
                    },
                    span,
                ));
            }
            (Right::Node(argument), None) => {
                return Right::Node(self.node(
                    Node::Apply {
                        function: verb,
                        argument,
                    },
                    span,
                ));
            }
            (Right::Nothing, _) => Vec::new(),
            (Right::Train(parts), _) => parts,
        };
        match left {
            None => parts.push((Part::Verb, verb)),
            Some(left) => {
                parts.push((Part::Dyad, verb));
                parts.push((Part::Left, left));
            }
        }
        Right::Train(parts)
    }

    fn value_of(&mut self, right: Right) -> Option<NodeId> {
        match right {
            Right::Nothing => None,
            Right::Node(node) => Some(node),
            Right::Train(parts) => match parts.as_slice() {
                [(Part::Verb, verb)] => Some(*verb),
                _ => {
                    let parts: Vec<(Part, NodeId)> = parts.into_iter().rev().collect();
                    let span = parts
                        .iter()
                        .map(|(_, part)| self.span_of(*part))
                        .reduce(Span::to);
                    Some(self.node(Node::Train(parts), span.unwrap_or_default()))
                }
            },
        }
    }

    fn assign(&mut self, assignment: Assignment, value: NodeId, span: Span) -> NodeId {
        let node = match assignment {
            Assignment::Name(name, scope) => Node::Assign { name, scope, value },
            Assignment::View(name) => Node::View { name, value },
            Assignment::Update(name, scope, verb) => Node::Update {
                name,
                scope,
                verb,
                value,
            },
            Assignment::Amend(name, scope, indices, verb) => Node::Amend {
                name,
                scope,
                indices,
                verb,
                value,
            },
        };
        self.node(node, span)
    }
}

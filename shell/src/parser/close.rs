//! What a closing bracket makes of the level that it ends.

use super::{ARGUMENTS_MAX, Inside, Level, Parser, Term, body_of};
use crate::ast::{Node, NodeId, Order};
use crate::error::{Class, Error, Span};
use crate::lexer::{Bracket, TokenKind};
use crate::symbol::Symbol;
use crate::value::{Dict, Value};

impl Parser {
    /// Ends the innermost level; what it makes is a term of the one around.
    pub(super) fn close(&mut self, bracket: Bracket, span: Span) -> Result<(), Error> {
        let last = self.fold_level()?;
        let opened = self.level().inside.bracket();
        if self.levels.len() == 1 || opened != bracket {
            let (open, close) = bracket.glyphs();
            let text = match self.levels.len() {
                1 => format!("{close} without its {open}"),
                _ => format!("{close} where {} was opened", opened.glyphs().0),
            };
            return Err(self.error(span, text));
        }
        let Some(level) = self.levels.pop() else {
            return Ok(());
        };
        let Level {
            inside,
            opened,
            mut items,
            terms: _,
        } = level;
        let span = opened.to(span);
        if let Inside::Lambda = inside {
            return self.close_lambda(items, last, span);
        }
        let empty = items.is_empty() && last.is_none();
        if !empty {
            items.push(last);
        }
        let node = match inside {
            Inside::Arguments(function) => return self.close_arguments(function, items, span),
            Inside::Round if items.len() == 1 => match items.first() {
                Some(Some(node)) => *node,
                _ => self.node(Node::Nil, span),
            },
            Inside::Round => self.list(items, Order::Backward, span),
            Inside::Square(None) if empty => {
                let dict = Value::dict(Dict::empty());
                self.node(Node::Value(dict), span)
            }
            Inside::Square(None) => self.list(items, Order::Forward, span),
            Inside::Square(Some(keys)) => {
                let items = self.all_given(&keys, items, span)?;
                self.node(Node::Dict { keys, items }, span)
            }
            Inside::Columns(names) | Inside::NamedColumns(names) => {
                let columns = self.all_given(&names, items, span)?;
                self.node(Node::Table { names, columns }, span)
            }
            Inside::Cond => {
                let branches = items.into_iter().map(|item| match item {
                    Some(node) => node,
                    None => self.node(Node::Nil, span),
                });
                let branches = branches.collect();
                self.node(Node::Cond(branches), span)
            }
            Inside::Program | Inside::Lambda => self.node(Node::Nil, span),
        };
        self.after_noun(node)
    }

    fn close_lambda(
        &mut self,
        items: Vec<Option<NodeId>>,
        last: Option<NodeId>,
        span: Span,
    ) -> Result<(), Error> {
        let Some(scope) = self.scopes.pop() else {
            return Ok(());
        };
        let lambda = scope.into_node(body_of(items, last), span);
        let index = self.lambdas.len() as u32;
        self.lambdas.push(lambda);
        let node = self.node(Node::Lambda(index), span);
        self.after_noun(node)
    }

    fn close_arguments(
        &mut self,
        function: NodeId,
        items: Vec<Option<NodeId>>,
        span: Span,
    ) -> Result<(), Error> {
        if items.len() > ARGUMENTS_MAX {
            let text = format!("a call with more than {ARGUMENTS_MAX} arguments");
            return Err(Error::new(Class::Limit, text).at(&self.source, span));
        }
        let head = self.span_of(function);
        if let Some(Node::Name(name)) = self.nodes.get(function as usize) {
            let name = *name;
            let assigns = matches!(
                self.kind(0),
                Some(TokenKind::Verb(crate::verb::Verb::Colon) | TokenKind::DoubleColon)
            ) || self.compound_ahead().is_some();
            if assigns && let Some(assignment) = self.assignment(name, Some(items.clone()))? {
                self.push_term(Term::Assign(assignment, head));
                return Ok(());
            }
        } else if matches!(
            self.kind(0),
            Some(TokenKind::Verb(crate::verb::Verb::Colon) | TokenKind::DoubleColon)
        ) {
            return Err(self.error(
                head.to(span),
                "only a name, or a name with indices, can be assigned",
            ));
        }
        let node = self.node(
            Node::Call {
                function,
                arguments: items,
            },
            head,
        );
        self.after_noun(node)
    }

    /// A list; one of literals is a literal.
    fn list(&mut self, items: Vec<Option<NodeId>>, order: Order, span: Span) -> NodeId {
        let literal = |item: &Option<NodeId>| {
            let node = item.and_then(|id| self.nodes.get(id as usize));
            match node {
                Some(Node::Value(value)) => Some(value.clone()),
                _ => None,
            }
        };
        let values: Option<Vec<Value>> = items.iter().map(literal).collect();
        let node = match values {
            Some(values) => Node::Value(Value::from_items(values)),
            None => Node::List { items, order },
        };
        self.node(node, span)
    }

    /// The items of a dictionary or table, of which none may be elided.
    fn all_given(
        &self,
        names: &[Symbol],
        items: Vec<Option<NodeId>>,
        span: Span,
    ) -> Result<Vec<NodeId>, Error> {
        if names.len() != items.len() {
            let text = format!("{} names for {} values", names.len(), items.len());
            return Err(self.error(span, text));
        }
        let given: Option<Vec<NodeId>> = items.into_iter().collect();
        given.ok_or_else(|| self.error(span, "a name without a value"))
    }

    /// At the begin of an item of a square bracket or of named columns: takes `name:` when the
    /// level is a dictionary, and refuses a mixture of both.
    pub(super) fn key_of_item(&mut self) -> Result<(), Error> {
        let ahead = match self.kind(0) {
            Some(TokenKind::Name(name)) if self.key_ahead(0) => Some(*name),
            _ => None,
        };
        let span = self.span_at(0);
        let closing = matches!(self.kind(0), None | Some(TokenKind::Close(_)));
        let keys = match &mut self.level().inside {
            Inside::Square(Some(keys)) | Inside::NamedColumns(keys) => Some(keys),
            Inside::Square(None) => None,
            _ => return Ok(()),
        };
        match (keys, ahead) {
            (Some(keys), Some(name)) => {
                keys.push(name);
                self.at += 2;
                Ok(())
            }
            (None, None) => Ok(()),
            (Some(_), None) if closing => {
                Err(self.error(span, "a separator without a name after it"))
            }
            _ => Err(self.error(span, "a bracket with names for some of its values only")),
        }
    }
}

//! Reading one term: a literal, a name, a verb, an opening bracket, and what is bound to it.

use super::{ARGUMENTS_MAX, Assignment, Inside, LAMBDAS_MAX, LambdaScope, Parser, Term};
use crate::ast::{Node, NodeId, Scope};
use crate::error::{Class, Error, Span};
use crate::lexer::{Bracket, TokenKind};
use crate::symbol::Symbol;
use crate::value::{Adverb, Value};
use crate::verb::Verb;

impl Parser {
    /// Reads the next term, or opens a bracket.
    pub(super) fn term(&mut self) -> Result<(), Error> {
        let span = self.span_at(0);
        let Some(kind) = self.kind(0) else {
            return Ok(());
        };
        match kind {
            TokenKind::Number(_) => self.numbers(),
            TokenKind::Symbol(_) => self.symbols(),
            TokenKind::Text(text) => {
                let value = match text.as_slice() {
                    [byte] => Value::Char(*byte),
                    _ => Value::from_chars(text.clone()),
                };
                self.at += 1;
                self.literal(value, span)
            }
            TokenKind::Name(name) => {
                let name = *name;
                self.at += 1;
                self.name(name, span)
            }
            TokenKind::Verb(verb) => {
                let verb = *verb;
                self.at += 1;
                let node = self.node(Node::Verb(verb), span);
                self.after_verb(node, Force::Free)
            }
            TokenKind::Monad(verb) => {
                let verb = *verb;
                self.at += 1;
                let node = self.node(Node::Monad(verb), span);
                self.after_verb(node, Force::Forced)
            }
            TokenKind::DoubleColon => {
                self.at += 1;
                let node = self.node(Node::Monad(Verb::Colon), span);
                self.after_verb(node, Force::Forced)
            }
            TokenKind::Adverb(adverb) => {
                let mut text = format!("{} needs a verb or noun before it", adverb.glyph());
                if *adverb == Adverb::Each {
                    text.push_str("; strings stand in \"");
                }
                Err(self.error(span, text))
            }
            TokenKind::Cond => {
                self.at += 1;
                self.open(Inside::Cond, span)
            }
            TokenKind::Open(Bracket::Round) => {
                self.at += 1;
                self.open_round(span)
            }
            TokenKind::Open(Bracket::Square) => {
                self.at += 1;
                let keys = self.key_ahead(0).then(Vec::new);
                self.open(Inside::Square(keys), span)?;
                self.key_of_item()
            }
            TokenKind::Open(Bracket::Curly) => {
                self.at += 1;
                self.open_lambda(span)
            }
            TokenKind::Close(_) | TokenKind::Semicolon | TokenKind::Newline => Ok(()),
        }
    }

    /// Numbers side by side are one vector.
    fn numbers(&mut self) -> Result<(), Error> {
        let start = self.span_at(0);
        let mut span = start;
        let mut items = Vec::new();
        while let Some(TokenKind::Number(value)) = self.kind(0) {
            items.push(value.clone());
            span = span.to(self.span_at(0));
            self.at += 1;
        }
        self.run_of_atoms(items, span)
    }

    /// Symbols side by side are one vector.
    fn symbols(&mut self) -> Result<(), Error> {
        let mut span = self.span_at(0);
        let mut items = Vec::new();
        while let Some(TokenKind::Symbol(symbol)) = self.kind(0) {
            items.push(Value::Symbol(*symbol));
            span = span.to(self.span_at(0));
            self.at += 1;
        }
        self.run_of_atoms(items, span)
    }

    fn run_of_atoms(&mut self, mut items: Vec<Value>, span: Span) -> Result<(), Error> {
        let value = match items.len() {
            1 => items.remove(0),
            _ => Value::from_items(items),
        };
        self.literal(value, span)
    }

    fn literal(&mut self, value: Value, span: Span) -> Result<(), Error> {
        let node = self.node(Node::Value(value), span);
        self.after_noun(node)
    }

    fn name(&mut self, name: Symbol, span: Span) -> Result<(), Error> {
        if let Some(scope) = self.scopes.last_mut() {
            scope.occurs(name);
        }
        if let Some(assignment) = self.assignment(name, None)? {
            self.push_term(Term::Assign(assignment, span));
            return Ok(());
        }
        let node = self.node(Node::Name(name), span);
        let after_noun = matches!(self.level().terms.last(), Some(Term::Noun(_)));
        if after_noun && self.is_infix(name) {
            self.push_term(Term::Verb(node));
            return Ok(());
        }
        self.after_noun(node)
    }

    /// `in` and, inside a lambda, `o` stand between their operands.
    fn is_infix(&self, name: Symbol) -> bool {
        if matches!(
            self.kind(0),
            Some(TokenKind::Adverb(_) | TokenKind::Open(Bracket::Square))
        ) {
            return false;
        }
        match name.bytes() {
            // At the end there is no right operand: it is a value of that name, such as a grant.
            b"in" => !self.ends(),
            b"o" => {
                let is_parameter = |scope: &LambdaScope| {
                    scope
                        .header
                        .as_ref()
                        .is_some_and(|names| names.contains(&name))
                };
                self.scopes.last().is_some_and(|scope| !is_parameter(scope)) && !self.ends()
            }
            _ => false,
        }
    }

    /// The assignment to a name, with indices or without, that the next tokens make.
    pub(super) fn assignment(
        &mut self,
        name: Symbol,
        indices: Option<Vec<Option<NodeId>>>,
    ) -> Result<Option<Assignment>, Error> {
        let (verb, mut scope) = match self.kind(0) {
            Some(TokenKind::Verb(Verb::Colon)) => (None, Scope::Near),
            Some(TokenKind::DoubleColon) => (None, Scope::Global),
            _ => match self.compound_ahead() {
                Some(verb) => (Some(verb), Scope::Near),
                None => return Ok(None),
            },
        };
        let end = self.span_at(0).end;
        self.at += 1;
        if verb.is_some()
            && self.kind(0) == Some(&TokenKind::Verb(Verb::Colon))
            && self.span_at(0).start == end
        {
            self.at += 1;
            scope = Scope::Global;
        }
        let is_view =
            verb.is_none() && indices.is_none() && scope == Scope::Global && self.scopes.is_empty();
        if scope == Scope::Near
            && let Some(lambda) = self.scopes.last_mut()
        {
            lambda.assigns(name);
        }
        Ok(Some(match (indices, verb) {
            _ if is_view => Assignment::View(name),
            (None, None) => Assignment::Name(name, scope),
            (None, Some(verb)) => Assignment::Update(name, scope, verb),
            (Some(indices), verb) => Assignment::Amend(name, scope, indices, verb),
        }))
    }

    /// What may follow a noun: arguments, or adverbs that make it a verb.
    pub(super) fn after_noun(&mut self, node: NodeId) -> Result<(), Error> {
        let span = self.span_at(0);
        match self.kind(0) {
            Some(TokenKind::Open(Bracket::Square)) => {
                self.at += 1;
                self.open(Inside::Arguments(node), span)
            }
            Some(TokenKind::Adverb(_)) => self.after_verb(node, Force::Free),
            _ => {
                self.push_term(Term::Noun(node));
                Ok(())
            }
        }
    }

    /// What may follow a verb: adverbs and, when nothing stands before it, arguments.
    fn after_verb(&mut self, mut node: NodeId, mut force: Force) -> Result<(), Error> {
        let mut span = self.span_of(node);
        while let Some(TokenKind::Adverb(adverb)) = self.kind(0) {
            let adverb = *adverb;
            span = span.to(self.span_at(0));
            self.at += 1;
            node = self.node(
                Node::Derive {
                    adverb,
                    operand: node,
                },
                span,
            );
            if adverb != Adverb::Each {
                force = Force::Free;
            }
        }
        let has_left =
            force == Force::Free && matches!(self.level().terms.last(), Some(Term::Noun(_)));
        if !has_left && self.arguments_ahead() {
            let span = self.span_at(0);
            self.at += 1;
            return self.open(Inside::Arguments(node), span);
        }
        self.push_term(match force {
            Force::Free => Term::Verb(node),
            Force::Forced => Term::Forced(node),
        });
        Ok(())
    }

    fn open_round(&mut self, span: Span) -> Result<(), Error> {
        match self.table_ahead() {
            None => self.open(Inside::Round, span),
            Some((names, count)) => {
                self.at += count;
                if names.is_empty() {
                    self.open(Inside::NamedColumns(names), span)?;
                    return self.key_of_item();
                }
                self.open(Inside::Columns(names), span)
            }
        }
    }

    fn open_lambda(&mut self, span: Span) -> Result<(), Error> {
        if self.scopes.len() >= LAMBDAS_MAX {
            let text = format!("more than {LAMBDAS_MAX} lambdas inside each other");
            return Err(Error::new(Class::Limit, text).at(&self.source, span));
        }
        let (header, body_start) = match self.names_ahead(0) {
            None => (None, span.end),
            Some((names, count)) => {
                self.check_names(&names, span)?;
                let close = self.span_at(count - 1);
                self.at += count;
                (Some(names), close.end)
            }
        };
        // A newline right after the header is none.
        if header.is_some() && self.kind(0) == Some(&TokenKind::Newline) {
            self.at += 1;
        }
        self.scopes.push(LambdaScope::new(header, body_start));
        self.open(Inside::Lambda, span)
    }

    fn check_names(&self, names: &[Symbol], span: Span) -> Result<(), Error> {
        if names.len() > ARGUMENTS_MAX {
            let text = format!("a lambda of more than {ARGUMENTS_MAX} parameters");
            return Err(Error::new(Class::Limit, text).at(&self.source, span));
        }
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                return Err(self.error(span, format!("parameter {name} twice")));
            }
        }
        Ok(())
    }
}

/// Whether a verb may take a left operand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    /// It may.
    Free,
    /// It takes one argument only.
    Forced,
}

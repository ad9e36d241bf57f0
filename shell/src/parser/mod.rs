//! From tokens to the syntax tree.
//!
//! The language has no precedence: an expression is a row of terms that is folded from the right.
//! So the parser only nests at brackets, and keeps a stack of its own for those. Reading order:
//! the stack of levels, the terms, how a row of terms is folded, and what may be seen ahead.

mod ahead;
mod close;
mod fold;
mod term;

use crate::ast::{Ast, Body, Ending, Header, LambdaNode, Node, NodeId, Scope};
use crate::error::{Class, Error, Source, Span};
use crate::lexer::{Bracket, Token, TokenKind, tokens};
use crate::symbol::Symbol;
use crate::verb::Verb;
use std::rc::Rc;

/// The most brackets inside each other.
pub const NESTING_MAX: usize = 1 << 20;

/// The most lambdas inside each other.
pub const LAMBDAS_MAX: usize = 256;

/// The most arguments of a call and parameters of a lambda.
pub const ARGUMENTS_MAX: usize = 128;

/// Parses a source text.
///
/// # Errors
/// `parse` with the place; `limit` when brackets nest too deep.
pub fn parse(source: &Rc<Source>) -> Result<Ast, Error> {
    let tokens = tokens(source)?;
    let mut parser = Parser {
        source: Rc::clone(source),
        tokens,
        at: 0,
        nodes: Vec::new(),
        spans: Vec::new(),
        lambdas: Vec::new(),
        levels: vec![Level::new(Inside::Program, Span::default())],
        scopes: Vec::new(),
    };
    parser.run()?;
    parser.finish()
}

/// A term of an expression.
pub(crate) enum Term {
    /// A noun.
    Noun(NodeId),
    /// Something that takes a noun before it as its left operand.
    Verb(NodeId),
    /// A verb of one argument.
    Forced(NodeId),
    /// The left side of an assignment.
    Assign(Assignment, Span),
}

/// The left side of an assignment.
pub(crate) enum Assignment {
    Name(Symbol, Scope),
    View(Symbol),
    Update(Symbol, Scope, Verb),
    Amend(Symbol, Scope, Vec<Option<NodeId>>, Option<Verb>),
}

/// What a level of brackets is.
pub(crate) enum Inside {
    /// No bracket: the whole text.
    Program,
    /// `(`
    Round,
    /// `([a;b]`
    Columns(Vec<Symbol>),
    /// `([]`, with the names so far.
    NamedColumns(Vec<Symbol>),
    /// `[` that begins a noun; the keys if it turned out to be a dictionary.
    Square(Option<Vec<Symbol>>),
    /// `[` after what is called.
    Arguments(NodeId),
    /// `$[`
    Cond,
    /// `{`
    Lambda,
}

/// One open bracket and what was read in it.
pub(crate) struct Level {
    inside: Inside,
    opened: Span,
    items: Vec<Option<NodeId>>,
    terms: Vec<Term>,
}

impl Level {
    fn new(inside: Inside, opened: Span) -> Level {
        Level {
            inside,
            opened,
            items: Vec::new(),
            terms: Vec::new(),
        }
    }
}

/// What is known of a lambda while it is read.
pub(crate) struct LambdaScope {
    header: Option<Vec<Symbol>>,
    body_start: u32,
    occurring: [bool; 3],
    assigned: Vec<Symbol>,
    assigned_set: std::collections::HashSet<Symbol>,
}

pub(crate) struct Parser {
    source: Rc<Source>,
    tokens: Vec<Token>,
    at: usize,
    nodes: Vec<Node>,
    spans: Vec<Span>,
    lambdas: Vec<LambdaNode>,
    levels: Vec<Level>,
    scopes: Vec<LambdaScope>,
}

/// The names of implied parameters.
pub(crate) const IMPLIED: [&str; 3] = ["x", "y", "z"];

impl Parser {
    fn error(&self, span: Span, text: impl Into<String>) -> Error {
        Error::new(Class::Parse, text).at(&self.source, span)
    }

    fn kind(&self, ahead: usize) -> Option<&TokenKind> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    fn span_at(&self, ahead: usize) -> Span {
        let end = self.source.text.len();
        self.tokens
            .get(self.at + ahead)
            .map_or(Span::new(end, end), |token| token.span)
    }

    fn node(&mut self, node: Node, span: Span) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(node);
        self.spans.push(span);
        id
    }

    fn span_of(&self, id: NodeId) -> Span {
        self.spans.get(id as usize).copied().unwrap_or_default()
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels
                .push(Level::new(Inside::Program, Span::default()));
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn push_term(&mut self, term: Term) {
        self.level().terms.push(term);
    }

    fn open(&mut self, inside: Inside, span: Span) -> Result<(), Error> {
        if self.levels.len() >= NESTING_MAX {
            let text = format!("more than {NESTING_MAX} brackets inside each other");
            return Err(Error::new(Class::Limit, text).at(&self.source, span));
        }
        self.levels.push(Level::new(inside, span));
        Ok(())
    }

    fn run(&mut self) -> Result<(), Error> {
        while let Some(token) = self.tokens.get(self.at) {
            let span = token.span;
            match &token.kind {
                TokenKind::Semicolon | TokenKind::Newline => {
                    self.at += 1;
                    self.separate()?;
                }
                TokenKind::Close(bracket) => {
                    let bracket = *bracket;
                    self.at += 1;
                    self.close(bracket, span)?;
                }
                _ => self.term()?,
            }
        }
        Ok(())
    }

    /// Ends the expression at a separator.
    fn separate(&mut self) -> Result<(), Error> {
        let item = self.fold_level()?;
        self.level().items.push(item);
        self.key_of_item()
    }

    /// Folds the terms of the innermost level to one node.
    fn fold_level(&mut self) -> Result<Option<NodeId>, Error> {
        let terms = std::mem::take(&mut self.level().terms);
        self.fold(terms)
    }

    fn finish(mut self) -> Result<Ast, Error> {
        let last = self.fold_level()?;
        let Some(level) = self.levels.pop() else {
            return Err(self.error(Span::default(), "nothing to parse"));
        };
        if !matches!(level.inside, Inside::Program) {
            let bracket = level.inside.bracket();
            let (open, close) = bracket.glyphs();
            return Err(self.error(level.opened, format!("{open} without its {close}")));
        }
        let body = body_of(level.items, last);
        Ok(Ast {
            source: self.source,
            nodes: self.nodes,
            spans: self.spans,
            lambdas: self.lambdas,
            body,
        })
    }
}

impl Inside {
    fn bracket(&self) -> Bracket {
        match self {
            Inside::Program | Inside::Round | Inside::Columns(_) | Inside::NamedColumns(_) => {
                Bracket::Round
            }
            Inside::Square(_) | Inside::Arguments(_) | Inside::Cond => Bracket::Square,
            Inside::Lambda => Bracket::Curly,
        }
    }
}

/// The statements of a program or lambda: elided ones don't count, but the last decides what the
/// whole gives.
fn body_of(items: Vec<Option<NodeId>>, last: Option<NodeId>) -> Body {
    let result = if last.is_none() && !items.is_empty() {
        Ending::Nil
    } else {
        Ending::Last
    };
    let statements = items.into_iter().chain([last]).flatten().collect();
    Body { statements, result }
}

impl LambdaScope {
    fn new(header: Option<Vec<Symbol>>, body_start: u32) -> LambdaScope {
        LambdaScope {
            header,
            body_start,
            occurring: [false; 3],
            assigned: Vec::new(),
            assigned_set: std::collections::HashSet::new(),
        }
    }

    fn occurs(&mut self, name: Symbol) {
        if let Some(index) = IMPLIED
            .iter()
            .position(|implied| implied.as_bytes() == name.bytes())
        {
            self.occurring[index] = true;
        }
    }

    fn assigns(&mut self, name: Symbol) {
        if self.assigned_set.insert(name) {
            self.assigned.push(name);
        }
    }

    /// The lambda that ends here.
    fn into_node(self, body: Body, span: Span) -> LambdaNode {
        let text = Span {
            start: self.body_start,
            end: span.end.saturating_sub(1),
        };
        let count = self
            .occurring
            .iter()
            .rposition(|occurs| *occurs)
            .map_or(0, |last| last + 1);
        let (header, parameters) = match self.header {
            Some(names) => (Header::Written, names),
            None => (
                Header::Implied,
                IMPLIED[..count]
                    .iter()
                    .map(|name| Symbol::new(name))
                    .collect(),
            ),
        };
        let occurring = IMPLIED
            .iter()
            .zip(self.occurring)
            .filter(|(_, occurs)| *occurs);
        let occurring = occurring.map(|(name, _)| Symbol::new(name)).collect();
        let locals = self
            .assigned
            .into_iter()
            .filter(|name| !parameters.contains(name))
            .collect();
        LambdaNode {
            header,
            parameters,
            occurring,
            locals,
            body,
            span,
            text,
        }
    }
}

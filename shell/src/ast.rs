//! The syntax tree, in one vector.
//!
//! A node names its children by number, so that a tree of any depth is made, walked and dropped
//! without recursion. Children always come before their parents.

use crate::code::Part;
use crate::error::{Source, Span};
use crate::symbol::Symbol;
use crate::value::{Adverb, Value};
use crate::verb::Verb;
use std::rc::Rc;

/// The number of a node.
pub type NodeId = u32;

/// Where an assignment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A local of the lambda; at top level a global.
    Near,
    /// A global.
    Global,
}

/// In which order the items of a list run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `[a;b]`
    Forward,
    /// `(a;b)`
    Backward,
}

/// A node. `None` in a list of children is an elided item.
#[derive(Debug)]
pub enum Node {
    /// Nothing.
    Nil,
    /// A literal.
    Value(Value),
    /// A name that is read.
    Name(Symbol),
    /// A verb.
    Verb(Verb),
    /// A verb of one argument only.
    Monad(Verb),
    /// `f[x;y]`
    Call {
        /// What is called.
        function: NodeId,
        /// The arguments.
        arguments: Vec<Option<NodeId>>,
    },
    /// `f x`, `-x`
    Apply {
        /// What is applied.
        function: NodeId,
        /// To what.
        argument: NodeId,
    },
    /// `x+y`, `x f/y`
    Dyad {
        /// What is applied.
        function: NodeId,
        /// The left operand.
        left: NodeId,
        /// The right operand.
        right: NodeId,
    },
    /// `f'`
    Derive {
        /// The adverb.
        adverb: Adverb,
        /// What stands before it.
        operand: NodeId,
    },
    /// `2*1+`: the parts as written.
    Train(Vec<(Part, NodeId)>),
    /// `(a;b)` or `[a;b]`
    List {
        /// The items.
        items: Vec<Option<NodeId>>,
        /// The order in which they run.
        order: Order,
    },
    /// `[a:x;b:y]`
    Dict {
        /// The names.
        keys: Vec<Symbol>,
        /// The values.
        items: Vec<NodeId>,
    },
    /// `([a;b]x;y)`, `([]a:x;b:y)`
    Table {
        /// The names of the columns.
        names: Vec<Symbol>,
        /// The columns.
        columns: Vec<NodeId>,
    },
    /// `$[c;a;b]`
    Cond(Vec<NodeId>),
    /// A lambda: an index into [`Ast::lambdas`].
    Lambda(u32),
    /// `a:x`
    Assign {
        /// The name.
        name: Symbol,
        /// Where it is.
        scope: Scope,
        /// The value.
        value: NodeId,
    },
    /// `a+:x`
    Update {
        /// The name.
        name: Symbol,
        /// Where it is.
        scope: Scope,
        /// The verb.
        verb: Verb,
        /// The right operand.
        value: NodeId,
    },
    /// `a[i]:x`, `a[i]+:x`
    Amend {
        /// The name.
        name: Symbol,
        /// Where it is.
        scope: Scope,
        /// The indices.
        indices: Vec<Option<NodeId>>,
        /// The verb, unless it is a plain assignment.
        verb: Option<Verb>,
        /// The value.
        value: NodeId,
    },
    /// `a::x` at top level.
    View {
        /// The name.
        name: Symbol,
        /// The expression.
        value: NodeId,
    },
}

/// Whether a lambda's parameters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// `{[a;b]..}`
    Written,
    /// `{x+y}`
    Implied,
}

/// A lambda as written.
#[derive(Debug)]
pub struct LambdaNode {
    /// Whether the parameters are written.
    pub header: Header,
    /// The parameters.
    pub parameters: Vec<Symbol>,
    /// Of the implied parameters, those that occur in the body.
    pub occurring: Vec<Symbol>,
    /// The other names that the body assigns, each once.
    pub locals: Vec<Symbol>,
    /// The body.
    pub body: Body,
    /// From brace to brace.
    pub span: Span,
    /// Between header and closing brace.
    pub text: Span,
}

/// Expressions one after the other.
#[derive(Debug, Default)]
pub struct Body {
    /// The expressions.
    pub statements: Vec<NodeId>,
    /// What the whole gives.
    pub result: Ending,
}

/// What a sequence of expressions gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// The value of the last.
    #[default]
    Last,
    /// Nil, because a separator stands after the last.
    Nil,
}

/// A parsed source.
#[derive(Debug)]
pub struct Ast {
    /// The source.
    pub source: Rc<Source>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// For every node the place that an error in it is about.
    pub spans: Vec<Span>,
    /// The lambdas.
    pub lambdas: Vec<LambdaNode>,
    /// The program.
    pub body: Body,
}

impl Ast {
    /// A node by its number.
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&Node::Nil)
    }

    /// The place of a node.
    pub fn span(&self, id: NodeId) -> Span {
        self.spans.get(id as usize).copied().unwrap_or_default()
    }
}

//! Frames: what is left to do when a value arrives.
//!
//! The continuation of a computation is a vector of these. A frame is plain data: values, code by
//! reference count, and positions; so a computation can stop between any two steps, go on later,
//! and be written down.

use crate::adverb::{Converge, Each, Fold, Prior, Repeat};
use crate::amend::{AmendFrame, SpliceFrame};
use crate::code::Cell;
use crate::value::{Function, Value};
use std::rc::Rc;

/// The cells of a call.
pub(crate) type Cells = Option<Rc<Vec<Rc<Cell>>>>;

/// A call of a lambda and the place that it has got to.
pub(crate) struct Running {
    /// The lambda.
    pub(crate) function: Rc<Function>,
    /// Its cells, if it has any.
    pub(crate) cells: Cells,
    /// The next operation.
    pub(crate) at: u32,
    /// The place of slot 0 on the stack.
    pub(crate) base: u32,
}

/// A train that is being evaluated from the right.
pub(crate) struct TrainFrame {
    /// The train.
    pub(crate) function: Rc<Function>,
    /// The number of its steps that are left.
    pub(crate) left: u32,
    /// The number of values on the stack that the next of them gets.
    pub(crate) count: u32,
}

/// What a trap does with an error.
pub(crate) enum Handler {
    /// `.[f;a;:]`: both outcomes become a list.
    Report,
    /// `.[f;a;h]`: the function is called with the message.
    Call(Value),
}

/// A frame.
pub(crate) enum Frame {
    /// A lambda that called something.
    Lambda(Running),
    /// An adverb that calls its function for each item.
    Each(Box<Each>),
    /// A fold or scan.
    Fold(Box<Fold>),
    /// Each with the item before.
    Prior(Box<Prior>),
    /// A fixpoint.
    Converge(Box<Converge>),
    /// So many times, or while a condition holds.
    Repeat(Box<Repeat>),
    /// A train.
    Train(TrainFrame),
    /// An application to so many arguments on the stack.
    Apply(Value, u32),
    /// A view whose name was read: the value is remembered, and what read it runs again.
    View(u32),
    /// A trap, and the height of the stack that it goes back to.
    Trap(Handler, u32),
    /// An amend whose function is called for each item.
    Amend(Box<AmendFrame>),
    /// A splice whose function was called with the part.
    Splice(Box<SpliceFrame>),
}

//! The verbs: what they are called, then what they do to values, one file for each idea.
//!
//! [`monadic`] and [`dyadic`] take their operands by value: a vector that nobody else holds is
//! written over. Verbs whose operand is a function are the machine's; the helpers that it needs for
//! them, and for adverbs and amend, are here too.

mod name;

mod dispatch;

mod number;
mod walk;

mod ops;

mod arith;
mod atomic;
mod monads;
mod relate;
mod temporal;

mod count;
mod cut;
mod find;
mod grade;
mod group;
mod index;
mod join;
mod keys;
mod merge;
mod radix;
mod roll;
mod scatter;
mod string;
mod take;

mod place;

mod amend;
mod base;
mod fold;

pub use amend::{amend, amend_monadic, dmend, dmend_monadic};
pub use atomic::{int_pair, is_atomic, is_relation};
pub use base::{bin, digits, number, windows};
pub use cut::{splice, splice_parts};
pub use dispatch::{dyadic, monadic};
pub use fold::{fold_fast, fold_identity, prior_fast, prior_seed, scan_fast};
pub use grade::Direction;
pub use index::{at, at_depth};
pub use join::join;
pub use name::Verb;
pub use place::{Leaf, leaves, read, write};
pub use string::{join_with, split};
pub use take::slice;

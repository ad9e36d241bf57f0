//! Values of the language.
//!
//! Sixteen bytes each: atoms lie in the value itself, everything else is shared by reference
//! count and copied when it is changed while somebody else holds it. Reading order: the value
//! and its parts, then how values are built, taken apart, compared, ordered, hashed and searched.

mod kind;

mod dict;
mod function;
mod grave;
mod list;
mod table;
mod temporal;

mod build;
mod convert;
mod hash;
mod item;
mod matching;
mod met;
mod order;
mod search;
mod size;

pub use dict::Dict;
pub use function::{Adverb, Derived, Function, Projection};
pub use grave::bury;
pub use hash::{hash, hash_item};
pub use kind::{Kind, NULL, Value, is_null_float};
pub use list::List;
pub use matching::{atoms_match, matches};
pub use order::{compare, compare_float_float, compare_int_float};
pub use search::position;
pub use size::{
    Growth, ITEMS_MAX, check_bytes, check_items, check_lists, count_items, limit_bytes, product,
    room, set_limit_bytes,
};
pub use table::Table;
pub use temporal::Temporal;

//! The messages of the market: what the tasks ticker, vwap, alert and record agree on.
//!
//! One file, which each of these crates includes, so that the layout cannot differ.

use okernel_sdk::Pod;

/// The largest number of a symbol that the tasks of the market take.
pub const SYMBOL_MAX: u64 = 65_535;

/// Something was traded.
#[derive(Clone, Copy, PartialEq, Debug, Default, Pod)]
#[repr(C)]
pub struct Trade {
    /// When, in nanoseconds since the feed began.
    pub time_ns: u64,
    /// At which price.
    pub price: f64,
    /// How much.
    pub size: u64,
    /// What: a number up to [`SYMBOL_MAX`].
    pub symbol: u64,
}

/// The volume-weighted average price of the last trades of one symbol.
#[derive(Clone, Copy, PartialEq, Debug, Default, Pod)]
#[repr(C)]
pub struct Average {
    /// When the last of these trades was, in nanoseconds since the feed began.
    pub time_ns: u64,
    /// The average price.
    pub price: f64,
    /// How much was traded in all.
    pub volume: u64,
    /// What: a number up to [`SYMBOL_MAX`].
    pub symbol: u64,
}

//! A trade as it lies in the ring: the contract with whoever feeds it.

use okernel_sdk::Pod;

/// One trade.
#[derive(Clone, Copy, PartialEq, Debug, Pod)]
#[repr(C)]
pub struct Trade {
    /// When it happened, in nanoseconds since the market opened.
    pub time_ns: u64,
    /// The price of one piece.
    pub price: f64,
    /// How many pieces.
    pub size: u64,
    /// What was traded.
    pub symbol: u64,
}

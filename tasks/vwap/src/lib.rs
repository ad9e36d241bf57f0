//! Volume-weighted average price of every symbol of a feed of trades.

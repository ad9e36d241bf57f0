//! Counts and checksums a feed of trades.

//! Tells when a price leaves its moving average.

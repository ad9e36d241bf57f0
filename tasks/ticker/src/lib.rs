//! A seeded feed of synthetic trades.

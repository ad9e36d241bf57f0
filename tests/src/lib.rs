//! What the integration tests share: the corpus they make and the native yardsticks.

pub mod corpus;
pub mod words;

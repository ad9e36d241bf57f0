//! Receives what pump publishes, checks it and tells how long it took.

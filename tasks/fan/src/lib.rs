//! Copies each message to all of its rings, or deals them out in turn.

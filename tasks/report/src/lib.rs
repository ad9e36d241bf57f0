//! Prints counted words.

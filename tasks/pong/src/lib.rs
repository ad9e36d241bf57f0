//! Sends back every number that ping sends.

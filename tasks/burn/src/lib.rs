//! Computes for ever and never gives its turn back.

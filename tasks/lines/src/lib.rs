//! Streams a file into a ring, whole or in the ranges it is asked for.

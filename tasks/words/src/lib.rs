//! Counts the words of a stream of bytes and sends the commonest.

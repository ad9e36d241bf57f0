//! Measures round trips to pong over two rings.

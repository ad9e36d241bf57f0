//! The integration tests: one binary, driving the real `okernel`.

mod command_line;
mod conformance;
mod golden;
mod hostile;
mod interrupt;
mod readme;
mod selectors;
mod shell;
mod support;
mod tidy;
mod words;

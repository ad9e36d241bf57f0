//! The integration tests: one binary, driving the real `okernel`.

mod attach;
mod benches;
mod browser;
mod command_line;
mod conformance;
mod console;
mod faults;
mod golden;
mod grants;
mod hostile;
mod hot;
mod interrupt;
mod limits;
mod neighbours;
mod pty;
mod readme;
mod selectors;
mod server;
mod shell;
mod supervision;
mod support;
mod tidy;
mod web;
mod webdriver;
mod words;

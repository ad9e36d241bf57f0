//! The kernel with native tasks: scheduling, preemption, messages, timers, console, halting.

mod support;

mod bus;
mod churn;
mod console;
mod contexts;
mod halting;
mod interrupts;
mod preemption;
mod requests;
mod sharing;
mod stats;
mod timers;
mod wakeups;

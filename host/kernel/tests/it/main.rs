//! The kernel with native tasks: scheduling, preemption, messages, timers, console, halting.

mod mover;
mod puppets;
mod relay;
mod support;

mod attenuations;
mod beginnings;
mod bus;
mod capabilities;
mod churn;
mod console;
mod contexts;
mod files;
mod followed;
mod halting;
mod interrupts;
mod limits;
mod moves;
mod preemption;
mod relations;
mod requests;
mod sessions;
mod sharing;
mod simulated;
mod simulated_supervision;
mod sockets;
mod stats;
mod supervised_rings;
mod supervision;
mod timers;
mod wakeups;
mod web_sockets;

//! The system calls, each a function of its name.
//!
//! They translate: numbers into handles, alleged addresses into checked ranges, the kernel's answers
//! into numbers. What a call means is written in the table of the ABI; what it does is the kernel's
//! or the ring's business. The fast ones (claiming, committing, reading, releasing) take one look at
//! the task's handles and touch no memory of the guest.

mod file;
mod handles;
mod metered;
mod ring;
mod task;
mod world;

use wasmtime::Caller;

use super::state::State;

pub(super) use file::{file_read, file_resize, file_size, file_write};
pub(super) use handles::{close, grant, grant_info, grants, handle_kind, wait};
pub(super) use ring::{
    file_publish, pub_claim, pub_commit, pub_write, ring_info, ring_map, sub_missed, sub_peek,
    sub_readable, sub_release,
};
pub(super) use task::{args, executed, fault, input, memory, pause, reply, report, request, state};
pub(super) use world::{
    clock, clock_utc, console_offer, console_write, log, seed, timer_set, timer_take,
};

/// Who calls.
type Guest<'a, 'b> = &'a mut Caller<'b, State>;

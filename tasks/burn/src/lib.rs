//! Computes for ever and never gives its turn back.
//!
//! What the kernel does with it is the point: the other tasks of the core get their turns all the same, because a
//! task that computes for too long is suspended in the middle of `poll` and goes on in its next turn. No grants.

use okernel_sdk::{Context, Poll, Task};
use std::hint::black_box;

/// The task.
#[derive(Default)]
pub struct Burn {
    rounds: u64,
}

#[okernel_sdk::task]
impl Task for Burn {
    fn poll(&mut self, _: &mut Context) -> Poll {
        loop {
            self.rounds = black_box(self.rounds.wrapping_add(1));
        }
    }
}

//! Computes for ever and never gives its turn back.
//!
//! It shows that such a task delays no other: the kernel suspends it in the middle of its `poll`, and goes
//! on with it in its next turn.
//!
//! Grants: none. Argument: after how many rounds it ends (never). A round takes about a nanosecond.

use core::hint::black_box;
use okernel_sdk::{Context, Error, Poll, Result, Task};

#[derive(Default)]
struct Burn {
    rounds: u64,
}

#[okernel_sdk::task]
impl Task for Burn {
    fn init(&mut self, ctx: &mut Context) -> Result<()> {
        self.rounds = match ctx.args()?.first() {
            Some(text) => text.parse().map_err(|_| {
                Error::message(format!(
                    "how many rounds? expected a number, not \"{text}\""
                ))
            })?,
            None => u64::MAX,
        };
        Ok(())
    }

    fn poll(&mut self, _: &mut Context) -> Poll {
        let mut state = 1u64;
        for round in 0..self.rounds {
            // Without `black_box` the compiler would see that nobody needs the result.
            state = black_box(state.rotate_left(5) ^ round);
        }
        Poll::End
    }
}

#[cfg(test)]
mod tests {
    use super::Burn;
    use okernel_sdk::testing::Harness;

    #[test]
    fn ends_when_it_is_told_to_and_in_one_turn() {
        let done = Harness::new().args(["100000"]).run_task(Burn::default());
        assert_eq!((done.result, done.polls), (Ok(()), 1));
        let done = Harness::new().args(["long"]).run_task(Burn::default());
        assert!(done.result.unwrap_err().to_string().contains("\"long\""));
    }
}

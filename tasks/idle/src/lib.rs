//! Waits for numbers and does nothing with them; without anything to wait for it ends at once.
//!
//! The least that a task can be: the benches spawn it by the thousand, to see what a task costs while it
//! does nothing, and what its beginning and end cost.
//!
//! Grant: [`in`], a subscriber of u64. Ends when it closes, or in its first turn without it.

use okernel_sdk::{Context, OpenError, Result};

/// The task.
///
/// # Errors
/// The grant is something else than a subscriber.
#[okernel_sdk::task]
pub async fn main(ctx: Context) -> Result<()> {
    let mut input = match ctx.subscriber::<u64>("in") {
        Ok(input) => input,
        Err(OpenError::NotGranted { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    while input.next().await?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::testing::Harness;

    #[test]
    fn ends_with_its_ring_or_at_once() {
        let done = Harness::new().feed("in", &[1u64, 2, 3]).run(main);
        assert_eq!(done.result, Ok(()));
        let done = Harness::new().run(main);
        assert_eq!((done.result, done.polls), (Ok(()), 1));
    }
}

//! Sends back every number that ping sends.
//!
//! Grants: `in`, a subscriber of u64; `out`, a publisher of u64. Argument: `sleep` (the default: waits
//! until a number comes) or `spin` (looks again and again). Ends when `in` closes.

use okernel_sdk::{Context, Error, Publisher, RecvError, Result, Subscriber, yield_now};

/// How often an empty ring is looked at again before the turn ends: a look takes some nanoseconds, a turn many times
/// that.
const LOOKS: usize = 1000;

/// The task.
///
/// # Errors
/// A grant is missing, or the argument is unknown.
#[okernel_sdk::task(wants("in: subscriber", "out: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    let (mut input, mut out) = (ctx.subscriber("in")?, ctx.publisher("out")?);
    match ctx.args()?.first().map(String::as_str) {
        None | Some("sleep") => sleep(&mut input, &mut out).await,
        Some("spin") => spin(&mut input, &mut out).await,
        Some(other) => Err(Error::message(format!(
            "expected spin or sleep, not \"{other}\""
        ))),
    }
}

async fn sleep(input: &mut Subscriber<u64>, out: &mut Publisher<u64>) -> Result<()> {
    while let Some(number) = input.next().await? {
        // What was sent is published when the next `recv` finds nothing: no flush is needed.
        out.send(number).await?;
    }
    Ok(())
}

async fn spin(input: &mut Subscriber<u64>, out: &mut Publisher<u64>) -> Result<()> {
    loop {
        match look(input) {
            Ok(number) => {
                out.send(number).await?;
                out.flush()?;
            }
            // A task that yields without waiting for anything is polled again in its core's next turn.
            Err(RecvError::Empty) => yield_now().await,
            Err(RecvError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Looks until there is something, but not for ever.
fn look(input: &mut Subscriber<u64>) -> Result<u64, RecvError> {
    for _ in 1..LOOKS {
        match input.try_recv() {
            Err(RecvError::Empty) => {}
            answer => return answer,
        }
    }
    input.try_recv()
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::testing::Harness;

    #[test]
    fn everything_comes_back_in_order() {
        let numbers: Vec<u64> = (0..5000).map(|n| n * n).collect();
        for args in [vec![], vec!["sleep"], vec!["spin"]] {
            let harness = Harness::new()
                .seams(5)
                .feed("in", &numbers)
                .collect("out", 4096);
            let done = harness.args(args).run(main);
            assert_eq!(done.result, Ok(()));
            assert_eq!(done.sent::<u64>("out"), numbers);
        }
    }

    #[test]
    fn an_unknown_argument_is_named() {
        let harness = Harness::new().feed("in", &[1u64]).collect("out", 4096);
        let error = harness.args(["run"]).run(main).result.unwrap_err();
        assert_eq!(error.to_string(), "expected spin or sleep, not \"run\"");
    }
}

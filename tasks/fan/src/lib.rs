//! Copies each message to all of its rings, or deals them out in turn.
//!
//! Messages are eight bytes long. Nothing is lost: the slowest reader sets the pace.
//!
//! Grants: `in`, a subscriber; `out0`, `out1`, .. publishers, as many as there are. Argument: `all` (the
//! default: each message goes to every ring) or `deal` (the first goes to `out0`, the second to `out1`, and
//! so on, in turn).

use okernel_sdk::{Context, Error, OpenError, Publisher, Result, Subscriber};

/// A message, whatever it means.
type Message = [u8; 8];

/// The task.
///
/// # Errors
/// A grant is missing, the argument is unknown, or the kernel refused.
#[okernel_sdk::task(wants("in: subscriber", "out0: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    let mut input = ctx.subscriber::<Message>("in")?;
    let mut outs = outs(&ctx)?;
    match ctx.args()?.first().map(String::as_str) {
        None | Some("all") => all(&mut input, &mut outs).await,
        Some("deal") => deal(&mut input, &mut outs).await,
        Some(other) => Err(Error::message(format!(
            "expected all or deal, not \"{other}\""
        ))),
    }
}

/// Opens `out0`, `out1`, .. until there are no more; at least one.
fn outs(ctx: &Context) -> Result<Vec<Publisher<Message>>> {
    let mut outs = vec![ctx.publisher("out0")?];
    loop {
        match ctx.publisher(&format!("out{}", outs.len())) {
            Ok(out) => outs.push(out),
            Err(OpenError::NotGranted { .. }) => return Ok(outs),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn all(input: &mut Subscriber<Message>, outs: &mut [Publisher<Message>]) -> Result<()> {
    while let Some(batch) = input.next_batch().await? {
        for out in outs.iter_mut() {
            out.send_all(&batch).await?;
        }
        batch.release();
    }
    Ok(())
}

async fn deal(input: &mut Subscriber<Message>, outs: &mut [Publisher<Message>]) -> Result<()> {
    let mut turn = 0;
    let mut hand = Vec::new();
    while let Some(batch) = input.next_batch().await? {
        let players = outs.len();
        for (player, out) in outs.iter_mut().enumerate() {
            let first = (player + players - turn) % players;
            hand.clear();
            hand.extend(batch.iter().skip(first).step_by(players));
            out.send_all(&hand).await?;
        }
        turn = (turn + batch.len()) % players;
        batch.release();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::testing::{Done, Harness};

    fn fanned(numbers: &[u64], outs: usize, args: &[&str]) -> Done {
        let mut harness = Harness::new()
            .seams(3)
            .feed("in", numbers)
            .args(args.iter().copied());
        for out in 0..outs {
            harness = harness.collect(&format!("out{out}"), 4096 << out);
        }
        harness.run(main)
    }

    #[test]
    fn everyone_gets_all() {
        let numbers: Vec<u64> = (0..5000).map(|n| n * n).collect();
        for outs in 1..4 {
            let done = fanned(&numbers, outs, &[]);
            assert_eq!(done.result, Ok(()));
            for out in 0..outs {
                assert_eq!(done.sent::<u64>(&format!("out{out}")), numbers);
            }
        }
    }

    #[test]
    fn everyone_gets_a_share_in_turn() {
        let numbers: Vec<u64> = (0..5000).collect();
        for outs in 1..4 {
            let done = fanned(&numbers, outs, &["deal"]);
            assert_eq!(done.result, Ok(()));
            for out in 0..outs {
                let expected: Vec<u64> = (out as u64..5000).step_by(outs).collect();
                assert_eq!(done.sent::<u64>(&format!("out{out}")), expected);
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = fanned(&[], 0, &[]).result.unwrap_err().to_string();
        assert_eq!(error, "not granted: \"out0\" (publisher)");
        let error = fanned(&[], 1, &["some"]).result.unwrap_err().to_string();
        assert_eq!(error, "expected all or deal, not \"some\"");
    }
}

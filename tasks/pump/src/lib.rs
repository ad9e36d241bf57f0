//! Publishes 0, 1, 2.. as fast as it goes, in batches.
//!
//! Grants: `out`, a publisher of u64. Arguments: the size of a batch, how many messages in all, and `spin` to ask
//! for room again and again instead of sleeping until there is some.

use okernel_sdk::{ClaimError, Context, Error, Publisher, Result};
use std::hint::spin_loop;

/// The task.
///
/// # Errors
/// A grant or an argument is missing, or a batch is larger than the ring.
#[okernel_sdk::task(wants("out: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    let args = ctx.args()?;
    let (batch, messages, spins) = match args.as_slice() {
        [batch, messages] => (number(batch)?, number(messages)?, false),
        [batch, messages, mode] => (number(batch)?, number(messages)?, mode == "spin"),
        _ => return Err(Error::message("expected: batch messages [spin|sleep]")),
    };
    let batch = usize::try_from(batch).unwrap_or(usize::MAX).max(1);
    let mut out = ctx.publisher::<u64>("out")?;
    let mut next = 0;
    while next < messages {
        let count = batch.min(usize::try_from(messages - next).unwrap_or(usize::MAX));
        if spins {
            spin(&mut out, count)?;
        }
        if count == 1 {
            // Single messages are gathered by the publisher, which publishes them in blocks.
            out.send(next).await?;
        } else {
            let mut claim = out.claim(count).await?;
            for (message, number) in claim.iter_mut().zip(next..) {
                *message = number;
            }
            claim.commit()?;
        }
        next += count as u64;
    }
    Ok(())
}

/// Asks until there is room.
fn spin(out: &mut Publisher<u64>, count: usize) -> Result<()> {
    loop {
        match out.try_claim(count) {
            Ok(_) => return Ok(()),
            Err(ClaimError::Full) => spin_loop(),
            Err(error) => return Err(error.into()),
        }
    }
}

fn number(text: &str) -> Result<u64> {
    let number = text.parse();
    number.map_err(|_| Error::message(format!("expected a number, not \"{text}\"")))
}

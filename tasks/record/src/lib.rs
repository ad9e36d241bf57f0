//! Counts and checksums a feed of trades.
//!
//! Grants: `in`, a subscriber of trades, which may be one that is overtaken; `console`; and, optional, `clock`. At the end it prints
//! `trades N missed M checksum C`, and with a clock also `ns T`, the time from the first trade to the last.

#[path = "../../ticker/src/market.rs"]
pub mod market;

use market::Trade;
use okernel_sdk::{Clock, Context, OpenError, RecvError, Result, as_bytes};

/// The checksum of no trades, and the factor of each step (FNV-1a, over words of eight bytes).
const CHECKSUM_START: u64 = 0xcbf2_9ce4_8422_2325;
const CHECKSUM_FACTOR: u64 = 0x0000_0100_0000_01b3;

/// The task.
///
/// # Errors
/// A grant is missing.
#[okernel_sdk::task(wants("in: subscriber", "console", "clock"))]
pub async fn main(ctx: Context) -> Result<()> {
    let mut input = ctx.subscriber::<Trade>("in")?;
    let clock = match ctx.clock("clock") {
        Ok(clock) => Some(clock),
        Err(OpenError::NotGranted { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let now_ns = || clock.as_ref().map(Clock::now_ns).transpose();
    let (mut trades, mut missed, mut checksum) = (0u64, 0u64, CHECKSUM_START);
    let (mut first_ns, mut last_ns) = (None, None);
    loop {
        match input.batch().await {
            Ok(batch) => {
                trades += batch.len() as u64;
                checksum = add(checksum, &batch);
                batch.release();
                last_ns = now_ns()?;
                first_ns = first_ns.or(last_ns);
            }
            Err(RecvError::Lapped { missed_bytes }) => {
                missed += missed_bytes / size_of::<Trade>() as u64;
            }
            Err(RecvError::Closed) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let time = match (first_ns, last_ns) {
        (Some(first_ns), Some(last_ns)) => format!(" ns {}", last_ns - first_ns),
        _ => String::new(),
    };
    let line = format!("trades {trades} missed {missed} checksum {checksum:016x}{time}\n");
    ctx.console()?.print(line).await
}

/// The checksum after more trades.
fn add(checksum: u64, trades: &[Trade]) -> u64 {
    let (words, _) = as_bytes(trades).as_chunks::<8>();
    words.iter().fold(checksum, |checksum, word| {
        (checksum ^ u64::from_le_bytes(*word)).wrapping_mul(CHECKSUM_FACTOR)
    })
}

#[cfg(test)]
mod tests {
    use super::main;
    use super::market::Trade;
    use okernel_sdk::testing::{Done, Harness};

    fn trades() -> Vec<Trade> {
        let trade = |number: u64| Trade {
            time_ns: number,
            price: number as f64,
            size: 1,
            symbol: 0,
        };
        (0..5000).map(trade).collect()
    }

    fn run(seed: u64, trades: &[Trade]) -> Done {
        Harness::new()
            .seams(seed)
            .feed("in", trades)
            .console("console")
            .run(main)
    }

    #[test]
    fn the_checksum_depends_on_the_trades_alone() {
        let mut trades = trades();
        let first = run(1, &trades);
        assert_eq!(first.result, Ok(()));
        assert!(first.console.starts_with(b"trades 5000 missed 0 checksum "));
        assert_eq!(run(2, &trades).console, first.console);
        trades.swap(7, 8);
        assert_ne!(run(1, &trades).console, first.console);
    }

    #[test]
    fn what_is_missed_is_counted() {
        let trades = trades();
        let done = Harness::new()
            .ring("ring", 65536)
            .publisher("out", "ring")
            .task(async |ctx| {
                let mut out = ctx.publisher::<Trade>("out")?;
                out.send_all(&trades).await?;
                Ok(())
            })
            .lapped_subscriber("in", "ring")
            .console("console")
            .clock("clock")
            .run(main);
        assert_eq!(done.result, Ok(()));
        let printed = String::from_utf8_lossy(&done.console);
        let figures: Vec<u64> = printed
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        assert_eq!(figures[0] + figures[1], 5000, "{printed}");
    }
}

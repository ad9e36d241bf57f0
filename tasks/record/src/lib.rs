//! Counts and checksums a feed of trades.
//!
//! A second reader beside those that compute: the same feed always has the same checksum. If its spawner
//! lets it be overtaken (policy `lap`), it says how many bytes it has missed.
//!
//! Grants: `in`, a subscriber of [`Trade`]s; `clock`; `console`. Prints at the end
//! `record trades N checksum X missed B bytes, R trades/s`.

mod trade;

pub use trade::Trade;

use okernel_sdk::serde::{Deserialize, Serialize};
use okernel_sdk::{Context, Persist, RecvError, Result, State};

/// Odd, with bits in no pattern (from the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

const NS_PER_SECOND: f64 = 1e9;

/// What was recorded so far: it survives an upgrade of the task.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(crate = "okernel_sdk::serde")]
pub struct Record {
    trades: u64,
    sum: u64,
    missed_bytes: u64,
    /// When the first trade came, by the clock.
    started_ns: Option<u64>,
}

impl Persist for Record {
    const VERSION: u32 = 1;
}

/// The task.
///
/// # Errors
/// A grant is missing, or the kernel refused.
#[okernel_sdk::task(wants("in: subscriber", "clock", "console"))]
pub async fn main(ctx: Context, state: State<Record>) -> Result<()> {
    let mut input = ctx.subscriber::<Trade>("in")?;
    let (clock, console) = (ctx.clock("clock")?, ctx.console()?);

    loop {
        let next = input.next_batch().await;
        let mut record = state.borrow_mut();
        match next {
            Ok(Some(batch)) => {
                if record.started_ns.is_none() {
                    record.started_ns = Some(clock.now_ns()?);
                }
                record.sum = batch.iter().fold(record.sum, checksum);
                record.trades += batch.len() as u64;
                batch.release();
            }
            Ok(None) => break,
            Err(RecvError::Lapped { missed_bytes }) => record.missed_bytes += missed_bytes,
            Err(error) => return Err(error.into()),
        }
    }
    let record = state.borrow();
    let Record {
        trades,
        sum,
        missed_bytes,
        started_ns,
    } = *record;
    let now_ns = clock.now_ns()?;
    let took_ns = (now_ns - started_ns.unwrap_or(now_ns)).max(1);
    let rate = trades as f64 * NS_PER_SECOND / took_ns as f64;
    let line = format!(
        "record trades {trades} checksum {sum:016x} missed {missed_bytes} bytes, {rate:.0} trades/s\n"
    );
    console.print(line).await
}

/// Adds a trade to a checksum. Order matters, and every bit does.
fn checksum(sum: u64, trade: &Trade) -> u64 {
    let words = [
        trade.time_ns,
        trade.price.to_bits(),
        trade.size,
        trade.symbol,
    ];
    words.into_iter().fold(sum, |sum, word| {
        (sum.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER)
    })
}

#[cfg(test)]
mod tests {
    use super::{Trade, checksum};
    use okernel_sdk::testing::Harness;
    use okernel_sdk::{Context, Result, State};

    async fn main(ctx: Context) -> Result<()> {
        super::main(ctx, State::default()).await
    }

    fn trades(count: u64) -> Vec<Trade> {
        let trade = |n: u64| Trade {
            time_ns: n,
            price: n as f64 / 7.0,
            size: n % 9,
            symbol: n % 3,
        };
        (0..count).map(trade).collect()
    }

    fn line(trades: &[Trade]) -> String {
        let harness = Harness::new().seams(2).feed("in", trades);
        let done = harness.clock("clock").console("console").run(main);
        assert_eq!(done.result, Ok(()));
        String::from_utf8(done.console).unwrap()
    }

    #[test]
    fn counts_and_sums_all() {
        let trades = trades(3000);
        let sum = trades.iter().fold(0, checksum);
        let expected = format!("record trades 3000 checksum {sum:016x} missed 0 bytes, ");
        assert!(line(&trades).starts_with(&expected), "{}", line(&trades));
        assert!(line(&[]).starts_with("record trades 0 checksum 0000000000000000 missed 0"));
    }

    #[test]
    fn every_change_changes_the_sum() {
        let trades = trades(10);
        let sum = |trades: &[Trade]| trades.iter().fold(0, checksum);
        let mut other = trades.clone();
        other.swap(3, 4);
        assert_ne!(sum(&trades), sum(&other));
        let mut other = trades.clone();
        other[9].price = -other[9].price;
        assert_ne!(sum(&trades), sum(&other));
    }

    #[test]
    fn what_was_missed_is_told() {
        let feed = trades(500);
        let harness = Harness::new().ring("r", 4096).publisher("out", "r");
        let harness = harness.task(async move |ctx| {
            let mut out = ctx.publisher::<Trade>("out")?;
            Ok(out.send_all(&feed).await?)
        });
        let harness = harness
            .lapped_subscriber("in", "r")
            .clock("clock")
            .console("console");
        let done = harness.run(main);
        let text = String::from_utf8(done.console).unwrap();
        let figure = |word: &str| {
            let mut words = text.split_whitespace().skip_while(|other| *other != word);
            words
                .nth(1)
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap()
        };
        assert!(figure("missed") > 0, "{text}");
        assert_eq!(figure("trades") * 32 + figure("missed"), 500 * 32);
    }
}

//! A seeded feed of synthetic trades.
//!
//! Grants: `out`, a publisher of [`Trade`]s; `timer`, if there is a rate; and, both optional, `told`, a
//! publisher of values, to which the number of trades is sent when all are out, and `until`, a subscriber
//! of values: the feed then stays open until a value comes there, so that somebody can look at it.
//! Arguments: seed (1), number of trades (1000000), trades per second (0: as fast as it goes).

mod trade;

pub use trade::{Market, SYMBOLS, Trade};

use core::time::Duration;
use okernel_sdk::{Context, Error, OpenError, Publisher, Result, Value};

/// Time between two bursts of trades when there is a rate.
const BEAT: Duration = Duration::from_millis(1);

/// Trades that are made up at a time.
const BATCH: u64 = 256;

/// Time between two trades by the market's own clock when there is no rate, in nanoseconds.
const GAP_NS: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    trades: u64,
    rate: u64,
}

/// The task.
///
/// # Errors
/// A grant is missing, an argument is no number, or the kernel refused.
#[okernel_sdk::task(wants("out: publisher", "timer?", "told?: publisher", "until?: subscriber"))]
pub async fn main(ctx: Context) -> Result<()> {
    let plan = Plan::parse(&ctx.args()?)?;
    let mut out = ctx.publisher::<Trade>("out")?;
    let gap_ns = Duration::from_secs(1).as_nanos() as u64 / plan.rate.max(1);
    match plan.rate {
        0 => send(&mut out, &mut Market::new(plan.seed, GAP_NS), plan.trades).await?,
        rate => {
            paced(
                &ctx,
                &mut out,
                Market::new(plan.seed, gap_ns),
                plan.trades,
                rate,
            )
            .await?
        }
    }
    out.flush()?;
    if let Some(mut told) = optional(ctx.frame_publisher("told"))? {
        told.send_value(&Value::Int(plan.trades as i64)).await?;
    }
    if let Some(mut until) = optional(ctx.frame_subscriber("until"))? {
        until.next().await?;
    }
    Ok(())
}

/// What was granted, or nothing.
fn optional<T>(opened: Result<T, OpenError>) -> Result<Option<T>> {
    match opened {
        Ok(end) => Ok(Some(end)),
        Err(OpenError::NotGranted { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Plan {
    fn parse(args: &[String]) -> Result<Plan> {
        let number = |at: usize, what: &str, default: u64| match args.get(at) {
            Some(text) => text.parse().map_err(|_| {
                Error::message(format!("expected the {what}, a number, not \"{text}\""))
            }),
            None => Ok(default),
        };
        Ok(Plan {
            seed: number(0, "seed", 1)?,
            trades: number(1, "number of trades", 1_000_000)?,
            rate: number(2, "trades per second", 0)?,
        })
    }
}

/// Sends so many trades, waiting for room. They are made up where they lie in the ring.
async fn send(out: &mut Publisher<Trade>, market: &mut Market, trades: u64) -> Result<()> {
    let mut left = trades;
    while left > 0 {
        let mut claim = out.claim_some(left.min(BATCH) as usize).await?;
        claim.fill_with(|| market.trade());
        left -= claim.len() as u64;
        claim.commit()?;
    }
    Ok(())
}

/// Sends trades at a rate: at each beat as many as are due by then. A beat that comes late makes up for it.
async fn paced(
    ctx: &Context,
    out: &mut Publisher<Trade>,
    mut market: Market,
    trades: u64,
    rate: u64,
) -> Result<()> {
    let beats_per_second =
        u128::from(Duration::from_secs(1).as_nanos() as u64 / BEAT.as_nanos() as u64);
    let mut beat = ctx.timers("timer")?.interval(BEAT)?;
    let (mut beats, mut sent) = (0u64, 0);
    while sent < trades {
        beats += beat.tick().await?;
        let due = u128::from(beats) * u128::from(rate) / beats_per_second;
        let due = u64::try_from(due).unwrap_or(u64::MAX).min(trades);
        send(out, &mut market, due - sent).await?;
        out.flush()?;
        sent = due;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Market, Trade, main};
    use okernel_sdk::Value;
    use okernel_sdk::testing::{Done, Harness};

    fn fed(args: &[&str]) -> Done {
        let harness = Harness::new().collect("out", 8192).timers("timer");
        harness.args(args.iter().copied()).run(main)
    }

    #[test]
    fn the_trades_of_the_market() {
        for args in [&["7", "5000"][..], &["7", "5000", "0"]] {
            let mut market = Market::new(7, 1000);
            let expected: Vec<Trade> = (0..5000).map(|_| market.trade()).collect();
            let done = fed(args);
            assert_eq!(done.result, Ok(()));
            assert_eq!(done.sent::<Trade>("out"), expected);
        }
        assert!(fed(&["7", "0"]).sent::<Trade>("out").is_empty());
    }

    #[test]
    fn a_rate_is_kept() {
        for (trades, rate, ms) in [
            ("5000", "1000000", 5),
            ("100", "1000", 100),
            ("3", "7", 429),
        ] {
            let done = fed(&["1", trades, rate]);
            assert_eq!(done.result, Ok(()));
            assert_eq!(done.sent::<Trade>("out").len().to_string(), trades);
            assert_eq!(done.now_ns, ms * 1_000_000, "{trades} at {rate}");
        }
    }

    #[test]
    fn tells_when_all_are_out_and_stays_until_it_may_go() {
        let go = Value::Int(1).to_bytes();
        let harness = Harness::new().collect("out", 8192).collect("told", 4096);
        let done = harness
            .feed_frames("until", &[(1, &go)])
            .args(["1", "300"])
            .run(main);
        assert_eq!(done.result, Ok(()));
        assert_eq!(done.values("told"), [Value::Int(300)]);
        // Nobody says that it may go: it waits.
        let harness = Harness::new().collect("out", 8192).ring("never", 4096);
        let done = harness
            .subscriber("until", "never")
            .args(["1", "300"])
            .run(main);
        assert!(done.result.is_err());
        assert_eq!(done.sent::<Trade>("out").len(), 300);
    }

    #[test]
    fn mistakes_are_named() {
        let error = fed(&["7", "many"]).result.unwrap_err().to_string();
        assert_eq!(
            error,
            "expected the number of trades, a number, not \"many\""
        );
        let done = Harness::new()
            .collect("out", 8192)
            .args(["1", "2", "3"])
            .run(main);
        assert_eq!(
            done.result.unwrap_err().to_string(),
            "not granted: \"timer\" (timer)"
        );
    }
}

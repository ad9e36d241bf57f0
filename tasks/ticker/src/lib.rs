//! A seeded feed of synthetic trades.
//!
//! Grants: `out`, a publisher of trades; `timer`, if a rate is asked for. Arguments, each `name=value`: `seed` (1), `count` of trades
//! (1000000, 0 for ever), `rate` in trades per second (0: as fast as it goes), `symbols` (16). The same seed gives the same
//! trades, whatever the rate.

pub mod market;

use market::{SYMBOL_MAX, Trade};
use okernel_sdk::{Context, Error, Publisher, Result};
use std::time::Duration;

/// Trades that are written at a time.
const BATCH: u64 = 256;

/// How often trades are sent when a rate is asked for.
const BEAT: Duration = Duration::from_millis(5);

/// Price of every symbol in the beginning.
const PRICE_START: f64 = 100.0;

/// The task.
///
/// # Errors
/// A grant is missing, or an argument is unknown.
#[okernel_sdk::task(wants("out: publisher", "timer"))]
pub async fn main(ctx: Context) -> Result<()> {
    let options = Options::parse(&ctx.args()?)?;
    let mut out = ctx.publisher::<Trade>("out")?;
    let mut feed = Feed::new(options.seed, options.symbols);
    let mut left = options.count;
    if options.rate == 0 {
        while left > 0 {
            let sent = send(&mut out, &mut feed, left.min(BATCH)).await?;
            left -= sent;
        }
        return Ok(());
    }
    let mut beat = ctx.timers("timer")?.interval(BEAT)?;
    let (mut beats, mut sent) = (0u64, 0u64);
    while left > 0 {
        beats += beat.tick().await?;
        // Reckoned from the beginning, so that nothing is lost to rounding or to a late turn.
        let due = u128::from(beats) * BEAT.as_micros() * u128::from(options.rate) / 1_000_000;
        while u128::from(sent) < due && left > 0 {
            let now = u64::try_from(due - u128::from(sent)).unwrap_or(u64::MAX);
            let count = send(&mut out, &mut feed, now.min(left).min(BATCH)).await?;
            sent += count;
            left -= count;
        }
        out.flush()?;
    }
    Ok(())
}

/// Sends up to so many trades; answers how many there was room for.
async fn send(out: &mut Publisher<Trade>, feed: &mut Feed, count: u64) -> Result<u64> {
    let mut claim = out.claim_some(count as usize).await?;
    for trade in claim.iter_mut() {
        *trade = feed.next();
    }
    let sent = claim.len() as u64;
    claim.commit()?;
    Ok(sent)
}

/// What the arguments say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Options {
    seed: u64,
    count: u64,
    rate: u64,
    symbols: u64,
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options {
            seed: 1,
            count: 1_000_000,
            rate: 0,
            symbols: 16,
        };
        for arg in args {
            let wrong = || {
                Error::message(format!(
                    "expected seed=, count=, rate= or symbols= and a number, not \"{arg}\""
                ))
            };
            let (name, value) = arg.split_once('=').ok_or_else(wrong)?;
            let value: u64 = value.parse().map_err(|_| wrong())?;
            match name {
                "seed" => options.seed = value,
                "count" if value == 0 => options.count = u64::MAX,
                "count" => options.count = value,
                "rate" => options.rate = value,
                "symbols" if (1..=SYMBOL_MAX + 1).contains(&value) => options.symbols = value,
                "symbols" => {
                    return Err(Error::message(format!(
                        "symbols are 1 to {}",
                        SYMBOL_MAX + 1
                    )));
                }
                _ => return Err(wrong()),
            }
        }
        Ok(options)
    }
}

/// Trades that follow from a seed: each symbol's price walks at random.
struct Feed {
    state: u64,
    time_ns: u64,
    prices: Vec<f64>,
}

impl Feed {
    fn new(seed: u64, symbols: u64) -> Feed {
        Feed {
            state: seed,
            time_ns: 0,
            prices: vec![PRICE_START; symbols as usize],
        }
    }

    /// The next random number (splitmix64, by Steele, Lea and Flood).
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn next(&mut self) -> Trade {
        let random = self.random();
        let symbol = (random >> 32) % self.prices.len() as u64;
        let price = &mut self.prices[symbol as usize];
        // A step of up to a tenth of a percent either way, in whole cents, never below one.
        let step = (random & 0xffff) as f64 / 32_768.0 - 1.0;
        *price = ((*price * (1.0 + step / 1000.0)) * 100.0).round().max(1.0) / 100.0;
        self.time_ns += 1 + (random >> 16 & 0x7ff);
        Trade {
            time_ns: self.time_ns,
            price: *price,
            size: 1 + (random >> 24 & 0xff),
            symbol,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::main;
    use super::market::Trade;
    use okernel_sdk::testing::{Done, Harness};

    fn run(args: &[&str]) -> Done {
        Harness::new()
            .args(args.iter().copied())
            .timers("timer")
            .collect("out", 65536)
            .run(main)
    }

    #[test]
    fn a_seed_decides_the_trades() {
        let fast = run(&["seed=7", "count=10000"]);
        assert_eq!(fast.result, Ok(()));
        let trades = fast.sent::<Trade>("out");
        assert_eq!(trades.len(), 10_000);
        let slow = run(&["seed=7", "count=10000", "rate=1000000"]);
        assert_eq!(slow.sent::<Trade>("out"), trades);
        assert_ne!(run(&["seed=8", "count=10000"]).sent::<Trade>("out"), trades);
        for pair in trades.windows(2) {
            assert!(pair[0].time_ns < pair[1].time_ns);
        }
        assert!(trades.iter().all(|trade| trade.symbol < 16
            && trade.price >= 0.01
            && (1..=256).contains(&trade.size)));
        assert!((0..16).all(|symbol| trades.iter().any(|trade| trade.symbol == symbol)));
    }

    #[test]
    fn a_rate_is_kept() {
        let done = run(&["count=3000", "rate=1000"]);
        assert_eq!(done.sent::<Trade>("out").len(), 3000);
        assert_eq!(done.now_ns, 3_000_000_000);
    }

    #[test]
    fn mistakes_are_named() {
        let refusal = |arg| run(&[arg]).result.unwrap_err().to_string();
        assert!(refusal("speed=3").contains("not \"speed=3\""));
        assert!(refusal("rate=x").contains("not \"rate=x\""));
        assert_eq!(refusal("symbols=0"), "symbols are 1 to 65536");
    }
}

//! Tells when a price leaves its moving average.
//!
//! Each symbol has an exponential moving average of its prices. When a price is more than some percent away
//! from it, that is an alert, one until the price has come back. The average begins with the first price.
//!
//! Grants: `in`, a subscriber of [`Trade`]s; and, both optional, `out`, a publisher of [`Alert`]s, and
//! `console`, on which the number of alerts is printed at the end. Arguments: percent (1), trades that the
//! average is over (100).

mod trade;

pub use trade::Trade;

use okernel_sdk::{Context, Error, OpenError, Pod, Result};
use std::collections::BTreeMap;

/// How far a price may be from its average when the arguments do not say, in percent.
const PERCENT: f64 = 1.0;

/// Trades that the average is over when the arguments do not say.
const SPAN: f64 = 100.0;

/// Symbols that are watched at most: a feed may send any number as a symbol.
pub const SYMBOLS_MAX: usize = 100_000;

/// A price that has left its moving average.
#[derive(Clone, Copy, PartialEq, Debug, Pod)]
#[repr(C)]
pub struct Alert {
    /// When, in nanoseconds since the market opened.
    pub time_ns: u64,
    /// The price.
    pub price: f64,
    /// The moving average before it.
    pub average: f64,
    /// What was traded.
    pub symbol: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Within,
    Outside,
}

/// Watches prices.
#[derive(Debug)]
struct Watch {
    percent: f64,
    /// The part that a new price has in the average.
    weight: f64,
    symbols: BTreeMap<u64, (f64, Place)>,
}

/// The task.
///
/// # Errors
/// A grant is missing, an argument is wrong, or there are more than [`SYMBOLS_MAX`] symbols.
#[okernel_sdk::task(wants("in: subscriber", "out?: publisher", "console?"))]
pub async fn main(ctx: Context) -> Result<()> {
    let mut watch = Watch::new(&ctx.args()?)?;
    let mut input = ctx.subscriber::<Trade>("in")?;
    let mut out = optional(ctx.publisher::<Alert>("out"))?;
    let console = optional(ctx.console())?;

    let (mut trades, mut alerts) = (0, 0);
    while let Some(batch) = input.next_batch().await? {
        for trade in &*batch {
            if let Some(alert) = watch.see(trade)? {
                alerts += 1;
                if let Some(out) = &mut out {
                    out.send(alert).await?;
                }
            }
        }
        trades += batch.len();
        batch.release();
    }
    if let Some(console) = console {
        let percent = watch.percent;
        console
            .print(format!(
                "alerts {alerts} of {trades} trades beyond {percent} percent\n"
            ))
            .await?;
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

impl Watch {
    fn new(args: &[String]) -> Result<Watch> {
        let number = |at: usize, what: &str, least: f64, default: f64| match args.get(at) {
            Some(text) => match text.parse() {
                Ok(number) if number >= least && f64::is_finite(number) => Ok(number),
                _ => Err(Error::message(format!(
                    "expected the {what}, a number of at least {least}, not \"{text}\""
                ))),
            },
            None => Ok(default),
        };
        Ok(Watch {
            percent: number(0, "percentage", 0.0, PERCENT)?,
            weight: 2.0 / (number(1, "span of the average", 1.0, SPAN)? + 1.0),
            symbols: BTreeMap::new(),
        })
    }

    /// The next trade: an alert if its price has just left the average.
    fn see(&mut self, trade: &Trade) -> Result<Option<Alert>> {
        let Trade {
            time_ns,
            price,
            symbol,
            ..
        } = *trade;
        if !price.is_finite() {
            return Err(Error::message(format!(
                "symbol {symbol} has no price at {time_ns} ns"
            )));
        }
        if self.symbols.len() == SYMBOLS_MAX && !self.symbols.contains_key(&symbol) {
            return Err(Error::message(format!("more than {SYMBOLS_MAX} symbols")));
        }
        let (average, place) = self.symbols.entry(symbol).or_insert((price, Place::Within));
        let before = (*average, *place);
        *place = if (price - before.0).abs() > before.0.abs() * self.percent / 100.0 {
            Place::Outside
        } else {
            Place::Within
        };
        *average += (price - before.0) * self.weight;
        let has_left = (before.1, *place) == (Place::Within, Place::Outside);
        let average = before.0;
        Ok(has_left.then_some(Alert {
            time_ns,
            price,
            average,
            symbol,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Alert, Trade, main};
    use okernel_sdk::testing::{Done, Harness};

    fn trades(prices: &[(u64, f64)]) -> Vec<Trade> {
        let trade = |(time_ns, (symbol, price)): (u64, &(u64, f64))| Trade {
            time_ns,
            price: *price,
            size: 1,
            symbol: *symbol,
        };
        (0..).zip(prices).map(trade).collect()
    }

    fn watched(trades: &[Trade], args: &[&str]) -> Done {
        let harness = Harness::new()
            .seams(2)
            .feed("in", trades)
            .collect("out", 4096);
        harness
            .console("console")
            .args(args.iter().copied())
            .run(main)
    }

    #[test]
    fn one_alert_until_the_price_is_back() {
        // Over one trade the average is the price before.
        let prices = [
            (1, 100.0),
            (2, 50.0),
            (1, 100.5),
            (1, 110.0),
            (1, 125.0),
            (1, 125.5),
            (1, 100.0),
            (2, 50.4),
        ];
        let done = watched(&trades(&prices), &["1", "1"]);
        assert_eq!(done.result, Ok(()));
        let expected = [
            Alert {
                time_ns: 3,
                price: 110.0,
                average: 100.5,
                symbol: 1,
            },
            Alert {
                time_ns: 6,
                price: 100.0,
                average: 125.5,
                symbol: 1,
            },
        ];
        assert_eq!(done.sent::<Alert>("out"), expected);
        assert_eq!(done.console, b"alerts 2 of 8 trades beyond 1 percent\n");
    }

    #[test]
    fn the_average_moves_slowly() {
        // Over three trades a new price has half a part: the average is 100, 104, 108, 110.
        let prices = [(1, 100.0), (1, 108.0), (1, 112.0), (1, 112.0), (1, 130.0)];
        let averages = |percent| {
            let done = watched(&trades(&prices), &[percent, "3"]);
            let alerts = done.sent::<Alert>("out");
            alerts.iter().map(|alert| alert.average).collect::<Vec<_>>()
        };
        assert_eq!(averages("7.5"), [100.0, 110.0]);
        assert_eq!(averages("8"), [110.0]);
    }

    #[test]
    fn mistakes_are_named() {
        let failure =
            |trades: &[Trade], args: &[&str]| watched(trades, args).result.unwrap_err().to_string();
        let error = failure(&[], &["-1"]);
        assert_eq!(
            error,
            "expected the percentage, a number of at least 0, not \"-1\""
        );
        assert!(failure(&[], &["1", "nan"]).contains("\"nan\""));
        let error = failure(&trades(&[(4, f64::NAN)]), &[]);
        assert_eq!(error, "symbol 4 has no price at 0 ns");
    }
}

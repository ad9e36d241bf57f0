//! Volume-weighted average price of every symbol of a feed of trades.
//!
//! Grants: `in`, a subscriber of trades; `out`, a publisher of averages. Argument: over how many trades of a symbol each average
//! is taken (100). When the feed ends, what is left of each symbol is averaged too.

#[path = "../../ticker/src/market.rs"]
pub mod market;

use market::{Average, SYMBOL_MAX, Trade};
use okernel_sdk::{Context, Error, Result};

/// Trades in an average if nothing else is asked for.
const TRADES_DEFAULT: u64 = 100;

/// What was traded of one symbol since its last average.
#[derive(Clone, Copy, Default)]
struct Totals {
    trades: u64,
    volume: u64,
    turnover: f64,
    time_ns: u64,
}

impl Totals {
    fn add(&mut self, trade: &Trade) {
        self.trades += 1;
        self.volume = self.volume.saturating_add(trade.size);
        self.turnover += trade.price * trade.size as f64;
        self.time_ns = trade.time_ns;
    }

    fn average(&self, symbol: u64) -> Average {
        Average {
            time_ns: self.time_ns,
            price: self.turnover / self.volume as f64,
            volume: self.volume,
            symbol,
        }
    }
}

/// The task.
///
/// # Errors
/// A grant is missing, the argument is no number, or a symbol is out of range.
#[okernel_sdk::task(wants("in: subscriber", "out: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    let every = match ctx.args()?.first() {
        None => TRADES_DEFAULT,
        Some(text) => match text.parse() {
            Ok(every) if every > 0 => every,
            _ => {
                return Err(Error::message(format!(
                    "not a number of trades: \"{text}\""
                )));
            }
        },
    };
    let mut trades = ctx.subscriber::<Trade>("in")?;
    let mut out = ctx.publisher::<Average>("out")?;
    let mut symbols: Vec<Totals> = Vec::new();
    // Trades are read where they lie, a batch at a time; the few averages are sent one by one.
    while let Some(batch) = trades.next_batch().await? {
        for trade in batch.iter() {
            let totals = totals(&mut symbols, trade.symbol)?;
            totals.add(trade);
            if totals.trades == every {
                let average = std::mem::take(totals).average(trade.symbol);
                out.send(average).await?;
            }
        }
        batch.release();
    }
    for (symbol, totals) in symbols.iter().enumerate() {
        if totals.trades > 0 {
            out.send(totals.average(symbol as u64)).await?;
        }
    }
    Ok(())
}

/// The totals of a symbol. What comes from a ring is checked: the number decides how much memory is taken.
fn totals(symbols: &mut Vec<Totals>, symbol: u64) -> Result<&mut Totals> {
    if symbol > SYMBOL_MAX {
        let text = format!("a trade of symbol {symbol}: the largest is {SYMBOL_MAX}");
        return Err(Error::message(text));
    }
    let index = symbol as usize;
    if index >= symbols.len() {
        symbols.resize(index + 1, Totals::default());
    }
    Ok(&mut symbols[index])
}

#[cfg(test)]
mod tests {
    use super::main;
    use super::market::{Average, Trade};
    use okernel_sdk::testing::Harness;

    fn trade(time_ns: u64, symbol: u64, price: f64, size: u64) -> Trade {
        Trade {
            time_ns,
            price,
            size,
            symbol,
        }
    }

    #[test]
    fn prices_are_weighted_by_volume() {
        let trades = [
            trade(1, 0, 10.0, 1),
            trade(2, 5, 7.0, 10),
            trade(3, 0, 20.0, 3),
            trade(4, 0, 30.0, 2),
        ];
        let done = Harness::new()
            .feed("in", &trades)
            .collect("out", 4096)
            .args(["2"])
            .run(main);
        assert_eq!(done.result, Ok(()));
        let average = |time_ns, symbol, price, volume| Average {
            time_ns,
            price,
            volume,
            symbol,
        };
        assert_eq!(
            done.sent::<Average>("out"),
            [
                average(3, 0, 17.5, 4),
                average(4, 0, 30.0, 2),
                average(2, 5, 7.0, 10),
            ]
        );
    }

    #[test]
    fn mistakes_are_named() {
        let harness = || Harness::new().collect("out", 4096);
        let done = harness().feed("in", &[trade(1, 1 << 40, 1.0, 1)]).run(main);
        let error = done.result.unwrap_err().to_string();
        assert_eq!(
            error,
            "a trade of symbol 1099511627776: the largest is 65535"
        );
        let done = harness().feed::<Trade>("in", &[]).args(["0"]).run(main);
        let error = done.result.unwrap_err().to_string();
        assert_eq!(error, "not a number of trades: \"0\"");
    }
}

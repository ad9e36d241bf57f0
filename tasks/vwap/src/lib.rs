//! Volume-weighted average price of every symbol of a feed of trades.
//!
//! Grants: `in`, a subscriber of [`Trade`]s; and, both optional, `out`, a publisher of [`Average`]s, to
//! which the symbols that were traded are sent after every so many trades and at the end, and `console`, on
//! which the averages are printed at the end. Argument: after how many trades averages are sent (10000).
//!
//! The sums survive an upgrade of the task: they are its state, which is whole whenever `main` waits for trades.

mod trade;

pub use trade::Trade;

use okernel_sdk::serde::{Deserialize, Serialize};
use okernel_sdk::{Context, Error, OpenError, Persist, Pod, Publisher, Result, State};
use std::collections::BTreeMap;

/// After how many trades averages are sent when the arguments do not say.
const EVERY: u64 = 10_000;

/// Symbols that are kept apart at most: a feed may send any number as a symbol.
pub const SYMBOLS_MAX: usize = 100_000;

/// The average price of one symbol so far.
#[derive(Clone, Copy, PartialEq, Debug, Pod)]
#[repr(C)]
pub struct Average {
    /// What was traded.
    pub symbol: u64,
    /// The sum of price times size, divided by the sum of sizes.
    pub price: f64,
    /// The sum of sizes.
    pub volume: u64,
    /// How many trades.
    pub trades: u64,
}

/// What is summed up for one symbol.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
#[serde(crate = "okernel_sdk::serde")]
struct Sums {
    value: f64,
    volume: u64,
    trades: u64,
    /// Trades when the average was last sent.
    sent: u64,
}

/// The averages of all symbols.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(crate = "okernel_sdk::serde")]
pub struct Averages {
    symbols: BTreeMap<u64, Sums>,
    /// Trades since averages were last sent.
    unsent: u64,
}

impl Persist for Averages {
    const VERSION: u32 = 1;
}

/// The task.
///
/// # Errors
/// A grant is missing, the argument is no number, or there are more than [`SYMBOLS_MAX`] symbols.
#[okernel_sdk::task(wants("in: subscriber", "out?: publisher", "console?"))]
pub async fn main(ctx: Context, state: State<Averages>) -> Result<()> {
    let every = match ctx.args()?.first() {
        Some(text) => text.parse().map_err(|_| {
            Error::message(format!(
                "after how many trades? expected a number, not \"{text}\""
            ))
        })?,
        None => EVERY,
    };
    let mut input = ctx.subscriber::<Trade>("in")?;
    let mut out = optional(ctx.publisher::<Average>("out"))?;
    let console = optional(ctx.console())?;

    while let Some(batch) = input.next_batch().await? {
        let mut averages = state.borrow_mut();
        for trade in &*batch {
            averages.add(trade)?;
        }
        batch.release();
        if let Some(out) = &mut out
            && averages.unsent >= every
        {
            averages.send(out).await?;
        }
    }
    let mut averages = state.borrow_mut();
    if let Some(out) = &mut out {
        averages.send(out).await?;
    }
    if let Some(console) = console {
        console.print(averages.lines()).await?;
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

impl Sums {
    fn average(&self, symbol: u64) -> Average {
        Average {
            symbol,
            price: self.value / self.volume.max(1) as f64,
            volume: self.volume,
            trades: self.trades,
        }
    }
}

impl Averages {
    fn add(&mut self, trade: &Trade) -> Result<()> {
        if self.symbols.len() == SYMBOLS_MAX && !self.symbols.contains_key(&trade.symbol) {
            return Err(Error::message(format!("more than {SYMBOLS_MAX} symbols")));
        }
        let sums = self.symbols.entry(trade.symbol).or_default();
        sums.value += trade.price * trade.size as f64;
        sums.volume = sums.volume.saturating_add(trade.size);
        sums.trades += 1;
        self.unsent += 1;
        Ok(())
    }

    /// Sends those that have changed since they were last sent.
    async fn send(&mut self, out: &mut Publisher<Average>) -> Result<()> {
        for (symbol, sums) in &mut self.symbols {
            if sums.sent != sums.trades {
                sums.sent = sums.trades;
                out.send(sums.average(*symbol)).await?;
            }
        }
        out.flush()?;
        self.unsent = 0;
        Ok(())
    }

    fn lines(&self) -> String {
        let line = |(symbol, sums): (&u64, &Sums)| {
            let Average {
                price,
                volume,
                trades,
                ..
            } = sums.average(*symbol);
            format!("vwap symbol {symbol} price {price:.4} volume {volume} trades {trades}\n")
        };
        self.symbols.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Average, Averages, SYMBOLS_MAX, Trade};
    use okernel_sdk::testing::{Done, Harness};
    use okernel_sdk::{Context, Persist, Result, Saved, State};

    async fn main(ctx: Context) -> Result<()> {
        super::main(ctx, State::default()).await
    }

    fn trade(symbol: u64, price: f64, size: u64) -> Trade {
        Trade {
            time_ns: 0,
            price,
            size,
            symbol,
        }
    }

    fn averaged(trades: &[Trade], args: &[&str]) -> Done {
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
    fn prices_weigh_by_volume() {
        let trades = [
            trade(3, 10.0, 1),
            trade(1, 5.0, 10),
            trade(3, 20.0, 3),
            trade(3, 30.0, 0),
        ];
        let done = averaged(&trades, &[]);
        assert_eq!(done.result, Ok(()));
        let expected = [
            Average {
                symbol: 1,
                price: 5.0,
                volume: 10,
                trades: 1,
            },
            Average {
                symbol: 3,
                price: 17.5,
                volume: 4,
                trades: 3,
            },
        ];
        assert_eq!(done.sent::<Average>("out"), expected);
        let lines = "vwap symbol 1 price 5.0000 volume 10 trades 1\nvwap symbol 3 price 17.5000 volume 4 trades 3\n";
        assert_eq!(String::from_utf8(done.console).unwrap(), lines);
    }

    #[test]
    fn what_has_changed_is_sent_again() {
        let trades: Vec<Trade> = (0..1000).map(|n| trade(n / 500, n as f64, 2)).collect();
        let done = averaged(&trades, &["100"]);
        let sent = done.sent::<Average>("out");
        assert!(sent.len() > 4, "{} averages", sent.len());
        let last = |symbol| {
            sent.iter()
                .rfind(|average| average.symbol == symbol)
                .copied()
                .unwrap()
        };
        assert_eq!(
            last(0),
            Average {
                symbol: 0,
                price: 249.5,
                volume: 1000,
                trades: 500
            }
        );
        assert_eq!(
            last(1),
            Average {
                symbol: 1,
                price: 749.5,
                volume: 1000,
                trades: 500
            }
        );
        let first = sent.iter().position(|average| average.symbol == 1).unwrap();
        // The first symbol is sent once more together with the second at most.
        assert!(
            sent[first..]
                .iter()
                .filter(|average| average.symbol == 0)
                .count()
                <= 1
        );
    }

    #[test]
    fn the_sums_survive_an_upgrade() {
        let mut before = Averages::default();
        before.add(&trade(3, 10.0, 1)).unwrap();
        let saved = Saved::new(Averages::VERSION, &before).unwrap();
        let state = State::new(saved.read::<Averages>().unwrap());
        let harness = Harness::new()
            .feed("in", &[trade(3, 20.0, 3)])
            .collect("out", 4096);
        let done = harness.run(async |ctx| super::main(ctx, state).await);
        let [average] = done.sent::<Average>("out")[..] else {
            panic!("one average");
        };
        assert_eq!((average.price, average.trades), (17.5, 2));
    }

    #[test]
    fn needs_only_trades() {
        let done = Harness::new().feed("in", &[trade(0, 1.0, 1)]).run(main);
        assert_eq!(done.result, Ok(()));
        assert_eq!(averaged(&[], &[]).console, b"");
    }

    #[test]
    fn a_feed_cannot_take_all_memory() {
        let trades: Vec<Trade> = (0..=SYMBOLS_MAX as u64).map(|n| trade(n, 1.0, 1)).collect();
        let done = Harness::new().feed("in", &trades).run(main);
        assert_eq!(
            done.result.unwrap_err().to_string(),
            "more than 100000 symbols"
        );
    }
}

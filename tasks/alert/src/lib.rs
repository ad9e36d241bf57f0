//! Tells when a price leaves its moving average.
//!
//! Grants: `in`, a subscriber of trades; `averages`, a subscriber of averages, as vwap sends them; `console`. Argument: how many percent
//! away is too far (1). It prints a line when a symbol's price goes too far, and says nothing more of that
//! symbol until it has come back; and at the end `trades N alerts A`.

#[path = "../../ticker/src/market.rs"]
pub mod market;

use market::{Average, SYMBOL_MAX, Trade};
use okernel_sdk::{Context, Either, Error, RecvError, Result, select2};
use std::io::Write;

/// How many percent away is too far if nothing else is asked for.
const PERCENT_DEFAULT: f64 = 1.0;

/// What is known of a symbol.
#[derive(Clone, Copy, Default)]
struct Symbol {
    average: Option<f64>,
    is_away: bool,
}

/// The task.
///
/// # Errors
/// A grant is missing, the argument is no number, or a symbol is out of range.
#[okernel_sdk::task(wants("in: subscriber", "averages: subscriber", "console"))]
pub async fn main(ctx: Context) -> Result<()> {
    let percent = match ctx.args()?.first() {
        None => PERCENT_DEFAULT,
        Some(text) => match text.parse() {
            Ok(percent) if percent > 0.0 => percent,
            _ => {
                return Err(Error::message(format!(
                    "not a number of percent: \"{text}\""
                )));
            }
        },
    };
    let mut trades = ctx.subscriber::<Trade>("in")?;
    let mut averages = ctx.subscriber::<Average>("averages")?;
    let mut output = ctx.console()?.output();
    let mut symbols: Vec<Symbol> = Vec::new();
    let (mut count, mut alerts) = (0u64, 0u64);
    let mut averages_end = false;
    loop {
        // Averages are rarer than trades, so they are looked at first.
        let trade = if averages_end {
            trades.next().await?
        } else {
            match select2(averages.recv(), trades.next()).await {
                Either::First(Ok(average)) => {
                    symbol(&mut symbols, average.symbol)?.average = Some(average.price);
                    continue;
                }
                Either::First(Err(RecvError::Closed)) => {
                    averages_end = true;
                    continue;
                }
                Either::First(Err(error)) => return Err(error.into()),
                Either::Second(trade) => trade?,
            }
        };
        let Some(trade) = trade else {
            break;
        };
        count += 1;
        let known = symbol(&mut symbols, trade.symbol)?;
        let Some(average) = known.average else {
            continue;
        };
        let away = (trade.price / average - 1.0) * 100.0;
        let is_away = away.abs() > percent;
        if is_away && !known.is_away {
            alerts += 1;
            let (symbol, price) = (trade.symbol, trade.price);
            writeln!(
                output,
                "symbol {symbol} at {price:.2}, {away:+.2}% of {average:.2}"
            )?;
            output.flush().await?;
        }
        known.is_away = is_away;
    }
    writeln!(output, "trades {count} alerts {alerts}")?;
    output.flush().await
}

/// What is known of a symbol. What comes from a ring is checked: the number decides how much memory is taken.
fn symbol(symbols: &mut Vec<Symbol>, symbol: u64) -> Result<&mut Symbol> {
    if symbol > SYMBOL_MAX {
        let text = format!("a trade of symbol {symbol}: the largest is {SYMBOL_MAX}");
        return Err(Error::message(text));
    }
    let index = symbol as usize;
    if index >= symbols.len() {
        symbols.resize(index + 1, Symbol::default());
    }
    Ok(&mut symbols[index])
}

#[cfg(test)]
mod tests {
    use super::main;
    use super::market::{Average, Trade};
    use okernel_sdk::testing::Harness;

    #[test]
    fn a_price_that_leaves_its_average_is_told_once() {
        let averages = [Average {
            price: 100.0,
            symbol: 3,
            ..Average::default()
        }];
        let trade = |symbol, price| Trade {
            price,
            symbol,
            ..Trade::default()
        };
        let trades = [
            trade(3, 100.5),
            trade(3, 102.0),
            trade(3, 103.0),
            trade(4, 500.0),
            trade(3, 100.0),
            trade(3, 98.0),
        ];
        let done = Harness::new()
            .feed("in", &trades)
            .feed("averages", &averages)
            .console("console")
            .args(["1"])
            .run(main);
        assert_eq!(done.result, Ok(()));
        let expected = "symbol 3 at 102.00, +2.00% of 100.00\n\
                        symbol 3 at 98.00, -2.00% of 100.00\n\
                        trades 6 alerts 2\n";
        assert_eq!(String::from_utf8_lossy(&done.console), expected);
    }

    #[test]
    fn mistakes_are_named() {
        let done = Harness::new()
            .feed::<Trade>("in", &[])
            .args(["-1"])
            .run(main);
        let error = done.result.unwrap_err().to_string();
        assert_eq!(error, "not a number of percent: \"-1\"");
    }
}

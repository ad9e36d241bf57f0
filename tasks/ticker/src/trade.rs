//! A trade, and the seeded market that makes them up.
//!
//! The same seed gives the same trades, bit for bit, on every machine: a feed can be made again instead of
//! kept.

use okernel_sdk::Pod;

/// How many different things are traded.
pub const SYMBOLS: usize = 8;

/// A price moves by at most this part of itself from one trade to the next..
const STEP: f64 = 0.000_5;

/// .. except that one in so many trades is a jump..
const JUMP_EVERY: u64 = 5_000;

/// .. by at most this part.
const JUMP: f64 = 0.05;

/// Prices stay between these, whatever the dice say.
const PRICES: (f64, f64) = (1.0, 100_000.0);

/// One trade, as it lies in the ring.
#[derive(Clone, Copy, PartialEq, Debug, Pod)]
#[repr(C)]
pub struct Trade {
    /// When it happened, in nanoseconds since the market opened.
    pub time_ns: u64,
    /// The price of one piece.
    pub price: f64,
    /// How many pieces.
    pub size: u64,
    /// What: 0 .. [`SYMBOLS`].
    pub symbol: u64,
}

/// Makes trades up.
#[derive(Clone, Debug)]
pub struct Market {
    state: u64,
    time_ns: u64,
    gap_ns: u64,
    prices: [f64; SYMBOLS],
}

impl Market {
    /// A market whose trades depend on `seed` alone, `gap_ns` nanoseconds apart on average.
    pub fn new(seed: u64, gap_ns: u64) -> Market {
        Market {
            state: seed,
            time_ns: 0,
            gap_ns,
            prices: core::array::from_fn(|symbol| 50.0 * (symbol + 1) as f64),
        }
    }

    /// 64 random bits (SplitMix64 of Steele, Lea and Flood, 2014).
    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// The next trade.
    pub fn trade(&mut self) -> Trade {
        let (bits, move_bits) = (self.bits(), self.bits());
        self.time_ns += 1 + bits % (2 * self.gap_ns).max(1);
        let symbol = (bits >> 40) as usize % SYMBOLS;
        let part = if (bits >> 48) % JUMP_EVERY == 0 {
            JUMP
        } else {
            STEP
        };
        // From -1 to 1.
        let direction = (move_bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        let price = &mut self.prices[symbol];
        *price = (*price * (1.0 + part * direction)).clamp(PRICES.0, PRICES.1);
        Trade {
            time_ns: self.time_ns,
            price: *price,
            size: 1 + (bits >> 32) % 100,
            symbol: symbol as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Market, PRICES, SYMBOLS};

    #[test]
    fn a_seed_is_a_feed() {
        let trades = |seed| {
            let mut market = Market::new(seed, 1000);
            (0..1000).map(|_| market.trade()).collect::<Vec<_>>()
        };
        assert_eq!(trades(7), trades(7));
        assert_ne!(trades(7), trades(8));
    }

    #[test]
    fn trades_are_plausible() {
        let mut market = Market::new(3, 1000);
        let mut before_ns = 0;
        let mut seen = [0; SYMBOLS];
        for _ in 0..100_000 {
            let trade = market.trade();
            assert!(trade.time_ns > before_ns);
            assert!((PRICES.0..=PRICES.1).contains(&trade.price));
            assert!((1..=100).contains(&trade.size));
            before_ns = trade.time_ns;
            seen[trade.symbol as usize] += 1;
        }
        assert!(
            (90_000_000..110_000_000).contains(&before_ns),
            "{before_ns}"
        );
        assert!(
            seen.iter().all(|trades| (11_000..14_000).contains(trades)),
            "{seen:?}"
        );
    }
}

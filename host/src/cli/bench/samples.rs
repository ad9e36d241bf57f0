//! The samples of one figure, as a histogram.
//!
//! Five rounds of a throughput and a million latencies are kept alike: in an HdrHistogram that keeps
//! three significant digits of every value, however far apart they lie.
//!
//! Invariant: samples are kept in millionths of their unit; one that is negative or no number counts as 0.

use hdrhistogram::Histogram;

/// Parts of a unit that a sample is kept in.
const PARTS: f64 = 1e6;
/// Significant digits that are kept.
const DIGITS: u8 = 3;

/// Samples of one figure, all in the same unit.
#[derive(Clone, Debug)]
pub struct Samples {
    /// None if a histogram cannot be made, which these digits do not lead to.
    parts: Option<Histogram<u64>>,
}

impl Samples {
    /// No samples yet.
    pub fn new() -> Samples {
        Samples {
            parts: Histogram::new(DIGITS).ok(),
        }
    }

    /// Adds one.
    pub fn add(&mut self, value: f64) {
        self.add_times(value, 1);
    }

    /// Adds the same one so many times.
    pub fn add_times(&mut self, value: f64, times: u64) {
        let value = (value * PARTS).round() as u64;
        if let Some(parts) = &mut self.parts
            && parts.record_n(value, times).is_err()
        {
            // The histogram grows with its values; where it cannot, they count as the largest it has.
            parts.saturating_record_n(value, times);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.parts.as_ref().map_or(0, Histogram::len)
    }

    /// The value that the share `q` (0 to 1) of the samples does not exceed; NaN when there are none.
    pub fn quantile(&self, q: f64) -> f64 {
        match &self.parts {
            Some(parts) if !parts.is_empty() => match q {
                q if q <= 0.0 => parts.min() as f64 / PARTS,
                q if q >= 1.0 => parts.max() as f64 / PARTS,
                q => parts.value_at_quantile(q) as f64 / PARTS,
            },
            _ => f64::NAN,
        }
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

impl From<&[f64]> for Samples {
    fn from(values: &[f64]) -> Samples {
        let mut samples = Samples::new();
        for value in values {
            samples.add(*value);
        }
        samples
    }
}

impl From<Vec<f64>> for Samples {
    fn from(values: Vec<f64>) -> Samples {
        Samples::from(values.as_slice())
    }
}

/// The median of pairwise ratios: what a shared machine does to both rivals cancels out.
pub fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
    Samples::from(ratios).median()
}

#[cfg(test)]
mod tests {
    use super::{Samples, ratio};

    fn near(value: f64, wanted: f64) -> bool {
        (value / wanted - 1.0).abs() < 2e-3
    }

    #[test]
    fn quantiles_of_few_and_none() {
        assert!(Samples::new().median().is_nan());
        assert!(near(Samples::from(vec![3.0]).quantile(0.99), 3.0));
        let samples = Samples::from(vec![2.0, 9.0, 1.0]);
        assert_eq!(samples.count(), 3);
        assert!(near(samples.quantile(0.0), 1.0));
        assert!(near(samples.median(), 2.0));
        assert!(near(samples.quantile(1.0), 9.0));
    }

    #[test]
    fn values_far_apart_keep_their_digits() {
        let mut samples = Samples::new();
        samples.add_times(0.012_34, 999);
        samples.add(123_456_789.0);
        assert!(near(samples.quantile(0.9), 0.012_34));
        assert!(near(samples.quantile(1.0), 123_456_789.0));
        samples.add(f64::NAN);
        assert_eq!(samples.quantile(0.0), 0.0);
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        assert!(near(ratio(&[2.0, 20.0, 200.0], &[1.0, 10.0, 100.0]), 2.0));
        assert!(ratio(&[], &[]).is_nan());
    }
}

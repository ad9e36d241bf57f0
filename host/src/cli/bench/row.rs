//! One figure of a bench: its samples, what it stands beside, and what it is meant to reach.

use std::fmt;

use serde_json::{Value, json};

use super::samples::{Samples, ratio};

/// What a figure is meant to reach. Median unless it says otherwise.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Aim {
    /// At least this, in the row's unit.
    AtLeast(f64),
    /// At most this, in the row's unit.
    AtMost(f64),
    /// At most this at the quantile that is named first.
    AtMostAt(f64, f64),
    /// At least so many times the rival that was named first.
    RatioAtLeast(f64),
    /// At most so many times the rival that was named first.
    RatioAtMost(f64),
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Aim::AtLeast(value) => write!(f, ">= {}", show(*value)),
            Aim::AtMost(value) => write!(f, "<= {}", show(*value)),
            Aim::AtMostAt(q, value) => write!(f, "p{} <= {}", q * 100.0, show(*value)),
            Aim::RatioAtLeast(value) => write!(f, ">= {value} x"),
            Aim::RatioAtMost(value) => write!(f, "<= {value} x"),
        }
    }
}

/// Where a row lies in a graph.
#[derive(Clone, PartialEq, Debug)]
pub struct Point {
    /// The name of the graph: rows of the same name are drawn together.
    pub graph: &'static str,
    /// What goes from left to right, with its unit.
    pub axis: &'static str,
    /// The line that the row is a point of.
    pub line: String,
    /// Where on the axis.
    pub x: f64,
}

/// One figure, taken several times.
pub struct Row {
    pub(super) label: String,
    pub(super) unit: &'static str,
    pub(super) samples: Samples,
    /// The rounds as they were measured, to be compared pair by pair; none for histograms.
    rounds: Vec<f64>,
    /// Names of rivals, and the ratio to each.
    ratios: Vec<(String, f64)>,
    aim: Option<Aim>,
    pub(super) point: Option<Point>,
    /// The ratio to the same row of an earlier run.
    pub(super) since: Option<f64>,
}

impl Row {
    /// A row of rounds.
    pub(super) fn of_rounds(label: String, unit: &'static str, rounds: Vec<f64>) -> Row {
        let samples = Samples::from(rounds.as_slice());
        Row {
            rounds,
            ..Row::of_samples(label, unit, samples)
        }
    }

    /// A row of many samples.
    pub(super) fn of_samples(label: String, unit: &'static str, samples: Samples) -> Row {
        Row {
            label,
            unit,
            samples,
            rounds: Vec::new(),
            ratios: Vec::new(),
            aim: None,
            point: None,
            since: None,
        }
    }

    /// Names a rival or a floor: the ratio is the median of those between rounds of the same number.
    pub fn against(&mut self, rival: &str, rounds: &[f64]) -> &mut Row {
        let times = ratio(&self.rounds, rounds);
        self.ratios.push((rival.to_string(), times));
        self
    }

    /// Names a rival or a floor by its median, for rows without rounds.
    pub fn against_median(&mut self, rival: &str, median: f64) -> &mut Row {
        let times = self.samples.median() / median;
        self.ratios.push((rival.to_string(), times));
        self
    }

    /// Says what the row is meant to reach.
    pub fn aim(&mut self, aim: Aim) -> &mut Row {
        self.aim = Some(aim);
        self
    }

    /// Says where the row lies in a graph.
    pub fn point(
        &mut self,
        graph: &'static str,
        axis: &'static str,
        line: impl Into<String>,
        x: f64,
    ) -> &mut Row {
        let line = line.into();
        self.point = Some(Point {
            graph,
            axis,
            line,
            x,
        });
        self
    }

    /// Whether the aim is reached, if there is one.
    fn reached(&self) -> Option<bool> {
        let first = self.ratios.first().map_or(f64::NAN, |(_, ratio)| *ratio);
        Some(match self.aim? {
            Aim::AtLeast(value) => self.samples.median() >= value,
            Aim::AtMost(value) => self.samples.median() <= value,
            Aim::AtMostAt(q, value) => self.samples.quantile(q) <= value,
            Aim::RatioAtLeast(value) => first >= value,
            Aim::RatioAtMost(value) => first <= value,
        })
    }

    /// The row's last column: ratios, change since the baseline, aim.
    pub(super) fn remarks(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for (rival, ratio) in &self.ratios {
            parts.push(format!("{ratio:.2} x {rival}"));
        }
        if let Some(since) = self.since {
            parts.push(format!("{since:.2} x baseline"));
        }
        if let (Some(aim), Some(reached)) = (self.aim, self.reached()) {
            let verdict = if reached { "reached" } else { "missed" };
            parts.push(format!("aim {aim}: {verdict}"));
        }
        parts.join(", ")
    }

    /// The row as JSON.
    pub(super) fn json(&self) -> Value {
        let ratios = self
            .ratios
            .iter()
            .map(|(rival, ratio)| json!({ "to": rival, "ratio": ratio }));
        json!({
            "label": self.label,
            "unit": self.unit,
            "samples": self.samples.count(),
            "median": self.samples.median(),
            "p99": self.samples.quantile(0.99),
            "p99_9": self.samples.quantile(0.999),
            "min": self.samples.quantile(0.0),
            "max": self.samples.quantile(1.0),
            "ratios": ratios.collect::<Vec<_>>(),
            "baseline_ratio": self.since,
            "aim": self.aim.map(|aim| aim.to_string()),
            "reached": self.reached(),
        })
    }
}

/// Four significant digits, without an exponent.
pub(super) fn show(value: f64) -> String {
    let digits = if value.abs() >= 1000.0 {
        0
    } else if value.abs() >= 100.0 {
        1
    } else if value.abs() >= 10.0 {
        2
    } else {
        3
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::{Aim, Row, show};

    fn row() -> Row {
        Row::of_rounds("r".to_string(), "ns", vec![10.0, 20.0, 30.0])
    }

    #[test]
    fn figures_have_four_digits() {
        assert_eq!(show(0.12345), "0.123");
        assert_eq!(show(12.345), "12.35");
        assert_eq!(show(123456.7), "123457");
    }

    #[test]
    fn an_aim_is_judged_by_what_it_names() {
        let cases = [
            (Aim::AtMost(20.1), true),
            (Aim::AtMost(19.0), false),
            (Aim::AtLeast(20.1), false),
            (Aim::AtMostAt(0.99, 29.0), false),
            (Aim::AtMostAt(0.99, 30.1), true),
            (Aim::RatioAtMost(2.1), true),
            (Aim::RatioAtLeast(2.1), false),
        ];
        for (aim, reached) in cases {
            let mut row = row();
            row.against("floor", &[5.0, 10.0, 15.0]).aim(aim);
            assert_eq!(row.reached(), Some(reached), "{aim}");
        }
        assert_eq!(row().aim(Aim::RatioAtMost(9.0)).reached(), Some(false));
    }

    #[test]
    fn remarks_name_rivals_baseline_and_aim() {
        let mut row = row();
        row.against("floor", &[5.0, 10.0, 15.0])
            .aim(Aim::RatioAtMost(1.5));
        row.since = Some(0.5);
        assert_eq!(
            row.remarks(),
            "2.00 x floor, 0.50 x baseline, aim <= 1.5 x: missed"
        );
    }
}

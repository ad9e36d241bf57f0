//! What a bench reports: rows of figures, as a table or as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

/// One figure, taken several times.
pub struct Row {
    label: String,
    unit: &'static str,
    samples: Vec<f64>,
    ratio: Option<(String, f64)>,
}

/// The rows of one bench.
pub struct Report {
    name: &'static str,
    about: &'static str,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// A report without rows.
    pub fn new(name: &'static str, about: &'static str) -> Report {
        Report {
            name,
            about,
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row of samples; at least one.
    pub fn row(&mut self, label: impl Into<String>, unit: &'static str, mut samples: Vec<f64>) {
        samples.sort_by(f64::total_cmp);
        self.rows.push(Row {
            label: label.into(),
            unit,
            samples,
            ratio: None,
        });
    }

    /// Adds a line about what could not be measured.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Adds a row together with the median of its ratios to a rival, taken pair by pair.
    pub fn row_against(
        &mut self,
        label: impl Into<String>,
        unit: &'static str,
        samples: Vec<f64>,
        rival: (&str, &[f64]),
    ) {
        let mut ratios: Vec<f64> = samples.iter().zip(rival.1).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        self.row(label, unit, samples);
        if let Some(row) = self.rows.last_mut() {
            row.ratio = Some((rival.0.to_string(), quantile(&ratios, 0.5)));
        }
    }

    /// Prints the table.
    ///
    /// # Errors
    /// What writing to stdout answers.
    pub fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "\n{}: {}", self.name, self.about)?;
        writeln!(
            out,
            "  {:<34} {:>12} {:>12} {:>12} {:>12}  {:<9} ratio",
            "", "median", "p99", "min", "max", "unit"
        )?;
        for row in &self.rows {
            let at = |q| show(quantile(&row.samples, q));
            let ratio = match &row.ratio {
                Some((rival, ratio)) => format!("{ratio:.2} x {rival}"),
                None => String::new(),
            };
            writeln!(
                out,
                "  {:<34} {:>12} {:>12} {:>12} {:>12}  {:<9} {ratio}",
                row.label,
                at(0.5),
                at(0.99),
                at(0.0),
                at(1.0),
                row.unit
            )?;
        }
        for note in &self.notes {
            writeln!(out, "  {note}")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "label": row.label,
                "unit": row.unit,
                "samples": row.samples.len(),
                "median": quantile(&row.samples, 0.5),
                "p99": quantile(&row.samples, 0.99),
                "min": quantile(&row.samples, 0.0),
                "max": quantile(&row.samples, 1.0),
                "ratio_to": row.ratio.as_ref().map(|ratio| ratio.0.clone()),
                "ratio": row.ratio.as_ref().map(|ratio| ratio.1),
            })
        });
        json!({ "bench": self.name, "about": self.about, "rows": rows.collect::<Vec<_>>(), "notes": self.notes })
    }
}

/// Prints all reports as one JSON document.
///
/// # Errors
/// What writing to stdout answers.
pub fn print_json(reports: &[Report]) -> io::Result<()> {
    let reports: Vec<Value> = reports.iter().map(Report::json).collect();
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &reports)?;
    writeln!(out)
}

/// The value at `q` (0 to 1) of sorted samples; NaN when there are none.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        len => sorted[((len - 1) as f64 * q).round() as usize],
    }
}

/// Four significant digits, without an exponent.
fn show(value: f64) -> String {
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
    use super::{quantile, show};

    #[test]
    fn quantiles_of_few_and_none() {
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[3.0], 0.99), 3.0);
        assert_eq!(quantile(&[1.0, 2.0, 9.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 9.0], 1.0), 9.0);
    }

    #[test]
    fn figures_have_four_digits() {
        assert_eq!(show(0.12345), "0.123");
        assert_eq!(show(12.345), "12.35");
        assert_eq!(show(123456.7), "123457");
    }
}

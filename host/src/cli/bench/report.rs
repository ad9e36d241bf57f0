//! What a bench reports: rows of figures, as a table or as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::baseline::Baseline;
use super::effort::Effort;
use super::row::{Row, show};
use super::samples::Samples;

/// The rows of one bench.
pub struct Report {
    name: &'static str,
    about: &'static str,
    effort: Effort,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// A report without rows, of a bench that does so much.
    pub fn new(name: &'static str, about: &'static str, effort: Effort) -> Report {
        Report {
            name,
            about,
            effort,
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// How much the bench does.
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// Adds a row of rounds, at least one: figures that were each taken over many operations. What is
    /// answered takes the row's rivals, aim and place in a graph.
    pub fn row(
        &mut self,
        label: impl Into<String>,
        unit: &'static str,
        rounds: Vec<f64>,
    ) -> &mut Row {
        self.add(Row::of_rounds(label.into(), unit, rounds))
    }

    /// Adds a row of rounds together with a rival or a floor, whose rounds were taken pair by pair.
    pub fn row_against(
        &mut self,
        label: impl Into<String>,
        unit: &'static str,
        rounds: Vec<f64>,
        rival: (&str, &[f64]),
    ) -> &mut Row {
        self.row(label, unit, rounds).against(rival.0, rival.1)
    }

    /// Adds a row of samples, such as the latencies of single operations.
    pub fn samples(
        &mut self,
        label: impl Into<String>,
        unit: &'static str,
        samples: Samples,
    ) -> &mut Row {
        self.add(Row::of_samples(label.into(), unit, samples))
    }

    fn add(&mut self, row: Row) -> &mut Row {
        let index = self.rows.len();
        self.rows.push(row);
        &mut self.rows[index]
    }

    /// Adds a line about how the figures were taken, or what could not be measured.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Compares each row to the same one of an earlier run.
    pub fn compare(&mut self, baseline: &Baseline) {
        for row in &mut self.rows {
            let before = baseline.median(self.name, &row.label, row.unit);
            row.since = before.map(|before| row.samples.median() / before);
        }
    }

    /// Its rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
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
            "  {:<34} {:>10} {:>10} {:>10} {:>10} {:>10}  {:<9} beside",
            "", "median", "p99", "p99.9", "min", "max", "unit"
        )?;
        for row in &self.rows {
            let at = |q| show(row.samples.quantile(q));
            let line = format!(
                "  {:<34} {:>10} {:>10} {:>10} {:>10} {:>10}  {:<9} {}",
                row.label,
                at(0.5),
                at(0.99),
                at(0.999),
                at(0.0),
                at(1.0),
                row.unit,
                row.remarks()
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        for note in &self.notes {
            writeln!(out, "  {note}")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({ "bench": self.name, "about": self.about, "rows": rows, "notes": self.notes })
    }
}

/// Prints all reports as one JSON document.
///
/// # Errors
/// What writing to stdout answers.
pub fn print_json(reports: &[Report]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &json_of(reports))?;
    writeln!(out)
}

fn json_of(reports: &[Report]) -> Value {
    reports.iter().map(Report::json).collect()
}

#[cfg(test)]
mod tests {
    use super::{Report, json_of};
    use crate::cli::bench::baseline::Baseline;
    use crate::cli::bench::effort::Effort;

    fn report(median: f64) -> Report {
        let mut report = Report::new("b", "about", Effort::Full);
        report.row("one", "ns", vec![median]);
        report.row("two", "ns", vec![1.0]);
        report
    }

    #[test]
    fn a_report_is_the_baseline_of_a_later_one() {
        let text = json_of(&[report(10.0)]).to_string();
        let baseline = Baseline::parse(&text).unwrap();
        let mut now = report(30.0);
        now.row("three", "ns", vec![1.0]);
        now.compare(&baseline);
        let since: Vec<_> = now.rows().iter().map(|row| row.since).collect();
        assert!((since[0].unwrap() - 3.0).abs() < 0.01);
        assert!((since[1].unwrap() - 1.0).abs() < 0.01);
        assert_eq!(since[2], None);
    }
}

//! `--baseline FILE`: the medians of an earlier run, from what `bench --json` had printed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// Medians by bench, label and unit.
#[derive(Debug)]
pub struct Baseline(HashMap<(String, String, String), f64>);

#[derive(Deserialize)]
struct Document {
    bench: String,
    rows: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    label: String,
    unit: String,
    median: Option<f64>,
}

impl Baseline {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is not what `bench --json` prints.
    pub fn read(path: &Path) -> anyhow::Result<Baseline> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("bench: {} cannot be read", path.display()))?;
        Baseline::parse(&text).with_context(|| {
            format!(
                "bench: {} is no baseline: make one with 'okernel bench --json'",
                path.display()
            )
        })
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// It is not what `bench --json` prints.
    pub fn parse(text: &str) -> anyhow::Result<Baseline> {
        let documents: Vec<Document> = serde_json::from_str(text)?;
        let mut medians = HashMap::new();
        for document in documents {
            for line in document.rows {
                if let Some(median) = line.median {
                    medians.insert((document.bench.clone(), line.label, line.unit), median);
                }
            }
        }
        Ok(Baseline(medians))
    }

    /// The median of that row, if it was measured.
    pub fn median(&self, bench: &str, label: &str, unit: &str) -> Option<f64> {
        let key = (bench.to_string(), label.to_string(), unit.to_string());
        self.0.get(&key).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Baseline;

    #[test]
    fn what_is_no_baseline_is_refused() {
        for text in ["", "{}", r#"[{"bench":1}]"#, r#"[{"bench":"b"}]"#] {
            assert!(Baseline::parse(text).is_err(), "{text}");
        }
        let text = r#"[{"bench":"b","rows":[{"label":"l","unit":"ns","median":null}]}]"#;
        assert_eq!(
            Baseline::parse(text).unwrap().median("b", "l", "ns"),
            None,
            "a row without samples"
        );
    }
}

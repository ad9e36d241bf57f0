//! `--graphs DIR`: how costs grow, as SVG files, one for each graph that rows are points of.
//!
//! Both axes are logarithmic, so that a cost which grows as it should is a straight line. A point is the
//! median of its row, and a bar goes from its least to its 99th percentile.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::report::Report;
use super::row::{Row, show};

/// Size of a picture, and of the margins around its field, in pixels.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// Colours that can be told apart by those who see few (Okabe and Ito, 2008).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];

/// One value of a row, in its place.
#[derive(Clone, Copy, Debug)]
struct Mark {
    x: f64,
    median: f64,
    least: f64,
    p99: f64,
}

/// A graph: its lines by name.
#[derive(Debug, Default)]
struct Graph {
    axis: &'static str,
    unit: &'static str,
    lines: BTreeMap<String, Vec<Mark>>,
}

/// Draws all graphs of these reports into a folder, which is made if it is not there.
///
/// # Errors
/// A file cannot be written.
pub fn draw_all(reports: &[Report], folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("bench: {} cannot be made", folder.display()))?;
    for (name, graph) in collect(reports.iter().flat_map(Report::rows)) {
        let path = folder.join(format!("{name}.svg"));
        fs::write(&path, graph.svg(name))
            .with_context(|| format!("bench: {} cannot be written", path.display()))?;
    }
    Ok(())
}

fn collect<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeMap<&'static str, Graph> {
    let mut graphs: BTreeMap<&str, Graph> = BTreeMap::new();
    for row in rows {
        let Some(point) = &row.point else {
            continue;
        };
        let graph = graphs.entry(point.graph).or_default();
        (graph.axis, graph.unit) = (point.axis, row.unit);
        let mark = Mark {
            x: point.x,
            median: row.samples.median(),
            least: row.samples.quantile(0.0),
            p99: row.samples.quantile(0.99),
        };
        let line = graph.lines.entry(point.line.clone()).or_default();
        line.push(mark);
        line.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    graphs
}

/// A logarithmic axis from one number to another, over so many pixels.
#[derive(Clone, Copy, Debug)]
struct Axis {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Axis {
    /// Takes all of these numbers, with some room around them; what is not above 0 has no place on it.
    fn over(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Axis {
        let (mut from, mut to) = (f64::MAX, f64::MIN_POSITIVE);
        for value in values.filter(|value| *value > 0.0) {
            from = from.min(value);
            to = to.max(value);
        }
        let from = from.min(to);
        Axis {
            from: from / 1.3,
            to: to * 1.3,
            start,
            end,
        }
    }

    /// The pixel of a value; those beyond an end lie at it.
    fn at(self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        let part = (value / self.from).ln() / (self.to / self.from).ln();
        self.start + part * (self.end - self.start)
    }

    /// Powers of ten, or where there are few of them also their doubles and fives.
    fn ticks(self) -> Vec<f64> {
        let decades = |steps: &[f64]| -> Vec<f64> {
            let first = self.from.log10().floor() as i32;
            let last = self.to.log10().ceil() as i32;
            (first..=last)
                .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
                .filter(|tick| (self.from..=self.to).contains(tick))
                .collect()
        };
        let few = decades(&[1.0]);
        if few.len() >= 3 {
            few
        } else {
            decades(&[1.0, 2.0, 5.0])
        }
    }
}

impl Graph {
    fn svg(&self, name: &str) -> String {
        let marks = || self.lines.values().flatten();
        let xs = Axis::over(marks().map(|mark| mark.x), LEFT, WIDTH - RIGHT);
        let values = marks().flat_map(|mark| [mark.median, mark.least, mark.p99]);
        let ys = Axis::over(values, HEIGHT - BOTTOM, TOP);
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}: {}</text>\n",
            escaped(name),
            escaped(self.unit)
        );
        self.grid(&mut out, xs, ys);
        for (index, (line, marks)) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            draw_line(&mut out, xs, ys, colour, marks);
            let y = TOP + 16.0 * (index as f64 + 1.0);
            let x = WIDTH - RIGHT + 14.0;
            let _ = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"{y}\">{}</text>",
                y - 9.0,
                x + 15.0,
                escaped(line)
            );
        }
        out.push_str("</svg>\n");
        out
    }

    fn grid(&self, out: &mut String, xs: Axis, ys: Axis) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for tick in xs.ticks() {
            let x = xs.at(tick);
            let _ = writeln!(
                out,
                "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                short(tick)
            );
        }
        for tick in ys.ticks() {
            let y = ys.at(tick);
            let _ = writeln!(
                out,
                "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                short(tick)
            );
        }
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" stroke=\"#333\" fill=\"none\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            (LEFT + right) / 2.0,
            HEIGHT - 12.0,
            escaped(self.axis)
        );
    }
}

fn draw_line(out: &mut String, xs: Axis, ys: Axis, colour: &str, marks: &[Mark]) {
    let points: Vec<String> = marks
        .iter()
        .map(|mark| format!("{:.1},{:.1}", xs.at(mark.x), ys.at(mark.median)))
        .collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        points.join(" ")
    );
    for mark in marks {
        let (x, y) = (xs.at(mark.x), ys.at(mark.median));
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {:.1}V{:.1}\" stroke=\"{colour}\"/>\
             <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>",
            ys.at(mark.least),
            ys.at(mark.p99)
        );
    }
}

/// A number of an axis: with thousands and millions as letters.
fn short(value: f64) -> String {
    let (part, letter) = match value {
        value if value >= 1e9 => (value / 1e9, "G"),
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e4 => (value / 1e3, "k"),
        value => (value, ""),
    };
    let text = show(part);
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{letter}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::{collect, short};
    use crate::cli::bench::effort::Effort;
    use crate::cli::bench::report::Report;

    #[test]
    fn rows_of_one_graph_are_drawn_together() {
        let mut report = Report::new("b", "about", Effort::Full);
        for (line, x, value) in [("a", 10.0, 100.0), ("b", 1.0, 7.0), ("a", 1.0, 10.0)] {
            report
                .row(format!("{line} {x}"), "ns", vec![value])
                .point("growth", "tasks", line, x);
        }
        report.row("elsewhere", "ns", vec![1.0]);
        let graphs = collect(report.rows().iter());
        let graph = &graphs["growth"];
        let xs: Vec<f64> = graph.lines["a"].iter().map(|mark| mark.x).collect();
        assert_eq!((graphs.len(), graph.lines.len()), (1, 2));
        assert_eq!(xs, [1.0, 10.0]);
        let svg = graph.svg("growth");
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains(">growth: ns<") && svg.contains(">tasks<"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn a_graph_of_nothing_but_zero_has_no_nonsense_in_it() {
        let mut report = Report::new("b", "about", Effort::Full);
        report
            .row("zero", "1/s", vec![0.0])
            .point("zero", "cores", "a & b", 0.0);
        let svg = collect(report.rows().iter())["zero"].svg("zero");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains("a &amp; b"));
    }

    #[test]
    fn numbers_of_an_axis_are_short() {
        let shown = [0.5, 1.0, 20.0, 1000.0, 50_000.0, 1e6, 2e9].map(short);
        assert_eq!(shown, ["0.5", "1", "20", "1000", "50k", "1M", "2G"]);
    }
}

//! The tables of `top`: their columns, how each is sorted, and their rows as text.

use super::figures::{bytes, percent, short, span};
use super::frame::{End, Sample};
use std::cmp::Ordering;

/// Which table is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tab {
    Tasks,
    Rings,
}

/// What a row is sorted by.
#[derive(Clone, PartialEq, Debug)]
enum Key {
    Number(f64),
    Text(String),
}

impl Key {
    fn compare(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Number(one), Key::Number(other)) => one.total_cmp(other),
            (Key::Text(one), Key::Text(other)) => one.cmp(other),
            (Key::Number(_), Key::Text(_)) => Ordering::Less,
            (Key::Text(_), Key::Number(_)) => Ordering::Greater,
        }
    }
}

/// One column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    pub title: &'static str,
    pub width: u16,
    pub side: Side,
}

/// Where a column's text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Left,
    Right,
}

const fn left(title: &'static str, width: u16) -> Column {
    let side = Side::Left;
    Column { title, width, side }
}

const fn right(title: &'static str, width: u16) -> Column {
    let side = Side::Right;
    Column { title, width, side }
}

const TASKS: [Column; 11] = [
    right("TASK", 8),
    left("NAME", 14),
    right("CORE", 4),
    left("STATE", 9),
    right("CPU", 6),
    right("TIME", 9),
    right("WEIGHT", 6),
    right("MEMORY", 9),
    right("VER", 3),
    right("RESTARTS", 8),
    left("LAST END", 8),
];

const RINGS: [Column; 9] = [
    right("RING", 8),
    left("NAME", 24),
    right("CORE", 4),
    right("READERS", 7),
    right("BYTES/S", 11),
    right("MSG/S", 7),
    right("FILL", 6),
    right("LAG", 10),
    right("MISSED", 10),
];

/// A cell: what it is sorted by, and what is shown.
type Cell = (Key, String);

fn number(value: f64, text: String) -> Cell {
    (Key::Number(value), text)
}

fn text(text: &str) -> Cell {
    (Key::Text(text.to_string()), text.to_string())
}

/// A table's rows as text, sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows(pub Vec<Vec<String>>);

/// The order of a table's rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    pub column: usize,
    pub way: Way,
}

/// Rising or falling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Rising,
    Falling,
}

impl Tab {
    /// The table's columns, left to right.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Tab::Tasks => &TASKS,
            Tab::Rings => &RINGS,
        }
    }

    /// The busiest first.
    pub fn default_order(self) -> Order {
        Order {
            column: 4,
            way: Way::Falling,
        }
    }

    /// The rows in this order; what is equal stands by its number.
    pub fn rows(self, sample: &Sample, order: Order) -> Rows {
        let mut rows = match self {
            Tab::Tasks => tasks(sample),
            Tab::Rings => rings(sample),
        };
        rows.sort_by(|one, other| {
            let by = |at: usize| one[at].0.compare(&other[at].0);
            let first = match order.way {
                Way::Rising => by(order.column),
                Way::Falling => by(order.column).reverse(),
            };
            first.then(by(0))
        });
        let texts = |row: Vec<Cell>| row.into_iter().map(|cell| cell.1).collect();
        Rows(rows.into_iter().map(texts).collect())
    }
}

fn tasks(sample: &Sample) -> Vec<Vec<Cell>> {
    let row = |task: &super::frame::Task| {
        let share = sample.task(task.task);
        let (memory, weight) = (task.memory as f64, task.weight as f64);
        // A task of no module has no version.
        let version = match task.version {
            0 => "-".to_string(),
            version => version.to_string(),
        };
        vec![
            number(task.task as f64, task.task.to_string()),
            text(&task.name),
            number(task.core as f64, task.core.to_string()),
            text(&task.state),
            number(share, percent(share)),
            number(task.cpu_ms, span(task.cpu_ms)),
            number(weight, task.weight.to_string()),
            number(memory, bytes(memory)),
            number(task.version as f64, version),
            number(task.restarts as f64, task.restarts.to_string()),
            text(task.last.lines().next().unwrap_or_default()),
        ]
    };
    let alive = sample.now.tasks.iter().filter(|task| task.state != "ended");
    alive.map(row).collect()
}

fn rings(sample: &Sample) -> Vec<Vec<Cell>> {
    let row = |ring: &End| {
        let rate = sample.end(ring.id);
        let readers = sample.now.ends.iter();
        let readers = readers
            .filter(|end| end.ring == ring.id && !end.is_publisher())
            .count();
        let fill = ring.lag as f64 / ring.capacity.max(1) as f64;
        let core = ring
            .core
            .map_or_else(|| "-".to_string(), |core| core.to_string());
        vec![
            number(ring.id as f64, ring.id.to_string()),
            text(&sample.ring_name(ring)),
            number(ring.core.unwrap_or(-1) as f64, core),
            number(readers as f64, readers.to_string()),
            number(rate.bytes, bytes(rate.bytes)),
            number(rate.commits, short(rate.commits)),
            number(fill, percent(fill)),
            number(ring.lag as f64, bytes(ring.lag as f64)),
            number(ring.missed as f64, bytes(ring.missed as f64)),
        ]
    };
    let ends = sample.now.ends.iter();
    ends.filter(|end| end.is_publisher()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::frame::{End, Frame, Sample, Task};
    use super::{Order, Tab, Way};

    fn sample() -> Sample {
        let task = |task, name: &str, cpu_ms, state: &str| Task {
            task,
            name: name.to_string(),
            cpu_ms,
            state: state.to_string(),
            ..Task::default()
        };
        let end = |id, ring, lag| End {
            id,
            ring,
            lag,
            capacity: 4096,
            task: Some(1),
            name: "out".to_string(),
            ..End::default()
        };
        let frame = |time_ns, busy_ms| Frame {
            time_ns,
            tasks: vec![
                task(0, "shell", 1.0, "waiting"),
                task(1, "busy", busy_ms, "running"),
                task(2, "idle", 0.0, "waiting"),
                task(3, "gone", 0.0, "ended"),
            ],
            ends: vec![end(0, 0, 2048), end(1, 0, 2048), end(2, 2, 0)],
            ..Frame::default()
        };
        Sample::between(&frame(0, 0.0), frame(1_000_000_000, 250.0))
    }

    fn names(tab: Tab, order: Order) -> Vec<String> {
        let rows = tab.rows(&sample(), order).0;
        rows.into_iter().map(|row| row[1].clone()).collect()
    }

    #[test]
    fn rows_are_sorted_by_any_column_and_those_that_are_equal_by_number() {
        let by = |column, way| names(Tab::Tasks, Order { column, way });
        assert_eq!(by(4, Way::Falling), ["busy", "shell", "idle"]);
        assert_eq!(by(1, Way::Rising), ["busy", "idle", "shell"]);
        assert_eq!(by(0, Way::Falling), ["idle", "busy", "shell"]);
        assert_eq!(by(6, Way::Rising), ["shell", "busy", "idle"]);
    }

    #[test]
    fn a_ring_is_a_row_with_its_readers() {
        let order = Tab::Rings.default_order();
        let rows = Tab::Rings.rows(&sample(), order).0;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0][..4], ["0", "busy.out", "-", "1"]);
        assert_eq!(rows[0][6], "50.0%");
        for tab in [Tab::Tasks, Tab::Rings] {
            let rows = tab.rows(&sample(), tab.default_order()).0;
            assert!(rows.iter().all(|row| row.len() == tab.columns().len()));
        }
    }
}

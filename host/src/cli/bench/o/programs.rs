//! The programs of `bench o`: as O, and as Rust. `rival.py` and `rival.lua` have them under the same
//! names, over the same data.

use std::collections::HashMap;
use std::hint::black_box;

/// One program.
pub struct Program {
    /// Its name for the rivals.
    pub name: &'static str,
    /// What the report calls it.
    pub label: &'static str,
    /// What is timed.
    pub o: &'static str,
    /// The number that the result `r` is checked by.
    pub check: &'static str,
    /// The same in Rust.
    pub native: Native,
    /// Timed runs in a round.
    pub runs: usize,
}

/// A program in Rust: what is timed, which answers how its result is checked.
pub type Native = fn(&Data) -> Box<dyn FnOnce() -> i64 + '_>;

/// What the vectors are in O.
pub const DATA: &str = "v:!1000000;w:1000003!v*7919+v*v;m:100!w;e:0.5*1000!w;u:1+!1000;\
    fib:{$[x<2;x;(o x-1)+o x-2]};\
    ack:{[x;y]$[0=x;1+y;$[0=y;ack[x-1;1];ack[x-1;ack[x;y-1]]]]};";

/// The items of the long vectors.
const ITEMS: i64 = 1_000_000;

/// The same vectors in Rust.
pub struct Data {
    v: Vec<i64>,
    w: Vec<i64>,
    m: Vec<i64>,
    e: Vec<f64>,
    u: Vec<i64>,
}

impl Data {
    /// Makes them.
    pub fn new() -> Data {
        let v: Vec<i64> = (0..ITEMS).collect();
        let w: Vec<i64> = v.iter().map(|x| x * (x * x + 7919) % 1_000_003).collect();
        Data {
            m: w.iter().map(|x| x % 100).collect(),
            e: w.iter().map(|x| (x % 1000) as f64 * 0.5).collect(),
            u: (1..=1000).collect(),
            v,
            w,
        }
    }
}

/// All programs.
pub const PROGRAMS: [Program; 12] = [
    Program {
        name: "fib",
        label: "fib 25",
        o: "fib 25",
        check: "r",
        native: |_| number(fib(black_box(25))),
        runs: 3,
    },
    Program {
        name: "ack",
        label: "ack(3,6)",
        o: "ack[3;6]",
        check: "r",
        native: |_| number(ack(black_box(3), black_box(6))),
        runs: 3,
    },
    Program {
        name: "repeat",
        label: "1000000{x+1}/0",
        o: "1000000{x+1}/0",
        check: "r",
        native: |_| number((0..ITEMS).fold(0, |x, _| black_box(x) + 1)),
        runs: 3,
    },
    Program {
        name: "while",
        label: "{x<1000000}{x+1}/0",
        o: "{x<1000000}{x+1}/0",
        check: "r",
        native: |_| {
            let mut x = 0;
            while black_box(x) < ITEMS {
                x += 1;
            }
            number(x)
        },
        runs: 3,
    },
    Program {
        name: "sum",
        label: "sum of 1e6 i64",
        o: "+/w",
        check: "r",
        native: |data| number(black_box(&data.w).iter().sum()),
        runs: 5,
    },
    Program {
        name: "add",
        label: "add 1e6 i64",
        o: "v+w",
        check: "+/r",
        native: |data| {
            let sums: Vec<i64> = data.v.iter().zip(&data.w).map(|(x, y)| x + y).collect();
            total(black_box(sums))
        },
        runs: 5,
    },
    Program {
        name: "multiply",
        label: "multiply 1e6 i64",
        o: "v*w",
        check: "+/r",
        native: |data| {
            let products: Vec<i64> = data.v.iter().zip(&data.w).map(|(x, y)| x * y).collect();
            total(black_box(products))
        },
        runs: 5,
    },
    Program {
        name: "squares",
        label: "sum of squares of 1e6 f64",
        o: "+/e*e",
        check: "4*r",
        native: |data| {
            let sum: f64 = black_box(&data.e).iter().map(|x| x * x).sum();
            number((4.0 * sum) as i64)
        },
        runs: 5,
    },
    Program {
        name: "grade",
        label: "grade 1e6 i64",
        o: "<w",
        check: "+/v*r",
        native: |data| {
            let mut order: Vec<u32> = (0..ITEMS as u32).collect();
            order.sort_by_key(|at| data.w[*at as usize]);
            let order = black_box(order);
            Box::new(move || {
                let pairs = data.v.iter().zip(order);
                pairs.map(|(x, at)| x * i64::from(at)).sum()
            })
        },
        runs: 1,
    },
    Program {
        name: "unique",
        label: "unique of 1e6, 100 values",
        o: "?m",
        check: "+/r*1+!#r",
        native: |data| {
            let mut seen = HashMap::new();
            let mut unique = Vec::new();
            for x in &data.m {
                if seen.insert(*x, ()).is_none() {
                    unique.push(*x);
                }
            }
            weighted(black_box(unique))
        },
        runs: 5,
    },
    Program {
        name: "group",
        label: "group of 1e6, 100 values",
        o: "=m",
        check: "+/(1+!#r)*+/'.r",
        native: |data| {
            let mut known = HashMap::new();
            let mut groups: Vec<Vec<i64>> = Vec::new();
            for (at, x) in data.m.iter().enumerate() {
                let group = *known.entry(*x).or_insert(groups.len());
                if group == groups.len() {
                    groups.push(Vec::new());
                }
                groups[group].push(at as i64);
            }
            let groups = black_box(groups);
            Box::new(move || {
                let sums = groups.iter().map(|group| group.iter().sum());
                (1..).zip(sums).map(|(at, sum): (i64, i64)| at * sum).sum()
            })
        },
        runs: 3,
    },
    Program {
        name: "table",
        label: "v!\\:v to 1000",
        o: "u!\\:u",
        check: "+/+/'r",
        native: |data| {
            let row = |x: &i64| data.u.iter().map(|y| y % x).collect();
            let rows: Vec<Vec<i64>> = data.u.iter().map(row).collect();
            let rows = black_box(rows);
            Box::new(move || rows.iter().flatten().sum())
        },
        runs: 3,
    },
];

fn number(x: i64) -> Box<dyn FnOnce() -> i64> {
    let x = black_box(x);
    Box::new(move || x)
}

fn total(items: Vec<i64>) -> Box<dyn FnOnce() -> i64> {
    Box::new(move || items.iter().sum())
}

fn weighted(items: Vec<i64>) -> Box<dyn FnOnce() -> i64> {
    Box::new(move || (1..).zip(items).map(|(at, x): (i64, i64)| at * x).sum())
}

fn fib(x: i64) -> i64 {
    if x < 2 {
        x
    } else {
        fib(black_box(x - 1)) + fib(black_box(x - 2))
    }
}

fn ack(x: i64, y: i64) -> i64 {
    match (x, y) {
        (0, y) => y + 1,
        (x, 0) => ack(x - 1, 1),
        (x, y) => ack(x - 1, ack(x, black_box(y - 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Data, PROGRAMS};

    #[test]
    fn every_rival_has_every_program() {
        for program in &PROGRAMS {
            let python = format!("    \"{}\": (", program.name);
            assert!(include_str!("rival.py").contains(&python), "{python}");
            let lua = [
                format!("  {} = {{function", program.name),
                format!("  [\"{}\"] = {{function", program.name),
            ];
            let text = include_str!("rival.lua");
            assert!(lua.iter().any(|lua| text.contains(lua)), "{lua:?}");
        }
    }

    #[test]
    fn the_native_results_are_known() {
        let data = Data::new();
        let results: Vec<i64> = PROGRAMS
            .iter()
            .map(|program| (program.native)(&data)())
            .collect();
        assert_eq!(results[..4], [75025, 509, 1_000_000, 1_000_000]);
        let sum: i64 = data.w.iter().sum();
        assert_eq!(results[4], sum);
        assert_eq!(results[5], sum + 499_999_500_000);
    }
}

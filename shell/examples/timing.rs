//! How long the yardstick programs of the language take, natively: the median of several runs.

use okernel_shell::machine::{Config, Machine, Step};
use std::time::Instant;

/// How often each program runs.
const RUNS: usize = 9;

const PROGRAMS: [(&str, &str); 12] = [
    ("fib 25", "{$[x<2;x;(o x-1)+o x-2]} 25"),
    (
        "ack(3,6)",
        "f:{[x;y]$[0=x;1+y;$[0=y;f[x-1;1];f[x-1;f[x;y-1]]]]};f[3;6]",
    ),
    ("1000000{x+1}/0", "1000000{x+1}/0"),
    ("while", "{x<1000000}{x+1}/0"),
    ("tail calls", "{$[x;o x-1;7]}1000000"),
    ("{x*x}'!1000000", "#{x*x}'!1000000"),
    ("{x+y}/!1000000", "{x+y}/!1000000"),
    ("closure", "f:{b:x;{b+x}};g:f 10;1000000 g/0"),
    ("append", "a:();{a,::x;0}'!100000;#a"),
    ("amend", "a:&100000;{a[x]::1;0}'!100000;+/a"),
    ("+/!1000000", "+/!1000000"),
    ("deep", "{$[x;1+o x-1;0]}200000"),
];

fn main() {
    for (name, program) in PROGRAMS {
        if !std::env::args()
            .nth(1)
            .is_none_or(|wanted| name.contains(&wanted))
        {
            continue;
        }
        let runs = if std::env::args().nth(2).is_some() {
            1
        } else {
            RUNS
        };
        let mut times: Vec<f64> = (0..runs).map(|_| time(program)).collect();
        times.sort_by(f64::total_cmp);
        let line = format!(
            "{name:20} {:9.2} ms, least {:9.2}\n",
            times[runs / 2],
            times[0]
        );
        std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()).ok();
    }
}

/// The milliseconds that a program takes in a fresh machine.
fn time(program: &str) -> f64 {
    let mut machine = Machine::new(Config::default());
    if let Err(error) = machine.start(program, "") {
        panic!("{program}: {error}");
    }
    let begin = Instant::now();
    match machine.run(u64::MAX / 4) {
        Step::Done(..) => begin.elapsed().as_secs_f64() * 1e3,
        other => panic!("{program}: {other:?}"),
    }
}

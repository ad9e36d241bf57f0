//! What the benches share: rivals take turns, each round checks what arrived, medians are compared.
//!
//! Taking turns within one run means that what the machine does meanwhile (other work, its clock)
//! meets all of them alike.

use std::io::Write;
use std::time::{Duration, Instant};

/// One way of doing the work: its name, and a function that does `values` of it and says how long.
pub struct Rival<'a> {
    pub name: &'a str,
    pub run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl<'a> Rival<'a> {
    pub fn new(name: &'a str, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }
}

/// Lets the rivals take turns, and prints nanoseconds per value: medians, and the first one's
/// advantage. Without `--bench` (as when tests build everything) one short round is run; an
/// argument selects the comparisons whose title contains it.
pub fn compare(title: &str, values: u64, rivals: &mut [Rival<'_>]) {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    if wanted.is_some_and(|wanted| !title.contains(&wanted)) {
        return;
    }
    let (rounds, values) = if is_bench {
        (9, values)
    } else {
        (1, values.min(20_000))
    };
    let mut times = vec![Vec::new(); rivals.len()];
    for round in 0..rounds + 1 {
        for (rival, times) in rivals.iter_mut().zip(&mut times) {
            let time = (rival.run)(values).as_secs_f64() * 1e9 / values as f64;
            // The first round warms up.
            if round > 0 || rounds == 1 {
                times.push(time);
            }
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let mut out = std::io::stdout().lock();
    let mut line = format!("{title:<34}");
    for (rival, time) in rivals.iter().zip(&medians) {
        let ratio = time / medians[0];
        line += &format!("  {:>20} {time:7.2} ns (x{ratio:.2})", rival.name);
    }
    // A closed pipe is no reason to fail.
    let _ = writeln!(out, "{line}");
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Waits a moment: spins first, and gives the core away after a while, since there may be fewer
/// cores than threads.
#[derive(Default)]
pub struct Backoff(u32);

impl Backoff {
    pub fn wait(&mut self) {
        self.0 += 1;
        if self.0 < 200 {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }

    pub fn reset(&mut self) {
        self.0 = 0;
    }
}

/// The sum of `0..values`, which every reader must come to.
pub fn expected_sum(values: u64) -> u64 {
    values * (values - 1) / 2
}

/// Runs the readers on threads of their own and the writer on this one; the time from when all are
/// there until the last reader has its sum, which is checked.
pub fn race<R, W>(values: u64, readers: Vec<R>, writer: W) -> Duration
where
    R: FnOnce() -> u64 + Send,
    W: FnOnce(),
{
    let ready = std::sync::Barrier::new(readers.len() + 1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = readers
            .into_iter()
            .map(|reader| {
                let ready = &ready;
                scope.spawn(move || {
                    ready.wait();
                    reader()
                })
            })
            .collect();
        ready.wait();
        let start = Instant::now();
        writer();
        for handle in handles {
            let sum = handle
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            assert_eq!(sum, expected_sum(values));
        }
        start.elapsed()
    })
}

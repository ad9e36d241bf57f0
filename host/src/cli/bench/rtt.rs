//! `bench rtt`: round trips of one u64 between two sandboxed tasks; beside them, in the same run, the
//! floor: two native threads that pass a cache line to and fro.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::report::Report;
use super::ring::ROUNDS;
use super::script::{figure, output};

/// Round trips of one run.
const TRIPS: u64 = 200_000;
/// Round trips of one run in which tasks sleep.
const TRIPS_ASLEEP: u64 = 5_000;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or an answer was wrong.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let (mut floor, mut spinning, mut sleeping, mut one_core) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        floor.push(cache_line());
        spinning.push(ping_pong(1, "spin", TRIPS)?);
        sleeping.push(ping_pong(1, "sleep", TRIPS_ASLEEP)?);
        one_core.push(ping_pong(0, "sleep", TRIPS)?);
    }
    report.row("two threads, one cache line", "ns", floor.clone());
    report.row_against("two cores, spinning", "ns", spinning, ("floor", &floor));
    report.row("two cores, sleeping", "ns", sleeping);
    report.row("one core", "ns", one_core);
    Ok(())
}

/// Median nanoseconds of a round trip between `ping` on core 0 and `pong` on core `core`.
fn ping_pong(core: u32, mode: &str, trips: u64) -> anyhow::Result<f64> {
    let script = format!(
        "there:pub[0;65536]; back:pub[{core};65536]; s:sub[{core};there]; t:sub[0;back];
         spawn[{core};`pong;[in:s;out:back;args:,\"{mode}\"]];
         spawn[0;`ping;[in:t;out:there;console:`console;clock:`clock;args:(\"{trips}\";\"{mode}\")]];"
    );
    figure(&output(2, &script)?, "median")
}

/// Mean nanoseconds of a round trip between two threads that spin on one atomic.
fn cache_line() -> f64 {
    let ball = Arc::new(AtomicU64::new(0));
    let other = Arc::clone(&ball);
    let echo = thread::spawn(move || {
        for trip in 0..TRIPS {
            while other.load(Ordering::Acquire) != 2 * trip + 1 {
                spin_loop();
            }
            other.store(2 * trip + 2, Ordering::Release);
        }
    });
    let started = Instant::now();
    for trip in 0..TRIPS {
        ball.store(2 * trip + 1, Ordering::Release);
        while ball.load(Ordering::Acquire) != 2 * trip + 2 {
            spin_loop();
        }
    }
    let nanoseconds = started.elapsed().as_nanos() as f64;
    // The echo has nothing left to do once its last answer was seen, and cannot panic.
    drop(echo.join());
    nanoseconds / TRIPS as f64
}

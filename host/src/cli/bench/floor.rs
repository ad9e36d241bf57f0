//! What the machine itself needs for what a bench asks of the kernel: the floors that figures stand beside.
//!
//! Virtual CPUs move, and with them the distance between two cores: a cache line goes to and fro in a
//! tenth of a microsecond on neighbours and in half a microsecond on distant ones. So a floor is taken
//! in the same run as the figure, by the smallest program that does the same.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, OwnedFd};

use super::threads::on_cpu;

/// Round trips that are timed together by [`cache_line`]: reading the clock takes as long as some.
const TRIPS_PER_BLOCK: u64 = 100;

/// Median nanoseconds of a round trip between two threads that spin on one atomic, on two CPUs. Trips are
/// timed in blocks; a block in which one of the threads did not run counts no more than any other.
///
/// # Errors
/// The operating system gives no thread.
pub fn cache_line(trips: u64) -> anyhow::Result<f64> {
    let ball = Arc::new(AtomicU64::new(0));
    let other = Arc::clone(&ball);
    let echo = on_cpu(1, move || {
        for trip in 0..trips {
            while other.load(Ordering::Acquire) != 2 * trip + 1 {
                spin_loop();
            }
            other.store(2 * trip + 2, Ordering::Release);
        }
    })?;
    let ping = on_cpu(0, move || {
        let mut blocks_ns = Vec::new();
        let mut started = Instant::now();
        for trip in 0..trips {
            ball.store(2 * trip + 1, Ordering::Release);
            while ball.load(Ordering::Acquire) != 2 * trip + 2 {
                spin_loop();
            }
            if (trip + 1) % TRIPS_PER_BLOCK == 0 {
                blocks_ns.push(started.elapsed().as_nanos() as f64 / TRIPS_PER_BLOCK as f64);
                started = Instant::now();
            }
        }
        blocks_ns
    })?;
    let blocks_ns = ping.join()?;
    echo.join()?;
    Ok(median(blocks_ns))
}

/// The middle one of some samples; NaN when there are none.
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Nanoseconds of each round trip between two threads that sleep in a read of an eventfd, on two CPUs.
///
/// # Errors
/// The operating system gives no thread, or no eventfd.
pub fn eventfds(trips: u64) -> anyhow::Result<Vec<f64>> {
    let made = || eventfd(0, EventfdFlags::CLOEXEC).context("bench: there is no eventfd");
    let (there, back) = (Arc::new(made()?), Arc::new(made()?));
    let (their_there, their_back) = (Arc::clone(&there), Arc::clone(&back));
    let echo = on_cpu(1, move || {
        for _ in 0..trips {
            take(&their_there)?;
            give(&their_back)?;
        }
        anyhow::Ok(())
    })?;
    let ping = on_cpu(0, move || {
        let mut took = Vec::with_capacity(trips as usize);
        for _ in 0..trips {
            let started = Instant::now();
            give(&there)?;
            take(&back)?;
            took.push(started.elapsed().as_nanos() as f64);
        }
        anyhow::Ok(took)
    })?;
    let took = ping.join()??;
    echo.join()??;
    Ok(took)
}

fn give(event: &OwnedFd) -> anyhow::Result<()> {
    rustix::io::write(event.as_fd(), &1u64.to_ne_bytes()).context("bench: eventfd")?;
    Ok(())
}

fn take(event: &OwnedFd) -> anyhow::Result<()> {
    let mut count = [0; 8];
    rustix::io::read(event.as_fd(), &mut count).context("bench: eventfd")?;
    Ok(())
}

/// Millions of u64s per second that one thread copies from one buffer of so many bytes to another.
pub fn memcpy(bytes: usize) -> f64 {
    const ROUNDS: usize = 200;
    let from = vec![1u64; bytes / 8];
    let mut to = vec![0u64; bytes / 8];
    let started = Instant::now();
    for _ in 0..ROUNDS {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    }
    (ROUNDS * from.len()) as f64 / started.elapsed().as_secs_f64() / 1e6
}

/// What one side of [`hand_over`] does to the buffer.
type Work = Box<dyn FnMut(&mut [u64]) + Send>;

/// Millions of u64s per second at which a buffer of so many bytes goes from core to core and back: one
/// fills it, the other adds it up, in turn. What counts is the slower of the two, working alone: no
/// ring whose two ends work at once, on lines that the other has just had, is faster.
///
/// # Errors
/// The operating system gives no thread.
pub fn hand_over(bytes: usize) -> anyhow::Result<f64> {
    const ROUNDS: u64 = 200;
    let count = bytes / 8;
    let buffer = Arc::new(Mutex::new(vec![0u64; count]));
    let turn = Arc::new(AtomicU64::new(0));
    let side = move |parity: u64, mut work: Work| {
        let (buffer, turn) = (Arc::clone(&buffer), Arc::clone(&turn));
        on_cpu(parity as usize, move || {
            let mut spent = Duration::ZERO;
            for round in 0..ROUNDS {
                while turn.load(Ordering::Acquire) != 2 * round + parity {
                    spin_loop();
                }
                let mut numbers = buffer.lock().unwrap_or_else(PoisonError::into_inner);
                let started = Instant::now();
                work(&mut numbers);
                spent += started.elapsed();
                drop(numbers);
                turn.store(2 * round + parity + 1, Ordering::Release);
            }
            spent
        })
    };
    let mut next = 0;
    let writer = side(
        0,
        Box::new(move |numbers| {
            for number in numbers {
                *number = next;
                next += 1;
            }
        }),
    )?;
    let reader = side(
        1,
        Box::new(|numbers| {
            black_box(
                numbers
                    .iter()
                    .fold(0u64, |sum, number| sum.wrapping_add(*number)),
            );
        }),
    )?;
    let slower = writer.join()?.max(reader.join()?);
    Ok(ROUNDS as f64 * count as f64 / slower.as_secs_f64() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::{cache_line, eventfds, hand_over, median, memcpy};

    #[test]
    fn floors_are_times_and_rates() {
        assert!(cache_line(100).unwrap() > 0.0);
        assert_eq!(eventfds(10).unwrap().len(), 10);
        assert!(memcpy(64 << 10) > 0.0);
        assert!(hand_over(64 << 10).unwrap() > 0.0);
        assert_eq!(median(vec![3.0, 1.0, 9.0]), 3.0);
        assert!(median(vec![]).is_nan());
    }
}

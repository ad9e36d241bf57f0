//! The kernels: small programs of different shapes, each with one number as its result.
//!
//! Calls, tight loops, memory, floating point, vectors, branches: what the sandbox and the checks that make a
//! task preemptible cost depends on the shape, so a figure for one of them says little.

use std::collections::HashMap;
use std::hint::black_box;

/// A program.
pub struct Kernel {
    /// What it is called.
    pub name: &'static str,
    /// Computes; the answer is the same everywhere.
    pub run: fn() -> u64,
}

/// All of them.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        name: "fib",
        run: || fib(black_box(27)),
    },
    Kernel {
        name: "queens",
        run: || queens(black_box(9), 0, 0, 0),
    },
    Kernel {
        name: "sieve",
        run: sieve,
    },
    Kernel {
        name: "sort",
        run: sort,
    },
    Kernel {
        name: "word count",
        run: word_count,
    },
    Kernel {
        name: "simd sum",
        run: simd_sum,
    },
    Kernel {
        name: "matrix",
        run: matrix,
    },
    Kernel {
        name: "mandelbrot",
        run: mandelbrot,
    },
    Kernel {
        name: "checksum",
        run: checksum,
    },
    Kernel {
        name: "lookup",
        run: lookup,
    },
];

/// Nothing but calls.
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

/// Ways to place queens on a board of `size` by `size`: calls, bits, branches.
fn queens(size: u32, columns: u32, left: u32, right: u32) -> u64 {
    let all = (1 << size) - 1;
    if columns == all {
        return 1;
    }
    let mut free = all & !(columns | left | right);
    let mut ways = 0;
    while free != 0 {
        let place = free & free.wrapping_neg();
        free ^= place;
        ways += queens(
            size,
            columns | place,
            (left | place) << 1,
            (right | place) >> 1,
        );
    }
    ways
}

/// How many primes there are: a loop of three instructions.
fn sieve() -> u64 {
    let limit = black_box(500_000);
    let mut composite = vec![false; limit];
    let mut primes = 0;
    for number in 2..limit {
        if !composite[number] {
            primes += 1;
            // Where addresses have 32 bits the square may not fit.
            let mut multiple = number.saturating_mul(number);
            while multiple < limit {
                composite[multiple] = true;
                multiple += number;
            }
        }
    }
    primes
}

/// A generator of numbers without a pattern.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// The standard library's unstable sort.
fn sort() -> u64 {
    let mut state = black_box(88_172_645_463_325_252);
    let mut numbers: Vec<u64> = (0..100_000).map(|_| random(&mut state)).collect();
    numbers.sort_unstable();
    numbers
        .iter()
        .step_by(1000)
        .fold(0, |sum, number| sum ^ number)
}

/// Words of a text, folded and counted.
fn word_count() -> u64 {
    let mut state = black_box(1);
    let text: Vec<u8> = (0..300_000)
        .map(|_| b"etaoin shrdlu ETA, "[(random(&mut state) % 19) as usize])
        .collect();
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    for word in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        let folded = word.to_ascii_lowercase();
        *counts.entry(folded).or_default() += 1;
    }
    counts
        .iter()
        .map(|(word, count)| word.len() as u64 * count * count)
        .sum()
}

/// The sum of numbers, several at a time.
fn simd_sum() -> u64 {
    let numbers = black_box(vec![3u64; 100_000]);
    let mut total = 0u64;
    for _ in 0..30 {
        total = total.wrapping_add(sum(black_box(&numbers)));
    }
    total
}

#[inline(never)]
fn sum(numbers: &[u64]) -> u64 {
    let (chunks, rest) = numbers.as_chunks();
    rest.iter()
        .fold(sum_chunks(chunks), |sum, number| sum.wrapping_add(*number))
}

/// Two numbers at a time: the compiler of guests finds no vector instructions for this by itself.
#[cfg(target_feature = "simd128")]
fn sum_chunks(chunks: &[[u64; 16]]) -> u64 {
    use core::arch::wasm32::{u64x2, u64x2_add, u64x2_extract_lane};
    let mut sums = [u64x2(0, 0); 4];
    for chunk in chunks {
        let (quads, _) = chunk.as_chunks::<8>();
        for quad in quads {
            let (pairs, _) = quad.as_chunks::<2>();
            for (sum, [even, odd]) in sums.iter_mut().zip(pairs) {
                *sum = u64x2_add(*sum, u64x2(*even, *odd));
            }
        }
    }
    sums.into_iter().fold(0, |total, sum| {
        let pair = u64x2_extract_lane::<0>(sum).wrapping_add(u64x2_extract_lane::<1>(sum));
        total.wrapping_add(pair)
    })
}

#[cfg(not(target_feature = "simd128"))]
fn sum_chunks(chunks: &[[u64; 16]]) -> u64 {
    let numbers = chunks.as_flattened();
    numbers
        .iter()
        .fold(0, |sum, number| sum.wrapping_add(*number))
}

/// The product of two matrices of floating point numbers.
fn matrix() -> u64 {
    const SIZE: usize = 128;
    let make =
        |factor: f64| -> Vec<f64> { (0..SIZE * SIZE).map(|at| at as f64 * factor).collect() };
    let (a, b) = (black_box(make(0.5)), black_box(make(0.25)));
    let mut product = vec![0.0; SIZE * SIZE];
    for (into, row) in product.chunks_exact_mut(SIZE).zip(a.chunks_exact(SIZE)) {
        for (factor, line) in row.iter().zip(b.chunks_exact(SIZE)) {
            for (sum, value) in into.iter_mut().zip(line) {
                *sum += factor * value;
            }
        }
    }
    product.iter().step_by(97).sum::<f64>() as u64
}

/// Points that stay: floating point in a loop whose end depends on it.
fn mandelbrot() -> u64 {
    let size = black_box(120);
    let mut inside = 0;
    for row in 0..size {
        for column in 0..size {
            let cx = f64::from(column) * 3.0 / f64::from(size) - 2.0;
            let cy = f64::from(row) * 2.0 / f64::from(size) - 1.0;
            let (mut x, mut y, mut rounds) = (0.0, 0.0, 0);
            while x * x + y * y < 4.0 && rounds < 100 {
                (x, y) = (x * x - y * y + cx, 2.0 * x * y + cy);
                rounds += 1;
            }
            inside += u64::from(rounds == 100);
        }
    }
    inside
}

/// A checksum, byte by byte.
fn checksum() -> u64 {
    let bytes = black_box(vec![7u8; 1_000_000]);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Binary searches in a table.
fn lookup() -> u64 {
    let table: Vec<u64> = (0..65_536u64).map(|at| at * 3).collect();
    let table = black_box(table);
    let mut state = 42;
    (0..50_000)
        .filter(|_| table.binary_search(&(random(&mut state) % 196_608)).is_ok())
        .count() as u64
}

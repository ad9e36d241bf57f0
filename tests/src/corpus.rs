//! Text for the tests: seeded, of any length, with the frequencies of natural words.

use std::io::{self, Write};

/// A small, seeded generator (SplitMix64 of Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// A generator whose numbers depend on `seed` alone.
    pub fn new(seed: u64) -> SplitMix {
        SplitMix(seed)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Writes about `bytes` bytes of words, capitals, digits and punctuation. Words follow Zipf's law
/// over `distinct` words.
///
/// # Errors
/// What writing answers.
pub fn write_text(out: &mut impl Write, bytes: u64, distinct: u64, seed: u64) -> io::Result<()> {
    let mut random = SplitMix::new(seed);
    let mut written = 0;
    let mut line = Vec::new();
    while written < bytes {
        line.clear();
        for _ in 0..12 {
            let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            let rank = ((distinct as f64).powf(uniform)) as u64;
            push_word(&mut line, rank);
            let separators: [&[u8]; 5] = [b" ", b" ", b", ", b"; ", b"\xc3\xa9 "];
            line.extend_from_slice(separators[(random.next_u64() % 5) as usize]);
        }
        line.push(b'\n');
        out.write_all(&line)?;
        written += line.len() as u64;
    }
    Ok(())
}

/// The word of a rank: letters in base 26, each third word with a capital, some with digits.
fn push_word(line: &mut Vec<u8>, rank: u64) {
    let from = line.len();
    let mut left = rank;
    loop {
        line.push(b'a' + (left % 26) as u8);
        line.push(b"aeiou"[(left % 5) as usize]);
        left /= 26;
        if left == 0 {
            break;
        }
    }
    if rank.is_multiple_of(3) {
        line[from] = line[from].to_ascii_uppercase();
    }
    if rank.is_multiple_of(17) {
        line.push(b'0' + (rank % 10) as u8);
    }
}

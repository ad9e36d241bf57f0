//! A word of at most sixteen bytes as two integers, and the hash of words.
//!
//! Nearly all words of nearly all texts are that short, so they are compared, hashed and kept without
//! looking at single bytes. Letters and digits are never zero: the zeros behind a word tell its length.

use core::cmp::Ordering;

/// The most bytes of a word that is a key.
pub const KEY_BYTES: usize = 16;

/// A word of 1..=16 letters and digits, folded to lower case, little-endian, zeros behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Key {
    /// The first eight bytes.
    pub low: u64,
    /// The other eight bytes.
    pub high: u64,
}

/// For each length, the bits of a key that belong to the word.
const LENGTH_MASKS: [Key; KEY_BYTES + 1] = {
    let mut masks = [Key { low: 0, high: 0 }; KEY_BYTES + 1];
    let mut length = 1;
    while length <= KEY_BYTES {
        let bits = u128::MAX >> (128 - 8 * length);
        masks[length] = Key {
            low: bits as u64,
            high: (bits >> 64) as u64,
        };
        length += 1;
    }
    masks
};

const FOLD: u64 = u64::from_ne_bytes([crate::mask::FOLD_BIT; 8]);

impl Key {
    /// The key of a word that begins at the front of `bytes` and is `length` bytes long, at most 16.
    #[inline]
    pub fn of_word(bytes: &[u8; KEY_BYTES], length: usize) -> Key {
        let word = u128::from_le_bytes(*bytes);
        let mask = &LENGTH_MASKS[length];
        Key {
            low: (word as u64 | FOLD) & mask.low,
            high: ((word >> 64) as u64 | FOLD) & mask.high,
        }
    }

    /// The key of a word of at most sixteen bytes; what is longer is cut.
    pub fn of_slice(word: &[u8]) -> Key {
        let mut bytes = [0; KEY_BYTES];
        let length = word.len().min(KEY_BYTES);
        bytes[..length].copy_from_slice(&word[..length]);
        Key::of_word(&bytes, length)
    }

    /// The bytes, zeros behind them.
    pub fn to_bytes(self) -> [u8; KEY_BYTES] {
        (u128::from(self.low) | u128::from(self.high) << 64).to_le_bytes()
    }

    /// How many bytes the word has.
    pub fn length(self) -> usize {
        let zeros = match self.high {
            0 => 64 + self.low.leading_zeros(),
            high => high.leading_zeros(),
        };
        KEY_BYTES - zeros as usize / 8
    }

    /// The order of the words' bytes.
    pub fn order(self, other: Key) -> Ordering {
        let first = self.low.swap_bytes().cmp(&other.low.swap_bytes());
        first.then_with(|| self.high.swap_bytes().cmp(&other.high.swap_bytes()))
    }

    /// 64 bits of which all depend on the whole word. The highest choose a place in a table, those from
    /// [`crate::partition::SHIFT`] up a partition.
    #[inline]
    pub fn hash(self) -> u64 {
        let folded = self.low.wrapping_mul(MULTIPLIERS[0])
            ^ self.high.wrapping_mul(MULTIPLIERS[1]).rotate_left(32);
        mix(folded)
    }
}

/// Odd numbers with bits in no pattern (from the fractions of the golden ratio and of square roots).
const MULTIPLIERS: [u64; 3] = [
    0x9e37_79b9_7f4a_7c15,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
];

#[inline]
fn mix(bits: u64) -> u64 {
    (bits ^ bits >> 32).wrapping_mul(MULTIPLIERS[2])
}

/// The hash of a word of any length, in the same sense as [`Key::hash`].
pub fn hash_long(word: &[u8]) -> u64 {
    let (lanes, rest) = word.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut hash = word.len() as u64;
    for lane in lanes.iter().chain([&last]) {
        let lane = u64::from_le_bytes(*lane);
        hash = (hash.rotate_left(23) ^ lane).wrapping_mul(MULTIPLIERS[0]);
    }
    mix(hash)
}

#[cfg(test)]
mod tests {
    use super::{KEY_BYTES, Key, hash_long};

    #[test]
    fn keys_fold_and_cut() {
        let bytes = *b"ThEquick-BROWN99";
        for length in 1..=KEY_BYTES {
            let key = Key::of_word(&bytes, length);
            assert_eq!(key.length(), length);
            let mut expected = [0; KEY_BYTES];
            expected[..length].copy_from_slice(&bytes[..length]);
            expected.iter_mut().for_each(|byte| {
                if *byte == b'-' {
                    // Not a letter: only letters and digits are ever within a word.
                    *byte |= 0x20;
                }
                byte.make_ascii_lowercase();
            });
            assert_eq!(key.to_bytes(), expected);
            assert_eq!(Key::of_slice(&bytes[..length]), key);
        }
    }

    #[test]
    fn order_is_that_of_bytes() {
        let words = [
            "0",
            "a",
            "a0",
            "aa",
            "aaaaaaaa",
            "aaaaaaaaa",
            "aaaaaaaab",
            "b",
            "ba",
        ];
        for (at, left) in words.iter().enumerate() {
            for (other, right) in words.iter().enumerate() {
                let order = Key::of_slice(left.as_bytes()).order(Key::of_slice(right.as_bytes()));
                assert_eq!(order, at.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn hashes_spread() {
        // 4096 similar words fall into about as many places as random ones would: 1 - 1/e of 4096.
        let places = |hash: &dyn Fn(&str) -> u64, shift: u32| {
            let mut hit = vec![false; 4096];
            for number in 0..4096 {
                hit[(hash(&format!("w{number:x}")) >> shift) as usize % 4096] = true;
            }
            hit.into_iter().filter(|hit| *hit).count()
        };
        for shift in [52, crate::partition::SHIFT] {
            let short = places(&|word| Key::of_slice(word.as_bytes()).hash(), shift);
            assert!((2300..3100).contains(&short), "{short} at {shift}");
            let long = places(
                &|word| hash_long(format!("a rather long {word}").as_bytes()),
                shift,
            );
            assert!((2300..3100).contains(&long), "{long} at {shift}");
        }
    }
}

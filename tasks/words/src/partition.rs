//! A part of all words, chosen by their hashes: what one pass over the text counts.
//!
//! When the words do not fit into memory, the part is halved in the middle of the pass: the words of the
//! other half are forgotten, and counted in a later pass. What remains was counted from the pass's first
//! byte on, so nothing is lost, and as many passes are made as the text needs.

/// The lowest bit of a hash that chooses partitions. Tables use the highest.
pub const SHIFT: u32 = 20;

/// A part is halved at most so often.
const BITS_MAX: u32 = 16;

/// The words whose hashes have certain bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partition {
    mask: u64,
    bits: u64,
}

impl Partition {
    /// All words.
    pub const ALL: Partition = Partition { mask: 0, bits: 0 };

    /// Whether a word with this hash belongs to it.
    #[inline]
    pub fn has(self, hash: u64) -> bool {
        hash & self.mask == self.bits
    }

    /// Two halves; `None` when it is too small to be halved.
    pub fn halves(self) -> Option<(Partition, Partition)> {
        let bit = 1 << (SHIFT + self.mask.count_ones());
        if self.mask.count_ones() == BITS_MAX {
            return None;
        }
        let mask = self.mask | bit;
        let lower = Partition {
            mask,
            bits: self.bits,
        };
        let upper = Partition {
            mask,
            bits: self.bits | bit,
        };
        Some((lower, upper))
    }
}

#[cfg(test)]
mod tests {
    use super::Partition;

    #[test]
    fn halves_share_everything_between_them() {
        let mut part = Partition::ALL;
        let mut halvings = 0;
        while let Some((lower, upper)) = part.halves() {
            for hash in (0..1000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
                let halves = usize::from(lower.has(hash)) + usize::from(upper.has(hash));
                assert_eq!(halves, usize::from(part.has(hash)));
            }
            part = if halvings % 2 == 0 { lower } else { upper };
            halvings += 1;
        }
        assert_eq!(halvings, 16);
    }
}

//! Chance that can be had again: numbers that follow from a seed.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). The kernel
//! itself throws no dice but these: seeds of tasks are made here, and a simulation's choices.

/// The step of the state: 2^64 divided by the golden ratio, odd.
pub(crate) const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of numbers that look random.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is above 0; the bias is below `end` in 2^64.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let end = items.len() as u64;
        items.get(self.below(end.max(1)) as usize)
    }

    /// True once in `count` times, in the long run.
    pub fn once_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn a_seed_gives_the_same_numbers_again_and_all_of_a_range() {
        let (mut one, mut two) = (Chance::new(7), Chance::new(7));
        let mut seen = [0; 10];
        for _ in 0..1000 {
            let number = one.below(10);
            assert_eq!(number, two.below(10));
            seen[number as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 50), "{seen:?}");
        assert_eq!(one.pick::<u8>(&[]), None);
    }

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        let mut chance = Chance::new(0);
        assert_eq!(chance.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(chance.next_u64(), 0x6e78_9e6a_a1b9_65f4);
    }
}

//! Random numbers from a seed: xoshiro256**, which is small, fast and the same everywhere.
//!
//! There is no hidden source: the same seed and the same program give the same numbers. The state
//! can be read and set, so that a program can be moved with its future.

/// A generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator of a seed; seeds that differ by one give unrelated numbers.
    pub fn new(seed: u64) -> Rng {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            // SplitMix64, as the authors of xoshiro advise for seeding.
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Rng { state }
    }

    /// The generator in a state that [`Rng::state`] gave. A state of zeros, which would only give
    /// zeros, is taken for a seed.
    pub fn from_state(state: [u64; 4]) -> Rng {
        if state == [0; 4] {
            Rng::new(0)
        } else {
            Rng { state }
        }
    }

    /// The state.
    pub fn state(&self) -> [u64; 4] {
        self.state
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number from 0 up to `bound`, which is not included; 0 for a bound of 0. All are equally
    /// likely (Lemire's multiplication with rejection).
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        loop {
            let wide = u128::from(self.bits()) * u128::from(bound);
            let low = wide as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A float from 0 up to 1, which is not included, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << f64::MANTISSA_DIGITS) as f64;
        (self.bits() >> (u64::BITS - f64::MANTISSA_DIGITS)) as f64 * STEP
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn a_seed_decides_everything() {
        let mut x = Rng::new(7);
        let mut y = Rng::new(7);
        assert!((0..100).all(|_| x.bits() == y.bits()));
        let mut z = Rng::from_state(x.state());
        assert_eq!(x.bits(), z.bits());
        assert_ne!(Rng::new(8).bits(), Rng::new(9).bits());
        assert_ne!(Rng::from_state([0; 4]).bits(), 0);
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut rng = Rng::new(1);
        for bound in [1, 2, 3, 100, u64::MAX] {
            assert!((0..1000).all(|_| rng.below(bound) < bound));
        }
        let mut seen = [0; 10];
        (0..10_000).for_each(|_| seen[rng.below(10) as usize] += 1);
        assert!(
            seen.iter().all(|count| (800..1200).contains(count)),
            "{seen:?}"
        );
        assert!((0..1000).all(|_| (0.0..1.0).contains(&rng.unit())));
    }
}

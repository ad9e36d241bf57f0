//! How much a bench does: enough for its figures, or just enough to see that it works.

/// How much a bench does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effort {
    /// Enough for its figures.
    Full,
    /// As little as shows that it works: its figures mean nothing.
    Quick,
}

/// What a quick bench does of a long row of operations: one in so many.
const QUICK_DIVISOR: u64 = 100;

impl Effort {
    /// Runs of each variant, of so many.
    pub fn rounds(self, rounds: usize) -> usize {
        self.of(rounds, rounds.min(1))
    }

    /// What is meant for it: `quick` for a quick one.
    pub fn of<T>(self, full: T, quick: T) -> T {
        match self {
            Effort::Full => full,
            Effort::Quick => quick,
        }
    }

    /// Operations of one run, of so many.
    pub fn count(self, count: u64) -> u64 {
        self.of(count, count.div_ceil(QUICK_DIVISOR))
    }

    /// Those of a bench's variants that it takes, the least first: no more than `quick` of them if it is quick.
    pub fn steps<T>(self, steps: &[T], quick: usize) -> &[T] {
        self.of(steps, &steps[..steps.len().min(quick)])
    }
}

#[cfg(test)]
mod tests {
    use super::Effort;

    #[test]
    fn a_quick_bench_leaves_nothing_out_altogether() {
        assert_eq!(Effort::Full.rounds(5), 5);
        assert_eq!(Effort::Quick.rounds(5), 1);
        assert_eq!(Effort::Full.count(50_000), 50_000);
        assert_eq!(Effort::Quick.count(50_000), 500);
        assert_eq!(Effort::Quick.count(1), 1);
        assert_eq!(
            Effort::Full.steps(&[10, 1000, 10_000], 2),
            [10, 1000, 10_000]
        );
        assert_eq!(Effort::Quick.steps(&[10, 1000, 10_000], 2), [10, 1000]);
        assert_eq!(Effort::Quick.steps(&[10], 2), [10]);
    }
}

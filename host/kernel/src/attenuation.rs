//! What a grant is cut down to: how fast, how much in all, until when.
//!
//! An attenuation is data; what it means for a use is decided by [`crate::meter`] (rate and quota) and by
//! a timer (the end of its time). That only reading is left is a grant of its own: a reader of a ring, a
//! file that is opened for reading.

use crate::clock::Clock;

/// A rate with its burst, in units: a byte for rings, files and the console, a use for the other
/// rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Units per second, at least 1.
    pub per_second: u64,
    /// Units that may be used at once after a rest, at least 1. No single message can be larger.
    pub burst: u64,
}

impl Rate {
    /// A rate whose burst is what one second brings.
    pub fn per_second(units: u64) -> Rate {
        Rate {
            per_second: units,
            burst: units,
        }
    }
}

/// When a grant expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// At this moment: nanoseconds since 1970 in UTC. It is counted on the monotonic clock from when it is
    /// granted: setting the wall clock later changes nothing.
    Moment(i64),
    /// So many nanoseconds after it is granted.
    Span(u64),
}

impl Until {
    /// The moment on the kernel's clock. None when it has passed.
    pub(crate) fn on(self, clock: &Clock) -> Option<u64> {
        let now_ns = clock.now_ns();
        match self {
            Until::Span(0) => None,
            Until::Span(span_ns) => Some(now_ns.saturating_add(span_ns)),
            Until::Moment(utc_ns) => {
                let utc_ns = u64::try_from(utc_ns).ok()?;
                let ahead_ns = utc_ns.checked_sub(clock.utc_ns())?;
                (ahead_ns > 0).then(|| now_ns.saturating_add(ahead_ns))
            }
        }
    }
}

/// What a grant is cut down to. The default leaves it whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attenuation {
    /// How fast it may be used.
    pub rate: Option<Rate>,
    /// How much of it may be used in all, in units; at least 1.
    pub quota: Option<u64>,
    /// When it expires.
    pub until: Option<Until>,
}

#[cfg(test)]
mod tests {
    use super::Until;
    use crate::clock::Clock;

    #[test]
    fn moments_and_spans_are_moments_of_the_kernels_clock() {
        let clock = Clock::start();
        let hour_ns = 3_600_000_000_000;
        let later_ns = Until::Span(hour_ns).on(&clock).unwrap();
        assert!(later_ns >= hour_ns && later_ns <= hour_ns + clock.now_ns());
        let utc_ns = i64::try_from(clock.utc_ns() + hour_ns).unwrap();
        let moment_ns = Until::Moment(utc_ns).on(&clock).unwrap();
        assert!(moment_ns.abs_diff(later_ns) < 60_000_000_000);
        for over in [Until::Span(0), Until::Moment(1), Until::Moment(i64::MIN)] {
            assert_eq!(over.on(&clock), None);
        }
        assert_eq!(Until::Span(u64::MAX).on(&clock), Some(u64::MAX));
    }
}

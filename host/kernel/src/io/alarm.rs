//! The alarm: ends a core's sleep when its next timer is due.
//!
//! epoll's own time-out counts milliseconds; a timerfd counts nanoseconds, so that a timer of
//! half a millisecond is one. It is set only when the moment has changed.

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;

/// A timer of the operating system.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: OwnedFd,
    set_ns: Option<u64>,
}

impl Alarm {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Alarm> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Alarm {
            timer,
            set_ns: None,
        })
    }

    /// Lets the poll end at `at_ns` on the kernel's clock, which shows `now_ns`. None: not at all.
    pub(crate) fn set(&mut self, at_ns: Option<u64>, now_ns: u64) -> io::Result<()> {
        if self.set_ns == at_ns {
            return Ok(());
        }
        // A zero span would disarm the timer.
        let span_ns = at_ns.map_or(0, |at_ns| at_ns.saturating_sub(now_ns).max(1));
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let spec = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: (span_ns / 1_000_000_000) as i64,
                tv_nsec: (span_ns % 1_000_000_000) as i64,
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec)?;
        self.set_ns = at_ns;
        Ok(())
    }

    /// The alarm has gone off: the next [`Alarm::set`] counts, whatever its moment.
    pub(crate) fn went_off(&mut self) {
        self.set_ns = None;
    }
}

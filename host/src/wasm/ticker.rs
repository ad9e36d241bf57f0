//! The clock of preemption: a thread that advances the engines' epoch while some core is busy.
//!
//! A metered guest compares the epoch with its deadline; when it has passed, the guest asks the
//! scheduler whether its turn is over. The epoch is only a hint to look at the real clock, so being
//! late costs fairness, never correctness. While all cores sleep the thread is parked and costs
//! nothing.
//!
//! Invariant: a core that says it is busy finds the ticker running or wakes it. Both sides write
//! their own flag before they read the other's, in one total order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use okernel_core::{CoreHooks, CoreId, aside};

use super::engine::{Engines, Metering};
use super::limits::{CATCH_UP_TICKS_MAX, LINGER_TICKS, TICK_MIN};

/// The running ticker. Dropping it ends its thread.
pub struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    engines: Engines,
    tick: Duration,
    busy: AtomicUsize,
    parked: AtomicBool,
    stopping: AtomicBool,
}

impl Ticker {
    /// Starts the ticker for the metered engines of `engines`, parked until a core is busy. A period
    /// below [`TICK_MIN`] is raised to it.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(engines: &Engines, tick: Duration) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared {
            engines: engines.clone(),
            tick: tick.max(TICK_MIN),
            busy: AtomicUsize::new(0),
            parked: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = aside::spawn("ticker", move || theirs.run())?;
        Ok(Ticker {
            shared,
            thread: Some(thread),
        })
    }

    fn unpark(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl CoreHooks for Ticker {
    fn core_busy(&self, _core: CoreId) {
        let before = self.shared.busy.fetch_add(1, Ordering::SeqCst);
        if before == 0 && self.shared.parked.load(Ordering::SeqCst) {
            self.unpark();
        }
    }

    fn core_idle(&self, _core: CoreId) {
        let before = self.shared.busy.fetch_sub(1, Ordering::SeqCst);
        debug_assert!(before > 0, "more idle cores than busy ones");
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.unpark();
        if let Some(thread) = self.thread.take() {
            // A panic of the ticker has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut idle_ticks = 0;
        let mut last = Instant::now();
        while !self.stopping.load(Ordering::SeqCst) {
            if self.busy.load(Ordering::SeqCst) > 0 {
                idle_ticks = 0;
            } else {
                idle_ticks += 1;
                if idle_ticks > LINGER_TICKS {
                    self.park();
                    idle_ticks = 0;
                    last = Instant::now();
                    continue;
                }
            }
            thread::sleep((last + self.tick).saturating_duration_since(Instant::now()));
            let (ticks, whole) = elapsed_ticks(last.elapsed(), self.tick);
            let metered = [Some(self.engines.get(Metering::Epoch))];
            // The dense engine may have been made since.
            let metered = metered.into_iter().chain([self.engines.dense_if_made()]);
            for engine in metered.flatten() {
                for _ in 0..ticks {
                    engine.increment_epoch();
                }
            }
            last += whole;
        }
    }

    fn park(&self) {
        self.parked.store(true, Ordering::SeqCst);
        while self.busy.load(Ordering::SeqCst) == 0 && !self.stopping.load(Ordering::SeqCst) {
            thread::park();
        }
        self.parked.store(false, Ordering::SeqCst);
    }
}

/// How many ticks to count for this time, and the time that they (and those beyond the maximum) stand for.
fn elapsed_ticks(elapsed: Duration, tick: Duration) -> (u32, Duration) {
    let whole = u32::try_from(elapsed.as_nanos() / tick.as_nanos()).unwrap_or(u32::MAX);
    (whole.min(CATCH_UP_TICKS_MAX), tick.saturating_mul(whole))
}

#[cfg(test)]
mod tests {
    use super::{CATCH_UP_TICKS_MAX, Ticker, elapsed_ticks};
    use crate::wasm::engine::{Engines, Metering};
    use crate::wasm::limits;
    use okernel_core::{CoreHooks, CoreId};
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};
    use wasmtime::{Module, Store, UpdateDeadline};

    #[test]
    fn late_ticks_are_made_up_for_within_reason() {
        let tick = Duration::from_millis(1);
        assert_eq!(
            elapsed_ticks(Duration::from_micros(900), tick),
            (0, Duration::ZERO)
        );
        assert_eq!(
            elapsed_ticks(Duration::from_micros(3900), tick),
            (3, tick * 3)
        );
        let (ticks, whole) = elapsed_ticks(Duration::from_secs(10), tick);
        assert_eq!(
            (ticks, whole),
            (CATCH_UP_TICKS_MAX, Duration::from_secs(10))
        );
    }

    fn wait_until(what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{what} never came true"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn it_ticks_while_a_core_is_busy_and_parks_when_none_is() {
        let engines = Engines::new(limits::INSTANCES_MIN).unwrap();
        let ticker = Ticker::start(&engines, Duration::from_millis(1)).unwrap();
        let parked = || ticker.shared.parked.load(Ordering::SeqCst);
        wait_until("parking at first", parked);
        for _ in 0..3 {
            ticker.core_busy(CoreId(0));
            // An endless loop is ended by the epoch alone.
            let engine = engines.get(Metering::Epoch);
            let module = Module::new(
                engine,
                wat::parse_str(r#"(module (func (export "spin") (loop (br 0))))"#).unwrap(),
            )
            .unwrap();
            let mut store = Store::new(engine, 0u32);
            store.epoch_deadline_callback(|mut store| {
                *store.data_mut() += 1;
                if *store.data() < 3 {
                    return Ok(UpdateDeadline::Continue(1));
                }
                Err(wasmtime::Error::msg("enough"))
            });
            store.set_epoch_deadline(1);
            let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
            let spin = instance
                .get_typed_func::<(), ()>(&mut store, "spin")
                .unwrap();
            assert!(spin.call(&mut store, ()).is_err());
            assert_eq!(*store.data(), 3);
            ticker.core_idle(CoreId(0));
            wait_until("parking again", parked);
        }
    }
}

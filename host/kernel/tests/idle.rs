//! An idle kernel costs nothing. Alone in its binary, since it measures the whole process.

use okernel_core::{
    Config, Context, CoreId, Grant, Kernel, NoHooks, NoModules, Outcome, Spawn, Task,
};
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Waits for a timer that is far away.
struct Sleeper;

impl Task for Sleeper {
    fn poll(&mut self, cx: &mut Context) -> Outcome {
        let timers = cx.grant("t").unwrap();
        let timer = cx.timer_set(timers, 3_600_000_000_000, 0).unwrap();
        let _ = cx.wait(timer, 0).unwrap();
        Outcome::Yield
    }
}

fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn four_idle_cores_use_less_than_half_a_percent_of_a_cpu() {
    let modules = Arc::new(NoModules);
    let mut kernel = Kernel::simple(4, Config::default(), modules, Arc::new(NoHooks)).unwrap();
    for core in 0..4 {
        let sleeper = Spawn::native("sleeper", Box::new(Sleeper)).grant("t", Grant::Timers);
        kernel.spawn(CoreId(core), sleeper).unwrap();
    }
    let control = kernel.control();
    let running = thread::spawn(move || kernel.run().unwrap());
    thread::sleep(Duration::from_millis(300));
    let (cpu, time) = (process_cpu(), Instant::now());
    thread::sleep(Duration::from_secs(4));
    let share = (process_cpu() - cpu).as_secs_f64() / time.elapsed().as_secs_f64();
    control.halt(0);
    assert_eq!(running.join().unwrap(), 0);
    assert!(share < 0.005, "{:.3} % of a CPU", share * 100.0);
}

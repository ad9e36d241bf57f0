//! `bench spawn`: lives of tasks of a loaded module, from the order to the end, on one core.
//!
//! A life is the order (a message of the bus), the start of the task with its endpoints and rights, its
//! instance, `init`, the first `poll`, in which it ends, `finalize`, the return of all that it had, and the news of its
//! end, for which each order asks. The
//! floor is what the engine alone takes for the smallest module: a store, an instance, one call, their end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::ensure;
use okernel_abi::value::Value;
use okernel_core::{Config, Control, CoreId, Program, Spawn};

use super::machine::ModuleFile;
use super::report::Report;
use super::restart;
use super::ring::ROUNDS;
use super::row::Aim;
use super::samples::Samples;
use super::script::{figure, output};
use crate::boot::{self, Class, Load};
use crate::wasm::floor::Floor;

/// Lives of one run.
const LIVES: u64 = 50_000;
/// Lives before the clock starts.
const WARM_UP: u64 = 2_000;
/// Orders that are under way at a time.
const WINDOW: u64 = 64;
/// Lives of the run in which each is waited for.
const SINGLE_LIVES: u64 = 5_000;
/// What a task that ends at once is made of.
const MODULE: &str = "idle";
/// The same in the dense class.
const DENSE: &str = "idle-dense";

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, or a task was not spawned.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let file = ModuleFile::write(MODULE)?;
    let loads = [file.load(DENSE, Class::Dense)];
    let (ordinary_floor, dense_floor) = (Floor::new(Class::Ordinary)?, Floor::new(Class::Dense)?);
    let mut floors = [Vec::new(), Vec::new()];
    let mut kernels = [Vec::new(), Vec::new()];
    let mut guests = Vec::new();
    let count = report.effort().count(LIVES);
    for _ in 0..report.effort().rounds(ROUNDS) {
        for (floor, rounds) in [&ordinary_floor, &dense_floor].into_iter().zip(&mut floors) {
            floor.lives(WARM_UP as u32)?;
            let took = floor.lives(count as u32)?;
            rounds.push(count as f64 / took.as_secs_f64() / 1e3);
        }
        for (module, rounds) in [MODULE, DENSE].into_iter().zip(&mut kernels) {
            rounds.push(count as f64 / lives(module, &loads, count, WINDOW)?.seconds / 1e3);
        }
        guests.push(by_a_guest(count)?);
    }
    let single = lives(MODULE, &loads, report.effort().count(SINGLE_LIVES), 1)?.lives_us;
    let [floor, dense_floor] = floors;
    let [ordinary, dense] = kernels;
    report.row("floor: instance, call, end", "k/s", floor.clone());
    report
        .row("ordinary: order to end", "k/s", ordinary)
        .against("floor", &floor)
        .aim(Aim::AtLeast(150.0));
    report.row("dense floor", "k/s", dense_floor.clone());
    report
        .row("dense: order to end", "k/s", dense)
        .against("dense floor", &dense_floor);
    report
        .row("ordered by a guest, to the answer", "k/s", guests)
        .against("floor", &floor);
    report.samples("one at a time, order to end", "us", single);
    restart::rows(report)
}

/// What a run of lives came to.
struct Lives {
    seconds: f64,
    lives_us: Samples,
}

/// What orders share.
struct Orders {
    control: Control,
    module: &'static str,
    ordered: AtomicU64,
    ended_count: AtomicU64,
    total: u64,
    failed: AtomicBool,
    begun: Mutex<Option<Instant>>,
    ended: Mutex<Option<Instant>>,
    lives_us: Mutex<Samples>,
}

impl Orders {
    /// Orders one task, whose end orders the next.
    fn order(self: &Arc<Self>) {
        if self.ordered.fetch_add(1, Ordering::Relaxed) >= self.total {
            return;
        }
        let spawn = Spawn::program(self.module, Program::Module(self.module.to_string()));
        let (orders, sent) = (Arc::clone(self), Instant::now());
        self.control
            .spawn(CoreId(0), spawn, move |answer| orders.answer(&answer, sent));
    }

    fn answer(self: &Arc<Self>, answer: &Value, sent: Instant) {
        let Some(task) = answer.as_int() else {
            self.failed.store(true, Ordering::Relaxed);
            return self.control.halt(0);
        };
        // Whoever waits for the end hears of it also if the task has ended already.
        let monitor = vec![Value::Symbol("monitor".to_string()), Value::Int(task)];
        let orders = Arc::clone(self);
        let ended = move |_| orders.ended(sent);
        self.control.request(Value::List(monitor), ended);
    }

    fn ended(self: &Arc<Self>, sent: Instant) {
        let ended = self.ended_count.fetch_add(1, Ordering::Relaxed) + 1;
        if ended >= WARM_UP {
            let took_us = sent.elapsed().as_secs_f64() * 1e6;
            let mut lives = self.lives_us.lock().unwrap_or_else(PoisonError::into_inner);
            lives.add(took_us);
        }
        if ended == WARM_UP {
            note_now(&self.begun);
        }
        if ended == self.total {
            note_now(&self.ended);
            self.control.halt(0);
        }
        self.order();
    }
}

fn note_now(moment: &Mutex<Option<Instant>>) {
    *moment.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

fn take(moment: &Mutex<Option<Instant>>) -> Option<Instant> {
    moment.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Lets so many tasks live on a kernel of one core, all of it on this thread.
fn lives(module: &'static str, loads: &[Load], count: u64, window: u64) -> anyhow::Result<Lives> {
    let kernel = boot::bare(1, Config::default(), loads)?;
    let orders = Arc::new(Orders {
        control: kernel.control(),
        module,
        ordered: AtomicU64::new(0),
        ended_count: AtomicU64::new(0),
        total: WARM_UP + count,
        failed: AtomicBool::new(false),
        begun: Mutex::new(None),
        ended: Mutex::new(None),
        lives_us: Mutex::new(Samples::new()),
    });
    for _ in 0..window {
        orders.order();
    }
    kernel.run()?;
    ensure!(
        !orders.failed.load(Ordering::Relaxed),
        "bench: a task was not spawned"
    );
    let (Some(begun), Some(ended)) = (take(&orders.begun), take(&orders.ended)) else {
        anyhow::bail!("bench: not all tasks were spawned");
    };
    let lives_us = orders
        .lives_us
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Lives {
        seconds: ended.duration_since(begun).as_secs_f64(),
        lives_us: lives_us.clone(),
    })
}

/// The same ordered by a task with the right to spawn: thousands per second.
fn by_a_guest(count: u64) -> anyhow::Result<f64> {
    let script = format!(
        "spawn[0;`spawner;[spawn:`spawn;clock:`clock;console:`console;limits:[spawns:1000000];\
         args:(\"0\";\"{MODULE}\";\"{count}\";\"{WINDOW}\")]];"
    );
    let printed = output(1, &script)?;
    let spawned = figure(&printed, "spawned")?;
    ensure!(spawned == count as f64, "bench: {printed}");
    Ok(count as f64 / figure(&printed, "ns")? * 1e6)
}

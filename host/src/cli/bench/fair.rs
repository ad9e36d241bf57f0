//! `bench fair`: whether a core's time goes where weights and quanta say.
//!
//! Ten tasks that never give their turns back share one core for a second, with weights from 1 to 4; what each
//! got is compared with its share. Then a core with such a task is flooded with messages of the bus, and
//! what is left to the tasks is compared with what the quanta promise them.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use okernel_abi::Handle;
use okernel_abi::value::Value;
use okernel_core::{Config, Context, CoreId, Fault, Grant, Outcome, Program, Quanta, Spawn, Task};

use super::machine::Running;
use super::report::Report;
use super::ring::ROUNDS;
use super::row::Aim;
use crate::boot;

/// Weights of the busy tasks, in hundreds.
const WEIGHTS: [u32; 10] = [1, 1, 1, 2, 2, 2, 3, 3, 4, 4];
/// How long the tasks are left alone before they are measured.
const WARM_UP: Duration = Duration::from_millis(200);
/// How long they are measured.
const PERIOD: Duration = Duration::from_secs(1);
/// The same of a quick bench.
const PERIOD_QUICK: Duration = Duration::from_millis(200);
/// Requests that the flood has under way.
const FLOOD: usize = 512;

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let (mut worst, mut least) = (Vec::new(), Vec::new());
    let mut flooded = Vec::new();
    let period = report.effort().of(PERIOD, PERIOD_QUICK);
    for _ in 0..report.effort().rounds(ROUNDS) {
        let shares = shares(period)?;
        worst.push(shares.worst_percent);
        least.push(shares.least_percent);
        flooded.push(beside_a_flood(period)?);
    }
    report
        .row("ten busy tasks: worst of all", "% off", worst)
        .aim(Aim::AtMost(2.0));
    report.row("ten busy tasks: mean", "% off", least);
    let Quanta {
        bus_us,
        io_us,
        tasks_us,
    } = Quanta::default();
    let promised = tasks_us as f64 / (bus_us + io_us + tasks_us) as f64 * 100.0;
    report
        .row("tasks beside a flooded bus", "% of core", flooded)
        .against_median("the quanta's promise", promised)
        .aim(Aim::AtLeast(promised));
    Ok(())
}

/// How far tasks were from their shares, in percent of these.
struct Shares {
    worst_percent: f64,
    least_percent: f64,
}

fn busy(weight: u32) -> Spawn {
    Spawn::program("burn", Program::Module("burn".to_string())).weight(weight)
}

fn shares(period: Duration) -> anyhow::Result<Shares> {
    let mut kernel = boot::bare(1, Config::default(), &[])?;
    for weight in WEIGHTS {
        kernel.spawn(CoreId(0), busy(weight * 100))?;
    }
    let running = Running::start(kernel);
    thread::sleep(WARM_UP);
    let before = running.column("ps", "cpu_ms")?;
    thread::sleep(period);
    let after = running.column("ps", "cpu_ms")?;
    ensure!(
        before.len() == WEIGHTS.len() && after.len() == WEIGHTS.len(),
        "bench: a busy task has ended"
    );
    let used: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
    let total: f64 = used.iter().sum();
    let weights: f64 = WEIGHTS.iter().copied().map(f64::from).sum();
    let off = used.iter().zip(WEIGHTS).map(|(used, weight)| {
        let share = total * f64::from(weight) / weights;
        (used / share - 1.0).abs() * 100.0
    });
    let off: Vec<f64> = off.collect();
    Ok(Shares {
        worst_percent: off.iter().copied().fold(0.0, f64::max),
        least_percent: off.iter().sum::<f64>() / off.len() as f64,
    })
}

/// What tasks get of a core whose bus is flooded, in percent of the time that it was awake.
fn beside_a_flood(period: Duration) -> anyhow::Result<f64> {
    let mut kernel = boot::bare(2, Config::default(), &[])?;
    kernel.spawn(CoreId(0), busy(100))?;
    let flood = Spawn::native("flood", Box::new(Flood::default())).grant("system", Grant::System);
    kernel.spawn(CoreId(1), flood)?;
    let running = Running::start(kernel);
    thread::sleep(WARM_UP);
    let figures = || -> anyhow::Result<[f64; 2]> {
        let of_core = |name| anyhow::Ok(running.column("cores", name)?[0]);
        Ok([of_core("tasks_ms")?, of_core("messages")?])
    };
    let (begun, before) = (Instant::now(), figures()?);
    thread::sleep(period);
    let after = figures()?;
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    ensure!(
        after[1] - before[1] > 10_000.0 * period.as_secs_f64(),
        "bench: the flood was {} messages",
        after[1] - before[1]
    );
    Ok((after[0] - before[0]) / milliseconds * 100.0)
}

/// Sends requests to core 0, as many as may be under way.
#[derive(Default)]
struct Flood {
    replies: Vec<Handle>,
}

impl Task for Flood {
    fn poll(&mut self, cx: &mut Context) -> Outcome {
        match self.send(cx) {
            Ok(()) => Outcome::Infinite,
            Err(errno) => Outcome::Err(Fault::new(okernel_core::FaultKind::Err, errno.to_string())),
        }
    }
}

impl Flood {
    fn send(&mut self, cx: &mut Context) -> Result<(), okernel_abi::Errno> {
        let mut waiting = Vec::with_capacity(FLOOD);
        for reply in self.replies.drain(..) {
            match cx.reply(reply) {
                Ok(_) => cx.close(reply)?,
                Err(_) => waiting.push(reply),
            }
        }
        self.replies = waiting;
        let right = cx.grant("system")?;
        let Quanta {
            bus_us,
            io_us,
            tasks_us,
        } = Quanta::default();
        let quanta = [bus_us, io_us, tasks_us].map(|us| us as i64).to_vec();
        let request = Value::List(vec![
            Value::Symbol("qos".to_string()),
            Value::Int(0),
            Value::Ints(quanta),
        ]);
        while self.replies.len() < FLOOD {
            self.replies.push(cx.request_value(right, &request)?);
        }
        Ok(())
    }
}
